//! The L-BFGS solver: argmin's, over our cost and gradient.

use super::pass::Answer;
use super::{LogisticError, LogisticRegression, Problem};
use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use linfa::dataset::Records;
use ndarray::Array1;
use std::cell::RefCell;

/// How many steps the solver remembers.
const MEMORY: usize = 8;

/// Stops when the cost changes by less than this share of a row's loss.
const TOLERANCE: f64 = 1e-6;

/// Finds the weights; `ask` is given weights and an intercept and says what
/// the rows make of them.
pub(super) fn solve(
    problem: &Problem<'_>,
    start: Option<&LogisticRegression>,
    max_iterations: u64,
    ask: impl Fn(Vec<f32>, f64) -> Result<Answer, Error>,
) -> Result<LogisticRegression, LogisticError> {
    let size = problem.columns.len();
    // The intercept stands behind the weights.
    let mut parameters = Array1::<f64>::zeros(size + 1);
    if let Some(model) = start {
        for (parameter, weight) in parameters.iter_mut().zip(problem.gather(model)) {
            *parameter = weight;
        }
        parameters[size] = f64::from(model.intercept);
    }
    let center = problem.anchored.then(|| parameters.clone());
    let line_search = MoreThuenteLineSearch::new();
    let scale = problem.c * (0..problem.rows.nsamples()).filter(|&i| problem.weight(i) != 0.0).count() as f64;
    let failed = |e: Error| LogisticError::Optimizer(e.to_string());
    let solver = LBFGS::new(line_search, MEMORY)
        .with_tolerance_cost(TOLERANCE * scale)
        .and_then(|s| s.with_tolerance_grad(1e-5 * scale.sqrt()))
        .map_err(failed)?;
    let objective = Objective { problem, center, ask, last: RefCell::default() };
    let result = Executor::new(objective, solver)
        .configure(|state| state.param(parameters).max_iters(max_iterations))
        .run()
        .map_err(failed)?;
    let best = result.state().get_best_param();
    let best = best.ok_or_else(|| LogisticError::Optimizer("no parameters were found".into()))?;
    Ok(problem.model(best.iter().copied(), best[size], start))
}

struct Objective<'a, A> {
    problem: &'a Problem<'a>,
    /// What is expected of the parameters; without it, that weights are zero.
    center: Option<Array1<f64>>,
    ask: A,
    /// The parameters last asked about, their cost and gradient: the line
    /// search asks for both, and one pass over the rows gives both.
    last: RefCell<Option<Evaluated>>,
}

/// Parameters, their cost and their gradient.
type Evaluated = (Array1<f64>, f64, Array1<f64>);

impl<A: Fn(Vec<f32>, f64) -> Result<Answer, Error>> Objective<'_, A> {
    fn at<T>(&self, parameters: &Array1<f64>, take: impl FnOnce(f64, &Array1<f64>) -> T) -> Result<T, Error> {
        let mut last = self.last.borrow_mut();
        let (_, cost, gradient) = match last.take() {
            Some(known) if known.0 == *parameters => last.insert(known),
            _ => {
                let (cost, gradient) = self.evaluate(parameters)?;
                last.insert((parameters.clone(), cost, gradient))
            }
        };
        Ok(take(*cost, gradient))
    }

    fn evaluate(&self, parameters: &Array1<f64>) -> Result<(f64, Array1<f64>), Error> {
        let problem = self.problem;
        let size = problem.columns.len();
        let mut gradient = match &self.center {
            Some(center) => parameters - center,
            None => parameters.clone(),
        };
        // Without a centre, the intercept is free.
        let intercept_pull = if self.center.is_some() { gradient[size] } else { 0.0 };
        let squares = gradient.iter().take(size).map(|w| w * w).sum::<f64>();
        let penalty = (squares + intercept_pull * intercept_pull) / 2.0;
        // Single precision halves the memory that the random access touches.
        let weights = parameters.iter().zip(&problem.factors).map(|(&w, &factor)| w as f32 * factor);
        let answer = (self.ask)(weights.collect(), parameters[size])?;
        for ((g, &slope), &factor) in gradient.iter_mut().zip(&answer.slopes).zip(&problem.factors) {
            *g += problem.c * f64::from(slope * factor);
        }
        gradient[size] = problem.c * answer.intercept_slope + intercept_pull;
        Ok((problem.c * answer.cost + penalty, gradient))
    }
}

impl<A: Fn(Vec<f32>, f64) -> Result<Answer, Error>> CostFunction for Objective<'_, A> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Array1<f64>) -> Result<f64, Error> {
        self.at(parameters, |cost, _| cost)
    }
}

impl<A: Fn(Vec<f32>, f64) -> Result<Answer, Error>> Gradient for Objective<'_, A> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, parameters: &Array1<f64>) -> Result<Array1<f64>, Error> {
        self.at(parameters, |_, gradient| gradient.clone())
    }
}
