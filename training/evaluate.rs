//! `evaluate`: how good a model is on labelled comments, source by source.

use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::measured::{Measured, RowScore};
use crate::metrics::{Figures, Scored, roc_auc};
use crate::report::{self, Report, ReportArgs};
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
  thresher-train evaluate --data mine.jsonl --report figures.html
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
    #[command(flatten)]
    report: ReportArgs,
}

/// What a line's figures are of.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Over {
    /// The rows of one set.
    Source,
    /// The mean of the sources, each by its set's weight.
    MacroAverage,
    /// All rows taken together.
    Pooled,
}

/// The figures of one attribute on one set, or on all of several.
#[derive(Serialize)]
pub struct Line<'a> {
    over: Over,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
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

impl Line<'_> {
    fn name(&self) -> String {
        match self.over {
            Over::Source => self.set.unwrap_or_default().to_owned(),
            Over::MacroAverage => "(macro average)".to_owned(),
            Over::Pooled => "(pooled)".to_owned(),
        }
    }
}

/// Prints the figures.
pub fn run(args: &Args) -> Result<()> {
    args.report.check()?;
    let sets = args.data.sets()?;
    let inputs = args.data.inputs(&sets).and("--model", &args.model);
    inputs.spared("--report", args.report.report.as_deref())?;
    let moderator = scored::moderator(args.model.as_deref())?;
    let bar = progress::bar("reading", sets.len() as u64);
    let corpus = Corpus::read(sets, true, &bar)?;
    let (measured, similarities) = evaluate(&corpus, &moderator, args.seed)?;
    let lines: Vec<Line<'_>> = measured.iter().flat_map(|m| lines(&corpus, m, &similarities)).collect();
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        outln!("model {}", moderator.model().version());
        print(&lines);
    }
    let hard = args.report.hard(&corpus, &moderator, args.seed)?;
    let model = moderator.model();
    args.report.write(|texts| {
        Report::new(report::Of::Evaluation, model, &corpus, &measured, texts).with_hard(hard)
    })?;
    if let Some(path) = args.report.report.as_ref().filter(|_| !args.json) {
        outln!("wrote {}", path.display());
    }
    Ok(())
}

/// One line a source and, where there are several, their macro average and
/// the pooled figures.
pub fn lines<'a>(corpus: &'a Corpus, measured: &Measured, similarities: &Similarities) -> Vec<Line<'a>> {
    let line = |over, set: Option<u32>, figures: &Figures| Line {
        over,
        set: set.map(|set| corpus.sets[set as usize].name.as_str()),
        attribute: measured.attribute.name(),
        swapped: measured.swapped,
        figures: *figures,
        similarity_roc_auc: set
            .filter(|_| measured.attribute == Attribute::OffTopic)
            .and_then(|set| similarities.get(&set).copied()),
    };
    let mut lines: Vec<_> =
        measured.sources.iter().map(|s| line(Over::Source, Some(s.set), &s.figures)).collect();
    if lines.len() > 1 {
        lines.push(line(Over::MacroAverage, None, &measured.macro_average));
        lines.push(line(Over::Pooled, None, &measured.pooled));
    }
    lines
}

/// Prints a table of lines.
pub fn print(lines: &[Line<'_>]) {
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
        "by chance",
        "Brier",
    ]);
    for line in lines {
        let f = &line.figures;
        let attribute =
            if line.swapped { format!("{} (swapped)", line.attribute) } else { line.attribute.to_owned() };
        out.add_row([
            line.name(),
            attribute,
            f.rows.to_string(),
            f.positives.to_string(),
            table::figure(f.roc_auc),
            table::figure(f.average_precision),
            table::figure(f.recall_at_1),
            table::figure(f.recall_at_5),
            table::figure(f.calibration_error),
            table::figure(f.calibration_by_chance),
            table::figure(f.brier),
        ]);
    }
    outln!("{out}");
    for line in lines {
        if let Some(area) = line.similarity_roc_auc {
            outln!("{}: plain similarity to title and body has ROC AUC {}", line.name(), table::figure(area));
        }
    }
}

/// For `OFF_TOPIC`, the ROC AUC of the plain similarity by set.
pub type Similarities = BTreeMap<u32, f64>;

fn evaluate(corpus: &Corpus, moderator: &Moderator, seed: u64) -> Result<(Vec<Measured>, Similarities)> {
    let mut by: BTreeMap<usize, Vec<RowScore>> = BTreeMap::new();
    let labelled = scored::labelled(corpus);
    let scores = scored::score(corpus, moderator, &labelled)?;
    for (&row, scores) in labelled.iter().zip(&scores) {
        for (attribute, label) in corpus.rows[row as usize].labels.iter() {
            if let (Some(label), Some(score)) = (label, scores[attribute]) {
                let scored = Scored { score, positive: *label >= 0.5 };
                by.entry(attribute.index()).or_default().push(RowScore { row, scored });
            }
        }
    }
    let mut measured: Vec<Measured> = by
        .into_iter()
        .filter_map(|(attribute, rows)| Measured::new(corpus, Attribute::ALL[attribute], false, rows))
        .collect();
    let mut similarities = Similarities::new();
    if moderator.model().heads()[Attribute::OffTopic].is_some() {
        let moved = off_topic(corpus, moderator, seed, &measured, &mut similarities);
        measured.extend(Measured::new(corpus, Attribute::OffTopic, true, moved));
    }
    Ok((measured, similarities))
}

/// Measures OFF_TOPIC: on labelled rows the plain similarity is added for
/// comparison; sets without such labels are measured on moved comments, whose
/// scores are returned.
fn off_topic(
    corpus: &Corpus,
    moderator: &Moderator,
    seed: u64,
    measured: &[Measured],
    similarities: &mut Similarities,
) -> Vec<RowScore> {
    let mut moved = Vec::new();
    let examples = topic::examples(corpus, seed);
    let analyzer = Analyzer::default();
    let inputs = topic::inputs(corpus, &examples, &analyzer, moderator.model().vectorizer(), None);
    let Some(head) = moderator.model().heads()[Attribute::OffTopic].as_ref() else { return moved };
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
        let labelled = measured
            .iter()
            .any(|m| m.attribute == Attribute::OffTopic && m.sources.iter().any(|s| s.set == set));
        let is_labelled = |e: &Example| corpus.rows[e.row as usize].labels[Attribute::OffTopic].is_some();
        let plain: Vec<Scored> = rows
            .iter()
            .filter(|(example, ..)| !labelled || is_labelled(example))
            .map(|(_, scored, unlike)| Scored { score: *unlike, ..*scored })
            .collect();
        similarities.extend(Some((set, roc_auc(&plain))).filter(|(_, area)| area.is_finite()));
        if !labelled {
            let scored = |(example, scored, _): (Example, _, _)| RowScore { row: example.row, scored };
            moved.extend(rows.into_iter().map(scored));
        }
    }
    moved
}
