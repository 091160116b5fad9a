//! Judges batches of comments.

use super::super::Judge;
use super::super::answer::Answer;
use super::super::context::{Place, Profiles};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use thresher::attribute::AttributeSet;
use thresher::comment::Comment;
use thresher::jsonl::CommentRecord;
use thresher::moderator::{Ask, Scratch};

/// A comment that was checked, with what it is judged beside.
pub struct Job {
    /// The comment; its text is not blank and within the limit.
    pub comment: CommentRecord,
    /// Where it was posted.
    pub place: Option<Place>,
    /// The text of the comment that it answers.
    pub parent: Option<String>,
}

/// Comments that follow one another, and where their answers go.
pub struct Batch {
    /// The comments.
    pub jobs: Vec<Job>,
    /// Takes the answers, one line for each comment, once.
    pub answers: SyncSender<Vec<u8>>,
}

/// Judges on one core.
pub struct Worker {
    judge: Arc<Judge>,
    explain: bool,
    profiles: Profiles,
    scratch: Scratch,
}

impl Worker {
    /// A worker with empty hands.
    pub fn new(judge: Arc<Judge>, explain: bool) -> Self {
        Self { judge, explain, profiles: Profiles::default(), scratch: Scratch::default() }
    }

    /// Takes batches until there are no more.
    pub fn run(mut self, batches: &Mutex<Receiver<Batch>>) {
        loop {
            // Whoever holds the lock only waits in it, and cannot leave
            // anything half-done behind.
            let next = batches.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
            let Ok(Batch { jobs, answers }) = next else { return };
            let mut lines = Vec::new();
            for job in &jobs {
                self.answer(job, &mut lines);
            }
            // When the writer has given up, the next batch is the last.
            let _ = answers.send(lines);
        }
    }

    fn answer(&mut self, job: &Job, lines: &mut Vec<u8>) {
        let Judge { moderator, policies, site, max_text_bytes } = &*self.judge;
        #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
        let comment = Comment::new(&job.comment.text, *max_text_bytes)
            .expect("the reader passes on no text that is blank or over the limit")
            .with_format(job.comment.format.unwrap_or_default())
            .with_parent(job.parent.as_deref().unwrap_or_default());
        let scratch = &mut self.scratch;
        let thread = job.place.as_ref().and_then(|place| self.profiles.of(place, moderator, scratch));
        let policy = policies.site(site);
        let ask = Ask { attributes: AttributeSet::ALL, explain: self.explain };
        let assessment = moderator.assess(&comment, thread.as_ref(), policy, ask, scratch);
        let (model_version, policy_version) = (moderator.model().version(), policy.version());
        Answer::new(Some(&job.comment.id), assessment, self.explain, model_version, policy_version)
            .write(lines);
    }
}
