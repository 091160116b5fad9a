use super::*;
use crate::corpus::{Row, Set};
use crate::measured::RowScore;
use crate::metrics::Scored;
use thresher::attribute::PerAttribute;
use thresher::comment::Format;

/// A corpus of one set and its scores: `(score, positive)` a row.
fn measured(scores: &[(f32, bool)]) -> (Corpus, Measured) {
    let row = |i: usize| Row {
        set: 0,
        id: format!("row-{i}"),
        text: format!("canary {i} {}", "ä".repeat(i)),
        format: Format::Plain,
        thread: None,
        parent: None,
        soft: None,
        made: false,
        company: None,
        labels: PerAttribute::default(),
        weight: 1.0,
        group: 0,
        key: i as u64,
    };
    let corpus = Corpus {
        sets: vec![Set { name: "garden".into(), weight: 1.0, ..Set::default() }],
        rows: (0..scores.len()).map(row).collect(),
        threads: Vec::new(),
    };
    let rows = scores
        .iter()
        .enumerate()
        .map(|(row, &(score, positive))| RowScore { row: row as u32, scored: Scored { score, positive } });
    let measured = Measured::new(&corpus, Attribute::Spam, false, rows).unwrap();
    (corpus, measured)
}

fn report(scores: &[(f32, bool)], texts: bool) -> Report {
    let (corpus, measured) = measured(scores);
    Report::new(Of::Evaluation, &Model::shipped().unwrap(), &corpus, &[measured], texts)
}

#[test]
fn the_worst_mistakes_come_first_and_ties_in_order() {
    let scores: Vec<(f32, bool)> = (0..60u16).map(|i| (f32::from(i % 30) / 30.0, i % 2 == 0)).collect();
    let figures = &report(&scores, false).attributes[0];
    let ids =
        |list: &[figures::Mistake]| list.iter().take(4).map(|m| m.id.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(ids(&figures.highest_negatives), "row-29 row-59 row-27 row-57");
    assert_eq!(ids(&figures.lowest_positives), "row-0 row-30 row-2 row-32");
    assert_eq!((figures.highest_negatives.len(), figures.lowest_positives.len()), (15, 15));
    assert_eq!(figures.lowest_positives[2].length, "canary 2 ää".chars().count());
}

#[test]
fn texts_are_left_out_unless_asked_for_and_long_ones_are_cut() {
    let scores = [(0.9, false); 600];
    assert!(!report(&scores, false).html().unwrap().contains("canary"));
    let shown = report(&scores[..10], true);
    assert!(shown.html().unwrap().contains("canary 7 äääääää<"));
    assert!(!format!("{shown:?}").contains("canary"), "no text in debug output");
    let (mut corpus, measured) = measured(&[(0.9, false)]);
    corpus.rows[0].text = "ä".repeat(600);
    let figures = AttributeFigures::new(&corpus, &measured, true);
    assert_eq!(figures.highest_negatives[0].length, 600);
    assert_eq!(figures.highest_negatives[0].text.as_ref().unwrap(), &format!("{} …", "ä".repeat(500)));
}

#[test]
fn one_class_alone_and_no_rows_make_a_page() {
    for (scores, note) in [
        (&[(0.9, true), (0.2, true)][..], "All rows are of one class"),
        (&[(0.9, false)], "All rows are of one class"),
    ] {
        let html = report(scores, false).html().unwrap();
        let body = html.split("<script").next().unwrap();
        assert!(body.contains(note) && !body.contains("NaN"), "{body}");
    }
    let (corpus, _) = measured(&[(0.5, true)]);
    let empty = Report::new(Of::Evaluation, &Model::shipped().unwrap(), &corpus, &[], false);
    assert!(empty.html().unwrap().contains("No row has a label that the model scores."));
}

#[test]
fn the_same_figures_give_the_same_page() {
    let scores = [(0.9, true), (0.8, false), (0.1, false), (0.3, true)];
    assert_eq!(report(&scores, true).html().unwrap(), report(&scores, true).html().unwrap());
}

#[test]
fn embedded_json_cannot_end_its_element() {
    let (mut corpus, measured) = measured(&[(0.9, true), (0.8, false)]);
    let hostile = r#"</script><!--<script>"'&amp;"#;
    corpus.rows[0].id = hostile.to_owned();
    let report = Report::new(Of::Evaluation, &Model::shipped().unwrap(), &corpus, &[measured], false);
    let json = report.json().unwrap();
    assert!(!json.contains(['<', '>', '&']), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["attributes"][0]["lowest_positives"][0]["id"], hostile);
}

#[test]
fn files_that_cannot_be_meant_are_refused() {
    let check = |path: &str| ReportArgs { report: Some(path.into()), show_texts: false }.check();
    for (path, part) in [("m.safetensors", ".html"), ("no/such/folder/r.html", "no folder no/such/folder")] {
        assert!(check(path).unwrap_err().to_string().contains(part), "{path}");
    }
    check("r.html").unwrap();
}
