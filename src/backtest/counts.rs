//! The counts of a backtest, and the figures that follow from them.

use super::gain::Gain;
use super::labels::Labels;
use crate::attribute::Attribute;
use crate::policy::{Action, Reason, Rule, SitePolicy, Verdict};
use crate::score::Scores;
use std::collections::BTreeMap;

const ACTIONS: usize = Action::ALL.len();

/// Something of the old side and the same of the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side<T> {
    /// What is in force.
    pub old: T,
    /// What is tried.
    pub new: T,
}

impl<T> Side<T> {
    /// Both, the old one first.
    pub fn both(&self) -> [&T; 2] {
        [&self.old, &self.new]
    }

    /// Makes something of each.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Side<U> {
        Side { old: f(self.old), new: f(self.new) }
    }
}

/// Comments that were picked out, by holding them or by reaching a threshold,
/// and how that compares with what people said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Picked out, and called bad by people.
    pub right: u64,
    /// Picked out, and not called bad by those who were asked.
    pub wrong: u64,
    /// Picked out, and nobody was asked.
    pub unknown: u64,
    /// Called bad by people, and not picked out.
    pub missed: u64,
}

impl Outcome {
    /// How many comments were picked out.
    pub fn picked(&self) -> u64 {
        self.right + self.wrong + self.unknown
    }

    /// The share of the comments picked out that people called bad. Those that
    /// nobody was asked about are left out; `None` when no other is left.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.right + self.wrong)
    }

    /// The share of the comments called bad that were picked out; `None` when
    /// none was called bad.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.right + self.missed)
    }

    fn add(&mut self, picked: bool, label: Option<bool>) {
        match (picked, label) {
            (true, Some(true)) => self.right += 1,
            (true, Some(false)) => self.wrong += 1,
            (true, None) => self.unknown += 1,
            (false, Some(true)) => self.missed += 1,
            (false, _) => {}
        }
    }

    fn merge(&mut self, other: &Outcome) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.unknown += other.unknown;
        self.missed += other.missed;
    }
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// The comments that reach the threshold as it is for their author,
    /// whether or not they reach a more severe one as well, by the label of
    /// the threshold's own attribute; for a missing score, the comments without
    /// one. Those that a final rule settled count for that rule alone. Nothing
    /// where the policy does not have the rule.
    pub fired: Side<Outcome>,
    /// The comments that wait for a moderator with this rule as the first
    /// reason. Over all rules they add up to [`Counts::queued`].
    pub queued: Side<u64>,
    /// Comments with a more severe action than before, of which this rule is
    /// the first reason.
    pub stricter: u64,
    /// Comments with a milder action than before, of which this rule was the
    /// first reason.
    pub milder: u64,
}

impl RuleCounts {
    fn merge(&mut self, other: &RuleCounts) {
        self.fired.old.merge(&other.fired.old);
        self.fired.new.merge(&other.fired.new);
        self.queued.old += other.queued.old;
        self.queued.new += other.queued.new;
        self.stricter += other.stricter;
        self.milder += other.milder;
    }
}

/// What became of the comments replayed under one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    matrix: [[u64; ACTIONS]; ACTIONS],
    held: Side<Outcome>,
    /// For each attribute, a missing score at 0 and the threshold of each
    /// action at that action's place.
    rules: [[RuleCounts; ACTIONS]; Attribute::COUNT],
    /// Named rules and trust, by the name that they have in answers.
    named: BTreeMap<String, RuleCounts>,
    gain: Gain,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            matrix: Default::default(),
            held: Side::default(),
            rules: [[RuleCounts::default(); ACTIONS]; Attribute::COUNT],
            named: BTreeMap::new(),
            gain: Gain::default(),
        }
    }
}

impl Counts {
    /// How many comments got the action `old` before and get `new` now.
    pub fn moved(&self, old: Action, new: Action) -> u64 {
        self.matrix[old as usize][new as usize]
    }

    /// The sum of [`moved`](Self::moved) over the pairs of the old and the new
    /// action that are `wanted`.
    pub fn total(&self, wanted: impl Fn(Action, Action) -> bool) -> u64 {
        let pairs = Action::ALL.into_iter().flat_map(|old| Action::ALL.map(|new| (old, new)));
        pairs.filter(|(old, new)| wanted(*old, *new)).map(|(old, new)| self.moved(old, new)).sum()
    }

    /// How many comments were replayed.
    pub fn comments(&self) -> u64 {
        self.total(|_, _| true)
    }

    /// How many comments get a more severe action.
    pub fn stricter(&self) -> u64 {
        self.total(|old, new| new > old)
    }

    /// How many comments get a milder action.
    pub fn milder(&self) -> u64 {
        self.total(|old, new| new < old)
    }

    /// How many comments got the action on each side.
    pub fn action(&self, action: Action) -> Side<u64> {
        Side { old: self.total(|old, _| old == action), new: self.total(|_, new| new == action) }
    }

    /// How many comments wait for a moderator on each side: those flagged and
    /// those held.
    pub fn queued(&self) -> Side<u64> {
        Side { old: self.total(|old, _| waits(old)), new: self.total(|_, new| waits(new)) }
    }

    /// The comments held or worse. One counts as bad when any of its labels
    /// says so, whatever it is held for; as not bad when there is a label for
    /// every attribute that asked to hold it; otherwise as unknown.
    pub fn held(&self) -> &Side<Outcome> {
        &self.held
    }

    /// What became of a threshold.
    pub fn threshold(&self, attribute: Attribute, action: Action) -> &RuleCounts {
        &self.rules[attribute.index()][action as usize]
    }

    /// What became of the rule for a missing score.
    pub fn missing(&self, attribute: Attribute) -> &RuleCounts {
        &self.rules[attribute.index()][0]
    }

