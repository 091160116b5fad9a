//! `thresher policy show`: what is in force for a site, and since which line.

use super::{Named, Place};
use crate::cli::failure::Failure;
use crate::cli::terminal::{self, Colours, Style};
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use thresher::policy::{DEFAULT_SITE, Setting};

/// Shows what is in force for a site, and where each of it comes from.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  thresher policy show
  thresher policy show news --policy policy.toml
  thresher policy show --policy strict --json")]
pub struct Show {
    /// The site.
    #[arg(default_value = DEFAULT_SITE)]
    site: String,
    /// Show what is off or as it is when nobody says anything, too.
    #[arg(long)]
    all: bool,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Shows it.
    pub fn run(&self) -> Result<(), Failure> {
        let named = Named::open(self.place.path()?.as_deref().unwrap_or(Path::new("shipped")))?;
        let site = if self.site.is_empty() { DEFAULT_SITE } else { &self.site };
        if !named.file.policies.has_site(site) {
            crate::cli::failure::note(format_args!(
                "no policy of its own for site `{}`; the default one applies",
                site.escape_debug()
            ));
        }
        terminal::print(&match self.json {
            true => in_json(&named, site),
            false => for_people(&named, site, self.all, Colours::for_stdout()),
        })
    }
}

fn in_json(named: &Named, site: &str) -> String {
    let setting = |setting: &Setting| {
        json!({
            "key": setting.key,
            "value": setting.value,
            "from": if setting.origin.is_some() { named.name.as_str() } else { "default" },
            "line": setting.origin.as_ref().map(|origin| origin.line),
            "site": setting.origin.as_ref().and_then(|origin| origin.site.as_ref()),
        })
    };
    let settings: Vec<_> = named.settings(site).iter().map(setting).collect();
    let version = named.file.policies.site(site).version();
    json!({ "site": site, "policy_version": version, "settings": settings }).to_string() + "\n"
}

fn for_people(named: &Named, site: &str, all: bool, colours: Colours) -> String {
    let said = |setting: &&Setting| all || setting.origin.is_some();
    let settings: Vec<&Setting> = named.settings(site).iter().filter(said).collect();
    let wide = |text: fn(&Setting) -> &str, most: usize| {
        let widths = settings.iter().map(|setting| text(setting).chars().count());
        widths.filter(|width| *width <= most).max().unwrap_or_default()
    };
    let (keys, values) = (wide(|setting| &setting.key, 64), wide(|setting| &setting.value, 40));
    let mut out = String::new();
    // Writing to a string cannot fail.
    let version = named.file.policies.site(site).version();
    let _ = writeln!(out, "site {}, policy {version}\n", site.escape_debug());
    for setting in settings {
        let place = colours.paint(Style::Faint, &named.place(site, setting.origin.as_ref()));
        let _ = writeln!(out, "  {:<keys$}  {:<values$}  {place}", setting.key, setting.value);
    }
    if !all {
        let note = "What is not listed is off or as it is by default (--all).";
        let _ = writeln!(out, "\n{}", colours.paint(Style::Faint, note));
    }
    out
}
