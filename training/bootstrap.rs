//! How sure a share is: the percentile bootstrap over groups of rows (Efron
//! and Tibshirani 1993, chapters 6 and 13).
//!
//! Groups are drawn, not rows: the comments of a thread are alike, so that
//! drawing them one by one would make the figures look surer than they are
//! (the cluster bootstrap of Field and Welsh 2007). A share of none or of all
//! has no spread to draw from; there the interval reaches as far as chance
//! could have hidden the rest (Hanley and Lippman-Hand 1983).

use crate::draw::Draws;
use rayon::prelude::*;
use serde::Serialize;

/// How often groups are drawn anew.
const RESAMPLES: u64 = 1_000;

/// A part of a whole, both counted in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows that have what is asked.
    pub part: u32,
    /// Rows that could have it.
    pub whole: u32,
}

/// A share with the interval that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// What was measured.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.value, self.low, self.high)
    }
}

/// The shares of `N` counts over all groups, with their intervals at the
/// confidence given (in 0..1). `None` where the whole is zero. The same groups
/// and seed give the same intervals.
pub fn shares<const N: usize>(groups: &[[Count; N]], confidence: f64, seed: u64) -> [Option<Share>; N] {
    let share = |parts: &[(u64, u64); N]| parts.map(|(part, whole)| part as f64 / whole as f64);
    let add = |sums: &mut [(u64, u64); N], group: &[Count; N]| {
        for (sum, count) in sums.iter_mut().zip(group) {
            sum.0 += u64::from(count.part);
            sum.1 += u64::from(count.whole);
        }
    };
    let mut all = [(0, 0); N];
    groups.iter().for_each(|group| add(&mut all, group));
    let resamples: Vec<[f64; N]> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut draws = Draws::new(seed, resample);
            let mut sums = [(0, 0); N];
            for _ in 0..groups.len() {
                add(&mut sums, &groups[draws.below(groups.len())]);
            }
            share(&sums)
        })
        .collect();
    let values = share(&all);
    std::array::from_fn(|i| {
        if all[i].1 == 0 {
            return None;
        }
        // A resample without a single row to count says nothing about shares.
        let mut drawn: Vec<f64> = resamples.iter().map(|r| r[i]).filter(|v| v.is_finite()).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| drawn.get(((drawn.len().max(1) - 1) as f64 * share).round() as usize).copied();
        let tail = (1.0 - confidence) / 2.0;
        let (mut low, mut high) = (at(tail).unwrap_or(0.0), at(1.0 - tail).unwrap_or(1.0));
        // Where all groups agree, so do all resamples, however few groups
        // there are: what could have been missed is bounded by their number.
        let agreeing = groups.iter().filter(|g| g[i].whole > 0).count() as f64;
        let missed = 1.0 - (1.0 - confidence).powf(1.0 / agreeing);
        if values[i] == 1.0 {
            low = 1.0 - missed;
        } else if values[i] == 0.0 {
            high = missed;
        }
        Some(Share { value: values[i], low, high })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(groups: usize, size: u32) -> Vec<[Count; 1]> {
        (0..groups).map(|g| [Count { part: size * (g as u32 % 2), whole: size }]).collect()
    }

    /// Of n fair coins the share of heads has the standard error
    /// sqrt(1/4/n); 95 % of a normal distribution lie within 1.96 of them.
    #[test]
    fn intervals_are_as_wide_as_theory_says() {
        let [share] = shares(&coins(400, 1), 0.95, 1);
        let share = share.unwrap();
        let expected = 1.96 * (0.25f64 / 400.0).sqrt();
        assert_eq!(share.value, 0.5);
        assert!((share.high - share.value - expected).abs() < 0.012, "{share}");
        assert!((share.value - share.low - expected).abs() < 0.012, "{share}");
    }

    /// Ten rows in each group that are all alike tell no more than one.
    #[test]
    fn rows_of_a_group_count_as_one() {
        assert_eq!(shares(&coins(100, 1), 0.9, 7), shares(&coins(100, 10), 0.9, 7));
    }

    #[test]
    fn what_has_no_rows_has_no_share() {
        assert_eq!(shares::<1>(&[], 0.95, 1), [None]);
        assert_eq!(shares(&[[Count::default()]], 0.95, 1), [None]);
    }

    /// The rule of three: nothing in n trials leaves room for about 3 / n.
    #[test]
    fn all_of_a_few_is_not_sure() {
        let all = |n| shares(&vec![[Count { part: 1, whole: 1 }]; n], 0.95, 1)[0].unwrap();
        assert!((1.0 - all(100).low - 0.03).abs() < 0.001, "{}", all(100));
        assert!((all(1).low - 0.05).abs() < 1e-9 && all(1).high == 1.0, "{}", all(1));
        let none = shares(&vec![[Count { part: 0, whole: 3 }]; 100], 0.95, 1)[0].unwrap();
        assert!(none.low == 0.0 && (none.high - 0.03).abs() < 0.001, "{none}");
    }
}
