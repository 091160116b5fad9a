//! `behaviours`: whether a model sees who is meant and what is said, on sentences
//! that differ in little else (after the functional tests of Röttger and others
//! 2021, "HateCheck").

use crate::augment::contrast::{NAMES, filled};
use crate::metrics::{Scored, roc_auc};
use crate::{scored, table};
use anyhow::{Result, bail};
use serde::Serialize;
use std::path::PathBuf;
use thresher::attribute::{Attribute, AttributeSet};
use thresher::comment::Comment;
use thresher::moderator::{Ask, Scratch};
use thresher::policy::Policies;

const SENTENCES: &str = include_str!("behaviours.txt");

/// Arguments of `behaviours`.
#[derive(clap::Args)]
#[command(
    after_help = "Kinds of sentences, abusive and not: hatred and hatred denied, abuse and abuse quoted,
people and things. For each kind, the mean score and the share at or above the threshold;
over all, the area under the ROC curve and the balanced accuracy, each kind weighing alike.
Abuse of somebody as a person counts as abuse, but not for IDENTITY_ATTACK. None of the
sentences is trained on.

Examples:
  thresher-train behaviours
  thresher-train behaviours --model mine.safetensors --attribute IDENTITY_ATTACK --json"
)]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The attribute; may be given several times
    #[arg(long, value_name = "ATTRIBUTE", default_values = ["TOXICITY", "IDENTITY_ATTACK"], value_parser = crate::cross_validate::attribute)]
    attribute: Vec<Attribute>,
    /// The score from which on a sentence counts as found
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    threshold: f32,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Whom a sentence abuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abused {
    /// A group of people that nobody chooses to be in.
    Group,
    /// Somebody, or those who chose what they are.
    Person,
    /// Nobody.
    Nobody,
}

impl Abused {
    /// What `+`, `~` and `-` stand for.
    fn from_mark(mark: &str) -> Option<Abused> {
        match mark {
            "+" => Some(Abused::Group),
            "~" => Some(Abused::Person),
            "-" => Some(Abused::Nobody),
            _ => None,
        }
    }

    /// Whether an attribute should be found.
    fn is_found(self, attribute: Attribute) -> bool {
        match self {
            Abused::Group => true,
            Abused::Person => attribute != Attribute::IdentityAttack,
            Abused::Nobody => false,
        }
    }
}

/// What was measured of one attribute.
#[derive(Serialize)]
struct Report {
    attribute: &'static str,
    /// The area under the ROC curve over all sentences.
    roc_auc: f64,
    /// The mean of the shares of kinds that are judged rightly: abusive ones at
    /// or above the threshold, others below, both halves weighing alike.
    balanced_accuracy: f64,
    kinds: Vec<Kind>,
}

/// One kind of sentence.
#[derive(Serialize)]
struct Kind {
    kind: &'static str,
    abusive: bool,
    sentences: usize,
    mean_score: f32,
    /// The share at or above the threshold.
    found: f32,
}

/// Prints the tables.
pub fn run(args: &Args) -> Result<()> {
    if !(0.0..=1.0).contains(&args.threshold) {
        bail!("--threshold must be from 0 to 1, but is {}", args.threshold);
    }
    let moderator = scored::moderator(args.model.as_deref())?;
    let mut scratch = Scratch::default();
    let policies = Policies::embedded()?;
    let mut reports = Vec::new();
    for &attribute in &args.attribute {
        if moderator.model().heads()[attribute].is_none() {
            bail!("the model was not trained for {attribute}");
        }
        let ask = Ask { attributes: AttributeSet::from_iter([attribute]), ..Ask::default() };
        let mut score = |text: &str| -> Result<f32> {
            let comment = Comment::new(text, text.len())?;
            let assessment = moderator.assess(&comment, None, policies.site(""), ask, &mut scratch);
            Ok(assessment.scores[attribute].as_ref().map_or(0.0, |score| score.get()))
        };
        let mut kinds = Vec::new();
        let mut all = Vec::new();
        for (kind, abused, sentences) in kinds_of_sentences() {
            let abusive = abused.is_found(attribute);
            let scores: Vec<f32> = sentences.iter().map(|text| score(text)).collect::<Result<_>>()?;
            let count = scores.len() as f32;
            kinds.push(Kind {
                kind,
                abusive,
                sentences: scores.len(),
                mean_score: scores.iter().sum::<f32>() / count,
                found: scores.iter().filter(|score| **score >= args.threshold).count() as f32 / count,
            });
            all.extend(scores.into_iter().map(|score| Scored { score, positive: abusive }));
        }
        let right = |abusive: bool| {
            let kinds: Vec<&Kind> = kinds.iter().filter(|kind| kind.abusive == abusive).collect();
            let share = |kind: &&Kind| f64::from(if abusive { kind.found } else { 1.0 - kind.found });
            kinds.iter().map(share).sum::<f64>() / kinds.len() as f64
        };
        let balanced_accuracy = (right(true) + right(false)) / 2.0;
        reports.push(Report {
            attribute: attribute.name(),
            roc_auc: roc_auc(&all),
            balanced_accuracy,
            kinds,
        });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        println!("model {}", moderator.model().version());
        reports.iter().for_each(print);
    }
    Ok(())
}

fn print(report: &Report) {
    let mut out = table::new(["kind of sentence", "abusive", "sentences", "mean score", "found"]);
    for kind in &report.kinds {
        out.add_row([
            kind.kind.to_owned(),
            if kind.abusive { "yes" } else { "no" }.to_owned(),
            kind.sentences.to_string(),
            table::figure(kind.mean_score.into()),
            table::figure(kind.found.into()),
        ]);
    }
    println!("{}:\n{out}", report.attribute);
    println!(
        "ROC AUC {}, balanced accuracy {}",
        table::figure(report.roc_auc),
        table::figure(report.balanced_accuracy)
    );
}

/// Each kind, whom it abuses, and its sentences.
pub(crate) fn kinds_of_sentences() -> Vec<(&'static str, Abused, Vec<String>)> {
    let mut kinds: Vec<(&str, Abused, Vec<String>)> = Vec::new();
    for line in SENTENCES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let opened = line.split_once(' ').and_then(|(mark, kind)| Some((kind, Abused::from_mark(mark)?)));
        if let Some((kind, abused)) = opened {
            kinds.push((kind, abused, Vec::new()));
        } else if let Some((_, _, sentences)) = kinds.last_mut() {
            if line.contains('{') {
                sentences.extend(NAMES.map(|name| filled(line, name)));
            } else {
                sentences.push(line.to_owned());
            }
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_sentences_on_both_sides() {
        let kinds = kinds_of_sentences();
        for (abused, count) in [(Abused::Group, 5), (Abused::Person, 2), (Abused::Nobody, 5)] {
            assert!(kinds.iter().filter(|kind| kind.1 == abused).count() >= count);
        }
        for (kind, _, sentences) in &kinds {
            assert!(sentences.len() >= 8, "{kind}");
            assert!(sentences.iter().all(|s| !s.contains(['{', '}', '[']) && !s.is_empty()), "{kind}");
        }
        let named = kinds.iter().find(|kind| kind.0 == "named in passing").unwrap();
        assert!(Abused::Person.is_found(Attribute::Toxicity));
        assert!(!Abused::Person.is_found(Attribute::IdentityAttack));
        assert!(named.2.contains(&"I'm a refugee.".to_owned()), "{:?}", named.2);
    }
}
