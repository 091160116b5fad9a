//! Traces, as a collector gets them: the real program sends to a real receiver
//! of OTLP.

use crate::support::{Folder, run, thresher};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

const TEXT: &str = "xyzzytext";
const AUTHOR: &str = "xyzzyauthor";

/// What a collector was sent.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collected {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collected {
    /// A collector that listens, and where.
    async fn listen() -> (Collected, String) {
        let collected = Collected::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(collected.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collected, address)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }
}

/// A server that is told to send traces there.
fn start(folder: &Folder, endpoint: &str, one_in: u32, level: &str) -> (Child, String) {
    start_with(folder, endpoint, one_in, level, "")
}

/// The same, with more in its configuration.
fn start_with(folder: &Folder, endpoint: &str, one_in: u32, level: &str, more: &str) -> (Child, String) {
    let config = format!(
        "listen = \"127.0.0.1:0\"\nlame_duck_ms = 0\n[otlp]\nendpoint = {endpoint:?}\none_in = {one_in}\n\
         service = \"comments\"\n[log]\nlevel = {level:?}\nformat = \"json\"\n{more}"
    );
    let config = folder.write("thresher.toml", config);
    let mut child = thresher(&["serve", "--config", &config])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut announced = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
    let address = announced.strip_prefix("listening on ").unwrap().split(',').next().unwrap().to_owned();
    (child, address)
}

async fn client(address: &str) -> ModerationServiceClient<Channel> {
    ModerationServiceClient::connect(format!("http://{address}")).await.unwrap()
}

/// Ends the server as a service manager would; what it logged, and how long it
/// took to end.
fn end(mut child: Child) -> (String, Duration) {
    let started = Instant::now();
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let mut logged = String::new();
    child.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{logged}");
    (logged, started.elapsed())
}

fn request(text: &str) -> pb::ModerateCommentRequest {
    let author =
        pb::Author { author_id: AUTHOR.into(), display_name: AUTHOR.into(), ..pb::Author::default() };
    let comment = pb::Comment {
        text: text.into(),
        comment_id: AUTHOR.into(),
        author: Some(author),
        ..pb::Comment::default()
    };
    let thread = pb::Thread { title: TEXT.into(), ..pb::Thread::default() };
    pb::ModerateCommentRequest {
        comment: Some(comment),
        thread: Some(thread),
        ..pb::ModerateCommentRequest::default()
    }
}

fn traced<T>(message: T, trace: &str, sampled: bool) -> Request<T> {
    let mut request = Request::new(message);
    let parent = format!("00-{trace}-00f067aa0ba902b7-{:02x}", u8::from(sampled));
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request.metadata_mut().insert("tracestate", format!("other={AUTHOR}").parse().unwrap());
    request
}

