//! The training binary, run for real on the example data.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "training")]

use std::path::Path;
use std::process::{Command, Output};
use thresher::attribute::Attribute;
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::Calibration;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");

fn train(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thresher-train")).args(arguments).output().unwrap()
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = train(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with this code and one line that holds all of `parts`.
#[track_caller]
fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let output = train(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

fn fit(out: &Path) -> String {
    succeeds(&["fit", "--data", EXAMPLES, "--out", out.to_str().unwrap()])
}

#[test]
fn fitting_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let read = |out: &Path| std::fs::read(out).unwrap();
    let (first, second) = (folder.path().join("a/m.safetensors"), folder.path().join("b/m.safetensors"));
    let scratch = folder.path().join("scratch");
    for folder in [first.parent().unwrap(), second.parent().unwrap(), &scratch] {
        std::fs::create_dir(folder).unwrap();
    }
    // Once in memory, once with all features in a file.
    let printed = fit(&first);
    assert!(printed.contains("labelled-threads") && printed.contains("332"), "{printed}");
    assert!(!printed.contains("read from a file"), "{printed}");
    let [out, spilled] = [&second, &scratch].map(|path| path.to_str().unwrap());
    let arguments = ["fit", "--data", EXAMPLES, "--memory", "0", "--scratch", spilled, "--out", out];
    let printed = succeeds(&arguments);
    assert!(printed.contains("1 MiB of features were read from a file"), "{printed}");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "the file is gone");
    assert!(read(&first) == read(&second), "the same data and seed give the same bytes");
    let moderator = Moderator::tested(Model::open(&first).unwrap()).unwrap();
    let golden = &moderator.model().metadata().golden;
    assert_eq!(golden.len(), 16);
    for comment in golden {
        assert_eq!(moderator.score_golden(comment).unwrap(), comment.scores, "the same to the bit");
    }
    assert!(golden.iter().any(|comment| comment.scores.contains_key("OFF_TOPIC")));
    let card = std::fs::read_to_string(first.with_extension("md")).unwrap();
    assert!(card.contains("# Model card: m") && card.contains("| SPAM |"), "{card}");
    assert!(card.contains("### Languages"), "{card}");
    assert!(card.contains("| SPAM | strict | "), "{card}");
    let model = thresher::model::Model::open(&first).unwrap();
    for (name, report) in &model.metadata().attributes {
        let counts = report.languages.values();
        let total = counts.fold((0, 0), |sum, c| (sum.0 + c.rows, sum.1 + c.positives));
        assert_eq!(total, (report.rows, report.positives), "{name}: every row has one language");
        let scores = report.scores.as_ref().and_then(|scores| scores.counts()).unwrap();
        assert_eq!(scores.iter().sum::<u64>(), report.rows, "{name}: every row has a score");
        assert!(report.languages["en"].rows > report.languages["und"].rows, "{name}: English examples");
    }
    let languages = &model.metadata().languages;
    assert_eq!(languages.values().sum::<u64>(), 332, "{languages:?}");
}

#[test]
fn a_fitted_model_is_evaluated_and_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    fit(&out);
    let model = out.to_str().unwrap();
    let figures = succeeds(&["evaluate", "--model", model, "--data", EXAMPLES, "--json"]);
    let figures: Vec<serde_json::Value> = serde_json::from_str(&figures).unwrap();
    let of = |attribute: &str| figures.iter().find(|f| f["attribute"] == attribute).unwrap();
    assert_eq!(figures.len(), 9);
    assert_eq!(of("SPAM")["rows"], 332);
    assert_eq!(of("SPAM")["positives"], 91);
    // Measured on the rows trained on, so a model that learned nothing shows.
    for attribute in ["SPAM", "TOXICITY", "PROFANITY"] {
        assert!(of(attribute)["roc_auc"].as_f64().unwrap() > 0.95, "{}", of(attribute));
    }
    let table = succeeds(&["evaluate", "--model", model, "--data", EXAMPLES]);
    assert!(table.contains("SEXUALLY_EXPLICIT") && table.contains("calib. error"), "{table}");
    let shown = succeeds(&["inspect", model, "--data", EXAMPLES]);
    assert!(shown.contains("SPAM for:") && shown.contains("feature space"), "{shown}");
}

#[test]
fn one_attribute_alone_can_be_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("spam.safetensors");
    succeeds(&["fit", "--data", EXAMPLES, "--only", "spam", "--c", "2", "--out", out.to_str().unwrap()]);
    let model = Model::open(&out).unwrap();
    let trained: Vec<_> = model.heads().iter().filter(|(_, h)| h.is_some()).map(|(a, _)| a.name()).collect();
    assert_eq!(trained, ["SPAM"]);
}

