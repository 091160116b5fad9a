//! The whole pipeline: a comment in, an assessment out.

mod explain;
mod golden;
mod phases;

use crate::attribute::{Attribute, AttributeSet, PerAttribute};
use crate::comment::{Comment, Thread};
use crate::features::surface::{self, DENSE};
use crate::features::thread::{self, Analyzed, ThreadScratch};
use crate::features::{SparseVec, hashing};
use crate::model::classifier::Decision;
use crate::model::head::THREAD_INPUTS;
use crate::model::{Model, head};
use crate::policy::{Check, SitePolicy, Verdict};
use crate::score::{Scores, Unscored};
use crate::signals::links;
use crate::signals::lists::ListHits;
use crate::signals::past::Past;
use crate::signals::traces::TraceScratch;
use crate::signals::{Facts, Field, Value};
use crate::text::{Analyzer, Document};
use explain::Subject;

pub use crate::features::thread::ThreadProfile;
pub use explain::{Explanation, Reading};
pub use golden::{GOLDEN_TOLERANCE, SelfTestError};
pub use phases::{Laps, Phase};

/// From this inverse document frequency on, a word is rare: one training text
/// in about four hundred has it, or fewer.
const RARE_IDF: f32 = 7.0;

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
    /// Whether the answer explains itself: why each score is what it is, what
    /// disguised words were read as, and every rule that was looked at. Costs
    /// several times as much as scoring, and allocates.
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
    /// A score, or why there is none, for each attribute, as the site takes it.
    pub scores: Scores,
    /// The same as the model gives it, whatever the site.
    pub model_scores: Scores,
    /// The attributes of which the model learned nothing in the language of the
    /// comment: their scores rest on links, numbers and the like.
    pub unfamiliar: AttributeSet,
    /// What to do and why.
    pub verdict: Verdict,
    /// Everything that the policy looked at; empty unless an explanation was
    /// asked for.
    pub checks: Vec<Check>,
    /// The language detected (BCP 47), `und` when it cannot be told.
    pub language_code: &'static str,
    /// Why each score is what it is, in the order of the attributes; empty
    /// unless an explanation was asked for.
    pub explanations: Vec<Explanation>,
    /// What disguised words were read as; empty unless an explanation was asked
    /// for.
    pub readings: Vec<Reading>,
}

/// Working memory for [`Moderator::assess`], to be reused from call to call so
/// that scoring allocates nothing once it is warm. One for each thread.
#[derive(Debug)]
pub struct Scratch {
    document: Document,
    vector: SparseVec,
    thread: ThreadScratch,
    hits: ListHits,
    earlier: Earlier,
    traces: TraceScratch,
    approved: Document,
    assessment: Assessment,
}

