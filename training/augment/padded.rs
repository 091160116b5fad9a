//! Comments in harmless company: copies of rows with another comment of the data
//! before or behind them, as those write who hide an advertisement in talk. The
//! copy of spam is spam; that of a harmless comment is harmless, so that neither
//! length nor a change of tone proves anything.

use crate::corpus::{Corpus, Row};
use crate::draw::Draws;
use thresher::attribute::{Attribute, PerAttribute};
use thresher::comment::Format;

/// What a copy weighs in training beside its row: as much as lets a classifier
/// learn from it and not for its sake.
const WEIGHT: f32 = 0.3;

/// The company is so long, in bytes: no remark, and no essay.
const LENGTHS: std::ops::RangeInclusive<usize> = 60..=400;

/// How many comments are looked at for one that is long enough.
const TRIES: usize = 16;

/// Copies of a share of the rows labelled for `SPAM`, those that the trainer made
/// among them, in company of comments that were read.
pub fn rows(corpus: &Corpus, share: f32, seed: u64) -> Vec<Row> {
    let label = |row: &Row| row.labels[Attribute::Spam].filter(|_| row.format == Format::Plain);
    let mut harmless: Vec<Vec<u32>> = vec![Vec::new(); corpus.sets.len()];
    for (at, row) in corpus.rows.iter().enumerate() {
        if !row.made && label(row).is_some_and(|label| label < 0.5) {
            harmless[row.set as usize].push(at as u32);
        }
    }
    harmless.retain(|rows| !rows.is_empty());
    if harmless.is_empty() {
        return Vec::new();
    }
    let mut made = Vec::new();
    for row in corpus.rows.iter().filter(|row| label(row).is_some()) {
        // Another stream than that of rewriting.
        let mut draws = Draws::new(seed ^ 0x7061_6464, row.key);
        if draws.below(1_000_000) as f32 >= share * 1e6 {
            continue;
        }
        // From every set alike: no source is the mark of the harmless.
        let mut draw = || {
            let set = draws.below(harmless.len());
            harmless[set][draws.below(harmless[set].len())]
        };
        let fits = |&other: &u32| {
            let other = &corpus.rows[other as usize];
            LENGTHS.contains(&other.text.len()) && other.key != row.key
        };
        let Some(other) = (0..TRIES).map(|_| draw()).find(fits) else { continue };
        let (own, company) = (row.text.trim(), corpus.rows[other as usize].text.trim());
        let between = draws.pick(&["\n\n", "\n", " "]);
        let text = match draws.one_in(2) {
            true => format!("{own}{between}{company}"),
            false => format!("{company}{between}{own}"),
        };
        made.push(Row {
            text,
            labels: PerAttribute::from_fn(|a| row.labels[a].filter(|_| a == Attribute::Spam)),
            weight: row.weight * WEIGHT,
            thread: None,
            parent: None,
            soft: None,
            made: true,
            company: Some(other),
            ..row.clone()
        });
    }
    made
}
