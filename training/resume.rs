//! `fit --resume`: going on from a model with new labelled rows, without the
//! rows that it was trained on.

use crate::corpus::Corpus;
use crate::estimator::Task;
use crate::features::Features;
use crate::logistic::LogisticRegression;
use crate::matrix::Scratch;
use crate::metrics::{Scored, roc_auc};
use crate::train::languages;
use crate::{progress, table};
use anyhow::{Result, bail};
use linfa::DatasetBase;
use linfa::traits::FitWith;
use linfa::{ParamGuard, dataset::Records};
use ndarray::Array1;
use thresher::attribute::{Attribute, AttributeSet, PerAttribute};
use thresher::model::artifact::DataFile;
use thresher::model::classifier::Classifier;
use thresher::model::{Metadata, Model, Parts};
use thresher::text::Analyzer;

/// How much a row counts against the old weights when nothing is said.
pub const DEFAULT_C: f64 = 1.0;

/// What became of a model.
#[derive(Debug)]
pub struct Resumed {
    /// The trained parts: the old vocabulary and heads, and new weights.
    pub parts: Parts,
    /// What the model file says: the old figures, and all the data.
    pub metadata: Metadata,
    lines: Vec<Line>,
}

/// What the new rows say of one attribute.
#[derive(Debug)]
struct Line {
    attribute: Attribute,
    rows: usize,
    positives: usize,
    before: f64,
    after: f64,
}

/// Goes on from a model. Its weights are what is expected, as a normal
/// distribution of unit width around each (the Bayesian's way to learn in
/// parts: the old posterior is the new prior); a row of a corpus counts `c`
/// times against that.
///
/// Vocabulary, heads and sigmoids stay as they are: words that the model never
/// saw have no weights to learn, and its figures are those of the old rows.
pub fn resume(
    model: &Model,
    corpus: &Corpus,
    only: AttributeSet,
    c: impl Fn(Attribute) -> f64,
    scratch: Scratch,
) -> Result<Resumed> {
    let bar = progress::bar("features", corpus.rows.len() as u64);
    let vectorizer = model.vectorizer().clone();
    let features = Features::new(corpus, vectorizer, &Analyzer::default(), scratch, &bar)?;
    let mut metadata = model.metadata().clone();
    let columns = model.vectorizer().columns() as u32;
    let mut weights: [Vec<f32>; Attribute::TEXT_COUNT] =
        std::array::from_fn(|k| (0..columns).map(|column| model.classifier().weight(column, k)).collect());
    let mut intercepts = *model.classifier().intercepts();
    let mut lines = Vec::new();
    for attribute in Attribute::TEXT.into_iter().filter(|&a| only.contains(a)) {
        let task = Task::new(corpus, &features, attribute, 0.0, |_| true);
        if task.rows.is_empty() || model.heads()[attribute].is_none() {
            continue;
        }
        let k = attribute.index();
        let old = LogisticRegression { weights: weights[k].clone(), intercept: intercepts[k] };
        let new = go_on(&task, &old, c(attribute))?;
        let area = |model: &LogisticRegression| -> Result<f64> {
            let scored = task.rows.iter().zip(task.margins(model, &task.rows)?);
            let scored: Vec<Scored> =
                scored.map(|(&row, score)| Scored { score, positive: task.label(row) >= 0.5 }).collect();
            Ok(roc_auc(&scored))
        };
        lines.push(Line {
            attribute,
            rows: task.rows.len(),
            positives: task.positives(),
            before: area(&old)?,
            after: area(&new)?,
        });
        weights[k] = new.weights;
        intercepts[k] = new.intercept;
        let report = metadata.attributes.entry(attribute.name().to_owned()).or_default();
        report.estimator =
            format!("{}; resumed with {} rows, C = {}", report.estimator, task.rows.len(), c(attribute));
        let counted = languages(&features, task.rows.iter().map(|&r| (r, task.label(r) >= 0.5)));
        // Files that do not say their languages go on saying nothing.
        if !report.languages.is_empty() {
            for (code, counts) in counted {
                let known = report.languages.entry(code).or_default();
                known.rows += counts.rows;
                known.positives += counts.positives;
            }
        }
    }
    if lines.is_empty() {
        bail!("no row has a label for an attribute that the model was trained for");
    }
    metadata.data.extend(corpus.sets.iter().map(|set| DataFile {
        name: set.name.clone(),
        licence: set.licence.clone(),
        rows: set.used,
        digest: set.digest.clone(),
    }));
    let classifier = Classifier::quantize(&weights, intercepts, columns as usize);
    let heads = PerAttribute::from_fn(|attribute| model.heads()[attribute].clone());
    let parts = Parts { vectorizer: features.vectorizer, classifier, heads };
    Ok(Resumed { parts, metadata, lines })
}

/// The weights nearest to the old ones that the rows call for.
fn go_on(task: &Task, old: &LogisticRegression, c: f64) -> Result<LogisticRegression> {
    let dataset: DatasetBase<_, Array1<f32>> = task.dataset(&task.rows);
    debug_assert_eq!(dataset.records.nfeatures(), old.weights.len());
    let params = LogisticRegression::params().c(c).anchored(true).check()?;
    Ok(params.fit_with(Some(old.clone()), &dataset)?)
}

impl Resumed {
    /// Prints what the rows say of the model before and after.
    pub fn print(&self) {
        let mut out =
            table::new(["attribute", "new rows", "positive", "ROC AUC before", "after, on the same rows"]);
        for line in &self.lines {
            out.add_row([
                line.attribute.to_string(),
                line.rows.to_string(),
                line.positives.to_string(),
                table::figure(line.before),
                table::figure(line.after),
            ]);
        }
        outln!("{out}");
    }
}
