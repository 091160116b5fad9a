//! `inspect`: what a model file says about itself, and its strongest features.

use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::{names, progress, table};
use anyhow::Result;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::model::Model;
use thresher::text::Analyzer;

/// Arguments of `inspect`.
#[derive(clap::Args)]
#[command(
    after_help = "Features are hashed: without --data only surface features have names. Given comments, the
words and n-grams among them that fall into the strongest columns name these.

Examples:
  thresher-train inspect models/mine.safetensors
  thresher-train inspect models/mine.safetensors --data mine.jsonl"
)]
pub struct Args {
    /// The model file; the shipped model when not given
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Prints what there is to know.
pub fn run(args: &Args) -> Result<()> {
    let model = match &args.model {
        Some(path) => Model::open(path)?,
        None => Model::shipped()?,
    };
    let corpus = match args.data.data.is_empty() && args.data.manifest.is_none() {
        true => Corpus::default(),
        false => {
            let sets = args.data.sets()?;
            let bar = progress::bar("reading", sets.len() as u64);
            Corpus::read(sets, true, &bar)?
        }
    };
    let metadata = model.metadata();
    let (columns, heads) = (model.vectorizer().columns(), model.heads());
    outln!("version        {}", model.version());
    outln!("format         {}", metadata.format);
    outln!("feature space  {}", metadata.feature_space);
    outln!("trained by     thresher-train {}, seed {}", metadata.trainer, metadata.seed);
    outln!("command        {}", metadata.command);
    outln!("vocabulary     {columns} columns, {} bytes of weights", columns * Attribute::TEXT_COUNT);
    outln!(
        "data           {} files, {} rows",
        metadata.data.len(),
        metadata.data.iter().map(|d| d.rows).sum::<u64>()
    );
    let mut out = table::new(["attribute", "rows", "positive", "ROC AUC", "weights", "estimator"]);
    for attribute in Attribute::ALL {
        let Some(report) = metadata.attributes.get(attribute.name()).filter(|_| heads[attribute].is_some())
        else {
            continue;
        };
        let used = match Attribute::TEXT.contains(&attribute) {
            true => model.classifier().rows().iter().filter(|row| row[attribute.index()] != 0).count(),
            false => 0,
        };
        out.add_row([
            attribute.name().to_owned(),
            report.rows.to_string(),
            report.positives.to_string(),
            table::figure(report.roc_auc),
            used.to_string(),
            report.estimator.clone(),
        ]);
    }
    outln!("{out}");
    let strongest = names::strongest(&corpus, model.vectorizer(), model.classifier(), &Analyzer::default());
    for (attribute, features) in strongest {
        let (mut favour, mut against): (Vec<_>, Vec<_>) =
            features.into_iter().partition(|(_, weight)| *weight > 0.0);
        favour.truncate(names::SHOWN);
        against.truncate(names::SHOWN);
        for (sign, features) in [("for", favour), ("against", against)] {
            let shown: Vec<String> =
                features.iter().map(|(name, weight)| format!("{name} {weight:+.2}")).collect();
            if !shown.is_empty() {
                outln!("{attribute} {sign}: {}", shown.join(", "));
            }
        }
    }
    Ok(())
}
