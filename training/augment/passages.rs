//! The passages of harmless comments as rows of their own. A comment is harmless if
//! all that it says is; what is bad about a bad one stands somewhere in it, and
//! nobody has said where. A classifier that has seen whole comments alone finds many
//! a harmless sentence bad out of its company, and its worst passage is then no proof.

use crate::corpus::{Corpus, Row};
use crate::draw::Draws;
use thresher::attribute::{Attribute, PerAttribute};
use thresher::comment::Format;
use thresher::features::passage;
use thresher::text::{Analyzer, Document};

/// What a passage weighs in training beside the comment it is from.
const WEIGHT: f32 = 0.3;

/// A share of the passages of the rows that were read and are harmless by a label,
/// each with the labels that say so. Of `SPAM`, copies in harmless company teach as
/// much already, and this costs its sources .004 of area on average.
pub fn rows(corpus: &Corpus, share: f32, seed: u64) -> Vec<Row> {
    let analyzer = Analyzer::default();
    let (mut document, mut boundaries) = (Document::default(), Vec::new());
    let mut made = Vec::new();
    for (at, row) in corpus.rows.iter().enumerate() {
        let labels = PerAttribute::from_fn(|attribute| {
            let is_taught = !matches!(attribute, Attribute::Spam | Attribute::OffTopic);
            row.labels[attribute].filter(|&label| is_taught && label < 0.5)
        });
        if row.made || row.format != Format::Plain || labels.iter().all(|(_, label)| label.is_none()) {
            continue;
        }
        analyzer.analyze(&row.text, row.format, &mut document);
        passage::boundaries(&document, &mut boundaries);
        if boundaries.is_empty() {
            continue;
        }
        // Another stream than that of rewriting.
        let mut draws = Draws::new(seed ^ 0x7061_7373, row.key);
        let mut begin = 0;
        for end in boundaries.iter().copied().chain([document.body().len() as u32]) {
            let range = document.original_range(begin, end);
            begin = end;
            let Some(text) = row.text.get(range).map(str::trim) else { continue };
            if draws.below(1_000_000) as f32 >= share * 1e6 || text.is_empty() {
                continue;
            }
            made.push(Row {
                text: text.to_owned(),
                labels,
                weight: row.weight * WEIGHT,
                thread: None,
                parent: None,
                soft: None,
                made: true,
                company: Some(at as u32),
                ..row.clone()
            });
        }
    }
    made
}
