//! `thresher drift`: how far what was judged has moved from what the model was
//! trained on, or from what was judged before.

mod counts;

use super::failure::Failure;
use super::{sources, terminal};
use clap::Args;
use counts::Counts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::drift::Stability;
use thresher::model::Model;

const EXAMPLES: &str = "\
Examples:
  thresher moderate --input july.jsonl --output july.answers.jsonl
  thresher moderate --input august.jsonl --output august.answers.jsonl
  thresher drift --data august.answers.jsonl
  thresher drift --data august.answers.jsonl --against july.answers.jsonl
  thresher drift --data /var/log/thresher/audit.jsonl --json

The index is the population stability index over the bins of scores. Under 0.1 it is commonly
read as no change, over 0.25 as a large one; what few comments make of it by chance stands
beside it. Training data are not what your readers write, so that the index against them is
seldom small: watch how it moves, and compare your own past with --against.";

/// From here on a change is called large.
const LARGE: f64 = 0.25;
/// From here on it is called a change.
const SOME: f64 = 0.1;

/// Tells how far scores and languages have moved from those of the model's
/// training.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Drift {
    /// Answers of `thresher moderate`, or the audit log of a server, plain or
    /// gzip. Lines that say when are taken day by day; beside a model's training,
    /// what other models judged is left out.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Earlier answers to compare with, instead of the model's training.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The model whose training is compared with; without it, the one inside
    /// the binary.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    model: Option<PathBuf>,
    /// Answer in JSON, a line for each day.
    #[arg(long)]
    json: bool,
}

/// What became of one day, or of everything without a time.
#[derive(Debug, Serialize)]
struct Day {
    /// None for comments without a time.
    day: Option<String>,
    comments: u64,
    /// By attribute, and `language`.
    index: BTreeMap<&'static str, Moved>,
}

#[derive(Debug, Serialize)]
struct Moved {
    index: f64,
    by_chance: f64,
}

impl From<Stability> for Moved {
    fn from(Stability { index, by_chance }: Stability) -> Self {
        Self { index, by_chance }
    }
}

impl Drift {
    /// Counts, compares and shows.
    pub fn run(&self) -> Result<(), Failure> {
        let (reference, name, of) = match &self.against {
            Some(path) => {
                let days = counts::read(path, None)?.days;
                (Counts::sum(days.values()), path.display().to_string(), None)
            }
            None => {
                let moderator = sources::moderator(self.model.as_deref())?;
                let model = moderator.model();
                let counts = Counts::of_training(model).ok_or_else(|| lacking(model))?;
                let version = model.version().to_owned();
                (counts, format!("the training of {version}"), Some(version))
            }
        };
        let answers = counts::read(&self.data, of.as_deref())?;
        let days: Vec<Day> =
            answers.days.into_iter().map(|(day, counts)| compare(day, &counts, &reference)).collect();
        let mut out = String::new();
        if self.json {
            for day in &days {
                out.push_str(&serde_json::to_string(day).map_err(Failure::failed)?);
                out.push('\n');
            }
        } else {
            let _ = writeln!(out, "{} against {name}", self.data.display());
            for (version, count) in &answers.others {
                let _ = writeln!(out, "left out: {count} comments that {version} judged");
            }
            days.iter().for_each(|day| write_day(&mut out, day));
        }
        terminal::print(&out)
    }
}

/// Why a model has nothing to compare with.
fn lacking(model: &Model) -> Failure {
    Failure::failed(format!(
        "{} does not say which scores it gave in training, as models of this version do; train it anew, or \
         compare with earlier answers (--against FILE)",
        model.version()
    ))
}

fn compare(day: Option<String>, counts: &Counts, reference: &Counts) -> Day {
    let mut index = BTreeMap::new();
    for attribute in Attribute::ALL {
        let (expected, observed) = (reference.scores(attribute), counts.scores(attribute));
        if let Some(stability) = Stability::between(expected, observed) {
            index.insert(attribute.name(), stability.into());
        }
    }
    if let Some(stability) = Stability::between_named(&reference.languages, &counts.languages) {
        index.insert("language", stability.into());
    }
    Day { day, comments: counts.comments(), index }
}

fn write_day(out: &mut String, day: &Day) {
    let when = day.day.as_deref().map_or(String::new(), |day| format!("{day}: "));
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\n{when}{} comments", day.comments);
    let _ = writeln!(out, "  {:<18}{:>8}{:>11}", "", "index", "by chance");
    let names = Attribute::ALL.iter().map(|attribute| attribute.name()).chain(["language"]);
    for (name, moved) in names.filter_map(|name| Some((name, day.index.get(name)?))) {
        let said = match moved.index {
            index if index <= 2.0 * moved.by_chance => "as good as chance",
            index if index >= LARGE => "a large change",
            index if index >= SOME => "a change",
            _ => "no change",
        };
        let _ = writeln!(out, "  {name:<18}{:>8.3}{:>11.3}  {said}", moved.index, moved.by_chance);
    }
}
