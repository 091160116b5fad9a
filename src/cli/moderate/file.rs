//! A file of comments: read in order, judged on all cores, answered in order.
//!
//! One thread reads and checks the lines and puts them into batches. Each
//! batch goes to the workers and, as a promise of their answers, to the writer
//! (the main thread), which takes the promises in the order of the file. Both
//! ways are bounded, so that memory does not grow with the file.

mod read;
mod work;

use super::output::Output;
use super::{Judge, Many};
use crate::cli::failure::{Failure, report};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use read::{Reader, read_threads};
use std::io::{self, ErrorKind, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use thresher::jsonl::{JsonlError, Lines};
use work::Worker;

/// How many batches may be under way for each worker.
const BATCHES: usize = 4;

/// What the writer gets, in the order of the file.
enum Next {
    /// The answers of a batch, once they are there.
    Answers(Receiver<Vec<u8>>),
    /// A bad line.
    Bad(JsonlError),
}

/// Judges the file.
pub fn run(many: &Many, input: &Path, judge: Judge) -> Result<(), Failure> {
    let mut bad_lines = 0;
    let mut on_bad = |error: JsonlError| tell(&error, many.keep_going, &mut bad_lines);
    let threads = match &many.threads {
        Some(path) => read_threads(path, &mut on_bad)?,
        None => Default::default(),
    };
    let lines = Lines::open(input).map_err(Failure::failed)?;
    let named = many.output.as_deref().unwrap_or(Path::new("-"));
    let unwritable =
        |error: io::Error| Failure::failed(format!("{}: cannot be written: {error}", named.display()));
    let mut output = Output::open(many.output.as_deref()).map_err(unwritable)?;
    let progress = Progress::of(&lines, &output);

    let order = start(Reader::new(lines, threads, judge.max_text_bytes), judge, many.explain);
    for next in order {
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

/// Starts the reader and the workers. They end when all is read or when the
/// writer does not listen any more. They are not waited for: the reader may be
/// waiting itself, for a standard input that never ends.
fn start(reader: Reader, judge: Judge, explain: bool) -> Receiver<Next> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (jobs, taken) = sync_channel(workers);
    let (order, ordered) = sync_channel(workers * BATCHES);
    let (judge, taken) = (Arc::new(judge), Arc::new(Mutex::new(taken)));
    for _ in 0..workers {
        let worker = Worker::new(Arc::clone(&judge), explain);
        let taken = Arc::clone(&taken);
        thread::spawn(move || worker.run(&taken));
    }
    thread::spawn(move || reader.run(&jobs, &order));
    ordered
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
