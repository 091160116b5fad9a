//! A text as its copies have it in common: words in lower case, disguises read
//! through, punctuation and emoji left out.

use crate::text::{Document, Token, TokenKind};
use std::ops::Range;

/// How many words of a text are read; a longer one is known by its opening.
const MAX_WORDS: usize = 1_024;

/// A word of the text, or what stands in a word's place and differs from copy
/// to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Where it stands in [`Words::text`].
    pub range: Range<usize>,
    pub kind: WordKind,
}

/// What a word is to near copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    /// It counts as it is.
    Word,
    /// Any other number would do.
    Number,
    /// Any other link, e-mail address or handle would do.
    Contact,
}

/// The words of a text. Reused from comment to comment.
#[derive(Default)]
pub(super) struct Words {
    text: Vec<u8>,
    words: Vec<Word>,
    letters: usize,
    folded: Vec<Token>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

impl Words {
    /// Reads a text. Where it holds disguised spellings, what they are read as
    /// stands in their place.
    pub fn read(&mut self, document: &Document) {
        let Words { text, words, letters, folded } = self;
        text.clear();
        words.clear();
        *letters = 0;
        folded.clear();
        folded.extend(document.tokens().iter().filter(|token| token.kind == TokenKind::Folded));
        folded.sort_unstable_by_key(|token| token.source);
        let (mut at, mut disguises) = (0, folded.iter().peekable());
        for token in document.tokens() {
            let kind = match token.kind {
                TokenKind::Word | TokenKind::Tag => WordKind::Word,
                TokenKind::Number => WordKind::Number,
                TokenKind::Link | TokenKind::Email | TokenKind::Mention => WordKind::Contact,
                // A telephone number overlaps the numbers it is made of.
                TokenKind::Punctuation | TokenKind::Emoji | TokenKind::Phone => continue,
                TokenKind::Folded => break,
            };
            // Disguises overlap one another and begin before what they hide.
            while disguises.next_if(|folded| folded.source.0 < at).is_some() {}
            let (kind, range) = match disguises.next_if(|folded| folded.source.0 <= token.start) {
                Some(folded) => {
                    at = folded.source.1;
                    (WordKind::Word, folded.range())
                }
                None if token.start < at => continue,
                None => (kind, token.range()),
            };
            let word = &document.text()[range];
            let start = text.len();
            text.extend_from_slice(word.as_bytes());
            words.push(Word { range: start..text.len(), kind });
            // A blank is in no word.
            text.push(b' ');
            *letters += word.chars().map(weight).sum::<usize>();
            if words.len() == MAX_WORDS {
                break;
            }
        }
    }

    /// The words with a blank behind each.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The words in their order.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// How many letters and digits there are; an ideograph counts for three.
    pub fn letters(&self) -> usize {
        self.letters
    }
}

fn weight(c: char) -> usize {
    match c {
        // Kana, ideographs and Hangul.
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => 3,
        '\u{20000}'..='\u{3ffff}' => 3,
        c => usize::from(c.is_alphanumeric()),
    }
}
