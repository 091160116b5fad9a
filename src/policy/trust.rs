//! What an author's record changes.

use super::{Action, Rule};
use crate::signals::{Facts, Field, Value};

/// How a site treats authors by what is known about them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust {
    /// From so many approved comments on, what would be held is flagged.
    pub approved_count: Option<u32>,
    /// Up to so many days after they joined, authors are new. So are those
    /// whose approved comments are known to be none.
    pub new_author_days: Option<f64>,
    /// By so much lower are all thresholds for new authors.
    pub new_author_margin: f32,
    /// Whether comments by staff are flagged at most.
    pub staff: bool,
}

impl Default for Trust {
    fn default() -> Self {
        Self { approved_count: None, new_author_days: None, new_author_margin: 0.0, staff: true }
    }
}

/// Why an action became milder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// The author speaks for the host platform.
    Staff,
    /// The author has enough approved comments.
    Approved,
}

impl Trusted {
    /// The last part of the rule's name: `staff`.
    pub const fn name(self) -> &'static str {
        match self {
            Trusted::Staff => "staff",
            Trusted::Approved => "approved",
        }
    }
}

impl Trust {
    /// By how much thresholds are lower for this author.
    pub(super) fn margin(&self, facts: &Facts<'_>) -> f32 {
        let is_young = match (facts.value(Field::AuthorAgeDays), self.new_author_days) {
            (Value::Number(age), Some(days)) => age < days,
            _ => false,
        };
        let is_new = is_young || facts.value(Field::AuthorApprovedCount) == Value::Number(0.0);
        if is_new { self.new_author_margin } else { 0.0 }
    }

    /// What makes the action milder, if anything does. What a `final` rule
    /// settled, only the standing of staff changes.
    pub(super) fn spares(&self, action: Action, is_final: bool, facts: &Facts<'_>) -> Option<Rule> {
        if action <= Action::Flag {
            return None;
        }
        if self.staff && facts.value(Field::AuthorIsStaff) == Value::Bool(true) {
            return Some(Rule::Trust(Trusted::Staff, action));
        }
        let approved = match (facts.value(Field::AuthorApprovedCount), self.approved_count) {
            (Value::Number(count), Some(enough)) => count >= f64::from(enough),
            _ => false,
        };
        let spared = approved && action == Action::Hold && !is_final;
        spared.then_some(Rule::Trust(Trusted::Approved, action))
    }
}
