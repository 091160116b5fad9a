//! `attack`: how much a model still finds when comments are rewritten as
//! people who evade moderation do.

pub mod padding;
pub mod rewrite;
mod spacing;
mod spelling;

use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::scored::{self, RowScores};
use crate::{progress, table};
use anyhow::{Result, bail};
use rewrite::Attack;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use thresher::attribute::{Attribute, AttributeSet};
use thresher::comment::Format;
use thresher::moderator::Moderator;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The share of clean negatives above the threshold.
const FALSE_POSITIVES: f64 = 0.01;

/// On how many comments a report measures attacks: enough to tell, and little
/// beside training.
pub const REPORTED_ROWS: usize = 5_000;

/// What should be left of the clean recall.
const WANTED: f64 = 0.9;

/// Arguments of `attack`.
#[derive(clap::Args)]
#[command(
    after_help = "The threshold of each set is the one that 1 % of its negatives exceed as they are. The
recall at that threshold is told before and after the positives are rewritten, and the
share of negatives above it before and after the negatives are; all are means of sets.

Examples:
  thresher-train attack --data examples/labelled-threads.jsonl
  thresher-train attack --data mine.jsonl --attribute SPAM --attack leet --attack homoglyphs"
)]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Only this attribute; may be given several times. Without it, all that
    /// have labels
    #[arg(long, value_name = "ATTRIBUTE", value_parser = text_attribute)]
    attribute: Vec<Attribute>,
    /// Only this attack; may be given several times. Without it, all
    #[arg(long, value_name = "NAME", value_parser = rewrite::parser())]
    attack: Vec<&'static Attack>,
    /// The random seed of the rewriting
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn text_attribute(argument: &str) -> Result<Attribute, String> {
    let attribute = crate::cross_validate::attribute(argument)?;
    match Attribute::TEXT.contains(&attribute) {
        true => Ok(attribute),
        false => {
            Err(format!("{attribute} is judged against the thread, not by the words that are rewritten"))
        }
    }
}

/// What an attack did to one attribute, as means of sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The attribute's name.
    pub attribute: &'static str,
    /// The attack's name.
    pub attack: &'static str,
    /// The sets with both positives and negatives.
    pub sets: usize,
    /// Their positive rows.
    pub positives: usize,
    /// Their negative rows.
    pub negatives: usize,
    /// The share of positives that the attack changes at all.
    pub changed: f64,
    /// The recall of the rows as they are.
    pub recall_before: f64,
    /// The recall of the rows rewritten.
    pub recall_after: f64,
    /// What is left of the recall, as a share.
    pub survives: Option<f64>,
    /// The share of negatives above the threshold as they are.
    pub false_positives_before: f64,
    /// The share of negatives above the threshold when rewritten.
    pub false_positives_after: f64,
}

/// Prints what is left, the worst first.
pub fn run(args: &Args) -> Result<()> {
    let moderator = scored::moderator(args.model.as_deref())?;
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let corpus = Corpus::read(sets, true, &bar)?;
    let attributes: Vec<Attribute> = Attribute::TEXT
        .into_iter()
        .filter(|a| args.attribute.is_empty() || args.attribute.contains(a))
        .filter(|a| moderator.model().heads()[*a].is_some())
        .collect();
    let attacks: Vec<&Attack> = rewrite::ALL.iter().filter(|a| is_wanted(args, a)).collect();
    let lines = measure(&corpus, &moderator, &attributes, &attacks, args.seed, usize::MAX)?;
    if lines.is_empty() {
        bail!("no set has both positive and negative plain-text rows for what was asked");
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        outln!("model {}", moderator.model().version());
        outln!("{}", render(&lines));
    }
    Ok(())
}

/// What all attacks do to all attributes of a model, on some of the rows.
pub fn reported(corpus: &Corpus, moderator: &Moderator, seed: u64) -> Result<Vec<Line>> {
    let is_trained = |a: &Attribute| moderator.model().heads()[*a].is_some();
    let attributes: Vec<Attribute> = Attribute::TEXT.into_iter().filter(is_trained).collect();
    let attacks: Vec<&Attack> = rewrite::ALL.iter().collect();
    measure(corpus, moderator, &attributes, &attacks, seed, REPORTED_ROWS)
}

/// The lines of some attributes and attacks, the worst first, on at most so
/// many rows, drawn by their texts.
fn measure(
    corpus: &Corpus,
    moderator: &Moderator,
    attributes: &[Attribute],
    attacks: &[&Attack],
    seed: u64,
    limit: usize,
) -> Result<Vec<Line>> {
    // Rewriting markup would break it, and nobody who evades does.
    let is_plain = |&row: &u32| corpus.rows[row as usize].format == Format::Plain;
    let made = |row: &u32| corpus.rows[*row as usize].made;
    let mut rows: Vec<u32> =
        scored::labelled(corpus).into_iter().filter(|row| is_plain(row) && !made(row)).collect();
    if rows.len() > limit {
        let order = |row: &u32| xxh3_64_with_seed(&corpus.rows[*row as usize].key.to_le_bytes(), seed);
        rows.sort_by_cached_key(order);
        rows.truncate(limit);
        rows.sort_unstable();
    }
    let asked: AttributeSet = attributes.iter().copied().collect();
    let own = |row: u32| Cow::Borrowed(corpus.rows[row as usize].text.as_str());
    let clean = scored::score_as(corpus, moderator, &rows, asked, own)?;
    let mut lines = Vec::new();
    for attack in attacks {
        let rewritten = |row: u32| Cow::<str>::Owned(attack.rewrite(&corpus.rows[row as usize].text, seed));
        let attacked = scored::score_as(corpus, moderator, &rows, asked, rewritten)?;
        let changed: Vec<bool> = rows.iter().map(|&row| rewritten(row) != own(row)).collect();
        let measured =
            Measured { corpus, rows: &rows, clean: &clean, attacked: &attacked, changed: &changed };
        lines.extend(attributes.iter().filter_map(|&attribute| measured.line(attribute, attack.name)));
    }
    lines.sort_by(|a, b| {
        let order = |l: &Line| Attribute::from_name(l.attribute);
        order(a).cmp(&order(b)).then(a.survives.unwrap_or(2.0).total_cmp(&b.survives.unwrap_or(2.0)))
    });
    Ok(lines)
}

