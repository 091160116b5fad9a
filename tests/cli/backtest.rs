//! What a change would do to comments of the past.

use crate::support::{Folder, Ran, comments, gzip, run, run_with_stdin};
use serde_json::{Value, json};
use thresher::attribute::Attribute;
use thresher::model::artifact::{deserialize, serialize};
use thresher::policy::Policies;

const PAST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");
const THREADS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.threads.jsonl");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors");

/// The shipped policy with spam held from 0.95 only.
fn later() -> String {
    let changed = Policies::EMBEDDED.replace("hold = 0.80, reject = 0.97", "hold = 0.95, reject = 0.97");
    assert_ne!(changed, Policies::EMBEDDED);
    changed
}

/// What a run answers in JSON.
pub fn object(ran: &Ran) -> Value {
    let out = &ran.succeeds().out;
    assert!(out.ends_with("}\n") && out.lines().count() == 1, "{out}");
    serde_json::from_str(out).unwrap()
}

/// What `thresher moderate` says of the examples.
fn judged(more: &[&str]) -> Vec<Value> {
    run(&[&["moderate", "--input", PAST, "--threads", THREADS], more].concat()).succeeds().answers()
}

/// The matrix of a site counts what two runs of `thresher moderate` say.
#[track_caller]
fn assert_moved(site: &Value, old: &[Value], new: &[Value]) {
    let actions = ["PUBLISH", "FLAG", "HOLD", "REJECT", "DISCARD"];
    for before in actions {
        for now in actions {
            let both = old.iter().zip(new).filter(|(o, n)| o["action"] == before && n["action"] == now);
            assert_eq!(site["actions"][before][now], json!(both.count()), "{before} {now}");
        }
    }
}

