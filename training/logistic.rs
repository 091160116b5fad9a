//! Sparse logistic regression as a linfa estimator.
//!
//! linfa's own estimators take dense records, on which n-gram features do not
//! fit. This one stands behind the same traits: [`ParamGuard`] for checked
//! parameters, [`Fit`] (L-BFGS or FTRL-proximal), [`FitWith`] for going on
//! from a fitted model, datasets with weights. Rows are read pass after pass
//! and may lie on disk, so that predicting can fail where linfa's trait for it
//! cannot.

mod ftrl;
mod lbfgs;
mod pass;
pub mod together;

use crate::matrix::{Row, Rows};
use linfa::ParamGuard;
use linfa::dataset::{DatasetBase, Records};
use linfa::traits::{Fit, FitWith};
use ndarray::Array1;
use pass::{Answer, Pass, Question};
use std::cell::RefCell;
use std::io;

/// Which optimiser finds the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Solver {
    /// Limited-memory BFGS with a More-Thuente line search, by argmin
    /// (Liu and Nocedal 1989).
    Lbfgs {
        /// At most so many iterations.
        max_iterations: u64,
    },
    /// Follow the regularised leader, proximal (McMahan and others 2013): one
    /// row at a time, several passes.
    Ftrl {
        /// Passes over the rows.
        epochs: u32,
        /// The step size.
        alpha: f64,
    },
}

/// Parameters of [`LogisticRegression`], not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegressionParams(LogisticRegressionValidParams);

/// Parameters of [`LogisticRegression`] that make sense.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegressionValidParams {
    c: f64,
    solver: Solver,
    nb_scaling: bool,
    anchored: bool,
}

/// What went wrong in fitting.
#[derive(Debug, thiserror::Error)]
pub enum LogisticError {
    /// The inverse regularisation strength is not a positive number.
    #[error("C must be positive and finite, but is {0}")]
    InvalidC(f64),
    /// The solver would do nothing.
    #[error("the solver needs at least one pass and a positive step")]
    InvalidSolver,
    /// The rows carry one class only.
    #[error("{0} rows, of which all have the same label: nothing to learn")]
    OneClass(usize),
    /// The optimiser gave up.
    #[error("the optimiser failed: {0}")]
    Optimizer(String),
    /// linfa refused the dataset.
    #[error(transparent)]
    Linfa(#[from] linfa::error::Error),
    /// The rows could not be read.
    #[error("features cannot be read: {0}")]
    Rows(#[from] io::Error),
}

/// A linear model of the log-odds of a label in `0.0..=1.0` (a fraction is a
/// share of annotators).
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    /// A weight for each column, with the column's idf in it.
    pub weights: Vec<f32>,
    /// The log-odds of a row without features.
    pub intercept: f32,
}

impl LogisticRegression {
    /// Parameters as scikit-learn has them: C = 1, L-BFGS.
    pub fn params() -> LogisticRegressionParams {
        LogisticRegressionParams(LogisticRegressionValidParams {
            c: 1.0,
            solver: Solver::Lbfgs { max_iterations: 100 },
            nb_scaling: false,
            anchored: false,
        })
    }

    /// The log-odds of one row.
    pub fn decision_function(&self, row: &Row) -> f32 {
        let term = |(scale, columns): (f32, &[u32])| {
            columns.iter().map(|&column| self.weights[column as usize]).sum::<f32>() * scale
        };
        row.groups().map(term).sum::<f32>() + self.intercept
    }

    /// The log-odds of some rows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn margins(&self, rows: &Rows) -> io::Result<Vec<f32>> {
        let mut margins = Vec::with_capacity(rows.nsamples());
        rows.visit(|_| true, |_, row| margins.push(self.decision_function(row)))?;
        Ok(margins)
    }
}

impl LogisticRegressionParams {
    /// The inverse of the regularisation strength: the loss of a row of weight
    /// one counts `c` times, against half the squared weights.
    pub fn c(mut self, c: f64) -> Self {
        self.0.c = c;
        self
    }

    /// The optimiser.
    pub fn solver(mut self, solver: Solver) -> Self {
        self.0.solver = solver;
        self
    }

    /// Whether columns are first scaled by their naive-Bayes log-count ratio
    /// (Wang and Manning 2012).
    pub fn nb_scaling(mut self, on: bool) -> Self {
        self.0.nb_scaling = on;
        self
    }

