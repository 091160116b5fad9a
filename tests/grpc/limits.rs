use crate::support::*;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime};
use thresher::keys::{Missing, Role, Secret, edit};
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{KeyFile, Options, Rate, Security, pb};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

fn rate(per_second: u32, burst: u32) -> Option<Rate> {
    let number = |n| NonZeroU32::new(n).unwrap();
    Some(Rate { per_second: number(per_second), burst: number(burst) })
}

fn batch(comments: usize) -> pb::BatchModerateCommentsRequest {
    pb::BatchModerateCommentsRequest { requests: vec![comment("c1", "Lovely roses."); comments] }
}

/// Refused for now, and told when to come back.
#[track_caller]
fn assert_exhausted(status: &Status, expected: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, expected));
    let retry = status.get_details_retry_info().expect("the status says when to try again");
    assert!(retry.retry_delay.is_some_and(|delay| delay > Duration::ZERO), "{retry:?}");
}

#[tokio::test]
async fn each_key_has_a_rate_of_its_own_and_batches_count_by_their_comments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let secrets = [0; 2].map(|_| Secret::generate().unwrap());
    for secret in &secrets {
        let site = "*".parse().unwrap();
        edit(&path, Missing::Create, |keys| keys.add(secret, site, Role::Moderate, SystemTime::now()))
            .unwrap();
    }
    let security = Security { keys: Some(KeyFile::open(&path).unwrap()), ..Security::default() };
    // What comes back in the seconds that the test takes is no whole batch.
    let server = TestServer::start_secured(security, Options { rate: rate(1, 600), ..options() }).await;
    let mut client = server.client().await;
    for secret in &secrets {
        let mut send = async |comments| {
            let mut request = Request::new(batch(comments));
            let bearer = format!("Bearer {}", secret.reveal());
            request.metadata_mut().insert("authorization", bearer.parse().unwrap());
            client.batch_moderate_comments(request).await
        };
        // A batch of full length passes whatever the burst is.
        send(1_000).await.unwrap();
        assert_exhausted(&send(600).await.unwrap_err(), "RATE_LIMITED");
    }
}

#[tokio::test]
async fn single_comments_over_the_rate_are_refused() {
    let options = Options { rate: rate(1, 1), max_batch_comments: 1, ..options() };
    let server = TestServer::start_with(options).await;
    let mut client = server.client().await;
    client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    let refused = async {
        loop {
            if let Err(status) = client.moderate_comment(comment("c1", "Lovely roses.")).await {
                return status;
            }
        }
    };
    assert_exhausted(&timeout(FOR_EVER, refused).await.unwrap(), "RATE_LIMITED");
}

#[tokio::test]
async fn a_stream_over_the_rate_is_slowed_down_and_not_refused() {
    let options = Options { rate: rate(50, 1), max_batch_comments: 1, ..options() };
    let server = TestServer::start_with(options).await;
    let began = Instant::now();
    let requests = tokio_stream::iter((0..20).map(|i| streamed(&i.to_string(), "Lovely roses.")));
    let answers = server.client().await.stream_moderate_comments(requests).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().answer.unwrap()).collect().await;
    assert_eq!(answers.len(), 20);
    for answer in &answers {
        response(answer);
    }
    // All but the first have waited for a fiftieth of a second each.
    assert!(began.elapsed() >= Duration::from_millis(19 * 20));
}

