//! The whole training run: vocabulary, classifiers, heads, and what the model
//! file says about them.

use crate::corpus::Corpus;
use crate::dictionary;
use crate::estimator::{Estimator, Task};
use crate::features::{Features, fit_vectorizer};
use crate::logistic::LogisticRegression;
use crate::matrix::Scratch;
use crate::measured::{Measured, RowScore};
use crate::metrics::{Scored, roc_auc};
use crate::split::{By, Folds};
use crate::stack::{self, Examples};
use crate::{progress, topic};
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use thresher::attribute::{Attribute, AttributeSet, PerAttribute};
use thresher::features::SparseVec;
use thresher::model::Parts;
use thresher::model::artifact::{AttributeReport, LanguageReport, SourceReport};
use thresher::model::classifier::{Classifier, Decision};
use thresher::model::head::{self, Heads};
use thresher::score::Score;
use thresher::text::{Analyzer, Document};

/// Folds for the margins that the heads are fitted on.
const FOLDS: u32 = 4;

/// A head sees at most one row that the trainer made for so many that it did
/// not: it weighs all rows alike.
const MADE_SHARE: usize = 4;

/// The share of comments that are taken to be off topic in a thread, where no
/// label says how many are.
const OFF_TOPIC_SHARE: f32 = 0.1;

