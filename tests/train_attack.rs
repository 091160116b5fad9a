//! `thresher-train attack`, run for real on the example data.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "training")]

use serde_json::Value;
use std::process::{Command, Output};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");

fn attack(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresher-train"));
    command.args(["attack", "--data", EXAMPLES]).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let output = attack(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_attack_is_measured_and_the_worst_comes_first() {
    let lines = json(&["--attribute", "spam", "--attribute", "TOXICITY"]);
    assert_eq!(lines.len(), 2 * 17);
    for of in lines.chunk_by(|a, b| a["attribute"] == b["attribute"]) {
        assert_eq!(of.len(), 17);
        let survives: Vec<f64> = of.iter().map(|l| l["survives"].as_f64().unwrap()).collect();
        assert!(survives.is_sorted(), "{survives:?}");
        for line in of {
            let share = |key: &str| line[key].as_f64().unwrap();
            assert_eq!((line["positives"].as_u64(), line["negatives"].as_u64()), (Some(91), Some(241)));
            // The clean text and the threshold are the same for every attack.
            assert_eq!(share("recall_before"), of[0]["recall_before"].as_f64().unwrap());
            assert!(share("recall_before") > 0.3 && share("false_positives_before") <= 0.01, "{line}");
            let left = share("recall_after") / share("recall_before");
            assert!((share("survives") - left).abs() < 1e-12, "{line}");
            let links_only = line["attack"] == "shortened-links";
            assert!(if links_only { share("changed") < 0.7 } else { share("changed") > 0.9 }, "{line}");
        }
    }
}

/// What normalisation takes back entirely leaves scores nearly as they were.
#[test]
fn invisible_characters_hide_nothing() {
    let lines = json(&["--attribute", "TOXICITY", "--attack", "zero-width", "--attack", "marks"]);
    for line in &lines {
        assert!(line["survives"].as_f64().unwrap() > 0.7, "{line}");
    }
}

#[test]
fn the_seed_decides_and_wrong_names_are_told() {
    let run = |seed| json(&["--attribute", "SPAM", "--attack", "leet", "--seed", seed]);
    assert_eq!(run("1"), run("1"));
    for (arguments, part) in
        [(["--attack", "leat"], "leet"), (["--attribute", "off_topic"], "thread"), (["--seed", "x"], "x")]
    {
        let output = attack(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{stderr}");
        assert!(stderr.contains(part) && stderr.trim_end().lines().count() == 1, "{stderr}");
    }
    let table = attack(&["--attribute", "SPAM", "--attack", "joined-words"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("joined-words") && table.contains("1 attacks leave"), "{table}");
}