/// What came before a comment.
#[derive(Debug, Default)]
struct Earlier {
    /// What earlier comments say about it.
    before: Past,
    /// How many links the version of it that was approved did not have.
    new_links: Option<u32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            document: Document::default(),
            vector: SparseVec::default(),
            thread: ThreadScratch::default(),
            hits: ListHits::default(),
            earlier: Earlier::default(),
            traces: TraceScratch::default(),
            approved: Document::default(),
            assessment: Assessment {
                scores: PerAttribute::from_fn(|_| Err(Unscored::NotRequested)),
                model_scores: PerAttribute::from_fn(|_| Err(Unscored::NotRequested)),
                unfamiliar: AttributeSet::EMPTY,
                verdict: Verdict::default(),
                checks: Vec::new(),
                language_code: "und",
                explanations: Vec::new(),
                readings: Vec::new(),
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

    /// Judges one comment; nothing is known of earlier ones.
    pub fn assess<'s>(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        policy: &SitePolicy,
        ask: Ask,
        scratch: &'s mut Scratch,
    ) -> &'s Assessment {
        self.assess_after(comment, thread, policy, ask, |_, _| Past::default(), scratch, &mut ())
    }

    /// Judges one comment after others: `recall` says what those say about it,
    /// when it is shown the analysed text and some working memory. That is all
    /// that the answer depends on beside the arguments. Says when each phase is
    /// over.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is of another kind, and all calls are in three files"
    )]
    pub fn assess_after<'s>(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        policy: &SitePolicy,
        ask: Ask,
        recall: impl FnOnce(&Document, &mut TraceScratch) -> Past,
        scratch: &'s mut Scratch,
        laps: &mut impl Laps,
    ) -> &'s Assessment {
        self.analyzer.analyze(comment.text(), comment.format(), &mut scratch.document);
        laps.lap(Phase::Analyse);
        self.judge(comment, thread, policy, ask, recall, scratch, laps);
        &scratch.assessment
    }

    /// Judges a comment that was judged last with `read`, by another moderator or
    /// policy: what was read of its text and of earlier comments then is not read
    /// again.
    pub fn assess_again<'s>(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        policy: &SitePolicy,
        ask: Ask,
        read: &mut Scratch,
        scratch: &'s mut Scratch,
    ) -> &'s Assessment {
        let past = read.earlier.before;
        std::mem::swap(&mut read.document, &mut scratch.document);
        self.judge(comment, thread, policy, ask, |_, _| past, scratch, &mut ());
        std::mem::swap(&mut read.document, &mut scratch.document);
        &scratch.assessment
    }

    /// Judges a comment whose text has been read.
    #[expect(clippy::too_many_arguments, reason = "what `assess_after` takes, which is its only other part")]
    fn judge(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        policy: &SitePolicy,
        ask: Ask,
        recall: impl FnOnce(&Document, &mut TraceScratch) -> Past,
        scratch: &mut Scratch,
        laps: &mut impl Laps,
    ) {
        let Scratch { document, vector, thread: thread_scratch, hits, earlier, traces, approved, assessment } =
            scratch;
        self.model.vectorizer().transform(document, vector);
        laps.lap(Phase::Vectorise);
        let (scores, inputs) = self.score(comment, thread, ask.attributes, document, vector, thread_scratch);
        laps.lap(Phase::Score);
        assessment.model_scores = scores;
        assessment.language_code = document.language().code();
        assessment.unfamiliar = self.model.unfamiliar(assessment.language_code);
        assessment.scores = policy.scoring().settle(&scores, assessment.unfamiliar);
        *earlier = Earlier {
            before: recall(document, traces),
            new_links: new_links(&self.analyzer, comment, document, policy, approved),
        };
        let facts = facts(comment, document, earlier, &assessment.scores, policy, hits);
        policy.decide_on(&assessment.scores, &facts, &mut assessment.verdict);
        assessment.checks.clear();
        assessment.explanations.clear();
        assessment.readings.clear();
        if ask.explain {
            assessment.checks = policy.explain(&assessment.scores, &facts);
            let subject = Subject { original: comment.text(), document, vector, inputs: &inputs };
            assessment.explain(&subject, &self.model, policy);
        }
        laps.lap(Phase::Policy);
    }

    /// The scores of a comment that was read, and what the heads made them of.
    fn score(
        &self,
        comment: &Comment<'_>,
        thread: Option<&ThreadProfile>,
        attributes: AttributeSet,
        document: &Document,
        vector: &SparseVec,
        thread_scratch: &mut ThreadScratch,
    ) -> (Scores, Inputs) {
        let decision = self.model.classifier().decision_function(vector);
        let mut dense = [0.0; DENSE];
        surface::dense(document.surface(), &mut dense);
        let text_inputs = head::text_inputs(&decision, &dense);
        let mut thread_inputs = None;
        let scores = PerAttribute::from_fn(|attribute| {
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
            Ok(head.score(thread_inputs.insert(head::thread_inputs(&similarity, &dense))))
        });
        (scores, Inputs { decision, dense, thread: thread_inputs })
    }

    /// Judges a comment without scoring it, for want of a model or of time:
    /// rules and lists that need no score count, and the policy says what to
    /// answer in place of the scores.
    pub fn assess_unscored<'s>(
        comment: &Comment<'_>,
        why: Unscored,
        policy: &SitePolicy,
        ask: Ask,
        recall: impl FnOnce(&Document, &mut TraceScratch) -> Past,
        scratch: &'s mut Scratch,
    ) -> &'s Assessment {
        let Scratch { document, hits, earlier, traces, approved, assessment, .. } = scratch;
        let analyzer = Analyzer::default();
        analyzer.analyze(comment.text(), comment.format(), document);
        *earlier = Earlier {
            before: recall(document, traces),
            new_links: new_links(&analyzer, comment, document, policy, approved),
        };
        assessment.scores = PerAttribute::from_fn(|attribute| {
            Err(if ask.attributes.contains(attribute) { why } else { Unscored::NotRequested })
        });
        assessment.model_scores = assessment.scores;
        assessment.unfamiliar = AttributeSet::EMPTY;
        assessment.language_code = document.language().code();
        assessment.explanations.clear();
        assessment.readings.clear();
        let facts = facts(comment, document, earlier, &assessment.scores, policy, hits);
        policy.decide_on(&assessment.scores, &facts, &mut assessment.verdict);
        assessment.checks = if ask.explain { policy.explain(&assessment.scores, &facts) } else { Vec::new() };
        assessment
    }

    /// What is to be known of a comment's text before it is judged: what earlier
    /// comments say about it, or its traces.
    pub fn recall<T>(
        comment: &Comment<'_>,
        scratch: &mut Scratch,
        recall: impl FnOnce(&Document, &mut TraceScratch) -> T,
    ) -> T {
        Analyzer::default().analyze(comment.text(), comment.format(), &mut scratch.document);
        recall(&scratch.document, &mut scratch.traces)
    }

    /// Whether a word, in lower case, is no surprise: it is common in the
    /// texts that the model was trained on, or the thread is about it.
    pub fn expects(&self, word: &str, thread: Option<&ThreadProfile>) -> bool {
        let bucket = hashing::bucket(hashing::hash(word.as_bytes(), hashing::seed::WORD));
        let vectorizer = self.model.vectorizer();
        let idf = vectorizer.column(bucket).map(|column| vectorizer.idf(column));
        idf.is_some_and(|idf| idf < RARE_IDF) || thread.is_some_and(|thread| thread.is_about(bucket))
    }

    /// Decides the comment that was assessed last with `scratch` once more, by
    /// scores as the policy's site takes them ([`Scoring::settle`]), without
    /// scoring it again.
    ///
    /// [`Scoring::settle`]: crate::policy::Scoring::settle
    pub fn decide(
        &self,
        comment: &Comment<'_>,
        scores: &Scores,
        policy: &SitePolicy,
        scratch: &mut Scratch,
        verdict: &mut Verdict,
    ) {
        let Scratch { document, earlier, hits, approved, .. } = scratch;
        earlier.new_links = new_links(&self.analyzer, comment, document, policy, approved);
        let facts = facts(comment, document, earlier, scores, policy, hits);
        policy.decide_on(scores, &facts, verdict);
    }
}

