use crate::support::*;
use serde_json::Value;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use thresher::server::{Options, pb};
use thresher::telemetry::{self, LogFormat};
use tokio_stream::StreamExt;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::fmt::format::FmtSpan;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A subscriber that takes nothing.
///
/// While there is only one subscriber in a process, tracing asks about a place
/// in the code that it comes to for the first time on whatever thread it comes
/// there, and the threads of the other tests have none. With a second one it
/// asks all there are.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Logs what happens on this thread from now on. Server and client run on the
/// test's own thread.
fn listen(subscriber: impl Subscriber + Send + Sync) -> DefaultGuard {
    LazyLock::force(&SECOND);
    tracing::subscriber::set_default(subscriber)
}

const CANARY: &str = "xyzzycanary";

/// A request with the canary wherever a request holds a text.
fn with_canary(site: &str) -> pb::ModerateCommentRequest {
    let canary = || format!("see {CANARY}");
    let mut request = comment("c1", &canary());
    request.comment.as_mut().unwrap().parent = Some(pb::ParentComment { text: canary() });
    request.thread = Some(pb::Thread {
        title: canary(),
        body: canary(),
        recent_texts: vec![canary()],
        ..pb::Thread::default()
    });
    request.site = site.into();
    request.explain = true;
    request
}

/// Calls every method with good and bad requests, until the server has ended.
async fn use_a_server() {
    let small = Options { max_message_bytes: 10_000, ..options() };
    let mut server = TestServer::start_with(small).await;
    let mut client = server.client().await;
    client.moderate_comment(with_canary("news.example")).await.unwrap();
    let mut bad = with_canary(CANARY);
    bad.attributes = vec![77];
    client.moderate_comment(bad.clone()).await.unwrap_err();
    client.moderate_comment(comment("c1", &CANARY.repeat(2_000))).await.unwrap_err();
    let batch = pb::BatchModerateCommentsRequest { requests: vec![with_canary(""), bad.clone()] };
    client.batch_moderate_comments(batch).await.unwrap();
    let requests = [with_canary(""), bad]
        .map(|request| pb::StreamModerateCommentsRequest { request_id: "r1".into(), request: Some(request) });
    let stream = client.stream_moderate_comments(tokio_stream::iter(requests)).await.unwrap();
    assert_eq!(stream.into_inner().collect::<Vec<_>>().await.len(), 2);
    drop(client);
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn no_log_holds_a_text_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let guard = listen(subscriber);
    use_a_server().await;
    drop(guard);
    let text = log.text();
    for target in ["thresher::server", "h2::"] {
        assert!(text.contains(target), "nothing was logged by {target}");
    }
    let leaked = text.lines().find(|line| line.contains(CANARY));
    assert_eq!(leaked, None);
}

#[tokio::test]
async fn a_call_is_one_line_with_its_site_code_and_time() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = telemetry::subscriber(LogFormat::Json, LevelFilter::DEBUG, move || writer.clone());
    let guard = listen(subscriber);
    use_a_server().await;
    drop(guard);
    let lines: Vec<Value> = log.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["span"]["name"] == "call").collect();
    let shown: Vec<_> = calls
        .iter()
        .map(|line| {
            let span = &line["span"];
            let rpc = span["rpc"].as_str().unwrap().rsplit('/').next().unwrap();
            assert_eq!(line["level"], "DEBUG");
            assert!(line["time.busy"].is_string(), "{line}");
            (rpc, span["site"].as_str(), span["code"].as_str())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("ModerateComment", Some("news.example"), Some("OK")),
            ("ModerateComment", None, Some("INVALID_ARGUMENT")),
            ("ModerateComment", None, Some("OUT_OF_RANGE")),
            ("BatchModerateComments", None, Some("OK")),
            ("StreamModerateComments", None, Some("OK")),
        ]
    );
}