/// People labelled a few comments for one word, teachers all of them for
/// another: the model must have learned from both.
#[test]
fn soft_labels_are_learned_beside_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut comments, mut soft) = (String::new(), String::new());
    for i in 0..400 {
        let word = ["dunce", "marmalade", "harbour", "saturday"][i % 4];
        let labels = match (i < 120, word) {
            (true, "dunce") => r#"{"insult": 1}"#,
            (true, "harbour" | "saturday") => r#"{"insult": 0}"#,
            _ => "{}",
        };
        let teacher = if word == "marmalade" { 0.98 } else { 0.02 };
        let text = format!("number {i} of the {word} again");
        comments.push_str(&format!("{{\"id\": \"c{i}\", \"text\": \"{text}\", \"labels\": {labels}}}\n"));
        soft.push_str(&format!("{{\"id\": \"c{i}\", \"teacher\": [0, 0, 0, 0, {teacher}, 0]}}\n"));
    }
    std::fs::write(path("c.jsonl"), comments).unwrap();
    std::fs::write(path("soft.jsonl"), soft).unwrap();
    let (data, soft) = (path("c.jsonl"), path("soft.jsonl"));
    let base = ["fit", "--data", &data, "--only", "insult", "--c", "4", "--out"];
    let margin = |model: &str, text: &str| {
        use thresher::comment::Format;
        let model = Model::from_bytes(&std::fs::read(model).unwrap(), "the model").unwrap();
        let (mut document, mut vector): (thresher::text::Document, _) = Default::default();
        thresher::text::Analyzer::default().analyze(text, Format::Plain, &mut document);
        model.vectorizer().transform(&mut document, &mut vector);
        let insult = Attribute::TEXT.iter().position(|a| *a == Attribute::Insult).unwrap();
        model.classifier().decision_function(&vector).whole[insult]
    };
    let (plain, taught) = (path("plain.safetensors"), path("taught.safetensors"));
    succeeds(&[&base[..], &[&plain]].concat());
    succeeds(&[&base[..], &[&taught, "--soft-labels", &soft]].concat());
    let more = |model: &str, word: &str| {
        margin(model, &format!("the {word} again")) - margin(model, "the harbour again")
    };
    assert!(more(&plain, "dunce") > 1.0 && more(&taught, "dunce") > 0.1);
    assert!(more(&taught, "marmalade") > more(&plain, "marmalade") + 1.0);
    let card = std::fs::read_to_string(path("taught.md")).unwrap();
    assert!(card.contains("Soft labels") && card.contains("(teacher)"), "{card}");
    fails(&[&base[..], &[&taught, "--soft-weight", "0.2"]].concat(), 64, &["--soft-labels"]);
    fails(&[&base[..], &[&taught, "--soft-labels", &data]].concat(), 1, &["c.jsonl:1"]);
}

