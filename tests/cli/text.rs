//! One comment on the command line.

use crate::support::{Folder, HOLD_ALL, run, thresher};
use serde_json::Value;

fn json(arguments: &[&str]) -> Value {
    let ran = run(&[&["moderate", "--json"], arguments].concat());
    ran.succeeds().answers().remove(0)
}

#[test]
fn an_answer_for_people_has_everything_and_no_escapes() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", HOLD_ALL);
    let text = "Cheap followers, visit http://followers.example now";
    let ran = run(&["moderate", "--text", text, "--policy", &policy]);
    let out = &ran.succeeds().out;
    assert!(out.starts_with("HOLD  withhold it for review\n"), "{out}");
    for name in ["SPAM ", "TOXICITY ", "OFF_TOPIC ", "language ", "model ", "site default, policy "] {
        assert!(out.contains(name), "{name} is not in\n{out}");
    }
    assert!(out.contains("reaches the HOLD threshold 0\n"), "{out}");
    assert!(out.contains("no thread to judge it against"), "{out}");
    assert!(!out.contains('\u{1b}'), "{out:?}");
}

#[test]
fn an_answer_in_json_has_its_keys_in_order() {
    let ran = run(&["moderate", "--json", "--text", "I planted mine in spring."]);
    let line = &ran.succeeds().out;
    let keys =
        ["action", "scores", "reasons", "unscored", "language_code", "model_version", "policy_version"];
    let at: Vec<usize> = keys.iter().map(|key| line.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(at.is_sorted() && line.starts_with("{\"action\":"), "{line}");
    assert_eq!(line.lines().count(), 1);
    let answer = &ran.answers()[0];
    assert_eq!(answer["unscored"]["OFF_TOPIC"], "NO_THREAD");
    for (name, score) in answer["scores"].as_object().unwrap() {
        assert!((0.0..=1.0).contains(&score.as_f64().unwrap()), "{name}");
    }
}

#[test]
fn a_thread_makes_a_comment_on_or_off_topic() {
    let answer =
        json(&["--text", "Prune them in March.", "--title", "Roses", "--body", "How to prune roses."]);
    assert!(answer["scores"]["OFF_TOPIC"].is_number(), "{answer}");
    assert_eq!(answer["unscored"].as_object().unwrap().len(), 0, "{answer}");
    let blank = json(&["--text", "Prune them in March.", "--title", " ", "--body", ""]);
    assert_eq!(blank["unscored"]["OFF_TOPIC"], "NO_THREAD");
}

#[test]
fn html_is_reduced_to_its_text() {
    let plain = json(&["--text", "Prune roses & pears in March."]);
    let html = json(&["--text", "Prune <b>roses</b> &amp; pears in March.", "--format", "html"]);
    assert_eq!(plain["scores"], html["scores"]);
}

#[test]
fn sites_have_their_own_policy() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", HOLD_ALL);
    let on = |site: &str| json(&["--text", "Hello", "--policy", &policy, "--site", site]);
    assert_eq!(
        (on("default")["action"].as_str(), on("open")["action"].as_str()),
        (Some("HOLD"), Some("PUBLISH"))
    );
    let ran = run(&["moderate", "--json", "--text", "Hello", "--policy", &policy, "--site", "opne"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.err, "note: no policy of its own for site `opne`; the default one applies\n");
    assert_eq!(ran.answers()[0]["action"], "HOLD");
}

#[test]
fn blank_and_overlong_texts_are_refused() {
    for blank in ["", " \n\t", "\u{3000}"] {
        run(&["moderate", "--text", blank]).fails(64, "--text must not be empty or blank");
    }
    let limit = "a".repeat(20_480);
    run(&["moderate", "--text", &limit]).succeeds();
    let over = format!("{limit}a");
    run(&["moderate", "--text", &over]).fails(64, "--text is 20481 bytes of UTF-8, over the limit of 20480");
    run(&["moderate", "--text", &over, "--max-text-bytes", "20481"]).succeeds();
    run(&["moderate", "--text", "abc", "--max-text-bytes", "2"])
        .fails(64, "--text is 3 bytes of UTF-8, over the limit of 2");
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "limits.max_text_bytes = 2");
    run(&["moderate", "--text", "abc", "--config", &config])
        .fails(64, "--text is 3 bytes of UTF-8, over the limit of 2");
}

