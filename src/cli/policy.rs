//! `thresher policy`: shows, compares and changes policies.

mod diff;
mod set;
mod show;

use super::failure::Failure;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use thresher::config::Config;
use thresher::policy::{DEFAULT_SITE, Origin, PolicyFile, Preset, Setting};

const EXAMPLES: &str = "\
Examples:
  thresher policy show news --policy policy.toml
  thresher policy set news SPAM.HOLD 0.8 --policy policy.toml
  thresher policy set default rules.links.mode shadow --policy policy.toml
  thresher policy diff policy.toml new.toml
  thresher policy diff balanced policy.toml --json

Where a policy is read, shipped, strict, balanced and lenient name those inside
the binary; a file of such a name is written ./strict.";

/// Shows, compares and changes policies.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Show),
    Set(set::Set),
    Diff(diff::Diff),
}

impl PolicyCommand {
    /// Does what was asked for.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Show(show) => show.run(),
            Action::Set(set) => set.run(),
            Action::Diff(diff) => diff.run(),
        }
    }
}

/// Which policy.
#[derive(Args, Debug)]
struct Place {
    /// The policy: a file, or shipped, strict, balanced or lenient; without it,
    /// the configuration's or the one inside the binary.
    #[arg(long, value_name = "POLICY")]
    policy: Option<PathBuf>,
    /// The configuration that names the policy.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    config: Option<PathBuf>,
}

impl Place {
    /// The path or the name; none for the policy inside the binary.
    fn path(&self) -> Result<Option<PathBuf>, Failure> {
        let of_config = self.config.as_deref().map(Config::open).transpose()?;
        Ok(self.policy.clone().or(of_config.and_then(|config| config.policy)))
    }
}

/// A policy with the name that it is shown by.
struct Named {
    name: String,
    file: PolicyFile,
}

impl Named {
    /// The preset of that name, or else the file.
    fn open(path: &Path) -> Result<Named, Failure> {
        let preset = path.to_str().and_then(Preset::from_name);
        let name = path.display().to_string();
        match preset {
            Some(preset) => Ok(Named { name: format!("preset {name}"), file: preset.open()? }),
            None => Ok(Named { name, file: PolicyFile::open(path)? }),
        }
    }

    /// What is in force for a site; of one that has no policy of its own, what
    /// the default site has.
    fn settings(&self, site: &str) -> &[Setting] {
        let settings = &self.file.settings;
        settings.get(site).or_else(|| settings.get(DEFAULT_SITE)).map_or(&[], Vec::as_slice)
    }

    /// Where a setting of a site comes from: `policy.toml:28`, with the site
    /// that it is inherited from.
    fn place(&self, site: &str, origin: Option<&Origin>) -> String {
        match origin {
            None => "default".to_owned(),
            Some(Origin { site: Some(from), line }) if from != site => {
                format!("{}:{line} (site {from})", self.name)
            }
            Some(Origin { line, .. }) => format!("{}:{line}", self.name),
        }
    }
}
