//! From scores and signals to a verdict: thresholds, named rules and trust, by
//! site.

mod check;
pub mod edit;
mod expression;
mod fail;
mod file;
mod preset;
mod rule;
mod scoring;
mod store;
mod trust;
mod verdict;

pub use check::{Check, Outcome, Seen};
pub use fail::{Fail, FailMode, Missed};
pub use file::{Origin, PolicyError, PolicyFile, Setting, check_list_name};
pub use preset::Preset;
pub use rule::{Mode, NamedRule};
pub use scoring::{Calibration, Scoring, UnfamiliarLanguage};
pub use store::{PolicyStore, Reload};
pub use trust::{Trust, Trusted};
pub use verdict::{Action, Count, ListHit, Reason, Rule, Span, Verdict};

use crate::attribute::{Attribute, PerAttribute};
use crate::score::{Score, Scores, Unscored};
use crate::signals::lists::Lists;
use crate::signals::{Facts, Value};
use rule::SiteRule;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// The name of the site that every other one inherits from.
pub const DEFAULT_SITE: &str = "default";

/// How many hexadecimal digits of its hash identify a policy.
const VERSION_DIGITS: usize = 12;

/// How many entries of lists a reason shows.
const MAX_HITS: usize = 5;

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

    /// The most severe action whose threshold, lowered by a margin, the score
    /// reaches, with that threshold.
    fn reached(&self, score: Score, margin: f32) -> Option<(Action, Score)> {
        self.descending()
            .into_iter()
            .filter_map(|(action, threshold)| Some((action, threshold?)))
            .map(|(action, threshold)| (action, Score::saturating(threshold.get() - margin)))
            .find(|(_, threshold)| score >= *threshold)
    }
}

/// The policy of one site, complete: nothing is inherited any more.
#[derive(Clone, Debug)]
pub struct SitePolicy {
    version: String,
    thresholds: PerAttribute<Thresholds>,
    missing: PerAttribute<Action>,
    trust: Trust,
    scoring: Scoring,
    fail: Fail,
    /// Those that are enabled, in the order they are looked at.
    rules: Vec<SiteRule>,
    /// The names of those that are not.
    disabled: Arc<[String]>,
    /// All lists of the file, if a rule names one.
    lists: Option<Arc<Lists>>,
    reads_past: bool,
}

/// Two policies are equal when they decide alike.
impl PartialEq for SitePolicy {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
    }
}

impl SitePolicy {
    #[cfg(test)]
    fn new(thresholds: PerAttribute<Thresholds>, missing: PerAttribute<Action>) -> Self {
        Self::with_rules(
            thresholds,
            missing,
            Trust::default(),
            Scoring::default(),
            Fail::default(),
            Vec::new(),
            &Arc::default(),
        )
    }

