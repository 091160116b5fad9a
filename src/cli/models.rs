//! `thresher models`: lists the models of a registry and says which serves.

use super::failure::Failure;
use super::terminal;
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::config::Config;
use thresher::keys::Scope;
use thresher::policy::DEFAULT_SITE;
use thresher::registry::{Assignment, Entry, ModelStore, RegistryError, Sources, Summary};

const EXAMPLES: &str = "\
Examples:
  thresher models list --config thresher.toml
  thresher models activate mine@1a0dfabf3e68 --config thresher.toml
  thresher models activate mine@1a0dfabf3e68 --site news.example --directory /var/lib/thresher/models
  thresher models rollback --site news.example --config thresher.toml

The folder is that of [models] directory. A running server notices a change
within a second or two; other machines ask its ModelService.";

/// Lists the models of a folder, and says which of them judges which site.
///
/// A model is checked, and its golden comments must score as recorded, before it
/// is activated.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ModelsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the models, and the model of each site.
    List {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Has a site judged by a model from now on.
    Activate {
        /// The version of the model, as listed.
        version: String,
        #[command(flatten)]
        site: Site,
        #[command(flatten)]
        place: Place,
    },
    /// Takes the last activation back.
    Rollback {
        #[command(flatten)]
        site: Site,
        #[command(flatten)]
        place: Place,
    },
}

/// The site that is meant.
#[derive(Args, Debug)]
struct Site {
    /// The site; without it, all sites that have no model of their own.
    #[arg(long, value_name = "SITE", default_value = DEFAULT_SITE, value_parser = site)]
    site: String,
}

/// Where the models are.
#[derive(Args, Debug)]
struct Place {
    /// The configuration that names the folder, the base model and the pins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of model files, instead of the configuration's.
    #[arg(long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
}

impl Place {
    fn store(self) -> Result<ModelStore, Failure> {
        let config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::open)?;
        let sources = config.model_sources();
        let folder = self.directory.or(sources.folder);
        if folder.is_none() {
            return Err(Failure::usage(
                "which folder? name it with --directory, or in [models] of a configuration named with --config",
            ));
        }
        let (store, refreshed) = ModelStore::open(Sources { folder, ..sources });
        refreshed.problems.iter().for_each(super::failure::note);
        Ok(store)
    }
}

fn site(name: &str) -> Result<String, String> {
    match name.parse::<Scope>()? {
        Scope::EverySite => Err(format!(
            "without --site, or with `{DEFAULT_SITE}`, all sites without a model of their own are meant"
        )),
        Scope::Site(site) => Ok(site),
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Failure {
        Failure::failed(error)
    }
}

impl ModelsCommand {
    /// Does what is asked for.
    pub fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List { json, place } => {
                let (entries, assignments) = place.store()?.list();
                terminal::print(&if json {
                    as_json(&entries, &assignments)
                } else {
                    as_table(&entries, &assignments)
                })
            }
            Action::Activate { version, site: Site { site }, place } => {
                let store = place.store()?;
                store.activate(&site, &version)?;
                terminal::print(&format!("site {site} is judged by {version}\n"))
            }
            Action::Rollback { site: Site { site }, place } => {
                let store = place.store()?;
                store.roll_back(&site)?;
                let serving = store.current();
                let version = serving.site(&site).map_or("no model", |moderator| moderator.model().version());
                terminal::print(&format!("site {site} is judged by {version}\n"))
            }
        }
    }
}

fn attributes(summary: &Summary) -> Vec<&'static str> {
    let has = |attribute: &Attribute| summary.attributes.contains(*attribute);
    Attribute::ALL.into_iter().filter(has).map(Attribute::name).collect()
}

fn as_table(entries: &[Entry], assignments: &[Assignment]) -> String {
    let mut text = String::new();
    let version = |entry: &Entry| entry.content.as_ref().map_or("-", |summary| &summary.version).to_owned();
    let width = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let versions = width(&mut entries.iter().map(|entry| version(entry).len()).chain(["model".len()]));
    let sites = width(&mut assignments.iter().map(|assignment| assignment.site.len()).chain(["site".len()]));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<versions$}  attributes  golden  file", "model");
    for entry in entries {
        let file = entry.file.as_deref().unwrap_or("inside the binary");
        let _ = match &entry.content {
            Ok(summary) => {
                let (count, golden) = (attributes(summary).len(), summary.golden_count);
                writeln!(text, "{:<versions$}  {count:>10}  {golden:>6}  {file}", summary.version)
            }
            Err(problem) => writeln!(text, "{:<versions$}  {:>10}  {:>6}  {file}: {problem}", "-", "-", "-"),
        };
    }
    let _ = writeln!(text, "\n{:<sites$}  {:<versions$}  before", "site", "model");
    for Assignment { site, version, pinned, previous } in assignments {
        let version = version.as_deref().unwrap_or("-");
        let before = if *pinned { "pinned" } else { previous.as_deref().unwrap_or("-") };
        let _ = writeln!(text, "{site:<sites$}  {version:<versions$}  {before}");
    }
    text
}

fn as_json(entries: &[Entry], assignments: &[Assignment]) -> String {
    let entry = |entry: &Entry| match &entry.content {
        Ok(summary) => json!({
            "model_version": summary.version,
            "file_name": entry.file,
            "attributes": attributes(summary),
            "golden_comment_count": summary.golden_count,
            "trainer_version": summary.trainer,
        }),
        Err(problem) => json!({ "file_name": entry.file, "problem": problem }),
    };
    let assignment = |Assignment { site, version, pinned, previous }: &Assignment| {
        json!({
            "site": site,
            "model_version": version,
            "pinned": pinned,
            "previous_model_version": previous,
        })
    };
    let models: Vec<_> = entries.iter().map(entry).collect();
    let sites: Vec<_> = assignments.iter().map(assignment).collect();
    format!("{:#}\n", json!({ "models": models, "site_models": sites }))
}