fn is_wanted(args: &Args, attack: &Attack) -> bool {
    args.attack.is_empty() || args.attack.iter().any(|a| a.name == attack.name)
}

/// The scores of some rows before and after an attack.
struct Measured<'a> {
    corpus: &'a Corpus,
    rows: &'a [u32],
    clean: &'a [RowScores],
    attacked: &'a [RowScores],
    changed: &'a [bool],
}

/// The scores of one class of one set, before and after.
#[derive(Default)]
struct Class {
    clean: Vec<f32>,
    attacked: Vec<f32>,
    changed: usize,
}

impl Measured<'_> {
    /// The line of an attribute, where there are both classes in any set.
    fn line(&self, attribute: Attribute, attack: &'static str) -> Option<Line> {
        let mut sets: BTreeMap<u32, [Class; 2]> = BTreeMap::new();
        for (i, &row) in self.rows.iter().enumerate() {
            let row = &self.corpus.rows[row as usize];
            let (Some(label), Some(clean)) = (row.labels[attribute], self.clean[i][attribute]) else {
                continue;
            };
            let class = &mut sets.entry(row.set).or_default()[usize::from(label >= 0.5)];
            class.clean.push(clean);
            // A text of which nothing is left has no score and reaches nothing.
            class.attacked.push(self.attacked[i][attribute].unwrap_or(0.0));
            class.changed += usize::from(self.changed[i]);
        }
        sets.retain(|_, classes| classes.iter().all(|class| !class.clean.is_empty()));
        if sets.is_empty() {
            return None;
        }
        let limits: Vec<(f32, &[Class; 2])> =
            sets.values().map(|classes| (limit(&classes[0].clean), classes)).collect();
        let mean = |figure: &dyn Fn(f32, &[Class; 2]) -> f64| {
            limits.iter().map(|(limit, classes)| figure(*limit, classes)).sum::<f64>() / limits.len() as f64
        };
        let recall_before = mean(&|limit, classes| above(&classes[1].clean, limit));
        let recall_after = mean(&|limit, classes| above(&classes[1].attacked, limit));
        Some(Line {
            attribute: attribute.name(),
            attack,
            sets: sets.len(),
            positives: sets.values().map(|classes| classes[1].clean.len()).sum(),
            negatives: sets.values().map(|classes| classes[0].clean.len()).sum(),
            changed: mean(&|_, classes| classes[1].changed as f64 / classes[1].clean.len() as f64),
            recall_before,
            recall_after,
            survives: (recall_before > 0.0).then_some(recall_after / recall_before),
            false_positives_before: mean(&|limit, classes| above(&classes[0].clean, limit)),
            false_positives_after: mean(&|limit, classes| above(&classes[0].attacked, limit)),
        })
    }
}

/// The score that no more than the allowed share of negatives exceeds.
fn limit(negatives: &[f32]) -> f32 {
    let mut sorted = negatives.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    sorted[(sorted.len() as f64 * FALSE_POSITIVES) as usize]
}

fn above(scores: &[f32], limit: f32) -> f64 {
    scores.iter().filter(|&&score| score > limit).count() as f64 / scores.len() as f64
}

/// The table, and for each attribute how many attacks it withstands.
fn render(lines: &[Line]) -> String {
    let mut out = table::new([
        "attack",
        "attribute",
        "sets",
        "positive",
        "changed",
        "recall",
        "attacked",
        "survives",
        "FPR",
        "attacked",
    ]);
    for line in lines {
        let share = |share: f64| format!("{share:.3}");
        out.add_row([
            line.attack.to_owned(),
            line.attribute.to_owned(),
            line.sets.to_string(),
            line.positives.to_string(),
            share(line.changed),
            share(line.recall_before),
            share(line.recall_after),
            line.survives.map_or("-".to_owned(), share),
            share(line.false_positives_before),
            share(line.false_positives_after),
        ]);
    }
    let mut text = out.to_string();
    for of in lines.chunk_by(|a, b| a.attribute == b.attribute) {
        let withstood = of.iter().filter(|l| l.survives.is_some_and(|s| s >= WANTED)).count();
        text.push_str(&format!(
            "\n{}: {withstood} of {} attacks leave at least {:.0} % of the clean recall",
            of[0].attribute,
            of.len(),
            WANTED * 100.0
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_negatives_may_exceed_the_limit() {
        let negatives: Vec<f32> = (0..200).map(|i| i as f32 / 200.0).collect();
        let limit = limit(&negatives);
        assert_eq!(limit, 197.0 / 200.0);
        assert_eq!(above(&negatives, limit), 0.01);
        // With ties at the limit, fewer exceed it and none too many.
        let tied = [0.9, 0.5, 0.5, 0.5];
        assert_eq!(above(&tied, super::limit(&tied)), 0.0);
    }

    #[test]
    fn a_thread_is_not_rewritten() {
        assert!(text_attribute("off_topic").unwrap_err().contains("thread"));
        assert_eq!(text_attribute("spam"), Ok(Attribute::Spam));
    }
}
