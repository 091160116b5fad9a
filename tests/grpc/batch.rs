use crate::support::*;
use thresher::server::{Options, pb};

fn batch(requests: Vec<pb::ModerateCommentRequest>) -> pb::BatchModerateCommentsRequest {
    pb::BatchModerateCommentsRequest { requests }
}

#[tokio::test]
async fn answers_come_in_order_and_a_bad_comment_has_its_own_error() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut bad = comment("bad", " ");
    bad.attributes = vec![99];
    let requests = vec![
        comment("first", "The roses were lovely."),
        bad,
        pb::ModerateCommentRequest::default(),
        comment("last", "Is there parking nearby?"),
    ];
    let answers = client.batch_moderate_comments(batch(requests)).await.unwrap().into_inner().answers;
    assert_eq!(answers.len(), 4);
    assert_eq!(response(&answers[0]).comment_id, "first");
    assert_eq!(error_fields(error(&answers[1])), ["comment.text", "attributes[0]"]);
    assert_eq!(error_fields(error(&answers[2])), ["comment"]);
    assert_eq!(response(&answers[3]).comment_id, "last");
}

#[tokio::test]
async fn a_batch_answers_what_single_calls_would() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let other = pb::Thread { title: "Trains run late again".into(), ..pb::Thread::default() };
    let threads = [Some(thread()), Some(thread()), Some(other), None, Some(thread())];
    let requests: Vec<_> = threads
        .into_iter()
        .enumerate()
        .map(|(i, thread)| pb::ModerateCommentRequest {
            thread,
            ..comment(&format!("c{i}"), "The old apple varieties are back in the park.")
        })
        .collect();
    let answers = client.batch_moderate_comments(batch(requests.clone())).await.unwrap().into_inner().answers;
    for (request, answer) in requests.into_iter().zip(&answers) {
        let mut single = client.moderate_comment(request).await.unwrap().into_inner();
        let response = response(answer);
        assert_ne!(single.assessment_id, response.assessment_id);
        single.assessment_id.clone_from(&response.assessment_id);
        assert_eq!(&single, response);
    }
}

#[tokio::test]
async fn a_large_batch_is_answered_whole() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let requests: Vec<_> = (0..1_000).map(|i| comment(&i.to_string(), "Lovely roses.")).collect();
    let answers = client.batch_moderate_comments(batch(requests)).await.unwrap().into_inner().answers;
    let ids: Vec<_> = answers.iter().map(|a| response(a).comment_id.parse::<usize>().unwrap()).collect();
    assert_eq!(ids, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_is_held_to_its_limits_as_a_whole() {
    let server = TestServer::start_with(Options { max_batch_comments: 2, ..options() }).await;
    let mut client = server.client().await;
    let fitting = vec![comment("c1", "Lovely roses."); 2];
    assert_eq!(client.batch_moderate_comments(batch(fitting)).await.unwrap().into_inner().answers.len(), 2);
    assert_eq!(client.batch_moderate_comments(batch(vec![])).await.unwrap().into_inner().answers, []);
    let status = client.batch_moderate_comments(batch(vec![comment("c1", "Roses."); 3])).await.unwrap_err();
    assert_eq!(status_fields(&status), ["requests"]);
    assert_eq!(status.message(), "requests has 3 entries, over the limit of 2");

    let large = comment("c1", &"t".repeat(options().max_message_bytes * 6 / 10));
    let status = client.batch_moderate_comments(batch(vec![large; 2])).await.unwrap_err();
    assert_eq!(status_fields(&status), ["requests"]);
}
