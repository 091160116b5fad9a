//! Everything that a server writes, at its most talkative, whatever it is sent,
//! its metrics and its audit log included: no text, no author, no key, and no
//! name of a site that is not the caller's.

use crate::support::{Folder, run, thresher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Request, Status};

const TEXT: &str = "xyzzytext";
const AUTHOR: &str = "xyzzyauthor";
const SITE: &str = "xyzzysite";
const HEADER: &str = "xyzzyheader";

/// A server and what it has written so far.
struct Server {
    child: Child,
    address: String,
    admin: String,
    written: Arc<Mutex<String>>,
}

impl Server {
    fn start(config: &str) -> Self {
        let mut child = thresher(&["serve", "--config", config])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut announced = String::new();
        out.read_line(&mut announced).unwrap();
        let address = announced.strip_prefix("listening on ").and_then(|rest| rest.split(',').next());
        let address = address.unwrap().to_owned();
        let mut probes = String::new();
        out.read_line(&mut probes).unwrap();
        let admin = probes.trim().strip_prefix("metrics and probes on ").unwrap().to_owned();
        written.lock().unwrap().push_str(&announced);
        let err = BufReader::new(child.stderr.take().unwrap());
        for pipe in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let written = Arc::clone(&written);
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines() {
                    let line = line.unwrap();
                    written.lock().unwrap().push_str(&(line + "\n"));
                }
            });
        }
        Self { child, address, admin, written }
    }

    /// What the admin port shows.
    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    async fn client(&self) -> ModerationServiceClient<Channel> {
        ModerationServiceClient::connect(format!("http://{}", self.address)).await.unwrap()
    }

    /// Waits until the server has written something so many times.
    async fn writes(&self, what: &str, times: usize) {
        let written = async {
            while self.written.lock().unwrap().matches(what).count() < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(120), written).await;
        waited.unwrap_or_else(|_| panic!("no {what} in\n{}", self.written.lock().unwrap()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_canaries(site: &str) -> pb::ModerateCommentRequest {
    let text = || format!("see {TEXT}");
    pb::ModerateCommentRequest {
        comment: Some(pb::Comment {
            comment_id: AUTHOR.into(),
            text: text(),
            parent: Some(pb::ParentComment { text: text() }),
            ..pb::Comment::default()
        }),
        thread: Some(pb::Thread {
            title: text(),
            body: text(),
            recent_texts: vec![text()],
            ..pb::Thread::default()
        }),
        site: site.into(),
        explain: true,
        ..pb::ModerateCommentRequest::default()
    }
}

/// Sends the request in every call; what is refused, if it is.
async fn send(
    client: &mut ModerationServiceClient<Channel>,
    authorization: &str,
    request: pb::ModerateCommentRequest,
) -> Vec<Status> {
    fn with<T>(authorization: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        request.metadata_mut().insert("x-canary", HEADER.parse().unwrap());
        request
    }
    let batch = pb::BatchModerateCommentsRequest { requests: vec![request.clone(), request.clone()] };
    let streamed =
        pb::StreamModerateCommentsRequest { request_id: AUTHOR.into(), request: Some(request.clone()) };
    let stream = with(authorization, tokio_stream::iter([streamed]));
    let answers = [
        client.moderate_comment(with(authorization, request)).await.err(),
        client.batch_moderate_comments(with(authorization, batch)).await.err(),
        match client.stream_moderate_comments(stream).await {
            Ok(answers) => answers.into_inner().filter_map(Result::err).collect::<Vec<_>>().await.pop(),
            Err(status) => Some(status),
        },
    ];
    answers.into_iter().flatten().collect()
}

#[tokio::test]
async fn nothing_that_is_written_holds_a_text_an_author_a_key_or_a_strangers_site() {
    for format in ["human", "json"] {
        let folder = Folder::new();
        let file = folder.file("keys.toml");
        let create = |site: &str, role: &str| {
            let ran = run(&["keys", "create", "--site", site, "--role", role, "--file", &file]);
            ran.out.trim().to_owned()
        };
        let (key, feedback) = (create("news", "moderate"), create("news", "feedback"));
        let config = format!(
            "listen = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\naudit.file = \"audit.jsonl\"\nkeys.file = \"keys.toml\"\nlame_duck_ms = 0\n\
             log = {{ level = \"trace\", format = \"{format}\" }}\n\
             limits = {{ max_text_bytes = 1000, comments_per_second = 1, comments_burst = 20, \
             max_batch_comments = 20 }}\n"
        );
        let server = Server::start(&folder.write("thresher.toml", config));
        let mut client = server.client().await;
        let bearer = format!("Bearer {key}");

        let mut refused = Vec::new();
        refused.extend(send(&mut client, &bearer, with_canaries("news")).await);
        assert_eq!(refused.len(), 0, "{refused:?}");
        let mut long = with_canaries("news");
        long.comment.as_mut().unwrap().text = TEXT.repeat(1_000);
        let mut bad = with_canaries(&format!("{SITE} {SITE}"));
        bad.attributes = vec![77];
        bad.comment.as_mut().unwrap().comment_id = AUTHOR.repeat(100);
        for request in [long, bad, with_canaries(SITE)] {
            refused.extend(send(&mut client, &bearer, request).await);
        }
        let strangers = [
            format!("Bearer {feedback}"),
            format!("Bearer {}{}", &key[..76], if key.ends_with('0') { 1 } else { 0 }),
            format!("Bearer {HEADER}"),
            format!("Basic {key}"),
            key.clone(),
        ];
        for authorization in &strangers {
            let all = send(&mut client, authorization, with_canaries(SITE)).await;
            assert_eq!(all.len(), 3, "{all:?}");
            refused.extend(all);
        }
        for _ in 0..10 {
            refused.extend(send(&mut client, &bearer, with_canaries("news")).await.into_iter().take(1));
        }
        assert!(refused.iter().any(|status| status.code() == tonic::Code::ResourceExhausted));

        // A key that was put where it does not belong.
        for (times, broken) in
            [format!("{key} = 1\n"), format!("[[key]]\n{key}\n"), format!("key = \"{key}\"\n")]
                .into_iter()
                .enumerate()
        {
            folder.write("keys.toml", broken);
            server.writes("the keys stay as they were", times + 1).await;
        }
        // The last call has been logged when the next thing after it has.
        server.writes("ModerateComment", 30).await;

        let told: Vec<String> = refused
            .iter()
            .map(|status| format!("{status:?} {}", String::from_utf8_lossy(status.details())))
            .collect();
        let metrics = server.metrics();
        assert!(
            metrics.contains("thresher_requests_total{") && metrics.contains("code=\"PERMISSION_DENIED\"")
        );
        let audit = std::fs::read_to_string(folder.file("audit.jsonl")).unwrap();
        assert!(audit.contains("\"site\":\"news\""), "{audit}");
        let logged = server.written.lock().unwrap().clone();
        let written = [logged, told.join("\n"), metrics, audit].join("\n");
        let (secret, other) = (&key[13..], &feedback[13..]);
        for canary in [TEXT, AUTHOR, SITE, HEADER, &secret[..16], &secret[40..], &other[..16]] {
            let leaked = written.lines().find(|line| line.contains(canary));
            assert_eq!(leaked, None, "{canary} was written");
        }
        // The id of a key is no secret: it is what a log knows the caller by.
        assert!(written.contains(&key[4..12]), "{written}");
    }
}
