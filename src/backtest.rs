//! What a change of the policy or the model would do to comments of the past.
//!
//! Both sides, the old and the new one, are decided on scores that were given
//! before, so that a comment is scored once however many policies and sites it
//! is replayed under. What is gathered are counts: they can be gathered in
//! parts and added up in any order.

mod counts;
mod gain;
mod labels;

pub use counts::{Counts, Outcome, RuleCounts, Side};
pub use gain::{Found, Gain};
pub use labels::{LabelCounts, Labels};

use crate::policy::{SitePolicy, Verdict};
use crate::score::Scores;

/// Replays comments under the old and the new policy of one site.
#[derive(Debug)]
pub struct Backtest<'p> {
    policies: Side<&'p SitePolicy>,
    verdicts: Side<Verdict>,
    counts: Counts,
}

impl<'p> Backtest<'p> {
    /// A backtest of one site that has seen no comment yet.
    pub fn new(old: &'p SitePolicy, new: &'p SitePolicy) -> Self {
        Self { policies: Side { old, new }, verdicts: Side::default(), counts: Counts::default() }
    }

    /// Decides one comment on both sides by its scores alone and counts what
    /// became of it. The scores of the sides differ when the models do.
    pub fn replay(&mut self, old: &Scores, new: &Scores, labels: &Labels) -> &Side<Verdict> {
        self.replay_with(Side { old, new }, labels, |policy, scores, verdict| policy.decide(scores, verdict))
    }

    /// The same, with whatever else `decide` knows of the comment.
    pub fn replay_with(
        &mut self,
        scores: Side<&Scores>,
        labels: &Labels,
        mut decide: impl FnMut(&SitePolicy, &Scores, &mut Verdict),
    ) -> &Side<Verdict> {
        let Self { policies, verdicts, counts } = self;
        decide(policies.old, scores.old, &mut verdicts.old);
        decide(policies.new, scores.new, &mut verdicts.new);
        counts.add(*policies, scores, verdicts, labels);
        verdicts
    }

    /// What was counted.
    pub fn into_counts(self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests;
