use crate::support::{Folder, run};
use serde_json::{Value, json};

/// Answers with these scores for SPAM, as `moderate` writes them.
fn answers(scores: impl Iterator<Item = f64>, language: &str) -> String {
    let line = |score| {
        let answer = json!({"action": "PUBLISH", "scores": {"SPAM": score}, "language_code": language});
        answer.to_string() + "\n"
    };
    scores.map(line).collect()
}

fn index(ran: &str, name: &str) -> f64 {
    let day: Value = serde_json::from_str(ran.lines().next().unwrap()).unwrap();
    day["index"][name]["index"].as_f64().unwrap()
}

#[test]
fn what_has_moved_is_told_and_what_has_not_is_too() {
    let folder = Folder::new();
    let even = |shift: usize| (0..1_000).map(move |i| ((i + shift) % 1_000) as f64 / 1_000.0);
    let before = folder.write("before.jsonl", answers(even(0), "en"));
    let same = folder.write("same.jsonl", answers(even(500), "en"));
    let high = folder.write("high.jsonl", answers((0..1_000).map(|i| 0.9 + f64::from(i) / 10_000.0), "de"));
    let drift =
        |data: &str| run(&["drift", "--data", data, "--against", &before, "--json"]).succeeds().out.clone();
    assert!(index(&drift(&same), "SPAM") < 0.001);
    assert!(index(&drift(&same), "language") < 0.001);
    assert!(index(&drift(&high), "SPAM") > 0.25);
    assert!(index(&drift(&high), "language") > 0.25);
    let readable = run(&["drift", "--data", &high, "--against", &before]).succeeds().out.clone();
    let line = readable.lines().find(|line| line.contains("SPAM")).unwrap();
    assert!(line.contains("a large change") && readable.contains("1000 comments"), "{readable}");
    let readable = run(&["drift", "--data", &same, "--against", &before]).succeeds().out.clone();
    assert!(readable.contains("as good as chance"), "{readable}");
}

#[test]
fn days_stand_apart() {
    let folder = Folder::new();
    let line = |time: &str| {
        let answer = json!({"scores": {"SPAM": 0.1}, "language_code": "en", "time": time});
        answer.to_string() + "\n"
    };
    let times = ["2026-08-01T10:00:00Z", "2026-07-31T10:00:00Z", "2026-08-01T11:00:00Z"];
    let lines = times.map(line).concat();
    let data = folder.write("audit.jsonl", lines);
    let ran = run(&["drift", "--data", &data, "--against", &data, "--json"]);
    let days: Vec<Value> = ran.succeeds().answers();
    let told: Vec<_> =
        days.iter().map(|day| (day["day"].as_str().unwrap(), day["comments"].as_u64().unwrap())).collect();
    assert_eq!(told, [("2026-07-31", 1), ("2026-08-01", 2)]);
}

#[test]
fn what_is_no_answer_is_named_with_its_place() {
    let folder = Folder::new();
    let good = answers([0.5].into_iter(), "en");
    for (bad, what) in [
        ("{\"scores\": {\"SPAM\": 1.5}, \"language_code\": \"en\"}\n", "the score of SPAM is outside 0..=1"),
        ("{\"scores\": {\"SPUM\": 0.5}, \"language_code\": \"en\"}\n", "`scores` names no attribute"),
        (
            "{\"scores\": {}, \"language_code\": \"en\", \"time\": \"x\"}\n",
            "`time` does not begin with a day",
        ),
    ] {
        let data = folder.write("bad.jsonl", good.clone() + bad);
        let ran = run(&["drift", "--data", &data, "--against", &data]);
        ran.fails_like(1, &format!("{data}:2"));
        assert!(ran.err.contains(what), "{}", ran.err);
    }
    let empty = folder.write("empty.jsonl", "");
    run(&["drift", "--data", &empty, "--against", &empty]).fails(1, &format!("{empty}: holds no answer"));
}

#[test]
fn the_training_of_the_model_is_what_is_compared_with_if_it_says_so() {
    let folder = Folder::new();
    let data = folder.write("answers.jsonl", answers([0.2, 0.9].into_iter(), "en"));
    let ran = run(&["drift", "--data", &data, "--json"]);
    // Models of older versions do not say.
    if ran.code == 0 {
        assert!(index(&ran.out, "SPAM") > 0.0);
    } else {
        ran.fails_like(1, "thresher-en@");
        assert!(ran.err.contains("(--against FILE)"), "{}", ran.err);
    }
}
