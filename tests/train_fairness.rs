//! `thresher-train fairness`, run for real with the shipped model.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "training")]

use serde_json::Value;
use std::process::{Command, Output};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/labelled-threads.jsonl");

fn fairness(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thresher-train")).arg("fairness").args(arguments).output().unwrap()
}

#[test]
fn every_term_is_measured_on_the_templates() {
    let output = fairness(&["--json", "--attribute", "toxicity", "--attribute", "INSULT"]);
    let reports: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        reports.iter().map(|r| r["attribute"].as_str().unwrap()).collect::<Vec<_>>(),
        ["TOXICITY", "INSULT"]
    );
    for report in &reports {
        let terms = report["terms"].as_array().unwrap();
        assert_eq!((terms.len(), report["on"].as_str()), (42, Some("templates")));
        let area = |line: &Value, key: &str| line[key].as_f64().unwrap();
        let bpsn: Vec<f64> = terms.iter().map(|t| area(t, "bpsn")).collect();
        assert!(bpsn.is_sorted(), "the worst first: {bpsn:?}");
        for term in terms {
            assert_eq!((term["rows"].as_u64(), term["positives"].as_u64()), (Some(216), Some(108)));
            // A model that cannot tell these sentences apart would have .5.
            assert!(area(term, "subgroup") > 0.7, "{term}");
        }
        let mean = bpsn.iter().sum::<f64>() / 42.0;
        assert!((area(&report["average"], "bpsn") - mean).abs() < 1e-9);
        let drop = &report["largest_drop"]["bpsn"];
        assert_eq!(drop["term"], terms[0]["term"]);
        assert!((drop["drop"].as_f64().unwrap() - (mean - bpsn[0])).abs() < 1e-9, "{drop}");
        // The shipped model makes no difference between groups: what is left
        // is the article in front and the length of the word.
        assert!(drop["drop"].as_f64().unwrap() < 0.03, "{drop}");
    }
}

#[test]
fn behaviours_are_measured_kind_by_kind() {
    let output = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
        .args(["behaviours", "--json", "--attribute", "toxicity"])
        .output()
        .unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &reports[0];
    let kinds = report["kinds"].as_array().unwrap();
    assert!(kinds.len() >= 10 && report["attribute"] == "TOXICITY", "{report}");
    // The half of it that is chance.
    for figure in ["roc_auc", "balanced_accuracy"] {
        assert!(report[figure].as_f64().unwrap() > 0.55, "{figure}: {report}");
    }
    let shown = Command::new(env!("CARGO_BIN_EXE_thresher-train"))
        .args(["behaviours", "--threshold", "2"])
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&shown.stderr).contains("--threshold"));
}

#[test]
fn rows_that_name_no_group_are_too_few() {
    let output = fairness(&["--data", EXAMPLES]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("TOXICITY on templates:") && shown.contains("TOXICITY on data:"), "{shown}");
    let of_data = shown.split("TOXICITY on data:").nth(1).unwrap();
    assert!(of_data.contains("too few rows: Christian, Catholic"), "{of_data}");
}

#[test]
fn what_has_no_label_is_told() {
    let output = fairness(&["--attribute", "THREAT"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.trim_end().lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("THREAT") && stderr.contains("--data"), "{stderr}");
}
