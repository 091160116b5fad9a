//! An attribute measured: its scores source by source, each source's figures,
//! their macro average, and the figures of all rows pooled.

use crate::corpus::Corpus;
use crate::metrics::{Figures, Scored};
use std::collections::BTreeMap;
use thresher::attribute::Attribute;

/// A row of the corpus with its score and label.
#[derive(Clone, Copy, Debug)]
pub struct RowScore {
    /// The row.
    pub row: u32,
    /// Its score and label.
    pub scored: Scored,
}

/// The rows of one source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Index of the set.
    pub set: u32,
    /// Its rows.
    pub rows: Vec<RowScore>,
    /// Their figures.
    pub figures: Figures,
}

/// One attribute on all sources that have labels for it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The attribute.
    pub attribute: Attribute,
    /// Whether `OFF_TOPIC` was measured by moving comments to other threads.
    pub swapped: bool,
    /// The sources, in the order of their sets.
    pub sources: Vec<Source>,
    /// The mean of the sources' figures, each by its set's weight.
    pub macro_average: Figures,
    /// The figures of all rows taken together. Sources differ in their share
    /// of positives, which alone can make these high or low.
    pub pooled: Figures,
}

impl Measured {
    /// Sorts rows by source and computes all figures; `None` without rows.
    pub fn new(
        corpus: &Corpus,
        attribute: Attribute,
        swapped: bool,
        rows: impl IntoIterator<Item = RowScore>,
    ) -> Option<Measured> {
        let mut by_set: BTreeMap<u32, Vec<RowScore>> = BTreeMap::new();
        for row in rows {
            by_set.entry(corpus.rows[row.row as usize].set).or_default().push(row);
        }
        let sources: Vec<Source> = by_set
            .into_iter()
            .map(|(set, rows)| Source { set, figures: Figures::new(&scored(&rows)), rows })
            .collect();
        let weighed: Vec<(f32, &Figures)> =
            sources.iter().map(|s| (corpus.sets[s.set as usize].weight, &s.figures)).collect();
        let macro_average = Figures::macro_average(&weighed);
        let pooled = match sources.as_slice() {
            [] => return None,
            [only] => only.figures,
            _ => Figures::new(&sources.iter().flat_map(|s| scored(&s.rows)).collect::<Vec<_>>()),
        };
        Some(Measured { attribute, swapped, sources, macro_average, pooled })
    }

    /// All rows, source by source.
    pub fn rows(&self) -> impl Iterator<Item = &RowScore> {
        self.sources.iter().flat_map(|source| &source.rows)
    }
}

fn scored(rows: &[RowScore]) -> Vec<Scored> {
    rows.iter().map(|row| row.scored).collect()
}
