//! A file of comments: read in order, judged on all cores, answered in order.

mod read;
mod work;

use super::context::Threads;
use super::job::Job;
use super::output::Output;
use super::{Judge, Many};
use crate::cli::failure::{Failure, report};
use crate::cli::pipeline::{self, Next};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use read::Reader;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thresher::jsonl::{JsonlError, Lines};
use work::Worker;

/// Judges the file.
pub fn run(many: &Many, input: &Path, judge: Judge) -> Result<(), Failure> {
    let mut bad_lines = 0;
    let mut on_bad = |error: JsonlError| tell(&error, many.keep_going, &mut bad_lines);
    let mut threads = Threads::default();
    if let Some(path) = &many.threads {
        threads.read(path, false, &mut on_bad)?;
    }
    let lines = Lines::open(input).map_err(Failure::failed)?;
    let named = many.output.as_deref().unwrap_or(Path::new("-"));
    let unwritable =
        |error: io::Error| Failure::failed(format!("{}: cannot be written: {error}", named.display()));
    let mut output = Output::open(many.output.as_deref()).map_err(unwritable)?;
    let progress = Progress::of(&lines, &output);

    let judge = Arc::new(judge);
    let reader = Reader::new(lines, threads, Arc::clone(&judge));
    let answers = pipeline::run(reader, || {
        let mut worker = Worker::new(Arc::clone(&judge));
        move |jobs: Vec<Job>| worker.answers(&jobs)
    });
    for next in answers {
        let answers = match next {
            Next::Answers(promise) => {
                promise.recv().map_err(|_| Failure::failed("a bug: a worker gave up"))?
            }
            Next::Bad(error) => {
                progress.bar.suspend(|| tell(&error, many.keep_going, &mut bad_lines))?;
                continue;
            }
        };
        match output.write(&answers) {
            Ok(()) => progress.update(),
            // Whoever read the answers has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(unwritable(error)),
        }
    }
    drop(progress);
    output.finish().map_err(unwritable)?;
    if bad_lines > 0 { Err(Failure::reported()) } else { Ok(()) }
}

/// A bad line ends everything, or is reported and counted.
fn tell(error: &JsonlError, keep_going: bool, bad_lines: &mut u64) -> Result<(), Failure> {
    if !keep_going {
        return Err(Failure::failed(error));
    }
    report(error);
    *bad_lines += 1;
    Ok(())
}

/// A bar on the standard error, if that is a terminal.
struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
}

impl Progress {
    fn of(lines: &Lines, output: &Output) -> Self {
        let read = lines.progress();
        // The answers themselves show how far things are.
        let scrolling = matches!(output, Output::Stdout(stdout) if stdout.is_terminal());
        if scrolling || !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), read };
        }
        let (bar, template) = match lines.total_bytes() {
            Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes}/{total_bytes} {eta}"),
            None => (ProgressBar::no_length(), "{spinner} {bytes} {elapsed}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        // The template is fixed; were it wrong, the usual look would do.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: bar.with_style(style), read }
    }

    fn update(&self) {
        self.bar.set_position(self.read.load(Ordering::Relaxed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
