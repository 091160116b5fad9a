//! What each rule of a policy saw in one comment, and why it fired or did not.

use super::rule::{Mode, SiteRule};
use super::trust::Trusted;
use super::{Action, ListHit, MAX_HITS, Rule, SitePolicy};
use crate::attribute::Attribute;
use crate::score::{Score, Scores, Unscored};
use crate::signals::{Facts, Field, Value};
use std::fmt;
use std::sync::Arc;

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is one of the reasons.
    Fired,
    /// Its condition is true, but it is in shadow mode and changes nothing.
    FiredInShadow,
    /// The score is below the threshold, or the condition is false.
    NotMet,
    /// The score or a value that the condition needs is missing.
    Unknown,
    /// It was not looked at: a final rule had settled the action.
    Settled,
    /// It is switched off.
    Disabled,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 6] = [
        Outcome::Fired,
        Outcome::FiredInShadow,
        Outcome::NotMet,
        Outcome::Unknown,
        Outcome::Settled,
        Outcome::Disabled,
    ];

    /// The name in the API and in output: `NOT_MET`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Fired => "FIRED",
            Outcome::FiredInShadow => "FIRED_IN_SHADOW",
            Outcome::NotMet => "NOT_MET",
            Outcome::Unknown => "UNKNOWN",
            Outcome::Settled => "SETTLED",
            Outcome::Disabled => "DISABLED",
        }
    }
}

/// A value that a condition read. Texts are told by their length, because an
/// answer repeats neither the comment nor its author; the language is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nobody said, or there is none.
    Unknown,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(f64),
    /// The language of the text (BCP 47).
    Language(String),
    /// A text of so many characters.
    Text(usize),
}

impl Seen {
    fn of(field: Field, value: Value<'_>) -> Self {
        match value {
            Value::Unknown => Seen::Unknown,
            Value::Bool(value) => Seen::Bool(value),
            Value::Number(value) => Seen::Number(value),
            Value::Text(code) if field == Field::CommentLanguage => Seen::Language(code.to_owned()),
            Value::Text(text) => Seen::Text(text.chars().count()),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Unknown => f.write_str("unknown"),
            Seen::Bool(value) => write!(f, "{value}"),
            Seen::Number(value) => write!(f, "{value}"),
            Seen::Language(code) => f.write_str(code),
            Seen::Text(characters) => write!(f, "a text of {characters} characters"),
        }
    }
}

/// A rule, a threshold or a piece of trust that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name: `SPAM.HOLD`, `OFF_TOPIC.missing`, `trust.new_author`, or the
    /// name that the policy gives it.
    pub rule: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it asks for; none of what lowers thresholds, and of a rule that is
    /// only switched off.
    pub action: Option<Action>,
    /// The attribute of a threshold.
    pub attribute: Option<Attribute>,
    /// The score of that attribute.
    pub score: Option<Score>,
    /// The threshold, lowered already for a new author.
    pub threshold: Option<Score>,
    /// The condition of a named rule, every operation in brackets.
    pub condition: Option<String>,
    /// Whether the condition is true; none when that is unknown.
    pub holds: Option<bool>,
    /// The fields that a named rule or trust read, or of which a rule asked
    /// whether there is a value, each once, with their values.
    pub values: Vec<(String, Seen)>,
    /// Entries of the condition's lists that the comment holds and that an
    /// allow list holds back, at most five.
    pub held_back: Vec<ListHit>,
    /// Why it fired or did not, in one sentence for moderators.
    pub message: String,
}

impl Check {
    fn new(rule: impl Into<String>, outcome: Outcome, action: Option<Action>, message: String) -> Self {
        Self {
            rule: rule.into(),
            outcome,
            action,
            attribute: None,
            score: None,
            threshold: None,
            condition: None,
            holds: None,
            values: Vec::new(),
            held_back: Vec::new(),
            message,
        }
    }
}

