//! A running server at a glance, and what it wrote down of its answers.

use crate::support::{Folder, HOLD_ALL, run, thresher};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;

/// A server with an admin port, ended with the test.
struct Server {
    child: Child,
    address: String,
    admin: String,
}

impl Server {
    fn start(config: &str) -> Self {
        let mut child = thresher(&["serve", "--config", config])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut announced = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || announced.next().unwrap().unwrap();
        let address = line().strip_prefix("listening on ").unwrap().split(',').next().unwrap().to_owned();
        let admin = line().strip_prefix("metrics and probes on ").unwrap().to_owned();
        Self { child, address, admin }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn judge(server: &Server, site: &str, text: &str) -> bool {
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address)).await.unwrap();
    let request = pb::ModerateCommentRequest {
        comment: Some(pb::Comment {
            text: text.into(),
            comment_id: "xyzzyid".into(),
            ..pb::Comment::default()
        }),
        site: site.into(),
        ..pb::ModerateCommentRequest::default()
    };
    client.moderate_comment(request).await.is_ok()
}

#[tokio::test]
async fn the_state_of_a_server_is_told_to_people_and_to_programs() {
    let folder = Folder::new();
    folder.write("policy.toml", HOLD_ALL);
    let config = "listen = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\npolicy = \"policy.toml\"\n";
    let server = Server::start(&folder.write("thresher.toml", config));
    let fresh = run(&["status", "--admin", &server.admin]);
    assert!(fresh.succeeds().out.contains("No comment was judged yet."), "{}", fresh.out);
    for site in ["", "open", "elsewhere"] {
        assert!(judge(&server, site, "Good morning to all").await);
    }
    assert!(!judge(&server, "", " ").await);
    // A call is counted when its response is gone, a moment after it was read.
    let told = loop {
        let ran = run(&["status", "--admin", &server.admin, "--json"]);
        let told: Value = serde_json::from_str(&ran.succeeds().out).unwrap();
        if told["rpcs"]["ModerateComment"]["calls"] == 4 {
            break told;
        }
    };
    assert_eq!(told["serving"], true);
    assert_eq!(told["comments"]["default"]["HOLD"], 1);
    assert_eq!(told["comments"]["open"]["PUBLISH"], 1);
    assert_eq!(told["comments"]["other"]["HOLD"], 1);
    assert_eq!(told["rpcs"]["ModerateComment"]["not_ok"], 1);
    assert_eq!(told["refusals"]["INVALID_REQUEST"], 1);
    assert_eq!((&told["calls"]["now"], &told["calls"]["limit"]), (&0.into(), &1_024.into()));
    assert_eq!(told["policies"].as_object().unwrap().len(), 2);
    assert!(told["models"][0].as_str().unwrap().contains('@'));
    assert!(told["phase_microseconds"]["total"].as_f64().unwrap() > 0.0);
    let readable = run(&["status", "--admin", &server.admin]).succeeds().out.clone();
    for part in
        ["serving, up ", "policy ", "ModerateComment", "INVALID_REQUEST", "of 1024", "µs each on average"]
    {
        assert!(readable.contains(part), "no {part} in\n{readable}");
    }
}

#[test]
fn who_does_not_answer_or_is_somebody_else_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    drop(silent);
    run(&["status", "--admin", &address])
        .fails_like(1, &format!("no answer from the admin port {address}: "));
    run(&["status"]).fails_like(64, "the configuration opens no admin port; ");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = other.accept().unwrap();
        let mut head = [0; 1_024];
        let _ = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nup 1\n").unwrap();
    });
    run(&["status", "--admin", &address])
        .fails(1, &format!("{address} is the admin port of no thresher server"));
    answering.join().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn answers_are_written_down_without_what_they_answer() {
    let folder = Folder::new();
    folder.write("policy.toml", HOLD_ALL);
    let config = "listen = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\npolicy = \"policy.toml\"\n\
                  lame_duck_ms = 0\ndrain_deadline_ms = 100\naudit = { file = \"audit.jsonl\", one_in = 2 }\n";
    let mut server = Server::start(&folder.write("thresher.toml", config));
    for _ in 0..4 {
        assert!(judge(&server, "news", "xyzzytext").await);
    }
    let id = server.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let log = std::fs::read_to_string(folder.file("audit.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!((&lines[0]["site"], &lines[0]["action"]), (&"news".into(), &"HOLD".into()));
    assert!(!log.contains("xyzzy"), "{log}");
    // What was written down is what drift is told from, day by day.
    let answers = folder.file("audit.jsonl");
    let ran = run(&["drift", "--data", &answers, "--against", &answers, "--json"]);
    let day: Value = serde_json::from_str(ran.succeeds().out.lines().next().unwrap()).unwrap();
    assert_eq!(day["day"], lines[0]["time"].as_str().unwrap()[..10]);
    assert_eq!(day["comments"], 2);

    let nowhere =
        folder.write("nowhere.toml", "listen = \"127.0.0.1:0\"\naudit.file = \"no/such/audit.jsonl\"\n");
    run(&["serve", "--config", &nowhere]).fails_like(64, &folder.file("no/such/audit.jsonl"));
}
