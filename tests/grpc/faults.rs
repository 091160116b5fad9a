//! Peers that mean harm: whatever they send or leave unread, everybody else is
//! answered.

use crate::support::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderValue, Request};
use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use thresher::server::{Options, pb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

pub const UNARY: &str = "/thresher.v1.ModerationService/ModerateComment";
const BATCH: &str = "/thresher.v1.ModerationService/BatchModerateComments";
pub const STREAM: &str = "/thresher.v1.ModerationService/StreamModerateComments";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// A caller that speaks HTTP/2 by hand, with windows of its own choosing.
pub async fn caller(address: SocketAddr, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let builder = h2::client::Builder::new().initial_window_size(window).handshake(stream).await;
    let (send, connection) = builder.unwrap();
    // It answers pings for as long as the connection lasts.
    tokio::spawn(async move { drop(connection.await) });
    send
}

pub async fn call(
    send: &SendRequest<Bytes>,
    address: SocketAddr,
    path: &str,
) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
    let mut request = Request::post(format!("http://{address}{path}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    // Health takes nothing that is compressed.
    if path.starts_with("/thresher.") {
        request.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    send.clone().ready().await?.send_request(request, false)
}

pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

pub async fn is_answered(server: &TestServer) -> bool {
    server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.is_ok()
}

#[tokio::test]
async fn a_peer_that_opens_a_thousand_streams_and_reads_nothing_is_cut() {
    let limits =
        Options { max_concurrent_calls: 1_000, message_timeout: Duration::from_millis(200), ..options() };
    let server = TestServer::start_with(limits).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let send = caller(server.address, 0).await;
        for _ in 0..250 {
            // A slow machine may have cut it by now.
            let Ok((response, mut body)) = call(&send, server.address, STREAM).await else { break };
            if body.send_data(framed(&streamed("r1", "Lovely roses.")), false).is_ok() {
                open.push((response, body));
            }
        }
        // None of them is still on its way when the next ones are opened.
        if let Some((response, _)) = open.last_mut() {
            let _ = timeout(FOR_EVER, response).await.unwrap();
        }
    }
    // Whoever reads is answered once the peer is cut, which is noticed when
    // something moves on its connection.
    let answered = async {
        while !is_answered(&server).await {
            for (_, body) in &mut open {
                let _ = body.send_data(framed(&streamed("r2", "More.")), false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(FOR_EVER, answered).await.expect("the places are free again");
}

#[tokio::test]
async fn a_peer_that_takes_one_answer_and_leaves_another_is_cut() {
    let limits = Options { message_timeout: Duration::from_millis(300), ..options() };
    let server = TestServer::start_with(limits).await;
    // An answer is longer than this window, so that the second one waits.
    let send = caller(server.address, 20).await;
    let (response, mut body) = call(&send, server.address, STREAM).await.unwrap();
    body.send_data(framed(&streamed("r1", "Lovely roses.")), false).unwrap();
    let mut left = timeout(FOR_EVER, response).await.unwrap().unwrap().into_body();
    timeout(FOR_EVER, left.data()).await.unwrap().unwrap().unwrap();
    body.send_data(framed(&streamed("r2", "Lovely roses.")), false).unwrap();
    let is_cut = async { while take_one(&send, server.address).await.is_ok() {} };
    timeout(FOR_EVER, is_cut).await.expect("the peer is cut");
    assert!(is_answered(&server).await);
}

#[tokio::test]
async fn a_long_answer_that_is_left_unread_keeps_its_place_and_is_not_buffered() {
    let server = TestServer::start_with(Options { max_concurrent_calls: 1, ..options() }).await;
    let send = caller(server.address, 100).await;
    let requests = vec![comment("c1", "Lovely roses."); 1_000];
    let (response, mut body) = call(&send, server.address, BATCH).await.unwrap();
    body.send_data(framed(&pb::BatchModerateCommentsRequest { requests }), true).unwrap();
    let answer = timeout(FOR_EVER, response).await.unwrap().unwrap().into_body();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!is_answered(&server).await, "the place is free while the answer is here");
    }
    drop((answer, body, send));
    let answered = async {
        while !is_answered(&server).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(FOR_EVER, answered).await.expect("the place is free again");
}

/// Makes a call and takes all of its answer.
async fn take_one(send: &SendRequest<Bytes>, address: SocketAddr) -> Result<(), h2::Error> {
    let (response, mut body) = call(send, address, UNARY).await?;
    body.send_data(framed(&comment("c1", "Lovely roses.")), true)?;
    let mut answer = response.await?.into_body();
    while let Some(piece) = answer.data().await {
        answer.flow_control().release_capacity(piece?.len())?;
    }
    Ok(())
}

/// Sends a hundred megabytes, or as many as the server wants, and gives the
/// status.
async fn send_much(mut body: SendStream<Bytes>, head: [u8; 5]) -> usize {
    let megabyte = Bytes::from(vec![b'a'; 1 << 20]);
    if body.send_data(Bytes::copy_from_slice(&head), false).is_err() {
        return 0;
    }
    let mut sent = 0;
    while sent < 100 << 20 {
        body.reserve_capacity(megabyte.len());
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
        let Some(Ok(room)) = room else { break };
        let piece = megabyte.slice(..room.min(megabyte.len()));
        sent += piece.len();
        if body.send_data(piece, sent >= 100 << 20).is_err() {
            break;
        }
    }
    sent
}

#[tokio::test]
async fn a_message_of_a_hundred_megabytes_is_refused_without_being_read() {
    let server = TestServer::start().await;
    let send = caller(server.address, 65_535).await;
    for path in [UNARY, STREAM] {
        let (response, body) = call(&send, server.address, path).await.unwrap();
        let mut head = [0; 5];
        head[1..].copy_from_slice(&(100_u32 << 20).to_be_bytes());
        let sending = tokio::spawn(send_much(body, head));
        assert_eq!(status_of(response).await, "11", "OUT_OF_RANGE on {path}");
        // The window of the connection is the most that came in.
        let sent = timeout(FOR_EVER, sending).await.unwrap().unwrap();
        assert!(sent < 8 << 20, "{sent} bytes were taken on {path}");
        assert!(is_answered(&server).await);
    }
}

#[tokio::test]
async fn a_stranger_can_leave_little_with_health_and_no_more_than_a_few_times() {
    // The library ends a reflection stream that it cannot read without saying why.
    for (path, status) in [(HEALTH, "11"), (REFLECTION, "0")] {
        let server = TestServer::start().await;
        let send = caller(server.address, 65_535).await;
        let (response, mut body) = call(&send, server.address, path).await.unwrap();
        // The head of a message of four megabytes, which would be waited for.
        body.send_data(Bytes::from_static(&[0, 0, 0x40, 0, 0]), false).unwrap();
        assert_eq!(status_of(response).await, status, "on {path}");
        drop(body);
        let mut open = Vec::new();
        let refused = async {
            loop {
                assert!(open.len() < 100, "strangers may have as many calls as they like");
                let (response, body) = call(&send, server.address, path).await.unwrap();
                let mut response = Box::pin(response);
                // Answered at once when there is no place; otherwise the message
                // is waited for, or comes at some time.
                if let Ok(answer) = timeout(Duration::from_millis(50), &mut response).await
                    && let Some(status) = answer.unwrap().headers().get("grpc-status")
                {
                    break status.clone();
                }
                open.push((response, body));
            }
        };
        assert_eq!(timeout(FOR_EVER, refused).await.unwrap(), "8", "RESOURCE_EXHAUSTED on {path}");
        // Nobody else is the worse for it.
        HealthClient::new(server.channel().await).check(HealthCheckRequest::default()).await.unwrap();
        assert!(is_answered(&server).await);
        assert!(take_one(&send, server.address).await.is_ok(), "on the same connection");
    }
}

#[tokio::test]
async fn a_health_check_that_does_not_come_in_is_not_waited_for() {
    let limits = Options { message_timeout: Duration::from_millis(50), ..options() };
    let server = TestServer::start_with(limits).await;
    let send = caller(server.address, 65_535).await;
    let (response, _body) = call(&send, server.address, HEALTH).await.unwrap();
    assert_eq!(status_of(response).await, "4", "DEADLINE_EXCEEDED");
}

/// The status of an answer, in its head or in its trailers.
pub async fn status_of(response: ResponseFuture) -> http::HeaderValue {
    let (head, mut answer) = timeout(FOR_EVER, response).await.unwrap().unwrap().into_parts();
    match head.headers.get("grpc-status") {
        Some(status) => status.clone(),
        None => trailers(&mut answer).await["grpc-status"].clone(),
    }
}

/// So many bytes, compressed.
fn packed(bytes: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    let packed = gzip.finish().unwrap();
    let mut framed = BytesMut::new();
    framed.put_u8(1);
    framed.put_u32(u32::try_from(packed.len()).unwrap());
    framed.put(&packed[..]);
    framed.freeze()
}

/// What a call that sends that is told.
async fn told(send: &SendRequest<Bytes>, address: SocketAddr, path: &str, message: Bytes) -> Status {
    let (response, mut body) = call(send, address, path).await.unwrap();
    body.send_data(message, true).unwrap();
    let (head, mut answer) = timeout(FOR_EVER, response).await.unwrap().unwrap().into_parts();
    match Status::from_header_map(&head.headers) {
        Some(status) => status,
        None => Status::from_header_map(&trailers(&mut answer).await).unwrap(),
    }
}

/// What is broken at its end cannot be decoded, so that whoever names what comes
/// before has looked at it undecoded.
#[tokio::test]
async fn entries_are_counted_before_they_are_decoded() {
    let server = TestServer::start().await;
    let send = caller(server.address, 65_535).await;
    let many = |entry: &[u8], times| [&entry.repeat(times)[..], b"\xff"].concat();
    let inside = |head: u8, bytes: Vec<u8>| {
        let length = u8::try_from(bytes.len() & 0x7f).unwrap() | 0x80;
        [&[head, length, u8::try_from(bytes.len() >> 7).unwrap()], &bytes[..]].concat()
    };
    let texts = || inside(0x1a, b"\x22\0".repeat(300));
    let cases = [
        (BATCH, many(b"\x0a\0", 2_600_000), "requests has 2600000 entries, over the limit of 1000"),
        (
            BATCH,
            [inside(0x0a, texts()), vec![0xff]].concat(),
            "requests[0].thread.recent_texts has 300 entries, over the limit of 100",
        ),
        (UNARY, many(&texts(), 2), "thread.recent_texts has 600 entries, over the limit of 100"),
        (UNARY, many(b"\x20\x01", 1_000), "attributes has 1000 entries, over the limit of 32"),
        (
            STREAM,
            [inside(0x12, texts()), vec![0xff]].concat(),
            "request.thread.recent_texts has 300 entries, over the limit of 100",
        ),
    ];
    for (path, message, wanted) in cases {
        let status = told(&send, server.address, path, packed(&message)).await;
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, wanted));
        assert_eq!(status_fields(&status), [wanted.split(' ').next().unwrap()]);
    }
    assert!(is_answered(&server).await);
}

#[tokio::test]
async fn messages_have_so_many_bytes_together_and_unfinished_calls_take_few() {
    let room = Options { max_pending_bytes: 6 << 20, ..options() };
    let server = TestServer::start_with(room).await;
    let send = caller(server.address, 65_535).await;
    let large = comment("c1", &"t".repeat(5 << 19)).encode_to_vec();
    // Some kilobytes that stay that until their calls are whole.
    let mut unfinished = Vec::new();
    for _ in 0..20 {
        let (response, mut body) = call(&send, server.address, UNARY).await.unwrap();
        body.send_data(packed(&large), false).unwrap();
        unfinished.push((response, body));
    }
    let status = told(&send, server.address, UNARY, packed(&large)).await;
    assert_eq!(status_fields(&status), ["comment.text"], "there is room for one");
    // Open streams keep what their messages took.
    let streamed = pb::StreamModerateCommentsRequest {
        request_id: "r1".into(),
        request: Some(comment("c1", &"t".repeat(5 << 19))),
    };
    let streamed = packed(&streamed.encode_to_vec());
    let mut open = Vec::new();
    for _ in 0..2 {
        let send = caller(server.address, 65_535).await;
        let (response, mut body) = call(&send, server.address, STREAM).await.unwrap();
        body.send_data(streamed.clone(), false).unwrap();
        let mut answer = timeout(FOR_EVER, response).await.unwrap().unwrap().into_body();
        timeout(FOR_EVER, answer.data()).await.unwrap().unwrap().unwrap();
        open.push((body, answer));
    }
    let other = caller(server.address, 65_535).await;
    for (path, message) in [(UNARY, packed(&large)), (STREAM, streamed.clone())] {
        let status = told(&other, server.address, path, message).await;
        assert_eq!((status.code(), &*reason(&status)), (Code::ResourceExhausted, "OVERLOADED"));
    }
    assert!(is_answered(&server).await, "there is room for a short one");
    open.pop();
    let free = async {
        while told(&other, server.address, UNARY, packed(&large)).await.code() != Code::InvalidArgument {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FOR_EVER, free).await.expect("what an ended stream took is free");
    drop((unfinished, open));
}

#[tokio::test]
async fn a_call_of_one_message_has_one() {
    let server = TestServer::start().await;
    let send = caller(server.address, 65_535).await;
    let twice = framed(&comment("c1", "Lovely roses.")).repeat(2).into();
    let status = told(&send, server.address, UNARY, twice).await;
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "request must be the only one of its call")
    );
}

async fn trailers(body: &mut RecvStream) -> http::HeaderMap {
    while let Some(piece) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.unwrap().len());
    }
    body.trailers().await.unwrap().unwrap()
}