#[test]
fn bad_data_stop_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.jsonl");
    let out = folder.path().join("m.safetensors");
    let good = r#"{"id": "1", "text": "fine", "labels": {"spam": 0}}"#;
    for (bad, parts) in [
        (r#"{"id": "2", "text": "canary", "labels": {"spam": 1.5}}"#, ["bad.jsonl:2", "1.5"]),
        ("[1, 2]", ["bad.jsonl:2", "object"]),
        (r#"{"id": "2", "text": "canary \ud800"}"#, ["bad.jsonl:2", "surrogate"]),
        (r#"{"id": "2", "labels": {}}"#, ["bad.jsonl:2", "text"]),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}\n")).unwrap();
        fails(&["fit", "--data", path.to_str().unwrap(), "--out", out.to_str().unwrap()], 1, &parts);
        assert!(!out.exists(), "nothing is written");
    }
    std::fs::write(&path, format!("{good}\n")).unwrap();
    fails(
        &["fit", "--data", path.to_str().unwrap(), "--out", out.to_str().unwrap()],
        1,
        &["no attribute could be trained"],
    );
}

#[test]
fn bad_arguments_are_named() {
    fails(&["fit", "--data", EXAMPLES, "--out", "model.bin"], 1, &["model.bin", ".safetensors"]);
    fails(&["fit", "--data", "no/such.jsonl", "--out", "m.safetensors"], 1, &["no/such.jsonl"]);
    fails(&["fit", "--out", "m.safetensors"], 1, &["--data"]);
    fails(&["fit", "--data", EXAMPLES, "--weight", "x=-1", "--out", "m.safetensors"], 64, &["positive"]);
    let nowhere =
        ["fit", "--data", EXAMPLES, "--memory", "0", "--scratch", "no/such", "--out", "m.safetensors"];
    fails(&nowhere, 1, &["cannot keep features", "no/such", "--scratch"]);
    fails(&["evaluate", "--model", "no/such.safetensors", "--data", EXAMPLES], 1, &["no/such.safetensors"]);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d.jsonl").display().to_string();
    std::fs::copy(EXAMPLES, &data).unwrap();
    let model = folder.path().join("m.safetensors").display().to_string();
    let lost = format!("the card {data} would overwrite the data {data}, which is the same file");
    fails(&["fit", "--data", &data, "--out", &model, "--card", &data], 1, &[&lost]);
    assert_eq!(std::fs::read(&data).unwrap(), std::fs::read(EXAMPLES).unwrap());
    fails(&["frobnicate"], 64, &["frobnicate"]);
}

#[test]
fn a_source_left_out_has_figures_beside_the_macro_average() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = std::fs::read_to_string(EXAMPLES).unwrap().lines().map(str::to_owned).collect();
    let mut sets = Vec::new();
    for (i, name) in ["one", "two", "three"].iter().enumerate() {
        let path = folder.path().join(format!("{name}.jsonl"));
        let own: Vec<&str> = lines.iter().skip(i).step_by(3).map(String::as_str).collect();
        std::fs::write(&path, own.join("\n")).unwrap();
        sets.push(path.to_str().unwrap().to_owned());
    }
    let mut arguments = vec!["cross-validate", "--attribute", "SPAM", "--by", "source", "--json", "--data"];
    arguments.extend(sets.iter().map(String::as_str));
    let figures: Vec<serde_json::Value> = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let over: Vec<&str> = figures.iter().map(|f| f["over"].as_str().unwrap()).collect();
    assert_eq!(over, ["source", "source", "source", "macro_average", "pooled"]);
    for line in &figures {
        assert!(line["roc_auc"].as_f64().unwrap() > 0.9, "{line}");
        // Scores, not margins: what is calibrated lies within its bounds.
        assert!((0.0..0.2).contains(&line["calibration_error"].as_f64().unwrap()), "{line}");
        assert!((0.0..0.1).contains(&line["calibration_by_chance"].as_f64().unwrap()), "{line}");
        assert!((0.0..0.1).contains(&line["roc_auc_error"].as_f64().unwrap()), "{line}");
    }
    // Feedback is not measured on, and its source is ranked as before.
    arguments.extend(["--shift", "30"]);
    let shifted: Vec<serde_json::Value> = serde_json::from_str(&succeeds(&arguments)).unwrap();
    for (line, before) in shifted.iter().zip(&figures).take(3) {
        assert_eq!(line["rows"].as_u64().unwrap() + 30, before["rows"].as_u64().unwrap(), "{line}");
        assert!(line["roc_auc"].as_f64().unwrap() > 0.9, "{line}");
    }
    *arguments.last_mut().unwrap() = "100";
    fails(&arguments, 1, &["--shift 100", "twice as many"]);
}

/// An old model, and a run that is about to replace it and has begun.
#[cfg(unix)]
fn begun(
    folder: &Path,
) -> (std::path::PathBuf, std::process::Child, std::io::BufReader<std::process::ChildStdout>) {
    let out = folder.join("m.safetensors");
    std::fs::write(&out, "the model of yesterday").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
        .args(["fit", "--data", EXAMPLES, "--memory", "0", "--out", out.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    // The table of rows stands before all work.
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    assert!(!line.is_empty());
    (out, child, stdout)
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_the_model_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let (out, child, _stdout) = begun(folder.path());
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "thresher-train: interrupted; every file is whole or as it was before\n");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "the model of yesterday");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
        .args(["evaluate", "--data", EXAMPLES])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Gone before anything is written.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_shift_from_feedback_is_a_policy_that_moves_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let fragment = succeeds(&["shift", "--data", EXAMPLES, "--site", "news.example", "--attribute", "spam"]);
    assert!(fragment.contains("[site.\"news.example\".calibration]"), "{fragment}");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, format!("[site.default]\nSPAM = {{ flag = 0.5 }}\n{fragment}")).unwrap();
    let judge = |site: &str| {
        let text = "Win a prize today, claim it now at www.prizes.example.com!";
        let policy = policy.to_str().unwrap();
        let arguments = ["moderate", "--text", text, "--policy", policy, "--site", site, "--json"];
        let output = Command::new(env!("CARGO_BIN_EXE_thresher")).args(arguments).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let log_odds = |score: f64| (score / (1.0 - score)).ln();
        (log_odds(answer["scores"]["SPAM"].as_f64().unwrap()), answer["scores"]["TOXICITY"].as_f64().unwrap())
    };
    let (plain, moved) = (judge("default"), judge("news.example"));
    let policies = thresher::policy::Policies::open(&policy).unwrap();
    let Calibration { scale, shift } = policies.site("news.example").scoring().calibration[Attribute::Spam];
    assert!(shift != 0.0, "{fragment}");
    assert!((f64::from(scale) * plain.0 + f64::from(shift) - moved.0).abs() < 1e-2, "{plain:?} {moved:?}");
    assert_eq!(plain.1, moved.1);
    fails(&["shift", "--data", EXAMPLES, "--site", "a b"], 1, &["site name"]);
}