    /// What became of the named rules, those in shadow mode included, and of
    /// trust, by name. One counts as right on a comment that is bad in any
    /// respect and as wrong on one that has labels and is not.
    pub fn named(&self) -> &BTreeMap<String, RuleCounts> {
        &self.named
    }

    /// How much spam the rules of the new side about earlier comments find;
    /// empty when it has none.
    pub fn gain(&self) -> &Gain {
        &self.gain
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Counts) {
        self.gain.merge(&other.gain);
        for (sum, more) in self.matrix.iter_mut().flatten().zip(other.matrix.iter().flatten()) {
            *sum += more;
        }
        self.held.old.merge(&other.held.old);
        self.held.new.merge(&other.held.new);
        for (sum, more) in self.rules.iter_mut().flatten().zip(other.rules.iter().flatten()) {
            sum.merge(more);
        }
        for (name, more) in &other.named {
            self.named.entry(name.clone()).or_default().merge(more);
        }
    }

    /// Counts one comment.
    pub(super) fn add(
        &mut self,
        policies: Side<&SitePolicy>,
        scores: Side<&Scores>,
        verdicts: &Side<Verdict>,
        labels: &Labels,
    ) {
        let (old, new) = (&verdicts.old, &verdicts.new);
        self.matrix[old.action as usize][new.action as usize] += 1;
        self.held.old.add(old.action >= Action::Hold, held_label(old, labels));
        self.held.new.add(new.action >= Action::Hold, held_label(new, labels));
        self.add_rules(|counts| &mut counts.fired.old, policies.old, old, labels);
        self.add_rules(|counts| &mut counts.fired.new, policies.new, new, labels);
        self.add_named(|counts| &mut counts.fired.old, policies.old, old, labels);
        self.add_named(|counts| &mut counts.fired.new, policies.new, new, labels);
        if policies.new.reads_past() {
            self.gain.add(scores.new, new, labels);
        }
        if let Some(Reason { rule, .. }) = old.reasons.first() {
            let counts = self.rule(rule);
            counts.milder += u64::from(new.action < old.action);
            counts.queued.old += u64::from(waits(old.action));
        }
        if let Some(Reason { rule, .. }) = new.reasons.first() {
            let counts = self.rule(rule);
            counts.stricter += u64::from(new.action > old.action);
            counts.queued.new += u64::from(waits(new.action));
        }
    }

    /// Counts the named rules of a policy, whether or not they fired, and trust
    /// and what was missing where they did.
    fn add_named(
        &mut self,
        side: impl Fn(&mut RuleCounts) -> &mut Outcome,
        policy: &SitePolicy,
        verdict: &Verdict,
        labels: &Labels,
    ) {
        let label = labels.is_bad().then_some(true).or(labels.is_known().then_some(false));
        let fired = || verdict.reasons.iter().chain(&verdict.shadow_reasons);
        for (rule, _) in policy.rules() {
            let is_this =
                |reason: &Reason| matches!(&reason.rule, Rule::Named(named) if named.name == rule.name);
            let counts = match self.named.get_mut(&rule.name) {
                Some(counts) => counts,
                None => self.named.entry(rule.name.clone()).or_default(),
            };
            side(counts).add(fired().any(is_this), label);
        }
        for reason in fired().filter(|reason| matches!(reason.rule, Rule::Trust(..) | Rule::Failed(..))) {
            side(self.named.entry(reason.rule.to_string()).or_default()).add(true, label);
        }
    }

    /// Counts the thresholds of a policy and its rules about missing scores, by
    /// what the verdict says of them: whoever reaches a threshold reaches the
    /// milder ones of its attribute too.
    fn add_rules(
        &mut self,
        side: impl Fn(&mut RuleCounts) -> &mut Outcome,
        policy: &SitePolicy,
        verdict: &Verdict,
        labels: &Labels,
    ) {
        for attribute in Attribute::ALL {
            let (rules, label) = (&mut self.rules[attribute.index()], labels.get(attribute));
            let is_its_own = |reason: &&Reason| reason.rule.attribute() == Some(attribute);
            let fired = verdict.reasons.iter().find(is_its_own).map(|reason| &reason.rule);
            for (action, threshold) in policy.thresholds(attribute).descending() {
                let reached = matches!(fired, Some(Rule::Threshold(_, most)) if *most >= action);
                if threshold.is_some() {
                    side(&mut rules[action as usize]).add(reached, label);
                }
            }
            if policy.missing(attribute) > Action::Publish {
                side(&mut rules[0]).add(matches!(fired, Some(Rule::Missing(..))), label);
            }
        }
    }

    fn rule(&mut self, rule: &Rule) -> &mut RuleCounts {
        match rule {
            Rule::Threshold(attribute, action) => &mut self.rules[attribute.index()][*action as usize],
            Rule::Missing(attribute, ..) => &mut self.rules[attribute.index()][0],
            Rule::Named(_) | Rule::Trust(..) | Rule::Failed(..) => {
                self.named.entry(rule.to_string()).or_default()
            }
        }
    }
}

/// Whether comments with the action wait for a moderator.
fn waits(action: Action) -> bool {
    matches!(action, Action::Flag | Action::Hold)
}

/// Whether people called a comment bad, as far as holding it goes: see
/// [`Counts::held`].
fn held_label(verdict: &Verdict, labels: &Labels) -> Option<bool> {
    if labels.is_bad() {
        return Some(true);
    }
    let mut holding = verdict.reasons.iter().filter(|reason| reason.rule.action() >= Action::Hold);
    let is_known = |reason: &Reason| match reason.rule.attribute() {
        Some(attribute) => labels.get(attribute).is_some(),
        None => labels.is_known(),
    };
    holding.all(is_known).then_some(false)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
