//! Word 1-2-grams and character 2-5-grams.

use super::hashing::{self, seed};
use super::{Feature, Group};
use crate::text::{Document, TokenKind};

/// Shortest and longest character n-gram.
pub const CHARACTER_SIZES: std::ops::RangeInclusive<usize> = 2..=5;

/// Emits every word-like token and every pair of neighbours.
///
/// Punctuation is passed over, so that "well, yes" and "well yes" are the same
/// pair. Addresses and numbers that identify somebody stand as one placeholder
/// for their kind; their parts are surface features.
#[inline]
pub fn words(document: &Document, emit: &mut impl FnMut(Feature)) {
    let text = document.text().as_bytes();
    let mut last: Option<(u64, u32)> = None;
    for token in document.tokens() {
        let bytes: &[u8] = match token.kind {
            TokenKind::Punctuation => continue,
            TokenKind::Link => b"<link>",
            TokenKind::Email => b"<email>",
            TokenKind::Mention => b"<mention>",
            TokenKind::Phone => b"<phone>",
            _ => &text[token.range()],
        };
        let hash = hashing::hash(bytes, seed::WORD);
        let bucket = hashing::bucket(hash);
        emit(Feature { group: Group::Word, bucket, source: token.source });
        if matches!(token.kind, TokenKind::Folded | TokenKind::Phone) {
            // They stand beside the tokens they were read from: no neighbours.
            last = None;
            continue;
        }
        if let Some((before, start)) = last {
            let bucket = hashing::bucket(hashing::pair(before, hash));
            emit(Feature { group: Group::Word, bucket, source: (start, token.source.1) });
        }
        last = Some((hash, token.start));
    }
}

/// Emits the character n-grams of every chunk with the blank before and after
/// it, as scikit-learn's `char_wb` does, and those of folded words.
#[inline]
pub fn characters(document: &Document, emit: &mut impl FnMut(Feature)) {
    let body = document.body().as_bytes();
    let mut start = 0;
    let mut is_ascii = true;
    for (i, &b) in body.iter().enumerate().skip(1) {
        is_ascii &= b.is_ascii();
        if b == b' ' {
            if i > start + 1 {
                chunk(&body[start..=i], is_ascii, |from, to| {
                    let source = ((start + from) as u32, (start + to) as u32);
                    let bucket = hashing::bucket(hashing::hash(
                        &body[source.0 as usize..source.1 as usize],
                        seed::CHARACTERS,
                    ));
                    emit(Feature { group: Group::Character, bucket, source });
                });
            }
            start = i;
            is_ascii = true;
        }
    }
    let text = document.text().as_bytes();
    let folded = document.tokens().iter().filter(|t| t.kind == TokenKind::Folded);
    for token in folded {
        // The byte before a folded word is a blank too: it follows the body's
        // last blank or that of the folded word before it.
        let (from, to) = (token.start as usize - 1, token.end as usize + 1);
        chunk(&text[from..to], text[from..to].is_ascii(), |a, b| {
            let bucket = hashing::bucket(hashing::hash(&text[from + a..from + b], seed::CHARACTERS));
            emit(Feature { group: Group::Character, bucket, source: token.source });
        });
    }
}

/// Calls `emit` with the begin and end of every n-gram of one padded chunk.
#[inline]
fn chunk(bytes: &[u8], is_ascii: bool, mut emit: impl FnMut(usize, usize)) {
    if is_ascii {
        for size in CHARACTER_SIZES {
            for start in 0..(bytes.len() + 1).saturating_sub(size) {
                emit(start, start + size);
            }
        }
        return;
    }
    // The begins of the last characters, newest last.
    let mut begins = [0usize; *CHARACTER_SIZES.end()];
    let mut count = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte & 0xc0 == 0x80 {
            continue;
        }
        let width = match byte {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        begins.rotate_left(1);
        begins[begins.len() - 1] = i;
        count += 1;
        for size in CHARACTER_SIZES.take_while(|&size| size <= count) {
            emit(begins[begins.len() - size], i + width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Format;
    use crate::text::Analyzer;

    fn features(text: &str, of: fn(&Document, &mut dyn FnMut(Feature))) -> Vec<(u32, String)> {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        let mut found = Vec::new();
        of(&document, &mut |f| {
            found.push((f.bucket, document.text()[f.source.0 as usize..f.source.1 as usize].to_owned()));
        });
        found
    }

    fn texts(found: &[(u32, String)]) -> Vec<&str> {
        found.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn words_and_pairs() {
        let found = features("One two, three", |d, mut e| words(d, &mut e));
        assert_eq!(texts(&found), ["one", "two", "one two", "three", "two, three"]);
        let bare = features("one two three", |d, mut e| words(d, &mut e));
        assert_eq!(found[4].0, bare[4].0, "punctuation does not part a pair");
    }

    #[test]
    fn characters_as_scikit_learn_has_them() {
        let found = features("a bc", |d, mut e| characters(d, &mut e));
        assert_eq!(texts(&found), [" a", "a ", " a ", " b", "bc", "c ", " bc", "bc ", " bc "]);
        let found = features("é😀", |d, mut e| characters(d, &mut e));
        assert_eq!(texts(&found).len(), 3 + 2 + 1);
        assert!(texts(&found).contains(&" é😀 "));
    }
}
