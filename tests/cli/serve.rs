//! The server as a process: how it is announced, asked and ended.

use crate::support::{Folder, HOLD_ALL, run, thresher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;

/// A server that is ended with the test, whatever becomes of it.
pub struct Server {
    pub child: Child,
    announced: String,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        let here: &[&str] = if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        Self::spawn(&mut thresher(&[&["serve"], here, arguments].concat()))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut announced = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
        Self { child, announced }
    }

    pub fn address(&self) -> &str {
        self.announced.strip_prefix("listening on ").and_then(|rest| rest.split(',').next()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn request(text: &str) -> pb::ModerateCommentRequest {
    pb::ModerateCommentRequest {
        comment: Some(pb::Comment { text: text.into(), ..pb::Comment::default() }),
        ..pb::ModerateCommentRequest::default()
    }
}

#[tokio::test]
async fn the_server_and_the_command_line_judge_alike() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", HOLD_ALL);
    let server = Server::start(&["--policy", &policy]);
    let text = "Cheap followers, visit http://followers.example now";
    let ran = run(&["moderate", "--json", "--text", text, "--policy", &policy]);
    let here = &ran.succeeds().answers()[0];
    let version = |key: &str| here[key].as_str().unwrap().to_owned();
    let (model, policy) = (version("model_version"), version("policy_version"));
    assert!(
        server.announced.ends_with(&format!(", model {model}, policy {policy}\n")),
        "{}",
        server.announced
    );

    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    let there = client.moderate_comment(request(text)).await.unwrap().into_inner();
    assert_eq!((there.model_version.as_str(), there.policy_version.as_str()), (&*model, &*policy));
    assert_eq!(there.action(), pb::Action::Hold);
    assert_eq!(here["action"], "HOLD");
    assert_eq!(there.scores.len(), here["scores"].as_object().unwrap().len());
    assert_eq!(there.reasons[0].message, here["reasons"][0]["message"].as_str().unwrap());
    let spam = there.scores.iter().find(|score| score.attribute() == pb::Attribute::Spam).unwrap();
    assert_eq!(f64::from(spam.score), f64::from(here["scores"]["SPAM"].as_f64().unwrap() as f32));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(unix)]
async fn a_second_interrupt_ends_it_at_once() {
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "lame_duck_ms = 0\ndrain_deadline_ms = 600000\n");
    let mut server = Server::start(&["--config", &config]);
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    // A stream that would be waited for.
    let _stream = client.stream_moderate_comments(tokio_stream::pending()).await.unwrap();
    // Two at the same time are one.
    let twice = format!("kill -s INT {0}; kill -s INT {0}", server.child.id());
    assert!(Command::new("sh").args(["-c", &twice]).status().unwrap().success());
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("draining") {
        assert!(log.read_line(&mut told).unwrap() > 0, "{told}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert!(server.child.try_wait().unwrap().is_none());
    signal(&server, "INT");
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
    log.read_to_string(&mut told).unwrap();
    assert!(told.ends_with("error: ended at once by a second interrupt; calls were cut off\n"), "{told}");
}

#[test]
#[cfg(unix)]
fn signals_end_it_in_order() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let config = folder.write("thresher.toml", "lame_duck_ms = 0\n");
        let mut server = Server::start(&["--config", &config]);
        // There is nothing that could be read anew, and that is no reason to end.
        self::signal(&server, "HUP");
        self::signal(&server, signal);
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut log = String::new();
        server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(log.contains("draining") && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn the_admin_port_stays_on_this_machine_unless_told_otherwise() {
    let folder = Folder::new();
    for address in ["0.0.0.0:0", "192.0.2.1:9464"] {
        let ran = run(&["serve", "--listen", "127.0.0.1:0", "--admin", address]);
        ran.fails_like(64, &format!("{address} can be reached by other machines, and metrics need no key;"));
    }
    let config = folder.write("thresher.toml", "admin = { address = \"0.0.0.0:0\", allow_remote = true }\n");
    let mut server = Server::start(&["--config", &config]);
    let mut log = BufReader::new(server.child.stderr.as_mut().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("the admin port is open address=0.0.0.0:")));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--admin", &address]);
    ran.fails_like(1, &format!("cannot listen on {address}: "));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["serve", "--listen", &address]);
    ran.fails_like(1, &format!("cannot listen on {address}: "));
    assert_eq!(ran.out, "");
}

#[test]
fn a_log_is_json_when_asked_for() {
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "log = { format = \"json\", level = \"info\" }\n");
    let mut server = Server::start(&["--config", &config]);
    // Which models serve is told before.
    let lines = BufReader::new(server.child.stderr.as_mut().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let listening = events.find(|event| event["message"] == "listening").unwrap();
    assert_eq!(listening["level"], "INFO");
    assert!(listening["model_version"].is_string(), "{listening}");
}

#[test]
fn other_machines_are_answered_only_with_keys_and_tls_or_when_told_so() {
    let folder = Folder::new();
    let keys = folder.file("keys.toml");
    assert_eq!(run(&["keys", "create", "--site", "*", "--role", "admin", "--file", &keys]).code, 0);
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("certificate.pem", signed.cert.pem());
    folder.write("key.pem", signed.signing_key.serialize_pem());
    let with_keys = "keys.file = \"keys.toml\"\n";
    let with_tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n";
    for (lacking, config) in [("keys and TLS", ""), ("TLS", with_keys), ("keys", with_tls)] {
        let config = folder.write("thresher.toml", config);
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let ran = run(&["serve", "--config", &config, "--listen", address]);
            let beginning = format!(
                "{address} can be reached by other machines, and there is no protection by {lacking};"
            );
            ran.fails_like(64, &beginning);
            assert_eq!(ran.out, "");
        }
    }
    // The command line counts, not what stands in the file, and nothing else is asked for.
    let both = folder.write("thresher.toml", with_keys.to_owned() + with_tls);
    let secure = Server::start(&["--config", &both, "--listen", "0.0.0.0:0"]);
    assert!(secure.announced.starts_with("listening on 0.0.0.0:"), "{}", secure.announced);
    let insecure = Server::start(&["--insecure", "--listen", "0.0.0.0:0"]);
    assert!(insecure.announced.starts_with("listening on 0.0.0.0:"), "{}", insecure.announced);
    // Which says nothing of metrics.
    let admin = run(&["serve", "--insecure", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"]);
    admin.fails_like(64, "0.0.0.0:0");
    assert!(admin.err.contains("allow_remote"), "{}", admin.err);
    let here = Server::start(&["--listen", "[::ffff:127.0.0.1]:0"]);
    assert!(here.announced.starts_with("listening on "), "{}", here.announced);
}

/// What the server tells its service manager, datagram by datagram.
#[cfg(unix)]
struct Manager(std::os::unix::net::UnixDatagram);

#[cfg(unix)]
impl Manager {
    fn listen(path: &str) -> Manager {
        Manager(std::os::unix::net::UnixDatagram::bind(path).unwrap())
    }

    fn told(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

#[cfg(unix)]
pub fn signal(server: &Server, name: &str) {
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// Replaces the text of a file by one as long, which only whoever is asked to
/// read it can notice.
#[cfg(unix)]
fn change_unseen(path: &str, text: &str) {
    let before = std::fs::metadata(path).unwrap();
    assert_eq!(before.len(), text.len() as u64);
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
}

/// What the admin port says of files that were read anew.
#[cfg(unix)]
fn reloads(admin: &str, what: &str, outcome: &str) -> u64 {
    let mut stream = std::net::TcpStream::connect(admin).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let name = format!("thresher_reloads_total{{what=\"{what}\",outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// The policy in force and the candidate in the shadow, each told as what it
/// is.
#[tokio::test]
#[cfg(unix)]
async fn sighup_reads_policies_anew_and_refuses_what_is_none() {
    let folder = Folder::new();
    let policy = |hold: &str| format!("[site.default]\nSPAM = {{ hold = {hold} }}\n");
    let live = folder.write("policy.toml", policy("false"));
    let candidate = folder.write("candidate.toml", policy("false"));
    let config = folder.write(
        "thresher.toml",
        "policy = \"policy.toml\"\nshadow.policy = \"candidate.toml\"\nadmin.address = \"127.0.0.1:0\"\n",
    );
    let mut server = Server::start(&["--config", &config]);
    let mut log = BufReader::new(server.child.stderr.take().unwrap()).lines();
    let mut told = |part: &str| log.find(|line| line.as_ref().unwrap().contains(part)).unwrap().unwrap();
    let line = told("the admin port is open");
    let admin = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    let mut asked = async || client.moderate_comment(request("Lovely roses.")).await.unwrap().into_inner();
    let before = asked().await;
    assert_eq!(before.action(), pb::Action::Publish);

    let count = |what| reloads(admin, what, "ok") + reloads(admin, what, "failed");
    // Asks, and waits until both have been read: signals that come together are one.
    let ask = || {
        let before = count("policy");
        signal(&server, "HUP");
        let since = std::time::Instant::now();
        while count("policy") == before || count("candidate_policy") == before {
            assert!(since.elapsed().as_secs() < 60, "both are read when somebody asks");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    change_unseen(&live, &policy("0.000"));
    ask();
    assert!(told("a new policy is in force").contains("INFO"));
    let good = asked().await;
    assert_eq!(good.action(), pb::Action::Hold);
    assert_ne!(good.policy_version, before.policy_version);
    change_unseen(&live, &policy("seven"));
    ask();
    let line = told("the new policy cannot be used; the old one stays in force");
    assert!(line.contains("WARN") && line.contains("policy.toml:2:17"), "{line}");
    let after = asked().await;
    assert_eq!((after.action(), &after.policy_version), (good.action(), &good.policy_version));

    change_unseen(&live, &policy("0.000"));
    change_unseen(&candidate, &policy("0.000"));
    ask();
    told("a new candidate policy runs in the shadow");
    change_unseen(&candidate, &policy("seven"));
    ask();
    told("the new candidate policy cannot be used; the old one stays in the shadow");
    for (what, ok) in [("policy", 3), ("candidate_policy", 3)] {
        assert_eq!((reloads(admin, what, "ok"), reloads(admin, what, "failed")), (ok, 1), "{what}");
    }
}

/// On two threads: the client must hear that the server says goodbye while this
/// waits for its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(unix)]
async fn a_broken_model_is_no_reason_not_to_start_but_the_server_is_ready_only_without_it() {
    let folder = Folder::new();
    let model = folder.write("broken.safetensors", "no model");
    let config = folder.write("thresher.toml", "lame_duck_ms = 0\n");
    let manager = Manager::listen(&folder.file("notify"));
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", &config, "--model", &model];
    let mut server = Server::spawn(thresher(&arguments).env("NOTIFY_SOCKET", folder.file("notify")));
    assert!(server.announced.contains(", model none, policy "), "{}", server.announced);
    let mut line = String::new();
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    assert!(line.contains("ERROR") && line.contains("a model cannot be used"), "{line}");
    assert!(line.contains(&model) && line.contains("is not a whole model file"), "{line}");
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    let status = client.moderate_comment(request("Lovely roses.")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);

    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors");
    std::fs::copy(shipped, &model).unwrap();
    signal(&server, "HUP");
    assert_eq!(manager.told(), "READY=1\n");
    client.moderate_comment(request("Lovely roses.")).await.unwrap();
    signal(&server, "TERM");
    assert_eq!(manager.told(), "STOPPING=1\n");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ready") && rest.contains("drained") && !rest.contains("ERROR"), "{rest}");
}

#[test]
fn an_address_without_its_parts_is_told_what_it_lacks() {
    for address in ["localhost:50051", ":50051", "50051", "0.0.0.0"] {
        for arguments in
            [["serve", "--listen", address], ["serve", "--admin", address], ["status", "--admin", address]]
        {
            let ran = run(&arguments);
            ran.fails_like(64, &format!("invalid value '{address}' for '{}", arguments[1]));
            assert!(ran.err.contains("such as 127.0.0.1:50051 or [::]:50051"), "{ran:?}");
        }
    }
}
