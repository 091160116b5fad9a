//! What counts as work that waits, and what as work that is done.

use crate::support::*;
use std::net::SocketAddr;
use std::time::Duration;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{Options, pb};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, pending};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

/// More than may wait with nobody refused, the server's own tasks apart.
const MANY: usize = 40;

/// No call waits for less than that: with as many waiting as are not refused
/// anyway, the next is, if any work is known to take time.
fn impatient() -> Options {
    Options { max_wait: Duration::ZERO, ..options() }
}

/// A server in a runtime of its own, where the tasks of clients do not count.
/// It ends with the test.
async fn elsewhere() -> SocketAddr {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let server = TestServer::start_with(impatient()).await;
            tell.send(server.address).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.await.unwrap()
}

#[tokio::test]
async fn calls_that_stay_open_do_not_wait_for_their_turn() {
    let address = elsewhere().await;
    let channel = async || -> Channel {
        Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    };
    let mut client = ModerationServiceClient::new(channel().await);
    client.moderate_comment(comment("", "Lovely roses.")).await.unwrap();

    let mut watches = Vec::new();
    for _ in 0..MANY {
        // One connection may have a few.
        let mut health = HealthClient::new(channel().await);
        let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        watches.push((health, watch));
    }
    client.moderate_comment(comment("", "Lovely roses.")).await.unwrap();

    let mut asked = Vec::new();
    for _ in 0..MANY {
        let mut reflection = ServerReflectionClient::new(channel().await);
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let (send, requests) = tokio::sync::mpsc::channel(1);
        send.send(ServerReflectionRequest { host: String::new(), message_request }).await.unwrap();
        let requests = ReceiverStream::new(requests);
        let mut answers = reflection.server_reflection_info(requests).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap();
        asked.push((reflection, send, answers));
    }
    client.moderate_comment(comment("", "Lovely roses.")).await.unwrap();

    let mut streams = Vec::new();
    for i in 0..MANY {
        let requests = tokio_stream::once(streamed(&i.to_string(), "Lovely roses.")).chain(pending());
        let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap();
        streams.push(answers);
    }
    client.moderate_comment(comment("", "Lovely roses.")).await.unwrap();
    drop((watches, asked, streams));
}

#[tokio::test]
async fn a_call_takes_what_those_took_that_were_judged() {
    for is_batch in [false, true] {
        let server = TestServer::start_with(impatient()).await;
        let mut client = server.client().await;
        // Here they look like calls that wait.
        let waiting: Vec<_> = (0..MANY).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        // What was refused says nothing of how long a call takes, and neither
        // does the opening of a stream.
        for _ in 0..3 {
            let refused = client.moderate_comment(comment("", "")).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            let requests = tokio_stream::once(streamed("1", "Lovely roses."));
            let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
            answers.message().await.unwrap().unwrap();
        }
        let mut call = async || -> Result<(), Status> {
            if is_batch {
                let requests = vec![comment("", "Lovely roses.")];
                return client
                    .batch_moderate_comments(pb::BatchModerateCommentsRequest { requests })
                    .await
                    .map(drop);
            }
            client.moderate_comment(comment("", "Lovely roses.")).await.map(drop)
        };
        call().await.unwrap();
        let refused = call().await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
        drop(waiting);
    }
}
