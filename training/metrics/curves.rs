//! What scores look like over all thresholds: curves, bins and counts to plot.

use super::{Scored, sorted, ties};
use serde::Serialize;

/// Bins of a score histogram, each a fortieth wide.
pub const HISTOGRAM_BINS: usize = 40;

/// Thresholds at which rows are counted: every two-hundredth up to one.
pub const THRESHOLDS: usize = 200;

/// A curve has at most this many points.
pub const MAX_POINTS: usize = 200;

/// A source's own curve, drawn thin, has at most this many.
const MAX_POINTS_OF_SOURCE: usize = 60;

/// Rows with scores in one tenth of the scale.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bin {
    /// Rows.
    pub rows: usize,
    /// Of these, positive ones.
    pub positives: usize,
    /// The sum of their scores.
    pub scores: f64,
    /// The variance that the number of positives has when each row is positive
    /// with its score as the probability.
    #[serde(skip)]
    pub variance: f64,
}

/// Rows by tenth of the scale, as the calibration error takes them.
pub fn calibration_bins(scored: &[Scored]) -> [Bin; 10] {
    let mut bins = [Bin::default(); 10];
    for s in scored {
        let bin = &mut bins[((s.score * 10.0) as usize).min(9)];
        bin.rows += 1;
        bin.positives += usize::from(s.positive);
        bin.scores += f64::from(s.score);
        bin.variance += f64::from(s.score) * (1.0 - f64::from(s.score));
    }
    bins
}

/// How many rows of each class have scores in each fortieth of the scale.
#[derive(Clone, Debug, Serialize)]
pub struct Histogram {
    /// Positive rows, the lowest scores first.
    pub positives: Vec<usize>,
    /// Negative rows, the lowest scores first.
    pub negatives: Vec<usize>,
}

impl Histogram {
    /// Counts rows.
    pub fn new(scored: &[Scored]) -> Histogram {
        let mut histogram =
            Histogram { positives: vec![0; HISTOGRAM_BINS], negatives: vec![0; HISTOGRAM_BINS] };
        for s in scored {
            let bin = ((s.score * HISTOGRAM_BINS as f32) as usize).min(HISTOGRAM_BINS - 1);
            let class = if s.positive { &mut histogram.positives } else { &mut histogram.negatives };
            class[bin] += 1;
        }
        histogram
    }
}

/// The rows whose score reaches each threshold, column by column.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// The thresholds, lowest first: .005, .01, .. 1.
    pub threshold: Vec<f32>,
    /// Positive rows that reach it.
    pub true_positives: Vec<usize>,
    /// Negative rows that reach it.
    pub false_positives: Vec<usize>,
}

impl Counts {
    /// Counts rows; a score that equals a threshold reaches it, as in a policy.
    pub fn new(scored: &[Scored]) -> Counts {
        let of = |positive: bool| -> Vec<f32> {
            sorted(scored).iter().filter(|s| s.positive == positive).map(|s| s.score).collect()
        };
        let (positives, negatives) = (of(true), of(false));
        let threshold: Vec<f32> = (1..=THRESHOLDS).map(|i| i as f32 / THRESHOLDS as f32).collect();
        let reach =
            |scores: &[f32]| threshold.iter().map(|&t| scores.partition_point(|&score| score >= t)).collect();
        Counts { true_positives: reach(&positives), false_positives: reach(&negatives), threshold }
    }
}

/// Both curves of some scored rows, empty when a class is missing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Curves {
    /// False positive rate and recall, from (0, 0) to (1, 1).
    pub roc: Vec<[f64; 2]>,
    /// Recall and precision, the highest threshold first. Between two points
    /// the precision is that of the second, as average precision counts it.
    pub precision_recall: Vec<[f64; 2]>,
}

impl Curves {
    /// Follows both curves and thins them.
    pub fn new(scored: &[Scored]) -> Curves {
        let [roc, precision_recall] = follow(scored);
        Curves { roc: thin(roc, MAX_POINTS), precision_recall: thin(precision_recall, MAX_POINTS) }
    }
}

/// The ROC curve of one source among several, as in [`Curves`] with fewer
/// points.
pub fn roc_of_source(scored: &[Scored]) -> Vec<[f64; 2]> {
    let [roc, _] = follow(scored);
    thin(roc, MAX_POINTS_OF_SOURCE)
}