fn attribute<'s>(attributes: &'s [KeyValue], key: &str) -> Option<&'s str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_stands_in_its_callers_trace_with_its_phases_and_without_any_text() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const UNWANTED: &str = "4bf92f3577b34da6a3ce929d0e0e4737";
    const REFUSED: &str = "4bf92f3577b34da6a3ce929d0e0e4738";
    const BATCH: &str = "4bf92f3577b34da6a3ce929d0e0e4739";
    let (collected, endpoint) = Collected::listen().await;
    let folder = Folder::new();
    // So seldom that only those are traced whose callers want it.
    let (child, address) = start(&folder, &endpoint, 1_000_000, "debug");
    let mut client = client(&address).await;
    let text = format!("see {TEXT} here");
    client.moderate_comment(traced(request(&text), TRACE, true)).await.unwrap();
    client.moderate_comment(traced(request(&text), UNWANTED, false)).await.unwrap();
    client.moderate_comment(traced(request(""), REFUSED, true)).await.unwrap_err();
    let batch = pb::BatchModerateCommentsRequest { requests: vec![request(&text), request(&text)] };
    client.batch_moderate_comments(traced(batch, BATCH, true)).await.unwrap();
    // The last spans are sent when the server ends.
    let (logged, _) = end(child);

    let spans = collected.spans();
    let of = |trace: &str| spans.iter().filter(|span| hex(&span.trace_id) == trace).collect::<Vec<_>>();
    let (calls, phases): (Vec<_>, Vec<_>) =
        of(TRACE).into_iter().partition(|span| span.kind() == SpanKind::Server);
    let [call] = calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.name, "thresher.v1.ModerationService/ModerateComment");
    assert_eq!(hex(&call.parent_span_id), "00f067aa0ba902b7");
    for (key, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "thresher.v1.ModerationService/ModerateComment"),
        ("rpc.response.status_code", "OK"),
        ("thresher.site", "default"),
        ("thresher.action", "PUBLISH"),
    ] {
        assert_eq!(attribute(&call.attributes, key), Some(value), "{call:?}");
    }
    let names: Vec<&str> = phases.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["parse", "thread", "analyse", "vectorise", "score", "policy", "respond"]);
    for phase in &phases {
        assert_eq!(phase.parent_span_id, call.span_id);
        assert!(phase.start_time_unix_nano <= phase.end_time_unix_nano);
        assert!(phase.start_time_unix_nano >= call.start_time_unix_nano, "{phase:?} of {call:?}");
    }
    assert!(phases.windows(2).all(|two| two[0].end_time_unix_nano == two[1].start_time_unix_nano));

    assert_eq!(of(UNWANTED).len(), 0, "a caller that does not trace is traced");
    let refused = of(REFUSED);
    assert_eq!(refused.len(), 1, "a call that was refused has no phases");
    assert_eq!(attribute(&refused[0].attributes, "rpc.response.status_code"), Some("INVALID_ARGUMENT"));
    let status = refused[0].status.clone().unwrap_or_default();
    assert_ne!(status.code(), status::StatusCode::Error, "a caller's mistake is the server's fault");
    assert_eq!(of(BATCH).len(), 1, "a batch is one span");

    let resource = collected.0.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name"), Some("comments"));
    let all = format!("{:?}", collected.0.lock().unwrap());
    for canary in [TEXT, AUTHOR] {
        assert!(!all.contains(canary), "{canary} was exported");
        assert!(!logged.contains(canary), "{canary} was logged");
    }
    // A line of the log leads to the trace.
    assert!(logged.contains(&format!("\"trace_id\":\"{TRACE}\"")), "{logged}");
    assert!(!logged.contains(UNWANTED), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_what_is_refused_at_the_gate_are_not_traced() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const STRANGERS: &str = "4bf92f3577b34da6a3ce929d0e0e4737";
    let (collected, endpoint) = Collected::listen().await;
    let folder = Folder::new();
    let file = folder.file("keys.toml");
    let create = |role: &str| {
        let ran = run(&["keys", "create", "--site", "news", "--role", role, "--file", &file]);
        ran.out.trim().to_owned()
    };
    let (key, other) = (create("moderate"), create("feedback"));
    // Every call is traced whose caller does not say.
    let (child, address) = start_with(&folder, &endpoint, 1, "debug", "[keys]\nfile = \"keys.toml\"\n");
    let mut client = client(&address).await;
    let on_site = pb::ModerateCommentRequest { site: "news".into(), ..request("Thank you.") };
    let with = |mut request: Request<pb::ModerateCommentRequest>, key: &str| {
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        request
    };
    let strangers = traced(on_site.clone(), STRANGERS, true);
    client.moderate_comment(strangers).await.unwrap_err();
    client.moderate_comment(with(traced(on_site.clone(), STRANGERS, true), &other)).await.unwrap_err();
    client.moderate_comment(with(Request::new(on_site.clone()), &other)).await.unwrap_err();
    client.moderate_comment(with(traced(on_site, TRACE, true), &key)).await.unwrap();
    let (logged, _) = end(child);
    let traces: BTreeSet<_> = collected.spans().iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces, BTreeSet::from([TRACE.to_owned()]));
    assert!(logged.contains(TRACE) && !logged.contains(STRANGERS), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_trace_of_their_own_are_sampled_and_health_is_not() {
    let (collected, endpoint) = Collected::listen().await;
    let folder = Folder::new();
    let (child, address) = start(&folder, &endpoint, 1, "debug");
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    let mut client = ModerationServiceClient::new(channel);
    for _ in 0..3 {
        client.moderate_comment(request("Thank you.")).await.unwrap();
    }
    end(child);
    let calls: Vec<Span> =
        collected.spans().into_iter().filter(|span| span.kind() == SpanKind::Server).collect();
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(
        calls.iter().all(|call| call.parent_span_id.is_empty() && call.name.ends_with("/ModerateComment"))
    );
    assert!(calls[0].trace_id != calls[1].trace_id && calls[1].trace_id != calls[2].trace_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_never_answers_costs_a_line_and_keeps_nobody() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // It is connected to, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [gone, silent.local_addr().unwrap()] {
        let folder = Folder::new();
        let (child, server) = start(&folder, &format!("http://{address}"), 1, "info");
        let mut client = client(&server).await;
        // More than the queue holds.
        for _ in 0..400 {
            client.moderate_comment(request("Thank you.")).await.unwrap();
        }
        drop(client);
        let (logged, took) = end(child);
        assert!(took < Duration::from_secs(20), "it took {took:?} to end");
        let told = logged.matches("traces cannot be sent").count();
        assert!(told <= 1, "{logged}");
        assert!(told == 1 || address != gone, "{logged}");
    }
}
