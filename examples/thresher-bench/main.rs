//! `thresher-bench`: what the server costs and how it holds under load, against
//! a minimal tonic server (`echo`) in the same run on the same machine.
//!
//!     cargo build --release --bins --example thresher-bench
//!     target/release/examples/thresher-bench all
//!
//! Figures are medians of several rounds in which the servers take turns;
//! machines drift, ratios hardly do. Needs Linux, for /proc, taskset for
//! `overload`, and valgrind for `instructions`.

mod comments;
mod echo;
mod instructions;
mod load;
mod memory;
mod options;
mod overload;
mod process;
mod ratios;
mod soak;
mod start;
mod wire;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Measures a Thresher server beside a minimal one.
#[derive(Parser, Debug)]
#[command(name = "thresher-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// All of `ratios`, `overload`, `options`, `start` and a short `memory`.
    All(Run),
    /// Processor time and latency of single calls, batches and streams.
    Ratios(Run),
    /// Instructions a comment takes, as valgrind counts them.
    Instructions(instructions::Instructions),
    /// Three times as many calls as the server can answer.
    Overload(Run),
    /// Ways to run a server: runtimes, pools, windows, compression.
    Options(Run),
    /// From the start of a server until it is ready, and has answered.
    Start(start::Start),
    /// Resident memory over many comments.
    Memory(memory::Memory),
    /// Mixed load at half speed while policies and models change, looking for
    /// anything lost, mixed or leaked.
    Soak(soak::Soak),
    /// The minimal server.
    #[command(hide = true)]
    Echo(echo::Echo),
    #[command(hide = true)]
    Judge(instructions::Judge),
}

/// How long, how often, and which server.
#[derive(Args, Clone, Debug)]
struct Run {
    /// How often each thing is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each thing is measured each time, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[command(flatten)]
    server: ServerFile,
}

/// The server to measure.
#[derive(Args, Clone, Debug)]
struct ServerFile {
    /// The server's binary; the one beside this program's folder if left out.
    #[arg(long, value_name = "FILE")]
    thresher: Option<PathBuf>,
}

impl ServerFile {
    fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.thresher {
            return Ok(path.clone());
        }
        let this = std::env::current_exe()?;
        let folder =
            this.parent().and_then(|folder| folder.parent()).context("this program has no folder")?;
        Ok(folder.join("thresher"))
    }
}

impl Run {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Command::Echo(echo) => return echo.run(),
        Command::Judge(judge) => return judge.run(),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::All(run) => {
                start::Start::few(&run.server).run().await?;
                ratios::run(&run).await?;
                options::run(&run).await?;
                memory::Memory::short(&run.server).run().await?;
                overload::run(&run).await
            }
            Command::Ratios(run) => ratios::run(&run).await,
            Command::Overload(run) => overload::run(&run).await,
            Command::Options(run) => options::run(&run).await,
            Command::Start(start) => start.run().await,
            Command::Memory(memory) => memory.run().await,
            Command::Soak(soak) => soak.run().await,
            Command::Instructions(instructions) => instructions.run().await,
            Command::Echo(_) | Command::Judge(_) => Ok(()),
        }
    })
}

/// The median; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => f64::midpoint(values[n / 2 - 1], values[n / 2]),
        n => values[n / 2],
    }
}

/// A line of a table of results.
fn line(what: &str, figure: String, wanted: &str) {
    println!("{what:<58} {figure:>24}  {wanted}");
}