impl SitePolicy {
    /// Everything that [`decide_on`](Self::decide_on) looks at, in the order of
    /// `docs/policy.md`: final rules, thresholds, the other rules, what is
    /// missing, trust; then the rules that are switched off. What fired is what the verdict has for
    /// reasons. Allocates, and costs a few times as much as deciding.
    pub fn explain(&self, scores: &Scores, facts: &Facts<'_>) -> Vec<Check> {
        let is_first = |rule: &&SiteRule| rule.is_final && rule.mode == Mode::Act;
        let settling = self.rules.iter().filter(is_first).find(|rule| rule.when.holds(facts));
        let mut checks = Vec::new();
        let mut is_settled = false;
        for rule in self.rules.iter().filter(is_first) {
            checks.push(self.check_rule(rule, facts, settling.filter(|_| is_settled)));
            is_settled |= settling.is_some_and(|settling| std::ptr::eq(settling, rule));
        }
        let margin = self.trust.margin(facts);
        for (attribute, score) in scores.iter() {
            checks.extend(self.check_threshold(attribute, *score, margin, settling));
        }
        for rule in self.rules.iter().filter(|rule| !is_first(rule)) {
            checks.push(self.check_rule(rule, facts, settling));
        }
        let fired = checks.iter().filter(|check| check.outcome == Outcome::Fired);
        let action = fired.filter_map(|check| check.action).max().unwrap_or_default();
        let missed = self.misses(scores, facts).filter(|_| settling.is_none());
        checks.extend(missed.as_ref().map(|(missed, mode)| {
            let message = format!("{missed}; the policy says {}", mode.name());
            Check::new(format!("fail.{}", missed.name()), Outcome::Fired, Some(mode.action()), message)
        }));
        let action = missed.map_or(action, |(_, mode)| action.max(mode.action()));
        self.check_trust(action, margin, settling, facts, &mut checks);
        checks.extend(self.disabled.iter().map(|name| {
            Check::new(name.as_str(), Outcome::Disabled, None, "the rule is switched off".to_owned())
        }));
        checks
    }

    /// The threshold that the score reaches, or else the lowest one; none for
    /// an attribute that was not asked for or that nothing is done about.
    fn check_threshold(
        &self,
        attribute: Attribute,
        score: Result<Score, Unscored>,
        margin: f32,
        settling: Option<&SiteRule>,
    ) -> Option<Check> {
        let lowered = |threshold: Score| Score::saturating(threshold.get() - margin);
        let lowest = || {
            let mut set = self.thresholds[attribute].descending().into_iter().rev();
            set.find_map(|(action, threshold)| Some((action, lowered(threshold?))))
        };
        let named = |action: Action, outcome, message| {
            let check = Check::new(format!("{attribute}.{action}"), outcome, Some(action), message);
            Check { attribute: Some(attribute), ..check }
        };
        let check = match score {
            Err(Unscored::NotRequested) => return None,
            Err(why) => {
                let action = self.missing[attribute];
                let message = format!("{attribute} has no score ({why}), for which the policy says {action}");
                if action > Action::Publish {
                    let rule = Rule::Missing(attribute, action, why).to_string();
                    Check { rule, ..named(action, Outcome::Fired, message) }
                } else {
                    named(lowest()?.0, Outcome::Unknown, message)
                }
            }
            Ok(score) => {
                let (reached, (action, threshold)) = match self.thresholds[attribute].reached(score, margin) {
                    Some(reached) => (true, reached),
                    None => (false, lowest()?),
                };
                let (outcome, verb) =
                    if reached { (Outcome::Fired, "reaches") } else { (Outcome::NotMet, "is below") };
                let message =
                    format!("{attribute} score {score:.3} {verb} the {action} threshold {threshold}");
                Check { score: Some(score), threshold: Some(threshold), ..named(action, outcome, message) }
            }
        };
        Some(match settling {
            Some(by) => Check { outcome: Outcome::Settled, message: settled(by), ..check },
            None => check,
        })
    }

