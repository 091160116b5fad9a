//! Where places and connections are scarce, those that keep the server waiting
//! make room, and whoever uses theirs does not.

use crate::faults::{STREAM, UNARY, call, caller, framed, is_answered, status_of};
use crate::metrics::sample;
use crate::support::*;
use prost::bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use thresher::server::Options;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// How long those that keep the server waiting are left alone.
const PATIENCE: Duration = Duration::from_millis(100);
/// Longer than that.
const LONG: Duration = Duration::from_millis(150);

/// How calls keep a server waiting: with nothing, with a part of a message, with
/// a message that comes byte by byte, with the next comment, with what is to be
/// read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Waiting {
    Unsent,
    Half,
    Dripping,
    Silent,
    Unread,
}

/// Fills all places of a server, a quarter from each of four connections, and
/// keeps them for as long as the server lets it.
async fn fill(address: SocketAddr, how: Waiting) -> Vec<Box<dyn Send>> {
    let mut open: Vec<Box<dyn Send>> = Vec::new();
    for _ in 0..4 {
        let window = if how == Waiting::Unread { 0 } else { 65_535 };
        let send = caller(address, window).await;
        for _ in 0..2 {
            let is_stream = matches!(how, Waiting::Silent | Waiting::Unread);
            let path = if is_stream { STREAM } else { UNARY };
            let (response, mut body) = call(&send, address, path).await.unwrap();
            let message = framed(&comment("c1", "Lovely roses."));
            match how {
                Waiting::Unsent => {}
                Waiting::Half => body.send_data(message.slice(..9), false).unwrap(),
                Waiting::Dripping => {
                    let dripping = async move {
                        for byte in message.iter().cycle() {
                            if body.send_data(Bytes::copy_from_slice(&[*byte | 0x80]), false).is_err() {
                                break;
                            }
                            sleep(PATIENCE / 4).await;
                        }
                    };
                    open.push(Box::new((tokio::spawn(dripping), response, send.clone())));
                    continue;
                }
                Waiting::Silent | Waiting::Unread => {
                    body.send_data(framed(&streamed("r1", "Lovely roses.")), false).unwrap();
                }
            }
            if !is_stream {
                open.push(Box::new((body, response, send.clone())));
                continue;
            }
            let mut answers = timeout(FOR_EVER, response).await.unwrap().unwrap().into_body();
            if how == Waiting::Silent {
                timeout(FOR_EVER, answers.data()).await.unwrap().unwrap().unwrap();
            }
            open.push(Box::new((body, answers, send.clone())));
        }
    }
    open
}

#[tokio::test]
async fn calls_that_keep_the_server_waiting_give_their_places_to_others() {
    for how in [Waiting::Unsent, Waiting::Half, Waiting::Dripping, Waiting::Silent, Waiting::Unread] {
        let scarce = Options { max_concurrent_calls: 8, give_way_after: PATIENCE, ..options() };
        let server = TestServer::start_with(scarce).await;
        let _open = fill(server.address, how).await;
        // On a slow machine some have given way to the last of the others.
        let full = async {
            while sample(&server, "thresher_calls_in_flight").await != Some(8.0) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(FOR_EVER, full).await.unwrap_or_else(|_| panic!("{how:?}: there are places left"));
        sleep(LONG).await;
        assert!(is_answered(&server).await, "{how:?}: they keep all places");
    }
}

#[tokio::test]
async fn the_longest_silent_stream_gives_way_and_is_told() {
    let scarce = Options { max_concurrent_calls: 4, give_way_after: PATIENCE, ..options() };
    let server = TestServer::start_with(scarce).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let send = caller(server.address, 65_535).await;
        let (response, mut body) = call(&send, server.address, STREAM).await.unwrap();
        body.send_data(framed(&streamed("r1", "Lovely roses.")), false).unwrap();
        let mut answers = timeout(FOR_EVER, response).await.unwrap().unwrap().into_body();
        timeout(FOR_EVER, answers.data()).await.unwrap().unwrap().unwrap();
        streams.push((send, body, answers));
    }
    sleep(LONG).await;
    // The first goes on, so that the second has been silent for longest.
    let (_, body, answers) = &mut streams[0];
    body.send_data(framed(&streamed("r2", "Lovely roses.")), false).unwrap();
    timeout(FOR_EVER, answers.data()).await.unwrap().unwrap().unwrap();
    assert!(is_answered(&server).await);
    let (_, _, answers) = &mut streams[1];
    let trailers = timeout(FOR_EVER, answers.trailers()).await.unwrap().unwrap().unwrap();
    let status = tonic::Status::from_header_map(&trailers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "GAVE_WAY"));
    assert_eq!(sample(&server, "thresher_refusals_total{reason=\"GAVE_WAY\"}").await, Some(1.0));
    // The others are still there.
    for i in [0, 2, 3] {
        let (_, body, answers) = &mut streams[i];
        body.send_data(framed(&streamed("r3", "Lovely roses.")), true).unwrap();
        timeout(FOR_EVER, answers.data()).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_not_yet_waited_for_long_keeps_its_place() {
    let server = TestServer::start_with(Options { max_concurrent_calls: 4, ..options() }).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let send = caller(server.address, 65_535).await;
        open.push((call(&send, server.address, UNARY).await.unwrap(), send));
    }
    let send = caller(server.address, 65_535).await;
    let refused = async {
        loop {
            let (response, _body) = call(&send, server.address, UNARY).await.unwrap();
            if let Ok(answer) = timeout(Duration::from_millis(100), status_of(response)).await {
                break answer;
            }
        }
    };
    assert_eq!(timeout(FOR_EVER, refused).await.unwrap(), "8", "RESOURCE_EXHAUSTED");
    for ((response, mut body), _) in open {
        body.send_data(framed(&comment("c1", "Lovely roses.")), true).unwrap();
        assert_eq!(status_of(response).await, "0");
    }
}

