//! `thresher policy diff`: what differs between two policies, site by site.

use super::Named;
use crate::cli::failure::Failure;
use crate::cli::terminal::{self, Colours, Style};
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::path::PathBuf;
use thresher::policy::{DEFAULT_SITE, PolicyFile, Setting};

/// Shows what differs between two policies: what is in force, site by site,
/// however it is written down.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  thresher policy diff policy.toml new.toml
  thresher policy diff balanced policy.toml --json")]
pub struct Diff {
    /// The old policy: a file, or shipped, strict, balanced or lenient.
    old: PathBuf,
    /// The new policy.
    new: PathBuf,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

/// The key of the order of rules, which no single rule says.
const ORDER: &str = "rules";
/// What is told of a site whose versions differ though no key does, so that it is
/// never taken for the same.
const UNTOLD: &str = "what differs has no key of its own";

/// What differs for one site: its keys, or at least its version.
pub struct Difference {
    site: String,
    versions: (String, String),
    changes: Vec<Change>,
}

struct Change {
    key: String,
    old: Option<Setting>,
    new: Option<Setting>,
}

impl Change {
    fn values(&self) -> (&str, &str) {
        (shown(&self.old), shown(&self.new))
    }
}

fn shown(setting: &Option<Setting>) -> &str {
    setting.as_ref().map_or("nothing", |setting| &setting.value)
}

/// What differs between two policies; nothing for sites where nothing does. A
/// site that only one of them has is compared with the default site of the
/// other, which is what would apply to it.
pub fn between(old: &PolicyFile, new: &PolicyFile) -> Vec<Difference> {
    let mut sites: Vec<&String> =
        old.settings.keys().chain(new.settings.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    // The default site first: it is what most of the others have.
    sites.sort_by_key(|site| *site != DEFAULT_SITE);
    let of = |file: &PolicyFile, site: &str| {
        let settings = file.settings.get(site).or_else(|| file.settings.get(DEFAULT_SITE));
        settings.cloned().unwrap_or_default()
    };
    let compare = |site: &String| {
        let (old_settings, new_settings) = (of(old, site), of(new, site));
        let find = |settings: &[Setting], key: &str| settings.iter().find(|s| s.key == key).cloned();
        let mut keys: Vec<&str> = old_settings.iter().map(|setting| setting.key.as_str()).collect();
        for setting in &new_settings {
            if !keys.contains(&setting.key.as_str()) {
                keys.push(&setting.key);
            }
        }
        let change = |key: &&str| {
            let (old, new) = (find(&old_settings, key), find(&new_settings, key));
            let same = old.as_ref().map(|s| &s.value) == new.as_ref().map(|s| &s.value);
            (!same).then(|| Change { key: (*key).to_owned(), old, new })
        };
        let mut changes: Vec<Change> = keys.iter().filter_map(change).collect();
        let [before, after] = [old, new].map(|file| rule_names(file, site));
        if let Some((old, new)) = reordered(&before, &after) {
            let setting = |names: &[&str], settings: &[Setting]| {
                let first = find(settings, &format!("rules.{}", names[0]));
                let origin = first.and_then(|setting| setting.origin);
                Setting { key: ORDER.to_owned(), value: names.join(", "), origin }
            };
            let (old, new) = (setting(&old, &old_settings), setting(&new, &new_settings));
            changes.push(Change { key: ORDER.to_owned(), old: Some(old), new: Some(new) });
        }
        let version = |file: &PolicyFile| file.policies.site(site).version().to_owned();
        let versions = (version(old), version(new));
        let differs = !changes.is_empty() || versions.0 != versions.1;
        differs.then(|| Difference { site: site.clone(), versions, changes })
    };
    sites.into_iter().filter_map(compare).collect()
}

/// The rules of a site in the order they are looked at.
fn rule_names<'p>(file: &'p PolicyFile, site: &str) -> Vec<&'p str> {
    file.policies.site(site).rules().map(|(rule, _)| rule.name.as_str()).collect()
}

