//! A request of the API: from its bytes to a comment, and to its answer.

use super::MODERATOR;
use prost::Message;
use std::sync::{Arc, LazyLock};
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::Policies;
use thresher::server::pb::{ModerateCommentRequest, StreamModerateCommentsRequest};
use thresher::server::{Direct, Options};
use tonic::Code;

/// A rule that asks for what a request says beside the text, and for what is
/// remembered.
const POLICY: &str = r#"
[[site.default.rules]]
name = "repeats"
when = "repeat.near_count > 3 || rate.address_hour > 9 || rate.author_day > 9 || author.age_days < 2 || thread.age_hours > 90"
then = "FLAG"
because = "A rule for whoever tries all of them."
"#;

static SERVER: LazyLock<Direct> = LazyLock::new(|| {
    let moderator = Arc::new(Moderator::new(Model::shipped().unwrap()));
    let options = Options { state_bytes: 1 << 20, ..Options::default() };
    Direct::new(moderator.into(), Policies::parse(POLICY, "policy.toml").unwrap().into(), options)
});

pub fn run(data: &[u8]) {
    // A stream's message holds one of a single call.
    if let Ok(message) = StreamModerateCommentsRequest::decode(data) {
        let _ = format!("{message:?}");
    }
    let Ok(request) = ModerateCommentRequest::decode(data) else { return };
    let answer = SERVER.moderate_comment(&request);
    let text = request.comment.as_ref().map_or("", |comment| &comment.text);
    match answer {
        Ok(answer) => {
            assert_eq!(answer.scores.len() + answer.unscored.len(), 9);
            assert!(answer.scores.iter().all(|score| (0.0..=1.0).contains(&score.score)));
            assert_eq!(answer.model_version, MODERATOR.model().version());
            let length = i32::try_from(text.chars().count()).unwrap();
            let spans = answer.explanations.iter().flat_map(|explanation| &explanation.spans);
            for span in spans.chain(answer.reasons.iter().flat_map(|reason| &reason.spans)) {
                assert!(0 <= span.begin && span.begin <= span.end && span.end <= length);
            }
            assert!(answer.encoded_len() > 0);
        }
        Err(status) => {
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
            let said = format!("{status:?} {:?}", status.message());
            assert!(text.chars().count() < 24 || !said.contains(text), "an error quotes the text");
        }
    }
}
