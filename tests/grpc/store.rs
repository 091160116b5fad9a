//! Several servers that share what they remember in a store, and what becomes
//! of it when the store is lost.

#[path = "../store/server.rs"]
pub mod server;

use crate::metrics::{becomes, sample};
use crate::support::*;
use server::StoreServer;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thresher::server::{Options, pb};
use tokio::time::{Duration, sleep, timeout};
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const RULES: &str = r#"
[site.default]
[[site.default.rules]]
name = "copies"
when = "repeat.near_count >= 0 && rate.author_day >= 0"
then = "FLAG"
[site.quiet]
[[site.quiet.rules]]
name = "copies"
enabled = false
"#;
const TEXT: &str = "I was tired of my old garden until I found the shop where everything costs half";

async fn share(store: &StoreServer) -> TestServer {
    let options = Options { store: Some(store.options()), ..options() };
    let server = TestServer::start_with_rules(RULES, options).await;
    becomes(&server, "thresher_store_lost", 0.0).await;
    server
}

fn by(author: &str, text: &str) -> pb::ModerateCommentRequest {
    let mut request = comment("", text);
    let asked = request.comment.as_mut().unwrap();
    asked.author = Some(pb::Author { author_id: author.into(), ..pb::Author::default() });
    asked.client = Some(pb::Client { ip: "203.0.113.77".into(), ..pb::Client::default() });
    request
}

/// How often the text was seen before, and how many comments its author sent.
fn counts(response: &pb::ModerateCommentResponse) -> [i64; 2] {
    let reason = response.reasons.iter().find(|reason| reason.rule == "copies").unwrap();
    let counts: Vec<i64> = reason.counts.iter().map(|count| i64::from(count.count)).collect();
    counts.try_into().unwrap()
}

#[tokio::test]
async fn servers_at_one_store_remember_together() {
    let Some(store) = StoreServer::start() else { return };
    let (first, second) = (share(&store).await, share(&store).await);
    let (mut one, mut two) = (first.client().await, second.client().await);
    for i in 0..3 {
        let response = one.moderate_comment(by("ann", TEXT)).await.unwrap().into_inner();
        assert_eq!(counts(&response), [2 * i, 2 * i]);
        let response = two.moderate_comment(by("ann", TEXT)).await.unwrap().into_inner();
        assert_eq!(counts(&response), [2 * i + 1, 2 * i + 1]);
    }

    // A batch counts in its order, and so does a stream.
    let requests: Vec<_> = (0..300).map(|_| by("bob", TEXT)).collect();
    let batch = pb::BatchModerateCommentsRequest { requests: requests.clone() };
    let answers = two.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
    for (i, answer) in (0..).zip(&answers) {
        assert_eq!(counts(response(answer)), [6 + i, i]);
    }
    let streamed: Vec<_> = requests[..50]
        .iter()
        .map(|request| pb::StreamModerateCommentsRequest {
            request_id: String::new(),
            request: Some(request.clone()),
        })
        .collect();
    let mut answers = one.stream_moderate_comments(tokio_stream::iter(streamed)).await.unwrap().into_inner();
    for i in 0..50 {
        let answer = answers.next().await.unwrap().unwrap().answer.unwrap();
        assert_eq!(counts(response(&answer)), [306 + i, 300 + i]);
    }
    becomes(&first, "thresher_store_comments_total{outcome=\"ok\"}", 53.0).await;
    becomes(&second, "thresher_store_comments_total{outcome=\"ok\"}", 303.0).await;
    becomes(&first, "thresher_store_lost", 0.0).await;

    // What cannot be judged is not remembered either.
    let bad = pb::ModerateCommentRequest { site: "no site\n".into(), ..by("bob", TEXT) };
    one.moderate_comment(bad).await.unwrap_err();
    let response = two.moderate_comment(by("cid", TEXT)).await.unwrap().into_inner();
    assert_eq!(counts(&response), [356, 0]);
}

