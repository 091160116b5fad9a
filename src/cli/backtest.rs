//! `thresher backtest`: what a change would do to comments of the past.

mod data;
mod html;
mod json;
mod order;
mod repeats;
mod replay;
mod report;
mod tables;
mod text;

use super::failure::{Failure, note};
use super::moderate::output::Output;
use super::pipeline::{self, Next};
use super::sources;
use super::terminal::{self, Colours};
use clap::{ArgGroup, Args};
use data::Data;
use indicatif::ProgressBar;
use replay::{Gathered, Labelled, Plan, Reader, Worker};
use report::{Report, Show, SiteReport};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thresher::backtest::Side;
use thresher::config::Config;
use thresher::jsonl::{comment_files, repeats_beside, threads_beside};
use thresher::moderator::Moderator;
use thresher::overwrite::Inputs;
use thresher::policy::{DEFAULT_SITE, Policies};

const EXAMPLES: &str = "\
Examples:
  thresher backtest --policy new.toml --data past.jsonl.gz
  thresher backtest --policy new.toml --against policy.toml --site news --data exports/ --show newly-held
  thresher backtest --model mine.safetensors --data past.jsonl --report change.html
  thresher backtest --policy new.toml --data past.jsonl --json | jq '.sites[0].changed'

The form of the files is described in docs/data-format.md.";

/// Replays past comments under a new policy or model, and tells what would
/// change.
///
/// The comments are taken in the order they were posted, and each is judged
/// beside what its thread held at the time. Every comment is scored once for
/// each model, and decided under the old and the new policy.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("change").args(["policy", "model"]).required(true).multiple(true))]
pub struct Backtest {
    /// The new policy; without it, the old one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The old policy; without it, the configuration's or the one inside the
    /// binary.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The new model; without it, the old one, which is the configuration's or
    /// the one inside the binary.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The configuration that names the old policy and the old model.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A site whose policy applies, to all comments; may be repeated. Without
    /// it, the default one.
    #[arg(long, value_name = "NAME")]
    site: Vec<String>,
    /// The comments with their labels: JSON Lines, plain or gzip, or folders of
    /// such files; - for the standard input. A file that is named twice counts
    /// once.
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The threads of all these comments; without it, for each NAME.jsonl the
    /// NAME.threads.jsonl beside it.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    threads: Vec<PathBuf>,
    /// Replay the dropped copies of comments too: for each NAME.jsonl those in
    /// the NAME.repeats.jsonl beside it.
    #[arg(long)]
    repeats: bool,
    /// List comments, with their texts: those that would newly be held or
    /// worse, those that would newly be published, or all whose action changes.
    #[arg(long, value_enum)]
    show: Option<Show>,
    /// The most comments that are listed for a site.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// What it takes a moderator to look at one comment.
    #[arg(long, value_name = "MINUTES", default_value_t = 0.5, value_parser = minutes)]
    minutes_per_review: f64,
    /// Write one HTML page with the same tables and with the comments that
    /// change; their texts are in it with --show alone.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

impl Backtest {
    /// Replays and tells.
    pub fn run(&self) -> Result<(), Failure> {
        let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        if self.data.iter().chain(&self.threads).filter(is_stdin).count() > 1 {
            return Err(Failure::usage("only one file can be the standard input"));
        }
        if self.report.iter().any(|path| path.as_os_str() == "-") {
            return Err(Failure::usage("--report needs a file: the standard output has the tables"));
        }
        let config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::open)?;
        let policy_files = self.policy_files(&config);
        let report = self.report.as_deref();
        self.inputs(&config).spared("--report", report)?;
        let policies = self.policies(&policy_files)?;
        let lists = policies.old.list_files().iter().chain(policies.new.list_files());
        Inputs::default().and(sources::LISTS, lists).spared("--report", report)?;
        let sites = self.sites(&policies);
        let moderator = sources::moderator(config.model.as_deref())?;
        let new_moderator = match &self.model {
            Some(path) => Some(sources::moderator(Some(path))?),
            None => None,
        };
        let version = |moderator: &Moderator| moderator.model().version().to_owned();
        let model_versions =
            Side { old: version(&moderator), new: version(new_moderator.as_ref().unwrap_or(&moderator)) };
        // Before the long part, so that a wrong path is told at once.
        let page = match &self.report {
            Some(path) => Some((path, Output::open(Some(path)).map_err(unwritable(path))?)),
            None => None,
        };