/// What the run found.
#[derive(Debug)]
pub struct Trained {
    /// The trained parts.
    pub parts: Parts,
    /// How each attribute was trained, by name.
    pub attributes: BTreeMap<String, AttributeReport>,
    /// Attributes that could not be trained, with the reason.
    pub untrained: Vec<(Attribute, String)>,
    /// The rows by language, those that the trainer made left out.
    pub languages: BTreeMap<String, u64>,
    /// The scores out of fold of each attribute that was trained.
    pub measured: Vec<Measured>,
    /// How many bytes of features did not fit in memory.
    pub spilled: u64,
    /// The phases of the run in order, and how long each took.
    pub phases: Vec<(&'static str, Duration)>,
}

/// Trains on a corpus. The same corpus and seed give the same model.
pub fn train(
    corpus: &Corpus,
    only: AttributeSet,
    fixed: &PerAttribute<Option<Estimator>>,
    soft_weights: &PerAttribute<f32>,
    scratch: Scratch,
    seed: u64,
) -> Result<Trained> {
    let mut clock = Clock::default();
    let analyzer = Analyzer::default();
    let rows: Vec<u32> = (0..corpus.rows.len() as u32).collect();
    let words = dictionary::fit(corpus, &analyzer, &progress::bar("dictionary", rows.len() as u64));
    let vectorizer =
        fit_vectorizer(corpus, &rows, words, &analyzer, &progress::bar("vocabulary", rows.len() as u64));
    clock.lap("vocabulary");
    let bar = progress::bar("features", rows.len() as u64);
    let features = Features::new(corpus, vectorizer, &analyzer, scratch, &bar)?;
    clock.lap("features");
    let folds = Folds::new(corpus, By::Thread, FOLDS, seed);
    let mut untrained = Vec::new();
    let tasks: Vec<Task> = Attribute::TEXT
        .into_iter()
        .filter(|&attribute| only.contains(attribute))
        .map(|attribute| Task::new(corpus, &features, attribute, soft_weights[attribute], |_| true))
        .filter(|task| {
            if !task.is_learnable() {
                let why = format!("{} rows, {} positive", task.rows.len(), task.positives());
                untrained.push((task.attribute, why));
            }
            task.is_learnable()
        })
        .collect();
    let chosen = choose(corpus, &tasks, fixed, seed)?;
    clock.lap("choosing");
    let fitted = fit(&tasks, &chosen, &folds)?;
    clock.lap("fitting");
    let decisions = out_of_fold(corpus, &features, &analyzer, &tasks, &fitted, &folds);
    clock.lap("judging");
    let classifier = quantize(&tasks, &fitted, features.vectorizer.columns(), |models| &models.whole);

    let mut heads: Heads = PerAttribute::from_fn(|_| None);
    let mut attributes = BTreeMap::new();
    let mut measured = Vec::new();
    for (i, task) in tasks.iter().enumerate() {
        let attribute = task.attribute;
        let mut examples = Examples::default();
        // Disguised rows and contrast sentences stand behind those measured: the
        // head, too, must not take a disguise for a proof.
        let made = task.taught.iter().filter(|&&r| corpus.rows[r as usize].labels[attribute].is_some());
        let (padded, made): (Vec<u32>, Vec<u32>) =
            made.partition(|&&r| corpus.rows[r as usize].company.is_some());
        let every = made.len().div_ceil((task.rows.len() / MADE_SHARE).max(1)).max(1);
        // Comments in company are comments: all of them count.
        let made: Vec<u32> = made.into_iter().step_by(every).chain(padded).collect();
        examples.made = made.len();
        for &row in task.rows.iter().chain(&made) {
            examples
                .inputs
                .push(head::text_inputs(&decisions[row as usize], &features.dense[row as usize]).to_vec());
            examples.labels.push(task.label(row) >= 0.5);
            examples.folds.push(folds.of[row as usize]);
        }
        let (head, head_margins) = match stack::fit(&examples) {
            Ok(fitted) => fitted,
            Err(error) => {
                untrained.push((attribute, error.to_string()));
                continue;
            }
        };
        let scored: Vec<(u32, f32)> =
            task.rows.iter().zip(&head_margins).map(|(&row, &m)| (row, head.calibrate(m).get())).collect();
        let rows = scored.iter().map(|&(row, score)| RowScore {
            row,
            scored: Scored { score, positive: task.label(row) >= 0.5 },
        });
        let Some(found) = Measured::new(corpus, attribute, false, rows) else { continue };
        let mut report = report(corpus, &found);
        report.taught_rows = task.taught.len() as u64;
        report.soft_weight = soft_weights[attribute];
        report.estimator = chosen[i].to_string();
        report.scores = Some(scored.iter().map(|&(_, score)| Score::saturating(score)).collect());
        report.languages = languages(&features, task.rows.iter().map(|&r| (r, task.label(r) >= 0.5)));
        report.quantization_cost = quantization_cost(task, &fitted[i].whole, &classifier)?;
        attributes.insert(attribute.name().to_owned(), report);
        measured.push(found);
        heads[attribute] = Some(head);
    }
    clock.lap("heads");
    if only.contains(Attribute::OffTopic) {
        match off_topic(corpus, &features, &analyzer, &folds, seed) {
            Ok((head, report, found)) => {
                attributes.insert(Attribute::OffTopic.name().to_owned(), report);
                measured.push(found);
                heads[Attribute::OffTopic] = Some(head);
            }
            Err(error) => untrained.push((Attribute::OffTopic, error.to_string())),
        }
    }
    if attributes.is_empty() {
        bail!(
            "no attribute could be trained: {}",
            untrained.iter().map(|(a, why)| format!("{a}: {why}")).collect::<Vec<_>>().join("; ")
        );
    }
    let mut languages: BTreeMap<String, u64> = BTreeMap::new();
    for (row, code) in corpus.rows.iter().zip(&features.languages) {
        if !row.made {
            *languages.entry((*code).to_owned()).or_default() += 1;
        }
    }
    let spilled = features.matrix.spilled();
    let parts = Parts { vectorizer: features.vectorizer, classifier, heads };
    clock.lap("off topic");
    let phases = clock.laps;
    Ok(Trained { parts, attributes, untrained, languages, measured, spilled, phases })
}

/// How long the phases of a run take.
struct Clock {
    since: Instant,
    laps: Vec<(&'static str, Duration)>,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { since: Instant::now(), laps: Vec::new() }
    }
}

impl Clock {
    /// Ends a phase; the next one begins.
    fn lap(&mut self, phase: &'static str) {
        self.laps.push((phase, self.since.elapsed()));
        self.since = Instant::now();
    }
}

/// Chooses an estimator for each task that has none fixed.
fn choose(
    corpus: &Corpus,
    tasks: &[Task],
    fixed: &PerAttribute<Option<Estimator>>,
    seed: u64,
) -> Result<Vec<Estimator>> {
    let bar = progress::bar("choosing", tasks.len() as u64);
    let chosen = tasks.par_iter().with_max_len(1).map(|task| {
        let estimator = match fixed[task.attribute] {
            Some(estimator) => estimator,
            None => task.choose(corpus, seed)?,
        };
        bar.inc(1);
        Ok(estimator)
    });
    let chosen = chosen.collect();
    bar.finish_and_clear();
    chosen
}

/// The models of one attribute.
struct Models {
    /// One for each fold, fitted on the other folds.
    folds: Vec<LogisticRegression>,
    /// The one fitted on all rows, which is served.
    whole: LogisticRegression,
}

/// Fits every attribute on all rows, and on all but each fold: passes over an
/// attribute's rows serve all of its models.
fn fit(tasks: &[Task], chosen: &[Estimator], folds: &Folds) -> Result<Vec<Models>> {
    // The largest first, so that no thread is left with one at the end.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&t| std::cmp::Reverse(tasks[t].rows.len() + tasks[t].taught.len()));
    let bar = progress::bar("fitting", tasks.len() as u64 * (u64::from(folds.count) + 1));
    let run = |&t: &usize| {
        let parts = (0..folds.count).map(|fold| Some((folds, fold))).chain([None]);
        let fits: Vec<_> = parts.map(|part| (chosen[t], part)).collect();
        let mut fitted =
            tasks[t].fit_outside(&fits, &|| bar.inc(1)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let whole = fitted.pop().context("a fit is missing")?;
        Ok((t, Models { folds: fitted, whole }))
    };
    let fitted: Result<BTreeMap<_, _>> = order.par_iter().with_max_len(1).map(run).collect();
    bar.finish_and_clear();
    Ok(fitted?.into_values().collect())
}

/// What every row is judged by models that have not seen its fold, rounded as
/// they would be served.
fn out_of_fold(
    corpus: &Corpus,
    features: &Features,
    analyzer: &Analyzer,
    tasks: &[Task],
    fitted: &[Models],
    folds: &Folds,
) -> Vec<Decision> {
    let columns = features.vectorizer.columns();
    let of_fold = |fold: u32| quantize(tasks, fitted, columns, |models| &models.folds[fold as usize]);
    let classifiers: Vec<Classifier> = (0..folds.count).into_par_iter().map(of_fold).collect();
    let bar = progress::bar("judging", corpus.rows.len() as u64);
    let judge = |(document, vector): &mut (Document, SparseVec), row: usize| {
        analyzer.analyze(&corpus.rows[row].text, corpus.rows[row].format, document);
        features.vectorizer.transform(document, vector);
        bar.inc(1);
        classifiers[folds.of[row] as usize].decision_function(vector)
    };
    let decisions = (0..corpus.rows.len()).into_par_iter().map_init(Default::default, judge).collect();
    bar.finish_and_clear();
    decisions
}

/// One classifier of the model that `choose` takes of each attribute's.
fn quantize(
    tasks: &[Task],
    fitted: &[Models],
    columns: usize,
    choose: impl Fn(&Models) -> &LogisticRegression,
) -> Classifier {
    let mut weights: [Vec<f32>; Attribute::TEXT_COUNT] = Default::default();
    let mut intercepts = [0.0; Attribute::TEXT_COUNT];
    for (task, models) in tasks.iter().zip(fitted) {
        let k = task.attribute.index();
        weights[k] = choose(models).weights.clone();
        intercepts[k] = choose(models).intercept;
    }
    Classifier::quantize(&weights, intercepts, columns)
}

/// What the model file says of how an attribute was measured.
fn report(corpus: &Corpus, measured: &Measured) -> AttributeReport {
    let Measured { pooled, macro_average, .. } = measured;
    AttributeReport {
        rows: pooled.rows as u64,
        positives: pooled.positives as u64,
        sources: source_reports(corpus, measured),
        roc_auc: pooled.roc_auc,
        roc_auc_error: finite(pooled.roc_auc_error),
        macro_roc_auc: finite(macro_average.roc_auc).unwrap_or_default(),
        macro_roc_auc_error: finite(macro_average.roc_auc_error),
        average_precision: pooled.average_precision,
        calibration_error: pooled.calibration_error,
        ..AttributeReport::default()
    }
}

/// Counts rows and positives by language.
pub fn languages(
    features: &Features,
    rows: impl Iterator<Item = (u32, bool)>,
) -> BTreeMap<String, LanguageReport> {
    let mut reports: BTreeMap<&str, LanguageReport> = BTreeMap::new();
    for (row, positive) in rows {
        let report = reports.entry(features.languages[row as usize]).or_default();
        report.rows += 1;
        report.positives += u64::from(positive);
    }
    reports.into_iter().map(|(code, report)| (code.to_owned(), report)).collect()
}

fn source_reports(corpus: &Corpus, measured: &Measured) -> BTreeMap<String, SourceReport> {
    let reports = measured.sources.iter().map(|source| {
        let figures = &source.figures;
        let report = SourceReport {
            rows: figures.rows as u64,
            positives: figures.positives as u64,
            roc_auc: finite(figures.roc_auc),
            recall_at_1: finite(figures.recall_at_1),
            calibration_error: figures.calibration_error,
            calibration_by_chance: finite(figures.calibration_by_chance),
        };
        (corpus.sets[source.set as usize].name.clone(), report)
    });
    reports.collect()
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// How much ROC AUC the rounding of weights to bytes costs on the task's rows.
fn quantization_cost(task: &Task, model: &LogisticRegression, rounded: &Classifier) -> Result<f64> {
    let k = task.attribute.index();
    let weights = (0..model.weights.len() as u32).map(|column| rounded.weight(column, k));
    let rounded = LogisticRegression { weights: weights.collect(), intercept: model.intercept };
    let area = |model: &LogisticRegression| -> Result<f64> {
        let margins = task.margins(model, &task.rows)?;
        let scored = task.rows.iter().zip(margins);
        let scored: Vec<Scored> =
            scored.map(|(&row, score)| Scored { score, positive: task.label(row) >= 0.5 }).collect();
        Ok(roc_auc(&scored))
    };
    Ok(area(model)? - area(&rounded)?)
}

fn off_topic(
    corpus: &Corpus,
    features: &Features,
    analyzer: &Analyzer,
    folds: &Folds,
    seed: u64,
) -> Result<(head::Head, AttributeReport, Measured)> {
    let made = topic::examples(corpus, seed);
    if made.len() < 100 {
        bail!("{} comments under threads to swap them between, at least 100 are needed", made.len());
    }
    let inputs = topic::inputs(corpus, &made, analyzer, &features.vectorizer, Some(seed));
    let mut examples = Examples::default();
    let mut used = Vec::new();
    for (example, inputs) in made.into_iter().zip(inputs) {
        if let Some(inputs) = inputs {
            examples.inputs.push(inputs.to_vec());
            examples.labels.push(example.label >= 0.5);
            examples.folds.push(folds.of[example.row as usize]);
            used.push(example);
        }
    }
    let (mut head, margins) = stack::fit(&examples)?;
    let balanced = head.clone();
    // As many examples stray as not, where in life few comments do: the odds
    // are brought down to that share (Elkan 2001, "The Foundations of
    // Cost-Sensitive Learning"). The order of scores stays.
    let made_up =
        examples.labels.iter().filter(|&&stray| stray).count() as f32 / examples.labels.len() as f32;
    let odds = |share: f32| (share / (1.0 - share)).ln();
    let is_labelled = corpus.labelled(Attribute::OffTopic).next().is_some();
    if !is_labelled {
        head.platt.1 += odds(made_up) - odds(OFF_TOPIC_SHARE);
    }
    let rows = used.iter().zip(&margins).map(|(example, &margin)| {
        // Calibration is measured at the examples' own share.
        let scored = Scored { score: balanced.calibrate(margin).get(), positive: example.label >= 0.5 };
        RowScore { row: example.row, scored }
    });
    let label = |example: &topic::Example| corpus.rows[example.row as usize].labels[Attribute::OffTopic];
    let swapped = used.iter().any(|example| label(example).is_none());
    let measured = Measured::new(corpus, Attribute::OffTopic, swapped, rows).context("no example is left")?;
    // Made-up strays are no part of what is judged later.
    let own = used.iter().zip(&margins).filter(|(example, _)| is_labelled || example.label < 0.5);
    let report = AttributeReport {
        scores: Some(own.map(|(_, &margin)| head.calibrate(margin)).collect()),
        languages: languages(features, measured.rows().map(|r| (r.row, r.scored.positive))),
        estimator: "head over similarities".into(),
        ..report(corpus, &measured)
    };
    Ok((head, report, measured))
}
