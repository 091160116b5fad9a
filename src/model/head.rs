//! The head: from margins and plain features to calibrated scores.
//!
//! For each text attribute a logistic regression over all text margins, those of
//! the worst passages, and the dense surface features; for `OFF_TOPIC` one over the
//! similarities to the thread and the surface. Then Platt's sigmoid (Platt 1999), in the numerics
//! of Lin, Lin and Weng 2007.

use super::classifier::Decision;
use crate::attribute::{Attribute, PerAttribute};
use crate::features::surface::DENSE;
use crate::features::thread::SIMILARITY;
use crate::score::Score;

/// How many inputs a text attribute's head has.
pub const TEXT_INPUTS: usize = SURFACE + DENSE;

/// Where the margins of the worst passages begin among them.
pub const WORST: usize = Attribute::TEXT_COUNT;

/// Where the surface begins among them.
pub const SURFACE: usize = 2 * Attribute::TEXT_COUNT;

/// How many inputs the `OFF_TOPIC` head has.
pub const THREAD_INPUTS: usize = SIMILARITY + DENSE;

/// Inputs are standardised and then held within this many standard
/// deviations, so that no unheard-of comment can outweigh everything else.
pub const CLIP: f32 = 4.0;

/// One attribute's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The inputs' means in training.
    pub mean: Vec<f32>,
    /// One over the inputs' standard deviations; zero for a constant input.
    pub inverse_deviation: Vec<f32>,
    /// A weight for each standardised input.
    pub weights: Vec<f32>,
    /// The margin at the means.
    pub intercept: f32,
    /// The slope and offset of the sigmoid: the score is
    /// `1 / (1 + exp(slope * margin + offset))`.
    pub platt: (f32, f32),
}

impl Head {
    /// The head's margin for some inputs. Most are summed in lanes, which a
    /// processor adds side by side.
    pub fn margin(&self, inputs: &[f32]) -> f32 {
        let (lanes, rest) = inputs.as_chunks::<8>();
        let (mean, weights) = (self.mean.as_chunks::<8>().0, self.weights.as_chunks::<8>().0);
        let inverse = self.inverse_deviation.as_chunks::<8>().0;
        let mut sums = [0.0; 8];
        for (((input, mean), inverse), weight) in lanes.iter().zip(mean).zip(inverse).zip(weights) {
            for i in 0..8 {
                sums[i] += weight[i] * ((input[i] - mean[i]) * inverse[i]).clamp(-CLIP, CLIP);
            }
        }
        let start = inputs.len() - rest.len();
        let rest = rest.iter().zip(start..).map(|(&input, i)| self.weights[i] * self.standardize(i, input));
        self.intercept + sums.iter().sum::<f32>() + rest.sum::<f32>()
    }

    /// An input on the scale of the weights.
    #[inline]
    pub fn standardize(&self, i: usize, input: f32) -> f32 {
        ((input - self.mean[i]) * self.inverse_deviation[i]).clamp(-CLIP, CLIP)
    }

    /// The probability that a margin stands for.
    pub fn calibrate(&self, margin: f32) -> Score {
        let (slope, offset) = self.platt;
        let t = slope * margin + offset;
        let probability = if t >= 0.0 { (-t).exp() / (1.0 + (-t).exp()) } else { 1.0 / (1.0 + t.exp()) };
        Score::saturating(probability)
    }

    /// The score of some inputs.
    pub fn score(&self, inputs: &[f32]) -> Score {
        self.calibrate(self.margin(inputs))
    }
}

/// The heads of all attributes; none for those the model was not trained for.
pub type Heads = PerAttribute<Option<Head>>;

/// Puts the inputs of the text attributes' heads together: the margins of the
/// whole, those of the worst passages, the surface.
pub fn text_inputs(decision: &Decision, dense: &[f32; DENSE]) -> [f32; TEXT_INPUTS] {
    let mut inputs = [0.0; TEXT_INPUTS];
    inputs[..WORST].copy_from_slice(&decision.whole);
    inputs[WORST..SURFACE].copy_from_slice(&decision.worst);
    inputs[SURFACE..].copy_from_slice(dense);
    inputs
}

/// Puts the inputs of the `OFF_TOPIC` head together.
pub fn thread_inputs(similarity: &[f32; SIMILARITY], dense: &[f32; DENSE]) -> [f32; THREAD_INPUTS] {
    std::array::from_fn(|i| if i < SIMILARITY { similarity[i] } else { dense[i - SIMILARITY] })
}
