//! One attribute's classifier: what can be chosen about it, fitting it on some
//! rows, and choosing by cross-validation.

use crate::corpus::{Corpus, Row};
use crate::features::Features;
use crate::logistic::together::{self, Job};
use crate::logistic::{LogisticError, LogisticRegression, LogisticRegressionParams, Solver};
use crate::matrix::{Matrix, Rows};
use crate::metrics::{self, Scored};
use crate::soft;
use crate::split::{Folds, sets_of};
use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array1;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, io};
use thresher::attribute::Attribute;

/// What is chosen for an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimator {
    /// Inverse regularisation strength.
    pub c: f64,
    /// The optimiser.
    pub solver: Solver,
    /// Whether columns are scaled by their naive-Bayes log-count ratio.
    pub nb_scaling: bool,
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.solver {
            Solver::Lbfgs { .. } => write!(f, "L-BFGS, C = {}", self.c)?,
            Solver::Ftrl { epochs, alpha } => {
                write!(f, "FTRL-proximal, {epochs} epochs, alpha = {alpha}, C = {}", self.c)?;
            }
        }
        if self.nb_scaling { write!(f, ", naive-Bayes scaling") } else { Ok(()) }
    }
}

/// The iterations after which L-BFGS is stopped: further ones change weights
/// of rare features and no ranking.
const MAX_ITERATIONS: u64 = 60;

impl Estimator {
    /// L-BFGS with some strength.
    pub const fn lbfgs(c: f64, nb_scaling: bool) -> Estimator {
        Estimator { c, solver: Solver::Lbfgs { max_iterations: MAX_ITERATIONS }, nb_scaling }
    }

    /// FTRL-proximal with some strength.
    pub const fn ftrl(c: f64, nb_scaling: bool) -> Estimator {
        Estimator { c, solver: Solver::Ftrl { epochs: 4, alpha: 0.3 }, nb_scaling }
    }

    /// Its parameters, as the solver takes them.
    fn params(&self) -> LogisticRegressionParams {
        LogisticRegression::params().c(self.c).solver(self.solver).nb_scaling(self.nb_scaling)
    }

    /// What is tried for every attribute.
    pub const CANDIDATES: [Estimator; 5] = [
        Estimator::lbfgs(16.0, false),
        Estimator::lbfgs(4.0, false),
        Estimator::lbfgs(1.0, false),
        Estimator::lbfgs(1.0, true),
        Estimator::ftrl(8.0, false),
    ];
}

/// The rows of an attribute, ready to fit.
#[derive(Clone, Debug)]
pub struct Task {
    /// The attribute.
    pub attribute: Attribute,
    /// The rows with a label: what is measured on.
    pub rows: Vec<u32>,
    /// The rows that are trained on and not measured: those of which only
    /// teachers say something, and those that the trainer made.
    pub taught: Vec<u32>,
    /// The label of each row of the corpus, where it has one.
    labels: Arc<Vec<Option<f32>>>,
    /// What is trained towards: the label, the teachers' mean, or both by the
    /// teachers' weight.
    targets: Arc<Vec<f32>>,
    /// The weight of each row of the corpus.
    weights: Arc<Vec<f32>>,
    matrix: Arc<Matrix>,
    /// Where the rows of the corpus stand in the matrix, for a task that has a
    /// matrix of its own.
    places: Option<Arc<Vec<u32>>>,
}

impl Task {
    /// Gathers an attribute's rows, those in `of` only. `soft_weight` is what
    /// teachers weigh beside a label, in `0.0..=1.0`.
    pub fn new(
        corpus: &Corpus,
        features: &Features,
        attribute: Attribute,
        soft_weight: f32,
        of: impl Fn(u32) -> bool,
    ) -> Task {
        let teachers = soft::ORDER.iter().position(|a| *a == attribute).filter(|_| soft_weight > 0.0);
        let target = |row: &Row| match (row.labels[attribute], row.soft.zip(teachers)) {
            (Some(label), Some((soft, at))) => Some(label + soft_weight * (soft[at] - label)),
            (label, soft) => label.or(soft.map(|(soft, at)| soft[at])),
        };
        let targets: Vec<Option<f32>> = corpus.rows.iter().map(target).collect();
        let known: Vec<u32> =
            (0..targets.len() as u32).filter(|&r| targets[r as usize].is_some() && of(r)).collect();
        let mut weights = source_weights(corpus, &known);
        let is_labelled = |&r: &u32| corpus.rows[r as usize].labels[attribute].is_some();
        // What only teachers know weighs as much as their part in what people
        // labelled.
        known.iter().filter(|r| !is_labelled(r)).for_each(|&r| weights[r as usize] *= soft_weight);
        let (rows, taught) =
            known.into_iter().partition(|r| is_labelled(r) && !corpus.rows[*r as usize].made);
        Task {
            attribute,
            rows,
            taught,
            targets: Arc::new(targets.into_iter().map(|t| t.unwrap_or(0.0)).collect()),
            labels: Arc::new(corpus.rows.iter().map(|r| r.labels[attribute]).collect()),
            weights: Arc::new(weights),
            matrix: Arc::clone(&features.matrix),
            places: None,
        }
    }

