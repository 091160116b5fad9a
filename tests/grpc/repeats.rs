//! What earlier comments say about those that follow, over every call.

use crate::support::*;
use std::process::Command;
use std::sync::Arc;
use thresher::registry::{ModelStore, Sources};
use thresher::server::pb;
use tokio_stream::StreamExt;

const RULES: &str = r#"
[site.default]
[[site.default.rules]]
name = "copies"
when = "repeat.near_count >= 2 && repeat.authors >= 1"
then = "HOLD"
because = "a copy"
[[site.default.rules]]
name = "staged"
when = "repeat.contact_authors >= 2"
then = "FLAG"
[[site.default.rules]]
name = "named"
when = "repeat.name_authors >= 2"
then = "FLAG"
[[site.default.rules]]
name = "flood"
when = "rate.author_minute >= 3"
then = "REJECT"
[[site.default.rules]]
name = "by-edit"
when = "comment.edited && comment.new_links > 0"
then = "DISCARD"
[site.other]
"#;

const TEXT: &str = "I was tired of my old garden until I found the shop where everything costs half";
const NOW: i64 = 1_760_000_000;

/// A comment by somebody at a time of these tests.
fn by(author: &str, id: &str, text: &str) -> pb::ModerateCommentRequest {
    let mut request = comment(id, text);
    let asked = request.comment.as_mut().unwrap();
    asked.author = Some(pb::Author { author_id: author.into(), ..pb::Author::default() });
    asked.create_time = Some(prost_types::Timestamp { seconds: NOW, nanos: 0 });
    request
}

/// The conversation that is replayed below, and what the rules say of it.
fn conversation() -> Vec<(pb::ModerateCommentRequest, &'static [&'static str])> {
    vec![
        (by("ann", "1", TEXT), &[]),
        (by("bob", "2", &TEXT.to_uppercase()), &[]),
        (
            by("cid", "3", &TEXT.replace("garden", "kitchen")),
            &["a copy (repeat.near_count 2, repeat.authors 2)"],
        ),
        (by("dan", "4", "nice"), &[]),
        (by("dan", "5", "nice"), &[]),
        (by("dan", "6", "nice"), &[]),
        (by("dan", "7", "nice"), &["rule flood applies (rate.author_minute 3)"]),
        (by("eve", "8", "See t.me/coach_anna if you want help"), &[]),
        (by("fay", "9", "Yes, https://t.me/coach_anna is who helped me"), &[]),
        (
            by("gus", "10", "how do I reach her? t.me/coach_anna"),
            &["rule staged applies (repeat.contact_authors 2)"],
        ),
        // A number, written in three ways.
        (by("hal", "11", "call +1 202 555 0143 and ask for help"), &[]),
        (by("ida", "12", "she answered me on +1 (202) 555-0143"), &[]),
        (
            by("jon", "13", "is it +12025550143, the number to call?"),
            &["rule staged applies (repeat.contact_authors 2)"],
        ),
        // A name, within one thread.
        (under("kay", "14", "I would be poor but for Wilhelmina Zabrowski"), &[]),
        (by("ned", "15", "I never met Wilhelmina Zabrowski"), &[]),
        (under("lea", "16", "Yes, Wilhelmina Zabrowski made me rich too!"), &[]),
        (
            under("max", "17", "who is this Wilhelmina Zabrowski?"),
            &["rule named applies (repeat.name_authors 2)"],
        ),
    ]
}

/// The same, in a thread.
fn under(author: &str, id: &str, text: &str) -> pb::ModerateCommentRequest {
    let thread = pb::Thread { thread_id: "t1".into(), ..pb::Thread::default() };
    pb::ModerateCommentRequest { thread: Some(thread), ..by(author, id, text) }
}

fn messages(response: &pb::ModerateCommentResponse) -> Vec<&str> {
    response.reasons.iter().map(|reason| reason.message.as_str()).collect()
}

#[tokio::test]
async fn single_calls_batches_and_streams_remember_alike() {
    let (requests, expected): (Vec<_>, Vec<_>) = conversation().into_iter().unzip();

    let server = TestServer::start_under(RULES).await;
    let mut client = server.client().await;
    for (request, expected) in requests.iter().zip(&expected) {
        let response = client.moderate_comment(request.clone()).await.unwrap().into_inner();
        assert_eq!(messages(&response), *expected, "{}", response.comment_id);
    }

    let server = TestServer::start_under(RULES).await;
    let mut client = server.client().await;
    let batch = pb::BatchModerateCommentsRequest { requests: requests.clone() };
    let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
    for (answer, expected) in answers.iter().zip(&expected) {
        assert_eq!(messages(response(answer)), *expected);
    }

    let server = TestServer::start_under(RULES).await;
    let mut client = server.client().await;
    let streamed: Vec<_> = requests
        .iter()
        .map(|request| pb::StreamModerateCommentsRequest {
            request_id: String::new(),
            request: Some(request.clone()),
        })
        .collect();
    let mut answers =
        client.stream_moderate_comments(tokio_stream::iter(streamed)).await.unwrap().into_inner();
    for expected in &expected {
        let answer = answers.next().await.unwrap().unwrap().answer.unwrap();
        assert_eq!(messages(response(&answer)), *expected);
    }
}

