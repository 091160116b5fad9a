//! How good scores are: ranking, operating points and calibration.
//!
//! linfa's ROC curve loses area when scores tie or are exactly zero, and it
//! has no precision-recall area, so both are computed here from ranks.

pub mod curves;

/// A score with its label and weight of one.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// Any real number; higher means more likely positive.
    pub score: f32,
    /// Whether the row is positive.
    pub positive: bool,
}

/// The figures of one set and attribute. `NaN` where a figure needs both
/// classes and one is missing.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Figures {
    /// Rows.
    pub rows: usize,
    /// Positive rows.
    pub positives: usize,
    /// Area under the ROC curve, ties counted half.
    #[serde(serialize_with = "or_null")]
    pub roc_auc: f64,
    /// Its standard error (DeLong, DeLong and Clarke-Pearson 1988).
    #[serde(serialize_with = "or_null")]
    pub roc_auc_error: f64,
    /// Average precision, ties taken together.
    #[serde(serialize_with = "or_null")]
    pub average_precision: f64,
    /// Share of positives found at 1 % false positives.
    #[serde(serialize_with = "or_null")]
    pub recall_at_1: f64,
    /// Share of positives found at 5 % false positives.
    #[serde(serialize_with = "or_null")]
    pub recall_at_5: f64,
    /// Expected calibration error over ten bins of equal width.
    #[serde(serialize_with = "or_null")]
    pub calibration_error: f64,
    /// The calibration error to expect of scores that are calibrated
    /// perfectly, by chance alone: few rows make any look miscalibrated.
    #[serde(serialize_with = "or_null")]
    pub calibration_by_chance: f64,
    /// Mean squared distance of score and label.
    #[serde(serialize_with = "or_null")]
    pub brier: f64,
}

fn or_null<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.serialize_none() }
}

impl Figures {
    /// Computes all figures of some scored rows.
    pub fn new(scored: &[Scored]) -> Figures {
        let sorted = sorted(scored);
        Figures {
            rows: scored.len(),
            positives: scored.iter().filter(|s| s.positive).count(),
            roc_auc: auc_of_sorted(&sorted),
            roc_auc_error: auc_error_of_sorted(&sorted),
            average_precision: average_precision_of_sorted(&sorted),
            recall_at_1: recall_of_sorted(&sorted, 0.01),
            recall_at_5: recall_of_sorted(&sorted, 0.05),
            calibration_error: calibration_error(scored),
            calibration_by_chance: calibration_by_chance(scored),
            brier: brier(scored),
        }
    }

    /// The macro average: the mean of each figure over the sources that have
    /// it, each source by its weight. Rows and positives are added up.
    pub fn macro_average(sources: &[(f32, &Figures)]) -> Figures {
        let mean = |figure: fn(&Figures) -> f64| {
            let known = sources.iter().map(|&(weight, source)| (f64::from(weight), figure(source)));
            let known = known.filter(|(_, value)| value.is_finite());
            let (sum, total) = known
                .fold((0.0, 0.0), |(sum, total), (weight, value)| (sum + weight * value, total + weight));
            sum / total
        };
        Figures {
            rows: sources.iter().map(|(_, source)| source.rows).sum(),
            positives: sources.iter().map(|(_, source)| source.positives).sum(),
            roc_auc: mean(|f| f.roc_auc),
            roc_auc_error: error_of_mean(sources),
            average_precision: mean(|f| f.average_precision),
            recall_at_1: mean(|f| f.recall_at_1),
            recall_at_5: mean(|f| f.recall_at_5),
            calibration_error: mean(|f| f.calibration_error),
            calibration_by_chance: mean(|f| f.calibration_by_chance),
            brier: mean(|f| f.brier),
        }
    }
}

/// Area under the ROC curve: the chance that a positive row scores above a
/// negative one, ties counted half (Mann and Whitney 1947).
pub fn roc_auc(scored: &[Scored]) -> f64 {
    auc_of_sorted(&sorted(scored))
}

/// The highest scores first.
fn sorted(scored: &[Scored]) -> Vec<Scored> {
    let mut sorted = scored.to_vec();
    sorted.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    sorted
}

/// Positives and negatives of each run of equal scores, highest first.
fn ties(sorted: &[Scored]) -> impl Iterator<Item = (f64, f64)> {
    sorted.chunk_by(|a, b| a.score == b.score).map(|tie| {
        let positives = tie.iter().filter(|s| s.positive).count();
        (positives as f64, (tie.len() - positives) as f64)
    })
}

