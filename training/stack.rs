//! The heads: linfa's logistic regression over out-of-fold margins and dense
//! features, and Platt's sigmoid by linfa's Newton method.

use anyhow::{Result, anyhow, bail};
use linfa::composing::platt_scaling::{PlattParams, platt_newton_method};
use linfa::prelude::{Dataset, Fit, ParamGuard};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView1, ShapeBuilder};
use thresher::model::head::Head;

/// Inputs and labels of one attribute's head.
#[derive(Debug, Default)]
pub struct Examples {
    /// A row of inputs each.
    pub inputs: Vec<Vec<f32>>,
    /// Whether the row is positive.
    pub labels: Vec<bool>,
    /// The fold of each row, for calibration on rows not fitted on.
    pub folds: Vec<u32>,
    /// How many of the last rows the trainer made: the head is fitted on them
    /// too, the sigmoid is not, since no comment comes from where they do.
    pub made: usize,
}

/// The L2 penalty of the head's weights.
const ALPHA: f64 = 3.0;

/// Parts into which the examples fall when the sigmoid is fitted.
const FOLDS: u32 = 3;

/// A head is fitted on at most about so many examples, evenly from first to
/// last: some forty numbers are as good after as many rows as after millions.
const MOST: usize = 200_000;

/// Fits a head and its sigmoid; returns it with the margins of all examples,
/// each by a head that was not fitted on the example's fold.
pub fn fit(examples: &Examples) -> Result<(Head, Vec<f32>)> {
    let mut margins = vec![0.0; examples.labels.len()];
    for fold in 0..FOLDS {
        let held = |i: &usize| examples.folds[*i] % FOLDS == fold;
        let (held, rest): (Vec<usize>, Vec<usize>) = (0..margins.len()).partition(held);
        let head = fit_on(examples, &rest)?;
        held.into_iter().for_each(|i| margins[i] = head.margin(&examples.inputs[i]));
    }
    let mut head = fit_on(examples, &(0..margins.len()).collect::<Vec<_>>())?;
    let real = examples.labels.len() - examples.made;
    head.platt = sigmoid(&margins[..real], &examples.labels[..real])?;
    Ok((head, margins))
}

/// The slope and offset of Platt's sigmoid for some margins.
pub fn sigmoid(margins: &[f32], labels: &[bool]) -> Result<(f32, f32)> {
    let labels = Array1::from(labels.to_vec());
    let values: Vec<f64> = margins.iter().map(|&m| f64::from(m)).collect();
    let params = PlattParams::<f64, ()>::default().check().map_err(|e| anyhow!("Platt: {e}"))?;
    let (slope, offset) = platt_newton_method(ArrayView1::from(&values), labels.view(), &params)
        .map_err(|e| anyhow!("Platt's sigmoid does not converge: {e}"))?;
    if slope >= 0.0 {
        bail!("the margins rank no better than chance");
    }
    Ok((slope as f32, offset as f32))
}

fn fit_on(examples: &Examples, rows: &[usize]) -> Result<Head> {
    let rows: Vec<usize> = rows.iter().copied().step_by(rows.len().div_ceil(MOST).max(1)).collect();
    let width = examples.inputs.first().map_or(0, Vec::len);
    let mut head = Head {
        mean: Vec::with_capacity(width),
        inverse_deviation: Vec::with_capacity(width),
        weights: vec![0.0; width],
        intercept: 0.0,
        platt: (-1.0, 0.0),
    };
    let count = rows.len() as f64;
    for i in 0..width {
        let values = || rows.iter().map(|&r| f64::from(examples.inputs[r][i]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        head.mean.push(mean as f32);
        head.inverse_deviation.push(if variance > 1e-9 { (1.0 / variance.sqrt()) as f32 } else { 0.0 });
    }
    // Column-major: linfa-logistic is several times faster on it.
    let records = Array2::from_shape_fn((rows.len(), width).f(), |(r, i)| {
        f64::from(head.standardize(i, examples.inputs[rows[r]][i]))
    });
    let labels: Array1<bool> = rows.iter().map(|&r| examples.labels[r]).collect();
    let fitted = LogisticRegression::default()
        .alpha(ALPHA)
        .max_iterations(200)
        .gradient_tolerance(1e-3)
        .fit(&Dataset::new(records, labels))
        .map_err(|e| anyhow!("the head cannot be fitted: {e}"))?;
    // linfa-logistic takes the more frequent class as the positive one.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    head.weights = fitted.params().iter().map(|&w| (w * sign) as f32).collect();
    head.intercept = (fitted.intercept() * sign) as f32;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::score::Score;

    /// Positives are rare, so that linfa-logistic's notion of the positive
    /// class is the wrong one.
    #[test]
    fn rare_positives_score_high_and_scores_are_shares() {
        let mut examples = Examples::default();
        for i in 0..2000u32 {
            let signal = (i % 10) as f32;
            let positive = i % 10 == 9 && (i / 10) % 5 != 0;
            examples.inputs.push(vec![signal, (i % 7) as f32, 1.0]);
            examples.labels.push(positive);
            examples.folds.push(i % 3);
        }
        let (head, margins) = fit(&examples).unwrap();
        assert_eq!(margins.len(), 2000);
        assert_eq!(head.weights.len(), 3);
        let high = head.score(&[9.0, 3.0, 1.0]).get();
        assert!(high > 0.5 && high > head.score(&[0.0, 3.0, 1.0]).get() + 0.4, "{high}");
        let mean = examples.inputs.iter().map(|x| head.score(x)).map(Score::get).sum::<f32>() / 2000.0;
        assert!((mean - 0.08).abs() < 0.01, "{mean} is not the share of positives");
    }

    #[test]
    fn noise_is_refused() {
        let mut examples = Examples::default();
        for i in 0..600u32 {
            examples.inputs.push(vec![1.0]);
            examples.labels.push(i % 2 == 0);
            examples.folds.push(i % 3);
        }
        assert!(fit(&examples).is_err());
    }
}
