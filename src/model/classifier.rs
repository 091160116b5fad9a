//! The linear classifier: one weight for each column and text attribute.

use crate::attribute::Attribute;
use crate::features::{Group, SparseVec, passage};

/// The margins of the text attributes, in the order of [`Attribute::TEXT`].
pub type Margins = [f32; Attribute::TEXT_COUNT];

/// What a classifier says of a comment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The margins of the whole text.
    pub whole: Margins,
    /// By attribute, the margin of the worst passage with the surface of the whole:
    /// that of the whole, for a text of one passage.
    pub worst: Margins,
    /// Which passage that is, by attribute.
    pub worst_passage: [u8; Attribute::TEXT_COUNT],
}

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
    /// weights, each group over its norm, and the intercept; and those of its worst
    /// passages.
    pub fn decision_function(&self, vector: &SparseVec) -> Decision {
        // In units of the scales, without the intercepts.
        let mut whole = [0.0; Attribute::TEXT_COUNT];
        // What the words and characters of a passage add, were they all there is.
        let mut alone = [[0.0; Attribute::TEXT_COUNT]; passage::MOST];
        // What those of the whole add that stand apart by passage.
        let mut apart = whole;
        let passages = vector.boundaries().len() + 1;
        for group in Group::ALL {
            let mut sums = [0i32; Attribute::TEXT_COUNT];
            if passages == 1 || group as usize >= Group::PASSAGES {
                self.add(vector.columns(group), &mut sums);
            } else {
                for ((first, repeated, scale), alone) in vector.passages(group).zip(&mut alone) {
                    let mut part = [0i32; Attribute::TEXT_COUNT];
                    self.add(first, &mut part);
                    (0..sums.len()).for_each(|k| sums[k] += part[k]);
                    self.add(repeated, &mut part);
                    (0..part.len()).for_each(|k| alone[k] += part[k] as f32 * scale);
                }
            }
            for k in 0..Attribute::TEXT_COUNT {
                let margin = sums[k] as f32 * vector.scale(group);
                whole[k] += margin;
                apart[k] += if (group as usize) < Group::PASSAGES { margin } else { 0.0 };
            }
        }
        let margin = |k: usize, sum: f32| sum * self.scales[k] + self.intercepts[k];
        let whole_margins = std::array::from_fn(|k| margin(k, whole[k]));
        let mut decision = Decision {
            whole: whole_margins,
            worst: whole_margins,
            worst_passage: [0; Attribute::TEXT_COUNT],
        };
        if passages > 1 {
            for k in 0..Attribute::TEXT_COUNT {
                let mut most = f32::NEG_INFINITY;
                for (at, alone) in alone[..passages].iter().enumerate() {
                    if alone[k] > most {
                        (most, decision.worst_passage[k]) = (alone[k], at as u8);
                    }
                }
                decision.worst[k] = margin(k, whole[k] - apart[k] + most);
            }
        }
        decision
    }

    /// Adds the bytes of some columns.
    #[inline(always)]
    fn add(&self, columns: &[u32], sums: &mut [i32; Attribute::TEXT_COUNT]) {
        for &column in columns {
            let row = &self.weights[column as usize];
            for k in 0..Attribute::TEXT_COUNT {
                sums[k] += i32::from(row[k]);
            }
        }
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
    use crate::comment::Format;
    use crate::features::Vectorizer;
    use crate::text::dictionary::Dictionary;
    use crate::text::{Analyzer, Document};

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

    fn read(text: &str, vectorizer: &Vectorizer) -> SparseVec {
        let (mut document, mut vector) = (Document::default(), SparseVec::default());
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        vectorizer.transform(&mut document, &mut vector);
        vector
    }

    fn classifier(columns: usize) -> ([Vec<f32>; Attribute::TEXT_COUNT], Classifier) {
        let all: [Vec<f32>; Attribute::TEXT_COUNT] =
            std::array::from_fn(|k| (0..columns).map(|c| ((c + k) % 5) as f32 - 2.0).collect());
        let classifier = Classifier::quantize(&all, [0.5; Attribute::TEXT_COUNT], columns);
        (all, classifier)
    }

    #[test]
    fn margins_are_sums_of_weights_over_norms() {
        let vectorizer = Vectorizer::uniform(Dictionary::default());
        let (all, classifier) = classifier(vectorizer.columns());
        for text in ["two words, one link: example.com", "One, two, three, four. Five, six, seven and four."]
        {
            let vector = read(text, &vectorizer);
            let decision = classifier.decision_function(&vector);
            for (k, weights) in all.iter().enumerate() {
                let mut expected = 0.5;
                for group in Group::ALL {
                    let sum: f32 = vector.columns(group).iter().map(|&c| weights[c as usize]).sum();
                    expected += sum * vector.scale(group);
                }
                assert!((decision.whole[k] - expected).abs() < 0.05, "{k}: {decision:?} {expected}");
            }
            assert_eq!(decision.whole == decision.worst, vector.boundaries().is_empty());
        }
    }

    #[test]
    fn the_worst_passage_has_the_margin_it_would_have_alone() {
        let vectorizer = Vectorizer::uniform(Dictionary::default());
        let (_, classifier) = classifier(vectorizer.columns());
        let sentences = ["What a lovely and quiet day.", "And you are all quite horrible today."];
        let whole = classifier.decision_function(&read(&sentences.join(" "), &vectorizer));
        let alone =
            sentences.map(|sentence| classifier.decision_function(&read(sentence, &vectorizer)).whole);
        for k in 0..Attribute::TEXT_COUNT {
            let expected = alone[0][k].max(alone[1][k]);
            // They differ by the surface, and by a pair of words across the border.
            assert!((whole.worst[k] - expected).abs() < 1.0, "{k}: {whole:?} {alone:?}");
            assert_eq!(
                whole.worst_passage[k],
                u8::from(alone[1][k] > alone[0][k]),
                "{k}: {whole:?} {alone:?}"
            );
        }
    }
}
