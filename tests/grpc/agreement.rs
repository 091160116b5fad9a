//! The command line and the server judge alike.

use crate::support::*;
use std::process::Command;
use thresher::server::pb;

/// Rules that look at what stands beside the text.
const RULES: &str = r#"
[lists.nets]
kind = "networks"
entries = ["192.0.2.0/24"]
[site.default]
[site.default.trust]
approved_count = 5
[[site.default.rules]]
name = "young"
when = "author.age_days < 2 && thread.age_hours >= 24 && thread.id == 't1'"
then = "FLAG"
[[site.default.rules]]
name = "net"
when = "list.nets && thread.published_count == 7 && client.user_agent.contains('Browser')"
then = "HOLD"
because = "a network"
[[site.default.rules]]
name = "edited"
when = "comment.edited && author.id == 'u1' && author.email_domain == 'mail.example'"
then = "FLAG"
mode = "shadow"
"#;

#[tokio::test]
async fn what_stands_beside_the_text_counts_the_same() {
    let server = TestServer::start_under(RULES).await;
    let timestamp = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let mut request = comment("c", "Opened at last.");
    let asked = request.comment.as_mut().unwrap();
    asked.create_time = timestamp(2 * 86_400);
    asked.edited = true;
    asked.author = Some(pb::Author {
        author_id: "u1".into(),
        email_domain: "mail.example".into(),
        account_create_time: timestamp(86_400),
        approved_count: Some(5),
        ..pb::Author::default()
    });
    asked.client =
        Some(pb::Client { ip: "192.0.2.7".into(), user_agent: "Browser/1".into(), ..pb::Client::default() });
    request.thread = Some(pb::Thread {
        thread_id: "t1".into(),
        title: TITLE.into(),
        body: BODY.into(),
        create_time: timestamp(86_400),
        published_count: Some(7),
        ..pb::Thread::default()
    });
    let answer = server.client().await.moderate_comment(request).await.unwrap().into_inner();

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let policy = write("policy.toml", RULES.to_owned());
    let comments = serde_json::json!({
        "id": "c", "text": "Opened at last.", "thread_id": "t1", "author": "u1", "edited": true,
        "created_at": "1970-01-03T00:00:00Z", "client": {"ip": "192.0.2.7", "user_agent": "Browser/1"},
        "author_details": {
            "email_domain": "mail.example", "account_created_at": "1970-01-02T00:00:00Z", "approved_count": 5
        },
    });
    let thread = serde_json::json!({
        "id": "t1", "title": TITLE, "body": BODY, "created_at": "1970-01-02T00:00:00Z", "published_count": 7,
    });
    let (comments, threads) = (write("c.jsonl", comments.to_string()), write("t.jsonl", thread.to_string()));
    let output = Command::new(env!("CARGO_BIN_EXE_thresher"))
        .args(["moderate".as_ref(), "--input".as_ref(), comments.as_os_str()])
        .args(["--threads".as_ref(), threads.as_os_str(), "--policy".as_ref(), policy.as_os_str()])
        .output()
        .unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    let told = |reasons: &[pb::Reason]| -> Vec<(String, String)> {
        reasons.iter().map(|reason| (reason.rule.clone(), reason.message.clone())).collect()
    };
    let shown = |key: &str| -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let reasons = printed[key].as_array().unwrap().iter();
        reasons.map(|reason| (text(&reason["rule"]), text(&reason["message"]))).collect()
    };
    let rules: Vec<_> = told(&answer.reasons).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(
        (answer.action(), rules),
        (pb::Action::Flag, vec!["net".into(), "young".into(), "trust.approved".into()])
    );
    assert_eq!(answer.reasons[0].message, "a network (nets: 192.0.2.0/24)");
    assert_eq!(printed["action"], "FLAG");
    assert_eq!(shown("reasons"), told(&answer.reasons));
    assert_eq!((shown("shadow_reasons"), answer.shadow_reasons.len()), (told(&answer.shadow_reasons), 1));
    assert_eq!(printed["policy_version"], answer.policy_version);
}

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
