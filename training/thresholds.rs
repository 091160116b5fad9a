//! `thresholds`: which thresholds hold a wanted precision, recall or queue on
//! the owner's own comments.

mod choice;
pub mod fragment;

use crate::bootstrap::{self, Count, Share};
use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::scored::{self, RowScores};
use crate::{progress, table};
use anyhow::{Context, Result};
use choice::{Judged, Wish, choose};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::moderator::Moderator;
use thresher::policy::{Action, DEFAULT_SITE, Policies};

/// Arguments of `thresholds`.
#[derive(clap::Args)]
#[command(after_help = "The rows must be as they come to the site: a sample with more spam than usual makes
thresholds look more precise, and queues longer, than they will be. Intervals are
bootstrap intervals over threads, and over rows without a thread.

Examples:
  thresher-train thresholds --data mine.jsonl --precision 0.95 > fragment.toml
  thresher-train thresholds --data mine.jsonl --queue 0.02 --attribute SPAM --action flag
  thresher-train thresholds --model mine.safetensors --data mine.jsonl --recall 0.8 --json")]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    wish: WishArgs,
    /// Only this attribute; may be given several times. Without it, all that
    /// have labels (with --queue, all that have scores)
    #[arg(long, value_name = "ATTRIBUTE", value_parser = crate::cross_validate::attribute)]
    attribute: Vec<Attribute>,
    /// The action that the threshold is for
    #[arg(long, default_value = "hold", value_parser = action)]
    action: Action,
    /// The site that the fragment is for
    #[arg(long, default_value = DEFAULT_SITE)]
    site: String,
    /// The policy file that the fragment is to fit; the shipped policy when
    /// not given
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How much of the bootstrap distribution the intervals cover
    #[arg(long, default_value_t = 0.95, value_name = "SHARE", value_parser = inner_share)]
    confidence: f64,
    /// The random seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of the table and the fragment
    #[arg(long)]
    json: bool,
}

/// What is wanted: exactly one of them.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct WishArgs {
    /// At least this share of the comments that reach the threshold is
    /// positive
    #[arg(long, value_name = "SHARE", value_parser = share)]
    precision: Option<f64>,
    /// At least this share of the positive comments reaches the threshold
    #[arg(long, value_name = "SHARE", value_parser = share)]
    recall: Option<f64>,
    /// At most this share of all comments reaches the threshold
    #[arg(long, value_name = "SHARE", value_parser = share)]
    queue: Option<f64>,
}

impl WishArgs {
    fn wish(&self) -> Wish {
        match (self.precision, self.recall) {
            (Some(share), _) => Wish::Precision(share),
            (_, Some(share)) => Wish::Recall(share),
            // clap lets nothing through but exactly one of the three.
            _ => Wish::Queue(self.queue.unwrap_or_default()),
        }
    }
}

fn share(argument: &str) -> Result<f64, String> {
    let share: f64 = argument.parse().map_err(|_| format!("`{argument}` is not a number"))?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err(format!("{share} is not above 0 and at most 1")) }
}

fn inner_share(argument: &str) -> Result<f64, String> {
    share(argument).and_then(|s| if s < 1.0 { Ok(s) } else { Err(format!("{s} is not below 1")) })
}

fn action(argument: &str) -> Result<Action, String> {
    let known = [Action::Flag, Action::Hold, Action::Reject, Action::Discard];
    let named = known.into_iter().find(|action| action.name().eq_ignore_ascii_case(argument));
    named.ok_or_else(|| format!("unknown action `{argument}`: one of flag, hold, reject, discard"))
}

/// What was found for one attribute.
#[derive(Serialize)]
struct Line {
    #[serde(serialize_with = "name")]
    attribute: Attribute,
    /// Rows with a score.
    rows: usize,
    /// Rows with a score and a label.
    labelled: usize,
    /// Rows with a score that are labelled positive.
    positives: usize,
    /// The threshold, or why there is none.
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Threshold {
        threshold: f32,
        /// Rows that reach it.
        reached: u32,
        precision: Option<Share>,
        recall: Option<Share>,
        queue: Option<Share>,
    },
    Nothing {
        unsupported: String,
    },
}

fn name<S: serde::Serializer>(attribute: &Attribute, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(attribute.name())
}