/// The preface and empty settings (RFC 9113, 3.4).
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of RFC 9113, 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn malformed_http2_closes_its_connection_and_no_other() {
    let server = TestServer::start().await;
    let mut bystander = server.client().await;
    let after_hello = |bytes: Vec<u8>| [HELLO, &bytes].concat();
    let endless =
        frame(1, 0, 1, &[0x40; 20]).into_iter().chain((0..2_000).flat_map(|_| frame(9, 0, 1, &[0x40; 30])));
    let cases: [(&str, Vec<u8>); 10] = [
        ("HTTP/1", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("no preface", vec![0xff; 200]),
        ("a preface cut short", HELLO[..20].iter().copied().chain([0; 100]).collect()),
        ("data on no stream", after_hello(frame(0, 0, 0, b"x"))),
        ("data before headers", after_hello(frame(0, 1, 1, b"x"))),
        ("headers that are no HPACK", after_hello(frame(1, 5, 1, &[0xff; 50]))),
        ("a header block that never ends", after_hello(endless.collect())),
        ("settings of a wrong length", after_hello(frame(4, 0, 0, &[0; 5]))),
        ("a window beyond its limit", after_hello(frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]))),
        (
            "a frame over the limit",
            after_hello([&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[0; 100]].concat()),
        ),
    ];
    for (name, bytes) in cases {
        let mut peer = TcpStream::connect(server.address).await.unwrap();
        // The server may be quicker to close than the peer to write.
        let _ = peer.write_all(&bytes).await;
        let closed = timeout(FOR_EVER, peer.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "{name}: the connection stays open");
        bystander.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    }
    assert!(is_answered(&server).await);
}

/// Streams opened and reset at once (CVE-2023-44487) cost the peer its
/// connection, or nobody anything.
#[tokio::test]
async fn streams_that_are_reset_at_once_hurt_nobody() {
    let server = TestServer::start().await;
    let send = caller(server.address, 65_535).await;
    for _ in 0..5_000 {
        let Ok((response, mut body)) = call(&send, server.address, UNARY).await else { break };
        body.send_reset(h2::Reason::CANCEL);
        drop(response);
    }
    assert!(is_answered(&server).await);
}
