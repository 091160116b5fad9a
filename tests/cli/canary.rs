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
use thresher::server::pb::model_service_client::ModelServiceClient;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

const TEXT: &str = "xyzzytext";
const AUTHOR: &str = "xyzzyauthor";
const SITE: &str = "xyzzysite";
const HEADER: &str = "xyzzyheader";
const MODEL: &str = "xyzzymodel";
const PATH: &str = "xyzzypath";

/// A server and what it has written so far.
pub struct Server {
    child: Child,
    address: String,
    admin: String,
    pub written: Arc<Mutex<String>>,
}

impl Server {
    pub fn start(config: &str) -> Self {
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
    pub fn metrics(&self) -> String {
        self.admin_answers(b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
    }

    /// What the admin port says to some bytes.
    fn admin_answers(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // It may have closed before all was read, which resets the connection.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> ModerationServiceClient<Channel> {
        ModerationServiceClient::new(self.channel().await)
    }

    /// Waits until the server has written something so many times.
    pub async fn writes(&self, what: &str, times: usize) {
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

/// A call with a header, and what stands for a key.
fn with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    request.metadata_mut().insert("x-canary", HEADER.parse().unwrap());
    request
}

/// Sends the request in every call; what is refused, if it is.
async fn send(
    client: &mut ModerationServiceClient<Channel>,
    authorization: &str,
    request: pb::ModerateCommentRequest,
) -> Vec<Status> {
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

/// All that callers are told of what was refused.
fn told(refused: &[Status]) -> String {
    let told = refused.iter();
    told.map(|status| format!("{status:?} {}\n", String::from_utf8_lossy(status.details()))).collect()
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

        let told = told(&refused);
        let metrics = server.metrics();
        assert!(
            metrics.contains("thresher_requests_total{") && metrics.contains("code=\"PERMISSION_DENIED\"")
        );
        let audit = std::fs::read_to_string(folder.file("audit.jsonl")).unwrap();
        assert!(audit.contains("\"site\":\"news\""), "{audit}");
        let logged = server.written.lock().unwrap().clone();
        let written = [logged, told, metrics, audit].join("\n");
        let (secret, other) = (&key[13..], &feedback[13..]);
        for canary in [TEXT, AUTHOR, SITE, HEADER, &secret[..16], &secret[40..], &other[..16]] {
            let leaked = written.lines().find(|line| line.contains(canary));
            assert_eq!(leaked, None, "{canary} was written");
        }
        // The id of a key is no secret: it is what a log knows the caller by.
        assert!(written.contains(&key[4..12]), "{written}");
    }
}

/// Every call of the service for operators; what is refused, if it is.
async fn operate(channel: &Channel, authorization: &str, version: &str, site: &str) -> Vec<Status> {
    let mut client = ModelServiceClient::new(channel.clone());
    let (model_version, site) = (version.to_owned(), site.to_owned());
    let get = pb::GetModelRequest { model_version: model_version.clone() };
    let load = pb::LoadModelRequest { model_version: model_version.clone() };
    let activate = pb::ActivateModelRequest { model_version, site: site.clone() };
    let answers = [
        client.list_models(with(authorization, pb::ListModelsRequest {})).await.err(),
        client.get_model(with(authorization, get)).await.err(),
        client.load_model(with(authorization, load)).await.err(),
        client.activate_model(with(authorization, activate)).await.err(),
        client.rollback_model(with(authorization, pb::RollbackModelRequest { site })).await.err(),
    ];
    answers.into_iter().flatten().collect()
}

/// Calls a method that there is not.
async fn call(channel: &Channel, authorization: &str, path: &str) -> Status {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = ProstCodec::<pb::ListModelsRequest, pb::ListModelsResponse>::default();
    let request = with(authorization, pb::ListModelsRequest {});
    grpc.unary(request, path.parse().unwrap(), codec).await.unwrap_err()
}

#[tokio::test]
async fn nothing_that_operators_are_sent_or_send_is_written() {
    for format in ["human", "json"] {
        let folder = Folder::new();
        let file = folder.file("keys.toml");
        let create = |site: &str, role: &str| {
            let ran = run(&["keys", "create", "--site", site, "--role", role, "--file", &file]);
            ran.out.trim().to_owned()
        };
        let (all, news, other) = (create("*", "admin"), create("news", "admin"), create("news", "moderate"));
        std::fs::create_dir(folder.file("models")).unwrap();
        let config = format!(
            "listen = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\nkeys.file = \"keys.toml\"\n\
             models.directory = \"models\"\nlog = {{ level = \"trace\", format = \"{format}\" }}\n"
        );
        let server = Server::start(&folder.write("thresher.toml", config));
        let channel = server.channel().await;

        let mut refused = Vec::new();
        for key in [&all, &news, &other] {
            let bearer = format!("Bearer {key}");
            for version in [MODEL, &MODEL.repeat(100), &format!("{MODEL}\n"), key, ""] {
                for site in [SITE, &format!("{SITE} {SITE}"), &SITE.repeat(50), key] {
                    // A site of which nothing but the key's is known is the caller's
                    // to name where the key is for all.
                    let site = if *key == all && site == SITE { "" } else { site };
                    refused.extend(operate(&channel, &bearer, version, site).await);
                }
            }
        }
        for code in ["NotFound", "InvalidArgument", "PermissionDenied", "FailedPrecondition"] {
            assert!(refused.iter().any(|status| format!("{:?}", status.code()) == code), "{code}");
        }
        for authorization in [format!("Bearer {HEADER}"), format!("Basic {news}"), news.clone()] {
            let all = operate(&channel, &authorization, MODEL, SITE).await;
            assert_eq!(all.len(), 5, "{all:?}");
            refused.extend(all);
        }
        for path in [
            format!("/{PATH}.Service/{PATH}"),
            format!("/thresher.v1.ModelService/{PATH}"),
            format!("/thresher.v1.ModelService/ListModels/{PATH}"),
            format!("/thresher.v1.ModerationService/{news}"),
            format!("/{news}"),
            format!("/{}", PATH.repeat(1_000)),
        ] {
            refused.push(call(&channel, &format!("Bearer {news}"), &path).await);
        }

        let headers = format!(
            "host: {PATH}\r\nx-canary: {HEADER}\r\nauthorization: Bearer {news}\r\nconnection: close\r\n\r\n"
        );
        let mut answers = Vec::new();
        for head in [
            format!("GET /{PATH}?text={TEXT} HTTP/1.1\r\n"),
            format!("GET /metrics?{TEXT}={news} HTTP/1.1\r\n"),
            format!("GET /readyz/{news} HTTP/1.1\r\n"),
            format!("POST /{PATH} HTTP/1.1\r\ncontent-length: 9\r\n"),
            format!("{} / HTTP/1.1\r\n", PATH.to_uppercase()),
            format!("GET /healthz HTTP/{TEXT}\r\n"),
            format!("{TEXT}\r\n{news}\r\n"),
            format!("GET /{} HTTP/1.1\r\n", PATH.repeat(10_000)),
        ] {
            answers.push(server.admin_answers(format!("{head}{headers}").as_bytes()));
        }
        assert!(answers.iter().any(|answer| answer.starts_with("HTTP/1.1 404 ")), "{answers:?}");
        assert!(answers.iter().any(|answer| answer.starts_with("HTTP/1.1 405 ")), "{answers:?}");
        let metrics = server.metrics();
        assert!(metrics.contains("rpc=\"ActivateModel\"") && metrics.contains("rpc=\"other\""), "{metrics}");

        // The last call has been logged when the next thing after it has.
        folder.write("keys.toml", "no keys");
        server.writes("the keys stay as they were", 1).await;
        let logged = server.written.lock().unwrap().clone();
        assert!(logged.contains("/thresher.v1.ModelService/RollbackModel"), "{logged}");
        let written = [logged, told(&refused), metrics, answers.join("\n")].join("\n");
        let keys = [&all, &news, &other].map(|key| &key[13..29]);
        for canary in [TEXT, SITE, HEADER, MODEL, PATH, &PATH.to_uppercase()].into_iter().chain(keys) {
            let leaked = written.lines().find(|line| line.contains(canary));
            assert_eq!(leaked, None, "{canary} was written");
        }
    }
}
