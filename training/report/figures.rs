//! The figures of one attribute, ready to be written as JSON and as a page.

use crate::corpus::Corpus;
use crate::measured::{Measured, RowScore, Source};
use crate::metrics::curves::{Bin, Counts, Curves, Histogram, calibration_bins, roc_of_source};
use crate::metrics::{Figures, Scored};
use serde::Serialize;

/// How many of the worst mistakes of each kind are listed.
const MISTAKES: usize = 15;

/// A text is shown up to so many characters.
const MAX_CHARACTERS: usize = 500;

/// One attribute's figures.
#[derive(Clone, Debug, Serialize)]
pub struct AttributeFigures {
    /// The attribute's name.
    pub attribute: &'static str,
    /// Whether comments were moved to other threads to measure `OFF_TOPIC`.
    pub swapped: bool,
    /// The sources, in the order of their sets.
    pub sources: Vec<SourceFigures>,
    /// The mean of the sources, each by its set's weight.
    pub macro_average: Figures,
    /// All rows taken together; so are all figures below.
    pub pooled: Figures,
    /// Rows of each class by score.
    pub histogram: Histogram,
    /// Rows by tenth of the scale, for the reliability diagram.
    pub calibration: [Bin; 10],
    /// The ROC and the precision-recall curve.
    #[serde(flatten)]
    pub curves: Curves,
    /// Rows that reach each threshold.
    pub counts: Counts,
    /// The negatives with the highest scores.
    pub highest_negatives: Vec<Mistake>,
    /// The positives with the lowest scores.
    pub lowest_positives: Vec<Mistake>,
}

/// The figures of one set.
#[derive(Clone, Debug, Serialize)]
pub struct SourceFigures {
    /// The set's name.
    pub set: String,
    /// Its figures, as `evaluate --json` has them.
    #[serde(flatten)]
    pub figures: Figures,
    /// Its own ROC curve, where there are several sources; empty when a class
    /// is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<[f64; 2]>,
}

/// A row that a threshold would get wrong.
#[derive(Clone, Serialize)]
pub struct Mistake {
    /// The name of its set.
    pub set: String,
    /// Its id in the file of its set.
    pub id: String,
    /// Its score, from 0 to 1.
    pub score: f32,
    /// Characters of the text.
    pub length: usize,
    /// The text, cut where it is long, when it is to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl std::fmt::Debug for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mistake").field("score", &self.score).finish_non_exhaustive()
    }
}

impl AttributeFigures {
    /// Computes them; texts are kept only when they are to be shown.
    pub fn new(corpus: &Corpus, measured: &Measured, texts: bool) -> AttributeFigures {
        let scored: Vec<Scored> = measured.rows().map(|row| row.scored).collect();
        let source = |source: &Source| SourceFigures {
            set: corpus.sets[source.set as usize].name.clone(),
            figures: source.figures,
            roc: match measured.sources.len() {
                1 => Vec::new(),
                _ => roc_of_source(&source.rows.iter().map(|row| row.scored).collect::<Vec<_>>()),
            },
        };
        AttributeFigures {
            attribute: measured.attribute.name(),
            swapped: measured.swapped,
            sources: measured.sources.iter().map(source).collect(),
            macro_average: measured.macro_average,
            pooled: measured.pooled,
            histogram: Histogram::new(&scored),
            calibration: calibration_bins(&scored),
            curves: Curves::new(&scored),
            counts: Counts::new(&scored),
            highest_negatives: mistakes(corpus, measured, false, texts),
            lowest_positives: mistakes(corpus, measured, true, texts),
        }
    }

    /// What the page calls it: letters and an underscore, also good as an id.
    pub fn key(&self) -> String {
        if self.swapped { format!("{}-moved", self.attribute) } else { self.attribute.to_owned() }
    }

    /// Rows labelled negative.
    pub fn negatives(&self) -> usize {
        self.pooled.rows - self.pooled.positives
    }
}

/// The rows of a class that are farthest on the other side, the worst first;
/// of equal scores the earlier row.
fn mistakes(corpus: &Corpus, measured: &Measured, positive: bool, texts: bool) -> Vec<Mistake> {
    let mut rows: Vec<&RowScore> = measured.rows().filter(|row| row.scored.positive == positive).collect();
    let order = |a: &&RowScore, b: &&RowScore| {
        let by_score = a.scored.score.total_cmp(&b.scored.score);
        (if positive { by_score } else { by_score.reverse() }).then(a.row.cmp(&b.row))
    };
    if rows.len() > MISTAKES {
        rows.select_nth_unstable_by(MISTAKES, order);
        rows.truncate(MISTAKES);
    }
    rows.sort_by(order);
    let mistake = |row: &RowScore| {
        let at = &corpus.rows[row.row as usize];
        Mistake {
            set: corpus.sets[at.set as usize].name.clone(),
            id: at.id.clone(),
            score: row.scored.score,
            length: at.text.chars().count(),
            text: texts.then(|| cut(&at.text)),
        }
    };
    rows.into_iter().map(mistake).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