    fn with_rules(
        thresholds: PerAttribute<Thresholds>,
        missing: PerAttribute<Action>,
        trust: Trust,
        scoring: Scoring,
        fail: Fail,
        mut rules: Vec<SiteRule>,
        lists: &Arc<Lists>,
    ) -> Self {
        let disabled = check::disabled(&rules);
        rules.retain(|rule| rule.enabled);
        // Rules of one priority stay in the order of the file.
        rules.sort_by_key(|rule| Reverse(rule.priority));
        let named = rules.iter().any(|rule| !rule.when.lists().is_empty());
        let reads_past = rules.iter().any(|rule| rule.when.remembered().next().is_some());
        let mut policy = Self {
            version: String::new(),
            reads_past,
            thresholds,
            missing,
            trust,
            scoring,
            fail,
            rules,
            disabled,
            lists: named.then(|| Arc::clone(lists)),
        };
        policy.version = version(&policy);
        policy
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

    /// What an author's record changes.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// How the site takes the scores of the model.
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// What is answered when something is missing.
    pub fn fail(&self) -> &Fail {
        &self.fail
    }

    /// The named rules that are enabled, in the order they are looked at.
    pub fn rules(&self) -> impl Iterator<Item = (&NamedRule, Mode)> {
        self.rules.iter().map(|rule| (&*rule.rule, rule.mode))
    }

    /// Whether there is any rule, so that signals have to be known.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether any rule reads what earlier comments say, so that they have to
    /// be remembered.
    pub fn reads_past(&self) -> bool {
        self.reads_past
    }

    /// The lists to look for, if any rule names one.
    pub fn lists(&self) -> Option<&Lists> {
        self.lists.as_deref()
    }

    /// Turns scores into a verdict, written over `verdict` so that its memory
    /// is reused. Rules and trust find everything but the scores unknown.
    pub fn decide(&self, scores: &Scores, verdict: &mut Verdict) {
        self.decide_on(scores, &Facts::of_scores(scores), verdict);
    }

    /// Turns scores and all else that is known into a verdict, written over
    /// `verdict` so that its memory is reused.
    ///
    /// The order: rules that are `final` come first, and the first of them that
    /// fires settles the action alone. Otherwise the most severe action of all
    /// thresholds and rules is taken, and of what the site says to something
    /// that is missing; then the author's standing may make it milder. Rules in shadow mode are looked at and change nothing.
    pub fn decide_on(&self, scores: &Scores, facts: &Facts<'_>, verdict: &mut Verdict) {
        let mut shadows = Slots::of(&mut verdict.shadow_reasons);
        let mut settling = None;
        for rule in self.rules.iter().filter(|rule| rule.mode == Mode::Shadow || rule.is_final) {
            let is_open = rule.mode == Mode::Shadow || settling.is_none();
            if is_open && rule.when.holds(facts) {
                match rule.mode {
                    Mode::Shadow => self.push_named(rule, facts, &mut shadows),
                    Mode::Act => settling = Some(rule),
                }
            }
        }
        shadows.finish();

        verdict.reasons.reserve(Attribute::COUNT.saturating_sub(verdict.reasons.len()));
        let mut reasons = Slots::of(&mut verdict.reasons);
        match settling {
            Some(rule) => self.push_named(rule, facts, &mut reasons),
            None => {
                let margin = self.trust.margin(facts);
                for (attribute, score) in scores.iter() {
                    if let Some((rule, score, threshold)) = self.fires(attribute, *score, margin) {
                        reasons.push(rule, score, threshold);
                    }
                }
                for rule in self.rules.iter().filter(|rule| rule.mode == Mode::Act && !rule.is_final) {
                    if rule.when.holds(facts) {
                        self.push_named(rule, facts, &mut reasons);
                    }
                }
                if let Some((missed, mode)) = self.misses(scores, facts) {
                    reasons.push(Rule::Failed(missed, mode), None, None);
                }
            }
        }
        reasons.finish();
        verdict.reasons.sort_by_key(|r| Reverse(r.rule.action()));
        verdict.action = verdict.reasons.first().map_or(Action::Publish, |r| r.rule.action());
        if let Some(rule) = self.trust.spares(verdict.action, settling.is_some(), facts) {
            verdict.action = rule.action();
            let (score, threshold) = (None, None);
            let (hits, counts, spans) = (Vec::new(), Vec::new(), Vec::new());
            verdict.reasons.push(Reason { rule, score, threshold, hits, counts, spans });
        }
    }

    /// Notes a named rule with the entries of its lists that the comment holds.
    fn push_named(&self, rule: &SiteRule, facts: &Facts<'_>, reasons: &mut Slots<'_>) {
        let reason = reasons.push(Rule::Named(Arc::clone(&rule.rule)), None, None);
        reason.counts.extend(rule.when.remembered().filter_map(|field| match facts.value(field) {
            Value::Number(count) => Some(Count { field, count: count as u32 }),
            _ => None,
        }));
        let (Some(lists), Some(hits)) = (&self.lists, facts.list_hits()) else { return };
        for list in rule.when.lists() {
            let room = MAX_HITS.saturating_sub(reason.hits.len());
            reason.hits.extend(
                lists
                    .hit_entries(*list, hits)
                    .take(room)
                    .map(|entry| ListHit { list: lists.name(*list).to_owned(), entry: entry.to_owned() }),
            );
        }
    }

    /// The rule that fires for one attribute, with the score and the threshold
    /// it looked at.
    fn fires(
        &self,
        attribute: Attribute,
        score: Result<Score, Unscored>,
        margin: f32,
    ) -> Option<(Rule, Option<Score>, Option<Score>)> {
        match score {
            Ok(score) => {
                let (action, threshold) = self.thresholds[attribute].reached(score, margin)?;
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

/// Reasons written over those of an earlier verdict, whose memory is reused.
struct Slots<'v> {
    reasons: &'v mut Vec<Reason>,
    filled: usize,
}

impl<'v> Slots<'v> {
    fn of(reasons: &'v mut Vec<Reason>) -> Self {
        Self { reasons, filled: 0 }
    }

    fn push(&mut self, rule: Rule, score: Option<Score>, threshold: Option<Score>) -> &mut Reason {
        let (mut hits, mut counts, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(old) = self.reasons.get_mut(self.filled) {
            hits = mem::take(&mut old.hits);
            counts = mem::take(&mut old.counts);
            spans = mem::take(&mut old.spans);
        }
        hits.clear();
        counts.clear();
        spans.clear();
        let reason = Reason { rule, score, threshold, hits, counts, spans };
        let at = self.filled;
        self.filled += 1;
        if at == self.reasons.len() {
            self.reasons.push(reason);
        } else {
            self.reasons[at] = reason;
        }
        &mut self.reasons[at]
    }

    fn finish(self) {
        self.reasons.truncate(self.filled);
    }
}

/// A hash of what the policy says, written in one fixed way.
fn version(policy: &SitePolicy) -> String {
    let SitePolicy { thresholds, missing, trust, scoring, fail, rules, lists, .. } = policy;
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
    if *trust != Trust::default() {
        let _ = writeln!(canonical, "{trust:?}");
    }
    for (attribute, calibration) in scoring.calibration.iter() {
        if *calibration != Calibration::default() {
            let _ = writeln!(canonical, "{attribute} {calibration:?}");
        }
    }
    if scoring.unfamiliar_language != UnfamiliarLanguage::default() {
        let _ = writeln!(canonical, "{:?}", scoring.unfamiliar_language);
    }
    if *fail != Fail::default() {
        let _ = writeln!(canonical, "{fail:?}");
    }
    let none = Lists::default();
    for rule in rules {
        let _ = rule.write_canonical(lists.as_deref().unwrap_or(&none), &mut canonical);
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
    /// The files that lists were read from.
    files: Vec<PathBuf>,
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

    /// Reads and checks a policy file, and the files of its lists, which are
    /// named relative to it.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<Policies, PolicyError> {
        Ok(PolicyFile::open(path)?.policies)
    }

    /// Reads and checks policies; `name` stands for the file in messages. Files
    /// of lists are named relative to the current folder.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(source: &str, name: &str) -> Result<Policies, PolicyError> {
        Ok(PolicyFile::parse(source, name, Path::new(""))?.policies)
    }

    /// The files that lists were read from.
    pub fn list_files(&self) -> &[PathBuf] {
        &self.files
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
