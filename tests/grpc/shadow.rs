//! A candidate policy and a candidate model beside those in force.

use crate::metrics::becomes;
use crate::support::*;
use std::fs;
use std::sync::Arc;
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::Policies;
use thresher::server::pb;
use thresher::shadow::{Report, Sample, SampleFile, Shadow};

const LIVE: &str = "[site.default]\nINSULT = { hold = 0 }\n[site.open]\nINSULT = { hold = false }\n";
const CANDIDATE: &str = r#"
[site.default]
[[site.default.rules]]
name = "links"
when = "signal.links > 0"
then = "REJECT"
"#;

fn samples(file: &std::path::Path) -> Vec<Sample> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn judged(server: &TestServer) -> Vec<pb::ModerateCommentResponse> {
    let mut client = server.client().await;
    let mut answers = Vec::new();
    for (id, site, text) in [
        ("c1", "", "The roses were lovely."),
        ("c2", "open", "See https://roses.example/a for more."),
        ("c3", "open", "The tulips were lovely."),
    ] {
        let mut request = comment(id, text);
        request.site = site.into();
        request.thread = Some(thread());
        answers.push(client.moderate_comment(request).await.unwrap().into_inner());
    }
    answers
}

#[tokio::test]
async fn a_candidate_never_acts_and_its_disagreement_is_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let plain = judged(&TestServer::start_under(LIVE).await).await;
    for (name, with_model, texts) in [("policy", false, false), ("both", true, true)] {
        let file = folder.path().join(name);
        let candidate = Arc::new(Policies::parse(CANDIDATE, "candidate").unwrap().into());
        let model = with_model.then(|| Moderator::new(Model::shipped().unwrap()));
        let sampled = SampleFile::open(&file, 8 << 20).unwrap();
        let shadow = Arc::new(Shadow::new(Some(candidate), model, Some(sampled), texts));
        let mut server = TestServer::start_beside(LIVE, Arc::clone(&shadow)).await;
        let answers = judged(&server).await;
        for (answer, plain) in answers.iter().zip(&plain) {
            assert_eq!((answer.action, &answer.reasons), (plain.action, &plain.reasons));
            assert_eq!(answer.policy_version, plain.policy_version);
        }
        let counts = shadow.counts();
        assert_eq!((counts.compared(), counts.stricter(), counts.milder()), (3, 1, 1));
        for (site, action, shadow_action) in
            [("default", "HOLD", "PUBLISH"), ("open", "PUBLISH", "REJECT"), ("open", "PUBLISH", "PUBLISH")]
        {
            let labels = format!("site=\"{site}\",action=\"{action}\",shadow_action=\"{shadow_action}\"");
            becomes(&server, &format!("thresher_shadow_comments_total{{{labels}}}"), 1.0).await;
        }
        server.stop();
        server.ended().await;
        // The last one to have it waits until all is written.
        drop(Arc::try_unwrap(shadow).expect("the server has ended"));

        let samples = samples(&file);
        let [held, linked] = samples.as_slice() else { panic!("there are two: {samples:?}") };
        assert_eq!((held.comment_id.as_str(), held.live.action.as_str()), ("c1", "HOLD"));
        assert_eq!((held.shadow.action.as_str(), held.shadow.rules.len()), ("PUBLISH", 0));
        assert_eq!(held.live.rules, ["INSULT.HOLD"]);
        assert_eq!((linked.comment_id.as_str(), linked.site.as_str()), ("c2", "open"));
        assert_eq!(linked.shadow.rules, ["links"]);
        // The same model in the same thread gives the same scores.
        assert_eq!((linked.shadow.scores.len(), &linked.shadow.scores), (9, &linked.live.scores));
        assert_ne!(linked.shadow.policy_version, linked.live.policy_version);
        assert_eq!(linked.text.as_deref(), texts.then_some("See https://roses.example/a for more."));
        assert_eq!(fs::read_to_string(&file).unwrap().contains("roses.example"), texts);

        let mut report = Report::default();
        report.read(&file).unwrap();
        assert_eq!((report.compared, report.different), (2, 2));
        assert_eq!((report.all.newly_held, report.all.newly_published), (1, 1));
        assert_eq!(report.attributes.keys().collect::<Vec<_>>(), ["INSULT"]);
    }
}
