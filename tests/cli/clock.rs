//! The time of day jumps under a running server, by libfaketime.

use crate::serve::{Server, request};
use crate::support::{Folder, HOLD_ALL, run, thresher};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io};
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// How long a change that a server follows may take to be noticed.
const SOON: Duration = Duration::from_secs(60);
/// A policy of another version than the one that it changes to.
const MILD: &str = "[site.default]\nSPAM = { hold = 0.9 }\n";
const YEAR: i64 = 365 * 24 * 60 * 60;

/// The library that makes a program see another time, when it is installed.
fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.exists())
}

async fn ask(
    client: &mut ModerationServiceClient<Channel>,
    key: &str,
) -> Result<pb::ModerateCommentResponse, Status> {
    let mut request = tonic::Request::new(request("Lovely roses."));
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    Ok(client.moderate_comment(request).await?.into_inner())
}

/// Waits until a call with the key ends so.
async fn until(
    client: &mut ModerationServiceClient<Channel>,
    key: &str,
    wanted: impl Fn(&Result<pb::ModerateCommentResponse, Status>) -> bool,
) {
    let started = Instant::now();
    loop {
        let answer = ask(client, key).await;
        if wanted(&answer) {
            return;
        }
        assert!(started.elapsed() < SOON, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_clock_jumps_calls_go_on_and_only_what_is_dated_changes() {
    let Some(library) = libfaketime() else {
        return eprintln!("skipped: libfaketime is not installed (Debian: faketime)");
    };
    let folder = Folder::new();
    let keys = folder.file("keys.toml");
    let created = run(&["keys", "create", "--site", "*", "--role", "moderate", "--file", &keys]);
    let dated = created.out.trim().to_owned();
    let rotated = run(&["keys", "rotate", &dated[4..12], "--overlap", "1h", "--file", &keys]);
    let lasting = rotated.out.trim().to_owned();
    folder.write("policy.toml", MILD);
    let config = folder
        .write("thresher.toml", "keys.file = \"keys.toml\"\npolicy = \"policy.toml\"\nlame_duck_ms = 0\n");
    let clock = folder.write("clock", "+0");
    let jump = |seconds: i64| fs::write(&clock, format!("{seconds:+}")).unwrap();
    let mut server = Server::spawn(
        thresher(&["serve", "--listen", "127.0.0.1:0", "--config", &config])
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1"),
    );
    // One connection lasts through all of it.
    let mut client = ModerationServiceClient::connect(format!("http://{}", server.address())).await.unwrap();
    ask(&mut client, &dated).await.unwrap();
    let first = ask(&mut client, &lasting).await.unwrap();

    jump(10 * YEAR);
    until(&mut client, &dated, |answer| answer.as_ref().is_err_and(|e| e.code() == Code::Unauthenticated))
        .await;
    ask(&mut client, &lasting).await.unwrap();
    folder.write("policy.toml", HOLD_ALL);
    until(&mut client, &lasting, |answer| answer.as_ref().unwrap().policy_version != first.policy_version)
        .await;

    jump(-10 * YEAR);
    until(&mut client, &dated, Result::is_ok).await;
    folder.write("policy.toml", MILD);
    until(&mut client, &lasting, |answer| answer.as_ref().unwrap().policy_version == first.policy_version)
        .await;

    let ended = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(ended.elapsed() < SOON, "{:?}", ended.elapsed());
    let log = io::read_to_string(server.child.stderr.take().unwrap()).unwrap();
    assert!(log.contains("drained") && !log.contains("panicked"), "{log}");
}
