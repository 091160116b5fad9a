//! What is answered when something is missing that a verdict needs.

use crate::faults::{UNARY, call, caller, framed};
use crate::metrics::becomes;
use crate::support::*;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use thresher::registry::{ModelStore, Sources};
use thresher::server::pb;
use thresher::server::pb::moderate_comment_answer::Outcome;
use tonic::Code;

fn policy(fail: &str) -> String {
    format!(
        r#"
[site.default]
OFF_TOPIC = {{ flag = 1 }}
fail = {{ {fail} }}
[[site.default.rules]]
name = "editors"
when = "signal.links > 5"
then = "PUBLISH"
final = true
[[site.default.rules]]
name = "newcomers"
when = "author.age_days < 1 && signal.links > 0"
then = "HOLD"
[[site.default.rules]]
name = "shouting"
when = "comment.text.contains('!!!')"
then = "REJECT"
"#
    )
}

async fn ask(
    fail: &str,
    request: pb::ModerateCommentRequest,
) -> Result<pb::ModerateCommentResponse, tonic::Status> {
    let server = TestServer::start_under(&policy(fail)).await;
    server.client().await.moderate_comment(request).await.map(tonic::Response::into_inner)
}

fn in_thread(text: &str) -> pb::ModerateCommentRequest {
    pb::ModerateCommentRequest { thread: Some(thread()), ..comment("c1", text) }
}

/// A comment with a link, which makes the rule ask for the author's age.
const LINKED: &str = "See https://roses.example/a for more.";