    /// Whether L-BFGS takes the model it starts from for what is expected: the
    /// squared distance from it is what the loss of the rows is weighed
    /// against, that of the intercept included. One class is then enough.
    pub fn anchored(mut self, on: bool) -> Self {
        self.0.anchored = on;
        self
    }
}

impl ParamGuard for LogisticRegressionParams {
    type Checked = LogisticRegressionValidParams;
    type Error = LogisticError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        if !(self.0.c.is_finite() && self.0.c > 0.0) {
            return Err(LogisticError::InvalidC(self.0.c));
        }
        match self.0.solver {
            Solver::Lbfgs { max_iterations } if max_iterations > 0 => Ok(&self.0),
            Solver::Ftrl { epochs, alpha } if epochs > 0 && alpha.is_finite() && alpha > 0.0 => Ok(&self.0),
            _ => Err(LogisticError::InvalidSolver),
        }
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

/// A training problem. Parameters belong to the columns that the rows have, so
/// that training on a rare attribute costs by its own vocabulary, not by the
/// feature space.
struct Problem<'a> {
    rows: &'a Rows,
    /// The columns that the rows have.
    columns: &'a [u32],
    /// What each of them is multiplied with: its idf, scaled.
    factors: Vec<f32>,
    targets: &'a Array1<f32>,
    /// Row weights; empty when all are one.
    weights: &'a Array1<f32>,
    c: f64,
    anchored: bool,
    solver: Solver,
}

impl<'a> Problem<'a> {
    fn new(
        params: &LogisticRegressionValidParams,
        rows: &'a Rows,
        columns: &'a [u32],
        targets: &'a Array1<f32>,
        weights: &'a Array1<f32>,
    ) -> Result<Self, LogisticError> {
        let mut problem = Problem {
            rows,
            columns,
            factors: columns.iter().map(|&column| rows.idf()[column as usize]).collect(),
            targets,
            weights,
            c: params.c,
            anchored: params.anchored,
            solver: params.solver,
        };
        let counted = || (0..rows.nsamples()).filter(|&i| problem.weight(i) != 0.0);
        let positives = counted().filter(|&i| targets[i] >= 0.5).count();
        if (positives == 0 || positives == counted().count()) && !params.anchored {
            return Err(LogisticError::OneClass(counted().count()));
        }
        if params.nb_scaling {
            let ratios = problem.log_count_ratios()?;
            problem.factors.iter_mut().zip(ratios).for_each(|(factor, ratio)| *factor *= ratio);
        }
        Ok(problem)
    }

    /// Solves the problem; L-BFGS asks what the rows make of some weights and
    /// an intercept.
    fn solve(
        &self,
        start: Option<&LogisticRegression>,
        ask: impl Fn(Vec<f32>, f64) -> Result<Answer, argmin::core::Error>,
    ) -> Result<LogisticRegression, LogisticError> {
        match self.solver {
            Solver::Lbfgs { max_iterations } => lbfgs::solve(self, start, max_iterations, ask),
            Solver::Ftrl { epochs, alpha } => Ok(ftrl::solve(self, start, epochs, alpha)?),
        }
    }

    fn weight(&self, row: usize) -> f32 {
        self.weights.get(row).copied().unwrap_or(1.0)
    }

    /// The naive-Bayes log-count ratio of each used column, smoothed by one.
    fn log_count_ratios(&self) -> io::Result<Vec<f32>> {
        let mut counts = vec![(0.0f64, 0.0f64); self.rows.nfeatures()];
        self.rows.visit(
            |i| self.weight(i) != 0.0,
            |i, row| {
                let (target, weight) = (f64::from(self.targets[i]), f64::from(self.weight(i)));
                for (scale, columns) in row.groups() {
                    for &column in columns {
                        let count = &mut counts[column as usize];
                        let value = f64::from(self.rows.idf()[column as usize] * scale);
                        count.0 += value * target * weight;
                        count.1 += value * (1.0 - target) * weight;
                    }
                }
            },
        )?;
        let counts: Vec<(f64, f64)> = self
            .columns
            .iter()
            .map(|&column| counts[column as usize])
            .map(|(positive, negative)| (1.0 + positive, 1.0 + negative))
            .collect();
        let total = counts.iter().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        Ok(counts.iter().map(|c| ((c.0 / total.0) / (c.1 / total.1)).ln() as f32).collect())
    }

    /// A model's weights as this problem has them.
    fn gather(&self, model: &LogisticRegression) -> impl Iterator<Item = f64> {
        self.columns.iter().zip(&self.factors).map(|(&column, &factor)| {
            let weight = model.weights[column as usize];
            if factor == 0.0 { 0.0 } else { f64::from(weight / factor) }
        })
    }

