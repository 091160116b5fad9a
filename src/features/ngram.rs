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

/// The bucket of a single word.
pub fn word_bucket(word: &str) -> u32 {
    hashing::bucket(hashing::hash(word.as_bytes(), seed::WORD))
}

/// Emits the character n-grams of every chunk with the blank before and after
/// it, as scikit-learn's `char_wb` does, and those of folded words.
#[inline]
pub fn characters(document: &Document, emit: &mut impl FnMut(Feature)) {
    let body = document.body().as_bytes();
    let mut start = 0;
    for (i, &b) in body.iter().enumerate().skip(1) {
        if b == b' ' {
            if i > start + 1 {
                chunk(body, start, i + 1, None, emit);
            }
            start = i;
        }
    }
    let text = document.text().as_bytes();
    for token in document.tokens().iter().filter(|t| t.kind == TokenKind::Folded) {
        // The byte before a folded word is a blank too: it follows the body's
        // last blank or that of the folded word before it.
        chunk(text, token.start as usize - 1, token.end as usize + 1, Some(token.source), emit);
    }
}

/// Emits the n-grams of one padded chunk of a text, each when its last
/// character is reached. `emit` is called in one place, so that it is compiled
/// into this loop, the hottest of all.
fn chunk(text: &[u8], start: usize, end: usize, source: Option<(u32, u32)>, emit: &mut impl FnMut(Feature)) {
    // Where the last characters begin, the newest first.
    let mut begins = [0usize; *CHARACTER_SIZES.end()];
    let mut count = 0;
    for i in start..end {
        let width = match text[i] {
            0..=0x7f => 1,
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        begins.copy_within(..CHARACTER_SIZES.end() - 1, 1);
        begins[0] = i;
        count += 1;
        for &begin in begins.iter().take(count).skip(CHARACTER_SIZES.start() - 1) {
            let bucket = hashing::bucket(hashing::hash(&text[begin..i + width], seed::CHARACTERS));
            let source = source.unwrap_or((begin as u32, (i + width) as u32));
            emit(Feature { group: Group::Character, bucket, source });
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
        assert_eq!(texts(&found), [" a", "a ", " a ", " b", "bc", " bc", "c ", "bc ", " bc "]);
        let found = features("é😀", |d, mut e| characters(d, &mut e));
        assert_eq!(texts(&found).len(), 3 + 2 + 1);
        assert!(texts(&found).contains(&" é😀 "));
    }
}