#[test]
fn texts_made_to_hurt_are_judged() {
    let marks = format!("a{}", "\u{301}".repeat(10_239));
    let blanks = format!("{}a", " ".repeat(20_479));
    let steering = "\u{1b}[2J\u{202e}\u{200b}\u{0}".replace('\0', "\u{1}").repeat(1_000);
    for text in ["z".repeat(20_480), marks, blanks, steering, "(".repeat(20_480), "<a href=".repeat(2_560)] {
        for format in ["plain", "html", "markdown"] {
            let ran = run(&["moderate", "--text", &text, "--format", format]);
            assert!(!ran.succeeds().out.contains(['\u{1b}', '\u{202e}']), "{format}");
        }
    }
    let links = "http://a.example/b ".repeat(5_000);
    run(&["moderate", "--text", &links, "--max-text-bytes", "100000"]).succeeds();
}

#[test]
fn a_text_may_begin_with_a_hyphen() {
    assert!(json(&["--text", "-5 degrees here"])["action"].is_string());
}

#[test]
fn wrong_command_lines_are_one_line_and_64() {
    let cases: &[(&[&str], &str)] = &[
        (
            &[],
            "a command is needed: serve, moderate, backtest, check-config, policy, lists, shadow, keys, models, status or drift",
        ),
        (&["moderte"], "unrecognized subcommand 'moderte'"),
        (&["moderate"], "the following required arguments were not provided: <--text <TEXT>|--input <FILE>>"),
        (
            &["backtest", "--data", "a"],
            "the following required arguments were not provided: <--policy <FILE>|--model <FILE>>",
        ),
        (&["moderate", "--text", "a", "--input", "b"], "the argument '--text <TEXT>' cannot be used with"),
        (&["moderate", "--text", "a", "--threads", "b"], "the argument '--text <TEXT>' cannot be used with"),
        (&["moderate", "--input", "a", "--title", "b"], "the argument '--input <FILE>' cannot be used with"),
        (&["moderate", "--inptu", "a"], "unexpected argument '--inptu' found"),
        (&["moderate", "--text", "a", "--format", "pdf"], "invalid value 'pdf' for '--format <FORMAT>'"),
        (
            &["moderate", "--text", "a", "--max-text-bytes", "0"],
            "invalid value '0' for '--max-text-bytes <N>'",
        ),
        (&["moderate", "--input", "-", "--threads", "-"], "--input and --threads cannot both be"),
        (&["serve", "--listen", "localhost"], "invalid value 'localhost' for '--listen <ADDRESS>'"),
    ];
    for (arguments, beginning) in cases {
        run(arguments).fails_like(64, beginning);
    }
}

#[test]
#[cfg(unix)]
fn an_argument_that_is_not_text_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let output = thresher(&["moderate", "--text"]).arg(OsStr::from_bytes(b"a\xffb")).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(err.starts_with("error: invalid UTF-8") && err.lines().count() == 1, "{err}");
}

#[test]
fn help_and_version_are_answers() {
    for arguments in [&["--help"][..], &["moderate", "--help"], &["serve", "-h"], &["help", "check-config"]] {
        assert!(run(arguments).succeeds().out.contains("Example"), "{arguments:?}");
    }
    let version = format!("thresher {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).succeeds().out, version);
}

#[test]
fn an_explanation_lists_every_rule_for_people_and_in_json() {
    let folder = Folder::new();
    let rule = "[[site.default.rules]]\nname = \"links\"\nwhen = \"signal.links > 2\"\nthen = \"HOLD\"\n";
    let policy = folder.write("policy.toml", format!("[site.default]\nSPAM = {{ hold = 0 }}\n{rule}"));
    let arguments = ["--text", "The roses were lovely.", "--policy", &policy, "--explain"];
    let ran = run(&[&["moderate"], &arguments[..]].concat());
    let out = &ran.succeeds().out;
    for line in [
        "\nWhat the policy looked at\n",
        "  fired        HOLD     SPAM.HOLD  SPAM score 0.",
        "  not met      HOLD     links      the condition is false\n",
        "when (signal.links > 2)\n",
        "signal.links = 0\n",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    let answer = json(&arguments);
    let links = &answer["rule_checks"][1];
    assert_eq!(
        *links,
        serde_json::json!({
            "rule": "links", "outcome": "NOT_MET", "action": "HOLD", "message": "the condition is false",
            "condition": "(signal.links > 2)", "condition_value": false, "field_values": {"signal.links": 0.0},
        })
    );
    assert!(json(&arguments[..4]).get("rule_checks").is_none());
    let line = crate::support::comment("a", "The roses were lovely.");
    let from_file = ["moderate", "--input", "-", "--policy", &policy, "--explain"];
    let ran = crate::support::run_with_stdin(&from_file, line.as_bytes());
    assert_eq!(ran.succeeds().answers()[0]["rule_checks"], answer["rule_checks"]);
}
