//! Word 1-2-grams and character 2-5-grams.

use super::company::Company;
use super::hashing::{self, seed};
use super::{Feature, Group, skeleton};
use crate::text::{Document, TokenKind};
use std::ops::Range;

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
    let mut company = Company::default();
    let mut bones = [0; skeleton::LONGEST];
    let mut put = |hash: u64, source: (u32, u32)| {
        emit(Feature { group: Group::Word, bucket: hashing::bucket(hash), source });
    };
    for token in document.reading() {
        let bytes: &[u8] = match token.kind {
            TokenKind::Punctuation => {
                company.punctuation(document.token_text(token));
                if is_censoring(text, token.range()) {
                    put(hashing::hash(b"<censored>", seed::WORD), token.source);
                }
                continue;
            }
            TokenKind::Link => b"<link>",
            TokenKind::Email => b"<email>",
            TokenKind::Mention => b"<mention>",
            TokenKind::Phone => b"<phone>",
            _ if token.names_people => PEOPLE.as_bytes(),
            _ => &text[token.range()],
        };
        let hash = hashing::hash(bytes, seed::WORD);
        put(hash, token.source);
        let bare = matches!(token.kind, TokenKind::Word | TokenKind::Folded) && !token.names_people;
        let length = if bare { skeleton::of(bytes, &mut bones) } else { 0 };
        if length > 0 {
            put(hashing::hash(&bones[..length], seed::SKELETON), token.source);
        }
        if matches!(token.kind, TokenKind::Folded | TokenKind::Phone) {
            // They stand beside the tokens they were read from: no neighbours.
            last = None;
            continue;
        }
        if let Some((before, start)) = last {
            put(hashing::pair(before, hash), (start, token.source.1));
        }
        company.word(hash, bytes, token.source, token.names_people, &mut put);
        last = Some((hash, token.source.0));
    }
}

/// The word that stands for every word that names a group of people.
pub const PEOPLE: &str = "<people>";

/// The bucket of a single word.
pub fn word_bucket(word: &str) -> u32 {
    hashing::bucket(hashing::hash(word.as_bytes(), seed::WORD))
}

/// Whether signs hide letters of a word: `w*rd`, `w***`, but not `*word*`.
fn is_censoring(text: &[u8], signs: Range<usize>) -> bool {
    let is_letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
    text[signs.clone()].iter().all(|b| *b == b'*')
        && is_letter(signs.start.wrapping_sub(1))
        && (is_letter(signs.end)
            || signs.len() > 1
                && text[..signs.start].iter().rev().take_while(|b| **b != b' ').all(|b| *b != b'*'))
}

/// Emits the character n-grams of every chunk with the blank before and after
/// it, as scikit-learn's `char_wb` does, and those of folded words; not of chunks
/// in which another word is read.
#[inline]
pub fn characters(document: &Document, emit: &mut impl FnMut(Feature)) {
    let body = document.body().as_bytes();
    let mut start = 0;
    let mut people = document.tokens().iter().filter(|t| t.names_people && t.kind == TokenKind::Word);
    let mut next = || people.next().map_or(usize::MAX, |token| token.start as usize);
    let mut named = if document.surface().people > 0 { next() } else { usize::MAX };
    let mut replaced = document.replaced();
    for (i, &b) in body.iter().enumerate().skip(1) {
        if b == b' ' {
            let is_replaced = is_replaced(&mut replaced, i);
            if named < i {
                while named < i {
                    named = next();
                }
            } else if !is_replaced && i > start + 1 {
                chunk(body, start, i + 1, None, emit);
            }
            start = i;
        }
    }
    let text = document.text().as_bytes();
    for token in document.reading().iter().filter(|t| document.is_read(t) && !t.names_people) {
        // The byte before a word behind the body is a blank too: it follows the
        // body's last blank or that of the word before it.
        chunk(text, token.start as usize - 1, token.end as usize + 1, Some(token.source), emit);
    }
}

