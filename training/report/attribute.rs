//! One attribute's section of the page.

use super::charts;
use super::figures::{AttributeFigures, Mistake, SourceFigures};
use super::plot::{count, figure, share};
use crate::metrics::Figures;
use crate::metrics::curves::THRESHOLDS;
use maud::{Markup, html};

/// Thresholds of the table, in two-hundredths: every .05, and the high ones
/// that policies reject and discard from.
const LISTED: [usize; 24] = [
    2, 4, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 194, 198, 199,
];

/// Where the slider stands at first, in two-hundredths.
const START: usize = THRESHOLDS / 2;

/// The whole section.
pub fn render(of: &AttributeFigures, out_of_fold: bool, texts_shown: bool) -> Markup {
    let key = of.key();
    html! {
        section id=(key) data-attribute=(key) {
            h2 { (of.attribute) @if of.swapped { " " small { "comments moved between threads" } } }
            p class="lead" {
                (count(of.pooled.rows)) " rows, " (count(of.pooled.positives)) " positive ("
                (share(of.pooled.positives, of.pooled.rows)) "), from " (count(of.sources.len()))
                @if of.sources.len() == 1 { " source." } @else { " sources." }
            }
            @if of.swapped { (moved(out_of_fold)) }
            @if of.curves.roc.is_empty() {
                p class="note" { "All rows are of one class: there is nothing to rank, and no curve." }
            }
            div class="plots" {
                (charts::distribution(of, &key))
                (charts::reliability(of, &key))
                (charts::roc(of, &key))
                (charts::precision_recall(of, &key))
            }
            h3 { "Choosing a threshold" }
            (thresholds(of, &key))
            h3 { "Source by source" }
            (sources(of))
            h3 { "Worst mistakes" }
            @if !texts_shown {
                p class="lead" { "Texts are left out; " code { "--show-texts" } " puts them here." }
            }
            (mistakes(of, texts_shown))
        }
    }
}

fn moved(out_of_fold: bool) -> Markup {
    html! {
        p class="note" {
            "Where no row is labelled for it, a comment under its own thread counts as negative and the same comment "
            "under another thread as positive, so that about half of the rows are positive. "
            @if out_of_fold {
                "The scores here are from before they are brought down to the share of comments that stray in life: "
                "rank by them, but do not take thresholds from them."
            } @else {
                "In life few comments stray: queue share and precision will be lower."
            }
        }
    }
}

fn thresholds(of: &AttributeFigures, key: &str) -> Markup {
    let (positives, negatives) = (of.pooled.positives, of.negatives());
    let (found, wrong) = (of.counts.true_positives[START - 1], of.counts.false_positives[START - 1]);
    let slider = format!("{key}-slider");
    let cell = |name: &str, value: usize, what: &str| {
        html! { td { output id={ (key) "-" (name) } for=(slider) { (count(value)) } span { (what) } } }
    };
    let line = |name: &str, label: &str, part: usize, whole: usize| {
        html! { div { dt { (label) } dd { output id={ (key) "-" (name) } for=(slider) { (share(part, whole)) } } } }
    };
    html! {
        div class="threshold" {
            div class="controls" {
                div class="slider" {
                    label for=(slider) { "Threshold " output id={ (key) "-threshold" } for=(slider) { "0.500" } }
                    input id=(slider) type="range" min="0.005" max="1" step="0.005" value="0.5" hidden;
                }
                table class="confusion" {
                    caption { "Rows at this threshold" }
                    thead { tr { td {} th scope="col" { "reach it" } th scope="col" { "stay below" } } }
                    tbody {
                        tr {
                            th scope="row" { "positive" }
                            (cell("true-positives", found, "found"))
                            (cell("false-negatives", positives - found, "missed"))
                        }
                        tr {
                            th scope="row" { "negative" }
                            (cell("false-positives", wrong, "false alarms"))
                            (cell("true-negatives", negatives - wrong, "left alone"))
                        }
                    }
                }
                dl class="rates" {
                    (line("precision", "precision", found, found + wrong))
                    (line("recall", "recall", found, positives))
                    (line("false-positive-rate", "false positive rate", wrong, negatives))
                    (line("queue", "queue", found + wrong, of.pooled.rows))
                }
            }
            (charts::thresholds(of, key))
        }
        details {
            summary { "Thresholds as a table" }
            (threshold_table(of))
        }
    }
}