    /// A model on all columns, for the features as they are. Columns that no
    /// row has keep the weight that is expected of them.
    fn model(
        &self,
        weights: impl Iterator<Item = f64>,
        intercept: f64,
        start: Option<&LogisticRegression>,
    ) -> LogisticRegression {
        let mut spread = match start.filter(|_| self.anchored) {
            Some(model) => model.weights.clone(),
            None => vec![0.0; self.rows.nfeatures()],
        };
        for ((&column, weight), factor) in self.columns.iter().zip(weights).zip(&self.factors) {
            spread[column as usize] = weight as f32 * factor;
        }
        LogisticRegression { weights: spread, intercept: intercept as f32 }
    }
}

impl Fit<Rows, Array1<f32>, LogisticError> for LogisticRegressionValidParams {
    type Object = LogisticRegression;

    fn fit(&self, dataset: &DatasetBase<Rows, Array1<f32>>) -> Result<LogisticRegression, LogisticError> {
        self.fit_with(None, dataset)
    }
}

impl<'a> FitWith<'a, Rows, Array1<f32>, LogisticError> for LogisticRegressionValidParams {
    type ObjectIn = Option<LogisticRegression>;
    type ObjectOut = LogisticRegression;

    /// Starts from a model where one is given. L-BFGS finds the same optimum
    /// from anywhere, only sooner; FTRL goes on learning from it.
    fn fit_with(
        &self,
        model: Option<LogisticRegression>,
        dataset: &'a DatasetBase<Rows, Array1<f32>>,
    ) -> Result<LogisticRegression, LogisticError> {
        let DatasetBase { records: rows, targets, weights, .. } = dataset;
        let columns = rows.used_columns()?;
        let problem = Problem::new(self, rows, &columns, targets, weights)?;
        let pass = RefCell::new(Pass::new(rows, &columns));
        problem.solve(model.as_ref(), |weights, intercept| {
            let question = Question { weights, intercept, targets, row_weights: problem.weights };
            // One question has one answer.
            Ok(pass.borrow_mut().run(&[question])?.pop().unwrap_or_default())
        })
    }
}

