//! Rows scored as a server would score them: by the whole pipeline, under
//! their own thread.

use crate::corpus::{Corpus, Row};
use crate::progress;
use crate::topic::RECENT;
use anyhow::Result;
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::Path;
use thresher::attribute::{Attribute, AttributeSet, PerAttribute};
use thresher::comment::{Comment, Thread};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Policies, SitePolicy};

/// A score for each attribute that the model has one for.
pub type RowScores = PerAttribute<Option<f32>>;

/// A moderator with the model of a file, or with the shipped one.
pub fn moderator(model: Option<&Path>) -> Result<Moderator> {
    let model = match model {
        Some(path) => Model::open(path)?,
        None => Model::shipped()?,
    };
    Ok(Moderator::new(model))
}

/// The rows with a label for any attribute.
pub fn labelled(corpus: &Corpus) -> Vec<u32> {
    let any = |row: &Row| row.labels.iter().any(|(_, label)| label.is_some());
    (0..corpus.rows.len() as u32).filter(|&r| any(&corpus.rows[r as usize])).collect()
}

/// The scores of some rows, in their order.
pub fn score(corpus: &Corpus, moderator: &Moderator, rows: &[u32]) -> Result<Vec<RowScores>> {
    score_as(corpus, moderator, rows, AttributeSet::ALL, |row| Cow::Borrowed(&corpus.rows[row as usize].text))
}

/// The scores of some attributes that some rows would have with other texts in
/// their place.
pub fn score_as<'t>(
    corpus: &Corpus,
    moderator: &Moderator,
    rows: &[u32],
    attributes: AttributeSet,
    text: impl Fn(u32) -> Cow<'t, str> + Sync,
) -> Result<Vec<RowScores>> {
    let policies = Policies::embedded()?;
    let ask = Ask { attributes, ..Ask::default() };
    let bar = progress::bar("scoring", rows.len() as u64);
    let scores = rows
        .par_iter()
        .map_init(Scratch::default, |scratch, &row| {
            bar.inc(1);
            assess(corpus, moderator, policies.site(""), ask, row, &text(row), scratch)
        })
        .collect();
    bar.finish_and_clear();
    Ok(scores)
}

fn assess(
    corpus: &Corpus,
    moderator: &Moderator,
    policy: &SitePolicy,
    ask: Ask,
    row: u32,
    text: &str,
    scratch: &mut Scratch,
) -> RowScores {
    let at = &corpus.rows[row as usize];
    // Nothing else is judged against the thread.
    let thread = at.thread.filter(|_| ask.attributes.contains(Attribute::OffTopic));
    let profile = thread.and_then(|t| {
        let texts = &corpus.threads[t as usize];
        let recent = corpus.earlier(row, t, RECENT);
        let thread = Thread { title: &texts.title, body: &texts.body, recent_texts: &recent };
        moderator.profile(&thread, scratch)
    });
    let Ok(comment) = Comment::new(text, usize::MAX) else { return PerAttribute::default() };
    let mut comment = comment.with_format(at.format);
    if let Some(parent) = &at.parent {
        comment = comment.with_parent(parent);
    }
    let assessment = moderator.assess(&comment, profile.as_ref(), policy, ask, scratch);
    PerAttribute::from_fn(|a| assessment.scores[a].ok().map(|score| score.get()))
}