fn threshold_table(of: &AttributeFigures) -> Markup {
    let (positives, negatives) = (of.pooled.positives, of.negatives());
    html! {
        div class="wide" tabindex="0" role="region" aria-label="Thresholds as a table" {
            table {
                thead {
                    tr {
                        @for name in ["threshold", "found", "missed", "false alarms", "left alone", "precision",
                            "recall", "false positive rate", "queue"] { th scope="col" { (name) } }
                    }
                }
                tbody {
                    @for i in LISTED {
                        @let (found, wrong) = (of.counts.true_positives[i - 1], of.counts.false_positives[i - 1]);
                        tr {
                            th scope="row" { (format!("{:.3}", of.counts.threshold[i - 1])) }
                            td { (count(found)) }
                            td { (count(positives - found)) }
                            td { (count(wrong)) }
                            td { (count(negatives - wrong)) }
                            td { (share(found, found + wrong)) }
                            td { (share(found, positives)) }
                            td { (share(wrong, negatives)) }
                            td { (share(found + wrong, of.pooled.rows)) }
                        }
                    }
                }
            }
        }
    }
}

fn sources(of: &AttributeFigures) -> Markup {
    let cells = |f: &Figures| {
        html! {
            td { (count(f.rows)) }
            td { (count(f.positives)) }
            @for value in [f.roc_auc, f.average_precision, f.recall_at_1, f.recall_at_5, f.calibration_error,
                f.calibration_by_chance] {
                td { (figure(value)) }
            }
        }
    };
    html! {
        div class="wide" tabindex="0" role="region" aria-label={ (of.attribute) " source by source" } {
            table {
                thead {
                    tr {
                        @for name in ["source", "rows", "positive", "ROC AUC", "AP", "recall at 1 % FPR", "at 5 %",
                            "calibration error", "by chance"] { th scope="col" { (name) } }
                    }
                }
                tbody {
                    @for SourceFigures { set, figures, .. } in &of.sources {
                        tr { th scope="row" { bdi { (set) } } (cells(figures)) }
                    }
                }
                @if of.sources.len() > 1 {
                    tfoot {
                        tr class="macro" { th scope="row" { "macro average" } (cells(&of.macro_average)) }
                        tr { th scope="row" { "all rows pooled" } (cells(&of.pooled)) }
                    }
                }
            }
        }
    }
}

fn mistakes(of: &AttributeFigures, texts_shown: bool) -> Markup {
    let list = |caption: &str, rows: &[Mistake]| {
        html! {
            div class="wide" tabindex="0" role="region" aria-label=(caption) {
                table class="mistakes" {
                    caption { (caption) }
                    thead {
                        tr {
                            th scope="col" { "score" }
                            th scope="col" { "id" }
                            th scope="col" { "source" }
                            th scope="col" { "characters" }
                            @if texts_shown { th scope="col" { "text" } }
                        }
                    }
                    tbody {
                        @for row in rows {
                            tr {
                                td { (format!("{:.3}", row.score)) }
                                td class="id" { bdi { (row.id) } }
                                td class="id" { bdi { (row.set) } }
                                td { (count(row.length)) }
                                @if let Some(text) = &row.text { td class="text" dir="auto" { (text) } }
                            }
                        }
                    }
                }
            }
        }
    };
    html! {
        div class=(if texts_shown { "mistaken texts" } else { "mistaken" }) {
            @if !of.highest_negatives.is_empty() { (list("Labelled negative, scored highest", &of.highest_negatives)) }
            @if !of.lowest_positives.is_empty() { (list("Labelled positive, scored lowest", &of.lowest_positives)) }
        }
    }
}
