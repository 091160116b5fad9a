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

/// A line of an audit log in which a site's calibration moved the score.
fn moved(score: f64, model: &str) -> String {
    let line = json!({
        "scores": {"SPAM": 0.99},
        "model_scores": {"SPAM": score},
        "language_code": "en",
        "model_version": model,
    });
    line.to_string() + "\n"
}

#[test]
fn what_the_model_said_counts_and_not_what_a_site_made_of_it() {
    let folder = Folder::new();
    let even = || (0..1_000).map(|i| f64::from(i) / 1_000.0);
    let before = folder.write("before.jsonl", answers(even(), "en"));
    let data = folder.write("audit.jsonl", even().map(|score| moved(score, "m@1")).collect::<String>());
    let ran = run(&["drift", "--data", &data, "--against", &before, "--json"]);
    assert!(index(&ran.succeeds().out, "SPAM") < 0.001);
}

#[test]
fn beside_a_training_the_answers_of_other_models_are_left_out() {
    let folder = Folder::new();
    let judged = run(&["moderate", "--text", "Lovely roses.", "--json"]).succeeds().out.clone();
    let answer: Value = serde_json::from_str(&judged).unwrap();
    let shipped = answer["model_version"].as_str().unwrap();
    let data =
        folder.write("audit.jsonl", moved(0.1, "m@1").repeat(3) + moved(0.1, shipped).repeat(2).as_str());
    let ran = run(&["drift", "--data", &data, "--json"]).succeeds().out.clone();
    let day: Value = serde_json::from_str(&ran).unwrap();
    assert_eq!(day["comments"], 2);
    let ran = run(&["drift", "--data", &data]).succeeds().out.clone();
    assert!(ran.contains("left out: 3 comments that m@1 judged\n"), "{ran}");
    let none = folder.write("other.jsonl", moved(0.1, "m@1"));
    let what = format!("{none}: holds no answer of {shipped}, but of m@1 (--model FILE)");
    run(&["drift", "--data", &none]).fails(1, &what);
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