#[tokio::test]
async fn nothing_in_the_store_can_be_read_and_everything_in_it_ends() {
    let Some(store) = StoreServer::start() else { return };
    let server = share(&store).await;
    let mut client = server.client().await;
    // Where no rule asks, nothing is sent: there is what the store was tried with.
    let quiet = pb::ModerateCommentRequest { site: "quiet".into(), ..by("ann", TEXT) };
    client.moderate_comment(quiet).await.unwrap();
    let before = store.entries().len();
    assert_eq!(before, 2);

    let mut request = by("the-author-of-it", &format!("{TEXT} at https://shop.example.com/a"));
    request.comment.as_mut().unwrap().comment_id = "the-name-of-it".into();
    request.thread = Some(pb::Thread { thread_id: "the-thread-of-it".into(), ..thread() });
    client.moderate_comment(request).await.unwrap();
    let entries = store.entries();
    assert!(entries.len() > before + 10, "{}", entries.len());
    let told = ["garden", "shop", "author-of", "name-of", "thread-of", "203.0.113", "default"];
    let octets: [&[u8]; 2] = [&[203, 0, 113, 77], &[203, 0, 113]];
    for entry in &entries {
        assert!((1..=86_400).contains(&entry.ttl));
        assert!(entry.key.starts_with(b"thresher:1:") && entry.bytes < 512);
        for bytes in [&entry.key, &entry.value] {
            let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            assert!(!told.iter().any(|part| holds(part.as_bytes())));
            assert!(!octets.iter().any(|part| holds(part)));
        }
    }
}