/// Both curves with all their points.
fn follow(scored: &[Scored]) -> [Vec<[f64; 2]>; 2] {
    let sorted = sorted(scored);
    let positives = sorted.iter().filter(|s| s.positive).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return Default::default();
    }
    let (mut found, mut wrong) = (0.0, 0.0);
    let (mut roc, mut precision_recall) = (vec![[0.0, 0.0]], Vec::new());
    for (p, n) in ties(&sorted) {
        found += p;
        wrong += n;
        roc.push([wrong / negatives, found / positives]);
        precision_recall.push([found / positives, found / (found + wrong)]);
    }
    [roc, precision_recall]
}

/// Leaves out points that are nearer to the last one kept, in both directions,
/// than a distance that grows until no more than `most` are left. Ends stay;
/// coordinates are rounded to four places.
fn thin(points: Vec<[f64; 2]>, most: usize) -> Vec<[f64; 2]> {
    let mut kept = points.clone();
    let mut distance = 0.002;
    while kept.len() > most {
        kept.clear();
        for (i, point) in points.iter().enumerate() {
            let far = kept.last().is_none_or(|last: &[f64; 2]| {
                (last[0] - point[0]).abs().max((last[1] - point[1]).abs()) >= distance
            });
            if far || i + 1 == points.len() {
                kept.push(*point);
            }
        }
        distance *= 1.3;
    }
    let round = |value: f64| (value * 1e4).round() / 1e4;
    kept.into_iter().map(|[x, y]| [round(x), round(y)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Figures;

    fn rows(count: u32) -> Vec<Scored> {
        let hash = |i: u32| i.wrapping_mul(2_654_435_761) >> 8;
        let row = |i| {
            let score = hash(i) as f32 / (1u32 << 24) as f32;
            Scored { score, positive: (hash(i + count) as f32 / (1u32 << 24) as f32) < score * score }
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn few_points_are_all_kept() {
        let scored = [(0.9, true), (0.8, false), (0.8, true), (0.1, false)];
        let scored = scored.map(|(score, positive)| Scored { score, positive });
        let curves = Curves::new(&scored);
        assert_eq!(curves.roc, [[0.0, 0.0], [0.0, 0.5], [0.5, 1.0], [1.0, 1.0]]);
        assert_eq!(curves.precision_recall, [[0.5, 1.0], [1.0, 0.6667], [1.0, 0.5]]);
    }

    /// The area under the thinned curve is that of all points.
    #[test]
    fn many_points_are_thinned_and_keep_their_shape() {
        let scored = rows(30_000);
        let curves = Curves::new(&scored);
        for curve in [&curves.roc, &curves.precision_recall] {
            assert!((50..=MAX_POINTS).contains(&curve.len()), "{}", curve.len());
        }
        assert_eq!((curves.roc[0], curves.roc[curves.roc.len() - 1]), ([0.0, 0.0], [1.0, 1.0]));
        assert!((20..=60).contains(&roc_of_source(&scored).len()));
        let trapezium = |pair: &[[f64; 2]]| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0;
        let area: f64 = curves.roc.windows(2).map(trapezium).sum();
        assert!((area - Figures::new(&scored).roc_auc).abs() < 0.002, "{area}");
    }

    #[test]
    fn a_score_that_equals_a_threshold_reaches_it() {
        let scored = [(0.8, true), (0.79999, true), (0.8, false), (1.0, false), (0.0, true)];
        let counts = Counts::new(&scored.map(|(score, positive)| Scored { score, positive }));
        let at = |i: usize| (counts.threshold[i], counts.true_positives[i], counts.false_positives[i]);
        assert_eq!(at(159), (0.8, 1, 2));
        assert_eq!(at(158), (0.795, 2, 2));
        assert_eq!(at(199), (1.0, 0, 1));
        assert_eq!((counts.threshold.len(), at(0)), (THRESHOLDS, (0.005, 2, 2)));
    }

    #[test]
    fn every_row_is_in_one_bin() {
        let scored = rows(1000);
        let histogram = Histogram::new(&scored);
        let positives = scored.iter().filter(|s| s.positive).count();
        assert_eq!(histogram.positives.iter().sum::<usize>(), positives);
        assert_eq!(histogram.negatives.iter().sum::<usize>(), 1000 - positives);
        let bins = calibration_bins(&scored);
        assert_eq!(bins.iter().map(|b| b.rows).sum::<usize>(), 1000);
        let edge = calibration_bins(&[Scored { score: 1.0, positive: true }]);
        assert_eq!((edge[9].rows, edge[9].positives), (1, 1));
    }

    #[test]
    fn one_class_alone_has_no_curves() {
        let curves = Curves::new(&[Scored { score: 0.5, positive: true }]);
        assert!(curves.roc.is_empty() && curves.precision_recall.is_empty());
    }
}
