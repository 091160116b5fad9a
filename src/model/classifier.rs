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
    pub fn new(weights: Box<[[i8; Attribute::TEXT_COUNT]]>, scales: Margins, intercepts: Margins) -> Classifier {
        Classifier { weights, scales, intercepts }
    }

    /// Rounds weights (already times idf) to bytes: `weights[k][column]` for
    /// the `k`th text attribute. Each attribute's largest weight becomes 127.
    pub fn quantize(
        weights: &[Vec<f32>; Attribute::TEXT_COUNT],
        intercepts: Margins,
        columns: usize,
    ) -> Classifier {
        let scales: Margins = std::array::from_fn(|k| {
            weights[k].iter().fold(0.0f32, |max, w| max.max(w.abs())) / 127.0
        });
        let rows = (0..columns).map(|column| {
            std::array::from_fn(|k| {
                let weight = weights[k].get(column).copied().unwrap_or(0.0);
                if scales[k] > 0.0 { (weight / scales[k]).round() as i8 } else { 0 }
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
