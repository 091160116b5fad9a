//! `cross-validate`: how well classifiers rank rows they have not seen.

use crate::augment::AugmentArgs;
use crate::corpus::Corpus;
use crate::estimator::{Estimator, Task, macro_auc, source_scores};
use crate::features::{Features, fit_vectorizer};
use crate::manifest::DataArgs;
use crate::metrics::Figures;
use crate::soft::SoftArgs;
use crate::split::{By, Folds};
use crate::{progress, table};
use anyhow::{Result, bail};
use rayon::prelude::*;
use thresher::attribute::Attribute;
use thresher::text::Analyzer;

/// Arguments of `cross-validate`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The attribute, such as SPAM
    #[arg(long, value_parser = attribute)]
    attribute: Attribute,
    /// What is kept apart
    #[arg(long, value_enum, default_value = "thread")]
    by: By,
    /// How many folds, unless by source
    #[arg(long, default_value_t = 5)]
    folds: u32,
    /// Sets that are scored and never trained on, beside those left out
    #[arg(long, value_name = "NAME")]
    hold: Vec<String>,
    /// Inverse regularisation strength
    #[arg(long, default_value_t = 4.0)]
    c: f64,
    /// Scale columns by their naive-Bayes log-count ratio
    #[arg(long)]
    nb: bool,
    /// Use FTRL-proximal instead of L-BFGS
    #[arg(long)]
    ftrl: bool,
    #[command(flatten)]
    soft: SoftArgs,
    #[command(flatten)]
    augment: AugmentArgs,
    /// The random seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Reads an attribute's name in either case.
pub fn attribute(name: &str) -> Result<Attribute, String> {
    Attribute::from_name(&name.to_uppercase()).ok_or_else(|| {
        let names: Vec<_> = Attribute::ALL.iter().map(|a| a.name()).collect();
        format!("no attribute `{name}`; there are {}", names.join(", "))
    })
}

/// Prints a table of the sources' figures.
pub fn run(args: &Args) -> Result<()> {
    let attribute = args.attribute;
    if attribute == Attribute::OffTopic {
        bail!("OFF_TOPIC has no text classifier; `fit` reports its figures");
    }
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let mut corpus = Corpus::read_taught(sets, false, &args.soft.read()?, &bar)?;
    args.augment.augment(&mut corpus, args.seed);
    let analyzer = Analyzer::default();
    let held: Vec<u32> = (0..corpus.sets.len() as u32)
        .filter(|&s| args.hold.contains(&corpus.sets[s as usize].name))
        .collect();
    let is_held = |row: u32| held.contains(&corpus.rows[row as usize].set);
    let rows: Vec<u32> = (0..corpus.rows.len() as u32).filter(|&r| !is_held(r)).collect();
    let bar = progress::bar("counting", rows.len() as u64);
    let vectorizer = fit_vectorizer(&corpus, &rows, &analyzer, &bar);
    let bar = progress::bar("features", corpus.rows.len() as u64);
    let features = Features::new(&corpus, vectorizer, &analyzer, &bar);
    let soft_weight = args.soft.weights()[attribute];
    let task = Task::new(&corpus, &features, attribute, soft_weight, |r| !is_held(r));
    let training = task.training_rows();
    let estimator = match args.ftrl {
        true => Estimator::ftrl(args.c, args.nb),
        false => Estimator::lbfgs(args.c, args.nb),
    };
    let folds = Folds::new(&corpus, args.by, args.folds, args.seed);
    let mut scored: Vec<(u32, f32)> = (0..folds.count)
        .into_par_iter()
        .flat_map_iter(|fold| {
            let held = folds.part(&task.rows, fold).0;
            let rest = folds.part(&training, fold).1;
            let model = if held.is_empty() { None } else { task.fit(&estimator, &rest).ok() };
            let margins = model.map_or(Vec::new(), |model| task.margins(&model, &held));
            held.into_iter().zip(margins)
        })
        .collect();
    let outside: Vec<u32> = corpus.labelled(attribute).map(|(r, _)| r).filter(|&r| is_held(r)).collect();
    if !outside.is_empty() {
        let model = task.fit(&estimator, &training)?;
        scored.extend(outside.iter().copied().zip(task.margins(&model, &outside)));
    }
    println!("{attribute}, {estimator}, by {:?}", args.by);
    let mut out = table::new(["source", "rows", "positives", "ROC AUC", "AP", "recall at 1 %", "at 5 %"]);
    for (set, scores) in source_scores(&corpus, &task, &scored) {
        let f = Figures::new(&scores);
        let name = corpus.sets[set as usize].name.clone();
        out.add_row([
            name,
            f.rows.to_string(),
            f.positives.to_string(),
            table::figure(f.roc_auc),
            table::figure(f.average_precision),
            table::figure(f.recall_at_1),
            table::figure(f.recall_at_5),
        ]);
    }
    println!("{out}");
    println!("mean of the sources' ROC AUC: {}", table::figure(macro_auc(&corpus, &task, &scored)));
    Ok(())
}
