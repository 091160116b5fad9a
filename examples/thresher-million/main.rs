//! `thresher-million`: how long training takes and how much memory, on as many
//! comments as wanted, beside scikit-learn on the same rows.
//!
//!     cargo build --release --bins --example thresher-million
//!     target/release/examples/thresher-million --rows 1000000 --data mine/ --python python3
//!
//! The comments are those of labelled files, repeated with noise; one row in
//! twenty is held back with all its copies, to rank afterwards. Needs Linux,
//! for /proc; the Python needs scikit-learn.

mod noise;
mod rows;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measures training on many comments.
#[derive(Parser, Debug)]
#[command(name = "thresher-million")]
struct Cli {
    /// How many comments to train on.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Labelled comment files or folders of them, to be repeated; the rows in
    /// `examples/` if there is no manifest either.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// A TOML file that lists sets, as `thresher-train --manifest` takes it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Only sets of the manifest whose `use` is this.
    #[arg(long = "use", value_name = "USE", requires = "manifest")]
    usage: Option<String>,
    /// A Python with scikit-learn, to train beside.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where the comments and the model go, and are removed again.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The random seed of the noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The trainer; the one beside this program's folder if left out.
    #[arg(long, value_name = "FILE")]
    thresher_train: Option<PathBuf>,
    /// More arguments for `thresher-train fit`, after `--`.
    #[arg(last = true, value_name = "ARGUMENT")]
    fit: Vec<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut data = cli.data.clone();
    if data.is_empty() && cli.manifest.is_none() {
        data.push("examples/labelled-threads.jsonl".into());
    }
    let folder = match &cli.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let sources = rows::sources(&data, cli.manifest.as_deref(), cli.usage.as_deref())?;
    let made = rows::make(&sources, cli.rows, cli.seed, folder.path())?;
    let length = made.characters / made.rows.max(1);
    println!("{} comments of {length} characters on average, {} held back\n", made.rows, made.held);
    let areas = thresher(&cli, made.rows, folder.path())?;
    let peers: Result<Vec<Peer>> = match &cli.python {
        Some(python) => {
            ["words", "ngrams"].map(|kind| peer(python, kind, folder.path())).into_iter().collect()
        }
        None => Ok(Vec::new()),
    };
    let peers = peers?;
    println!("\nROC AUC on the rows held back (and scikit-learn's, in the order above)");
    for (attribute, area) in &areas {
        let of = |peer: &Peer| peer.areas.get(attribute).map(|area| format!(", {area:.4}"));
        let beside: String = peers.iter().filter_map(of).collect();
        println!("  {attribute:<18}{area:.4}{beside}");
    }
    Ok(())
}

/// A line of figures.
fn line(what: &str, figure: impl std::fmt::Display) {
    println!("  {what:<28}{figure}");
}

/// Comments a second.
fn rate(rows: usize, seconds: f64) -> String {
    // Times are printed in tenths of a second.
    let a_second = if seconds < 0.05 { "-".to_owned() } else { format!("{:.0}", rows as f64 / seconds) };
    format!("{seconds:.1} s, {a_second} comments/s")
}

/// Trains a model, prints what that took, and returns how it ranks.
fn thresher(cli: &Cli, rows: usize, folder: &Path) -> Result<BTreeMap<String, f64>> {
    let program = match &cli.thresher_train {
        Some(path) => path.clone(),
        None => {
            let this = std::env::current_exe()?;
            let above = this.parent().and_then(|folder| folder.parent());
            above.context("this program has no folder")?.join("thresher-train")
        }
    };
    let model = folder.join("million.safetensors");
    let mut command = Command::new(&program);
    command.arg("fit").arg("--data").arg(folder.join("train")).arg("--out").arg(&model).args(&cli.fit);
    let since = Instant::now();
    let (printed, peak) = watched(&mut command, &program)?;
    println!("thresher-train fit {}", cli.fit.join(" "));
    line("in all", rate(rows, since.elapsed().as_secs_f64()));
    line("peak resident memory", format!("{:.2} GiB", peak as f64 / f64::from(1 << 30)));
    let times = printed.lines().find_map(|line| line.strip_prefix("time: "));
    for phase in times.context("no times were printed")?.split(", ") {
        let time = phase.strip_suffix(" s").and_then(|phase| phase.rsplit_once(' '));
        let (phase, seconds) = time.context("a time of another form")?;
        line(&format!("  {phase}"), rate(rows, seconds.parse()?));
    }
    printed.lines().filter(|line| line.contains("MiB of features")).for_each(|said| println!("  {said}"));
    let mut evaluate = Command::new(&program);
    evaluate.arg("evaluate").arg("--json").arg("--model").arg(&model).arg("--data").arg(folder.join("held"));
    let figures: Vec<Value> = serde_json::from_str(&watched(&mut evaluate, &program)?.0)?;
    let mut areas = BTreeMap::new();
    // Over all rows where there are several sources; else the one source.
    for figure in figures.iter().filter(|f| f["over"] != "macro_average" && f["attribute"] != "OFF_TOPIC") {
        if let (Some(attribute), Some(area)) = (figure["attribute"].as_str(), figure["roc_auc"].as_f64()) {
            areas.insert(attribute.to_owned(), area);
        }
    }
    Ok(areas)
}

/// Runs a program to its end; what it printed, and the most memory it had.
fn watched(command: &mut Command, program: &Path) -> Result<(String, u64)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}; cargo build --release --bins", program.display()))?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let reader = std::thread::spawn(move || {
        let mut printed = String::new();
        stdout.read_to_string(&mut printed).map(|_| printed)
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        // VmHWM only grows, so that the last look is the one that counts.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or_default() * 1024);
        std::thread::sleep(Duration::from_millis(20));
    };
    if !ended.success() {
        bail!("{} ended with {ended}", program.display());
    }
    let printed = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok((printed, peak))
}

/// What `peer.py` prints.
#[derive(Deserialize)]
struct Peer {
    rows: usize,
    seconds: f64,
    vectorizing: f64,
    fitting: f64,
    peak: u64,
    areas: BTreeMap<String, f64>,
}

/// Trains scikit-learn on the same rows and prints what that took.
fn peer(python: &Path, kind: &str, folder: &Path) -> Result<Peer> {
    let mut command = Command::new(python);
    command.arg("-c").arg(include_str!("peer.py")).arg(kind);
    command.arg(folder.join("train")).arg(folder.join("held"));
    let peer: Peer = serde_json::from_str(&watched(&mut command, python)?.0)?;
    println!("\nscikit-learn, HashingVectorizer ({kind}) and SGDClassifier, one pass");
    line("in all", rate(peer.rows, peer.seconds));
    line("peak resident memory", format!("{:.2} GiB", peer.peak as f64 / f64::from(1 << 30)));
    line("  vectorizing", rate(peer.rows, peer.vectorizing));
    line("  fitting", rate(peer.rows, peer.fitting));
    Ok(peer)
}
