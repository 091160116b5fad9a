//! `thresher-train`: fits, evaluates and inspects models.

mod corpus;
mod cross_validate;
mod estimator;
mod features;
mod logistic;
mod manifest;
mod matrix;
mod metrics;
mod progress;
mod split;
mod table;
mod topic;

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
    /// Rank rows that a classifier has not seen, source by source
    CrossValidate(cross_validate::Args),
}

fn main() {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let _ = error.print();
        std::process::exit(if error.use_stderr() { 64 } else { 0 });
    });
    let result = match cli.command {
        Command::CrossValidate(args) => cross_validate::run(&args),
    };
    if let Err(error) = result {
        eprintln!("thresher-train: {error:#}");
        std::process::exit(1);
    }
}
