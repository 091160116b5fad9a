//! What is done with a comment, and why.

use super::fail::{FailMode, Missed};
use super::rule::NamedRule;
use super::trust::Trusted;
use crate::attribute::Attribute;
use crate::score::{Score, Unscored};
use crate::signals::Field;
use std::fmt;
use std::sync::Arc;

/// What the host platform should do with a comment, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Action {
    /// Show it.
    #[default]
    Publish,
    /// Show it, and queue it for review.
    Flag,
    /// Withhold it for review.
    Hold,
    /// Refuse it; the author may be told.
    Reject,
    /// Drop it unseen: blatant.
    Discard,
}

impl Action {
    /// Every action, mildest first.
    pub const ALL: [Action; 5] =
        [Action::Publish, Action::Flag, Action::Hold, Action::Reject, Action::Discard];

    /// The name in the API and in output: `HOLD`.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Publish => "PUBLISH",
            Action::Flag => "FLAG",
            Action::Hold => "HOLD",
            Action::Reject => "REJECT",
            Action::Discard => "DISCARD",
        }
    }

    /// The action of that [`name`](Self::name), spelled exactly.
    pub fn from_name(name: &str) -> Option<Action> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A piece of the comment's text and what it weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// First Unicode code point.
    pub begin: u32,
    /// One past the last Unicode code point.
    pub end: u32,
    /// What the piece added to the log-odds of the attribute's score; negative
    /// where it spoke against the attribute.
    pub weight: f32,
}

/// What made a verdict what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The score reached the attribute's threshold for the action.
    Threshold(Attribute, Action),
    /// The attribute has no score, and the policy names an action for that.
    Missing(Attribute, Action, Unscored),
    /// The condition of a named rule is true.
    Named(Arc<NamedRule>),
    /// The author is trusted, which made the action named `FLAG`.
    Trust(Trusted, Action),
    /// Something is missing, and the policy says what to answer then.
    Failed(Missed, FailMode),
}

impl Rule {
    /// The attribute the rule looked at; none for those that look at more.
    pub fn attribute(&self) -> Option<Attribute> {
        match self {
            Rule::Threshold(attribute, _) | Rule::Missing(attribute, ..) => Some(*attribute),
            Rule::Named(_) | Rule::Trust(..) | Rule::Failed(..) => None,
        }
    }

    /// The action the rule asks for.
    pub fn action(&self) -> Action {
        match self {
            Rule::Threshold(_, action) | Rule::Missing(_, action, _) => *action,
            Rule::Named(rule) => rule.action,
            Rule::Trust(..) => Action::Flag,
            Rule::Failed(_, mode) => mode.action(),
        }
    }
}

impl fmt::Display for Rule {
    /// The rule's name in answers and logs: `SPAM.HOLD`, `OFF_TOPIC.missing`,
    /// `trust.staff`, `fail.context`, or the name that the policy gives it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Threshold(attribute, action) => write!(f, "{attribute}.{action}"),
            Rule::Missing(attribute, ..) => write!(f, "{attribute}.missing"),
            Rule::Named(rule) => f.write_str(&rule.name),
            Rule::Trust(trusted, _) => write!(f, "trust.{}", trusted.name()),
            Rule::Failed(missed, _) => write!(f, "fail.{}", missed.name()),
        }
    }
}

/// An entry of a list that a comment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListHit {
    /// The name of the list.
    pub list: String,
    /// The entry as it is written in the list.
    pub entry: String,
}

/// How many earlier comments, or people, a rule read about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The field of the rule.
    pub field: Field,
    /// Its value.
    pub count: u32,
}

/// A rule that fired, with what it saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// The score it looked at; only of [`Rule::Threshold`].
    pub score: Option<Score>,
    /// The limit the score reached; only of [`Rule::Threshold`].
    pub threshold: Option<Score>,
    /// The entries of the lists that a [`Rule::Named`] asks for, as far as the
    /// comment holds them; the first few.
    pub hits: Vec<ListHit>,
    /// What a [`Rule::Named`] read about earlier comments.
    pub counts: Vec<Count>,
    /// The pieces of text that weighed most, from those that raise the score
    /// most to those that lower it most; empty unless an explanation was asked
    /// for.
    pub spans: Vec<Span>,
}

