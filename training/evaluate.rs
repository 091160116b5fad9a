//! `evaluate`: how good a model is on labelled comments, set by set.

use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::metrics::{Figures, Scored, roc_auc};
use crate::topic::{self, Example};
use crate::{progress, scored, table};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::features::surface::DENSE;
use thresher::moderator::Moderator;
use thresher::text::Analyzer;

/// Arguments of `evaluate`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  thresher-train evaluate --data mine.jsonl
  thresher-train evaluate --model models/mine.safetensors --data mine.jsonl --json > figures.json")]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Decides which threads comments are moved to, to measure OFF_TOPIC where
    /// no row is labelled for it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The figures of one set and attribute.
#[derive(Serialize)]
struct Line {
    set: String,
    attribute: &'static str,
    /// Whether OFF_TOPIC was measured by moving comments to other threads.
    swapped: bool,
    #[serde(flatten)]
    figures: Figures,
    /// For OFF_TOPIC, the ROC AUC of the plain TF-IDF cosine of comment and
    /// title + body, for comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity_roc_auc: Option<f64>,
}

/// Prints the figures.
pub fn run(args: &Args) -> Result<()> {
    let moderator = scored::moderator(args.model.as_deref())?;
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let corpus = Corpus::read(sets, true, &bar)?;
    let lines = evaluate(&corpus, &moderator, args.seed)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(());
    }
    println!("model {}", moderator.model().version());
    let mut out = table::new([
        "set",
        "attribute",
        "rows",
        "positive",
        "ROC AUC",
        "AP",
        "recall at 1 %",
        "at 5 %",
        "calib. error",
        "Brier",
    ]);
    for line in &lines {
        let f = &line.figures;
        let attribute =
            if line.swapped { format!("{} (swapped)", line.attribute) } else { line.attribute.to_owned() };
        out.add_row([
            line.set.clone(),
            attribute,
            f.rows.to_string(),
            f.positives.to_string(),
            table::figure(f.roc_auc),
            table::figure(f.average_precision),
            table::figure(f.recall_at_1),
            table::figure(f.recall_at_5),
            table::figure(f.calibration_error),
            table::figure(f.brier),
        ]);
    }
    println!("{out}");
    for attribute in Attribute::ALL {
        let of = lines.iter().filter(|l| l.attribute == attribute.name());
        let areas: Vec<f64> = of.map(|l| l.figures.roc_auc).filter(|a| a.is_finite()).collect();
        if areas.len() > 1 {
            let mean = areas.iter().sum::<f64>() / areas.len() as f64;
            println!("{attribute}: mean ROC AUC of {} sets {mean:.4}", areas.len());
        }
    }
    for line in &lines {
        if let Some(area) = line.similarity_roc_auc {
            println!("{}: plain similarity to title and body has ROC AUC {}", line.set, table::figure(area));
        }
    }
    Ok(())
}

fn evaluate(corpus: &Corpus, moderator: &Moderator, seed: u64) -> Result<Vec<Line>> {
    let mut by: BTreeMap<(u32, usize), Vec<Scored>> = BTreeMap::new();
    let labelled = scored::labelled(corpus);
    let scores = scored::score(corpus, moderator, &labelled)?;
    for (&row, scores) in labelled.iter().zip(&scores) {
        let row = &corpus.rows[row as usize];
        for (attribute, label) in row.labels.iter() {
            if let (Some(label), Some(score)) = (label, scores[attribute]) {
                let scored = Scored { score, positive: *label >= 0.5 };
                by.entry((row.set, attribute.index())).or_default().push(scored);
            }
        }
    }
    let set_name = |set: u32| corpus.sets[set as usize].name.clone();
    let mut lines: Vec<Line> = by
        .iter()
        .map(|(&(set, attribute), scored)| Line {
            set: set_name(set),
            attribute: Attribute::ALL[attribute].name(),
            swapped: false,
            figures: Figures::new(scored),
            similarity_roc_auc: None,
        })
        .collect();
    if moderator.model().heads()[Attribute::OffTopic].is_some() {
        off_topic(corpus, moderator, seed, &mut lines);
    }
    lines.sort_by(|a, b| (&a.set, a.attribute).cmp(&(&b.set, b.attribute)));
    Ok(lines)
}

/// Measures OFF_TOPIC: on labelled rows the plain similarity is added for
/// comparison; sets without such labels are measured on moved comments.
fn off_topic(corpus: &Corpus, moderator: &Moderator, seed: u64, lines: &mut Vec<Line>) {
    let examples = topic::examples(corpus, seed);
    let analyzer = Analyzer::default();
    let inputs = topic::inputs(corpus, &examples, &analyzer, moderator.model().vectorizer(), None);
    let Some(head) = moderator.model().heads()[Attribute::OffTopic].as_ref() else { return };
    let mut by: BTreeMap<u32, Vec<(Example, Scored, f32)>> = BTreeMap::new();
    for (example, inputs) in examples.into_iter().zip(inputs) {
        let Some(inputs) = inputs else { continue };
        let positive = example.label >= 0.5;
        let scored = Scored { score: head.score(&inputs).get(), positive };
        // The third input is the cosine of the words of comment and article;
        // the surface, which stands last, has no part in it.
        debug_assert!(inputs.len() > DENSE + 2);
        let unlike = -inputs[2];
        by.entry(corpus.rows[example.row as usize].set).or_default().push((example, scored, unlike));
    }
    for (set, rows) in by {
        let positive = |e: &Example| e.label >= 0.5;
        let plain: Vec<Scored> =
            rows.iter().map(|(e, _, unlike)| Scored { score: *unlike, positive: positive(e) }).collect();
        let name = &corpus.sets[set as usize].name;
        let labelled = lines.iter_mut().find(|l| l.set == *name && l.attribute == Attribute::OffTopic.name());
        if let Some(line) = labelled {
            let is_labelled = |e: &Example| corpus.rows[e.row as usize].labels[Attribute::OffTopic].is_some();
            let plain: Vec<Scored> = rows
                .iter()
                .zip(plain)
                .filter(|((e, ..), _)| is_labelled(e))
                .map(|(_, scored)| scored)
                .collect();
            line.similarity_roc_auc = Some(roc_auc(&plain)).filter(|a| a.is_finite());
            continue;
        }
        let scored: Vec<Scored> = rows.iter().map(|(_, scored, _)| *scored).collect();
        lines.push(Line {
            set: name.clone(),
            attribute: Attribute::OffTopic.name(),
            swapped: true,
            figures: Figures::new(&scored),
            similarity_roc_auc: Some(roc_auc(&plain)),
        });
    }
}