/// The logistic loss `ln(1 + exp(margin)) - label * margin` and its slope.
fn loss(margin: f64, label: f64) -> (f64, f64) {
    let e = (-margin.abs()).exp();
    let probability = if margin >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
    (margin.max(0.0) + e.ln_1p() - label * margin, probability - label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Block, Matrix, Scratch};
    use std::sync::Arc;

    /// Forty rows of two columns where the first decides.
    fn dataset() -> DatasetBase<Rows, Array1<f32>> {
        dataset_of((0..40).collect())
    }

    /// Some of these rows.
    fn dataset_of(rows: Vec<u32>) -> DatasetBase<Rows, Array1<f32>> {
        let mut block = Block::default();
        let mut labels = Vec::new();
        for i in 0..40u32 {
            let positive = i % 4 == 0;
            let column = if positive { 5 } else { 2 };
            block.push_groups([(1.0, &[column]), ((i % 3) as f32 * 0.1, &[7]), (0.0, &[])]);
            labels.push(if positive { 1.0 } else { 0.0 });
        }
        let scratch = Arc::new(Scratch::memory());
        let kept = block.keep(&scratch).unwrap();
        let matrix = Arc::new(Matrix::new(vec![kept], scratch, vec![1.0; 9].into()));
        let labels = rows.iter().map(|&row| labels[row as usize]).collect::<Array1<f32>>();
        DatasetBase::new(Rows::new(matrix, rows), labels)
    }

    #[test]
    fn parameters_are_checked() {
        assert!(matches!(LogisticRegression::params().c(0.0).check(), Err(LogisticError::InvalidC(_))));
        assert!(matches!(LogisticRegression::params().c(f64::NAN).check(), Err(LogisticError::InvalidC(_))));
        let idle = LogisticRegression::params().solver(Solver::Ftrl { epochs: 0, alpha: 1.0 });
        assert!(matches!(idle.check(), Err(LogisticError::InvalidSolver)));
    }

    #[test]
    fn every_solver_learns_what_decides() {
        for solver in [Solver::Lbfgs { max_iterations: 100 }, Solver::Ftrl { epochs: 40, alpha: 0.5 }] {
            for nb in [false, true] {
                let params = LogisticRegression::params().c(10.0).solver(solver).nb_scaling(nb);
                let model = params.fit(&dataset()).unwrap();
                assert!(model.weights[5] > 0.5 && model.weights[2] < -0.2, "{solver:?} {nb} {model:?}");
                assert_eq!(model.weights[0], 0.0, "unused columns have no weight");
            }
        }
    }

    /// The optimum of scikit-learn's objective is where its gradient vanishes.
    #[test]
    fn lbfgs_finds_the_optimum() {
        let data = dataset();
        let model = LogisticRegression::params().c(2.0).fit(&data).unwrap();
        let mut gradient = [0.0f64; 10];
        let take = |i: usize, row: &Row| {
            let (_, slope) = loss(f64::from(model.decision_function(row)), f64::from(data.targets[i]));
            for (scale, columns) in row.groups() {
                columns.iter().for_each(|&c| gradient[c as usize] += 2.0 * slope * f64::from(scale));
            }
            gradient[9] += 2.0 * slope;
        };
        data.records.visit(|_| true, take).unwrap();
        for (g, w) in gradient.iter_mut().zip(&model.weights) {
            *g += f64::from(*w);
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-2), "{gradient:?}");
    }

    #[test]
    fn one_class_is_an_error() {
        let mut data = dataset();
        data.targets.fill(0.0);
        assert!(matches!(LogisticRegression::params().fit(&data), Err(LogisticError::OneClass(40))));
    }

    #[test]
    fn an_anchored_fit_goes_as_far_from_the_old_model_as_the_rows_ask() {
        let old = LogisticRegression {
            weights: vec![0.5, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0],
            intercept: 0.25,
        };
        let fit = |rows: Vec<u32>, c: f64| {
            let params = LogisticRegression::params().c(c).anchored(true).check().unwrap();
            params.fit_with(Some(old.clone()), &dataset_of(rows)).unwrap()
        };
        // Rows of one class, of which the old model thinks otherwise.
        let new = fit(vec![0, 4], 1.0);
        assert!(new.weights[5] > -0.8 && new.weights[5] < 1.0, "{new:?}");
        assert_eq!((new.weights[0], new.weights[2]), (0.5, 1.0), "what no row has stays");
        assert!(new.intercept > 0.25, "{new:?}");
        let near = fit(vec![0, 4], 1e-6);
        assert!((near.weights[5] + 1.0).abs() < 1e-3 && (near.intercept - 0.25).abs() < 1e-3, "{near:?}");
        let far = fit((0..40).collect(), 100.0);
        assert!(far.weights[5] > 2.0 && far.weights[2] < new.weights[2] - 2.0, "{far:?}");
    }

    #[test]
    fn weights_count_as_repeated_rows() {
        let repeated = dataset_of((0..40).chain(0..1).collect());
        let mut weights = Array1::ones(40);
        weights[0] = 2.0;
        let weighted = dataset().with_weights(weights);
        let (a, b) = (
            LogisticRegression::params().fit(&repeated).unwrap(),
            LogisticRegression::params().fit(&weighted).unwrap(),
        );
        assert!((a.weights[5] - b.weights[5]).abs() < 1e-3, "{a:?} {b:?}");
    }

    /// The folds of a cross-validation, fitted together and one by one.
    #[test]
    fn models_fitted_together_are_those_fitted_alone() {
        let data = dataset();
        let job = |i: usize| {
            let params = LogisticRegression::params().c(1.0 + i as f64).nb_scaling(i % 3 == 2);
            let params = if i == 4 { params.solver(Solver::Ftrl { epochs: 3, alpha: 0.3 }) } else { params };
            let weights = (0..40).map(|row| if row % 11 == i { 0.0 } else { 1.0 + row as f32 * 0.1 });
            together::Job { params: params.check().unwrap(), weights: weights.collect() }
        };
        let mut jobs: Vec<together::Job> = (0..11).map(job).collect();
        jobs[7].weights.fill(0.0);
        let done = std::cell::Cell::new(0);
        let fitted = together::fit(&data.records, &data.targets, &jobs, &|| done.set(done.get() + 1));
        assert_eq!((fitted.len(), done.get()), (11, 11));
        for (i, (job, together)) in jobs.iter().zip(fitted).enumerate() {
            let alone = job.params.fit(&dataset().with_weights(job.weights.clone()));
            match (together, alone) {
                (Ok(together), Ok(alone)) => assert_eq!(together, alone, "{i}"),
                (together, alone) => {
                    assert!(i == 7, "{together:?} {alone:?}");
                    assert!(matches!(together, Err(LogisticError::OneClass(0))));
                }
            }
        }
    }
}
