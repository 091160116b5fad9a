//! The linear classifier: one weight for each column and text attribute.

use crate::attribute::Attribute;
use crate::features::{Group, SparseVec};

/// The margins of the text attributes, in the order of [`Attribute::TEXT`].
pub type Margins = [f32; Attribute::TEXT_COUNT];

/// Weights of all text attributes, interleaved: the eight bytes of a column
/// stand together, so that one look into memory serves all attributes.
///
/// A byte is the attribute's weight times the column's idf, in units of the
/// attribute's scale: -127..=127.
#[derive(Clone, Debug)]
pub struct Classifier {
    weights: Box<[[i8; Attribute::TEXT_COUNT]]>,
    scales: Margins,
    intercepts: Margins,
}

impl Classifier {
    /// A classifier over one row of weights for each column.
    pub fn new(
        weights: Box<[[i8; Attribute::TEXT_COUNT]]>,
        scales: Margins,
        intercepts: Margins,
    ) -> Classifier {
        Classifier { weights, scales, intercepts }
    }

    /// Rounds weights (already times idf) to bytes: `weights[k][column]` for
    /// the `k`th text attribute. A few weights far above all others would make
    /// every step coarse, so the scale is the one that rounds with the least
    /// squared error, even where it cuts those few.
    pub fn quantize(
        weights: &[Vec<f32>; Attribute::TEXT_COUNT],
        intercepts: Margins,
        columns: usize,
    ) -> Classifier {
        let scales: Margins = std::array::from_fn(|k| best_scale(&weights[k]));
        let rows = (0..columns).map(|column| {
            std::array::from_fn(|k| {
                let weight = weights[k].get(column).copied().unwrap_or(0.0);
                if scales[k] > 0.0 { round(weight, scales[k]) } else { 0 }
            })
        });
        Classifier { weights: rows.collect(), scales, intercepts }
    }

    /// The margins of a comment: for each attribute the sum of its features'
    /// weights, each group over its norm, and the intercept.
    pub fn decision_function(&self, vector: &SparseVec) -> Margins {
        let mut margins = [0.0; Attribute::TEXT_COUNT];
        for group in Group::ALL {
            let mut sums = [0i32; Attribute::TEXT_COUNT];
            for &column in vector.columns(group) {
                let row = &self.weights[column as usize];
                for k in 0..Attribute::TEXT_COUNT {
                    sums[k] += i32::from(row[k]);
                }
            }
            for k in 0..Attribute::TEXT_COUNT {
                margins[k] += sums[k] as f32 * vector.scale(group);
            }
        }
        std::array::from_fn(|k| margins[k] * self.scales[k] + self.intercepts[k])
    }

    /// What one feature adds to the margin of the `k`th text attribute before
    /// its group's norm divides it.
    #[inline]
    pub fn weight(&self, column: u32, k: usize) -> f32 {
        f32::from(self.weights[column as usize][k]) * self.scales[k]
    }

    /// The rows of weights, one for each column.
    pub fn rows(&self) -> &[[i8; Attribute::TEXT_COUNT]] {
        &self.weights
    }

    /// What one unit of a weight byte stands for, by attribute.
    pub fn scales(&self) -> &Margins {
        &self.scales
    }

    /// The margin of a comment without features, by attribute.
    pub fn intercepts(&self) -> &Margins {
        &self.intercepts
    }
}

/// The nearest byte, in units of `scale`.
fn round(weight: f32, scale: f32) -> i8 {
    (weight / scale).round().clamp(-127.0, 127.0) as i8
}

/// The scale with the least squared rounding error, among those that cut none
/// of the weights up to one in a hundred.
fn best_scale(weights: &[f32]) -> f32 {
    let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).filter(|w| *w > 0.0).collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let error = |scale: f32| -> f64 {
        let off = |w: &f32| f64::from(w - f32::from(round(*w, scale)) * scale).powi(2);
        weights.iter().map(off).sum()
    };
    let one_in = [usize::MAX, 100_000, 30_000, 10_000, 3_000, 1_000, 300, 100];
    let scales = one_in.map(|share| sizes.get(sizes.len() / share).map_or(0.0, |w| w / 127.0));
    let positive = scales.into_iter().filter(|scale| *scale > 0.0);
    positive.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_coarsen_all_weights() {
        let mut weights: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.618).fract() - 0.5).collect();
        weights[7] = 1.0;
        let error = |scale: f32| {
            weights.iter().map(|w| (w - f32::from(round(*w, scale)) * scale).powi(2)).sum::<f32>()
        };
        let scale = best_scale(&weights);
        assert!(scale < 1.0 / 127.0 && error(scale) < error(1.0 / 127.0), "{scale}");
        let even: Vec<f32> = (0..255).map(|i| i as f32 - 127.0).collect();
        assert_eq!(best_scale(&even), 1.0);
        assert_eq!(best_scale(&[0.0, 0.0]), 0.0);
    }

    #[test]
    fn margins_are_sums_of_weights_over_norms() {
        use crate::comment::Format;
        use crate::features::Vectorizer;
        use crate::text::dictionary::Dictionary;
        use crate::text::{Analyzer, Document};
        let vectorizer = Vectorizer::uniform(Dictionary::default());
        let columns = vectorizer.columns();
        let all: [Vec<f32>; Attribute::TEXT_COUNT] =
            std::array::from_fn(|k| (0..columns).map(|c| ((c + k) % 5) as f32 - 2.0).collect());
        let classifier = Classifier::quantize(&all, [0.5; Attribute::TEXT_COUNT], columns);
        let (mut document, mut vector) = (Document::default(), SparseVec::default());
        Analyzer::default().analyze("two words, one link: example.com", Format::Plain, &mut document);
        vectorizer.transform(&mut document, &mut vector);
        let margins = classifier.decision_function(&vector);
        for k in 0..Attribute::TEXT_COUNT {
            let mut expected = 0.5;
            for group in Group::ALL {
                let weights = vector.columns(group).iter().map(|&c| all[k][c as usize]);
                expected += weights.sum::<f32>() * vector.scale(group);
            }
            assert!((margins[k] - expected).abs() < 0.05, "{k}: {} {expected}", margins[k]);
        }
    }
}