impl fmt::Display for ListHit {
    /// `list: entry`, the entry as it was written, but for what is no part of a
    /// line of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.list)?;
        // They stand in patterns, and nothing here is quoted.
        let plain = ['\\', '\'', '"'];
        for piece in self.entry.split_inclusive(plain) {
            let text = piece.trim_end_matches(plain);
            write!(f, "{}{}", text.escape_debug(), &piece[text.len()..])?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    /// One sentence for moderators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.rule, self.score, self.threshold) {
            (Rule::Missing(attribute, action, why), ..) => {
                write!(f, "{attribute} has no score ({why}), for which the policy says {action}")
            }
            (Rule::Threshold(attribute, action), Some(score), Some(threshold)) => {
                write!(f, "{attribute} score {score:.3} reaches the {action} threshold {threshold}")
            }
            (Rule::Named(rule), ..) => {
                match rule.because.as_str() {
                    "" => write!(f, "rule {} applies", rule.name)?,
                    because => f.write_str(because)?,
                }
                let mut before = " (";
                for hit in &self.hits {
                    write!(f, "{before}{hit}")?;
                    before = ", ";
                }
                for Count { field, count } in &self.counts {
                    write!(f, "{before}{} {count}", field.name())?;
                    before = ", ";
                }
                if before == " (" { Ok(()) } else { f.write_str(")") }
            }
            (Rule::Trust(Trusted::Staff, from), ..) => {
                write!(f, "the author is staff: {from} becomes {}", Action::Flag)
            }
            (Rule::Trust(Trusted::Approved, from), ..) => {
                write!(f, "the author has enough approved comments: {from} becomes {}", Action::Flag)
            }
            (Rule::Failed(missed, mode), ..) => {
                write!(f, "{missed}, for which the policy says {}", mode.action())
            }
            (rule, ..) => write!(f, "{rule} applies"),
        }
    }
}

/// An action with its reasons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// What to do: the most severe action that any rule asked for, unless a
    /// rule that is `final` settled it or the author is trusted.
    pub action: Action,
    /// Every rule that fired, most severe first, then what made the action
    /// milder; only the rule that is `final`, if one settled it.
    pub reasons: Vec<Reason>,
    /// The rules in shadow mode that would have fired, in their order. They
    /// change nothing.
    pub shadow_reasons: Vec<Reason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_action() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
        }
        assert_eq!(Action::from_name("hold"), None);
    }

    #[test]
    fn reasons_are_sentences() {
        let reason = Reason {
            rule: Rule::Threshold(Attribute::Spam, Action::Hold),
            score: Score::new(0.9312),
            threshold: Score::new(0.8),
            hits: Vec::new(),
            counts: Vec::new(),
            spans: Vec::new(),
        };
        assert_eq!(reason.rule.to_string(), "SPAM.HOLD");
        assert_eq!(reason.to_string(), "SPAM score 0.931 reaches the HOLD threshold 0.8");
        let rule = Rule::Missing(Attribute::OffTopic, Action::Flag, Unscored::NoThread);
        let reason = Reason { rule, score: None, threshold: None, ..reason };
        assert_eq!(reason.rule.to_string(), "OFF_TOPIC.missing");
        assert_eq!(reason.to_string(), "OFF_TOPIC has no score (NO_THREAD), for which the policy says FLAG");
        let rule = NamedRule { name: "shops".into(), because: "a shop".into(), action: Action::Hold };
        let hit = ListHit { list: "domains".into(), entry: "example.com\n".into() };
        let reason = Reason { rule: Rule::Named(Arc::new(rule)), hits: vec![hit], ..reason };
        assert_eq!((reason.rule.to_string(), reason.rule.action()), ("shops".into(), Action::Hold));
        assert_eq!(reason.to_string(), "a shop (domains: example.com\\n)");
        // Of a pattern, and in a script whose letters have marks.
        for entry in [r#"win \d+ "now""#, "\u{e04}\u{e32}\u{e2a}\u{e34}\u{e42}\u{e19}"] {
            let hit = ListHit { list: "words".into(), entry: entry.into() };
            assert_eq!(hit.to_string(), format!("words: {entry}"));
        }
        let counts = vec![Count { field: Field::RepeatAuthors, count: 3 }];
        let reason = Reason { counts, ..reason };
        assert_eq!(reason.to_string(), "a shop (domains: example.com\\n, repeat.authors 3)");
        let reason = Reason { hits: vec![], ..reason };
        assert_eq!(reason.to_string(), "a shop (repeat.authors 3)");
        let reason = Reason { rule: Rule::Trust(Trusted::Staff, Action::Hold), hits: vec![], ..reason };
        assert_eq!(reason.rule.to_string(), "trust.staff");
        assert_eq!(reason.to_string(), "the author is staff: HOLD becomes FLAG");
    }
}
