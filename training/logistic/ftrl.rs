//! The FTRL-proximal solver (McMahan and others 2013, "Ad Click Prediction: a
//! View from the Trenches", algorithm 1) with L2 regularisation.
//!
//! Rows are visited in an order that strides over the data, so that sources
//! that stand one after another are mixed.

use super::{LogisticRegression, Problem, loss};

/// Keeps first steps from being too long.
const BETA: f64 = 1.0;

pub(super) fn solve(
    problem: &Problem<'_>,
    start: Option<&LogisticRegression>,
    epochs: u32,
    alpha: f64,
) -> LogisticRegression {
    let size = problem.columns.len();
    let mut state: Vec<Coordinate> = vec![Coordinate::default(); size + 1];
    // The penalty belongs to the sum over all rows, passes included.
    let penalty = 1.0 / (problem.c * f64::from(epochs));
    if let Some(model) = start {
        for (coordinate, weight) in state.iter_mut().zip(problem.gather(model)) {
            coordinate.z = -weight * (BETA / alpha + penalty);
        }
        state[size].z = -f64::from(model.intercept) * BETA / alpha;
    }
    let stride = stride(problem.len());
    for epoch in 0..epochs {
        let mut i = epoch as usize % problem.len();
        for _ in 0..problem.len() {
            let (numbers, values) = problem.row(i);
            let mut margin = state[size].weight(alpha, 0.0);
            for (&number, &value) in numbers.iter().zip(values) {
                margin += state[number as usize].weight(alpha, penalty) * f64::from(value);
            }
            let (_, slope) = loss(margin, f64::from(problem.labels[i]));
            let slope = slope * f64::from(problem.weight(i));
            for (&number, &value) in numbers.iter().zip(values) {
                state[number as usize].update(slope * f64::from(value), alpha, penalty);
            }
            state[size].update(slope, alpha, 0.0);
            i = (i + stride) % problem.len();
        }
    }
    let weights = state[..size].iter().map(|c| c.weight(alpha, penalty));
    problem.model(weights, state[size].weight(alpha, 0.0), start)
}

/// What FTRL keeps of a column.
#[derive(Clone, Copy, Default)]
struct Coordinate {
    /// The sum of gradients, corrected for past steps.
    z: f64,
    /// The sum of squared gradients.
    n: f64,
}

impl Coordinate {
    #[inline]
    fn weight(&self, alpha: f64, penalty: f64) -> f64 {
        -self.z / ((BETA + self.n.sqrt()) / alpha + penalty)
    }

    #[inline]
    fn update(&mut self, gradient: f64, alpha: f64, penalty: f64) {
        let weight = self.weight(alpha, penalty);
        let squared = gradient * gradient;
        let sigma = ((self.n + squared).sqrt() - self.n.sqrt()) / alpha;
        self.z += gradient - sigma * weight;
        self.n += squared;
    }
}

/// A step near the golden section of `rows` that has no factor in common with
/// it, so that stepping visits every row once.
fn stride(rows: usize) -> usize {
    let mut stride = ((rows as f64 * 0.618) as usize).max(1);
    while gcd(stride, rows) != 1 {
        stride += 1;
    }
    stride
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