fn auc_of_sorted(sorted: &[Scored]) -> f64 {
    let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
    for (p, n) in ties(sorted) {
        area += n * (positives + p / 2.0);
        positives += p;
        negatives += n;
    }
    area / (positives * negatives)
}

/// The standard error of the area: from how much the shares of negatives below
/// each positive row vary, and those of positives above each negative one (the
/// placements of Sun and Xu 2014). `NaN` with fewer than two of either.
fn auc_error_of_sorted(sorted: &[Scored]) -> f64 {
    let positives = sorted.iter().filter(|s| s.positive).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    let (mut above, mut passed) = (0.0, 0.0);
    // Sums and sums of squares of the placements of both classes.
    let mut sums = [(0.0, 0.0); 2];
    for (p, n) in ties(sorted) {
        let of_positives = (negatives - passed - n / 2.0) / negatives;
        let of_negatives = (above + p / 2.0) / positives;
        for (sum, (count, place)) in sums.iter_mut().zip([(p, of_positives), (n, of_negatives)]) {
            sum.0 += count * place;
            sum.1 += count * place * place;
        }
        above += p;
        passed += n;
    }
    let variance = |(sum, squares): (f64, f64), count: f64| {
        (squares - sum * sum / count).max(0.0) / (count - 1.0) / count
    };
    (variance(sums[0], positives) + variance(sums[1], negatives)).sqrt()
}

/// The standard error of the weighed mean of the sources' areas, which vary
/// independently of one another.
fn error_of_mean(sources: &[(f32, &Figures)]) -> f64 {
    let known = sources.iter().filter(|(_, source)| source.roc_auc.is_finite());
    let known = known.map(|&(weight, source)| (f64::from(weight), source.roc_auc_error));
    let (squares, total) = known.fold((0.0, 0.0), |(squares, total), (weight, error)| {
        (squares + (weight * error).powi(2), total + weight)
    });
    squares.sqrt() / total
}

