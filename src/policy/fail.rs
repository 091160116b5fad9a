//! What is answered when something is missing that a verdict needs: the model,
//! the time to ask it, or what rules and thresholds look at.

use super::rule::{Mode, NamedRule};
use super::{Action, SitePolicy};
use crate::attribute::Attribute;
use crate::score::{Scores, Unscored};
use crate::signals::{Facts, Field, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailMode {
    /// What is missing asks for nothing: `PUBLISH`, unless what is known asks
    /// for more.
    Open,
    /// What is missing is for people to look at: at least `HOLD`.
    Queue,
    /// Nothing: a server refuses the call, so that its caller can try again.
    /// Where there is nobody to refuse, as in a backtest, it is `HOLD`.
    Error,
}

impl FailMode {
    /// All of them.
    pub const ALL: [FailMode; 3] = [FailMode::Open, FailMode::Queue, FailMode::Error];

    /// The name in policy files: `queue`.
    pub const fn name(self) -> &'static str {
        match self {
            FailMode::Open => "open",
            FailMode::Queue => "queue",
            FailMode::Error => "error",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<FailMode> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// What it asks for.
    pub const fn action(self) -> Action {
        match self {
            FailMode::Open => Action::Publish,
            FailMode::Queue | FailMode::Error => Action::Hold,
        }
    }
}

/// What a site answers when something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fail {
    /// When there is no model, or the deadline has passed.
    pub model: FailMode,
    /// When a rule that acts cannot be settled because the caller did not say
    /// what it reads about the author, the client or the thread, or `OFF_TOPIC`
    /// has thresholds and there is no thread.
    pub context: FailMode,
    /// How long after a call came in a comment is still scored.
    pub deadline: Option<Duration>,
}

impl Default for Fail {
    fn default() -> Self {
        Self { model: FailMode::Error, context: FailMode::Open, deadline: None }
    }
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// There is no model.
    Model,
    /// The deadline had passed before the comment was scored.
    Deadline,
    /// The thread, for `OFF_TOPIC`.
    Thread,
    /// A field that settles the condition of a rule.
    Field(Arc<NamedRule>, Field),
}

impl Missed {
    /// The last part of the rule's name: `context`.
    pub const fn name(&self) -> &'static str {
        match self {
            Missed::Model => "model",
            Missed::Deadline => "deadline",
            Missed::Thread | Missed::Field(..) => "context",
        }
    }
}

impl fmt::Display for Missed {
    /// What is missing, as a sentence that can go on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::Model => f.write_str("there is no model"),
            Missed::Deadline => f.write_str("the deadline passed before the comment was scored"),
            Missed::Thread => f.write_str("OFF_TOPIC needs the thread, which is missing"),
            Missed::Field(rule, field) => {
                write!(f, "rule {} needs {}, which is missing", rule.name, field.name())
            }
        }
    }
}

impl SitePolicy {
    /// What is missing where no final rule settled the action, with what the
    /// policy says to that; none where nothing is.
    pub(super) fn misses(&self, scores: &Scores, facts: &Facts<'_>) -> Option<(Missed, FailMode)> {
        let lost = scores.iter().find_map(|(_, score)| match score {
            Err(Unscored::NoModel) => Some(Missed::Model),
            Err(Unscored::Late) => Some(Missed::Deadline),
            _ => None,
        });
        // Rules that need no score are looked at all the same.
        if let Some(missed) = lost {
            return Some((missed, self.fail.model));
        }
        if self.fail.context == FailMode::Open {
            return None;
        }
        let missed = |missed| Some((missed, self.fail.context));
        for rule in self.rules.iter().filter(|rule| rule.mode == Mode::Act) {
            if rule.when.truth(facts).is_some() {
                continue;
            }
            let mut lacking = None;
            rule.when.reads(&mut |field| {
                if lacking.is_none() && field.is_context() && facts.value(field) == Value::Unknown {
                    lacking = Some(field);
                }
            });
            if let Some(field) = lacking {
                return missed(Missed::Field(Arc::clone(&rule.rule), field));
            }
        }
        let wants_thread = self.thresholds[Attribute::OffTopic].descending().iter().any(|(_, t)| t.is_some());
        let has_none = scores[Attribute::OffTopic] == Err(Unscored::NoThread);
        if wants_thread && has_none { missed(Missed::Thread) } else { None }
    }
}
