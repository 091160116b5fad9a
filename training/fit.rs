//! `fit`: from labelled comments to a model file and its card.

use crate::augment::AugmentArgs;
use crate::corpus::{Corpus, Set};
use crate::estimator::Estimator;
use crate::manifest::DataArgs;
use crate::matrix::Scratch;
use crate::report::{self, Report, ReportArgs};
use crate::soft::SoftArgs;
use crate::train::{self, Trained};
use crate::{card, golden, interrupt, presets, progress, resume, table};
use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thresher::attribute::{Attribute, AttributeSet, PerAttribute};
use thresher::model::artifact::DataFile;
use thresher::model::{Metadata, Model};
use thresher::moderator::Moderator;

/// Arguments of `fit`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  thresher-train fit --data examples/labelled-threads.jsonl --out models/mine.safetensors
  thresher-train fit --manifest datasets.toml --use train --weight tweets=0.2 --out models/mine.safetensors
  thresher-train fit --resume models/mine.safetensors --data feedback.jsonl --out models/newer.safetensors
  thresher-train fit --data mine.jsonl --forget withdrawn.txt --out models/mine.safetensors")]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Where the model goes; its card goes beside it, as NAME.md
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the card goes instead
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Do not choose the estimator by cross-validation: L-BFGS with this C, for
    /// all attributes or one
    #[arg(long, value_name = "[ATTRIBUTE=]C", value_parser = strength)]
    c: Vec<(Option<Attribute>, f64)>,
    /// Go on from this model with the rows given, without those it was trained
    /// on: seconds for a few thousand. Its vocabulary, its calibration and its
    /// figures stay; --c says how much a row counts against the old weights (1)
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["forget", "soft_labels", "rewrite", "contrast", "scams", "pad", "report"])]
    resume: Option<PathBuf>,
    /// Train as if the comments whose ids stand in this file, one a line, had
    /// never been there. Needs all the data again: what a model learned from a
    /// row cannot be taken out of it otherwise
    #[arg(long, value_name = "FILE")]
    forget: Vec<PathBuf>,
    /// Train only this attribute; may be given several times
    #[arg(long, value_name = "ATTRIBUTE", value_parser = crate::cross_validate::attribute)]
    only: Vec<Attribute>,
    #[command(flatten)]
    soft: SoftArgs,
    #[command(flatten)]
    augment: AugmentArgs,
    /// The random seed; the same data and seed give the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Features of the comments that are held in memory, in MiB (a million
    /// comments have about 1,000); the rest is read from a file, pass after
    /// pass, to the same result
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u64,
    /// The folder of that file, which has no name and is gone when the program
    /// ends, however it ends [default: the folder of --out]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
}

/// Trains a model and writes it.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let name = args.out.file_stem().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    if name.is_empty() || args.out.extension().is_none_or(|e| e != "safetensors") {
        bail!("--out {} must name a file that ends in .safetensors", args.out.display());
    }
    args.report.check()?;
    let mut sets = args.data.sets()?;
    let card_path = args.card.clone().unwrap_or_else(|| args.out.with_extension("md"));
    // A model may go on in its own place.
    let inputs = args.data.inputs(&sets).and("--forget", &args.forget);
    let inputs = inputs.and("--soft-labels", &args.soft.soft_labels);
    inputs.spared("--out", Some(&args.out))?;
    inputs.spared("--report", args.report.report.as_deref())?;
    inputs.and("--resume", &args.resume).spared("the card", Some(&card_path))?;
    let forget = Arc::new(ids(&args.forget)?);
    sets.iter_mut().for_each(|set| set.forget = Arc::clone(&forget));
    let bar = progress::bar("reading", sets.len() as u64);
    let soft = args.soft.read()?;
    let mut corpus = Corpus::read_taught(sets, false, &soft, &bar)?;
    args.augment.augment(&mut corpus, args.seed)?;
    print_rows(&corpus.sets);
    let only = match args.only.is_empty() {
        true => AttributeSet::ALL,
        false => args.only.iter().copied().collect(),
    };
    if let Some(path) = &args.resume {
        return go_on(args, path, &corpus, only, &name, started);
    }
    let reading = started.elapsed();
    let trained = train::train(&corpus, only, &fixed(args), &args.soft.weights(), scratch(args), args.seed)?;
    print_attributes(&trained);
    print_phases(reading, &trained);
    let mut metadata = metadata(args, &corpus, &trained, &name);
    metadata.teachers = soft.teachers.into_iter().collect();
    let bytes = golden::seal(&trained.parts, metadata)?;
    let model = Model::from_bytes(&bytes, "the new model")?;
    write(&args.out, &bytes)?;
    let presets = presets::measure(&trained.measured)?;
    write(&card_path, card::render(&model, bytes.len(), &trained.untrained, &presets).as_bytes())?;
    let seconds = started.elapsed().as_secs_f64();
    let of = report::Of::Training { seconds, untrained: &trained.untrained };
    let moderator = Moderator::new(model);
    let hard = args.report.hard(&corpus, &moderator, args.seed)?;
    let model = moderator.model();
    args.report.write(|texts| Report::new(of, model, &corpus, &trained.measured, texts).with_hard(hard))?;
    let report = args.report.report.as_ref().map(|path| format!(", {}", path.display())).unwrap_or_default();
    outln!(
        "wrote {} ({:.2} MB, version {}){report} and {} in {seconds:.0} s",
        args.out.display(),
        bytes.len() as f64 / 1e6,
        model.version(),
        card_path.display()
    );
    Ok(())
}

