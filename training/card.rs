//! The model card: what a model is, what it was made from and how good it is,
//! in the words of Mitchell and others 2019 ("Model Cards for Model
//! Reporting").

use crate::presets::{self, PresetFigures};
use std::fmt::Write;
use thresher::attribute::Attribute;
use thresher::model::{Metadata, Model};

/// Fewer positives than this make an attribute uncertain.
const FEW: u64 = 1000;

/// Sources with fewer rows are left out of the card: their figures say little.
const FEW_ROWS: u64 = 100;

/// Standard errors on either side that cover 95 % of a normal distribution.
const SIDES: f64 = 1.96;

/// So many languages are named for each attribute.
const LANGUAGES: usize = 6;

/// The card of a model as Markdown.
pub fn render(
    model: &Model,
    bytes: usize,
    untrained: &[(Attribute, String)],
    presets: &[PresetFigures],
) -> String {
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = write_card(&mut card, model, bytes, untrained, presets);
    card
}

fn write_card(
    card: &mut String,
    model: &Model,
    bytes: usize,
    untrained: &[(Attribute, String)],
    presets: &[PresetFigures],
) -> std::fmt::Result {
    let metadata = model.metadata();
    writeln!(card, "# Model card: {}\n", metadata.name)?;
    writeln!(card, "Written by `thresher-train` {} with the model; do not edit.\n", metadata.trainer)?;
    writeln!(card, "| | |\n|---|---|")?;
    writeln!(card, "| version | `{}` |", model.version())?;
    writeln!(card, "| size | {bytes} bytes |")?;
    writeln!(card, "| format, feature space | `{}`, `{}` |", metadata.format, metadata.feature_space)?;
    writeln!(card, "| vocabulary | {} hashed features |", model.vectorizer().columns())?;
    let dictionary = model.vectorizer().dictionary();
    match dictionary.len() {
        0 => writeln!(card, "| dictionary | none: there are too few comments to tell slips from words |")?,
        words => writeln!(
            card,
            "| dictionary | {words} words that at least {} comments hold ({}) |",
            crate::dictionary::MIN_ROWS,
            dictionary.languages().join(", ")
        )?,
    }
    writeln!(card, "| command | `{}` |\n", metadata.command)?;
    card.push_str(INTENDED_USE);
    writeln!(card, "\n## Figures\n")?;
    card.push_str(FIGURES);
    writeln!(
        card,
        "\n| attribute | rows | positive | estimator | ROC AUC (95 %) | mean of sources (95 %) | AP | calibration error | cost of rounding |"
    )?;
    writeln!(card, "|---|---:|---:|---|---:|---:|---:|---:|---:|")?;
    for (name, report) in &metadata.attributes {
        writeln!(
            card,
            "| {name} | {} | {} | {} | {} | {} | {:.4} | {:.4} | {:.5} |",
            report.rows,
            report.positives,
            report.estimator,
            with_interval(report.roc_auc, report.roc_auc_error),
            with_interval(report.macro_roc_auc, report.macro_roc_auc_error),
            report.average_precision,
            report.calibration_error,
            report.quantization_cost
        )?;
    }
    writeln!(card, "\n### Within each source\n")?;
    writeln!(
        card,
        "| attribute | source | rows | positive | ROC AUC | recall at 1 % false positives | calibration error (by chance) |"
    )?;
    writeln!(card, "|---|---|---:|---:|---:|---:|---:|")?;
    let or_dash = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.4}"));
    for (name, report) in &metadata.attributes {
        for (source, figures) in report.sources.iter().filter(|(_, f)| f.rows >= FEW_ROWS) {
            writeln!(
                card,
                "| {name} | {source} | {} | {} | {} | {} | {:.4} ({}) |",
                figures.rows,
                figures.positives,
                or_dash(figures.roc_auc),
                or_dash(figures.recall_at_1),
                figures.calibration_error,
                or_dash(figures.calibration_by_chance)
            )?;
        }
    }
    card.push_str(&presets::section(presets));
    write_languages(card, metadata)?;
    let taught = metadata.attributes.iter().filter(|(_, report)| report.soft_weight > 0.0);
    let taught: Vec<String> = taught
        .map(|(name, report)| {
            format!("{name} ({} rows, weight {} beside a label)", report.taught_rows, report.soft_weight)
        })
        .collect();
    if !taught.is_empty() {
        writeln!(
            card,
            "\nSoft labels, that is what other models ({}) say of a comment, were trained on beside people's labels, and \
             alone on rows without any: {}. Figures are on people's labels only.",
            metadata.teachers.join(", "),
            taught.join(", ")
        )?;
    }
    let thin: Vec<String> = metadata
        .attributes
        .iter()
        .filter(|(_, report)| report.positives < FEW)
        .map(|(name, report)| format!("{name} ({})", report.positives))
        .collect();
    if !thin.is_empty() {
        writeln!(
            card,
            "\nThin labels, with fewer than {FEW} positives: {}. Take their scores as hints.",
            thin.join(", ")
        )?;
    }
    for (attribute, why) in untrained {
        writeln!(card, "\nNot trained: {attribute} ({why}).")?;
    }
    writeln!(card, "\n## Data\n\n| set | licence | rows used | XXH3-128 of the file |\n|---|---|---:|---|")?;
    for file in &metadata.data {
        let licence = if file.licence.is_empty() { "not stated" } else { &file.licence };
        writeln!(card, "| {} | {licence} | {} | `{}` |", file.name, file.rows, file.digest)?;
    }
    card.push_str(LIMITS);
    Ok(())
}

