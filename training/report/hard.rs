//! Where it is hard: comments rewritten to evade, and comments that name groups
//! of people.

use super::plot::count;
use crate::attack;
use crate::fairness;
use maud::{Markup, html};

/// What was measured beside the rows themselves.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Hard {
    /// As `attack` has it.
    pub evasion: Vec<attack::Line>,
    /// As `fairness` has it, on its templates.
    pub fairness: Vec<fairness::Report>,
}

/// Both sections; nothing where nothing was measured.
pub fn render(hard: &Hard, trained_on: bool) -> Markup {
    html! {
        @if !hard.evasion.is_empty() { (evasion(&hard.evasion, trained_on)) }
        @if !hard.fairness.is_empty() { (fairness(&hard.fairness)) }
    }
}

fn share(value: f64) -> String {
    format!("{value:.3}")
}

fn area(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

fn evasion(lines: &[attack::Line], trained_on: bool) -> Markup {
    html! {
        section id="evasion" {
            h2 { "Evasion" }
            p class="lead" {
                "What is still found when comments are rewritten as people who evade moderation do: the recall at the "
                "threshold that 1 % of a source's negatives exceed as they are, before and after; and the share of "
                "negatives above it, before and after they are rewritten too. Means of sources, the worst first, on "
                "at most " (count(attack::REPORTED_ROWS)) " comments."
                @if trained_on { " The model was trained on these comments, so that both recalls flatter." }
            }
            div class="wide" tabindex="0" role="region" aria-label="Evasion" {
                table {
                    thead { tr {
                        @for name in ["attribute", "attack", "sources", "positive", "changed", "recall", "attacked",
                            "survives", "false positives", "attacked"] { th scope="col" { (name) } }
                    } }
                    tbody {
                        @for line in lines {
                            tr {
                                th scope="row" { (line.attribute) }
                                td { (line.attack) }
                                td { (count(line.sets)) }
                                td { (count(line.positives)) }
                                td { (share(line.changed)) }
                                td { (share(line.recall_before)) }
                                td { (share(line.recall_after)) }
                                td { strong { (line.survives.map_or("-".to_owned(), share)) } }
                                td { (share(line.false_positives_before)) }
                                td { (share(line.false_positives_after)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn fairness(reports: &[fairness::Report]) -> Markup {
    html! {
        section id="fairness" {
            h2 { "Fairness" }
            p class="lead" {
                "Whether naming a group of people changes the scores, on friendly and abusive sentences of "
                "thresher-train's own: the areas under the ROC curve of Borkan and others 2019, the worst term first. "
                "BPSN is low where harmless sentences that name the term score high, BNSP where abusive ones score low."
            }
            @for report in reports {
                h3 { (report.attribute) }
                @if let Some(drop) = &report.largest_drop.bpsn {
                    p class="note" {
                        "Largest drop of BPSN AUC against the average: " (format!("{:.4}", drop.drop)) " (" (drop.term) ")."
                    }
                }
                div class="wide" tabindex="0" role="region" aria-label={ "Fairness of " (report.attribute) } {
                    table {
                        thead { tr {
                            @for name in ["term", "by", "rows", "positive", "subgroup AUC", "BPSN AUC", "BNSP AUC"] {
                                th scope="col" { (name) }
                            }
                        } }
                        tbody {
                            @for line in &report.terms {
                                tr {
                                    th scope="row" { (line.term) }
                                    td { (line.by) }
                                    td { (count(line.rows)) }
                                    td { (count(line.positives)) }
                                    td { (area(line.areas.subgroup)) }
                                    td { (area(line.areas.bpsn)) }
                                    td { (area(line.areas.bnsp)) }
                                }
                            }
                            tr {
                                th scope="row" { "average" }
                                td {} td {} td {}
                                td { (area(report.average.subgroup)) }
                                td { (area(report.average.bpsn)) }
                                td { (area(report.average.bnsp)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
