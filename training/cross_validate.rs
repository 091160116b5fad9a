//! `cross-validate`: how good classifiers are on rows they have not seen, by
//! thread or with whole sources left out, and never on near-duplicates of what
//! they were trained on.

use crate::augment::AugmentArgs;
use crate::corpus::Corpus;
use crate::dictionary;
use crate::draw::Draws;
use crate::estimator::{Estimator, Task};
use crate::evaluate::{self, Similarities};
use crate::features::{Features, fit_vectorizer};
use crate::manifest::DataArgs;
use crate::matrix::Scratch;
use crate::measured::{Measured, RowScore};
use crate::metrics::Scored;
use crate::near::Clusters;
use crate::soft::SoftArgs;
use crate::split::{By, Folds};
use crate::{progress, shift, stack};
use anyhow::{Result, bail};
use rayon::prelude::*;
use thresher::attribute::Attribute;
use thresher::text::Analyzer;

/// Parts into which the rows trained on fall, of which one is kept back to fit
/// the sigmoid on.
const CALIBRATION_PARTS: u32 = 4;

/// Arguments of `cross-validate`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  thresher-train cross-validate --data mine/ --attribute SPAM
  thresher-train cross-validate --manifest datasets.toml --attribute TOXICITY --by source --json")]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The attribute, such as SPAM
    #[arg(long, value_parser = attribute)]
    attribute: Attribute,
    /// What is kept apart
    #[arg(long, value_enum, default_value = "thread")]
    by: By,
    /// How many folds, unless by source
    #[arg(long, default_value_t = 5)]
    folds: u32,
    /// Sets that are scored and never trained on, beside those left out
    #[arg(long, value_name = "NAME")]
    hold: Vec<String>,
    /// Inverse regularisation strength
    #[arg(long, default_value_t = 4.0)]
    c: f64,
    /// Scale columns by their naive-Bayes log-count ratio
    #[arg(long)]
    nb: bool,
    /// Use FTRL-proximal instead of L-BFGS
    #[arg(long)]
    ftrl: bool,
    /// Move each source's scores by so many of its rows, drawn at random, as
    /// `shift` does from a site's feedback, and measure on the rest
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    shift: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    soft: SoftArgs,
    #[command(flatten)]
    augment: AugmentArgs,
    /// The random seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Reads an attribute's name in either case.
pub fn attribute(name: &str) -> Result<Attribute, String> {
    Attribute::from_name(&name.to_uppercase()).ok_or_else(|| {
        let names: Vec<_> = Attribute::ALL.iter().map(|a| a.name()).collect();
        format!("no attribute `{name}`; there are {}", names.join(", "))
    })
}

