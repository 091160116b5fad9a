//! What is done with a comment, and why.

use crate::attribute::Attribute;
use crate::score::{Score, Unscored};
use std::fmt;

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
    /// What the piece added to the attribute's margin.
    pub weight: f32,
}

/// What made a verdict more than `PUBLISH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The score reached the attribute's threshold for the action.
    Threshold(Attribute, Action),
    /// The attribute has no score, and the policy names an action for that.
    Missing(Attribute, Action, Unscored),
}

impl Rule {
    /// The attribute the rule looked at.
    pub const fn attribute(self) -> Attribute {
        match self {
            Rule::Threshold(attribute, _) | Rule::Missing(attribute, ..) => attribute,
        }
    }

    /// The action the rule asks for.
    pub const fn action(self) -> Action {
        match self {
            Rule::Threshold(_, action) | Rule::Missing(_, action, _) => action,
        }
    }
}

impl fmt::Display for Rule {
    /// The rule's name in answers and logs: `SPAM.HOLD`, `OFF_TOPIC.missing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Threshold(attribute, action) => write!(f, "{attribute}.{action}"),
            Rule::Missing(attribute, ..) => write!(f, "{attribute}.missing"),
        }
    }
}

/// A rule that fired, with what it saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// The score it looked at; none for [`Rule::Missing`].
    pub score: Option<Score>,
    /// The limit the score reached; none for [`Rule::Missing`].
    pub threshold: Option<Score>,
    /// The pieces of text that weighed most, heaviest first; empty unless an
    /// explanation was asked for.
    pub spans: Vec<Span>,
}

impl fmt::Display for Reason {
    /// One sentence for moderators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rule, self.score, self.threshold) {
            (Rule::Missing(attribute, action, why), ..) => {
                write!(f, "{attribute} has no score ({why}), for which the policy says {action}")
            }
            (Rule::Threshold(attribute, action), Some(score), Some(threshold)) => {
                write!(f, "{attribute} score {score:.3} reaches the {action} threshold {threshold}")
            }
            (rule, ..) => write!(f, "{rule} fired"),
        }
    }
}

/// An action with its reasons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The most severe action that any rule asked for.
    pub action: Action,
    /// Every rule that fired, most severe first; empty when published.
    pub reasons: Vec<Reason>,
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
            spans: Vec::new(),
        };
        assert_eq!(reason.rule.to_string(), "SPAM.HOLD");
        assert_eq!(reason.to_string(), "SPAM score 0.931 reaches the HOLD threshold 0.8");
        let rule = Rule::Missing(Attribute::OffTopic, Action::Flag, Unscored::NoThread);
        let reason = Reason { rule, score: None, threshold: None, ..reason };
        assert_eq!(reason.rule.to_string(), "OFF_TOPIC.missing");
        assert_eq!(reason.to_string(), "OFF_TOPIC has no score (NO_THREAD), for which the policy says FLAG");
    }
}
