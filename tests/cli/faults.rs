//! What goes wrong around the server: it is killed, the disk is full.

use crate::serve::{Server, request};
use crate::support::{Folder, Ran, answers, comments, finished, run, thresher};
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio::task::JoinSet;

/// Calls until that fails; until then the answers are whole.
async fn call_for_ever(to: String, bearer: String, answered: Arc<AtomicU32>) -> anyhow::Result<Infallible> {
    let mut client = ModerationServiceClient::connect(to).await?;
    loop {
        let mut request = tonic::Request::new(request("Lovely roses."));
        request.metadata_mut().insert("authorization", bearer.parse()?);
        let answer = client.moderate_comment(request).await?.into_inner();
        assert_eq!(answer.scores.len(), 8);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Killed in the midst of calls, it leaves nothing behind that keeps the next
/// one from starting at once on the same port with the same files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_it_starts_again() {
    let folder = Folder::new();
    let keys = folder.file("keys.toml");
    let created = run(&["keys", "create", "--site", "*", "--role", "moderate", "--file", &keys]);
    let bearer = format!("Bearer {}", created.out.trim_end());
    let config = folder.write("thresher.toml", "keys.file = \"keys.toml\"\n");
    let mut address = "127.0.0.1:0".to_owned();
    for _ in 0..3 {
        let mut server = Server::start(&["--config", &config, "--listen", &address]);
        address = server.address().to_owned();
        let answered = Arc::new(AtomicU32::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..8 {
            let (to, bearer, answered) = (format!("http://{address}"), bearer.clone(), Arc::clone(&answered));
            callers.spawn(call_for_ever(to, bearer, answered));
        }
        while answered.load(Ordering::Relaxed) < 200 {
            assert!(callers.try_join_next().is_none(), "a caller gave up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        for ended in callers.join_all().await {
            assert!(ended.is_err(), "a caller goes on without a server");
        }
    }
    assert_eq!(folder.names(), ["keys.toml", "keys.toml.lock", "thresher.toml"]);
}

/// Runs the binary where no file may grow, as on a full disk.
#[cfg(unix)]
fn on_a_full_disk(binary: &str, arguments: &[&str]) -> Ran {
    // The signal that comes with the limit would hide what a full disk shows.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let output =
        Command::new("sh").args(["-c", script, binary]).args(arguments).stdin(Stdio::null()).output();
    finished(output.unwrap())
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_the_keys_as_they_were() {
    let folder = Folder::new();
    let file = folder.file("keys.toml");
    let thresher = env!("CARGO_BIN_EXE_thresher");
    let create = ["keys", "create", "--site", "news", "--role", "moderate", "--file", &file];
    let ran = on_a_full_disk(thresher, &create);
    ran.fails_like(1, &file);
    assert_eq!(ran.out, "", "a key that is not kept is not shown");
    assert_eq!(folder.names(), ["keys.toml.lock"]);

    let created = run(&create);
    let id = &created.out[4..12];
    let before = std::fs::read(&file).unwrap();
    for change in [&create[..], &["keys", "revoke", id, "--file", &file]] {
        on_a_full_disk(thresher, change).fails_like(1, &file);
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
    assert_eq!(folder.names(), ["keys.toml", "keys.toml.lock"]);
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_no_half_of_the_answers() {
    let folder = Folder::new();
    let input = folder.write("comments.jsonl", comments(2_000));
    let output = folder.write("answers.jsonl", "as it was");
    let judge = ["moderate", "--input", &input, "--output", &output];
    let ran = on_a_full_disk(env!("CARGO_BIN_EXE_thresher"), &judge);
    ran.fails_like(1, &output);
    assert!(!ran.err.contains(".thresher-"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "as it was");
    assert_eq!(folder.names(), ["answers.jsonl", "comments.jsonl"]);
}

/// A server asks for as many open files as it may have, and says if these are too
/// few for its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn too_few_open_files_are_asked_for_and_told() {
    for (limits, told) in [("ulimit -Sn 100", false), ("ulimit -n 100", true)] {
        let script = format!("{limits}; exec \"$0\" \"$@\"");
        let folder = Folder::new();
        let config = folder.write("thresher.toml", "lame_duck_ms = 0\nlimits.max_connections = 50\n");
        let mut limited = Command::new("sh");
        limited.args(["-c", &script, env!("CARGO_BIN_EXE_thresher")]);
        limited.args(["serve", "--listen", "127.0.0.1:0", "--config", &config]);
        let mut child = limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut announced = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
        let allowed = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let files: Vec<&str> = allowed
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(files[3], files[4], "less than there may be");
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let mut logged = String::new();
        child.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{logged}");
        assert_eq!(logged.contains("too few open files for so many connections"), told, "{logged}");
    }
}

/// What is written of the audit log and of the shadow's samples when the disk is
/// full are whole lines, and the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(unix)]
async fn a_full_disk_leaves_no_half_of_a_line() {
    let folder = Folder::new();
    let (log, samples) = (folder.file("audit.jsonl"), folder.file("samples.jsonl"));
    folder.write(
        "candidate.toml",
        "[[site.default.rules]]\nname = \"all\"\nwhen = \"true\"\nthen = \"HOLD\"\n",
    );
    let config = folder.write(
        "thresher.toml",
        "lame_duck_ms = 0\n[audit]\nfile = \"audit.jsonl\"\n\
         [shadow]\npolicy = \"candidate.toml\"\nsamples = \"samples.jsonl\"\n",
    );
    // Room for some lines and a piece of one.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script, env!("CARGO_BIN_EXE_thresher")]);
    limited.args(["serve", "--listen", "127.0.0.1:0", "--config", &config]);
    let mut child = limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut announced = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
    let address = announced.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
    let mut client = ModerationServiceClient::connect(format!("http://{address}")).await.unwrap();
    for _ in 0..30 {
        client.moderate_comment(request("Lovely roses.")).await.unwrap();
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut logged = String::new();
    child.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{logged}");
    assert_eq!(logged.matches("cannot write the audit log").count(), 1, "{logged}");
    assert_eq!(logged.matches("samples of the shadow cannot be written").count(), 1, "{logged}");
    for file in [&log, &samples] {
        let written = std::fs::read_to_string(file).unwrap();
        let lines = answers(&written).len();
        assert!((1..30).contains(&lines) && written.ends_with('\n'), "{file}: {lines} lines");
    }
}

#[test]
#[cfg(all(unix, feature = "training"))]
fn a_full_disk_leaves_the_model_as_it_was() {
    let folder = Folder::new();
    let model = folder.write("model.safetensors", "as it was");
    let fit = ["fit", "--data", "examples/labelled-threads.jsonl", "--out", &model];
    let ran = on_a_full_disk(env!("CARGO_BIN_EXE_thresher-train"), &fit);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(&model), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&model).unwrap(), "as it was");
    assert_eq!(folder.names(), ["model.safetensors"]);
}

/// Garbage in the place of the model, as by a copy that broke off: the server
/// goes on with the model that it has, tells it once, and takes the next good one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_replaced_by_garbage_leaves_the_last_good_one() {
    let folder = Folder::new();
    let shipped =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors")).unwrap();
    let model = folder.write("model.safetensors", &shipped);
    let config = folder.write("thresher.toml", "lame_duck_ms = 0\n");
    let mut server = Server::start(&["--config", &config, "--model", &model]);
    let mut log = BufReader::new(server.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    let before = client.moderate_comment(request("Lovely roses.")).await.unwrap().into_inner();
    for garbage in [b"no model".to_vec(), shipped[..shipped.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&model, garbage).unwrap();
        let told = log.find(|line| line.contains("a model cannot be used")).unwrap();
        assert!(told.contains(&model), "{told}");
        let after = client.moderate_comment(request("Lovely roses.")).await.unwrap().into_inner();
        assert_eq!((&after.model_version, &after.scores), (&before.model_version, &before.scores));
    }
}

/// The log of a server with a certificate that ends after so many days, up to
/// its end.
#[cfg(unix)]
fn log_with_certificate(days: i64) -> String {
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    let ends = if days < 0 { now - day } else { now + day * u32::try_from(days).unwrap() };
    let date = humantime::format_rfc3339_seconds(ends).to_string();
    let number = |range: std::ops::Range<usize>| date[range].parse::<u16>().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(number(0..4).into(), number(5..7) as u8, number(8..10) as u8);
    let folder = Folder::new();
    folder.write("certificate.pem", params.self_signed(&key).unwrap().pem());
    folder.write("key.pem", key.serialize_pem());
    let tls = "lame_duck_ms = 0\ntls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n";
    let mut server = Server::start(&["--config", &folder.write("thresher.toml", tls)]);
    // Long enough for the first thing that the server does beside serving.
    let id = server.child.id().to_string();
    std::thread::sleep(Duration::from_secs(1));
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let mut log = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}

#[test]
#[cfg(unix)]
fn a_certificate_that_has_ended_or_will_soon_is_told_in_the_log() {
    for (days, told) in
        [(-1, Some("the certificate has expired")), (7, Some("the certificate expires soon")), (60, None)]
    {
        let log = log_with_certificate(days);
        match told {
            Some(told) => assert_eq!(log.matches(told).count(), 1, "{days}: {log}"),
            None => assert!(!log.contains("the certificate"), "{days}: {log}"),
        }
        assert!(log.contains("draining"), "it serves all the same: {log}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_in_the_place_of_a_file_is_refused_at_the_start_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let list = "[lists.shops]\nkind = \"domains\"\nfile = \"pipe\"\n[site.default]\n";
    let policy = folder.write("policy.toml", list);
    folder.write("secret", "0123456789abcdef");
    let refused = |arguments: &[&str]| {
        let mut child = thresher(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let since = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if since.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
                panic!("{arguments:?} waits for a pipe");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let ran = finished(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (64, "", 1), "{ran:?}");
        assert!(ran.err.contains("pipe") && ran.err.contains("is no regular file"), "{ran:?}");
    };
    refused(&["serve", "--config", &pipe]);
    refused(&["serve", "--policy", &pipe]);
    refused(&["serve", "--policy", &policy]);
    for text in [
        "policy = \"pipe\"",
        "keys.file = \"pipe\"",
        "tls = { certificate = \"pipe\", key = \"secret\" }",
        "shadow.policy = \"pipe\"",
        "shadow.model = \"pipe\"",
        "shadow = { policy = \"strict\", samples = \"pipe\" }",
        "audit.file = \"pipe\"",
        "state = { address = \"redis://127.0.0.1:1\", secret = \"pipe\" }",
        "state = { address = \"redis://127.0.0.1:1\", secret = \"secret\", password = \"pipe\" }",
    ] {
        refused(&["serve", "--config", &folder.write("thresher.toml", text)]);
    }
    // A server without a model can be told of a better one.
    let mut server = Server::start(&["--model", &pipe]);
    server.child.kill().unwrap();
    let mut logged = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
    assert!(logged.contains("pipe cannot be read: it is no regular file"), "{logged}");
}