/// Prints a table of the sources' figures.
pub fn run(args: &Args) -> Result<()> {
    let attribute = args.attribute;
    if attribute == Attribute::OffTopic {
        bail!("OFF_TOPIC has no text classifier; `fit` reports its figures");
    }
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let mut corpus = Corpus::read_taught(sets, false, &args.soft.read()?, &bar)?;
    args.augment.augment(&mut corpus, args.seed)?;
    let analyzer = Analyzer::default();
    let held: Vec<u32> = (0..corpus.sets.len() as u32)
        .filter(|&s| args.hold.contains(&corpus.sets[s as usize].name))
        .collect();
    let is_held = |row: u32| held.contains(&corpus.rows[row as usize].set);
    let rows: Vec<u32> = (0..corpus.rows.len() as u32).filter(|&r| !is_held(r)).collect();
    let words = dictionary::fit(&corpus, &analyzer, &progress::bar("dictionary", rows.len() as u64));
    let bar = progress::bar("counting", rows.len() as u64);
    let vectorizer = fit_vectorizer(&corpus, &rows, words, &analyzer, &bar);
    let bar = progress::bar("features", corpus.rows.len() as u64);
    let features = Features::new(&corpus, vectorizer, &analyzer, Scratch::memory(), &bar)?;
    let soft_weight = args.soft.weights()[attribute];
    let task = Task::new(&corpus, &features, attribute, soft_weight, |r| !is_held(r));
    let training = task.training_rows();
    let estimator = match args.ftrl {
        true => Estimator::ftrl(args.c, args.nb),
        false => Estimator::lbfgs(args.c, args.nb),
    };
    let folds = Folds::new(&corpus, args.by, args.folds, args.seed);
    let clusters = Clusters::new(&corpus);
    let bar = progress::bar("fitting", u64::from(folds.count));
    let score = |held: Vec<u32>, rest: Vec<u32>| -> Vec<(u32, f32)> {
        let rest = clusters.apart(rest, &held);
        let scores = match held.is_empty() {
            true => Vec::new(),
            false => calibrated(&corpus, &task, &estimator, &rest, &held, args.seed).unwrap_or_default(),
        };
        bar.inc(1);
        held.into_iter().zip(scores).collect()
    };
    let parts = (0..folds.count).into_par_iter();
    let mut scored: Vec<(u32, f32)> = parts
        .flat_map_iter(|fold| score(folds.part(&task.rows, fold).0, folds.part(&training, fold).1))
        .collect();
    let outside: Vec<u32> = corpus.labelled(attribute).map(|(r, _)| r).filter(|&r| is_held(r)).collect();
    scored.extend(score(outside, training.clone()));
    bar.finish_and_clear();
    let mut rows: Vec<RowScore> = scored
        .iter()
        .map(|&(row, score)| RowScore { row, scored: Scored { score, positive: task.label(row) >= 0.5 } })
        .collect();
    if args.shift > 0 {
        rows = shifted(&corpus, rows, args.shift, args.seed);
        if rows.is_empty() {
            bail!("--shift {}: no source has twice as many rows with a score", args.shift);
        }
    }
    let Some(measured) = Measured::new(&corpus, attribute, false, rows) else {
        bail!("{attribute}: no fold has both classes to learn from");
    };
    let lines = evaluate::lines(&corpus, &measured, &Similarities::new());
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(());
    }
    let alone = clusters.of.iter().enumerate().filter(|(i, cluster)| *i as u32 == **cluster).count();
    let by = match args.by {
        By::Thread => "threads kept together",
        By::Text => "comments of all threads",
        By::Source => "one source left out at a time",
    };
    outln!("{attribute}, {estimator}; {by}, {} near-duplicates on one side", clusters.of.len() - alone);
    evaluate::print(&lines);
    Ok(())
}

/// The rows behind the first `count` of each source in random order, their
/// scores moved by what those say. Sources without as many again are left out.
fn shifted(corpus: &Corpus, mut rows: Vec<RowScore>, count: usize, seed: u64) -> Vec<RowScore> {
    let set = |row: &RowScore| corpus.rows[row.row as usize].set;
    rows.sort_by_key(|row| (set(row), Draws::new(seed, u64::from(row.row)).below(usize::MAX), row.row));
    let sources = rows.chunk_by(|a, b| set(a) == set(b)).filter(|source| source.len() >= 2 * count);
    let moved = sources.flat_map(|source| {
        let (feedback, rest) = source.split_at(count);
        let feedback: Vec<Scored> = feedback.iter().map(|row| row.scored).collect();
        let mut scores: Vec<Scored> = rest.iter().map(|row| row.scored).collect();
        shift::moved(&feedback, &mut scores);
        rest.iter().zip(scores).map(|(row, scored)| RowScore { scored, ..*row }).collect::<Vec<_>>()
    });
    moved.collect()
}

/// Fits on some rows and gives others calibrated scores. The sigmoid is that
/// of a model which was fitted on a part of the rows, for the rest of them:
/// new comments of the sources trained on.
fn calibrated(
    corpus: &Corpus,
    task: &Task,
    estimator: &Estimator,
    rows: &[u32],
    held: &[u32],
    seed: u64,
) -> Result<Vec<f32>> {
    let model = task.fit(estimator, rows)?;
    let inner = Folds::new(corpus, By::Thread, CALIBRATION_PARTS, seed.wrapping_add(1));
    let (kept, rest) = inner.part(rows, 0);
    // Rows that teachers or the trainer labelled are no measure.
    let kept: Vec<u32> = kept.into_iter().filter(|row| task.rows.binary_search(row).is_ok()).collect();
    let labels: Vec<bool> = kept.iter().map(|&row| task.label(row) >= 0.5).collect();
    let sigmoid = task
        .fit(estimator, &rest)
        .map_err(anyhow::Error::from)
        .and_then(|model| stack::sigmoid(&task.margins(&model, &kept)?, &labels));
    // With too few rows to calibrate on, the classifier's own odds stand.
    let (slope, offset) = sigmoid.unwrap_or((-1.0, 0.0));
    let probability = |margin: f32| 1.0 / (1.0 + (slope * margin + offset).exp());
    Ok(task.margins(&model, held)?.into_iter().map(probability).collect())
}
