//! A request of the API: from its bytes to a comment, and to its answer.

use super::MODERATOR;
use prost::Message;
use std::sync::{Arc, LazyLock};
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::Policies;
use thresher::server::pb::{
    BatchModerateCommentsRequest, ModerateCommentRequest, StreamModerateCommentsRequest,
};
use thresher::server::{Direct, Options};
use tonic::Code;

/// The most comments of a batch; few, so that more are soon found.
const MAX_BATCH: usize = 8;

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
    let options = Options { state_bytes: 1 << 20, max_batch_comments: MAX_BATCH, ..Options::default() };
    Direct::new(moderator.into(), Policies::parse(POLICY, "policy.toml").unwrap().into(), options)
});

/// The bytes of a batch that are decoded have no more entries than were counted.
fn check_batch(data: &[u8]) {
    if SERVER.check_batch(data).is_err() {
        return;
    }
    let Ok(batch) = BatchModerateCommentsRequest::decode(data) else { return };
    assert!(batch.requests.len() <= MAX_BATCH);
    for request in batch.requests {
        let texts = request.thread.map_or(0, |thread| thread.recent_texts.len());
        assert!(texts <= 300 && request.attributes.len() <= 200, "{texts} texts, uncounted");
    }
}

pub fn run(data: &[u8]) {
    // A stream's message holds one of a single call.
    if let Ok(message) = StreamModerateCommentsRequest::decode(data) {
        let _ = format!("{message:?}");
    }
    check_batch(data);
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
