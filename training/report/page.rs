//! The page: head, overview, the attributes, and what it was made from.

use super::plot::{count, figure};
use super::{Report, attribute, hard};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing is fetched, sent or embedded, whatever the page may hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      form-action 'none'; base-uri 'none'";

/// The page with the figures as JSON, which must be safe in a script element.
pub fn render(report: &Report, json: &str) -> Markup {
    let what = if report.out_of_fold { "Training report" } else { "Evaluation" };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (what) " of " (report.model.version) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p class="brand" { "Thresher · " (what) }
                    h1 { bdi { (report.model.version) } }
                    (introduction(report))
                }
                nav aria-label="Attributes" {
                    @for of in &report.attributes {
                        a href={ "#" (of.key()) } { (of.attribute) @if of.swapped { " (moved)" } }
                    }
                    @if !report.hard.evasion.is_empty() { a href="#evasion" { "Evasion" } }
                    @if !report.hard.fairness.is_empty() { a href="#fairness" { "Fairness" } }
                    a href="#data" { "Data and model" }
                }
                main {
                    (overview(report))
                    @for of in &report.attributes { (attribute::render(of, report.out_of_fold, report.texts_shown)) }
                    (hard::render(&report.hard, report.out_of_fold || report.data.iter().any(|set| set.trained_on)))
                    (origin(report))
                }
                script type="application/json" id="figures" { (PreEscaped(json)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn introduction(report: &Report) -> Markup {
    html! {
        p class="lead" {
            @if report.out_of_fold {
                "How well the model ranks and how far its scores can be trusted, on its training rows: each was scored "
                "by a model that had not seen its fold, and folds keep a thread's comments together. Rows of sources "
                "that the model will never have seen are ranked less well."
            } @else {
                "How well the model ranks labelled comments and how far its scores can be trusted, attribute by "
                "attribute."
            }
        }
    }
}

fn overview(report: &Report) -> Markup {
    html! {
        section id="overview" {
            h2 { "Overview" }
            p class="lead" {
                "Macro averages: the mean of the sources' figures. Sources differ in their share of positives, which "
                "alone can raise or lower a figure over all rows pooled; it stands beside for the ROC AUC."
            }
            div class="wide" tabindex="0" role="region" aria-label="Overview" {
                table {
                    thead {
                        tr {
                            @for name in ["attribute", "sources", "rows", "positive", "ROC AUC", "pooled", "AP",
                                "recall at 1 % FPR", "at 5 %", "calibration error"] { th scope="col" { (name) } }
                        }
                    }
                    tbody {
                        @for of in &report.attributes {
                            @let f = &of.macro_average;
                            tr {
                                th scope="row" {
                                    a href={ "#" (of.key()) } { (of.attribute) } @if of.swapped { " (moved)" }
                                }
                                td { (count(of.sources.len())) }
                                td { (count(f.rows)) }
                                td { (count(f.positives)) }
                                td { strong { (figure(f.roc_auc)) } }
                                td class="aside" { (figure(of.pooled.roc_auc)) }
                                @for value in [f.average_precision, f.recall_at_1, f.recall_at_5, f.calibration_error] {
                                    td { (figure(value)) }
                                }
                            }
                        }
                    }
                }
            }
            @if !report.out_of_fold && report.data.iter().any(|set| set.trained_on) {
                p class="note" {
                    strong { "The model was trained on some of these files, whose figures flatter: " }
                    @for (i, set) in report.data.iter().filter(|set| set.trained_on).enumerate() {
                        @if i > 0 { ", " }
                        bdi { (set.name) }
                    }
                    "."
                }
            }
            @if report.attributes.is_empty() { p class="note" { "No row has a label that the model scores." } }
            @for (attribute, why) in &report.untrained { p class="note" { "Not trained: " (attribute) " (" (why) ")." } }
        }
    }
}

/// Where the figures and the model come from.
fn origin(report: &Report) -> Markup {
    let model = &report.model;
    let licence =
        |licence: &str| if licence.is_empty() { "not stated".to_owned() } else { licence.to_owned() };
    html! {
        section id="data" {
            h2 { "Data and model" }
            h3 { @if report.out_of_fold { "Trained and measured on" } @else { "Measured on" } }
            div class="wide" tabindex="0" role="region" aria-label="Data" {
                table class="files" {
                    thead { tr {
                        @for name in ["source", "rows read", "used", "licence", "XXH3-128 of the file"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody {
                        @for set in &report.data {
                            tr {
                                th scope="row" { bdi { (set.name) } }
                                td { (count(set.read)) }
                                td { (count(set.used)) }
                                td { (licence(&set.licence)) }
                                td { code { (set.digest) } }
                            }
                        }
                    }
                }
            }
            h3 { "The model" }
            dl class="facts" {
                div { dt { "version" } dd { code { (model.version) } } }
                div { dt { "trained by" } dd { "thresher-train " (model.trainer) ", seed " (model.seed) } }
                div { dt { "command" } dd { code { (model.command) } } }
                div {
                    dt { "training time" }
                    dd {
                        @match report.training_seconds {
                            Some(seconds) => { (duration(seconds)) }
                            None => { "not known: a model file does not hold it" }
                        }
                    }
                }
            }
            @if !report.out_of_fold {
                details {
                    summary { "Trained on " (count(model.data.len())) " files" }
                    div class="wide" tabindex="0" role="region" aria-label="Training data" {
                        table class="files" {
                            thead { tr {
                                @for name in ["source", "rows", "licence", "XXH3-128 of the file"] {
                                    th scope="col" { (name) }
                                }
                            } }
                            tbody {
                                @for file in &model.data {
                                    tr {
                                        th scope="row" { bdi { (file.name) } }
                                        td { (count(file.rows)) }
                                        td { (licence(&file.licence)) }
                                        td { code { (file.digest) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A time in words, to the second.
fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
