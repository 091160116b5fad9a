//! Reads the comments in order and checks them.

use super::super::Judge;
use super::super::context::Threads;
use super::super::job::{Job, ODD_TIME, check};
use super::super::recall::Recall;
use std::sync::Arc;
use std::time::SystemTime;
use thresher::comment::Time;
use thresher::jsonl::{JsonlError, Lines};
use thresher::signals::past::Past;

/// Reads comments and puts them beside their threads. Alone, so that what each
/// comment is judged beside does not depend on the number of cores.
pub struct Reader {
    lines: Lines,
    threads: Threads,
    judge: Arc<Judge>,
    /// What is remembered; none where no rule asks for it.
    recall: Option<Recall>,
}

impl Reader {
    /// A reader of the lines, under the threads.
    pub fn new(lines: Lines, threads: Threads, judge: Arc<Judge>) -> Self {
        // Nobody writes in the future, whatever a file says.
        let now = Time::of_clock(SystemTime::now());
        let recall = judge.policies.site(&judge.site).reads_past().then(|| Recall::new(now));
        Self { lines, threads, judge, recall }
    }
}

impl Iterator for Reader {
    type Item = Result<Job, JsonlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.lines.next_record()?;
        Some(record.and_then(|comment| {
            check(&comment, self.judge.max_text_bytes, &self.lines)?;
            if comment.has_odd_time() {
                return Err(self.lines.fault(ODD_TIME));
            }
            let (place, parent) = self.threads.place(&comment);
            let mut job = Job { comment, place, parent, past: Past::default() };
            if let Some(recall) = &mut self.recall {
                job.past = recall.past(&job, &self.judge.moderator);
            }
            Ok(job)
        }))
    }
}
