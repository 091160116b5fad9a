//! A comment of a file, with what it is judged beside.

use super::context::{Place, Profiles};
use crate::cli::pipeline::Item;
use thresher::attribute::AttributeSet;
use thresher::comment::{Comment, ThreadFacts, Wrong};
use thresher::jsonl::{CommentRecord, JsonlError, Lines, MAX_LINE_BYTES};
use thresher::moderator::{Ask, Assessment, Moderator, Scratch};
use thresher::policy::{SitePolicy, Verdict};
use thresher::score::Scores;
use thresher::signals::past::Past;

/// A comment that was checked, with what it is judged beside.
pub struct Job {
    /// The comment; its text passed [`check`].
    pub comment: CommentRecord,
    /// Where it was posted.
    pub place: Option<Place>,
    /// The text of the comment that it answers.
    pub parent: Option<String>,
    /// What the comments before it say about it.
    pub past: Past,
}

impl Job {
    /// The comment as it is judged.
    pub fn as_comment(&self) -> Comment<'_> {
        #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
        let comment = Comment::new(&self.comment.text, MAX_LINE_BYTES)
            .expect("a job's text was checked: it is not blank, and its line was within the limit")
            .with_format(self.comment.format.unwrap_or_default())
            .with_parent(self.parent.as_deref().unwrap_or_default());
        let facts = self.place.as_ref().map(Place::facts).unwrap_or_default();
        #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
        let context = self.comment.claims(facts).check().expect("comment and thread were checked when read");
        comment.with_context(context)
    }
}

impl Item for Job {
    fn bytes(&self) -> usize {
        self.comment.text.len() + self.place.as_ref().map_or(0, Place::bytes)
    }
}

/// Whether the comment that was read last from `lines` can be judged.
pub fn check(comment: &CommentRecord, max_text_bytes: usize, lines: &Lines) -> Result<(), JsonlError> {
    Comment::new(&comment.text, max_text_bytes)
        .map_err(|error| lines.fault(format!("field `text` {error}")))?;
    match comment.claims(ThreadFacts::default()).check() {
        Ok(_) => Ok(()),
        Err(wrong) => Err(lines.fault(wrong_fields(&wrong, "thread_id"))),
    }
}

/// What is wrong with a `created_at` that is no time.
pub const ODD_TIME: &str =
    "field `created_at` must be a time as RFC 3339 has it, such as 2026-05-03T09:12:00Z";

/// All that is wrong, with the fields named as in files; what names a thread has
/// another name in files of threads than in those of comments.
pub fn wrong_fields(wrong: &[Wrong], thread_id: &str) -> String {
    let told =
        wrong.iter().map(|Wrong { field, what }| format!("field `{}` {what}", in_file(field, thread_id)));
    told.collect::<Vec<_>>().join("; ")
}

/// What a field of the API is called in files.
fn in_file(field: &str, thread_id: &str) -> String {
    match field.split_once('.') {
        Some(("author", "author_id")) => "author".to_owned(),
        Some(("author", field)) => format!("author_details.{field}"),
        Some(("thread", "thread_id")) => thread_id.to_owned(),
        Some(("thread", field)) => field.to_owned(),
        _ => field.to_owned(),
    }
}

/// What one core remembers while it judges comments of a file with one model.
#[derive(Default)]
pub struct Memory {
    profiles: Profiles,
    scratch: Scratch,
}

impl Memory {
    /// Judges a comment in its place.
    pub fn assess(
        &mut self,
        job: &Job,
        moderator: &Moderator,
        policy: &SitePolicy,
        explain: bool,
    ) -> &Assessment {
        let Memory { profiles, scratch } = self;
        let comment = job.as_comment();
        let thread = job.place.as_ref().and_then(|place| profiles.of(place, moderator, scratch));
        let ask = Ask { attributes: AttributeSet::ALL, explain };
        moderator.assess_after(&comment, thread.as_ref(), policy, ask, |_, _| job.past, scratch, &mut ())
    }

    /// Decides the comment that was assessed last once more, under another
    /// policy.
    pub fn decide(
        &mut self,
        job: &Job,
        moderator: &Moderator,
        scores: &Scores,
        policy: &SitePolicy,
        verdict: &mut Verdict,
    ) {
        moderator.decide(&job.as_comment(), scores, policy, &mut self.scratch, verdict);
    }
}