/// Calls without end, each of which must succeed; counts them.
fn load(server: &TestServer, done: &Arc<AtomicBool>, calls: &Arc<AtomicU64>) -> tokio::task::JoinHandle<()> {
    let (endpoint, done, calls) = (server.endpoint(), Arc::clone(done), Arc::clone(calls));
    tokio::spawn(async move {
        let channel = endpoint.connect().await.unwrap();
        let mut client = pb::moderation_service_client::ModerationServiceClient::new(channel);
        while !done.load(Ordering::Relaxed) {
            let response = client.moderate_comment(by("ann", TEXT)).await.unwrap().into_inner();
            assert_eq!(response.action(), pb::Action::Flag);
            calls.fetch_add(1, Ordering::Relaxed);
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_killed_under_load_fails_no_call_and_counts_again_when_it_is_back() {
    let Some(mut store) = StoreServer::start() else { return };
    let (first, second) = (share(&store).await, share(&store).await);
    let (done, calls) = (Arc::default(), Arc::default());
    let callers: Vec<_> =
        [&first, &second, &first, &second].iter().map(|server| load(server, &done, &calls)).collect();
    let some_calls = async || {
        let from = calls.load(Ordering::Relaxed);
        let waiting = async {
            while calls.load(Ordering::Relaxed) < from + 200 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(FOR_EVER, waiting).await.expect("calls go on");
    };
    some_calls().await;
    store.kill();
    for server in [&first, &second] {
        becomes(server, "thresher_store_lost", 1.0).await;
    }
    some_calls().await;
    let mut health = HealthClient::new(first.channel().await);
    for service in ["", "thresher.v1.ModerationService"] {
        let asked = HealthCheckRequest { service: service.into() };
        assert_eq!(health.check(asked).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    // Memory still counts while the store does not.
    let mut client = first.client().await;
    let response = client.moderate_comment(by("eve", TEXT)).await.unwrap().into_inner();
    assert!(counts(&response)[0] > 0);
    assert!(sample(&first, "thresher_store_comments_total{outcome=\"skipped\"}").await.unwrap() > 0.0);

    store.restart(&[]);
    for server in [&first, &second] {
        becomes(server, "thresher_store_lost", 0.0).await;
    }
    some_calls().await;
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        timeout(FOR_EVER, caller).await.unwrap().unwrap();
    }
    // What one has seen since, the other knows.
    let (mut one, mut two) = (first.client().await, second.client().await);
    let text = TEXT.replace("garden", "kitchen and the bathroom beside it");
    assert_eq!(counts(&one.moderate_comment(by("fay", &text)).await.unwrap().into_inner())[1], 0);
    assert_eq!(counts(&two.moderate_comment(by("fay", &text)).await.unwrap().into_inner())[1], 1);
}

#[tokio::test]
async fn a_store_that_hangs_or_is_full_is_not_waited_for() {
    let Some(mut store) = StoreServer::start() else { return };
    let files = thresher::server::StoreFiles {
        timeout: Duration::from_millis(500),
        ..store.files("a secret of tests")
    };
    let options = thresher::server::StoreOptions::open(&files).unwrap();
    let server =
        TestServer::start_with_rules(RULES, Options { store: Some(options), ..self::options() }).await;
    let mut client = server.client().await;
    becomes(&server, "thresher_store_lost", 0.0).await;
    // It takes calls and answers none.
    let pause = redis::cmd("CLIENT").arg("PAUSE").arg(600_000).query::<()>(&mut store.connect());
    pause.unwrap();
    for i in 0..50 {
        let response = client.moderate_comment(by("ann", TEXT)).await.unwrap().into_inner();
        assert_eq!(counts(&response), [i, i]);
    }
    becomes(&server, "thresher_store_lost", 1.0).await;
    let failed = sample(&server, "thresher_store_comments_total{outcome=\"failed\"}").await.unwrap();
    assert!((1.0..50.0).contains(&failed), "{failed}");

    // One that takes nothing more is no store either.
    store.restart(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    sleep(Duration::from_millis(700)).await;
    assert_eq!(sample(&server, "thresher_store_lost").await, Some(1.0));
    assert_eq!(counts(&client.moderate_comment(by("ann", TEXT)).await.unwrap().into_inner()), [50, 50]);
}

/// A single comment and one of a stream, each of which waits for the store.
#[tokio::test]
async fn the_deadline_of_a_site_goes_on_while_the_store_is_waited_for() {
    for is_stream in [false, true] {
        let Some(store) = StoreServer::start() else { return };
        let timeout = Duration::from_millis(300);
        let files = thresher::server::StoreFiles { timeout, ..store.files("a secret of tests") };
        let store_options = thresher::server::StoreOptions::open(&files).unwrap();
        let rules = RULES.replacen("[[", "fail = { deadline_ms = 50, model = \"queue\" }\n[[", 1);
        let options = Options { store: Some(store_options), ..options() };
        let server = TestServer::start_with_rules(&rules, options).await;
        becomes(&server, "thresher_store_lost", 0.0).await;
        redis::cmd("CLIENT").arg("PAUSE").arg(600_000).query::<()>(&mut store.connect()).unwrap();
        let (mut client, request) = (server.client().await, by("ann", TEXT));
        let late = if is_stream {
            let request = Some(request);
            let requests = [pb::StreamModerateCommentsRequest { request_id: String::new(), request }];
            let answers = client.stream_moderate_comments(tokio_stream::iter(requests)).await;
            let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
            response(&answer.answer.unwrap()).clone()
        } else {
            client.moderate_comment(request).await.unwrap().into_inner()
        };
        assert_eq!((late.action(), late.reasons[0].rule.as_str()), (pb::Action::Hold, "fail.deadline"));
    }
}

#[tokio::test]
async fn the_log_tells_once_when_a_store_comes_and_goes() {
    let Some(mut store) = StoreServer::start() else { return };
    store.kill();
    let (policy, config) = (store.folder().join("policy.toml"), store.folder().join("thresher.toml"));
    std::fs::write(&policy, RULES).unwrap();
    let files = store.files("a secret of tests");
    let (address, secret) = (&files.address, files.secret.display());
    let text = format!(
        "policy = \"policy.toml\"\n[state]\naddress = \"{address}\"\nsecret = \"{secret}\"\ntimeout_ms = 1000\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thresher"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = move || {
        let line = lines.find(|line| line.as_ref().unwrap().contains("the store of what is remembered"));
        line.unwrap().unwrap()
    };
    let mut out = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut out).unwrap();
    let address = out.strip_prefix("listening on ").unwrap().split(',').next().unwrap().to_owned();
    assert!(told().contains("cannot be reached; only this server's memory counts"));
    store.restart(&[]);
    let (line, mut told) = tokio::task::spawn_blocking(move || (told(), told)).await.unwrap();
    assert!(line.contains("INFO") && line.contains("is reached again"), "{line}");
    store.kill();
    let mut client =
        pb::moderation_service_client::ModerationServiceClient::connect(format!("http://{address}"))
            .await
            .unwrap();
    for _ in 0..20 {
        client.moderate_comment(by("ann", TEXT)).await.unwrap();
    }
    store.restart(&[]);
    let (line, told) = tokio::task::spawn_blocking(move || (told(), told)).await.unwrap();
    assert!(line.contains("WARN") && line.contains("is lost; only this server's memory counts"), "{line}");
    assert!(!line.contains("garden"));
    let line = tokio::task::spawn_blocking(told).await.unwrap();
    assert!(line.contains("is reached again"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}