    /// Whether there is anything to learn: both classes, and more than a
    /// handful of each.
    pub fn is_learnable(&self) -> bool {
        let positives = self.positives();
        positives >= 8 && self.rows.len() - positives >= 8
    }

    /// How many rows are positive.
    pub fn positives(&self) -> usize {
        self.rows.iter().filter(|&&r| self.label(r) >= 0.5).count()
    }

    /// The label of a row of the task.
    pub fn label(&self, row: u32) -> f32 {
        self.labels[row as usize].unwrap_or(0.0)
    }

    /// All rows that are trained on, in order.
    pub fn training_rows(&self) -> Vec<u32> {
        let mut rows = [&self.rows[..], &self.taught].concat();
        rows.sort_unstable();
        rows
    }

    /// Some rows of the corpus as records.
    fn records(&self, rows: &[u32]) -> Rows {
        match &self.places {
            Some(places) => {
                // A sample holds all rows that it is asked for.
                let place = |row: &u32| places.binary_search(row).unwrap_or_default() as u32;
                Rows::new(Arc::clone(&self.matrix), rows.iter().map(place).collect::<Vec<_>>())
            }
            None => Rows::new(Arc::clone(&self.matrix), rows),
        }
    }

    /// What is trained towards in some of the task's rows.
    fn targets(&self, rows: &[u32]) -> Array1<f32> {
        rows.iter().map(|&r| self.targets[r as usize]).collect()
    }

    /// Some of the task's rows with what is trained towards, and their weights.
    pub fn dataset(&self, rows: &[u32]) -> DatasetBase<Rows, Array1<f32>> {
        let weights: Array1<f32> = rows.iter().map(|&r| self.weights[r as usize]).collect();
        DatasetBase::new(self.records(rows), self.targets(rows)).with_weights(weights)
    }

    /// Fits an estimator on some of the task's rows.
    pub fn fit(&self, estimator: &Estimator, rows: &[u32]) -> Result<LogisticRegression, LogisticError> {
        estimator.params().fit(&self.dataset(rows))
    }

    /// Fits estimators on the task's rows, each on those outside its fold if it
    /// has one, and says so when one is done; passes over the rows serve
    /// several at once.
    pub fn fit_outside(
        &self,
        fits: &[(Estimator, Option<(&Folds, u32)>)],
        done: &dyn Fn(),
    ) -> Vec<Result<LogisticRegression, LogisticError>> {
        let rows = self.training_rows();
        let job = |(estimator, fold): &(Estimator, Option<(&Folds, u32)>)| {
            let is_held = |row: u32| fold.is_some_and(|(folds, fold)| folds.holds(fold, row));
            let weight = |&row: &u32| if is_held(row) { 0.0 } else { self.weights[row as usize] };
            let weights = rows.iter().map(weight).collect();
            Ok(Job { params: estimator.params().check()?, weights })
        };
        match fits.iter().map(job).collect::<Result<Vec<Job>, LogisticError>>() {
            Ok(jobs) => together::fit(&self.records(&rows), &self.targets(&rows), &jobs, done),
            Err(error) => vec![Err(error)],
        }
    }

    /// The margins of any rows of the corpus.
    ///
    /// # Errors
    /// When their features cannot be read.
    pub fn margins(&self, model: &LogisticRegression, rows: &[u32]) -> io::Result<Vec<f32>> {
        model.margins(&self.records(rows))
    }

    /// How well estimators rank rows of folds they have not seen: for each the
    /// mean over sources of the area under the ROC curve within the source.
    fn cross_validate(
        &self,
        corpus: &Corpus,
        estimators: &[Estimator],
        folds: &Folds,
    ) -> io::Result<Vec<f64>> {
        let parts = || (0..folds.count).map(|fold| (folds, fold));
        let fits: Vec<_> =
            estimators.iter().flat_map(|e| parts().map(move |part| (*e, Some(part)))).collect();
        let mut fitted = self.fit_outside(&fits, &|| ()).into_iter();
        let mut values = Vec::with_capacity(estimators.len());
        for _ in estimators {
            let mut scored: Vec<(u32, f32)> = Vec::new();
            for fold in 0..folds.count {
                let held = folds.part(&self.rows, fold).0;
                let margins = match fitted.next() {
                    Some(Ok(model)) => self.margins(&model, &held)?,
                    // A fold without one of the classes teaches nothing.
                    _ => vec![0.0; held.len()],
                };
                scored.extend(held.into_iter().zip(margins));
            }
            values.push(macro_auc(corpus, self, &scored));
        }
        Ok(values)
    }

