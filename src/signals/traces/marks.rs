//! What a comment names that several people seldom name by chance: ways to
//! reach somebody, and people.

use super::MARKS;
use crate::text::{Document, Token, TokenKind};

/// The fewest digits of a telephone number that are looked at.
const MIN_DIGITS: usize = 7;
/// The longest telephone number, in digits (ITU-T E.164).
const MAX_DIGITS: usize = 15;

/// The links, e-mail addresses, telephone numbers and handles of a comment,
/// hashed; each once, the first few. A handle at the beginning is whoever is
/// answered, and left out.
pub(super) fn contacts(document: &Document, hash: impl Fn(&[u8]) -> u64) -> [u64; MARKS] {
    let mut found = Found::default();
    let mut is_first = true;
    for token in document.tokens() {
        let text = document.token_text(token);
        match token.kind {
            TokenKind::Link => found.add(hash(address(text).as_bytes())),
            TokenKind::Email => found.add(hash(text.trim_start_matches("mailto:").as_bytes())),
            TokenKind::Mention if !is_first => found.add(hash(text.as_bytes())),
            TokenKind::Phone => {
                let (mut digits, mut len) = ([0; MAX_DIGITS], 0);
                for (place, digit) in digits.iter_mut().zip(text.bytes().filter(u8::is_ascii_digit)) {
                    *place = digit;
                    len += 1;
                }
                if len >= MIN_DIGITS {
                    found.add(hash(&digits[..len]));
                }
            }
            _ => {}
        }
        // Several people can be answered at once.
        is_first &= matches!(token.kind, TokenKind::Mention | TokenKind::Punctuation);
    }
    found.marks
}

/// A web address without what may be there or not.
fn address(text: &str) -> &str {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.strip_prefix("www.").unwrap_or(text);
    text.split('#').next().unwrap_or(text).trim_end_matches(['/', '?'])
}

/// The names of people in a comment, hashed by two words at a time; each once,
/// the first few. A name is what is written with capitals, side by side, one of
/// them a word that `expects` does not know.
pub(super) fn names(
    text: &str,
    document: &Document,
    expects: impl Fn(&str) -> bool,
    hash: impl Fn(&str, &str) -> u64,
) -> [u64; MARKS] {
    let mut found = Found::default();
    let mut last: Option<&Token> = None;
    for token in document.tokens() {
        if matches!(token.kind, TokenKind::Phone | TokenKind::Folded) {
            break;
        }
        let is_name =
            token.kind == TokenKind::Word && is_capitalized(document.unfolded(text, token.start, token.end));
        if is_name {
            // Exactly one blank stands between two chunks.
            if let Some(last) = last.filter(|last| last.end + 1 == token.start) {
                let (first, second) = (document.token_text(last), document.token_text(token));
                if !(expects(first) && expects(second)) {
                    found.add(hash(first, second));
                }
            }
        }
        last = is_name.then_some(token);
    }
    found.marks
}

/// Whether a word is written like a name: a capital, then small letters.
fn is_capitalized(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase)
}

#[derive(Default)]
struct Found {
    marks: [u64; MARKS],
    len: usize,
}

impl Found {
    fn add(&mut self, mark: u64) {
        if self.len < MARKS && !self.marks[..self.len].contains(&mark) {
            self.marks[self.len] = mark;
            self.len += 1;
        }
    }
}