#[tokio::test]
async fn a_missing_field_is_ignored_queued_or_refused() {
    let open = ask("context = \"open\"", in_thread(LINKED)).await.unwrap();
    assert_eq!((open.action(), open.reasons.len()), (pb::Action::Publish, 0));

    let queued = ask("context = \"queue\"", in_thread(LINKED)).await.unwrap();
    assert_eq!((queued.action(), queued.reasons[0].rule.as_str()), (pb::Action::Hold, "fail.context"));
    assert_eq!(
        queued.reasons[0].message,
        "rule newcomers needs author.age_days, which is missing, for which the policy says HOLD"
    );

    let refused = ask("context = \"error\"", in_thread(LINKED)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CONTEXT_MISSING"));
    assert!(refused.message().contains("rule newcomers needs author.age_days"), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_needed_is_not_missed() {
    let strictly = "context = \"error\"";
    // Without a link the rule is settled, whoever the author is.
    let settled = ask(strictly, in_thread("The roses were lovely.")).await.unwrap();
    assert_eq!(settled.action(), pb::Action::Publish);
    let mut known = in_thread(LINKED);
    let joined = prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 };
    known.comment.as_mut().unwrap().author =
        Some(pb::Author { account_create_time: Some(joined), ..pb::Author::default() });
    assert_eq!(ask(strictly, known).await.unwrap().action(), pb::Action::Publish);
    let links: String = (0..6).map(|i| format!("https://roses.example/{i} ")).collect();
    let settled = ask(strictly, comment("c1", &links)).await.unwrap();
    assert_eq!(settled.reasons[0].rule, "editors");
}

#[tokio::test]
async fn a_missing_thread_is_missed_where_off_topic_was_asked_for() {
    let mut request = comment("c1", "The roses were lovely.");
    let queued = ask("context = \"queue\"", request.clone()).await.unwrap();
    assert_eq!(queued.action(), pb::Action::Hold);
    assert!(queued.reasons[0].message.starts_with("OFF_TOPIC needs the thread"), "{queued:?}");
    request.attributes = vec![pb::Attribute::Spam.into()];
    let published = ask("context = \"queue\"", request).await.unwrap();
    assert_eq!(published.action(), pb::Action::Publish);
}

/// The last of many long comments come too late for a deadline of a
/// millisecond, however fast the machine.
async fn long_batch(fail: &str) -> Vec<pb::ModerateCommentAnswer> {
    let server = TestServer::start_under(&policy(fail)).await;
    let text = "The roses at the park were lovely this year. ".repeat(440);
    let mut requests: Vec<_> = (0..40).map(|i| comment(&i.to_string(), &text)).collect();
    requests.push(comment("late", "The roses were lovely."));
    requests.push(comment("shouting", "The roses were lovely!!!"));
    requests.push(comment("links", &"https://roses.example/a ".repeat(6)));
    let batch = pb::BatchModerateCommentsRequest { requests };
    server.client().await.batch_moderate_comments(batch).await.unwrap().into_inner().answers
}

#[tokio::test]
async fn after_the_deadline_the_fail_mode_applies_and_rules_count() {
    for (mode, action) in [("open", pb::Action::Publish), ("queue", pb::Action::Hold)] {
        let answers = long_batch(&format!("deadline_ms = 1, model = \"{mode}\"")).await;
        let [.., late, shouting, links] = answers.as_slice() else { panic!("there are many") };
        let late = response(late);
        assert_eq!((late.action(), late.scores.len()), (action, 0));
        assert_eq!((late.reasons[0].rule.as_str(), late.reasons[0].action()), ("fail.deadline", action));
        assert!(late.unscored.iter().all(|u| u.why() == pb::UnscoredWhy::DeadlinePassed), "{late:?}");
        // What needs no score is looked at all the same.
        assert_eq!(response(shouting).action(), pb::Action::Reject);
        assert_eq!(response(links).reasons[0].rule, "editors");
    }
    let answers = long_batch("deadline_ms = 1, model = \"error\"").await;
    let [.., late, _, links] = answers.as_slice() else { panic!("there are many") };
    let late = error(late);
    assert_eq!((late.code, late.reason.as_str()), (Code::DeadlineExceeded as i32, "DEADLINE_PASSED"));
    assert_eq!(response(links).reasons[0].rule, "editors");
}

/// However long its message takes to come.
#[tokio::test]
async fn the_deadline_of_a_call_counts_from_its_head() {
    let server = TestServer::start_under(&policy("deadline_ms = 20, model = \"queue\"")).await;
    let send = caller(server.address, 1 << 16).await;
    let (answering, mut body) = call(&send, server.address, UNARY).await.unwrap();
    becomes(&server, "thresher_calls_in_flight", 1.0).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    body.send_data(framed(&in_thread("The roses were lovely.")), true).unwrap();
    let message = answering.await.unwrap().into_body().data().await.unwrap().unwrap();
    // After the five bytes of the frame.
    let late = pb::ModerateCommentResponse::decode(&message[5..]).unwrap();
    assert_eq!((late.reasons[0].rule.as_str(), late.action()), ("fail.deadline", pb::Action::Hold));
}

/// A site without a model, asked in every way there is.
async fn without_a_model(mode: &str) -> (TestServer, Vec<pb::ModerateCommentAnswer>) {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Sources { base: Some(folder.path().join("none.safetensors")), ..Sources::default() };
    let (models, refreshed) = ModelStore::open(nowhere);
    assert_eq!(refreshed.problems.len(), 1);
    let policy = policy(&format!("model = \"{mode}\""));
    let server = TestServer::start_under_with_models(&policy, Arc::new(models)).await;
    let requests = vec![
        in_thread("The roses were lovely."),
        in_thread("The roses were lovely!!!"),
        in_thread(&"https://roses.example/a ".repeat(6)),
    ];
    let mut client = server.client().await;
    let streamed = requests.clone().into_iter().map(|request| pb::StreamModerateCommentsRequest {
        request_id: String::new(),
        request: Some(request),
    });
    let mut stream = client
        .stream_moderate_comments(tokio_stream::iter(streamed.collect::<Vec<_>>()))
        .await
        .unwrap()
        .into_inner();
    let batch = pb::BatchModerateCommentsRequest { requests };
    let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
    for answer in &answers {
        let streamed = stream.message().await.unwrap().unwrap().answer.unwrap();
        let outcome = |answer: &pb::ModerateCommentAnswer| match answer.outcome.as_ref().unwrap() {
            Outcome::Response(response) => (response.action, response.reasons.clone(), String::new()),
            Outcome::Error(error) => (error.code, Vec::new(), error.reason.clone()),
        };
        assert_eq!(outcome(&streamed), outcome(answer));
    }
    (server, answers)
}

#[tokio::test]
async fn a_site_without_a_model_publishes_queues_or_refuses() {
    for (mode, action) in [("open", pb::Action::Publish), ("queue", pb::Action::Hold)] {
        let (server, answers) = without_a_model(mode).await;
        let [plain, shouting, links] = answers.as_slice() else { panic!("there are three") };
        let plain = response(plain);
        assert_eq!((plain.action(), plain.scores.len(), plain.model_version.as_str()), (action, 0, ""));
        assert_eq!((plain.reasons[0].rule.as_str(), plain.reasons[0].action()), ("fail.model", action));
        assert!(plain.unscored.iter().all(|unscored| unscored.why() == pb::UnscoredWhy::NoModel));
        assert!(!plain.policy_version.is_empty());
        // Rules that need no score count, and a final one settles it.
        assert_eq!(response(shouting).action(), pb::Action::Reject);
        assert_eq!(response(links).reasons[0].rule, "editors");
        let alone = server.client().await.moderate_comment(in_thread("The roses were lovely.")).await;
        assert_eq!(alone.unwrap().into_inner().action(), action);
    }
    let (server, answers) = without_a_model("error").await;
    let [plain, shouting, links] = answers.as_slice() else { panic!("there are three") };
    for refused in [plain, shouting] {
        let refused = error(refused);
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable as i32, "NO_MODEL"));
    }
    assert_eq!(response(links).reasons[0].rule, "editors");
    let alone =
        server.client().await.moderate_comment(in_thread("The roses were lovely.")).await.unwrap_err();
    assert_eq!((alone.code(), reason(&alone).as_str()), (Code::Unavailable, "NO_MODEL"));
}
