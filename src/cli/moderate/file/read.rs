//! Reads the comments in order and checks them.

use super::super::context::{Place, Threads};
use super::Next;
use super::work::{Batch, Job};
use crate::cli::failure::Failure;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use thresher::comment::Comment;
use thresher::jsonl::{CommentRecord, JsonlError, Lines, ThreadRecord};

/// When a batch is full: enough that handing it over costs nothing, little
/// enough that the cores share the work evenly.
const BATCH_COMMENTS: usize = 64;
const BATCH_BYTES: usize = 256 << 10;

/// Reads the threads; `on_bad` says whether to go on after a bad line.
pub fn read_threads(
    path: &Path,
    on_bad: &mut impl FnMut(JsonlError) -> Result<(), Failure>,
) -> Result<Threads, Failure> {
    let mut lines = Lines::open(path).map_err(Failure::failed)?;
    let mut threads = Threads::default();
    while let Some(record) = lines.next_record::<ThreadRecord>() {
        match record {
            Ok(record) => {
                if !threads.insert(record) {
                    on_bad(lines.fault("field `id`: an earlier thread has the same"))?;
                }
            }
            Err(error) => on_bad(error)?,
        }
    }
    Ok(threads)
}

/// Reads comments and puts them beside their threads. Alone, so that what each
/// comment is judged beside does not depend on the number of cores.
pub struct Reader {
    lines: Lines,
    threads: Threads,
    max_text_bytes: usize,
    batch: Vec<Job>,
    batch_bytes: usize,
}

/// Nobody takes batches any more.
struct Unwanted;

impl Reader {
    /// A reader of the lines, under the threads.
    pub fn new(lines: Lines, threads: Threads, max_text_bytes: usize) -> Self {
        Self { lines, threads, max_text_bytes, batch: Vec::new(), batch_bytes: 0 }
    }

    /// Reads to the end or until nobody listens. Bad lines go to the writer,
    /// which decides whether they are the end.
    pub fn run(mut self, jobs: &SyncSender<Batch>, order: &SyncSender<Next>) {
        // Whoever hung up knows why.
        let _ = self.read(jobs, order);
    }

    fn read(&mut self, jobs: &SyncSender<Batch>, order: &SyncSender<Next>) -> Result<(), Unwanted> {
        while let Some(record) = self.lines.next_record() {
            match record.and_then(|record| self.job(record)) {
                Ok(job) => {
                    self.batch_bytes += job.comment.text.len() + job.place.as_ref().map_or(0, Place::bytes);
                    self.batch.push(job);
                }
                Err(error) => {
                    self.hand_over(jobs, order)?;
                    order.send(Next::Bad(error)).map_err(|_| Unwanted)?;
                }
            }
            if self.batch.len() >= BATCH_COMMENTS || self.batch_bytes >= BATCH_BYTES {
                self.hand_over(jobs, order)?;
            }
        }
        self.hand_over(jobs, order)
    }

    /// Checks a comment and gives it its place.
    fn job(&mut self, comment: CommentRecord) -> Result<Job, JsonlError> {
        Comment::new(&comment.text, self.max_text_bytes)
            .map_err(|error| self.lines.fault(format!("field `text` {error}")))?;
        let (place, parent) = self.threads.place(&comment);
        Ok(Job { comment, place, parent })
    }

    /// Gives the batch to the workers, and its answers to come to the writer.
    fn hand_over(&mut self, jobs: &SyncSender<Batch>, order: &SyncSender<Next>) -> Result<(), Unwanted> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (answers, promise) = sync_channel(1);
        let batch = Batch { jobs: std::mem::take(&mut self.batch), answers };
        self.batch_bytes = 0;
        jobs.send(batch).map_err(|_| Unwanted)?;
        order.send(Next::Answers(promise)).map_err(|_| Unwanted)
    }
}
