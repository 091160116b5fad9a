//! What a backtest makes of rules about earlier comments.

use crate::backtest::{lines, object};
use crate::support::{Folder, run};
use serde_json::{Value, json};

/// With what is remembered of earlier comments, on as many cores as there are.
#[test]
fn replays_that_remember_are_the_same_every_time() {
    let folder = Folder::new();
    let rules = r#"
[site.default]
SPAM = { hold = 0.8 }
[[site.default.rules]]
name = "copies"
when = "repeat.near_count >= 2 && repeat.authors >= 1"
then = "HOLD"
[[site.default.rules]]
name = "flood"
when = "rate.author_minute >= 2 || rate.address_hour >= 40"
then = "REJECT"
"#;
    let (old, new) = (folder.write("old.toml", "[site.default]\n"), folder.write("new.toml", rules));
    let text = |i: usize| match i % 3 {
        0 => format!("Half the price on everything, come and see the shop of my aunt at noon {i}"),
        1 => format!("The roses of number {i} were lovely this year"),
        _ => format!("Nobody told you so {}, and you are wrong", "very ".repeat(i % 7)),
    };
    let comment = |i: usize| {
        let (minute, second) = (i / 20 % 60, i % 20 * 3);
        json!({
            "id": i.to_string(),
            "text": text(i),
            "author": format!("a{}", i % 9),
            "client": {"ip": format!("203.0.113.{}", i % 5)},
            "created_at": format!("2026-03-01T{:02}:{minute:02}:{second:02}Z", i / 1200),
            "labels": {"spam": u8::from(i.is_multiple_of(3))},
        })
    };
    let data = folder.write("past.jsonl", lines((0..2_000).map(comment)));
    let copy = |i: usize| json!({"duplicate_of": (i * 3).to_string(), "author": format!("b{i}"), "created_at": format!("2026-03-01T00:{:02}:30Z", i % 60), "labels": {"spam": 1}});
    folder.write("past.repeats.jsonl", lines((0..200).map(copy)));
    let page = folder.file("page.html");
    let replayed = |more: &[&str]| {
        let args = ["backtest", "--against", &old, "--policy", &new, "--data", &data, "--repeats"];
        let args = [&args[..], &["--show", "changed", "--report", &page], more].concat();
        (run(&args).succeeds().out.clone(), std::fs::read_to_string(&page).unwrap())
    };
    let (table, html) = replayed(&[]);
    for rule in ["  copies ", "  flood ", "rules alone"] {
        assert!(table.contains(rule), "{table}");
    }
    assert!(table.contains("rate.author_minute "), "{table}");
    assert_eq!(replayed(&[]), (table, html.clone()));
    let (json, again) = replayed(&["--json"]);
    assert_eq!((replayed(&["--json"]), again), ((json, html.clone()), html));
}

/// The first comment of each author, as a file tells or as it says itself.
#[test]
fn the_first_comment_of_an_author_is_told_from_those_behind_it() {
    let folder = Folder::new();
    let rules = "[site.default]\n[[site.default.rules]]\nname = \"newcomers\"\n\
                 when = \"rate.first_comment\"\nthen = \"HOLD\"\n";
    let (old, new) = (folder.write("old.toml", "[site.default]\n"), folder.write("new.toml", rules));
    let by = |id: &str, author: Option<&str>, day: u32| {
        let text = format!("Mine flower until October, {id} of them at least.");
        json!({"id": id, "author": author, "text": text, "created_at": format!("2026-03-{day:02}T10:00:00Z")})
    };
    let with = |mut comment: Value, key: &str, value: Value| {
        comment[key] = value;
        comment
    };
    // Not in the order they were posted in.
    let past = [
        by("ann-2", Some("ann"), 20),
        by("ann-1", Some("ann"), 1),
        by("bob-1", Some("bob"), 2),
        by("bob-2", Some("bob"), 2),
        with(by("cid-9", Some("cid"), 3), "author_details", json!({"approved_count": 8})),
        with(by("dan-9", Some("dan"), 3), "author_details", json!({"rejected_count": 1})),
        with(by("eve-1", None, 4), "author_details", json!({"approved_count": 0})),
        by("nobody", None, 5),
        with(by("fay-1", Some("fay"), 6), "client", json!({"ip": "203.0.113.1"})),
        // Another author from the same address.
        with(by("gus-1", Some("gus"), 7), "client", json!({"ip": "203.0.113.1"})),
    ];
    let data = folder.write("past.jsonl", lines(past));
    let args = ["backtest", "--policy", &new, "--against", &old, "--data", &data];
    let found = object(&run(&[&args[..], &["--show", "newly-held", "--json"]].concat()));
    let listed = found["sites"][0]["listed"]["comments"].as_array().unwrap();
    let ids: Vec<&str> = listed.iter().map(|comment| comment["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ann-1", "bob-1", "eve-1", "fay-1", "gus-1"]);
    assert_eq!(listed[0]["reason"], "rule newcomers applies");
    let rule = found["sites"][0]["rules"].as_array().unwrap().iter().find(|it| it["rule"] == "newcomers");
    assert_eq!(rule.unwrap()["fired"]["new"]["comments"], 5);
    let table = run(&args).succeeds().out.clone();
    assert!(table.contains("\n  newcomers "), "{table}");
}