#[tokio::test]
async fn a_file_is_remembered_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, input) = (folder.path().join("policy.toml"), folder.path().join("comments.jsonl"));
    std::fs::write(&policy, RULES).unwrap();
    let lines = conversation().into_iter().map(|(request, _)| {
        let thread = request.thread.map(|thread| thread.thread_id);
        let comment = request.comment.unwrap();
        let author = comment.author.unwrap().author_id;
        let time = "2025-10-09T08:53:20Z";
        let line = serde_json::json!({"id": comment.comment_id, "author": author, "text": comment.text, "thread_id": thread, "created_at": time});
        format!("{line}\n")
    });
    std::fs::write(&input, lines.collect::<String>()).unwrap();
    // A comment names its thread, whether there is a file of threads or not.
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresher"));
    command.arg("moderate").arg("--input").arg(&input);
    let ran = command.arg("--policy").arg(&policy).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let out = String::from_utf8(ran.stdout).unwrap();
    let answers: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (answer, (_, expected)) in answers.iter().zip(conversation()) {
        let reasons = answer["reasons"].as_array().unwrap();
        let messages: Vec<&str> = reasons.iter().map(|reason| reason["message"].as_str().unwrap()).collect();
        assert_eq!(messages, expected);
    }
    assert_eq!(
        answers[2]["reasons"][0]["counts"],
        serde_json::json!({"repeat.near_count": 2, "repeat.authors": 2})
    );
}

#[tokio::test]
async fn sites_remember_for_themselves_and_only_where_a_rule_asks() {
    let rules = RULES.replace("[site.other]", "[site.other]\nSPAM = { flag = 0.9 }");
    let server = TestServer::start_under(&rules).await;
    let mut client = server.client().await;
    let mut ask = async |site: &str, author: &str| {
        let request = pb::ModerateCommentRequest { site: site.into(), ..by(author, "", TEXT) };
        let response = client.moderate_comment(request).await.unwrap().into_inner();
        response
            .reasons
            .iter()
            .flat_map(|reason| reason.counts.clone())
            .map(|count| count.count)
            .collect::<Vec<_>>()
    };
    for author in ["ann", "bob", "cid"] {
        ask("default", author).await;
    }
    // Another site under the same rules has seen nothing.
    assert_eq!(ask("elsewhere", "dan").await, [0; 0]);
    // The default site has one name more.
    assert_eq!(ask("", "dan").await, [3, 3]);
}

#[tokio::test]
async fn an_edit_that_brings_a_link_is_told_from_one_that_does_not() {
    let server = TestServer::start_under(RULES).await;
    let mut client = server.client().await;
    let mut ask = async |approved: &str| {
        let mut request = by("ann", "1", "Now with https://shop.example.com/a in it");
        let asked = request.comment.as_mut().unwrap();
        asked.edited = true;
        asked.approved_text = approved.into();
        client.moderate_comment(request).await.unwrap().into_inner().action()
    };
    assert_eq!(ask("Now with something in it").await, pb::Action::Discard);
    assert_eq!(ask("It was https://shop.example.com/a before").await, pb::Action::Publish);
    assert_eq!(ask("").await, pb::Action::Publish);
}

/// Nothing is known of authors, and there may be no model.
const INSISTING: &str = r#"
[site.default]
fail = { context = "error", model = "error" }
[[site.default.rules]]
name = "linked"
when = "signal.links > 5 && rate.author_day >= 0"
then = "FLAG"
final = true
[[site.default.rules]]
name = "copies"
when = "repeat.near_count >= 0 && rate.author_day >= 0"
then = "FLAG"
[[site.default.rules]]
name = "newcomers"
when = "author.age_days < 1"
then = "HOLD"
"#;

#[tokio::test]
async fn what_is_refused_is_not_remembered_and_may_be_tried_again() {
    let told = |answer: &pb::ModerateCommentResponse| -> Vec<u32> {
        answer.reasons[0].counts.iter().map(|count| count.count as u32).collect()
    };
    let server = TestServer::start_under(INSISTING).await;
    let mut client = server.client().await;
    for _ in 0..3 {
        let refused = client.moderate_comment(by("ann", "", TEXT)).await.unwrap_err();
        assert_eq!(reason(&refused), "CONTEXT_MISSING");
    }
    let mut known = by("ann", "", TEXT);
    let author = known.comment.as_mut().unwrap().author.as_mut().unwrap();
    author.account_create_time = Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 });
    for before in 0..3 {
        let answer = client.moderate_comment(known.clone()).await.unwrap().into_inner();
        assert_eq!(told(&answer), [before, before]);
    }

    let folder = tempfile::tempdir().unwrap();
    let nowhere = Sources { base: Some(folder.path().join("none.safetensors")), ..Sources::default() };
    let models = Arc::new(ModelStore::open(nowhere).0);
    let server = TestServer::start_under_with_models(INSISTING, models).await;
    let mut client = server.client().await;
    for _ in 0..3 {
        let refused = client.moderate_comment(known.clone()).await.unwrap_err();
        assert_eq!(reason(&refused), "NO_MODEL");
    }
    // What a final rule settles is answered without a model, and remembered.
    for before in 0..3 {
        let linked = by("ann", "", &"https://roses.example/a ".repeat(6));
        assert_eq!(told(&client.moderate_comment(linked).await.unwrap().into_inner()), [before]);
    }
}
