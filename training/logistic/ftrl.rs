//! The FTRL-proximal solver (McMahan and others 2013, "Ad Click Prediction: a
//! View from the Trenches", algorithm 1) with L2 regularisation.
//!
//! Rows are visited by many readers in turn that stand at equal distances, so
//! that sources that stand one after another are mixed, and each reader still
//! goes through its share from first to last.

use super::{LogisticRegression, Problem, loss};
use linfa::dataset::Records;
use std::io;

/// Keeps first steps from being too long.
const BETA: f64 = 1.0;

/// How many readers take turns.
const READERS: usize = 64;

pub(super) fn solve(
    problem: &Problem<'_>,
    start: Option<&LogisticRegression>,
    epochs: u32,
    alpha: f64,
) -> io::Result<LogisticRegression> {
    let rows = problem.rows;
    let count = rows.nsamples();
    let mut state: Vec<Coordinate> = vec![Coordinate::default(); rows.nfeatures() + 1];
    let intercept = rows.nfeatures();
    // The penalty belongs to the sum over all rows, passes included.
    let penalty = 1.0 / (problem.c * f64::from(epochs));
    let mut factors = vec![0.0f32; rows.nfeatures()];
    problem.columns.iter().zip(&problem.factors).for_each(|(&column, &f)| factors[column as usize] = f);
    if let Some(model) = start {
        for (&column, weight) in problem.columns.iter().zip(problem.gather(model)) {
            state[column as usize].z = -weight * (BETA / alpha + penalty);
        }
        state[intercept].z = -f64::from(model.intercept) * BETA / alpha;
    }
    let share = count.div_ceil(READERS).max(1);
    let mut readers: Vec<_> = (0..count.div_ceil(share)).map(|_| rows.reader()).collect();
    for _ in 0..epochs {
        for step in 0..share {
            for (i, reader) in readers.iter_mut().enumerate().map(|(r, reader)| (r * share + step, reader)) {
                if i >= count || problem.weight(i) == 0.0 {
                    continue;
                }
                let row = rows.get(reader, i)?;
                let mut margin = state[intercept].weight(alpha, 0.0);
                for (scale, columns) in row.groups() {
                    for &column in columns {
                        let value = f64::from(factors[column as usize] * scale);
                        margin += state[column as usize].weight(alpha, penalty) * value;
                    }
                }
                let (_, slope) = loss(margin, f64::from(problem.targets[i]));
                let slope = slope * f64::from(problem.weight(i));
                for (scale, columns) in row.groups() {
                    for &column in columns {
                        let value = f64::from(factors[column as usize] * scale);
                        state[column as usize].update(slope * value, alpha, penalty);
                    }
                }
                state[intercept].update(slope, alpha, 0.0);
            }
        }
    }
    let weights = problem.columns.iter().map(|&column| state[column as usize].weight(alpha, penalty));
    Ok(problem.model(weights, state[intercept].weight(alpha, 0.0), start))
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