/// Rules about earlier comments, and a threshold that nothing reaches.
const COPIES: &str = r#"
[site.default]
SPAM = { hold = 1 }
[[site.default.rules]]
name = "copies"
when = "repeat.near_count >= 2"
then = "HOLD"
"#;

#[test]
fn dropped_copies_are_replayed_in_their_place_in_time() {
    let folder = Folder::new();
    let (old, new) = (folder.write("old.toml", "[site.default]\n"), folder.write("new.toml", COPIES));
    let line = |id: &str, day: u32, text: &str, spam: u8| {
        json!({"id": id, "text": text, "created_at": format!("2026-03-{day:02}T10:00:00Z"), "labels": {"spam": spam}})
            .to_string()
    };
    let flood = "Half the price on everything, come and see the shop of my aunt today";
    let past = [
        line("a", 1, flood, 1),
        line("b", 2, "The roses were lovely this year, and nobody stepped on them", 0),
        line("c", 9, "nice", 0),
    ];
    let past = folder.write("past.jsonl", past.join("\n"));
    let copy = |of: &str, hour: u32, spam: u8| {
        json!({"duplicate_of": of, "author": "x", "created_at": format!("2026-03-01T{hour:02}:00:00Z"), "labels": {"spam": spam}})
            .to_string()
    };
    // One of them before the comment itself; and short ones, which do not count.
    let copies = [
        copy("a", 9, 1),
        copy("a", 11, 1),
        copy("a", 12, 1),
        copy("c", 9, 0),
        copy("c", 9, 0),
        copy("c", 9, 0),
    ];
    folder.write("past.repeats.jsonl", copies.join("\n"));
    let backtest = ["backtest", "--against", &old, "--policy", &new, "--data", &past, "--json"];
    assert_eq!(object(&run(&backtest))["comments"], json!(3));

    let found = object(&run(&[&backtest[..], &["--repeats", "--show", "newly-held"]].concat()));
    assert_eq!(found["comments"], json!(9));
    let site = &found["sites"][0];
    let listed: Vec<&Value> = site["listed"]["comments"].as_array().unwrap().iter().collect();
    let ids: Vec<&str> = listed.iter().map(|comment| comment["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a+2", "a+3"]);
    assert_eq!(listed[1]["reason"], "rule copies applies (repeat.near_count 3)");
    let gain = &site["gain"];
    assert_eq!((&gain["spam"], &gain["not_spam"]), (&json!(4), &json!(5)));
    assert_eq!(gain["rules"], json!({"right": 2, "wrong": 0}));
    assert_eq!(gain["hold"]["with_rules"], json!(2));
    assert!(gain["hold"]["score"].as_u64().unwrap() == 0, "{gain}");

    folder.write("past.repeats.jsonl", copy("z", 9, 1));
    let repeats = folder.file("past.repeats.jsonl");
    let ran = run(&[&backtest[..], &["--repeats"]].concat());
    ran.fails_like(1, &format!("{repeats}:1: field `duplicate_of` names no comment"));
}

/// A comment that says it is of the far future counts as of now, so that those
/// behind it still count what came before it.
#[test]
fn a_time_in_the_future_makes_nobody_forget() {
    let folder = Folder::new();
    let rules = "[site.default]\n[[site.default.rules]]\nname = \"copies\"\n\
                 when = \"repeat.exact_count >= 3\"\nthen = \"HOLD\"\n";
    let policy = folder.write("policy.toml", rules);
    let flood = "Half the price on everything, come and see the shop of my aunt today";
    let said =
        |id: &str, time: Option<&str>| json!({"id": id, "text": flood, "author": id, "created_at": time});
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let (now, far) = (Some(now.as_str()), Some("9999-12-31T00:00:00Z"));
    // The last one is as of the latest one before it.
    let times = [("a", now), ("b", now), ("c", now), ("far", far), ("d", now), ("e", None)];
    let past = folder.write("past.jsonl", lines(times.map(|(id, time)| said(id, time))));
    let held = run(&["moderate", "--input", &past, "--policy", &policy]).succeeds().answers();
    let actions: Vec<&Value> = held.iter().map(|answer| &answer["action"]).collect();
    assert_eq!(actions, ["PUBLISH", "PUBLISH", "PUBLISH", "HOLD", "HOLD", "HOLD"]);
}
