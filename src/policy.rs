//! From scores to a verdict: thresholds per attribute and site.

mod file;
mod verdict;

pub use file::PolicyError;
pub use verdict::{Action, Reason, Rule, Span, Verdict};

use crate::attribute::{Attribute, PerAttribute};
use crate::score::{Score, Scores, Unscored};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{fs, mem};
use xxhash_rust::xxh3::xxh3_128;

/// The name of the site that every other one inherits from.
pub const DEFAULT_SITE: &str = "default";

/// How many hexadecimal digits of its hash identify a policy.
const VERSION_DIGITS: usize = 12;

/// The thresholds of one attribute: the score from which each action applies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// From here on, `FLAG`.
    pub flag: Option<Score>,
    /// From here on, `HOLD`.
    pub hold: Option<Score>,
    /// From here on, `REJECT`.
    pub reject: Option<Score>,
    /// From here on, `DISCARD`.
    pub discard: Option<Score>,
}

impl Thresholds {
    /// The thresholds by their action, most severe first.
    pub fn descending(&self) -> [(Action, Option<Score>); 4] {
        [
            (Action::Discard, self.discard),
            (Action::Reject, self.reject),
            (Action::Hold, self.hold),
            (Action::Flag, self.flag),
        ]
    }

    /// The most severe action whose threshold the score reaches, with that
    /// threshold.
    fn reached(&self, score: Score) -> Option<(Action, Score)> {
        self.descending()
            .into_iter()
            .filter_map(|(action, threshold)| Some((action, threshold?)))
            .find(|(_, threshold)| score >= *threshold)
    }
}

/// The policy of one site, complete: nothing is inherited any more.
#[derive(Clone, Debug, PartialEq)]
pub struct SitePolicy {
    version: String,
    thresholds: PerAttribute<Thresholds>,
    missing: PerAttribute<Action>,
}

impl SitePolicy {
    fn new(thresholds: PerAttribute<Thresholds>, missing: PerAttribute<Action>) -> Self {
        Self { version: version(&thresholds, &missing), thresholds, missing }
    }

    /// Identifies the effective policy in every answer. Two policies that
    /// decide alike have the same version, however they were written down.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The thresholds of an attribute.
    pub fn thresholds(&self, attribute: Attribute) -> &Thresholds {
        &self.thresholds[attribute]
    }

    /// The action to take when an attribute that was asked for has no score.
    pub fn missing(&self, attribute: Attribute) -> Action {
        self.missing[attribute]
    }

    /// Turns scores into a verdict, written over `verdict` so that its memory
    /// is reused.
    pub fn decide(&self, scores: &Scores, verdict: &mut Verdict) {
        let reasons = &mut verdict.reasons;
        reasons.reserve(Attribute::COUNT.saturating_sub(reasons.len()));
        let mut fired = 0;
        for (attribute, score) in scores.iter() {
            let Some((rule, score, threshold)) = self.fires(attribute, *score) else { continue };
            // The spans of an earlier call leave their memory behind.
            let mut spans = reasons.get_mut(fired).map(|old| mem::take(&mut old.spans)).unwrap_or_default();
            spans.clear();
            let reason = Reason { rule, score, threshold, spans };
            match reasons.get_mut(fired) {
                Some(old) => *old = reason,
                None => reasons.push(reason),
            }
            fired += 1;
        }
        reasons.truncate(fired);
        reasons.sort_unstable_by_key(|r| (Reverse(r.rule.action()), r.rule.attribute()));
        verdict.action = reasons.first().map_or(Action::Publish, |r| r.rule.action());
    }

    /// The rule that fires for one attribute, with the score and the threshold
    /// it looked at.
    fn fires(
        &self,
        attribute: Attribute,
        score: Result<Score, Unscored>,
    ) -> Option<(Rule, Option<Score>, Option<Score>)> {
        match score {
            Ok(score) => {
                let (action, threshold) = self.thresholds[attribute].reached(score)?;
                Some((Rule::Threshold(attribute, action), Some(score), Some(threshold)))
            }
            Err(Unscored::NotRequested) => None,
            Err(why) => {
                let action = self.missing[attribute];
                (action > Action::Publish).then_some((Rule::Missing(attribute, action, why), None, None))
            }
        }
    }
}

/// A hash of what the policy says, written in one fixed way.
fn version(thresholds: &PerAttribute<Thresholds>, missing: &PerAttribute<Action>) -> String {
    let mut canonical = String::from("thresher policy 1\n");
    for (attribute, thresholds) in thresholds.iter() {
        canonical.push_str(attribute.name());
        for (action, threshold) in thresholds.descending() {
            if let Some(threshold) = threshold {
                // Writing to a string cannot fail.
                let _ = write!(canonical, " {action}={threshold}");
            }
        }
        let _ = writeln!(canonical, " missing={}", missing[attribute]);
    }
    let mut version = format!("{:032x}", xxh3_128(canonical.as_bytes()));
    version.truncate(VERSION_DIGITS);
    version
}

/// The policies of all sites.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    default: SitePolicy,
    sites: BTreeMap<String, SitePolicy>,
}

impl Policies {
    /// The policy file that ships inside the binary: `config/policy.toml`.
    pub const EMBEDDED: &str = include_str!("../config/policy.toml");

    /// The policies of [`EMBEDDED`](Self::EMBEDDED).
    ///
    /// # Errors
    /// Only when the binary was built with a broken policy file.
    pub fn embedded() -> Result<Policies, PolicyError> {
        Self::parse(Self::EMBEDDED, "config/policy.toml")
    }

    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<Policies, PolicyError> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(source) => Self::parse(&source, &name),
            Err(source) => Err(PolicyError::Read { name, source }),
        }
    }

    /// Reads and checks policies; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(source: &str, name: &str) -> Result<Policies, PolicyError> {
        file::parse(source, name)
    }

    /// The policy of a site; the default one for a site that has none of its
    /// own, and for the empty name.
    pub fn site(&self, name: &str) -> &SitePolicy {
        self.sites.get(name).unwrap_or(&self.default)
    }

    /// Whether the site has a policy of its own.
    pub fn has_site(&self, name: &str) -> bool {
        name == DEFAULT_SITE || self.sites.contains_key(name)
    }

    /// The sites that have a policy, the default one first, then by name.
    pub fn sites(&self) -> impl Iterator<Item = (&str, &SitePolicy)> {
        let named = self.sites.iter().map(|(name, policy)| (name.as_str(), policy));
        std::iter::once((DEFAULT_SITE, &self.default)).chain(named)
    }
}

#[cfg(test)]
mod tests;
