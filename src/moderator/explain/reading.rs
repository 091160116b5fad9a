//! What disguised words were read as.

use super::code_points;
use crate::features::{Vectorizer, ngram};
use crate::text::{Document, TokenKind};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// How many readings are told.
const MAX_READINGS: usize = 64;

/// A word that is written otherwise than it was read: `fr33`, read as `free`.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// First Unicode code point.
    pub begin: u32,
    /// One past the last Unicode code point.
    pub end: u32,
    /// What it was read as.
    pub read_as: String,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("begin", &self.begin).field("end", &self.end).finish_non_exhaustive()
    }
}

/// The words of a text that are written otherwise than they were read, in the
/// order in which they stand. Of several readings of one word, the one that
/// training saw most often is told, and none that it never saw: a disguise is
/// guessed at, and most wrong guesses are no words.
pub(in super::super) fn readings(
    original: &str,
    document: &Document,
    vectorizer: &Vectorizer,
) -> Vec<Reading> {
    // By their place: the reading, and how rare it is.
    let mut found: Vec<((u32, u32), f32, Cow<'_, str>)> = Vec::new();
    for token in document.reading() {
        let text = document.token_text(token);
        let rarity = match token.kind {
            TokenKind::Folded => {
                let word = if token.names_people { ngram::PEOPLE } else { text };
                let dictionary = vectorizer.dictionary();
                if !token.names_people
                    && dictionary.is_of(document.language().code())
                    && !dictionary.knows(text.as_bytes())
                {
                    continue;
                }
                let Some(column) = vectorizer.column(ngram::word_bucket(word)) else { continue };
                vectorizer.idf(column)
            }
            TokenKind::Word if document.is_read(token) => {
                let at = document.replaced().partition_point(|place| place.1 <= token.source.0);
                let Some(&place) = document.replaced().get(at) else { continue };
                let is_full = found.len() == MAX_READINGS;
                match found.last_mut().filter(|(last, ..)| *last == place) {
                    // One run of letters, several words.
                    Some((.., words)) => words.to_mut().extend([" ", text]),
                    None if is_full => break,
                    None => found.push((place, 0.0, text.into())),
                }
                continue;
            }
            // Signs and letters that only look alike were put right in the word
            // itself.
            TokenKind::Word if is_changed(document.unfolded(original, token.start, token.end), text) => 0.0,
            _ => continue,
        };
        match found.iter_mut().find(|(source, ..)| *source == token.source) {
            Some(known) if known.1 <= rarity => {}
            Some(known) => *known = (token.source, rarity, text.into()),
            None => found.push((token.source, rarity, text.into())),
        }
        if found.len() == MAX_READINGS {
            break;
        }
    }
    found.sort_by_key(|(source, ..)| *source);
    let readings = found.into_iter().filter_map(|((begin, end), _, read_as)| {
        let (begin, end) = code_points(original, document, begin, end)?;
        Some(Reading { begin, end, read_as: read_as.into_owned() })
    });
    readings.collect()
}

/// Whether a word was changed by more than its case and its apostrophes.
fn is_changed(written: &str, read: &str) -> bool {
    let plain = |c: char| if matches!(c, '’' | '‘' | 'ʼ' | '`' | '´') { '\'' } else { c };
    !written.nfc().flat_map(char::to_lowercase).map(plain).eq(read.chars())
}