        let data = Data::open(&self.data, &self.threads, self.repeats)?;
        let plan = Plan {
            policies: policies.clone(),
            moderator,
            new_moderator,
            sites: sites.clone(),
            show: self.show.unwrap_or(Show::Changed),
            limit: if self.show.is_some() || page.is_some() { self.limit } else { 0 },
            texts: self.show.is_some(),
        };
        let gathered = replay(data.reader, plan, data.comments)?;
        if gathered.labels.comments == 0 {
            return Err(Failure::failed("the data hold no comment"));
        }
        let found = sites.into_iter().zip(gathered.sites);
        let report = Report {
            files: data.files,
            threads: self.threads.clone(),
            policy_files,
            policies,
            model_versions,
            minutes_per_review: self.minutes_per_review,
            labels: gathered.labels,
            show: self.show.unwrap_or(Show::Changed),
            sites: found.map(|(name, (counts, changed))| SiteReport { name, counts, changed }).collect(),
        };
        if let Some((path, mut output)) = page {
            let written = output.write(html::page(&report).as_bytes()).and_then(|()| output.finish());
            written.map_err(unwritable(path))?;
        }
        let listed = self.show.is_some();
        terminal::print(&match self.json {
            true => json::write(&report, listed),
            false => text::write(&report, listed, text::width(), Colours::for_stdout()),
        })
    }

    /// All files that are read, but for those that the policies name. What
    /// cannot be found is told when it is to be read.
    fn inputs(&self, config: &Config) -> Inputs {
        let data = comment_files(&self.data).unwrap_or_default();
        let threads = data.iter().filter_map(|path| threads_beside(path)).collect::<Vec<_>>();
        let repeats = data.iter().filter_map(|path| repeats_beside(path)).collect::<Vec<_>>();
        Inputs::default()
            .and("--data", data)
            .and("--threads", &self.threads)
            .and("the threads beside --data", threads)
            .and("the copies beside --data", repeats)
            .and("--policy", sources::policy_file(self.policy.as_deref()))
            .and("--against", sources::policy_file(self.against.as_deref()))
            .and("--model", &self.model)
            .and("--config", &self.config)
            .and(sources::CONFIG_POLICY, sources::policy_file(config.policy.as_deref()))
            .and(sources::CONFIG_MODEL, &config.model)
    }

    fn policy_files(&self, config: &Config) -> Side<Option<PathBuf>> {
        let old = self.against.clone().or_else(|| config.policy.clone());
        Side { new: self.policy.clone().or_else(|| old.clone()), old }
    }

    /// The policies of both sides; everything that is wrong with them is told
    /// at once.
    fn policies(&self, files: &Side<Option<PathBuf>>) -> Result<Side<Policies>, Failure> {
        let old = sources::policies(files.old.as_deref());
        if files.old == files.new {
            let old = old?;
            return Ok(Side { new: old.clone(), old });
        }
        match (old, sources::policies(files.new.as_deref())) {
            (Ok(old), Ok(new)) => Ok(Side { old, new }),
            (Err(old), Err(new)) => Err(old.and(new)),
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        }
    }

    /// The sites, each once, in the order they were named.
    fn sites(&self, policies: &Side<Policies>) -> Vec<String> {
        let mut sites: Vec<String> = Vec::new();
        for site in &self.site {
            let site = if site.is_empty() { DEFAULT_SITE } else { site };
            if sites.iter().any(|seen| seen == site) {
                continue;
            }
            for (side, policies) in [("old", &policies.old), ("new", &policies.new)] {
                if !policies.has_site(site) {
                    let site = site.escape_debug();
                    note(format_args!(
                        "the {side} policy has none for site `{site}`; its default one applies"
                    ));
                }
            }
            sites.push(site.to_owned());
        }
        if sites.is_empty() {
            sites.push(DEFAULT_SITE.to_owned());
        }
        sites
    }
}

/// Replays on all cores. Counts add up in any order, and what is listed comes
/// in the order of the comments, so that the number of cores does not show.
fn replay(mut reader: Reader, plan: Plan, count: u64) -> Result<Gathered, Failure> {
    let (sites, limit) = (plan.sites.len(), plan.limit);
    let plan = Arc::new(plan);
    reader.remember(&plan);
    let answers = pipeline::run(reader, || {
        let mut worker = Worker::new(Arc::clone(&plan));
        move |batch: Vec<Labelled>| worker.replay(batch)
    });
    // Hidden where the standard error is no terminal.
    let bar = match count {
        0 => ProgressBar::no_length(),
        count => ProgressBar::new(count),
    };
    let mut gathered = Gathered::new(sites);
    for next in answers {
        match next {
            Next::Answers(promise) => {
                let batch = promise.recv().map_err(|_| Failure::failed("a bug: a worker gave up"))?;
                bar.inc(batch.labels.comments);
                gathered.merge(batch, limit);
            }
            Next::Bad(error) => {
                bar.finish_and_clear();
                return Err(Failure::failed(error));
            }
        }
    }
    bar.finish_and_clear();
    Ok(gathered)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::failed(format!("{}: cannot be written: {error}", path.display()))
}

/// Reads the argument of `--minutes-per-review`.
fn minutes(argument: &str) -> Result<f64, String> {
    let minutes = argument.parse().ok().filter(|minutes: &f64| minutes.is_finite() && *minutes >= 0.0);
    minutes.ok_or_else(|| "must be a number of minutes, 0 or more".to_owned())
}
