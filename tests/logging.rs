//! The list of log fields in docs/logging.md is what the program logs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use thresher::server::pb;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;

/// What every line has, whatever it tells.
const OF_A_LINE: [&str; 8] =
    ["timestamp", "level", "message", "target", "span", "span.name", "time.busy", "time.idle"];

fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md")).unwrap();
    let rows =
        text.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| row.split('`').next().unwrap());
    rows.map(str::to_owned).collect()
}

/// The files of the program, without what only tests use.
fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut texts = Vec::new();
    for path in entries {
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push(text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
    texts
}

/// The names of the fields in the arguments of a tracing macro.
fn fields(arguments: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quoted) = (vec![String::new()], 0, false);
    for c in arguments.chars() {
        quoted ^= c == '"';
        match c {
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    let named =
        parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty() && !part.starts_with('"'));
    named
        .filter(|part| !part.starts_with("target:"))
        .map(|part| part.split('=').next().unwrap().trim().trim_start_matches(['%', '?']).to_owned())
        .collect()
}

#[test]
fn the_source_logs_the_fields_that_are_documented_and_no_others() {
    let mut logged: BTreeSet<String> = OF_A_LINE.map(str::to_owned).into();
    for text in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for name in ["error", "warn", "info", "debug", "trace", "debug_span", "info_span"] {
            for part in text.split(&format!("{name}!(")).skip(1) {
                let mut depth = 1;
                let end = part.find(|c| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                });
                let prefix = if name.ends_with("_span") { "span." } else { "" };
                logged.extend(
                    fields(&part[..end.unwrap()]).into_iter().map(|field| format!("{prefix}{field}")),
                );
            }
        }
    }
    assert_eq!(logged, documented());
}

/// A server, and its log so far.
fn server(folder: &Path) -> (std::process::Child, String) {
    let config: PathBuf = folder.join("thresher.toml");
    fs::write(
        &config,
        "listen = \"127.0.0.1:0\"\nlame_duck_ms = 0\ndrain_deadline_ms = 100\nadmin.address = \"127.0.0.1:0\"\n\
         policy = \"policy.toml\"\nlog = { format = \"json\", level = \"debug\" }\n",
    )
    .unwrap();
    fs::write(folder.join("policy.toml"), "[site.default]\nSPAM = { hold = 0 }\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thresher"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut announced = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
    let address = announced.strip_prefix("listening on ").and_then(|rest| rest.split(',').next()).unwrap();
    (child, address.to_owned())
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_writes_the_fields_that_are_documented_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = server(folder.path());
    let mut client = ModerationServiceClient::connect(format!("http://{address}")).await.unwrap();
    for (site, text) in [("news", "Good morning to all"), ("", " ")] {
        let request = pb::ModerateCommentRequest {
            comment: Some(pb::Comment { text: text.into(), ..pb::Comment::default() }),
            site: site.into(),
            ..pb::ModerateCommentRequest::default()
        };
        let _ = client.moderate_comment(request).await;
    }
    drop(client);
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let (mut log, mut line) = (String::new(), String::new());
    fs::write(folder.path().join("policy.toml"), "[site.default]\nSPAM = { hould = 0 }\n").unwrap();
    while !line.contains("the new policy cannot be used") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "{log}");
        log.push_str(&line);
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    err.read_to_string(&mut log).unwrap();
    child.wait().unwrap();

    let documented = documented();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        for (name, value) in event.as_object().unwrap() {
            seen.insert(name.clone());
            seen.extend(value.as_object().into_iter().flatten().map(|(inner, _)| format!("{name}.{inner}")));
        }
    }
    let unknown: Vec<_> = seen.difference(&documented).collect();
    assert!(unknown.is_empty(), "{unknown:?} in\n{log}");
    for field in OF_A_LINE.into_iter().chain([
        "address",
        "model_version",
        "problems",
        "span.rpc",
        "span.code",
        "span.site",
    ]) {
        assert!(seen.contains(field), "no {field} in\n{log}");
    }
}
