//! Judges batches of comments.

use super::super::Judge;
use super::super::answer::Answer;
use super::super::job::{Job, Memory};
use std::sync::Arc;

/// Judges on one core.
pub struct Worker {
    judge: Arc<Judge>,
    memory: Memory,
}

impl Worker {
    /// A worker with empty hands.
    pub fn new(judge: Arc<Judge>) -> Self {
        Self { judge, memory: Memory::default() }
    }

    /// The answers for a batch, one line for each comment.
    pub fn answers(&mut self, jobs: &[Job]) -> Vec<u8> {
        let mut lines = Vec::new();
        for job in jobs {
            self.answer(job, &mut lines);
        }
        lines
    }

    fn answer(&mut self, job: &Job, lines: &mut Vec<u8>) {
        let Judge { moderator, policies, site, explain, .. } = &*self.judge;
        let policy = policies.site(site);
        let assessment = self.memory.assess(job, moderator, policy, *explain);
        let (model_version, policy_version) = (moderator.model().version(), policy.version());
        Answer::new(Some(&job.comment.id), assessment, *explain, model_version, policy_version)
            .with_checks(&assessment.checks)
            .write(lines);
    }
}