    fn check_rule(&self, rule: &SiteRule, facts: &Facts<'_>, settling: Option<&SiteRule>) -> Check {
        let holds = rule.when.truth(facts);
        let mut values: Vec<(String, Seen)> = Vec::new();
        rule.when.reads(&mut |field| {
            let seen = Seen::of(field, facts.value(field));
            if values.iter().all(|(name, _)| name != field.name()) {
                values.push((field.name().to_owned(), seen));
            }
        });
        // What only `has` asks for makes no condition unknown.
        let cause = unknown(&values);
        for field in rule.when.fields() {
            if values.iter().all(|(name, _)| name != field.name()) {
                values.push((field.name().to_owned(), Seen::of(*field, facts.value(*field))));
            }
        }
        let mut held_back = Vec::new();
        for list in rule.when.lists() {
            let Some(lists) = &self.lists else { break };
            let name = lists.name(*list);
            values.push((format!("hits.{name}"), Seen::Number(f64::from(facts.hits(*list)))));
            let Some(hits) = facts.list_hits() else { continue };
            let room = MAX_HITS.saturating_sub(held_back.len());
            let entries = lists.held_back_entries(*list, hits).take(room);
            held_back.extend(entries.map(|entry| ListHit { list: name.to_owned(), entry: entry.to_owned() }));
        }
        let (outcome, mut message) = match (holds, rule.mode) {
            (_, Mode::Act) if settling.is_some() => {
                (Outcome::Settled, settling.map(settled).unwrap_or_default())
            }
            (Some(true), Mode::Act) if rule.is_final => {
                (Outcome::Fired, "the condition is true, and the rule is final".to_owned())
            }
            (Some(true), Mode::Act) => (Outcome::Fired, "the condition is true".to_owned()),
            (Some(true), Mode::Shadow) => {
                (Outcome::FiredInShadow, "the condition is true; in shadow mode, that changes nothing".into())
            }
            (Some(false), _) => (Outcome::NotMet, "the condition is false".to_owned()),
            (None, _) => (Outcome::Unknown, cause),
        };
        if !held_back.is_empty() {
            message.push_str("; an allow list holds back");
            for (i, hit) in held_back.iter().enumerate() {
                message.push_str(if i == 0 { " " } else { ", " });
                message.push_str(&hit.to_string());
            }
        }
        Check {
            condition: Some(rule.when.to_string()),
            holds,
            values,
            held_back,
            ..Check::new(rule.rule.name.as_str(), outcome, Some(rule.rule.action), message)
        }
    }

    /// What trust was looked at for: new authors and approved ones where the
    /// policy says something about them, staff where the author is staff.
    fn check_trust(
        &self,
        action: Action,
        margin: f32,
        settling: Option<&SiteRule>,
        facts: &Facts<'_>,
        checks: &mut Vec<Check>,
    ) {
        let read = |fields: &[Field]| -> Vec<(String, Seen)> {
            let seen = |field: &Field| (field.name().to_owned(), Seen::of(*field, facts.value(*field)));
            fields.iter().map(seen).collect()
        };
        let spared = self.trust.spares(action, settling.is_some(), facts);
        if self.trust.new_author_margin > 0.0 {
            let (outcome, message) = match settling {
                Some(by) => (Outcome::Settled, settled(by)),
                None if margin > 0.0 => {
                    (Outcome::Fired, format!("the author is new: thresholds are lower by {margin}"))
                }
                None => (Outcome::NotMet, "the author is not known to be new".to_owned()),
            };
            let values = read(&[Field::AuthorAgeDays, Field::AuthorApprovedCount]);
            checks.push(Check { values, ..Check::new("trust.new_author", outcome, None, message) });
        }
        let mut standing = |trusted: Trusted, field: Field, otherwise: String| {
            let fired = matches!(spared, Some(Rule::Trust(by, _)) if by == trusted);
            let (outcome, message) = match fired {
                true => (Outcome::Fired, format!("{action} becomes {}", Action::Flag)),
                false => (Outcome::NotMet, otherwise),
            };
            let name = format!("trust.{}", trusted.name());
            let check = Check::new(name, outcome, Some(Action::Flag), message);
            checks.push(Check { values: read(&[field]), ..check });
        };
        if let Some(enough) = self.trust.approved_count {
            let otherwise = match facts.value(Field::AuthorApprovedCount) {
                Value::Number(count) if count >= f64::from(enough) => {
                    format!("{action} is not for trust to change")
                }
                Value::Number(count) => format!("the author has {count} approved comments, not {enough}"),
                _ => "nobody says how many comments of the author were approved".to_owned(),
            };
            standing(Trusted::Approved, Field::AuthorApprovedCount, otherwise);
        }
        if self.trust.staff && facts.value(Field::AuthorIsStaff) == Value::Bool(true) {
            standing(Trusted::Staff, Field::AuthorIsStaff, format!("{action} needs no change"));
        }
    }
}

fn settled(by: &SiteRule) -> String {
    format!("not looked at: rule {} is final and settled the action", by.rule.name)
}

/// Names what made a condition unknown.
fn unknown(values: &[(String, Seen)]) -> String {
    let missing: Vec<&str> =
        values.iter().filter(|(_, seen)| *seen == Seen::Unknown).map(|(name, _)| name.as_str()).collect();
    match missing.as_slice() {
        [] => "the condition is unknown: it has no value in numbers".to_owned(),
        [one] => format!("the condition is unknown: {one} is"),
        several => format!("the condition is unknown: {} are", several.join(" and ")),
    }
}

/// The names of rules that are switched off, in the order of the file.
pub(super) fn disabled(rules: &[SiteRule]) -> Arc<[String]> {
    rules.iter().filter(|rule| !rule.enabled).map(|rule| rule.rule.name.clone()).collect()
}
