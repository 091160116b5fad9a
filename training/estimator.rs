//! One attribute's classifier: what can be chosen about it, fitting it on some
//! rows, and choosing by cross-validation.

use crate::corpus::{Corpus, Row};
use crate::features::Features;
use crate::logistic::{LogisticError, LogisticRegression, Solver};
use crate::matrix::{Csr, Rows};
use crate::metrics::{self, Scored};
use crate::soft;
use crate::split::{Folds, sets_of};
use linfa::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use ndarray::Array1;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
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
    matrix: Arc<Csr>,
    columns: usize,
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
            columns: features.vectorizer.columns(),
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

    /// Some of the task's rows with what is trained towards, and their weights.
    pub fn dataset(&self, rows: &[u32]) -> DatasetBase<Rows, Array1<f32>> {
        let records = Rows::new(Arc::clone(&self.matrix), rows, self.columns);
        let labels: Array1<f32> = rows.iter().map(|&r| self.targets[r as usize]).collect();
        let weights: Array1<f32> = rows.iter().map(|&r| self.weights[r as usize]).collect();
        DatasetBase::new(records, labels).with_weights(weights)
    }

    /// Fits an estimator on some of the task's rows.
    pub fn fit(&self, estimator: &Estimator, rows: &[u32]) -> Result<LogisticRegression, LogisticError> {
        let dataset = self.dataset(rows);
        let params = LogisticRegression::params();
        params.c(estimator.c).solver(estimator.solver).nb_scaling(estimator.nb_scaling).fit(&dataset)
    }

    /// The margins of any rows of the corpus.
    pub fn margins(&self, model: &LogisticRegression, rows: &[u32]) -> Vec<f32> {
        let records = Rows::new(Arc::clone(&self.matrix), rows, self.columns);
        let mut margins = model.default_target(&records);
        model.predict_inplace(&records, &mut margins);
        margins.to_vec()
    }

    /// How well an estimator ranks rows of folds it has not seen: the mean
    /// over sources of the area under the ROC curve within the source.
    pub fn cross_validate(&self, corpus: &Corpus, estimator: &Estimator, folds: &Folds) -> f64 {
        let training = self.training_rows();
        let scored: Vec<(u32, f32)> = (0..folds.count)
            .into_par_iter()
            .flat_map_iter(|fold| {
                let held = folds.part(&self.rows, fold).0;
                let margins = match self.fit(estimator, &folds.part(&training, fold).1) {
                    Ok(model) => self.margins(&model, &held),
                    // A fold without one of the classes teaches nothing.
                    Err(_) => vec![0.0; held.len()],
                };
                held.into_iter().zip(margins)
            })
            .collect();
        macro_auc(corpus, self, &scored)
    }

    /// The candidate that ranks best, as the mean over new comments of known
    /// sources and comments of unknown ones.
    pub fn choose(&self, corpus: &Corpus, seed: u64) -> (Estimator, f64) {
        let sample = self.sample(corpus, 20_000, seed);
        let threads = Folds::new(corpus, crate::split::By::Thread, 3, seed);
        let sources = Folds::bundles(corpus, &sample.rows, 3);
        let several = sets_of(corpus, &sample.rows).len() >= 3;
        let value = |estimator: &Estimator| {
            let known = sample.cross_validate(corpus, estimator, &threads);
            if !several {
                return known;
            }
            let unknown = sample.cross_validate(corpus, estimator, &sources);
            // A source that is one class alone gives no area.
            if unknown.is_finite() { (known + unknown) / 2.0 } else { known }
        };
        let mut best = (Estimator::CANDIDATES[0], f64::NEG_INFINITY);
        for estimator in Estimator::CANDIDATES {
            let value = value(&estimator);
            if value > best.1 {
                best = (estimator, value);
            }
        }
        best
    }

    /// At most so many rows, chosen by their text.
    fn sample(&self, corpus: &Corpus, count: usize, seed: u64) -> Task {
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
        Task { rows, taught, ..self.clone() }
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
