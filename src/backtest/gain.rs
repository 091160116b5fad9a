//! How much spam the rules about earlier comments find that the score alone
//! does not, at the same share of other comments held.

use super::Labels;
use crate::attribute::Attribute;
use crate::policy::{Action, Reason, Rule, Verdict};
use crate::score::Scores;

/// Scores are told apart by thousandths.
const STEPS: usize = 1_000;

/// Comments with a label for `SPAM` by that, by their score, and by whether a
/// rule about earlier comments asked to hold them. `Default` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gain {
    /// Empty, or `STEPS + 1` of them for each of: not spam, spam, not spam that
    /// a rule asked to hold, and spam that one did.
    bins: Vec<u64>,
}

/// What is found at one share of wrongly held comments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The score from which comments are held when nothing but it counts.
    pub threshold: f64,
    /// Comments that are not spam and held by that.
    pub wrong: u64,
    /// Spam that is held by that.
    pub alone: u64,
    /// Spam that is held by score and rules together, with the lowest threshold,
    /// no lower than that, under which they hold no more wrongly; none when the rules alone do.
    pub together: Option<u64>,
}

impl Gain {
    /// Adds a comment, if it has the label and a score.
    pub(super) fn add(&mut self, scores: &Scores, verdict: &Verdict, labels: &Labels) {
        let (Some(is_spam), Ok(score)) = (labels.get(Attribute::Spam), scores[Attribute::Spam]) else {
            return;
        };
        let holds = |reason: &Reason| {
            matches!(&reason.rule, Rule::Named(rule) if rule.action >= Action::Hold)
                && !reason.counts.is_empty()
        };
        let is_held = verdict.reasons.iter().any(holds);
        self.bins.resize(4 * (STEPS + 1), 0);
        let set = usize::from(is_spam) + 2 * usize::from(is_held);
        self.bins[set * (STEPS + 1) + step(f64::from(score.get()))] += 1;
    }

    /// Adds what was counted elsewhere.
    pub(super) fn merge(&mut self, other: &Gain) {
        self.bins.resize(self.bins.len().max(other.bins.len()), 0);
        for (sum, more) in self.bins.iter_mut().zip(&other.bins) {
            *sum += more;
        }
    }

    /// How many comments with a label are not spam, and how many are.
    pub fn labelled(&self) -> (u64, u64) {
        (self.wrong(0).0 + self.wrong(0).1, self.right(0).0 + self.right(0).1)
    }

    /// How many comments the rules asked to hold that are not spam, and that
    /// are.
    pub fn held(&self) -> (u64, u64) {
        (self.wrong(0).1, self.right(0).1)
    }

    /// What is found from a score on.
    pub fn at(&self, threshold: f64) -> Found {
        self.found(step(threshold))
    }

    /// What is found when the score alone may hold such a share of what is not
    /// spam, 0 to 1.
    pub fn at_share(&self, share: f64) -> Found {
        let most = (share * self.labelled().0 as f64) as u64;
        let alone = |step: usize| self.wrong(step).0 + self.wrong(step).1;
        self.found((0..=STEPS).find(|step| alone(*step) <= most).unwrap_or(STEPS))
    }

    fn found(&self, step: usize) -> Found {
        let both = |(free, held): (u64, u64)| free + held;
        let wrong = both(self.wrong(step));
        let together = (step..=STEPS).find(|step| self.wrong(*step).0 + self.wrong(0).1 <= wrong);
        Found {
            threshold: step as f64 / STEPS as f64,
            wrong,
            alone: both(self.right(step)),
            together: together.map(|step| self.right(step).0 + self.right(0).1),
        }
    }

    /// What is not spam and has a score from `step` on: what no rule asks to
    /// hold, and what one does.
    fn wrong(&self, step: usize) -> (u64, u64) {
        (self.from(0, step), self.from(2, step))
    }

    /// The same of what is spam.
    fn right(&self, step: usize) -> (u64, u64) {
        (self.from(1, step), self.from(3, step))
    }

    fn from(&self, set: usize, step: usize) -> u64 {
        let (first, end) = (set * (STEPS + 1) + step, (set + 1) * (STEPS + 1));
        self.bins.get(first..end).map_or(0, |bins| bins.iter().sum())
    }
}

fn step(score: f64) -> usize {
    // A hair more, so that 0.29 is not 289 thousandths.
    ((score * STEPS as f64 + 1e-3) as usize).min(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Count, NamedRule};
    use crate::score::Score;
    use crate::signals::Field;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn gain(comments: &[(f64, bool, bool)]) -> Gain {
        let mut gain = Gain::default();
        for &(score, is_spam, is_held) in comments {
            let scores = Scores::from_fn(|_| Ok(Score::saturating(score as f32)));
            let labels = Labels::new(&BTreeMap::from([("spam".to_owned(), f64::from(u8::from(is_spam)))]));
            let rule = NamedRule { name: "r".into(), because: String::new(), action: Action::Hold };
            let reason = Reason {
                rule: Rule::Named(Arc::new(rule)),
                score: None,
                threshold: None,
                hits: Vec::new(),
                counts: vec![Count { field: Field::RepeatNearCount, count: 3 }],
                spans: Vec::new(),
            };
            let reasons = if is_held { vec![reason] } else { Vec::new() };
            let verdict = Verdict { reasons, ..Verdict::default() };
            let mut one = Gain::default();
            one.add(&scores, &verdict, &labels);
            gain.merge(&one);
        }
        gain
    }

    #[test]
    fn rules_pay_for_what_they_hold_wrongly() {
        let found = gain(&[
            (0.9, true, false),
            (0.8, false, false),
            (0.7, true, false),
            (0.6, false, true),
            (0.1, true, true),
            (0.2, false, false),
        ]);
        assert_eq!((found.labelled(), found.held()), ((3, 3), (1, 1)));
        // Nothing wrong is allowed, and the rule has something.
        let none = found.at(0.9);
        assert_eq!((none.wrong, none.alone, none.together), (0, 1, None));
        // With one: the score must do without its own, above 0.8.
        let one = found.at(0.8);
        assert_eq!((one.wrong, one.alone, one.together), (1, 1, Some(2)));
        let two = found.at(0.6);
        assert_eq!((two.wrong, two.alone, two.together), (2, 2, Some(3)));
        assert_eq!(found.at_share(0.34), Found { threshold: 0.601, ..found.at(0.7) });
        assert_eq!(Gain::default().at(0.5), Found { threshold: 0.5, wrong: 0, alone: 0, together: Some(0) });
    }
}
