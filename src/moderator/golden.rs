//! The self-test of a model: its golden comments must score as recorded.

use super::{Moderator, Scratch};
use crate::attribute::{Attribute, AttributeSet};
use crate::comment::{Comment, CommentError, Thread};
use crate::model::Model;
use crate::model::golden::{GoldenComment, MAX_GOLDEN_BYTES};
use std::collections::BTreeMap;

/// How far a score may be from the one recorded. On one machine they are the
/// same to the bit; the exponential function of another system's library may
/// differ in the last bits. No change of a feature or a weight stays below it.
pub const GOLDEN_TOLERANCE: f32 = 1e-5;

/// Why a model may not serve although its file is whole.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelfTestError {
    /// A golden comment has another score, or has one and should not, or the
    /// other way round.
    #[error(
        "the model {version} fails its self-test: {attribute} of golden comment {number} is {}, recorded is {}",
        shown(.found),
        shown(.recorded)
    )]
    Differs {
        /// The model's version.
        version: String,
        /// Which golden comment, counted from 1.
        number: usize,
        /// The attribute's name.
        attribute: String,
        /// The score it has here.
        found: Option<f32>,
        /// The score in the model file.
        recorded: Option<f32>,
    },
    /// A golden comment is none.
    #[error("the model {version} fails its self-test: golden comment {number} {why}")]
    NoComment {
        /// The model's version.
        version: String,
        /// Which golden comment, counted from 1.
        number: usize,
        /// What is wrong with its text.
        why: CommentError,
    },
}

fn shown(score: &Option<f32>) -> String {
    score.map_or_else(|| "unscored".to_owned(), |score| score.to_string())
}

impl Moderator {
    /// A moderator with a model that passed its self-test.
    ///
    /// # Errors
    /// When a golden comment scores otherwise than the model file records, by
    /// more than [`GOLDEN_TOLERANCE`]. A file without golden comments passes.
    pub fn tested(model: Model) -> Result<Moderator, SelfTestError> {
        let moderator = Moderator::new(model);
        let metadata = moderator.model.metadata();
        for (i, golden) in metadata.golden.iter().enumerate() {
            let (version, number) = (|| moderator.model.version().to_owned(), i + 1);
            let found = moderator.score_golden(golden);
            let found = found.map_err(|why| SelfTestError::NoComment { version: version(), number, why })?;
            let names = found.keys().chain(golden.scores.keys());
            let agrees = |name: &str| match (found.get(name), golden.scores.get(name)) {
                (Some(found), Some(recorded)) => (found - recorded).abs() <= GOLDEN_TOLERANCE,
                _ => false,
            };
            if let Some(name) = names.filter(|name| !agrees(name)).min() {
                return Err(SelfTestError::Differs {
                    version: version(),
                    number,
                    attribute: name.clone(),
                    found: found.get(name).copied(),
                    recorded: golden.scores.get(name).copied(),
                });
            }
        }
        Ok(moderator)
    }

    /// The scores that a golden comment has with this model, by the names of
    /// the attributes; those without a score are left out. What is recorded in
    /// it does not count.
    ///
    /// # Errors
    /// When its text is blank or longer than [`MAX_GOLDEN_BYTES`].
    pub fn score_golden(&self, golden: &GoldenComment) -> Result<BTreeMap<String, f32>, CommentError> {
        let GoldenComment { text, format, title, body, parent, .. } = golden;
        let comment = Comment::new(text, MAX_GOLDEN_BYTES)?;
        let comment = comment.with_format((*format).into()).with_parent(parent);
        let mut scratch = Scratch::default();
        let thread = Thread { title, body, ..Thread::default() };
        let profile = self.profile(&thread, &mut scratch);
        let Scratch { document, vector, thread, .. } = &mut scratch;
        self.analyzer.analyze(comment.text(), comment.format(), document);
        self.model.vectorizer().transform(document, vector);
        let (scores, _) = self.score(&comment, profile.as_ref(), AttributeSet::ALL, document, vector, thread);
        let scored = |attribute: Attribute| {
            let score = scores[attribute].as_ref().ok()?;
            Some((attribute.name().to_owned(), score.get()))
        };
        Ok(Attribute::ALL.into_iter().filter_map(scored).collect())
    }
}
