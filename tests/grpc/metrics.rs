use crate::support::*;
use std::net::SocketAddr;
use std::sync::Arc;
use thresher::policy::Policies;
use thresher::server::{Options, Security, pb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Sends one request to the admin port and reads until it closes.
async fn ask(admin: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    stream.write_all(format!("{head}\r\nhost: here\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    timeout(FOR_EVER, stream.read_to_string(&mut response)).await.unwrap().unwrap();
    response
}

async fn get(server: &TestServer, path: &str) -> String {
    ask(server.admin, &format!("GET {path} HTTP/1.1")).await
}

/// The value of a sample, on the admin port of a server.
pub async fn sample(server: &TestServer, sample: &str) -> Option<f64> {
    let text = get(server, "/metrics").await;
    let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// Waits until a sample has a value. A call is counted when its response is
/// gone, which may be a moment after it was read.
pub async fn becomes(server: &TestServer, name: &str, value: f64) {
    let becoming = async {
        while sample(server, name).await != Some(value) {
            tokio::task::yield_now().await;
        }
    };
    let waited = timeout(FOR_EVER, becoming).await;
    assert!(waited.is_ok(), "{name} is not {value}:\n{}", get(server, "/metrics").await);
}

#[tokio::test]
async fn calls_and_comments_are_counted_by_what_became_of_them() {
    let policies = Policies::parse(
        "[site.default]\nSPAM = { hold = 0 }\n[site.open]\nSPAM = { hold = false }\n",
        "the test's policies",
    );
    let server = TestServer::start_on(Arc::new(policies.unwrap().into())).await;
    let mut client = server.client().await;
    let on =
        |site: &str| pb::ModerateCommentRequest { site: site.into(), ..comment("c1", "Good morning to all") };
    client.moderate_comment(on("")).await.unwrap();
    client.moderate_comment(on("open")).await.unwrap();
    client.moderate_comment(on("elsewhere")).await.unwrap();
    client.moderate_comment(comment("c1", " ")).await.unwrap_err();
    let in_thread = pb::ModerateCommentRequest { thread: Some(thread()), ..on("") };
    let requests = vec![in_thread.clone(), in_thread, on("open"), comment("c2", "")];
    client.batch_moderate_comments(pb::BatchModerateCommentsRequest { requests }).await.unwrap();
    let requests = tokio_stream::iter([streamed("r1", "Good evening to all")]);
    let answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), 1);

    for (name, value) in [
        (
            "thresher_requests_total{rpc=\"ModerateComment\",site=\"default\",action=\"HOLD\",code=\"OK\"}",
            1.0,
        ),
        (
            "thresher_requests_total{rpc=\"ModerateComment\",site=\"open\",action=\"PUBLISH\",code=\"OK\"}",
            1.0,
        ),
        ("thresher_requests_total{rpc=\"ModerateComment\",site=\"other\",action=\"HOLD\",code=\"OK\"}", 1.0),
        (
            "thresher_requests_total{rpc=\"ModerateComment\",site=\"\",action=\"\",code=\"INVALID_ARGUMENT\"}",
            1.0,
        ),
        ("thresher_requests_total{rpc=\"BatchModerateComments\",site=\"\",action=\"\",code=\"OK\"}", 1.0),
        ("thresher_requests_total{rpc=\"StreamModerateComments\",site=\"\",action=\"\",code=\"OK\"}", 1.0),
        ("thresher_request_duration_seconds_count{rpc=\"StreamModerateComments\"}", 1.0),
        ("thresher_comments_total{site=\"default\",action=\"HOLD\"}", 4.0),
        ("thresher_comments_total{site=\"open\",action=\"PUBLISH\"}", 2.0),
        ("thresher_comments_total{site=\"other\",action=\"HOLD\"}", 1.0),
        ("thresher_refusals_total{reason=\"INVALID_REQUEST\"}", 2.0),
        ("thresher_phase_duration_seconds_count{phase=\"parse\"}", 7.0),
        ("thresher_phase_duration_seconds_count{phase=\"total\"}", 7.0),
        ("thresher_score_count{attribute=\"TOXICITY\"}", 7.0),
        ("thresher_score_count{attribute=\"OFF_TOPIC\"}", 2.0),
        ("thresher_thread_memo_total{outcome=\"hit\"}", 1.0),
        ("thresher_thread_memo_total{outcome=\"miss\"}", 0.0),
        ("thresher_calls_in_flight", 0.0),
        ("thresher_connections_open", 1.0),
        ("thresher_serving", 1.0),
    ] {
        becomes(&server, name, value).await;
    }
}

#[tokio::test]
async fn callers_cannot_make_up_labels() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for i in 0..50 {
        let site = format!("xyzzy{i}");
        let request = pb::ModerateCommentRequest { site, ..comment("xyzzyid", "Good morning to xyzzy") };
        client.moderate_comment(request).await.unwrap();
    }
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/xyzzy.Service/Xyzzy");
    let codec = tonic_prost::ProstCodec::<pb::ModerateCommentRequest, pb::ModerateCommentResponse>::default();
    grpc.unary(tonic::Request::new(comment("c1", "Hello")), path, codec).await.unwrap_err();
    becomes(&server, "thresher_comments_total{site=\"other\",action=\"PUBLISH\"}", 50.0).await;
    let unknown = "thresher_requests_total{rpc=\"other\",site=\"\",action=\"\",code=\"UNIMPLEMENTED\"}";
    becomes(&server, unknown, 1.0).await;
    assert!(!get(&server, "/metrics").await.contains("xyzzy"));
}

#[tokio::test]
async fn what_is_shed_is_counted_and_places_are_given_back() {
    let server = TestServer::start_with(Options { max_concurrent_calls: 1, ..options() }).await;
    let mut client = server.client().await;
    let (hold, held) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(held);
    let answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
    becomes(&server, "thresher_calls_in_flight", 1.0).await;
    client.moderate_comment(comment("c1", "Hello")).await.unwrap_err();
    becomes(&server, "thresher_refusals_total{reason=\"OVERLOADED\"}", 1.0).await;
    let shed =
        "thresher_requests_total{rpc=\"ModerateComment\",site=\"\",action=\"\",code=\"RESOURCE_EXHAUSTED\"}";
    becomes(&server, shed, 1.0).await;
    // The caller goes away in the middle of the call.
    drop((answers, hold, client));
    let gone =
        "thresher_requests_total{rpc=\"StreamModerateComments\",site=\"\",action=\"\",code=\"CANCELLED\"}";
    becomes(&server, gone, 1.0).await;
    becomes(&server, "thresher_calls_in_flight", 0.0).await;
    assert_eq!(sample(&server, "thresher_calls_limit").await, Some(1.0));
}

#[tokio::test]
async fn connections_that_came_and_went_leave_nothing_behind() {
    let server = TestServer::start().await;
    // The tasks of the test look like calls that wait, and come and go with it.
    let waiting = async || sample(&server, "thresher_calls_waiting").await.unwrap();
    let before = waiting().await;
    for _ in 0..60 {
        server.client().await.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
    }
    becomes(&server, "thresher_connections_open", 0.0).await;
    let gone = async {
        while waiting().await > before + 10.0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(std::time::Duration::from_secs(20), gone).await.expect("tasks are left");
}

#[tokio::test]
async fn probes_tell_whether_calls_are_taken() {
    let mut server = TestServer::start_with(Options { lame_duck: NEVER, ..options() }).await;
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(get(&server, "/readyz").await.ends_with("\r\n\r\nready\n"));
    let metrics = get(&server, "/metrics").await;
    assert!(metrics.contains("content-type: application/openmetrics-text"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    server.stop();
    becomes(&server, "thresher_serving", 0.0).await;
    let draining = get(&server, "/readyz").await;
    assert!(draining.starts_with("HTTP/1.1 503 ") && draining.ends_with("draining\n"), "{draining}");
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    server.abort();
}

#[tokio::test]
async fn the_admin_port_refuses_what_it_does_not_know_and_goes_on() {
    let server = TestServer::start_secured(Security::default(), options()).await;
    for (head, status) in [
        ("POST /metrics HTTP/1.1", "405"),
        ("DELETE /healthz HTTP/1.1", "405"),
        ("GET / HTTP/1.1", "404"),
        ("GET /metrics/../etc/passwd HTTP/1.1", "404"),
        ("xyzzy", "400"),
    ] {
        let response = ask(server.admin, head).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {response}");
    }
    // A head without end is cut; whether its peer still hears why is chance.
    let mut endless = TcpStream::connect(server.admin).await.unwrap();
    let _ = endless.write_all(format!("GET /{} HTTP/1.1", "x".repeat(100_000)).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(FOR_EVER, endless.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    // Silent peers take no place from others for good.
    let silent: Vec<TcpStream> = {
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(TcpStream::connect(server.admin).await.unwrap());
        }
        all
    };
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(silent);
    // Of those that stay, the oldest make room; the newest are still there.
    let mut staying = Vec::new();
    for _ in 0..40 {
        let mut one = TcpStream::connect(server.admin).await.unwrap();
        one.write_all(b"GET /").await.unwrap();
        staying.push(one);
    }
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let ended = timeout(FOR_EVER, staying[0].read(&mut [0])).await.unwrap();
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    let last = timeout(std::time::Duration::from_millis(50), staying[39].read(&mut [0])).await;
    assert!(last.is_err(), "{last:?}");
}
