//! The report of `thresher-train`: its figures, its form, and the page alive in
//! a browser.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "training")]

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");

/// Ends elements and attributes and, where it gets through, marks the page.
const HOSTILE: &str =
    r#"</script></title><script>document.documentElement.dataset.broken = "1"</script>"'>&lt;<!--"#;

#[track_caller]
fn train(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_thresher-train")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that goes away by itself. It is not in /tmp, where a browser from a
/// snap package cannot read.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The page of an evaluation of the example data, written once for all tests.
fn example() -> &'static str {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let folder = folder();
        let path = folder.path().join("r.html");
        let printed = train(&["evaluate", "--data", EXAMPLES, "--report", path.to_str().unwrap()]);
        assert!(printed.contains("wrote "), "{printed}");
        std::fs::read_to_string(&path).unwrap()
    });
    &PAGE
}

/// A page taken apart: elements with their attributes and the text right
/// behind their start tag.
struct Page {
    html: String,
    elements: Vec<Element>,
}

struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Page {
    /// Reads a page, which must be without any fault that the HTML standard
    /// names, and with every element closed in order.
    #[track_caller]
    fn parse(html: String) -> Page {
        const VOID: [&str; 3] = ["meta", "input", "br"];
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut emitter = DefaultEmitter::default();
        // Says where scripts, styles and the like end.
        emitter.naively_switch_states(true);
        let (mut elements, mut open): (Vec<Element>, Vec<String>) = Default::default();
        for token in Tokenizer::new_with_emitter(&html, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let name = utf8(&tag.name);
                    assert!(!tag.self_closing, "<{name}/> is none in HTML");
                    if !VOID.contains(&name.as_str()) {
                        open.push(name.clone());
                    }
                    let attributes =
                        tag.attributes.iter().map(|(name, value)| (utf8(name), utf8(value))).collect();
                    elements.push(Element { name, attributes, text: String::new() });
                }
                Token::EndTag(tag) => assert_eq!(open.pop(), Some(utf8(&tag.name)), "closed in order"),
                Token::String(text) => {
                    if let Some(last) = elements.last_mut() {
                        last.text.push_str(&utf8(&text));
                    }
                }
                Token::Error(error) => panic!("{error:?}"),
                Token::Comment(_) | Token::Doctype(_) => {}
            }
        }
        assert!(open.is_empty(), "{open:?} are left open");
        Page { html, elements }
    }

    fn read(path: &Path) -> Page {
        Page::parse(std::fs::read_to_string(path).unwrap())
    }

    fn with_id(&self, id: &str) -> &Element {
        self.elements.iter().find(|e| e.attributes.get("id").is_some_and(|i| i == id)).unwrap()
    }

    fn figures(&self) -> Value {
        serde_json::from_str(&self.with_id("figures").text).unwrap()
    }

    fn attribute(&self, name: &str) -> Value {
        let figures = self.figures();
        figures["attributes"].as_array().unwrap().iter().find(|a| a["attribute"] == name).unwrap().clone()
    }
}

/// Two sets with hostile names under a manifest: spam, its opposite, and rows
/// of one class alone for insults.
fn hostile_manifest(folder: &Path) -> PathBuf {
    let line = |i: usize, text: &str, spam: u8| {
        let (id, source) = (format!("{i}{HOSTILE}"), format!("s{HOSTILE}"));
        json!({"id": id, "text": format!("{text} {i} {HOSTILE}"), "source": source, "thread_id": HOSTILE,
            "labels": {"spam": spam, "insult": 0}})
        .to_string()
    };
    let spam = ["FREE gift cards!!! www.prizes.example/win", "Earn $900 a day, text +1 555 0100 100"];
    let fine = ["I walked the dog past the mill.", "The bridge opens in June, says the mayor."];
    let rows = |odd: usize| -> String {
        (0..24)
            .map(|i| {
                line(i, if i % 3 == odd { spam[i % 2] } else { fine[i % 2] }, u8::from(i % 3 == 0)) + "\n"
            })
            .collect()
    };
    std::fs::write(folder.join("a.jsonl"), rows(0)).unwrap();
    std::fs::write(folder.join("b.jsonl"), rows(1)).unwrap();
    let set = |file: &str| {
        format!(
            "[[dataset]]\nname = '''{file}{HOSTILE}'''\ncomments = \"{file}.jsonl\"\nlicence = '''{HOSTILE}'''\n"
        )
    };
    let manifest = folder.join("sets.toml");
    std::fs::write(&manifest, [set("a"), set("b")].concat()).unwrap();
    manifest
}