#[tokio::test]
async fn one_call_too_many_is_refused_at_once_and_health_is_not() {
    let server = TestServer::start_with(Options { max_concurrent_calls: 1, ..options() }).await;
    let mut client = server.client().await;
    let (sender, requests) = mpsc::channel(1);
    let mut answers =
        client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap().into_inner();
    sender.send(streamed("r1", "Lovely roses.")).await.unwrap();
    answers.message().await.unwrap().unwrap();

    let mut other = server.client().await;
    let refusals = [
        other.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap_err(),
        other.batch_moderate_comments(batch(1)).await.unwrap_err(),
        other.stream_moderate_comments(tokio_stream::iter(Vec::new())).await.unwrap_err(),
    ];
    for status in &refusals {
        assert_exhausted(status, "OVERLOADED");
    }
    let mut health = HealthClient::new(server.channel().await);
    health.check(HealthCheckRequest::default()).await.unwrap();

    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
    let free = async {
        while other.moderate_comment(comment("c1", "Lovely roses.")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FOR_EVER, free).await.expect("the place is free again");
}

#[tokio::test]
async fn one_stream_too_many_on_a_connection_waits_for_a_place() {
    let server = TestServer::start_with(Options { max_concurrent_streams: 2, ..options() }).await;
    let mut client = server.client().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let (sender, requests) = mpsc::channel(1);
        let mut answers =
            client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap().into_inner();
        sender.send(streamed("r1", "Lovely roses.")).await.unwrap();
        answers.message().await.unwrap().unwrap();
        streams.push((sender, answers));
    }
    let waiting = client.clone();
    let third =
        tokio::spawn(async move { waiting.clone().moderate_comment(comment("c1", "Lovely roses.")).await });
    // Another connection has places of its own.
    server.client().await.moderate_comment(comment("c2", "Lovely roses.")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!third.is_finished(), "there was a third place");
    streams.pop();
    timeout(FOR_EVER, third).await.expect("the place is free again").unwrap().unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let server = TestServer::start_with(Options { max_connections: 1, ..options() }).await;
    let mut client = server.client().await;
    client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let closed = timeout(FOR_EVER, second.read_to_end(&mut Vec::new())).await;
    closed.expect("the connection is closed").ok();
    client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    drop(client);
    let third = async {
        loop {
            if let Ok(channel) = server.endpoint().connect().await {
                let mut client = ModerationServiceClient::new(channel);
                if client.moderate_comment(comment("c1", "Lovely roses.")).await.is_ok() {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FOR_EVER, third).await.expect("there is room again");
}

#[tokio::test]
async fn a_message_that_does_not_come_in_is_not_waited_for() {
    let quick = Options { message_timeout: Duration::from_millis(50), ..options() };
    let server = TestServer::start_with(quick).await;
    for rpc in ["ModerateComment", "BatchModerateComments"] {
        let path = format!("/thresher.v1.ModerationService/{rpc}").parse().unwrap();
        let mut grpc = Grpc::new(server.channel().await);
        grpc.ready().await.unwrap();
        let never = Request::new(tokio_stream::pending::<pb::ModerateCommentRequest>());
        let codec = ProstCodec::<_, pb::ModerateCommentResponse>::default();
        let status = timeout(FOR_EVER, grpc.client_streaming(never, path, codec)).await.unwrap().unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "REQUEST_TOO_SLOW"));
    }
    // A stream may take its time.
    let (sender, requests) = mpsc::channel(1);
    let mut client = server.client().await;
    let stream = client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    sender.send(streamed("r1", "Lovely roses.")).await.unwrap();
    stream.into_inner().message().await.unwrap().unwrap();
}

#[tokio::test]
async fn headers_over_the_limit_are_refused_and_the_next_call_is_not() {
    let server = TestServer::start_with(Options { max_header_bytes: 4_096, ..options() }).await;
    let mut client = server.client().await;
    for (bytes, taken) in [(1_000, true), (8_000, false), (1_000, true)] {
        let mut request = Request::new(comment("c1", "Lovely roses."));
        request.metadata_mut().insert("x-padding", "x".repeat(bytes).parse().unwrap());
        let answer = client.moderate_comment(request).await;
        assert_eq!(answer.is_ok(), taken, "{bytes} bytes: {answer:?}");
    }
}

#[tokio::test]
async fn a_stream_that_stays_silent_is_ended_and_its_place_is_free() {
    let limits =
        Options { stream_idle_timeout: Duration::from_millis(500), max_concurrent_calls: 1, ..options() };
    let server = TestServer::start_with(limits).await;
    let mut client = server.client().await;
    let (sender, requests) = mpsc::channel(1);
    sender.send(streamed("r1", "Lovely roses.")).await.unwrap();
    let mut answers =
        client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    let status = timeout(FOR_EVER, answers.message()).await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "STREAM_IDLE"));
    assert!(status.message().contains("500 ms"), "{status:?}");
    let free = async {
        while client.moderate_comment(comment("c1", "Lovely roses.")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FOR_EVER, free).await.expect("the place is free again");
    drop(sender);
}

#[tokio::test]
async fn a_connection_has_a_quarter_of_the_places() {
    let server = TestServer::start_with(Options { max_concurrent_calls: 8, ..options() }).await;
    let mut client = server.client().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let (sender, requests) = mpsc::channel::<pb::StreamModerateCommentsRequest>(1);
        let answers = client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap();
        streams.push((sender, answers));
    }
    assert_exhausted(
        &client.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap_err(),
        "OVERLOADED",
    );
    server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
}

#[tokio::test]
async fn opening_a_stream_counts_as_no_comment() {
    // One comment comes back in a second, and ten streams are open before that.
    let server = TestServer::start_with(Options { rate: rate(1, 1_000), ..options() }).await;
    let mut client = server.client().await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let (sender, requests) = mpsc::channel::<pb::StreamModerateCommentsRequest>(1);
        let answers = client.stream_moderate_comments(ReceiverStream::new(requests)).await.unwrap();
        streams.push((sender, answers));
    }
    client.batch_moderate_comments(batch(1_000)).await.unwrap();
}
