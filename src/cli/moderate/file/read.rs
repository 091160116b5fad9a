//! Reads the comments in order and checks them.

use super::super::context::Threads;
use super::super::job::{Job, check};
use thresher::jsonl::{JsonlError, Lines};

/// Reads comments and puts them beside their threads. Alone, so that what each
/// comment is judged beside does not depend on the number of cores.
pub struct Reader {
    lines: Lines,
    threads: Threads,
    max_text_bytes: usize,
}

impl Reader {
    /// A reader of the lines, under the threads.
    pub fn new(lines: Lines, threads: Threads, max_text_bytes: usize) -> Self {
        Self { lines, threads, max_text_bytes }
    }
}

impl Iterator for Reader {
    type Item = Result<Job, JsonlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.lines.next_record()?;
        Some(record.and_then(|comment| {
            check(&comment, self.max_text_bytes, &self.lines)?;
            let (place, parent) = self.threads.place(&comment);
            Ok(Job { comment, place, parent })
        }))
    }
}
