//! The whole pipeline: a comment in, an assessment out.

mod explain;
mod golden;

use crate::attribute::{Attribute, AttributeSet, PerAttribute};
use crate::comment::{Comment, Thread};
use crate::features::SparseVec;
use crate::features::surface::{self, DENSE};
use crate::features::thread::{self, Analyzed, ThreadScratch};
use crate::model::{Model, head};
use crate::policy::{Check, SitePolicy, Verdict};
use crate::score::{Scores, Unscored};
use crate::signals::Facts;
use crate::signals::lists::ListHits;
use crate::text::{Analyzer, Document};

pub use crate::features::thread::ThreadProfile;
pub use golden::{GOLDEN_TOLERANCE, SelfTestError};

/// Judges comments with one model. Pure: no I/O, clock or randomness.
#[derive(Debug)]
pub struct Moderator {
    analyzer: Analyzer,
    model: Model,
}

/// What the caller wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The attributes to score; the others are [`Unscored::NotRequested`].
    pub attributes: AttributeSet,
    /// Whether the answer explains itself: every rule that was looked at, and
    /// for each reason the spans of text that weighed most. Costs about as much
    /// again as scoring, and allocates.
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
    /// Everything that the policy looked at; empty unless an explanation was
    /// asked for.
    pub checks: Vec<Check>,
    /// The language detected (BCP 47), `und` when it cannot be told.
    pub language_code: &'static str,
}

/// Working memory for [`Moderator::assess`], to be reused from call to call so
/// that scoring allocates nothing once it is warm. One for each thread.
#[derive(Debug)]
pub struct Scratch {
    document: Document,
    vector: SparseVec,
    thread: ThreadScratch,
    hits: ListHits,
    assessment: Assessment,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            document: Document::default(),
            vector: SparseVec::default(),
            thread: ThreadScratch::default(),
            hits: ListHits::default(),
            assessment: Assessment {
                scores: PerAttribute::from_fn(|_| Err(Unscored::NotRequested)),
                verdict: Verdict::default(),
                checks: Vec::new(),
                language_code: "und",
            },
        }
    }
}

impl Moderator {
    /// A moderator that scores with `model`.
    pub fn new(model: Model) -> Self {
        Self { analyzer: Analyzer::default(), model }
    }

    /// The model in use.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Reads a thread, once for all the comments judged against it. `None`
    /// when it has no text at all.
    pub fn profile(&self, thread: &Thread<'_>, scratch: &mut Scratch) -> Option<ThreadProfile> {
        ThreadProfile::new(thread, &self.analyzer, self.model.vectorizer(), &mut scratch.thread)
    }

    /// The same thread under other recent comments; cheaper than reading its
    /// title and body again.
    pub fn profile_with_recent(
        &self,
        profile: &ThreadProfile,
        recent_texts: &[String],
        scratch: &mut Scratch,
    ) -> ThreadProfile {
        profile.with_recent(recent_texts, &self.analyzer, self.model.vectorizer(), &mut scratch.thread)
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
        let Scratch { document, vector, thread: thread_scratch, hits, assessment } = scratch;
        assessment.scores = self.score(comment, thread, ask.attributes, document, vector, thread_scratch);
        assessment.language_code = document.language().code();
        let facts = facts(comment, document, &assessment.scores, policy, hits);
        policy.decide_on(&assessment.scores, &facts, &mut assessment.verdict);
        assessment.checks.clear();
        if ask.explain {
            assessment.checks = policy.explain(&assessment.scores, &facts);
            for reason in &mut assessment.verdict.reasons {
                let Some(attribute) = reason.rule.attribute() else { continue };
                reason.spans = explain::spans(comment.text(), attribute, document, vector, &self.model);
            }
        }
        assessment
    }

    /// The scores of a comment. What was read of it stays in `document` and
    /// `vector`.
    fn score(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        attributes: AttributeSet,
        document: &mut Document,
        vector: &mut SparseVec,
        thread_scratch: &mut ThreadScratch,
    ) -> Scores {
        self.analyzer.analyze(comment.text(), comment.format(), document);
        self.model.vectorizer().transform(document, vector);
        let margins = self.model.classifier().decision_function(vector);
        let mut dense = [0.0; DENSE];
        surface::dense(document.surface(), &mut dense);
        let text_inputs = head::text_inputs(&margins, &dense);
        PerAttribute::from_fn(|attribute| {
            if !attributes.contains(attribute) {
                return Err(Unscored::NotRequested);
            }
            let head = self.model.heads()[attribute].as_ref().ok_or(Unscored::NotTrained)?;
            if attribute != Attribute::OffTopic {
                return Ok(head.score(&text_inputs));
            }
            let profile = thread.ok_or(Unscored::NoThread)?;
            let analyzed = Analyzed { document, vector };
            let (analyzer, vectorizer) = (&self.analyzer, self.model.vectorizer());
            let similarity =
                thread::similarity(analyzed, profile, comment.parent(), analyzer, vectorizer, thread_scratch);
            Ok(head.score(&head::thread_inputs(&similarity, &dense)))
        })
    }

    /// Decides the comment that was assessed last with `scratch` once more, by
    /// scores it has and another policy, without scoring it again.
    pub fn decide(
        &self,
        comment: &Comment<'_>,
        scores: &Scores,
        policy: &SitePolicy,
        scratch: &mut Scratch,
        verdict: &mut Verdict,
    ) {
        let facts = facts(comment, &scratch.document, scores, policy, &mut scratch.hits);
        policy.decide_on(scores, &facts, verdict);
    }
}

/// What the policy looks at.
fn facts<'f>(
    comment: &Comment<'f>,
    document: &'f Document,
    scores: &Scores,
    policy: &SitePolicy,
    hits: &'f mut ListHits,
) -> Facts<'f> {
    match policy.lists() {
        Some(lists) => lists.find(comment, document, hits),
        None => hits.clear(),
    }
    let facts = Facts::of_author(comment, scores);
    if policy.has_rules() { facts.with_signals(comment, document, hits) } else { facts }
}
