//! The first comment of an author, over every call and at several servers.

use crate::metrics::becomes;
use crate::store::server::StoreServer;
use crate::support::*;
use thresher::server::{Options, pb};
use tokio_stream::StreamExt;

const RULES: &str = r#"
[site.default]
[[site.default.rules]]
name = "newcomers"
when = "rate.first_comment"
then = "HOLD"
"#;

/// A comment by somebody, none where it is empty, under an id, which may be
/// empty too.
fn by(author: &str, id: &str) -> pb::ModerateCommentRequest {
    counted(author, id, None)
}

/// The same, with how many were approved of its author's.
fn counted(author: &str, id: &str, approved_count: Option<i32>) -> pb::ModerateCommentRequest {
    let mut request = comment(id, "Mine flower until October.");
    let author = pb::Author { author_id: author.into(), approved_count, ..pb::Author::default() };
    request.comment.as_mut().unwrap().author = Some(author);
    request
}

fn edited(mut request: pb::ModerateCommentRequest) -> pb::ModerateCommentRequest {
    request.comment.as_mut().unwrap().edited = true;
    request
}

/// Comments as they come in, and whether each is held.
fn conversation() -> Vec<(pb::ModerateCommentRequest, bool)> {
    let elsewhere = pb::ModerateCommentRequest { site: "elsewhere".into(), ..by("ann", "") };
    vec![
        (by("ann", "1"), true),
        // The same call again has the same answer, and so has a new version.
        (by("ann", "1"), true),
        (edited(by("ann", "1")), true),
        (by("ann", "2"), false),
        (by("ann", "2"), false),
        (by("ann", "1"), true),
        (by("bob", ""), true),
        (by("bob", ""), false),
        // Sites remember for themselves.
        (elsewhere.clone(), true),
        (elsewhere, false),
        // What the platform counts is known from the first call on.
        (counted("cid", "3", Some(4)), false),
        (counted("dan", "4", Some(0)), true),
        (counted("dan", "5", Some(0)), false),
        (counted("", "6", Some(0)), true),
        (counted("", "7", Some(1)), false),
        // Of nobody nothing is known.
        (by("", "8"), false),
    ]
}

#[track_caller]
fn check(response: &pb::ModerateCommentResponse, is_held: bool, place: usize) {
    let expected = if is_held { pb::Action::Hold } else { pb::Action::Publish };
    assert_eq!(response.action(), expected, "comment {place}");
    let rules: Vec<&str> = response.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!(rules, if is_held { &["newcomers"][..] } else { &[] });
}

/// Sends the conversation to servers in turn, comment by comment.
async fn converse(servers: &[&TestServer]) {
    for (i, (request, is_held)) in conversation().into_iter().enumerate() {
        let mut client = servers[i % servers.len()].client().await;
        check(&client.moderate_comment(request).await.unwrap().into_inner(), is_held, i);
    }
}

async fn in_a_batch(server: &TestServer) {
    let (requests, held): (Vec<_>, Vec<_>) = conversation().into_iter().unzip();
    let batch = pb::BatchModerateCommentsRequest { requests };
    let answers = server.client().await.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
    assert_eq!(answers.len(), held.len());
    for (i, (answer, is_held)) in answers.iter().zip(held).enumerate() {
        check(response(answer), is_held, i);
    }
}

async fn in_a_stream(server: &TestServer) {
    let (requests, held): (Vec<_>, Vec<_>) = conversation().into_iter().unzip();
    let requests = tokio_stream::iter(requests)
        .map(|request| pb::StreamModerateCommentsRequest { request: Some(request), ..Default::default() });
    let stream = server.client().await.stream_moderate_comments(requests).await;
    let mut answers = stream.unwrap().into_inner();
    for (i, is_held) in held.into_iter().enumerate() {
        let answer = answers.next().await.unwrap().unwrap().answer.unwrap();
        check(response(&answer), is_held, i);
    }
}

#[tokio::test]
async fn the_first_comment_of_an_author_is_held_and_no_other() {
    converse(&[&TestServer::start_under(RULES).await]).await;
    in_a_batch(&TestServer::start_under(RULES).await).await;
    in_a_stream(&TestServer::start_under(RULES).await).await;
}

async fn share(rules: &str, store: &StoreServer) -> TestServer {
    let options = Options { store: Some(store.options()), ..options() };
    let server = TestServer::start_with_rules(rules, options).await;
    becomes(&server, "thresher_store_lost", 0.0).await;
    server
}

#[tokio::test]
async fn servers_at_one_store_know_who_is_new_to_any_of_them() {
    let Some(mut store) = StoreServer::start() else { return };
    let servers = [share(RULES, &store).await, share(RULES, &store).await, share(RULES, &store).await];
    converse(&servers.each_ref()).await;
    // Each of these for itself, with a store that has seen nothing.
    store.restart(&[]);
    in_a_batch(&share(RULES, &store).await).await;
    store.restart(&[]);
    in_a_stream(&share(RULES, &store).await).await;
}

/// A store counts before a comment is judged, and so before it is refused.
#[tokio::test]
async fn a_first_comment_that_was_refused_is_the_first_when_it_is_tried_again() {
    let rules = format!(
        "{RULES}\n[[site.default.rules]]\nname = \"young\"\nwhen = \"author.age_days < 1\"\nthen = \"FLAG\"\n"
    )
    .replace("[site.default]\n", "[site.default]\nfail = { context = \"error\" }\n");
    let tried = async |server: &TestServer, id: &str| {
        let mut client = server.client().await;
        for _ in 0..2 {
            let refused = client.moderate_comment(by("ann", id)).await.unwrap_err();
            assert_eq!(reason(&refused), "CONTEXT_MISSING");
        }
        let mut whole = by("ann", id);
        let author = whole.comment.as_mut().unwrap().author.as_mut().unwrap();
        author.account_create_time = Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 });
        check(&client.moderate_comment(whole.clone()).await.unwrap().into_inner(), true, 0);
        whole.comment.as_mut().unwrap().comment_id = "another".into();
        check(&client.moderate_comment(whole).await.unwrap().into_inner(), false, 1);
    };
    tried(&TestServer::start_under(&rules).await, "").await;
    let Some(store) = StoreServer::start() else { return };
    tried(&share(&rules, &store).await, "1").await;
}