/// Fits SPAM alone, without a choice of estimators.
fn fit_spam(data: &Path, out: &Path, more: &[&str]) -> Model {
    let paths = [data.to_str().unwrap(), out.to_str().unwrap()];
    let mut arguments = vec!["fit", "--data", paths[0], "--out", paths[1], "--only", "spam", "--c", "4"];
    arguments.extend(more);
    succeeds(&arguments);
    Model::open(out).unwrap()
}

#[test]
fn forgotten_rows_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (all, without) = (folder.path().join("a/rows.jsonl"), folder.path().join("b/rows.jsonl"));
    let (mut lines, mut kept, mut ids) = (String::new(), String::new(), String::new());
    for (i, line) in std::fs::read_to_string(EXAMPLES).unwrap().lines().enumerate() {
        lines.push_str(&format!("{line}\n"));
        match i % 5 {
            0 => {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                ids.push_str(&format!("{}\n", row["id"].as_str().unwrap()));
            }
            _ => kept.push_str(&format!("{line}\n")),
        }
    }
    for (path, text) in [(&all, &lines), (&without, &kept)] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let forget = folder.path().join("withdrawn.txt");
    std::fs::write(&forget, &ids).unwrap();
    let forgot =
        fit_spam(&all, &folder.path().join("f.safetensors"), &["--forget", forget.to_str().unwrap()]);
    let never = fit_spam(&without, &folder.path().join("n.safetensors"), &[]);
    let knew = fit_spam(&all, &folder.path().join("k.safetensors"), &[]);
    assert!(forgot.vectorizer() == never.vectorizer() && forgot.vectorizer() != knew.vectorizer());
    assert!(forgot.classifier().rows() == never.classifier().rows());
    assert_eq!(forgot.classifier().scales(), never.classifier().scales());
    assert_eq!(forgot.heads()[Attribute::Spam], never.heads()[Attribute::Spam]);
    assert_eq!(forgot.metadata().attributes, never.metadata().attributes);
}

#[test]
fn a_resumed_model_learns_what_is_new_and_keeps_what_it_knew() {
    use thresher::comment::Comment;
    use thresher::moderator::{Ask, Scratch};
    let folder = tempfile::tempdir().unwrap();
    let old_path = folder.path().join("old.safetensors");
    let old = fit_spam(Path::new(EXAMPLES), &old_path, &[]);
    let rows: Vec<String> = (0..60)
        .map(|i| {
            let spam = i % 2;
            let subject = if spam == 1 { "pictures of the garden" } else { "bearings of the bridge" };
            serde_json::json!({"id": format!("n{i}"), "text": format!("I wrote about the {subject}, part {i}"),
                "labels": {"spam": spam}})
            .to_string()
        })
        .collect();
    let data = folder.path().join("new.jsonl");
    std::fs::write(&data, rows.join("\n")).unwrap();
    let out = folder.path().join("new.safetensors");
    let arguments =
        ["fit", "--resume", old_path.to_str().unwrap(), "--data", data.to_str().unwrap(), "--out"];
    let printed = succeeds(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert!(printed.contains("60") && printed.contains(old.version()), "{printed}");
    let new = Model::open(&out).unwrap();
    assert_eq!(new.metadata().data.len(), 2);
    assert!(new.metadata().attributes["SPAM"].estimator.contains("resumed with 60 rows"));
    let (old, new) = (Moderator::tested(old).unwrap(), Moderator::tested(new).unwrap());
    let policies = thresher::policy::Policies::embedded().unwrap();
    let log_odds = |moderator: &Moderator, text: &str| {
        let comment = Comment::new(text, 1 << 20).unwrap();
        let mut scratch = Scratch::default();
        let scores = moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch).scores;
        let score = scores[Attribute::Spam].unwrap().get().clamp(1e-6, 1.0 - 1e-6);
        (score / (1.0 - score)).ln()
    };
    let risen = |text: &str| log_odds(&new, text) - log_odds(&old, text);
    let learned = risen("I wrote about the pictures of the garden once more");
    assert!(learned > 1.0, "{learned}");
    let kept = risen("Win a prize today, claim it now at www.prizes.example.com!");
    assert!(kept.abs() < learned / 2.0, "{kept} beside {learned}");
    fails(
        &["fit", "--resume", "x", "--forget", "y", "--data", "z", "--out", "w.safetensors"],
        64,
        &["--forget"],
    );
}