/// Of the rules that both have, those between the first and the last that stand
/// elsewhere, in either order; none when all stand alike.
fn reordered<'p>(old: &[&'p str], new: &[&'p str]) -> Option<(Vec<&'p str>, Vec<&'p str>)> {
    let common = |these: &[&'p str], those: &[&'p str]| -> Vec<&'p str> {
        let those: HashSet<&str> = those.iter().copied().collect();
        these.iter().copied().filter(|name| those.contains(name)).collect()
    };
    let (mut old, mut new) = (common(old, new), common(new, old));
    let differs = |at: &usize| old[*at] != new[*at];
    let (first, last) = ((0..old.len()).find(differs)?, (0..old.len()).rfind(differs)?);
    Some((old.drain(first..=last).collect(), new.drain(first..=last).collect()))
}

impl Difference {
    /// On one line.
    pub fn to_line(&self) -> String {
        let change = |change: &Change| {
            let (old, new) = change.values();
            format!("{} {old} → {new}", change.key)
        };
        let mut changes: Vec<String> = self.changes.iter().map(change).collect();
        if changes.is_empty() {
            changes.push(UNTOLD.to_owned());
        }
        let (old, new) = &self.versions;
        let versions = if old == new { format!("policy {old}") } else { format!("policy {old} → {new}") };
        format!("site {}: {}; {versions}", self.site, changes.join(", "))
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let side = |setting: &Option<Setting>| {
            setting.as_ref().map(|setting| {
                let origin = setting.origin.as_ref();
                json!({
                    "value": setting.value,
                    "line": origin.map(|origin| origin.line),
                    "site": origin.and_then(|origin| origin.site.as_ref()),
                })
            })
        };
        let change = |change: &Change| json!({ "key": change.key, "old": side(&change.old), "new": side(&change.new) });
        json!({
            "site": self.site,
            "old_policy_version": self.versions.0,
            "new_policy_version": self.versions.1,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

impl Diff {
    /// Compares them.
    pub fn run(&self) -> Result<(), Failure> {
        let (old, new) = match (Named::open(&self.old), Named::open(&self.new)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(old), Err(new)) => return Err(old.and(new)),
            (Err(failure), _) | (_, Err(failure)) => return Err(failure),
        };
        let differences = between(&old.file, &new.file);
        terminal::print(&match self.json {
            true => {
                let sites: Vec<_> = differences.iter().map(Difference::to_json).collect();
                json!({ "old": old.name, "new": new.name, "sites": sites }).to_string() + "\n"
            }
            false => for_people(&old, &new, &differences, Colours::for_stdout()),
        })
    }
}

fn for_people(old: &Named, new: &Named, differences: &[Difference], colours: Colours) -> String {
    if differences.is_empty() {
        return format!("{} and {} say the same\n", old.name, new.name);
    }
    let mut out = String::new();
    for (i, difference) in differences.iter().enumerate() {
        let Difference { site, versions, changes } = difference;
        let gap = if i == 0 { "" } else { "\n" };
        let head = format!("site {site}: policy {} → {}", versions.0, versions.1);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{gap}{}", colours.paint(Style::Strong, &head));
        if changes.is_empty() {
            let _ = writeln!(out, "  {UNTOLD}");
        }
        let widest = changes.iter().map(|change| change.key.chars().count()).max().unwrap_or_default();
        for change in changes {
            let place = |named: &Named, setting: &Option<Setting>| match setting {
                Some(setting) => named.place(site, setting.origin.as_ref()),
                None => "-".to_owned(),
            };
            let places = format!("{} → {}", place(old, &change.old), place(new, &change.new));
            let (before, after) = change.values();
            let values = format!("{before} → {after}");
            let _ = writeln!(
                out,
                "  {:<widest$}  {values:<16}  {}",
                change.key,
                colours.paint(Style::Faint, &places)
            );
        }
    }
    out
}