/// An area and how far the true one may lie from it on either side, with 95 %
/// probability.
fn with_interval(area: f64, error: Option<f64>) -> String {
    let sides = error.map_or_else(String::new, |error| format!(" ± {:.4}", SIDES * error));
    format!("{area:.4}{sides}")
}

/// The languages with the most rows, attribute by attribute.
fn write_languages(card: &mut String, metadata: &Metadata) -> std::fmt::Result {
    let counted = || metadata.attributes.iter().filter(|(_, report)| !report.languages.is_empty());
    if counted().next().is_none() {
        return Ok(());
    }
    writeln!(card, "\n### Languages\n\n| attribute | rows (of these positive) by language |\n|---|---|")?;
    for (name, report) in counted() {
        let mut languages: Vec<_> = report.languages.iter().collect();
        languages.sort_by_key(|(code, counts)| (std::cmp::Reverse(counts.rows), *code));
        let shown = languages.iter().take(LANGUAGES);
        let shown: Vec<String> =
            shown.map(|(code, counts)| format!("{code} {} ({})", counts.rows, counts.positives)).collect();
        let others = languages.iter().skip(LANGUAGES).map(|(_, counts)| counts.rows).sum::<u64>();
        writeln!(card, "| {name} | {}; others {others} |", shown.join(", "))?;
    }
    writeln!(
        card,
        "\nThe language is told by script and frequent words; `und` is a text too short or too strange to tell. A few \
         rows of a language are mostly mistakes of that."
    )
}

const INTENDED_USE: &str = "\
## What it is for

Scoring reader comments for a policy to act on: sorting a moderation queue, holding what is probably spam or
abuse, publishing the rest. A score is a calibrated probability that moderators would give the label. It is a
linear model over hashed words, character n-grams and surface features, followed by a small logistic regression
and Platt's sigmoid; `OFF_TOPIC` compares the comment with its thread instead.

It is not for judging people, for texts other than comments, or for removing anything without a person who can be
asked to look again.
";

const FIGURES: &str = "\
Each row was scored by a model that had not seen its fold; folds keep a thread's comments together. *ROC AUC*,
*AP* (average precision) and *calibration error* (expected, ten bins) are over all rows pooled, which flatters:
sources differ in how many of their rows are positive. *Mean of sources* is the mean of the areas within each
source. `OFF_TOPIC` is measured on comments under their own thread against the same comments under another thread
of the same source, with parts of the threads hidden at random; its served scores take one comment in ten to stray,
where the examples have one in two. *Cost of rounding* is the ROC AUC that storing
weights as bytes costs. Areas stand with the 95 % interval that so few rows leave open (DeLong and others 1988), and
calibration errors with the error that perfectly calibrated scores would have by chance on as many rows.
";

const LIMITS: &str = "
## Limits

- Mostly English. Spam was also learned in Indonesian and Russian; for other languages scores rest on links,
  numbers and other surface features.
- Labels are other people's judgements with their biases: words for groups of people, dialects and reclaimed words
  are scored as attacks more often than they should be. Keep a person in the loop for identity attacks.
- Irony, quotation and polite contempt are beyond a linear model.
- The sets are years old in part; new kinds of spam need new labels. Retrain from your moderators' decisions.
- Sources that the model never saw are ranked less well than the figures above suggest.
";