/// Whether another word is read for something in the chunk that ends at `end`;
/// `places` are those that have not been passed.
#[inline]
fn is_replaced(places: &mut &[(u32, u32)], end: usize) -> bool {
    let mut found = false;
    while let Some((&place, rest)) = places.split_first()
        && (place.0 as usize) < end
    {
        found = true;
        if place.1 as usize > end {
            break;
        }
        *places = rest;
    }
    found
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
    use std::collections::BTreeSet;

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
        assert_eq!(texts(&found), ["one", "two", "one two", "three", "three", "two, three"]);
        let bare = features("one two three", |d, mut e| words(d, &mut e));
        assert_eq!(found[5].0, bare[5].0, "punctuation does not part a pair");
    }

    /// The buckets of what words give, without the words themselves, pairs and
    /// skeletons.
    fn ties(text: &str) -> BTreeSet<u32> {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        let mut found = BTreeSet::new();
        let (mut company, mut note) = (Company::default(), |hash, _| {
            found.insert(hashing::bucket(hash));
        });
        for token in document.tokens() {
            if token.kind == TokenKind::Punctuation {
                company.punctuation(document.token_text(token));
                continue;
            }
            let word = document.token_text(token).as_bytes();
            let hash = hashing::hash(if token.names_people { PEOPLE.as_bytes() } else { word }, seed::WORD);
            company.word(hash, word, token.source, token.names_people, &mut note);
        }
        found
    }

    #[test]
    fn a_group_is_a_group_whichever_it_is() {
        let all = |text| {
            features(text, |d, mut e| {
                words(d, &mut e);
                characters(d, &mut e)
            })
        };
        let buckets = |text| all(text).into_iter().map(|(bucket, _)| bucket).collect::<Vec<_>>();
        assert_eq!(buckets("my Sikh doctor, a Greek"), buckets("my deaf doctor, a nigerian"));
        assert_ne!(buckets("my Sikh doctor"), buckets("my new doctor"));
        assert!(all("a Sikh").iter().all(|(_, text)| text != "sik"));
    }

    #[test]
    fn words_are_tied_to_those_they_may_be_meant_for() {
        assert!(ties("the red bus is late").len() < ties("the late bus, you know").len());
        assert_eq!(ties("rain fell on town"), BTreeSet::new());
        let shared = |a, b| ties(a).intersection(&ties(b)).count();
        // Whoever it is, and wherever in the neighbourhood.
        assert!(shared("we trust Sikh bakers", "Greek bakers whom we trust") > 0);
        assert_eq!(shared("we trust Sikh", "never trust"), 0);
        assert!(shared("never trust bakers", "do not trust them") > 0);
        // A sentence's company ends with it.
        assert_eq!(ties("Greek. bakers trust"), BTreeSet::new());
        assert!(shared("he said \"we trust\"", "then “trust me”") > 0);
        assert_eq!(ties("\"\" we trust"), BTreeSet::new());
    }

    #[test]
    fn words_hidden_by_signs_are_noticed() {
        let censored = hashing::bucket(hashing::hash(b"<censored>", seed::WORD));
        let is_censored =
            |text| features(text, |d, mut e| words(d, &mut e)).iter().any(|(bucket, _)| *bucket == censored);
        for text in ["what a w*rd", "what a w***", "a w*d"] {
            assert!(is_censored(text), "{text}");
        }
        for text in ["a *word* here", "a **word** here", "see note*", "C# code", "2 * 3", "#tag"] {
            assert!(!is_censored(text), "{text}");
        }
    }

    #[test]
    fn skeletons_stand_beside_their_words() {
        let bone = |text| {
            let found = features(text, |d, mut e| words(d, &mut e));
            found.into_iter().map(|(bucket, _)| bucket).collect::<BTreeSet<_>>()
        };
        assert_eq!(bone("money").intersection(&bone("mny")).count(), 1);
        assert_eq!(bone("the").len(), 1);
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