#[test]
fn one_threshold_raised_is_what_two_runs_of_moderate_say() {
    let folder = Folder::new();
    let policy = folder.write("new.toml", later());
    let found = object(&run(&["backtest", "--policy", &policy, "--data", PAST, "--json"]));
    let (old, new) = (judged(&[]), judged(&["--policy", &policy]));
    let site = &found["sites"][0];
    assert_eq!((&found["comments"], &site["site"]), (&json!(old.len()), &json!("default")));
    assert_moved(site, &old, &new);
    let moved = old.iter().zip(&new).filter(|(old, new)| old["action"] != new["action"]).count();
    assert!(moved > 5);
    assert_eq!(site["changed"], json!({"stricter": 0, "milder": moved}));
    assert_eq!(site["policy_version"]["new"], new[0]["policy_version"]);
    assert_eq!(found["new"]["model_version"], new[0]["model_version"]);

    // Precision and recall of the threshold, from the scores and the labels.
    let records: Vec<Value> = std::fs::read_to_string(PAST)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rule = site["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "SPAM.HOLD").unwrap();
    assert_eq!(rule["threshold"], json!({"old": 0.8, "new": 0.95}));
    for (side, limit) in [("old", 0.8), ("new", 0.95)] {
        let count = |spam: bool, reached: bool| {
            let pairs = records.iter().zip(&old);
            pairs
                .filter(|(record, answer)| {
                    let is_spam = record["labels"]["spam"].as_f64().unwrap() >= 0.5;
                    is_spam == spam && (answer["scores"]["SPAM"].as_f64().unwrap() >= limit) == reached
                })
                .count()
        };
        let fired = &rule["fired"][side];
        let (right, wrong, missed) = (count(true, true), count(false, true), count(true, false));
        assert_eq!((&fired["right"], &fired["wrong"]), (&json!(right), &json!(wrong)));
        assert_eq!((&fired["missed"], &fired["unknown"]), (&json!(missed), &json!(0)));
        // Numbers lose their last digit between text and memory.
        let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-12;
        assert!(near(&fired["precision"], right as f64 / (right + wrong) as f64), "{fired}");
        assert!(near(&fired["recall"], right as f64 / (right + missed) as f64), "{fired}");
    }
}

/// What a rule reads beside the scores is there in a backtest too: links, and
/// the lists of the policy on its side.
#[test]
fn named_rules_fire_as_they_do_in_moderate() {
    let folder = Folder::new();
    let rules = r#"
[lists.hosts]
kind = "domains"
entries = ["example.com", "example.net"]

[[site.default.rules]]
name = "hosts"
when = "list.hosts"
then = "REJECT"

[[site.default.rules]]
name = "linked"
when = "signal.links > 0"
then = "HOLD"
mode = "shadow"
"#;
    let policy = folder.write("new.toml", format!("{}{rules}", Policies::EMBEDDED));
    let found = object(&run(&["backtest", "--policy", &policy, "--data", PAST, "--json"]));
    let (old, new) = (judged(&[]), judged(&["--policy", &policy]));
    let site = &found["sites"][0];
    assert_moved(site, &old, &new);
    for (name, action, list) in [("hosts", "REJECT", "reasons"), ("linked", "HOLD", "shadow_reasons")] {
        let fires = |answer: &&Value| {
            answer[list].as_array().is_some_and(|reasons| reasons.iter().any(|reason| reason["rule"] == name))
        };
        let expected = new.iter().filter(fires).count();
        assert!(expected > 3, "{name}");
        let rule = site["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == name).unwrap();
        assert_eq!(
            (&rule["attribute"], &rule["action"]),
            (&Value::Null, &json!({"old": null, "new": action}))
        );
        assert_eq!(rule["shadow"], json!({"old": null, "new": name == "linked"}));
        assert_eq!(
            (&rule["fired"]["old"], &rule["fired"]["new"]["comments"]),
            (&Value::Null, &json!(expected))
        );
    }
    let stricter = old.iter().zip(&new).filter(|(old, new)| old["action"] != new["action"]).count();
    assert_eq!(site["changed"], json!({"stricter": stricter, "milder": 0}));
    let page = folder.file("page.html");
    let table =
        run(&["backtest", "--policy", &policy, "--data", PAST, "--report", &page]).succeeds().out.clone();
    for shown in [table, std::fs::read_to_string(page).unwrap()] {
        assert!(shown.contains("- → HOLD (shadow)") && shown.contains("- → REJECT"), "{shown}");
        assert!(!shown.contains("REJECT (shadow)"), "{shown}");
    }
}

#[test]
fn nothing_changes_against_itself() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", later());
    let data = folder.write("past.jsonl", comments(50));
    let args = ["backtest", "--policy", &policy, "--against", &policy, "--data", &data, "--json"];
    let site = object(&run(&args))["sites"][0].take();
    assert_eq!(site["changed"], json!({"stricter": 0, "milder": 0}));
    assert_eq!(site["held"]["old"], site["held"]["new"]);
}

#[test]
fn the_same_comes_out_every_time_and_however_the_file_is_kept() {
    let folder = Folder::new();
    let policy = folder.write("new.toml", later());
    let file = std::fs::read_to_string(PAST).unwrap();
    let file = file.split_inclusive('\n').take(100).collect::<String>().into_bytes();
    let threads = gzip(&std::fs::read(THREADS).unwrap());
    let (packed, beside) = (folder.write("a/past.jsonl.gz", gzip(&file)), "a/past.threads.jsonl.gz");
    folder.write(beside, &threads);
    let args = ["backtest", "--policy", &policy, "--show", "changed", "--data"];
    let unpacked = folder.write("past.jsonl", &file);
    folder.write("past.threads.jsonl", std::fs::read(THREADS).unwrap());
    let plain = run(&[&args[..], &[&unpacked]].concat());
    assert!(plain.succeeds().out.contains(" HOLD → FLAG "), "{}", plain.out);
    assert_eq!(run(&[&args[..], &[&unpacked]].concat()).succeeds().out, plain.out);
    assert_eq!(run(&[&args[..], &[&packed]].concat()).succeeds().out, plain.out);
    let in_folder = folder.file("a");
    assert_eq!(run(&[&args[..], &[&in_folder]].concat()).succeeds().out, plain.out);
    let named = [&args[..], &["-", "--threads", THREADS]].concat();
    assert_eq!(run_with_stdin(&named, &file).succeeds().out, plain.out);
}

/// Twelve comments of one thread, which say when they were posted.
fn conversation() -> Vec<Value> {
    (0..12)
        .map(|i| {
            json!({
                "id": i.to_string(),
                "thread_id": "roses",
                "parent_id": (i > 0).then(|| (i - 1).to_string()),
                "text": format!("Cut them back in spring, not in month {i}; the soil of mine is dry."),
                "created_at": format!("2026-05-{:02}T10:00:00Z", i + 1),
            })
        })
        .collect()
}

/// A file of records.
pub fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

/// What a policy that flags every score says of each comment, by id.
fn off_topic(folder: &Folder, file: &str) -> Vec<(String, String)> {
    let old = folder.write("old.toml", "[site.default]\n");
    let new = folder.write("new.toml", "[site.default]\nOFF_TOPIC = { flag = 0 }\n");
    let args =
        ["backtest", "--policy", &new, "--against", &old, "--data", file, "--show", "changed", "--json"];
    let found = object(&run(&args))["sites"][0]["listed"].take();
    let listed = found["comments"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    listed.map(|comment| (word(&comment["id"]), word(&comment["reason"]))).collect()
}

#[test]
fn a_comment_sees_none_that_was_posted_later() {
    let folder = Folder::new();
    let thread =
        "{\"id\":\"roses\",\"title\":\"Pruning roses\",\"body\":\"Cut roses back in early spring.\"}\n";
    folder.write("past.threads.jsonl", thread);
    let in_order = off_topic(&folder, &folder.write("past.jsonl", lines(conversation())));
    assert_eq!(in_order.len(), 12);
    // The other comments of the thread count for something.
    assert_ne!(in_order[0].1, in_order[11].1);

    // However the file is sorted, the comments before are the same.
    let mut shuffled = conversation();
    shuffled.reverse();
    shuffled.swap(2, 9);
    assert_eq!(off_topic(&folder, &folder.write("past.jsonl", lines(shuffled))), in_order);
    // Without the later ones, the earlier ones are judged alike.
    let beginning = lines(conversation().into_iter().take(5));
    assert_eq!(off_topic(&folder, &folder.write("past.jsonl", beginning)), in_order[..5]);
    // Two files under the same threads are one conversation.
    let threads = folder.write("t.jsonl", thread);
    std::fs::remove_file(folder.file("past.threads.jsonl")).unwrap();
    let (even, odd): (Vec<_>, Vec<_>) = conversation().into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let half = |name, half: Vec<(usize, Value)>| folder.write(name, lines(half.into_iter().map(|(_, c)| c)));
    let (even, odd) = (half("even.jsonl", even), half("odd.jsonl", odd));
    let (old, new) = (folder.file("old.toml"), folder.file("new.toml"));
    let args = ["backtest", "--policy", &new, "--against", &old, "--show", "changed", "--json", "--data"];
    let ran = run(&[&args[..], &[&odd, &even, "--threads", &threads]].concat());
    // Their parents are in the other file, where none is looked for.
    assert!(ran.err.ends_with(": 11; each is judged without its parent\n"), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let reasons = found["sites"][0]["listed"]["comments"].as_array().unwrap().iter();
    let expected = in_order.iter().map(|(_, reason)| json!(reason));
    assert!(reasons.map(|comment| comment["reason"].clone()).eq(expected));
    // And without a thread there is nothing to see.
    assert_eq!(off_topic(&folder, &folder.write("past.jsonl", lines(conversation()))), []);
}

/// The thread file counts comments of later days.
#[test]
fn a_thread_holds_as_many_comments_as_came_before() {
    let folder = Folder::new();
    let rule =
        "[[site.default.rules]]\nname = \"busy\"\nwhen = \"thread.published_count >= 9\"\nthen = \"HOLD\"\n";
    let (old, new) = (
        folder.write("old.toml", "[site.default]\n"),
        folder.write("new.toml", format!("[site.default]\n{rule}")),
    );
    let threads = folder.write("past.threads.jsonl", "{\"id\":\"roses\",\"published_count\":99}\n");
    let mut shuffled = conversation();
    shuffled.reverse();
    let data = folder.write("past.jsonl", lines(shuffled));
    let args =
        ["backtest", "--policy", &new, "--against", &old, "--data", &data, "--show", "newly-held", "--json"];
    let listed = object(&run(&args))["sites"][0]["listed"]["comments"].take();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["9", "10", "11"]);
    let now =
        run(&["moderate", "--input", &data, "--threads", &threads, "--policy", &new]).succeeds().answers();
    assert!(now.iter().all(|answer| answer["action"] == "HOLD"));
}

#[test]
fn each_site_has_its_own_policy() {
    let folder = Folder::new();
    let policy =
        folder.write("p.toml", "[site.default]\nSPAM = { hold = 0 }\n[site.open]\nSPAM = { hold = false }\n");
    let data = folder.write("past.jsonl", comments(70));
    let args = ["backtest", "--policy", &policy, "--against", &policy, "--data", &data, "--json"];
    let found =
        object(&run(&[&args[..], &["--site", "open", "--site", "default", "--site", "open"]].concat()));
    let held = |site: usize| found["sites"][site]["actions"]["HOLD"]["HOLD"].clone();
    assert_eq!(found["sites"].as_array().unwrap().len(), 2);
    assert_eq!((held(0), held(1)), (json!(0), json!(70)));
    assert_eq!(found["sites"][1]["queued"], json!({"old": 70, "new": 70}));
    assert_eq!(found["sites"][1]["review_minutes"]["new"], json!(35.0));
    assert_eq!(found["labels"]["unlabelled"], json!(70));
    assert_eq!(found["sites"][1]["held"]["old"]["precision"], Value::Null);

    let unknown = run(&[&args[..], &["--site", "opne"]].concat());
    let note = "policy has none for site `opne`; its default one applies\n";
    assert_eq!((unknown.code, unknown.err), (0, format!("note: the old {note}note: the new {note}")));
}

/// Held for want of context before, and for their scores now.
#[test]
fn the_minutes_of_moderators_are_told_by_rule() {
    let folder = Folder::new();
    let rule = "[[site.default.rules]]\nname = \"new\"\nwhen = \"author.age_days < 1\"\nthen = \"HOLD\"\n";
    let old = folder.write("o.toml", format!("[site.default]\nfail.context = \"queue\"\n{rule}"));
    let new = folder.write("n.toml", format!("[site.default]\nSPAM.hold = 0\n{rule}"));
    let (data, page) = (folder.write("past.jsonl", comments(70)), folder.file("page.html"));
    let args = ["backtest", "--policy", &new, "--against", &old, "--data", &data, "--report", &page];
    let site = object(&run(&[&args[..], &["--json"]].concat()))["sites"][0].take();
    let rules = site["rules"].as_array().unwrap();
    let find = |name: &str| rules.iter().find(|rule| rule["rule"] == name).unwrap();
    let failed = find("fail.context");
    assert_eq!(failed["action"], json!({"old": "HOLD", "new": null}));
    assert_eq!((&failed["fired"]["old"]["comments"], &failed["fired"]["new"]), (&json!(70), &Value::Null));
    assert_eq!(failed["review_minutes"], json!({"old": 35.0, "new": 0.0}));
    assert_eq!(find("SPAM.HOLD")["review_minutes"], json!({"old": 0.0, "new": 35.0}));
    assert_eq!(find("new")["review_minutes"], json!({"old": 0.0, "new": 0.0}));
    assert_eq!(site["review_minutes"], json!({"old": 35.0, "new": 35.0}));

    let table = run(&args).succeeds().out.clone();
    let line = table.lines().find(|line| line.starts_with("  fail.context ")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[1..4], ["HOLD", "→", "-"], "{line}");
    assert!(line.ends_with("  35.0 → 0.0"), "{line}");
    let page = std::fs::read_to_string(&page).unwrap();
    let row = page.split("<tr>").find(|row| row.contains(">fail.context</th>")).unwrap();
    assert!(row.contains("<td>HOLD → -</td>") && row.contains("<td>35.0 → 0.0</td>"), "{row}");
}

#[test]
fn texts_are_shown_only_when_comments_are_asked_for() {
    let folder = Folder::new();
    let (old, new) = (
        folder.write("o.toml", "[site.default]\n"),
        folder.write("n.toml", "[site.default]\nSPAM = { hold = 0 }\n"),
    );
    let text = "canary\u{1b}[2J <b>bold</b>";
    let data = folder.write("past.jsonl", lines([json!({"id": "c-1", "text": text, "labels": {"spam": 1}})]));
    let page = folder.file("page.html");
    let args = ["backtest", "--policy", &new, "--against", &old, "--data", &data, "--report", &page];
    for more in [&[][..], &["--json"]] {
        let ran = run(&[&args[..], more].concat());
        assert!(!ran.succeeds().out.contains("canary"));
        let page = std::fs::read_to_string(&page).unwrap();
        assert!(
            page.contains("c-1") && page.contains("PUBLISH → HOLD") && !page.contains("canary"),
            "{page}"
        );
    }
    let shown = run(&[&args[..], &["--show", "newly-held"]].concat());
    assert!(shown.succeeds().out.contains("\n  c-1  PUBLISH → HOLD  SPAM score "), "{}", shown.out);
    assert!(shown.out.contains("\n    canary\\u{1b}[2J <b>bold</b>\n"), "{}", shown.out);
    assert!(std::fs::read_to_string(&page).unwrap().contains("&lt;b&gt;bold&lt;/b&gt;"));
    let listed =
        object(&run(&[&args[..], &["--show", "newly-held", "--json"]].concat()))["sites"][0]["listed"].take();
    assert_eq!(listed["comments"][0]["text"], json!(text));
    let other = object(&run(&[&args[..], &["--show", "newly-published", "--json"]].concat()));
    assert_eq!(other["sites"][0]["listed"]["total"], json!(0));
    let back =
        ["backtest", "--policy", &old, "--against", &new, "--data", &data, "--show", "newly-published"];
    assert!(run(&back).succeeds().out.contains("\n  c-1  HOLD → PUBLISH  was: SPAM score "));
    let none = object(&run(&[&args[..], &["--show", "changed", "--limit", "0", "--json"]].concat()));
    assert_eq!(none["sites"][0]["listed"], json!({"which": "changed", "total": 1, "comments": []}));
}

#[test]
fn a_model_can_be_tried_alone() {
    let folder = Folder::new();
    // The shipped model, but it knows nothing of spam.
    let shipped = std::fs::read(SHIPPED).unwrap();
    let (mut parts, mut metadata, _) = deserialize(&shipped, "shipped").unwrap();
    parts.heads[Attribute::Spam] = None;
    // Its golden comments would tell that it was tampered with.
    metadata.golden.clear();
    let model = folder.write("other.safetensors", serialize(&parts, &metadata).unwrap());
    let past = std::fs::read_to_string(PAST).unwrap();
    let data = folder.write("past.jsonl", past.split_inclusive('\n').take(60).collect::<String>());
    let found = object(&run(&["backtest", "--model", &model, "--data", &data, "--json"]));
    let judged = |more: &[&str]| run(&[&["moderate", "--input", &data], more].concat()).succeeds().answers();
    let (old, new) = (judged(&[]), judged(&["--model", &model]));
    assert_moved(&found["sites"][0], &old, &new);
    assert_ne!(found["sites"][0]["changed"]["milder"], json!(0));
    assert_eq!(found["old"]["model_version"], old[0]["model_version"]);
    assert_eq!(found["new"]["model_version"], new[0]["model_version"]);
    assert_ne!(found["new"]["model_version"], old[0]["model_version"]);

    let broken = folder.write("broken.safetensors", "no model");
    assert!(run(&["backtest", "--model", &broken, "--data", &data]).fails_like(1, "").err.contains(&broken));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let folder = Folder::new();
    let policy = folder.write("new.toml", later());
    let bad = folder.write("bad.toml", "[site.default]\nSPAM = { hould = 0.9 }\n");
    let data = folder.write("past.jsonl", comments(3) + "{\"id\":\"x\",\"text\":\"canary\n");
    let good = folder.write("good.jsonl", comments(3));
    let (nowhere, page) = (folder.file("nowhere/x"), folder.file("page.html"));
    let backtest = |more: &[&str]| run(&[&["backtest"], more].concat());

    backtest(&["--policy", &policy, "--data", &data, "--report", &page])
        .fails(1, &format!("{data}:4:24: the line ends inside a string"));
    assert!(!folder.names().contains(&"page.html".to_owned()));
    let blank = folder.write("blank.jsonl", comments(3) + "{\"id\":\"x\",\"text\":\" \"}\n");
    backtest(&["--policy", &policy, "--data", &good, &blank])
        .fails(1, &format!("{blank}:4: field `text` must not be empty or blank"));
    let label = folder.write("label.jsonl", "{\"id\":\"x\",\"text\":\"t\",\"labels\":{\"spam\":2}}\n");
    backtest(&["--policy", &policy, "--data", &label])
        .fails(1, &format!("{label}:1: label `spam` is 2, outside 0..=1"));
    let empty = folder.write("empty.jsonl", "\n");
    backtest(&["--policy", &policy, "--data", &empty]).fails(1, "the data hold no comment");
    backtest(&["--policy", &policy, "--data", &nowhere])
        .fails_like(1, &format!("{nowhere}: cannot be opened: "));
    backtest(&["--policy", &policy, "--data", &good, "--threads", &nowhere])
        .fails_like(1, &format!("{nowhere}: cannot be opened: "));
    backtest(&["--policy", &policy, "--data", &good, "--report", &nowhere])
        .fails_like(1, &format!("{nowhere}: cannot be written: "));

    let hould = format!("{bad}:2:10: unknown action `hould`; did you mean `hold`?");
    backtest(&["--policy", &bad, "--data", &good]).fails(64, &hould);
    let two = backtest(&["--policy", &bad, "--against", &nowhere, "--data", &good]);
    assert_eq!((two.code, two.err.lines().count()), (64, 2), "{}", two.err);
    for wrong in [
        &["--data", &good][..],
        &["--policy", &policy],
        &["--policy", &policy, "--data", &good, "--show", "all"],
        &["--policy", &policy, "--data", &good, "--minutes-per-review", "-1"],
        &["--policy", &policy, "--data", &good, "--minutes-per-review", "nan"],
        &["--policy", &policy, "--data", &good, "--report", "-"],
        &["--policy", &policy, "--data", "-", "--threads", "-"],
    ] {
        backtest(wrong).fails_like(64, "");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_nothing_beside_the_report() {
    let folder = Folder::new();
    let (policy, page) = (folder.write("new.toml", later()), folder.write("page.html", "older"));
    crate::support::interrupted(
        &["backtest", "--policy", &policy, "--data", "-", "--report", &page],
        "INT",
        &folder,
    );
    assert_eq!(folder.names(), ["new.toml", "page.html"]);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "older");
}

#[test]
fn times_that_are_none_are_counted() {
    let folder = Folder::new();
    let policy = folder.write("new.toml", later());
    let file = lines(
        ["soon", "2026-05-01", ""].map(|time| json!({"id": time, "text": "Hello", "created_at": time})),
    );
    let ran = run(&["backtest", "--policy", &policy, "--data", &folder.write("past.jsonl", file)]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.starts_with("note: 2 comments have a `created_at` that is no RFC 3339 time"),
        "{}",
        ran.err
    );
}

#[test]
fn ids_that_are_not_unique_and_parents_that_are_not_there_are_counted() {
    let folder = Folder::new();
    let line = |id: &str, parent: Option<&str>| {
        json!({ "id": id, "parent_id": parent, "text": "Lovely roses.", "labels": {} }).to_string() + "\n"
    };
    let replay = |lines: &[String]| {
        run(&["backtest", "--policy", "strict", "--data", &folder.write("d.jsonl", lines.concat())])
    };
    // A parent that stands later is there.
    let sound = [line("1", Some("2")), line("2", None), line("3", Some("1"))];
    replay(&sound).succeeds();
    let ran = replay(&[&sound[..], &[line("3", None), line("3", None), line("4", Some("5"))]].concat());
    let notes: Vec<&str> = ran.err.lines().collect();
    assert_eq!((ran.code, notes.len()), (0, 2), "{ran:?}");
    assert!(
        notes[0].starts_with("note: comments with the `id` of an earlier one of their file: 2;"),
        "{notes:?}"
    );
    assert!(notes[1].contains("that no comment of their file has for its `id`: 1;"), "{notes:?}");
}