fn average_precision_of_sorted(sorted: &[Scored]) -> f64 {
    let (mut positives, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for (p, n) in ties(sorted) {
        positives += p;
        seen += p + n;
        sum += p * positives / seen;
    }
    sum / positives
}

/// The share of positives above the lowest threshold at which no more than
/// `limit` of the negatives are above it.
fn recall_of_sorted(sorted: &[Scored], limit: f64) -> f64 {
    let positives = sorted.iter().filter(|s| s.positive).count() as f64;
    let allowed = (sorted.len() as f64 - positives) * limit;
    let (mut found, mut wrong) = (0.0, 0.0);
    for (p, n) in ties(sorted) {
        if wrong + n > allowed {
            break;
        }
        found += p;
        wrong += n;
    }
    if positives == sorted.len() as f64 { f64::NAN } else { found / positives }
}

fn calibration_error(scored: &[Scored]) -> f64 {
    let bins = curves::calibration_bins(scored);
    let apart = |bin: &curves::Bin| (bin.scores - bin.positives as f64).abs();
    bins.iter().map(apart).sum::<f64>() / scored.len() as f64
}

/// The mean distance of a normally distributed number of positives from its
/// mean, bin by bin.
fn calibration_by_chance(scored: &[Scored]) -> f64 {
    let bins = curves::calibration_bins(scored);
    let apart = |bin: &curves::Bin| (bin.variance * std::f64::consts::FRAC_2_PI).sqrt();
    bins.iter().map(apart).sum::<f64>() / scored.len() as f64
}

fn brier(scored: &[Scored]) -> f64 {
    let squared = |s: &Scored| (f64::from(s.score) - f64::from(u8::from(s.positive))).powi(2);
    scored.iter().map(squared).sum::<f64>() / scored.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(scores: &[(f32, u8)]) -> Vec<Scored> {
        scores.iter().map(|&(score, positive)| Scored { score, positive: positive == 1 }).collect()
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    /// Counted by hand: of the 3 x 3 pairs, 6 are in order and 2 tie.
    #[test]
    fn auc_counts_ties_half() {
        let scored = rows(&[(0.9, 1), (0.8, 0), (0.8, 1), (0.5, 0), (0.5, 1), (0.1, 0)]);
        close(roc_auc(&scored), (6.0 + 2.0 * 0.5) / 9.0);
        close(roc_auc(&rows(&[(0.3, 1), (0.3, 0), (0.3, 0)])), 0.5);
        close(roc_auc(&rows(&[(0.0, 0), (0.0, 0), (1.0, 1)])), 1.0);
    }

    /// By hand: precision 1/1 at the first positive, 2/3 at the tied second
    /// and 3/5 at the tied third; a third of recall each.
    #[test]
    fn average_precision_takes_ties_together() {
        let scored = rows(&[(0.9, 1), (0.8, 0), (0.8, 1), (0.5, 0), (0.5, 1), (0.1, 0)]);
        close(Figures::new(&scored).average_precision, (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0);
    }

    #[test]
    fn recall_keeps_false_positives_under_the_limit() {
        let mut scored = rows(&[(0.95, 1), (0.9, 0), (0.85, 1), (0.2, 1)]);
        scored.extend((0..19).map(|_| Scored { score: 0.1, positive: false }));
        let figures = Figures::new(&scored);
        close(figures.recall_at_1, 1.0 / 3.0);
        close(figures.recall_at_5, 1.0);
    }

    #[test]
    fn calibration_and_brier_by_hand() {
        let figures = Figures::new(&rows(&[(0.8, 1), (0.8, 0), (0.2, 0), (0.2, 0)]));
        assert!((figures.calibration_error - (0.6 + 0.4) / 4.0).abs() < 1e-6);
        assert!((figures.brier - (0.04 + 0.64 + 0.04 + 0.04) / 4.0).abs() < 1e-6);
    }

    #[test]
    fn the_macro_average_weighs_sources_and_leaves_out_what_they_lack() {
        let good = Figures::new(&rows(&[(0.9, 1), (0.1, 0)]));
        let tied = Figures::new(&rows(&[(0.5, 1), (0.5, 0)]));
        let alone = Figures::new(&rows(&[(0.5, 0)]));
        let mean = Figures::macro_average(&[(1.0, &good), (3.0, &tied), (9.0, &alone)]);
        close(mean.roc_auc, (1.0 + 3.0 * 0.5) / 4.0);
        assert!((mean.brier - (0.01 + 3.0 * 0.25 + 9.0 * 0.25) / 13.0).abs() < 1e-6);
        assert_eq!((mean.rows, mean.positives), (5, 2));
    }

    /// Labels drawn with the scores as their probabilities err by as much as
    /// chance says.
    #[test]
    fn calibrated_scores_err_by_chance_alone() {
        let mut draws = crate::draw::Draws::new(1, 0);
        let (mut found, mut expected) = (0.0, 0.0);
        for _ in 0..400 {
            let scored: Vec<Scored> = (0..200)
                .map(|i| {
                    let score = (i % 20) as f32 / 20.0 + 0.025;
                    Scored { score, positive: (draws.below(1_000_000) as f32) < score * 1e6 }
                })
                .collect();
            let figures = Figures::new(&scored);
            found += figures.calibration_error / 400.0;
            expected += figures.calibration_by_chance / 400.0;
        }
        assert!((found - expected).abs() < 0.003, "{found} {expected}");
    }

    /// The spread of areas over many samples is what one sample says of it.
    #[test]
    fn areas_spread_as_their_error_says() {
        let mut draws = crate::draw::Draws::new(7, 0);
        let mut sample = |rows: usize| -> Figures {
            let row = |i: usize| {
                let positive = i.is_multiple_of(4);
                let noise: f32 = (0..6).map(|_| draws.below(1_000) as f32 / 1_000.0).sum();
                Scored { score: noise + if positive { 0.8 } else { 0.0 }, positive }
            };
            Figures::new(&(0..rows).map(row).collect::<Vec<_>>())
        };
        let figures: Vec<Figures> = (0..600).map(|_| sample(120)).collect();
        let mean = figures.iter().map(|f| f.roc_auc).sum::<f64>() / 600.0;
        let spread = (figures.iter().map(|f| (f.roc_auc - mean).powi(2)).sum::<f64>() / 599.0).sqrt();
        let said = figures.iter().map(|f| f.roc_auc_error).sum::<f64>() / 600.0;
        assert!((spread / said - 1.0).abs() < 0.12, "{spread} {said}");
    }

    #[test]
    fn one_class_alone_has_no_area() {
        let figures = Figures::new(&rows(&[(0.8, 1), (0.7, 1)]));
        assert!(figures.roc_auc.is_nan() && figures.recall_at_1.is_nan());
        assert_eq!(serde_json::to_value(figures).unwrap()["roc_auc"], serde_json::Value::Null);
    }
}