/// A connection on which nothing is said but what HTTP/2 wants, and how it ends.
async fn idler(address: SocketAddr) -> (h2::client::SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    (send, tokio::spawn(connection))
}

/// Connects and is answered, sooner or later.
async fn gets_through(server: &TestServer) {
    let trying = async {
        loop {
            if let Ok(channel) = server.endpoint().connect().await {
                use thresher::server::pb::moderation_service_client::ModerationServiceClient;
                let mut client = ModerationServiceClient::new(channel);
                if client.moderate_comment(comment("c1", "Lovely roses.")).await.is_ok() {
                    return;
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FOR_EVER, trying).await.expect("there is room");
}

#[tokio::test]
async fn connections_of_no_use_make_room_in_good_order() {
    let scarce = Options { max_connections: 4, give_way_after: PATIENCE, ..options() };
    let server = TestServer::start_with(scarce).await;
    let mut regular = server.client().await;
    regular.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    let mut watch = HealthClient::new(server.channel().await);
    let mut statuses = watch.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    statuses.message().await.unwrap().unwrap();
    sleep(LONG).await;
    // While there is room nobody has to go, however long they say nothing.
    let (_send, first) = idler(server.address).await;
    let (_other, second) = idler(server.address).await;
    sleep(LONG).await;
    gets_through(&server).await;
    // Of the strangers the one who has been there for longest went first, which is
    // the watch; then one by one for each that comes.
    let ended = timeout(FOR_EVER, statuses.message()).await.unwrap();
    assert!(!matches!(ended, Ok(Some(_))), "{ended:?}");
    for idle in [first, second] {
        sleep(LONG).await;
        gets_through(&server).await;
        timeout(FOR_EVER, idle).await.expect("it is asked to leave").unwrap().expect("in good order");
    }
    regular.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    assert!(sample(&server, "thresher_connections_total{outcome=\"gave_way\"}").await >= Some(3.0));
}

#[tokio::test]
async fn who_does_not_leave_when_asked_is_cut() {
    let scarce = Options { max_connections: 2, give_way_after: PATIENCE, ..options() };
    let server = TestServer::start_with(scarce).await;
    // One that never reads, and one that holds a stream open and says nothing.
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut deaf, &hello).await.unwrap();
    let (send, _holding) = idler(server.address).await;
    let (response, _body) = call(&send, server.address, STREAM).await.unwrap();
    timeout(FOR_EVER, response).await.unwrap().unwrap();
    sleep(LONG).await;
    let began = Instant::now();
    for _ in 0..3 {
        gets_through(&server).await;
        sleep(LONG).await;
    }
    assert!(began.elapsed() < FOR_EVER);
}