/// Goes on from a model and writes the new one.
fn go_on(
    args: &Args,
    path: &Path,
    corpus: &Corpus,
    only: AttributeSet,
    name: &str,
    started: Instant,
) -> Result<()> {
    let old = Model::open(path)?;
    let named = |of: Option<Attribute>| args.c.iter().rfind(|(a, _)| *a == of).map(|(_, c)| *c);
    let c = |attribute| named(Some(attribute)).or(named(None)).unwrap_or(resume::DEFAULT_C);
    let resumed = resume::resume(&old, corpus, only, c, scratch(args))?;
    resumed.print();
    let metadata = Metadata {
        name: name.to_owned(),
        trainer: env!("CARGO_PKG_VERSION").to_owned(),
        command: format!("{}, before: {}", command(args), old.metadata().command),
        seed: args.seed,
        ..resumed.metadata
    };
    let bytes = golden::seal(&resumed.parts, metadata)?;
    let model = Model::from_bytes(&bytes, "the new model")?;
    write(&args.out, &bytes)?;
    let card = args.card.clone().unwrap_or_else(|| args.out.with_extension("md"));
    write(&card, card::render(&model, bytes.len(), &[], &[]).as_bytes())?;
    outln!(
        "wrote {} ({:.2} MB, version {}, from {}) and {} in {:.1} s",
        args.out.display(),
        bytes.len() as f64 / 1e6,
        model.version(),
        old.version(),
        card.display(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Where features are kept.
fn scratch(args: &Args) -> Scratch {
    Scratch::new(args.scratch.as_deref().unwrap_or(folder(&args.out)), args.memory.saturating_mul(1 << 20))
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The ids in some files, one a line.
fn ids(files: &[PathBuf]) -> Result<HashSet<String>> {
    let mut ids = HashSet::new();
    for path in files {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        ids.extend(text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned));
    }
    Ok(ids)
}

/// Reads a strength for all attributes or one.
fn strength(argument: &str) -> Result<(Option<Attribute>, f64), String> {
    let (attribute, c) = match argument.split_once('=') {
        Some((name, c)) => (Some(crate::cross_validate::attribute(name)?), c),
        None => (None, argument),
    };
    match c.parse::<f64>() {
        Ok(c) if c.is_finite() && c > 0.0 => Ok((attribute, c)),
        _ => Err(format!("C must be positive and finite, but is `{c}`")),
    }
}

/// The estimators that are not to be chosen.
fn fixed(args: &Args) -> PerAttribute<Option<Estimator>> {
    PerAttribute::from_fn(|attribute| {
        let named = |of: Option<Attribute>| args.c.iter().rfind(|(a, _)| *a == of);
        let (_, c) = named(Some(attribute)).or_else(|| named(None))?;
        Some(Estimator::lbfgs(*c, false))
    })
}

fn print_rows(sets: &[Set]) {
    let mut out = table::new(["set", "read", "used", "weight", "dropped"]);
    for set in sets {
        let dropped: Vec<String> = set.dropped.iter().map(|(why, count)| format!("{count} {why}")).collect();
        out.add_row([
            set.name.clone(),
            set.read.to_string(),
            set.used.to_string(),
            set.weight.to_string(),
            dropped.join(", "),
        ]);
    }
    outln!("{out}");
}

fn print_attributes(trained: &Trained) {
    let mut out = table::new([
        "attribute",
        "rows",
        "positives",
        "estimator",
        "ROC AUC",
        "mean of sources",
        "AP",
        "calibration error",
    ]);
    for (name, report) in &trained.attributes {
        out.add_row([
            name.clone(),
            report.rows.to_string(),
            report.positives.to_string(),
            report.estimator.clone(),
            table::figure(report.roc_auc),
            table::figure(report.macro_roc_auc),
            table::figure(report.average_precision),
            table::figure(report.calibration_error),
        ]);
    }
    outln!("figures on rows out of fold:\n{out}");
    for (attribute, why) in &trained.untrained {
        outln!("not trained: {attribute} ({why})");
    }
}

fn print_phases(reading: Duration, trained: &Trained) {
    let phases = [("reading", reading)].into_iter().chain(trained.phases.iter().copied());
    let phases: Vec<String> =
        phases.map(|(phase, time)| format!("{phase} {:.1} s", time.as_secs_f64())).collect();
    outln!("time: {}", phases.join(", "));
    if trained.spilled > 0 {
        outln!("{} MiB of features were read from a file", trained.spilled.div_ceil(1 << 20));
    }
}

fn metadata(args: &Args, corpus: &Corpus, trained: &Trained, name: &str) -> Metadata {
    let data = corpus.sets.iter().map(|set| DataFile {
        name: set.name.clone(),
        licence: set.licence.clone(),
        rows: set.used,
        digest: set.digest.clone(),
    });
    Metadata {
        name: name.to_owned(),
        trainer: env!("CARGO_PKG_VERSION").to_owned(),
        command: command(args),
        seed: args.seed,
        data: data.collect(),
        attributes: trained.attributes.clone(),
        languages: trained.languages.clone(),
        ..Metadata::default()
    }
}

/// The command, with file names without their folders: where somebody keeps
/// the data does not belong in a model.
fn command(args: &Args) -> String {
    let mut words = vec!["thresher-train fit".to_owned()];
    let file = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    for path in &args.data.data {
        words.push(format!("--data {}", file(path)));
    }
    if let Some(path) = &args.data.manifest {
        words.push(format!("--manifest {}", file(path)));
    }
    words.extend(args.data.usage.iter().map(|usage| format!("--use {usage}")));
    words.extend(args.data.exclude.iter().map(|name| format!("--exclude {name}")));
    words.extend(args.data.weight.iter().map(|(name, weight)| format!("--weight {name}={weight}")));
    words.extend(args.resume.iter().map(|path| format!("--resume {}", file(path))));
    words.extend(args.forget.iter().map(|path| format!("--forget {}", file(path))));
    words.extend(args.only.iter().map(|attribute| format!("--only {attribute}")));
    words.extend(args.soft.soft_labels.iter().map(|path| format!("--soft-labels {}", file(path))));
    words.extend(args.soft.soft_weight.iter().map(|(attribute, weight)| match attribute {
        Some(attribute) => format!("--soft-weight {attribute}={weight}"),
        None => format!("--soft-weight {weight}"),
    }));
    let AugmentArgs { rewrite, contrast, scams, pad, passages, lexicon } = &args.augment;
    let shares = [
        ("rewrite", rewrite),
        ("contrast", contrast),
        ("scams", scams),
        ("pad", pad),
        ("passages", passages),
    ];
    let shares = shares.into_iter().filter(|(_, share)| **share > 0.0);
    words.extend(shares.map(|(name, share)| format!("--{name} {share}")));
    words.extend(lexicon.iter().map(|name| format!("--lexicon {name}")));
    words.extend(args.c.iter().map(|(attribute, c)| match attribute {
        Some(attribute) => format!("--c {attribute}={c}"),
        None => format!("--c {c}"),
    }));
    words.push(format!("--seed {} --out {}", args.seed, file(&args.out)));
    words.join(" ")
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let attempt = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".thresher-").suffix(".tmp");
        // As any new file, less what the umask takes: a server of another user
        // must be able to read a model.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    let _held = interrupt::hold_off();
    attempt().with_context(|| format!("cannot write {}", path.display()))
}
