//! `thresher-train`: fits, evaluates and inspects models.

#[macro_use]
mod out;

mod attack;
mod augment;
mod behaviours;
mod bootstrap;
mod card;
mod corpus;
mod cross_validate;
mod dictionary;
mod draw;
mod estimator;
mod evaluate;
mod fairness;
mod features;
mod fit;
mod golden;
mod inspect;
mod interrupt;
mod logistic;
mod manifest;
mod matrix;
mod measured;
mod metrics;
mod names;
mod near;
mod presets;
mod progress;
mod report;
mod resume;
mod scored;
mod shift;
mod soft;
mod split;
mod stack;
mod table;
mod thresholds;
mod topic;
mod train;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Trains and measures Thresher models.
#[derive(Parser)]
#[command(name = "thresher-train", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model on labelled comments
    Fit(fit::Args),
    /// Measure a model on labelled comments, set by set
    Evaluate(evaluate::Args),
    /// Show what a model file says about itself, and its strongest features
    Inspect(inspect::Args),
    /// Rank rows that a classifier has not seen, source by source
    CrossValidate(cross_validate::Args),
    /// Find the thresholds that hold a wanted precision, recall or queue
    Thresholds(thresholds::Args),
    /// Move a site's scores towards what its moderators decided
    Shift(shift::Args),
    /// Rewrite comments as people who evade moderation do, and measure what is
    /// still found
    Attack(attack::Args),
    /// Measure whether naming a group of people changes the scores
    Fairness(fairness::Args),
    /// Measure whether a model sees who is meant and what is said
    Behaviours(behaviours::Args),
}

fn main() {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // Help and the version were asked for; clap treats them as errors.
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            let _ = error.print();
            std::process::exit(if error.use_stderr() { 64 } else { 0 });
        }
        let rendered = error.render().to_string();
        let first = rendered.split("\n\n").next().unwrap_or_default();
        let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
        eprintln!("thresher-train: {} (see --help)", line.trim_start_matches("error: "));
        std::process::exit(64);
    });
    let result = interrupt::watch().and_then(|()| match cli.command {
        Command::Fit(args) => fit::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::CrossValidate(args) => cross_validate::run(&args),
        Command::Thresholds(args) => thresholds::run(&args),
        Command::Shift(args) => shift::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Fairness(args) => fairness::run(&args),
        Command::Behaviours(args) => behaviours::run(&args),
    });
    if let Err(error) = result {
        eprintln!("thresher-train: {error:#}");
        std::process::exit(1);
    }
}