    /// The candidate that ranks best, as the mean over new comments of known
    /// sources and comments of unknown ones.
    ///
    /// # Errors
    /// When features cannot be read.
    pub fn choose(&self, corpus: &Corpus, seed: u64) -> io::Result<Estimator> {
        let candidates = Estimator::CANDIDATES;
        let sample = self.sample(corpus, 20_000, seed)?;
        let threads = Folds::new(corpus, crate::split::By::Thread, 3, seed);
        let mut values = sample.cross_validate(corpus, &candidates, &threads)?;
        if sets_of(corpus, &sample.rows).len() >= 3 {
            let sources = Folds::bundles(corpus, &sample.rows, 3);
            let unknown = sample.cross_validate(corpus, &candidates, &sources)?;
            // A source that is one class alone gives no area.
            let both = values.iter_mut().zip(unknown).filter(|(_, unknown)| unknown.is_finite());
            both.for_each(|(value, unknown)| *value = (*value + unknown) / 2.0);
        }
        let mut best = (candidates[0], f64::NEG_INFINITY);
        for (estimator, value) in candidates.into_iter().zip(values) {
            if value > best.1 {
                best = (estimator, value);
            }
        }
        Ok(best.0)
    }

    /// At most so many rows, chosen by their text, with their features.
    fn sample(&self, corpus: &Corpus, count: usize, seed: u64) -> io::Result<Task> {
        let mut rows = self.rows.clone();
        let order =
            |r: &u32| xxhash_rust::xxh3::xxh3_64_with_seed(&corpus.rows[*r as usize].key.to_le_bytes(), seed);
        rows.sort_by_key(order);
        // Positives are what is rare: all of them stay, up to half.
        let (mut positives, mut negatives): (Vec<u32>, Vec<u32>) =
            rows.into_iter().partition(|&r| self.label(r) >= 0.5);
        positives.truncate(count.saturating_sub(negatives.len()).max(count / 2));
        negatives.truncate(count - positives.len().min(count));
        let mut rows = [positives, negatives].concat();
        rows.sort_unstable();
        let mut taught = self.taught.clone();
        taught.sort_by_key(order);
        taught.truncate(count);
        let sample = Task { rows, taught, ..self.clone() };
        let places = sample.training_rows();
        let matrix = Arc::new(self.matrix.gather(&places)?);
        Ok(Task { matrix, places: Some(Arc::new(places)), ..sample })
    }
}

/// The mean over sources with both classes of the area under the ROC curve,
/// each source by its set's weight.
pub fn macro_auc(corpus: &Corpus, task: &Task, scored: &[(u32, f32)]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (set, scores) in source_scores(corpus, task, scored) {
        let area = metrics::roc_auc(&scores);
        if area.is_finite() {
            let weight = f64::from(corpus.sets[set as usize].weight);
            sum += weight * area;
            total += weight;
        }
    }
    sum / total
}

/// Scored rows by set.
pub fn source_scores(corpus: &Corpus, task: &Task, scored: &[(u32, f32)]) -> BTreeMap<u32, Vec<Scored>> {
    let mut by_set: BTreeMap<u32, Vec<Scored>> = BTreeMap::new();
    for &(row, score) in scored {
        let positive = task.label(row) >= 0.5;
        by_set.entry(corpus.rows[row as usize].set).or_default().push(Scored { score, positive });
    }
    by_set
}

/// A row's weight: its own within its set, times its set's, times a factor that lets a set count by
/// the square root of its size, so that large sets lead without drowning the
/// small ones. The mean is one.
fn source_weights(corpus: &Corpus, rows: &[u32]) -> Vec<f32> {
    let mut sizes = vec![0f64; corpus.sets.len()];
    rows.iter().for_each(|&r| sizes[corpus.rows[r as usize].set as usize] += 1.0);
    let weight = |set: usize| f64::from(corpus.sets[set].weight) / sizes[set].max(1.0).sqrt();
    let total: f64 = (0..sizes.len()).map(|set| sizes[set] * weight(set)).sum();
    let mean = total / rows.len().max(1) as f64;
    corpus.rows.iter().map(|r| (weight(r.set as usize) / mean) as f32 * r.weight).collect()
}
