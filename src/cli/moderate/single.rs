//! One comment from the command line.

use super::answer::Answer;
use super::readable::{Readable, write};
use super::{Judge, One};
use crate::cli::failure::Failure;
use crate::cli::terminal::{self, Colours};
use thresher::attribute::AttributeSet;
use thresher::comment::{Comment, Thread};
use thresher::moderator::{Ask, Scratch};

/// Judges the text and answers for people or, when asked to, in JSON.
pub fn run(one: &One, text: &str, judge: &Judge) -> Result<(), Failure> {
    let comment = Comment::new(text, judge.max_text_bytes)
        .map_err(|error| Failure::usage(format!("--text {error}")))?
        .with_format(one.format.into())
        .with_parent(one.parent.as_deref().unwrap_or_default());
    let thread = Thread {
        title: one.title.as_deref().unwrap_or_default(),
        body: one.body.as_deref().unwrap_or_default(),
        recent_texts: &[],
    };
    let mut scratch = Scratch::default();
    let profile = judge.moderator.profile(&thread, &mut scratch);
    let policy = judge.policies.site(&judge.site);
    let ask = Ask { attributes: AttributeSet::ALL, explain: true };
    let assessment = judge.moderator.assess(&comment, profile.as_ref(), policy, ask, &mut scratch);

    let (model_version, policy_version) = (judge.moderator.model().version(), policy.version());
    if one.json {
        let mut line = Vec::new();
        let checks = if judge.explain { assessment.checks.as_slice() } else { &[] };
        Answer::new(None, assessment, true, model_version, policy_version)
            .with_checks(checks)
            .write(&mut line);
        return terminal::print(&String::from_utf8_lossy(&line));
    }
    let readable =
        Readable { text, assessment, policy, model_version, site: &judge.site, explain: judge.explain };
    terminal::print(&write(&readable, Colours::for_stdout()))
}
