//! The words that texts are read by: those that many rows hold.

use crate::corpus::Corpus;
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use thresher::text::dictionary::{Dictionary, LONGEST, RAREST};
use thresher::text::{Analyzer, Document, TokenKind};

/// A word that fewer rows hold is no word of the dictionary: it may be a slip, or
/// somebody's own.
pub const MIN_ROWS: u32 = 5;

/// At most so many words, the commonest first.
const MAX_WORDS: usize = 30_000;

/// The share of all words in the rows that the dictionary has to hold. With less,
/// too much that is no slip would be taken for one, and there is no dictionary.
const LEAST_COVERED: f64 = 0.93;

/// The dictionary is of the languages that so many of its rows are in.
const LEAST_OF_LANGUAGE: f64 = 0.02;

/// What is counted of some rows.
#[derive(Default)]
struct Counts {
    /// How many rows hold each word.
    words: HashMap<Box<str>, u32>,
    /// How many words there are, each time it stands there.
    total: HashMap<Box<str>, u64>,
    languages: HashMap<&'static str, u64>,
}

/// Counts the words of the rows that people wrote and makes a dictionary of them;
/// an empty one where they are too few to tell slips from words.
pub fn fit(corpus: &Corpus, analyzer: &Analyzer, progress: &ProgressBar) -> Dictionary {
    let rows: Vec<_> = corpus.rows.iter().filter(|row| !row.made && row.company.is_none()).collect();
    let share = rows.len().div_ceil(rayon::current_num_threads()).max(1);
    let counted = rows.par_chunks(share).map(|rows| {
        let mut counts = Counts::default();
        let mut document = Document::default();
        for row in rows {
            analyzer.analyze(&row.text, row.format, &mut document);
            counts.add(&document);
            progress.inc(1);
        }
        counts
    });
    let counts = counted.reduce(Counts::default, Counts::merge);
    progress.finish_and_clear();
    counts.dictionary(rows.len())
}

impl Counts {
    fn add(&mut self, document: &Document) {
        let mut seen = HashSet::new();
        for token in document.tokens().iter().filter(|token| token.kind == TokenKind::Word) {
            let word = document.token_text(token);
            if word.len() > LONGEST || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'') {
                continue;
            }
            match self.total.get_mut(word) {
                Some(total) => *total += 1,
                None => drop(self.total.insert(word.into(), 1)),
            }
            if seen.insert(word) {
                match self.words.get_mut(word) {
                    Some(rows) => *rows += 1,
                    None => drop(self.words.insert(word.into(), 1)),
                }
            }
        }
        *self.languages.entry(document.language().code()).or_default() += 1;
    }

    fn merge(mut self, other: Counts) -> Counts {
        other.words.into_iter().for_each(|(word, rows)| *self.words.entry(word).or_default() += rows);
        other.total.into_iter().for_each(|(word, total)| *self.total.entry(word).or_default() += total);
        other.languages.into_iter().for_each(|(code, rows)| *self.languages.entry(code).or_default() += rows);
        self
    }

    fn dictionary(self, rows: usize) -> Dictionary {
        let mut words: Vec<(&str, u32)> = self.words.iter().map(|(word, rows)| (&**word, *rows)).collect();
        words.retain(|(_, rows)| *rows >= MIN_ROWS);
        words.sort_unstable_by_key(|&(word, rows)| (std::cmp::Reverse(rows), word));
        words.truncate(MAX_WORDS);
        let covered: u64 = words.iter().map(|(word, _)| self.total[*word]).sum();
        let all: u64 = self.total.values().sum();
        if (covered as f64) < LEAST_COVERED * all as f64 {
            return Dictionary::default();
        }
        let most = words.first().map_or(1, |(_, rows)| *rows);
        let mut words: Vec<(&str, u8)> =
            words.iter().map(|&(word, rows)| (word, rarity(rows, most))).collect();
        words.sort_unstable();
        let is_known = |(code, count): &(&&str, &u64)| {
            **code != "und" && **count as f64 >= LEAST_OF_LANGUAGE * rows as f64
        };
        let mut languages: Vec<&str> =
            self.languages.iter().filter(is_known).map(|(code, _)| *code).collect();
        languages.sort_unstable();
        Dictionary::new(&words, &languages).unwrap_or_default()
    }
}

/// How rare a word is beside the commonest, in thirds of a natural logarithm.
fn rarity(rows: u32, most: u32) -> u8 {
    let thirds = (f64::from(most) / f64::from(rows)).ln() * 3.0;
    thirds.round().clamp(0.0, f64::from(RAREST)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::comment::Format;

    fn of(texts: impl Iterator<Item = String>) -> Dictionary {
        let (mut counts, mut document) = (Counts::default(), Document::default());
        let mut rows = 0;
        for text in texts {
            Analyzer::default().analyze(&text, Format::Plain, &mut document);
            counts.add(&document);
            rows += 1;
        }
        counts.dictionary(rows)
    }

    #[test]
    fn words_of_many_rows_are_kept_the_commonest_as_least_rare() {
        let plain = (0..60).map(|i| format!("the barn is {} that", ["full", "cold", "open"][i % 3]));
        let rare = (0..4).map(|_| "the brn is full".to_owned());
        let known = of(plain.chain(rare));
        let words = ["barn", "cold", "full", "is", "open", "that", "the"];
        assert_eq!(known.words().iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), words);
        assert_eq!((known.rarity(b"the"), known.rarity(b"cold")), (Some(0), Some(3)));
        assert!(!known.knows(b"brn"));
    }

    #[test]
    fn where_most_words_are_rare_there_is_no_dictionary() {
        assert!(of((0..60).map(|i| format!("the barn is {}", "x".repeat(i + 2)))).is_empty());
        assert!(of(std::iter::empty()).is_empty());
    }
}
