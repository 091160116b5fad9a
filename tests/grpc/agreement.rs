//! The command line and the server judge alike.

use crate::support::*;
use std::process::Command;
use thresher::server::pb;

const TITLE: &str = "Footbridge over the river stays closed";
const BODY: &str = "The council said on Monday that the footbridge will not open before May.";
const PARENT: &str = "They promised it would open in March.";

#[tokio::test]
async fn the_command_line_gives_the_same_scores_and_action() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for text in [
        "Thanks, I had wondered why the bridge is still closed.",
        "You are an idiot and so is the council.",
        "FREE gift cards!!! Claim yours at www.prizes.example.com/win NOW",
        "Feed the sourdough starter twice a day and keep it warm.",
    ] {
        let mut request = comment("c", text);
        let asked = request.comment.as_mut().unwrap();
        asked.parent = Some(pb::ParentComment { text: PARENT.into() });
        request.thread = Some(pb::Thread { title: TITLE.into(), body: BODY.into(), ..pb::Thread::default() });
        let answer = client.moderate_comment(request).await.unwrap().into_inner();

        let arguments =
            ["moderate", "--json", "--text", text, "--title", TITLE, "--body", BODY, "--parent", PARENT];
        let output = Command::new(env!("CARGO_BIN_EXE_thresher")).args(arguments).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(format!("ACTION_{}", printed["action"].as_str().unwrap()), answer.action().as_str_name());
        assert_eq!(printed["scores"].as_object().unwrap().len(), answer.scores.len());
        for score in &answer.scores {
            let name = score.attribute().as_str_name().trim_start_matches("ATTRIBUTE_");
            let shown = printed["scores"][name].as_f64().unwrap() as f32;
            assert!((shown - score.score).abs() < 1e-6, "{text}: {name} {shown} {}", score.score);
        }
        assert_eq!(printed["policy_version"], answer.policy_version);
    }
}
