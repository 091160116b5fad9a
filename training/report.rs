//! The report: one HTML file that shows how good a model is, for people who
//! choose thresholds. It needs no network and holds its figures as JSON too.
//!
//! The plots are drawn here as SVG with classes, since a style sheet must
//! colour them for light, dark and paper; plotting crates write fixed colours,
//! or need a script of a megabyte.

mod attribute;
mod charts;
mod figures;
mod hard;
mod page;
mod plot;
#[cfg(test)]
mod tests;

use crate::corpus::Corpus;
use crate::measured::Measured;
use crate::{attack, fairness, fit};
use anyhow::{Result, bail};
use figures::AttributeFigures;
pub use hard::Hard;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thresher::attribute::Attribute;
use thresher::model::Model;
use thresher::model::artifact::DataFile;
use thresher::moderator::Moderator;

/// Arguments of the commands that write a report.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ReportArgs {
    /// Also write a report with curves and thresholds, one HTML file that
    /// needs no network
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Show the text of the worst mistakes in the report; without it they are
    /// named by id and length
    #[arg(long, requires = "report")]
    pub show_texts: bool,
}

impl ReportArgs {
    /// Refuses a file that cannot be meant or written, before hours of work.
    pub fn check(&self) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        if path.extension().is_none_or(|e| e != "html") {
            bail!("--report {} must name a file that ends in .html", path.display());
        }
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            bail!("--report {}: there is no folder {}", path.display(), folder.display());
        }
        Ok(())
    }

    /// What a report shows of evasion and fairness; nothing where none is
    /// wanted, since it takes a while.
    pub fn hard(&self, corpus: &Corpus, moderator: &Moderator, seed: u64) -> Result<Hard> {
        if self.report.is_none() {
            return Ok(Hard::default());
        }
        Ok(Hard {
            evasion: attack::reported(corpus, moderator, seed)?,
            fairness: fairness::reported(moderator)?,
        })
    }

    /// Writes a report where one is wanted, whole or not at all. `make` is
    /// told whether texts are to be shown.
    pub fn write(&self, make: impl FnOnce(bool) -> Report) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        fit::write(path, make(self.show_texts).html()?.as_bytes())
    }
}

/// What the scores of a report are from.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// Comments scored by the model.
    Evaluation,
    /// Training rows, each scored by a model that had not seen its fold.
    Training {
        /// How long training took, in seconds.
        seconds: f64,
        /// Attributes that could not be trained, with the reason.
        untrained: &'a [(Attribute, String)],
    },
}

/// All that a report shows, as plain figures.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether the scores are out of fold, from training.
    out_of_fold: bool,
    model: ModelFacts,
    /// How long training took, in seconds; unknown for an evaluation.
    training_seconds: Option<f64>,
    /// The data that the scores are of.
    data: Vec<SetFacts>,
    /// The attributes that could not be trained, with the reason.
    untrained: Vec<(&'static str, String)>,
    attributes: Vec<AttributeFigures>,
    /// Evasion and fairness, where they were measured.
    hard: Hard,
    texts_shown: bool,
}

/// What the model file says of itself.
#[derive(Clone, Debug, Serialize)]
struct ModelFacts {
    version: String,
    trainer: String,
    command: String,
    seed: u64,
    data: Vec<DataFile>,
}

/// A set that was read.
#[derive(Clone, Debug, Serialize)]
struct SetFacts {
    name: String,
    licence: String,
    read: u64,
    used: u64,
    /// XXH3-128 of the comment file, in hexadecimal.
    digest: String,
    /// Whether the model was trained on this very file.
    trained_on: bool,
}

impl Report {
    /// Gathers all figures. Texts of mistakes are kept only when they are to
    /// be shown.
    pub fn new(of: Of<'_>, model: &Model, corpus: &Corpus, measured: &[Measured], texts: bool) -> Report {
        let metadata = model.metadata();
        let (training_seconds, untrained) = match of {
            Of::Evaluation => (None, &[][..]),
            Of::Training { seconds, untrained } => (Some(seconds), untrained),
        };
        let set = |set: &crate::corpus::Set| SetFacts {
            name: set.name.clone(),
            licence: set.licence.clone(),
            read: set.read,
            used: set.used,
            digest: set.digest.clone(),
            trained_on: metadata.data.iter().any(|file| file.digest == set.digest),
        };
        Report {
            out_of_fold: training_seconds.is_some(),
            model: ModelFacts {
                version: model.version().to_owned(),
                trainer: metadata.trainer.clone(),
                command: metadata.command.clone(),
                seed: metadata.seed,
                data: metadata.data.clone(),
            },
            training_seconds,
            data: corpus.sets.iter().map(set).collect(),
            untrained: untrained.iter().map(|(attribute, why)| (attribute.name(), why.clone())).collect(),
            attributes: measured.iter().map(|m| AttributeFigures::new(corpus, m, texts)).collect(),
            hard: Hard::default(),
            texts_shown: texts,
        }
    }

    /// The report with what was measured of evasion and fairness.
    pub fn with_hard(self, hard: Hard) -> Report {
        Report { hard, ..self }
    }

    /// The page: the same figures give the same bytes.
    fn html(&self) -> Result<String> {
        Ok(page::render(self, &self.json()?).into_string())
    }

    /// The figures as JSON that can stand in a `script` element: nothing in it
    /// can end the element or begin a comment.
    fn json(&self) -> Result<String> {
        let json = serde_json::to_string(self)?;
        Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }
}