#[test]
fn the_page_has_the_figures_of_the_json() {
    let folder = folder();
    let manifest = hostile_manifest(folder.path());
    let page = folder.path().join("r.html");
    let printed = train(&[
        "evaluate",
        "--manifest",
        manifest.to_str().unwrap(),
        "--json",
        "--report",
        page.to_str().unwrap(),
    ]);
    let lines: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let figures = Page::read(&page).figures();
    let names = [
        "rows",
        "positives",
        "roc_auc",
        "average_precision",
        "recall_at_1",
        "recall_at_5",
        "calibration_error",
        "brier",
    ];
    let mut compared = 0;
    for attribute in figures["attributes"].as_array().unwrap() {
        let of: Vec<&Value> = lines.iter().filter(|l| l["attribute"] == attribute["attribute"]).collect();
        assert_eq!(of.len(), 4, "two sources, their macro average, all pooled");
        let mut same = |over: &str, set: &Value, found: &Value| {
            let line = of.iter().find(|l| l["over"] == over && l["set"] == *set).unwrap();
            for name in names {
                assert_eq!(line[name], found[name], "{name} of {over}");
                compared += 1;
            }
        };
        for source in attribute["sources"].as_array().unwrap() {
            same("source", &source["set"], source);
        }
        same("macro_average", &Value::Null, &attribute["macro_average"]);
        same("pooled", &Value::Null, &attribute["pooled"]);
    }
    assert_eq!(compared, 2 * 4 * names.len(), "spam and insults");
    // One set ranks well and one does not, so that the three differ.
    let spam = &figures["attributes"][0];
    let areas = [&spam["sources"][0], &spam["sources"][1], &spam["macro_average"], &spam["pooled"]];
    let [good, bad, mean, pooled] = areas.map(|f| f["roc_auc"].as_f64().unwrap());
    assert!(good > 0.9 && bad < 0.6, "{good} {bad}");
    assert!((mean - (good + bad) / 2.0).abs() < 1e-9 && (pooled - mean).abs() > 1e-6, "{mean} {pooled}");
}

