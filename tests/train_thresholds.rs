//! `thresher-train thresholds`, run for real on the example data.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "training")]

use serde_json::Value;
use std::process::Command;
use thresher::attribute::Attribute;
use thresher::policy::Policies;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");

/// What stands on the standard output and on the standard error.
fn thresholds(arguments: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
        .args(["thresholds", "--data", EXAMPLES])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err)
}

fn json(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&thresholds(&[arguments, &["--json"]].concat()).0).unwrap()
}

fn of<'a>(lines: &'a [Value], attribute: &str) -> &'a Value {
    lines.iter().find(|line| line["attribute"] == attribute).unwrap()
}

#[test]
fn the_fragment_is_a_policy_with_the_thresholds_found() {
    for wish in [["--precision", "0.9"], ["--recall", "0.8"], ["--queue", "0.1"]] {
        let (fragment, table) = thresholds(&wish);
        let policies = Policies::parse(&fragment, "fragment").unwrap();
        let lines = json(&wish);
        assert_eq!(lines.len(), 9, "every attribute has labels");
        for line in &lines {
            let name = line["attribute"].as_str().unwrap();
            let hold = policies.site("").thresholds(Attribute::from_name(name).unwrap()).hold;
            assert!(table.contains(name), "{table}");
            let found = line["threshold"].as_f64();
            assert_eq!(hold.map(|h| h.get()), found.map(|f| f as f32), "{line}");
            assert_eq!(found.is_none(), line["unsupported"].is_string(), "{line}");
            assert_eq!(found.is_none(), fragment.contains(&format!("# {name}: none for")), "{fragment}");
        }
    }
}

#[test]
fn what_is_wanted_is_held() {
    for (option, key, share) in
        [("--precision", "precision", 0.9), ("--recall", "recall", 0.75), ("--queue", "queue", 0.1)]
    {
        let lines = json(&[option, &share.to_string()]);
        let found: Vec<&Value> = lines.iter().filter(|l| l["threshold"].is_number()).collect();
        assert!(found.len() > 2, "{option} is held for some attributes");
        for line in found {
            let figure = |name: &str| line[key][name].as_f64().unwrap();
            let value = figure("value");
            assert!(if key == "queue" { value <= share } else { value >= share }, "{line}");
            assert!(figure("low") <= value && value <= figure("high"), "{line}");
        }
    }
}

#[test]
fn what_the_data_cannot_hold_is_said() {
    let lines = json(&["--precision", "0.95", "--attribute", "sexually_explicit", "--attribute", "spam"]);
    assert_eq!(lines.len(), 2);
    let why = of(&lines, "SEXUALLY_EXPLICIT")["unsupported"].as_str().unwrap();
    assert!(why.contains("at best"), "{why}");
    assert!(of(&lines, "SPAM")["threshold"].is_number());
}

#[test]
fn the_same_seed_gives_the_same_intervals() {
    let run = |seed| thresholds(&["--precision", "0.9", "--attribute", "SPAM", "--seed", seed]);
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}

#[test]
fn check_config_takes_the_fragment_of_a_named_site_under_the_shipped_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let (fragment, _) = thresholds(&["--queue", "0.2", "--action", "flag", "--site", "news.example"]);
    std::fs::write(&path, format!("{}\n{fragment}", Policies::EMBEDDED)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_thresher"))
        .args(["check-config", "--policy", path.to_str().unwrap()])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("site news.example"), "{shown}");
    let policies = Policies::open(&path).unwrap();
    let (site, default) = (policies.site("news.example"), policies.site(""));
    assert_ne!(site.thresholds(Attribute::Spam).flag, default.thresholds(Attribute::Spam).flag);
    assert_eq!(site.thresholds(Attribute::Spam).discard, default.thresholds(Attribute::Spam).discard);
}

#[test]
fn bad_wishes_are_named_in_one_line() {
    for (arguments, code, part) in [
        (&["--precision", "0.9", "--recall", "0.9"][..], 64, "--recall"),
        (&[], 64, "--queue"),
        (&["--recall", "1.2"], 64, "1.2"),
        (&["--recall", "0.5", "--action", "publish"], 64, "publish"),
        (&["--recall", "0.5", "--site", "a b"], 1, "a b"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
            .args(["thresholds", "--data", EXAMPLES])
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(part) && stderr.trim_end().lines().count() == 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
