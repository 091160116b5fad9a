//! `thresher policy set`: changes one thing in a policy file.

use super::Place;
use super::diff::{Difference, between};
use crate::cli::failure::Failure;
use crate::cli::terminal;
use clap::Args;
use serde_json::json;
use std::fs;
use std::path::Path;
use thresher::config::Problem;
use thresher::policy::edit::{self, EditError, Key};
use thresher::policy::{PolicyError, PolicyFile, Preset};

/// Changes one thing in a policy file.
///
/// Comments and order stay. The changed file is checked whole, with the lists
/// it names, before it takes the place of the old one; a running server then
/// takes it by itself. Changes wait for one another on an empty FILE.lock
/// beside it, which stays there.
///
/// A key is ATTRIBUTE.ACTION (SPAM.HOLD), missing.ATTRIBUTE, trust.KEY,
/// fail.KEY, calibration.ATTRIBUTE.shift or scale, unfamiliar_language, or
/// rules.NAME.KEY. The value off switches a threshold or a piece of trust off,
/// inherit takes the key out, so that the inherited value holds. Lists, and what
/// a site inherits from, are changed by hand.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  thresher policy set news SPAM.HOLD 0.8 --policy policy.toml
  thresher policy set news SPAM.DISCARD off --policy policy.toml
  thresher policy set sport TOXICITY.HOLD 0.9 --new-site --policy policy.toml
  thresher policy set default rules.links.enabled false --policy policy.toml --dry-run")]
pub struct Set {
    /// The site.
    site: String,
    /// What to change.
    #[arg(value_parser = key)]
    key: Key,
    /// What to change it to.
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// Make the site if the file has none of that name.
    #[arg(long)]
    new_site: bool,
    /// Check and tell, and leave the file as it is.
    #[arg(long)]
    dry_run: bool,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Set {
    /// Changes it.
    pub fn run(&self) -> Result<(), Failure> {
        let path = self.place.path()?;
        let Some(path) = path.filter(|path| path.to_str().and_then(Preset::from_name).is_none()) else {
            return Err(Failure::usage(
                "the policy inside the binary cannot be changed; name a file with --policy",
            ));
        };
        let name = path.display().to_string();
        let (is_changed, differences) = match self.dry_run {
            true => self.change(&path, &name).map(|(text, differences)| (text.is_some(), differences))?,
            false => {
                let unwritten = |error| Failure::failed(format!("{name}: cannot be written: {error}"));
                // What there is to read is told without leaving a lock beside it.
                PolicyFile::open(&path)?;
                edit::in_file(&path, unwritten, |_| {
                    let (text, differences) = self.change(&path, &name)?;
                    let is_changed = text.is_some();
                    Ok((text, (is_changed, differences)))
                })?
            }
        };
        terminal::print(&match self.json {
            true => {
                let written = is_changed && !self.dry_run;
                let sites: Vec<_> = differences.iter().map(Difference::to_json).collect();
                json!({ "file": name, "written": written, "sites": sites }).to_string() + "\n"
            }
            false => self.told(&name, is_changed, &differences),
        })
    }

    /// What the file is to hold, none when it says so already, and what that
    /// changes in force.
    fn change(&self, path: &Path, name: &str) -> Result<(Option<String>, Vec<Difference>), Failure> {
        let before = PolicyFile::open(path)?;
        let unreadable = |error| Failure::failed(format!("{name}: cannot be read: {error}"));
        let source = fs::read_to_string(path).map_err(unreadable)?;
        let changed = edit::set(&source, &self.site, &self.key, &self.value, self.new_site);
        let changed = changed.map_err(|error| {
            let more = if matches!(error, EditError::Site { .. }) { " (--new-site makes one)" } else { "" };
            Failure::usage(format!("{name}: {error}{more}"))
        })?;
        // The places are those of the file as it would be.
        let after = PolicyFile::parse(&changed, name, path.parent().unwrap_or(Path::new("")));
        let after = after.map_err(|error| self.refused(error, name, &source, &changed))?;
        let differences = between(&before, &after);
        Ok(((changed != source).then_some(changed), differences))
    }

    /// What is wrong with the file as it would be. It is not written, so that only
    /// those of its lines are named that the file has already.
    fn refused(&self, error: PolicyError, name: &str, source: &str, changed: &str) -> Failure {
        let PolicyError::Invalid { problems, .. } = &error else { return error.into() };
        let asked =
            format!("{} {} of site {}", self.key, self.value.escape_debug(), self.site.escape_debug());
        let told = |Problem { line, column, message }: &Problem| {
            let at = line.saturating_sub(1);
            let place = match source.lines().nth(at) == changed.lines().nth(at) {
                true => format!(":{line}:{column}"),
                false => String::new(),
            };
            format!("{name}{place}: {asked}: {message}")
        };
        Failure::usage(problems.iter().map(told).collect::<Vec<_>>().join("\n"))
    }

    /// One line for each site that the change reaches.
    fn told(&self, name: &str, is_changed: bool, differences: &[Difference]) -> String {
        let would = if self.dry_run { " (not written)" } else { "" };
        let lines: Vec<String> = differences.iter().map(Difference::to_line).collect();
        match lines.as_slice() {
            [] if is_changed => format!(
                "{name}: {} of site {} is written anew, and what is in force stays the same{would}\n",
                self.key, self.site
            ),
            [] => format!("{name}: nothing to change, {} of site {} is so already\n", self.key, self.site),
            lines => lines.iter().map(|line| format!("{name}: {line}{would}\n")).collect(),
        }
    }
}

/// Reads the key on the command line.
fn key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|error: EditError| error.to_string())
}