#[test]
fn the_page_is_sound_and_fetches_nothing() {
    let page = Page::parse(example().to_owned());
    assert!(page.html.len() < 1_000_000, "{} bytes", page.html.len());
    let mut ids = BTreeSet::new();
    for id in page.elements.iter().filter_map(|e| e.attributes.get("id")) {
        assert!(ids.insert(id.as_str()), "{id} is there twice");
    }
    for Element { name, attributes, .. } in &page.elements {
        assert!(!["link", "img", "iframe", "object", "embed", "base"].contains(&name.as_str()), "<{name}>");
        assert!(!attributes.contains_key("src"), "<{name} src>");
        let references = ["aria-labelledby", "for"].iter().filter_map(|a| attributes.get(*a));
        for id in references.flat_map(|list| list.split(' ')).chain(attributes.get("href").map(|h| &h[1..])) {
            assert!(ids.contains(id), "<{name}> refers to {id}");
        }
        assert!(attributes.get("href").is_none_or(|h| h.starts_with('#')), "<{name}> leads away");
        if name == "svg" {
            assert_eq!(attributes["role"], "img");
            assert_eq!(attributes["aria-labelledby"].split(' ').count(), 2, "a title and a description");
        }
    }
    assert!(!page.html.contains("url(") && !page.html.contains("@import"), "the style fetches nothing");
    // Every attribute has five plots and all that goes with them.
    let figures = page.elements.iter().filter(|e| e.name == "figure").count();
    assert_eq!((figures, page.figures()["attributes"].as_array().unwrap().len()), (9 * 5, 9));
    assert_eq!(page.figures()["data"][0]["trained_on"], false);
    // Evasion and fairness stand as tables, with the figures of the JSON.
    let cells = |text: &str| {
        page.elements
            .iter()
            .filter(|e| ["td", "th", "strong"].contains(&e.name.as_str()) && e.text == text)
            .count()
    };
    let (evasion, fairness) =
        (page.figures()["hard"]["evasion"].clone(), page.figures()["hard"]["fairness"].clone());
    assert!(ids.contains("evasion") && ids.contains("fairness"));
    for line in evasion.as_array().unwrap() {
        assert!(cells(line["attack"].as_str().unwrap()) > 0, "{line}");
        assert!(cells(&format!("{:.3}", line["recall_after"].as_f64().unwrap())) > 0, "{line}");
    }
    let names: BTreeSet<&str> =
        evasion.as_array().unwrap().iter().map(|l| l["attack"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 17, "{names:?}");
    for report in fairness.as_array().unwrap() {
        assert!(report["terms"].as_array().unwrap().len() > 40, "{report}");
        let average = report["average"]["bpsn"].as_f64().unwrap();
        assert!(cells(&format!("{average:.4}")) > 0, "{report}");
    }
    assert_eq!(fairness.as_array().unwrap().len(), 2);
    let digest = page.figures()["data"][0]["digest"].as_str().unwrap().to_owned();
    assert!(digest.len() == 32 && page.html.contains(&format!("<code>{digest}</code>")), "{digest}");
    // Without a script, the counts at one half stand there.
    let spam = page.attribute("SPAM");
    assert_eq!(spam["counts"]["threshold"][99], 0.5);
    let found = &spam["counts"]["true_positives"][99];
    assert_eq!(page.with_id("SPAM-true-positives").text, found.to_string());
}

#[test]
fn hostile_names_and_texts_are_only_text() {
    let folder = folder();
    let manifest = hostile_manifest(folder.path());
    let path = folder.path().join("r.html");
    let run = |more: &[&str]| {
        let fixed =
            ["evaluate", "--manifest", manifest.to_str().unwrap(), "--report", path.to_str().unwrap()];
        train(&[&fixed[..], more].concat());
        Page::read(&path)
    };
    let redacted = run(&[]);
    assert!(!redacted.html.contains("walked the dog"), "no text unless asked for");
    let shown = run(&["--show-texts"]);
    assert_eq!(shown.html, run(&["--show-texts"]).html, "the same input gives the same bytes");
    for page in [&redacted, &shown] {
        assert_eq!(page.elements.iter().filter(|e| e.name == "script").count(), 2);
        assert!(page.elements.iter().any(|e| e.name == "bdi" && e.text == format!("a{HOSTILE}")));
        assert!(page.elements.iter().any(|e| e.name == "bdi" && e.text == format!("0{HOSTILE}")));
    }
    let text = format!("I walked the dog past the mill. 0 {HOSTILE}");
    assert!(
        shown
            .elements
            .iter()
            .any(|e| e.name == "td" && e.text.contains("walked the dog") && e.text.ends_with(HOSTILE)),
        "{text}"
    );
    if let Some(alive) = browse(&path, "") {
        let root = &alive.elements[0];
        assert_eq!(root.attributes.get("data-ready").map(String::as_str), Some("true"));
        assert!(!root.attributes.contains_key("data-broken"), "a script got in");
    }
}

#[test]
fn fit_reports_scores_out_of_fold() {
    let folder = folder();
    let (model, path) = (folder.path().join("m.safetensors"), folder.path().join("r.html"));
    let arguments =
        ["fit", "--data", EXAMPLES, "--only", "spam", "--c", "4", "--out", model.to_str().unwrap()];
    let printed = train(&[&arguments[..], &["--report", path.to_str().unwrap()]].concat());
    assert!(printed.contains("r.html"), "{printed}");
    let with_report = std::fs::read(&model).unwrap();
    train(&arguments);
    assert!(with_report == std::fs::read(&model).unwrap(), "a report changes nothing in the model");
    let page = Page::read(&path);
    let (figures, model) = (page.figures(), thresher::model::Model::open(&model).unwrap());
    assert_eq!(figures["out_of_fold"], true);
    assert_eq!(figures["model"]["version"], model.version());
    assert_eq!(figures["data"][0]["trained_on"], true);
    assert!(figures["training_seconds"].as_f64().unwrap() > 0.0);
    // The model file and its card were computed from the same scores.
    let (report, pooled) = (&model.metadata().attributes["SPAM"], &figures["attributes"][0]["pooled"]);
    assert_eq!(pooled["rows"], report.rows);
    assert_eq!(pooled["roc_auc"], report.roc_auc);
    assert_eq!(pooled["calibration_error"], report.calibration_error);
}

/// The page after its script has run. `None`, with a message, where there is
/// no browser.
fn browse(page: &Path, fragment: &str) -> Option<Page> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let Some(browser) = found.find(|path| path.is_file()) else {
        // Not by a macro, whose output is kept from view when a test passes.
        let message = format!("skipped: none of {} is on the PATH\n", names.join(", "));
        std::io::stderr().write_all(message.as_bytes()).unwrap();
        return None;
    };
    let profile = folder();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(Page::parse(String::from_utf8(output.stdout).unwrap()))
}