/// What the heads of one comment were given.
struct Inputs {
    decision: Decision,
    dense: [f32; DENSE],
    /// For `OFF_TOPIC`, when it was scored.
    thread: Option<[f32; THREAD_INPUTS]>,
}

impl Assessment {
    /// The attributes with a score of which the model learned nothing in the
    /// language of the comment.
    pub fn unfamiliar(&self) -> impl Iterator<Item = Attribute> {
        let is_scored = |&a: &Attribute| self.scores[a].is_ok() && self.unfamiliar.contains(a);
        Attribute::ALL.into_iter().filter(is_scored)
    }

    /// Explains every score, and gives each reason the spans of its attribute.
    fn explain(&mut self, subject: &Subject<'_>, model: &Model, policy: &SitePolicy) {
        let is_scored = PerAttribute::from_fn(|attribute| self.scores[attribute].is_ok());
        self.explanations = explain::explanations(subject, model, &is_scored);
        for explanation in &mut self.explanations {
            explanation.calibrate(policy.scoring().calibration[explanation.attribute]);
        }
        self.readings = explain::readings(subject.original, subject.document, model.vectorizer());
        for reason in &mut self.verdict.reasons {
            let of = |explanation: &&Explanation| Some(explanation.attribute) == reason.rule.attribute();
            if let Some(explanation) = self.explanations.iter().find(of) {
                reason.spans.clone_from(&explanation.spans);
            }
        }
    }
}

/// How many links of a comment the version that was approved before did not
/// have; none when there was no such version, or no rule would ask.
fn new_links(
    analyzer: &Analyzer,
    comment: &Comment<'_>,
    document: &Document,
    policy: &SitePolicy,
    approved: &mut Document,
) -> Option<u32> {
    let text = comment.context().approved_text();
    if text.trim().is_empty() || !policy.has_rules() {
        return None;
    }
    analyzer.analyze(text, comment.format(), approved);
    Some(links::count_new((comment.text(), document), (text, approved)))
}

/// What the policy looks at.
fn facts<'f>(
    comment: &Comment<'f>,
    document: &'f Document,
    earlier: &Earlier,
    scores: &Scores,
    policy: &SitePolicy,
    hits: &'f mut ListHits,
) -> Facts<'f> {
    match policy.lists() {
        Some(lists) => lists.find(comment, document, hits),
        None => hits.clear(),
    }
    let facts = Facts::of_author(comment, scores);
    let facts = if policy.has_rules() { facts.with_signals(comment, document, hits) } else { facts };
    let facts = match earlier.new_links {
        Some(count) => facts.with(Field::CommentNewLinks, Value::Number(f64::from(count))),
        None => facts,
    };
    if policy.reads_past() { facts.with_past(comment, &earlier.before) } else { facts }
}
