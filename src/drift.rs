//! How far what is judged has moved from what a model was trained on: the
//! population stability index (Siddiqi 2006, "Credit Risk Scorecards") between
//! two counts over the same bins.
//!
//! An index under 0.1 is commonly read as no change and one over 0.25 as a
//! large one. Few comments make any index large by chance; how large is
//! [`Stability::by_chance`].

use crate::score::Score;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The upper bounds of the bins for scores, in millionths: finer towards both
/// ends, where most scores lie and thresholds stand. A score on a bound belongs
/// below it.
pub const BOUNDS: [u64; 19] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000,
    700_000, 800_000, 900_000, 950_000, 980_000, 990_000, 1_000_000,
];
/// One, in millionths.
pub const MILLION: u32 = 1_000_000;

/// What every bin is taken to have been seen more often than it was, so that
/// an empty one does not make the index infinite.
const PSEUDO_COUNT: f64 = 0.5;

/// A score in millionths.
pub fn millionths(score: Score) -> u64 {
    (f64::from(score.get()) * f64::from(MILLION)).round() as u64
}

/// How many scores fell into each bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreCounts {
    /// [`BOUNDS`] of the version that counted.
    bounds: Vec<u64>,
    counts: Vec<u64>,
}

impl Default for ScoreCounts {
    fn default() -> Self {
        Self { bounds: BOUNDS.to_vec(), counts: vec![0; BOUNDS.len()] }
    }
}

impl FromIterator<Score> for ScoreCounts {
    fn from_iter<I: IntoIterator<Item = Score>>(scores: I) -> Self {
        let mut counts = Self::default();
        scores.into_iter().for_each(|score| counts.add(score));
        counts
    }
}

impl ScoreCounts {
    /// Counts one more.
    pub fn add(&mut self, score: Score) {
        let score = millionths(score);
        let at = self.bounds.partition_point(|bound| *bound < score);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
    }

    /// How many fell into each bin of [`BOUNDS`]; none when they were counted
    /// in other bins, by another version.
    pub fn counts(&self) -> Option<&[u64]> {
        (self.bounds == BOUNDS && self.counts.len() == BOUNDS.len()).then_some(&self.counts)
    }
}

/// How much two counts differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stability {
    /// The population stability index; zero for equal shares.
    pub index: f64,
    /// What the index would be on average if both were drawn from one
    /// population: `bins - 1` times the sum of one over each size (Yurdakul
    /// 2018, "Statistical Properties of Population Stability Index").
    pub by_chance: f64,
}

impl Stability {
    /// Between counts over the same bins; bins that both never saw do not
    /// count. None when either saw nothing.
    pub fn between(expected: &[u64], observed: &[u64]) -> Option<Stability> {
        let bins = || expected.iter().zip(observed).filter(|(e, o)| **e + **o > 0);
        let sizes = bins().fold((0, 0), |(e, o), (&expected, &observed)| (e + expected, o + observed));
        if sizes.0 == 0 || sizes.1 == 0 {
            return None;
        }
        let count = bins().count() as f64;
        let share =
            |seen: u64, size: u64| (seen as f64 + PSEUDO_COUNT) / (size as f64 + PSEUDO_COUNT * count);
        let index = bins().map(|(&expected, &observed)| {
            let (expected, observed) = (share(expected, sizes.0), share(observed, sizes.1));
            (observed - expected) * (observed / expected).ln()
        });
        let by_chance = (count - 1.0) * (1.0 / sizes.0 as f64 + 1.0 / sizes.1 as f64);
        Some(Stability { index: index.sum(), by_chance })
    }

    /// Between counts by name.
    pub fn between_named(
        expected: &BTreeMap<String, u64>,
        observed: &BTreeMap<String, u64>,
    ) -> Option<Stability> {
        let names: BTreeSet<&String> = expected.keys().chain(observed.keys()).collect();
        let of = |counts: &BTreeMap<String, u64>| -> Vec<u64> {
            names.iter().map(|name| counts.get(*name).copied().unwrap_or(0)).collect()
        };
        Self::between(&of(expected), &of(observed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_stable_and_others_are_not() {
        let same = Stability::between(&[1_000, 3_000], &[10_000, 30_000]).unwrap();
        assert!(same.index < 1e-6, "{same:?}");
        // By hand: (0.5 - 0.25) ln(0.5 / 0.25) + (0.5 - 0.75) ln(0.5 / 0.75).
        let moved = Stability::between(&[250_000, 750_000], &[500_000, 500_000]).unwrap();
        assert!((moved.index - 0.274_653).abs() < 1e-4, "{moved:?}");
        let back = Stability::between(&[500_000, 500_000], &[250_000, 750_000]).unwrap();
        assert!((moved.index - back.index).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_told_of_nothing_and_empty_bins_are_not_infinite() {
        assert_eq!(Stability::between(&[0, 0], &[5, 5]), None);
        assert_eq!(Stability::between(&[5, 5], &[0, 0]), None);
        let gone = Stability::between(&[100, 0], &[0, 100]).unwrap();
        assert!(gone.index.is_finite() && gone.index > 1.0);
        assert_eq!(gone.by_chance, 0.02);
    }

    #[test]
    fn scores_fall_into_the_bin_below_their_bound() {
        let scores = [0.0, 0.001, 0.0011, 0.5, 0.99, 1.0];
        let counts: ScoreCounts = scores.into_iter().map(Score::saturating).collect();
        let counts = counts.counts().unwrap();
        assert_eq!((counts[0], counts[1], counts[10], counts[17], counts[18]), (2, 1, 1, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 6);
    }

    #[test]
    fn counts_in_other_bins_are_not_mistaken() {
        let other = r#"{"bounds": [500000, 1000000], "counts": [1, 2]}"#;
        assert_eq!(serde_json::from_str::<ScoreCounts>(other).unwrap().counts(), None);
        let short = ScoreCounts { counts: vec![1], ..ScoreCounts::default() };
        assert_eq!(short.counts(), None);
    }

    #[test]
    fn names_that_only_one_side_saw_count() {
        let counts =
            |of: &[(&str, u64)]| of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let index = |a, b| Stability::between_named(&a, &b).unwrap().index;
        let english = || counts(&[("en", 1_000)]);
        assert!(index(english(), english()) < 1e-9);
        assert!(index(english(), counts(&[("en", 500), ("de", 500)])) > 0.25);
    }
}
