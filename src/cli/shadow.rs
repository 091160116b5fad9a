//! `thresher shadow`: what a candidate would have done otherwise.

use super::failure::Failure;
use super::terminal::{self, Colours, Style};
use clap::{Args, Subcommand};
use std::fmt::Write;
use std::path::PathBuf;
use thresher::shadow::{Group, Report, Tally};

const EXAMPLES: &str = "\
Examples:
  thresher shadow report shadow.jsonl
  thresher shadow report shadow.jsonl --json | jq .all.newly_held

The [shadow] table of the configuration says what is compared, and where the
samples go.";

/// Tells what a candidate policy or model would have done otherwise.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShadowCommand {
    #[command(subcommand)]
    action: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sums up the samples that a server took, by site, rule and attribute.
    #[command(after_help = EXAMPLES)]
    Report {
        /// The files of samples; FILE.1 is read with each, if it is there.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Answer with one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl ShadowCommand {
    /// Tells it.
    pub fn run(&self) -> Result<(), Failure> {
        let What::Report { files, json } = &self.action;
        let mut report = Report::default();
        for file in files {
            report.read(file).map_err(Failure::failed)?;
        }
        terminal::print(&match json {
            true => serde_json::to_string(&report).map_err(Failure::failed)? + "\n",
            false => for_people(&report, Colours::for_stdout()),
        })
    }
}

fn for_people(report: &Report, colours: Colours) -> String {
    let Report { compared, different, all, sites, rules, attributes, .. } = report;
    let share = if *compared > 0 {
        format!(" ({:.2} %)", 100.0 * *different as f64 / *compared as f64)
    } else {
        String::new()
    };
    let mut out = format!(
        "{compared} comments compared, {different} would have been treated otherwise{share}; {} of them are \
         in the samples\n",
        all.different
    );
    if report.cut > 0 {
        let _ = writeln!(out, "{} lines end too soon and are left out", report.cut);
    }
    let all = Group::from([("all".to_owned(), *all)]);
    for (title, group) in [("All", &all), ("Sites", sites), ("Rules", rules), ("Attributes", attributes)] {
        if !group.is_empty() {
            write_group(&mut out, title, group, colours);
        }
    }
    out
}

/// A table of a group, what differs most first.
fn write_group(out: &mut String, title: &str, group: &Group, colours: Colours) {
    let mut rows: Vec<(&String, &Tally)> = group.iter().collect();
    rows.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.different), *name));
    let widest = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\n{}", colours.paint(Style::Strong, title));
    let head = format!(
        "  {:<widest$}  {:>9}  {:>8}  {:>6}  {:>10}  {:>15}",
        "", "different", "stricter", "milder", "newly held", "newly published"
    );
    let _ = writeln!(out, "{}", colours.paint(Style::Faint, &head));
    for (name, tally) in rows {
        let Tally { different, stricter, milder, newly_held, newly_published } = tally;
        let _ = writeln!(
            out,
            "  {:<widest$}  {different:>9}  {stricter:>8}  {milder:>6}  {newly_held:>10}  {newly_published:>15}",
            name.escape_debug().to_string()
        );
    }
}
