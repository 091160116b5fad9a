use crate::support::*;
use std::time::Duration;
use thresher::server::{self, DrainReport, Options, pb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const NOTHING_LEFT: DrainReport = DrainReport { calls_left: 0, connections_left: 0 };

type Requests = mpsc::Sender<pb::StreamModerateCommentsRequest>;
type Answers = Streaming<pb::StreamModerateCommentsResponse>;

/// A stream with one answer behind it.
async fn open_stream(server: &TestServer) -> (Requests, Answers) {
    let (sender, requests) = mpsc::channel(1);
    let mut client = server.client().await;
    let stream = client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap();
    let mut answers = stream.into_inner();
    exchange("r0", &sender, &mut answers).await;
    (sender, answers)
}

async fn exchange(id: &str, sender: &Requests, answers: &mut Answers) {
    sender.send(streamed(id, "The roses were lovely.")).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().request_id, id);
}

/// Waits until no connection is accepted.
async fn closed(server: &TestServer) {
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FOR_EVER, refused).await.expect("the server stops accepting");
}

#[tokio::test]
async fn new_calls_are_refused_and_health_says_so() {
    let mut server = TestServer::start_with(Options { lame_duck: NEVER, ..options() }).await;
    let mut health = HealthClient::new(server.channel().await);
    let service = HealthCheckRequest { service: "thresher.v1.ModerationService".into() };
    let mut watch = health.watch(service.clone()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let (sender, mut answers) = open_stream(&server).await;
    let mut client = server.client().await;

    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(health.check(service).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    let server_health = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(server_health.status(), ServingStatus::NotServing);

    let batch = pb::BatchModerateCommentsRequest { requests: vec![comment("c1", "Lovely roses.")] };
    let empty = tokio_stream::iter(Vec::new());
    let refusals = [
        client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap_err(),
        client.batch_moderate_comments(batch).await.unwrap_err(),
        client.stream_moderate_comments(empty).await.unwrap_err(),
        server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap_err(),
    ];
    for status in refusals {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    }

    // What had begun goes on.
    exchange("r1", &sender, &mut answers).await;
    server.abort();
}

#[tokio::test]
async fn a_stream_in_flight_finishes() {
    let mut server = TestServer::start().await;
    let (sender, mut answers) = open_stream(&server).await;
    server.stop();
    closed(&server).await;
    for id in ["r1", "r2"] {
        exchange(id, &sender, &mut answers).await;
    }
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
    assert_eq!(server.ended().await, NOTHING_LEFT);
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let mut server = TestServer::start().await;
    let mut client = server.client().await;
    client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    server.stop();
    assert_eq!(server.ended().await, NOTHING_LEFT);
    let status = client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_peer_that_never_spoke_does_not_hold_it_up() {
    let mut server = TestServer::start().await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    // Connections are accepted in order, so that this one's call comes after.
    server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    server.stop();
    assert_eq!(server.ended().await, NOTHING_LEFT);
    drop(silent);
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_does_not_hold_it_up() {
    let mut server = TestServer::start().await;
    // It has said hello, calls nothing, and answers nothing that HTTP/2 asks.
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    let mut gone = TcpStream::connect(server.address).await.unwrap();
    gone.write_all(&hello).await.unwrap();
    server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    server.stop();
    // HTTP/2's own pings would find out after 50 seconds.
    let report = timeout(Duration::from_secs(30), server.ended()).await.expect("nobody is waited for");
    assert_eq!(report, NOTHING_LEFT);
    drop(gone);
}

#[tokio::test]
async fn a_peer_that_stops_halfway_does_not_hold_it_past_the_deadline() {
    let deadline = Duration::from_millis(100);
    let mut server = TestServer::start_with(Options { drain_deadline: deadline, ..options() }).await;
    let mut halfway = TcpStream::connect(server.address).await.unwrap();
    halfway.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    server.stop();
    assert_eq!(server.ended().await, DrainReport { calls_left: 0, connections_left: 1 });
    // The connection is closed, not only forgotten.
    let rest = timeout(FOR_EVER, halfway.read_to_end(&mut Vec::new())).await;
    rest.expect("the connection ends").ok();
}

#[tokio::test]
async fn a_caller_that_takes_no_answers_does_not_hold_it_past_the_deadline() {
    let deadline = Duration::from_millis(100);
    let mut server = TestServer::start_with(Options { drain_deadline: deadline, ..options() }).await;
    let channel = server.endpoint().initial_stream_window_size(65_535).connect().await.unwrap();
    let mut client = pb::moderation_service_client::ModerationServiceClient::new(channel);
    let requests = tokio_stream::iter(0..).map(|i: u32| streamed(&i.to_string(), "Lovely roses."));
    let answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
    server.stop();
    assert_eq!(server.ended().await, DrainReport { calls_left: 1, connections_left: 1 });
    drop(answers);
}

#[tokio::test]
async fn a_stream_left_open_is_told_and_ended_at_the_deadline() {
    let deadline = Duration::from_millis(100);
    let mut server = TestServer::start_with(Options { drain_deadline: deadline, ..options() }).await;
    let (sender, mut answers) = open_stream(&server).await;
    server.stop();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert_eq!(server.ended().await, DrainReport { calls_left: 1, connections_left: 1 });
    drop(sender);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let message = server::bind(address).await.unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot listen on {address}: ")), "{message}");
    assert_eq!(message.lines().count(), 1);
}
