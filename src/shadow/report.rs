//! What the samples of a candidate come to.

use super::samples::{Sample, older};
use crate::attribute::Attribute;
use crate::jsonl::{JsonlError, Lines};
use crate::policy::{Action, DEFAULT_SITE};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What would have been different for some comments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many would have been treated otherwise.
    pub different: u64,
    /// How many more severely.
    pub stricter: u64,
    /// How many less severely.
    pub milder: u64,
    /// How many would have been held or worse, and were shown.
    pub newly_held: u64,
    /// How many would have been shown, and were held or worse.
    pub newly_published: u64,
}

impl Tally {
    fn add(&mut self, live: Action, shadow: Action) {
        self.different += 1;
        self.stricter += u64::from(shadow > live);
        self.milder += u64::from(shadow < live);
        self.newly_held += u64::from(live < Action::Hold && shadow >= Action::Hold);
        self.newly_published += u64::from(live >= Action::Hold && shadow < Action::Hold);
    }
}

/// What the comments are grouped by.
pub type Group = BTreeMap<String, Tally>;

/// What some samples come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many comments were compared, as far as the samples tell: up to the
    /// last one of each run.
    pub compared: u64,
    /// How many of those would have been treated otherwise, sampled or not:
    /// the oldest samples make room, and what comes too fast has none.
    pub different: u64,
    /// Lines that end too soon, as one does when a server is killed or its disk is
    /// full, with what was written behind them; they are left out.
    pub cut: u64,
    /// All that are sampled.
    pub all: Tally,
    /// By site.
    pub sites: Group,
    /// By the rule that makes the difference: of what would have been treated
    /// more severely, the candidate's first reason, otherwise the first reason
    /// of what was done.
    pub rules: Group,
    /// By the attribute of that rule, where it has one.
    pub attributes: Group,
    /// For each run how many comments it had compared, and how many of them
    /// would have been treated otherwise.
    #[serde(skip)]
    runs: BTreeMap<String, (u64, u64)>,
    /// The files that were read.
    #[serde(skip)]
    files: BTreeSet<PathBuf>,
}

impl Report {
    /// Reads a file of samples, with the older one (`FILE.1`) if it is there; not
    /// one that was read before, by whatever name.
    ///
    /// # Errors
    /// When a file cannot be read, or at the first line that is neither a sample nor
    /// one that ends too soon.
    pub fn read(&mut self, path: &Path) -> Result<(), JsonlError> {
        let older = older(path);
        if older.exists() {
            self.read_one(&older)?;
        }
        self.read_one(path)
    }

    fn read_one(&mut self, path: &Path) -> Result<(), JsonlError> {
        // A pipe has no other name.
        if !self.files.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())) {
            return Ok(());
        }
        let mut lines = Lines::open(path)?;
        // First as any JSON, which a piece of a sample never is, also where the next
        // one was written right behind it.
        while let Some(line) = lines.next_record::<serde_json::Value>() {
            match line {
                Ok(value) => {
                    let sample = Sample::deserialize(value).map_err(|_| lines.fault("is no sample"))?;
                    self.add(&sample).map_err(|what| lines.fault(what))?;
                }
                Err(JsonlError::Syntax { .. } | JsonlError::NotUtf8 { .. }) => self.cut += 1,
                Err(error) => return Err(error),
            }
        }
        self.compared = self.runs.values().map(|(compared, _)| compared).sum();
        self.different = self.runs.values().map(|(_, different)| different).sum();
        Ok(())
    }

    fn add(&mut self, sample: &Sample) -> Result<(), String> {
        let action =
            |name: &str| Action::from_name(name).ok_or_else(|| "is no sample: an unknown action".to_owned());
        let (live, shadow) = (action(&sample.live.action)?, action(&sample.shadow.action)?);
        let (compared, different) = self.runs.entry(sample.run.clone()).or_default();
        *compared = sample.compared.max(*compared);
        *different = sample.different.max(*different);
        let site = if sample.site.is_empty() { DEFAULT_SITE } else { &sample.site };
        self.all.add(live, shadow);
        self.sites.entry(site.to_owned()).or_default().add(live, shadow);
        let side = if shadow > live { &sample.shadow } else { &sample.live };
        let Some(rule) = side.rules.first() else { return Ok(()) };
        self.rules.entry(rule.clone()).or_default().add(live, shadow);
        if let Some(attribute) = rule.split_once('.').and_then(|(name, _)| Attribute::from_name(name)) {
            self.attributes.entry(attribute.name().to_owned()).or_default().add(live, shadow);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(
        run: &str,
        (compared, different): (u64, u64),
        site: &str,
        live: (&str, &str),
        shadow: (&str, &str),
    ) -> String {
        let side = |(action, rule): (&str, &str)| {
            let rules: Vec<&str> = Some(rule).filter(|rule| !rule.is_empty()).into_iter().collect();
            serde_json::json!({
                "action": action, "rules": rules, "scores": {}, "model_version": "m", "policy_version": "p",
            })
        };
        let sample = serde_json::json!({
            "time": "t", "run": run, "compared": compared, "different": different, "site": site, "comment_id": "c",
            "live": side(live), "shadow": side(shadow),
        });
        sample.to_string() + "\n"
    }

    #[test]
    fn samples_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let (none, hold, flag) = (("PUBLISH", ""), ("HOLD", "SPAM.HOLD"), ("FLAG", "links"));
        // The first seven samples are gone.
        let lines = [line("1", (50, 8), "", none, hold), line("1", (90, 9), "news", hold, flag)];
        fs::write(older(&path), lines.concat()).unwrap();
        fs::write(&path, line("2", (10, 1), "", none, flag)).unwrap();
        let mut report = Report::default();
        report.read(&path).unwrap();
        assert_eq!((report.compared, report.different), (100, 10));
        let tally = |different, stricter, milder, newly_held, newly_published| Tally {
            different,
            stricter,
            milder,
            newly_held,
            newly_published,
        };
        assert_eq!(report.all, tally(3, 2, 1, 1, 1));
        assert_eq!(report.sites["default"], tally(2, 2, 0, 1, 0));
        assert_eq!(report.sites["news"], tally(1, 0, 1, 0, 1));
        assert_eq!(report.rules["SPAM.HOLD"], tally(2, 1, 1, 1, 1));
        assert_eq!(report.rules["links"], tally(1, 1, 0, 0, 0));
        assert_eq!(report.attributes.keys().collect::<Vec<_>>(), ["SPAM"]);

        // By other names they are the same files.
        let again = report.clone();
        report.read(&older(&path)).unwrap();
        report.read(&folder.path().join(".").join("s.jsonl")).unwrap();
        assert_eq!(report, again);

        fs::write(&path, line("2", (1, 1), "", none, ("HOULD", ""))).unwrap();
        let error = Report::default().read(&path).unwrap_err().to_string();
        assert!(error.ends_with("s.jsonl:1: is no sample: an unknown action"), "{error}");
    }
    #[test]
    fn a_piece_of_a_sample_is_left_out_wherever_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let whole = line("1", (50, 8), "caf\u{e9}", ("PUBLISH", ""), ("HOLD", "SPAM.HOLD"));
        for end in 1..whole.len() - 1 {
            // By itself, and with the next one right behind it.
            let piece = &whole.as_bytes()[..end];
            let lines = [whole.as_bytes(), piece, b"\n", piece, whole.as_bytes(), whole.as_bytes()];
            fs::write(&path, lines.concat()).unwrap();
            let mut report = Report::default();
            report.read(&path).unwrap();
            assert_eq!((report.cut, report.all.different), (2, 2), "{end}");
        }
    }
}