/// Prints a table for people on the standard error and the fragment of a
/// policy on the standard output.
pub fn run(args: &Args) -> Result<()> {
    let moderator = scored::moderator(args.model.as_deref())?;
    let policies = match &args.policy {
        Some(path) => Policies::open(path)?,
        None => Policies::embedded()?,
    };
    let wish = args.wish.wish();
    // A name that no policy can have is told before the work is done.
    fragment::check("--site", &args.site, &fragment::header(&args.site))?;
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let corpus = Corpus::read(sets, true, &bar)?;
    let rows: Vec<u32> = (0..corpus.rows.len() as u32).collect();
    let scores = scored::score(&corpus, &moderator, &rows)?;
    let lines: Vec<Line> = Attribute::ALL
        .into_iter()
        .filter(|&a| is_wanted(args, &moderator, &corpus, wish, a))
        .map(|a| line(&corpus, &scores, a, wish, args))
        .collect();
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(());
    }
    eprintln!("model {}: {} for {wish}", moderator.model().version(), args.action);
    eprintln!("{}", render_table(&lines));
    let site = policies.site(&args.site);
    let text = fragment::render(args, moderator.model().version(), wish, site, &lines);
    fragment::check("the fragment", &args.site, &text).context("what was found makes no policy")?;
    out!("{text}");
    Ok(())
}

fn is_wanted(args: &Args, moderator: &Moderator, corpus: &Corpus, wish: Wish, attribute: Attribute) -> bool {
    if !args.attribute.is_empty() {
        return args.attribute.contains(&attribute);
    }
    let is_trained = moderator.model().heads()[attribute].is_some();
    is_trained && (matches!(wish, Wish::Queue(_)) || corpus.labelled(attribute).next().is_some())
}

fn line(corpus: &Corpus, scores: &[RowScores], attribute: Attribute, wish: Wish, args: &Args) -> Line {
    let mut groups: BTreeMap<u64, Vec<Judged>> = BTreeMap::new();
    let mut judged = Vec::new();
    for (row, scores) in corpus.rows.iter().zip(scores) {
        let Some(score) = scores[attribute] else { continue };
        let row_judged = Judged { score, positive: row.labels[attribute].map(|label| label >= 0.5) };
        judged.push(row_judged);
        groups.entry(row.group).or_default().push(row_judged);
    }
    let found = match choose(&judged, wish) {
        Err(unsupported) => Found::Nothing { unsupported },
        Ok(threshold) => {
            let counts: Vec<[Count; 3]> = groups.values().map(|rows| counts(rows, threshold)).collect();
            let [precision, recall, queue] = bootstrap::shares(&counts, args.confidence, args.seed);
            let reached = counts.iter().map(|[.., queue]| queue.part).sum();
            Found::Threshold { threshold, reached, precision, recall, queue }
        }
    };
    Line {
        attribute,
        rows: judged.len(),
        labelled: judged.iter().filter(|r| r.positive.is_some()).count(),
        positives: judged.iter().filter(|r| r.positive == Some(true)).count(),
        found,
    }
}

/// What makes up precision, recall and queue.
fn counts(rows: &[Judged], threshold: f32) -> [Count; 3] {
    let count = |of: &dyn Fn(&Judged) -> bool| rows.iter().filter(|r| of(r)).count() as u32;
    let reaches = |r: &Judged| r.score >= threshold;
    let found = count(&|r| reaches(r) && r.positive == Some(true));
    [
        Count { part: found, whole: count(&|r| reaches(r) && r.positive.is_some()) },
        Count { part: found, whole: count(&|r| r.positive == Some(true)) },
        Count { part: count(&reaches), whole: rows.len() as u32 },
    ]
}

/// The table, and below it why some have no threshold.
fn render_table(lines: &[Line]) -> String {
    let header =
        ["attribute", "rows", "labelled", "positive", "threshold", "reached", "precision", "recall", "queue"];
    let mut out = table::new(header);
    let mut notes = Vec::new();
    for line in lines {
        let shown = |share: &Option<Share>| share.map_or("-".to_owned(), |s| s.to_string());
        let mut row = vec![
            line.attribute.to_string(),
            line.rows.to_string(),
            line.labelled.to_string(),
            line.positives.to_string(),
        ];
        row.extend(match &line.found {
            Found::Threshold { threshold, reached, precision, recall, queue } => vec![
                threshold.to_string(),
                reached.to_string(),
                shown(precision),
                shown(recall),
                shown(queue),
            ],
            Found::Nothing { unsupported } => {
                notes.push(format!("{}: no threshold: {unsupported}", line.attribute));
                vec!["none".to_owned()]
            }
        });
        out.add_row(row);
    }
    notes.insert(0, out.to_string());
    notes.join("\n")
}
