use crate::support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

#[tokio::test]
async fn answers_carry_the_ids_and_errors_do_not_end_the_stream() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let long_id = "r".repeat(257);
    let requests = vec![
        streamed("r1", "The roses were lovely."),
        streamed("r2", "  "),
        pb::StreamModerateCommentsRequest { request_id: "r3".into(), request: None },
        streamed(&long_id, "The roses were lovely."),
        pb::StreamModerateCommentsRequest {
            request_id: String::new(),
            request: Some(comment("c5", "Is there parking nearby?")),
        },
    ];
    let answers = client.stream_moderate_comments(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.collect::<Result<_, _>>().await.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.request_id.as_str()).collect();
    assert_eq!(ids, ["r1", "r2", "r3", &long_id, ""]);
    let answers: Vec<_> = answers.iter().map(|a| a.answer.as_ref().unwrap()).collect();
    assert_eq!(response(answers[0]).comment_id, "r1");
    assert_eq!(error_fields(error(answers[1])), ["comment.text"]);
    assert_eq!(error_fields(error(answers[2])), ["request"]);
    assert_eq!(error_fields(error(answers[3])), ["request_id"]);
    assert_eq!(response(answers[4]).comment_id, "c5");
}

#[tokio::test]
async fn each_answer_comes_before_the_next_request() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let (sender, requests) = mpsc::channel(1);
    let stream = client.stream_moderate_comments(ReceiverStream::new(requests));
    let mut answers = stream.await.unwrap().into_inner();
    for id in ["r1", "r2", "r3"] {
        sender.send(streamed(id, "The roses were lovely.")).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().request_id, id);
    }
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_slows_the_sender_down_and_gets_every_answer() {
    const COUNT: usize = 2_000;
    let server = TestServer::start().await;
    let channel = server.endpoint().initial_stream_window_size(65_535).connect().await.unwrap();
    let mut client = ModerationServiceClient::new(channel);

    // Large enough to fill the windows of HTTP/2 long before the last one.
    let mut request = streamed("", "The roses were lovely.");
    let mut thread = thread();
    thread.body = thread.body.repeat(250);
    request.request.as_mut().unwrap().thread = Some(thread);
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let requests = tokio_stream::iter(0..COUNT).map(move |i| {
        counter.fetch_add(1, Ordering::Relaxed);
        pb::StreamModerateCommentsRequest { request_id: i.to_string(), ..request.clone() }
    });
    let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();

    // No answer is taken until nothing is sent any more.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = taken.load(Ordering::Relaxed);
        if now > 0 && now == before {
            break;
        }
        before = now;
    }
    assert!(before < COUNT, "the server took every request without an answer being read");

    for i in 0..COUNT {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.request_id, i.to_string());
        response(answer.answer.as_ref().unwrap());
    }
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn an_oversize_message_ends_its_stream_after_the_answers_before_it() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let huge = "t".repeat(options().max_message_bytes * 2);
    let requests = vec![streamed("r1", "Lovely roses."), streamed("r2", &huge)];
    let stream = client.stream_moderate_comments(tokio_stream::iter(requests)).await.unwrap();
    let mut answers = stream.into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().request_id, "r1");
    assert_eq!(answers.message().await.unwrap_err().code(), Code::OutOfRange);
    client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let mut server = TestServer::start().await;
    let mut staying = server.client().await;
    {
        let mut client = server.client().await;
        let (sender, requests) = mpsc::channel(8);
        let stream = client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap();
        let mut answers = stream.into_inner();
        for id in ["r1", "r2", "r3"] {
            sender.send(streamed(id, "The roses were lovely.")).await.unwrap();
        }
        assert_eq!(answers.message().await.unwrap().unwrap().request_id, "r1");
    }
    staying.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    drop(staying);
    server.stop();
    assert_eq!(server.ended().await, thresher::server::DrainReport::default());
}