#[test]
fn the_slider_follows_the_address() {
    let folder = folder();
    let path = folder.path().join("r.html");
    std::fs::write(&path, example()).unwrap();
    // What the fragment says, and the thresholds in two-hundredths that SPAM
    // and INSULT are to have.
    for (fragment, spam, insult) in [
        ("#SPAM=0.8&INSULT=0.33", 160, 66),
        ("#SPAM=7&INSULT=-1", 200, 1),
        ("#SPAM=canary&INSULT=&TOXICITY&%E0%A4%A=1&toString=1", 100, 100),
    ] {
        let Some(page) = browse(&path, fragment) else { return };
        assert_eq!(page.elements[0].attributes["data-ready"], "true");
        for (name, step) in [("SPAM", spam), ("INSULT", insult)] {
            let attribute = page.attribute(name);
            let at = |column: &str| attribute["counts"][column][step - 1].as_u64().unwrap();
            let (found, wrong) = (at("true_positives"), at("false_positives"));
            let positives = attribute["pooled"]["positives"].as_u64().unwrap();
            let negatives = attribute["pooled"]["rows"].as_u64().unwrap() - positives;
            let shown = |id: &str| page.with_id(&format!("{name}-{id}")).text.clone();
            for (id, expected) in [
                ("threshold", format!("{:.3}", step as f64 / 200.0)),
                ("true-positives", found.to_string()),
                ("false-negatives", (positives - found).to_string()),
                ("false-positives", wrong.to_string()),
                ("true-negatives", (negatives - wrong).to_string()),
                ("recall", format!("{:.1} %", found as f64 / positives as f64 * 100.0)),
            ] {
                assert_eq!(shown(id), expected, "{id} of {name} at {fragment}");
            }
            assert!(!page.with_id(&format!("{name}-slider")).attributes.contains_key("hidden"));
        }
    }
}

#[test]
fn moving_the_slider_changes_counts_and_address() {
    let folder = folder();
    let path = folder.path().join("r.html");
    // As a key press does: a step, then the event.
    let press = r#"<script>
        const slider = document.getElementById("SPAM-slider");
        slider.stepUp(20);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        document.documentElement.dataset.address = location.hash;
    </script></body>"#;
    std::fs::write(&path, example().replace("</body>", press)).unwrap();
    let Some(page) = browse(&path, "#INSULT=0.9") else { return };
    assert_eq!(page.elements[0].attributes["data-address"], "#INSULT=0.9&SPAM=0.6");
    let spam = page.attribute("SPAM");
    let found = &spam["counts"]["true_positives"][119];
    assert_ne!(*found, spam["counts"]["true_positives"][99], "the counts differ");
    assert_eq!(page.with_id("SPAM-true-positives").text, found.to_string());
}
