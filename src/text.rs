//! From what an author wrote to a [`Document`]: normalised text, tokens, and
//! the way back to the original.
//!
//! The analyser is total: any UTF-8 gives a document, in time linear in the
//! length of the text, and without allocation once the buffers are warm.

pub mod dictionary;
mod disguise;
pub mod language;
pub mod link;
mod linkify;
pub mod markup;
mod normalize;
mod people;
mod spelling;
mod surface;
mod tokenize;

pub use surface::Surface;

use crate::comment::Format;
use language::Language;
use markup::Reduced;
use normalize::Normalizer;
use std::borrow::Cow;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// Letters, with digits, apostrophes or marks among them.
    Word,
    /// Digits, with separators among them.
    Number,
    /// A run of punctuation and symbols.
    Punctuation,
    /// One emoji.
    Emoji,
    /// `@name`.
    Mention,
    /// `#tag`.
    Tag,
    /// A web address, with or without its scheme.
    Link,
    /// An e-mail address.
    Email,
    /// Digits grouped as telephone numbers are; overlaps the numbers it is
    /// made of.
    Phone,
    /// A word as it reads once letter-like digits and symbols are read as
    /// letters, or letters spaced apart are joined; stands beside the original.
    Folded,
}

/// A piece of a document's normalised text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the token is.
    pub kind: TokenKind,
    /// First byte in [`Document::text`].
    pub start: u32,
    /// One past the last byte in [`Document::text`].
    pub end: u32,
    /// Where it was read from: the token's own range, except for
    /// [`TokenKind::Folded`] and words of a [reading](Document::reading), whose
    /// text is not part of the author's.
    pub source: (u32, u32),
    /// Whether it is a word that names a group of people.
    pub names_people: bool,
}

impl Token {
    /// The token's bytes in [`Document::text`].
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A comment's text, analysed. Reused from comment to comment.
#[derive(Debug, Default)]
pub struct Document {
    reduced: Reduced,
    is_reduced: bool,
    text: String,
    body_len: usize,
    offsets: Vec<Offset>,
    tokens: Vec<Token>,
    line_ends: Vec<u32>,
    /// How much of `text` is the author's and what is folded of it.
    folded_len: usize,
    reading: Vec<Token>,
    replaced: Vec<(u32, u32)>,
    /// Working memory of [`read_by`](Self::read_by).
    hidden: Vec<(u32, u32)>,
    folded: Vec<Token>,
    surface: Surface,
    language: Language,
    source_len: usize,
}

/// From here on, one byte of normalised text is one byte of the original.
#[derive(Clone, Copy, Debug)]
struct Offset {
    normalized: u32,
    original: u32,
}

impl Document {
    /// The normalised text. It begins and ends with a blank and has exactly
    /// one between two chunks; behind [`body`](Self::body) stand the texts of
    /// folded tokens, and of words that others were read as.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The normalised text as the author wrote it.
    pub fn body(&self) -> &str {
        &self.text[..self.body_len]
    }

    /// The blanks of the normalised text at which the author began a new line.
    pub fn line_ends(&self) -> &[u32] {
        &self.line_ends
    }

    /// The tokens in reading order; folded ones last.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The tokens by which the text is scored: where it was [read by a
    /// dictionary](Self::read_by), known words stand in the place of what they were
    /// read from, and begin behind the [`body`](Self::body).
    pub fn reading(&self) -> &[Token] {
        if self.reading.is_empty() { &self.tokens } else { &self.reading }
    }

    /// Whether a token stands for words of the author's instead of being some.
    pub fn is_read(&self, token: &Token) -> bool {
        token.start as usize >= self.body_len
    }

    /// The ranges of the body that other words are read for, in order and apart.
    pub fn replaced(&self) -> &[(u32, u32)] {
        &self.replaced
    }

    /// The text of one of the document's tokens.
    pub fn token_text(&self, token: &Token) -> &str {
        &self.text[token.range()]
    }

    /// Counts of what the surface of the text shows.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// The language detected.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The bytes of the original that a range of the normalised text was read
    /// from; for a token, pass its `source`.
    pub fn original_range(&self, start: u32, end: u32) -> Range<usize> {
        let begin = self.original_position(start);
        let limit = self.original_position(end).max(begin);
        if self.is_reduced { self.reduced.source_range(begin..limit) } else { begin..limit }
    }

    /// What a range of the normalised text was before it was normalised, without
    /// its markup; `text` is the text that was analysed.
    pub fn unfolded<'a>(&'a self, text: &'a str, start: u32, end: u32) -> &'a str {
        let begin = self.original_position(start);
        let limit = self.original_position(end).max(begin);
        self.plain(text).get(begin..limit).unwrap_or_default()
    }

    /// The host that an address in the text leads to, as
    /// [`link::canonical_host`] has it; `text` is the text that was analysed.
    pub fn host<'a>(&'a self, text: &'a str, address: &Token) -> Cow<'a, str> {
        let written = self.unfolded(text, address.start, address.end);
        // Normalised, ASCII is as it was but for upper case.
        link::canonical_host(if written.is_ascii() { self.token_text(address) } else { written })
    }

    /// The text that was analysed, without its markup.
    pub fn plain<'a>(&'a self, text: &'a str) -> &'a str {
        if self.is_reduced { self.reduced.text() } else { text }
    }

    /// How many links of an HTML or Markdown text show one domain and lead to
    /// another.
    pub fn disguised_links(&self) -> u32 {
        if self.is_reduced { self.reduced.disguised_links() } else { 0 }
    }

    /// Reads a text without markup, but for its language.
    fn fold(&mut self, plain: &str) {
        self.source_len = plain.len();
        self.text.clear();
        self.offsets.clear();
        self.tokens.clear();
        self.line_ends.clear();
        self.reading.clear();
        self.replaced.clear();
        self.surface = Surface::default();
        Normalizer::new(self).run(plain);
        self.body_len = self.text.len();
        tokenize::tokenize(self);
        self.folded_len = self.text.len();
    }

    /// Reads what is no comment, such as the name of its author, as comments
    /// are read; nobody asks for its language.
    pub(crate) fn read_name(&mut self, name: &str) {
        self.is_reduced = false;
        self.fold(name);
    }

    fn original_position(&self, position: u32) -> usize {
        let after = self.offsets.partition_point(|o| o.normalized <= position);
        let Some(offset) = after.checked_sub(1).map(|i| self.offsets[i]) else { return 0 };
        let next = self.offsets.get(after).map_or(self.source_len, |o| o.original as usize);
        // A character that grew in normalisation has several bytes for one
        // place; none of them may reach past the next place.
        (offset.original as usize + (position - offset.normalized) as usize).min(next)
    }
}

/// Whether a letter is of a script that sets no words apart by blanks: Thai and
/// Lao, Burmese and Khmer, kana and ideographs; and in Hangul, what belongs to a
/// word is written behind it.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}'
        | '\u{3130}'..='\u{318f}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Puts ranges in order, and makes one of those that overlap.
pub(crate) fn merge<T: Copy + Ord>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let overlaps = next.0 < last.1;
        if overlaps {
            last.1 = last.1.max(next.1);
        }
        overlaps
    });
}

/// Turns texts into documents. Stateless, and shared by all threads.
#[derive(Debug, Default)]
pub struct Analyzer {
    languages: language::Detector,
}

impl Analyzer {
    /// Analyses a text into `document`, replacing what was there.
    pub fn analyze(&self, text: &str, format: Format, document: &mut Document) {
        let mut reduced = std::mem::take(&mut document.reduced);
        document.is_reduced = format != Format::Plain;
        let plain = if document.is_reduced {
            reduced.reduce(text, format);
            reduced.text()
        } else {
            text
        };
        document.fold(plain);
        document.language = self.languages.detect(document);
        document.reduced = reduced;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn analyze(text: &str) -> Document {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        document
    }

    #[track_caller]
    fn check_original(text: &str, normalized: &str, original: &str) {
        let document = analyze(text);
        let token = document.tokens().iter().find(|t| document.token_text(t) == normalized);
        let token = token.unwrap_or_else(|| panic!("no token {normalized:?} in {:?}", document.text()));
        assert_eq!(&text[document.original_range(token.source.0, token.source.1)], original);
    }

    #[test]
    fn tokens_lead_back_to_what_the_author_wrote() {
        check_original("One  TWO\n\nthree", "two", "TWO");
        check_original("Pay ｆｒｅｅ now", "free", "ｆｒｅｅ");
        check_original("the oﬃce opens", "office", "oﬃce");
        check_original("get fr\u{200b}ee stuff", "free", "fr\u{200b}ee");
        check_original("best c\u{430}sino here", "casino", "c\u{430}sino");
        check_original("so fr33 today", "free", "fr33");
        check_original("buy f r e e now", "free", "f r e e");
    }

    #[test]
    fn markup_leads_back_too() {
        let html = "<p>see <b>fr</b>ee &amp; easy</p>";
        let mut document = Document::default();
        Analyzer::default().analyze(html, Format::Html, &mut document);
        let free = document.tokens().iter().find(|t| document.token_text(t) == "free").unwrap();
        assert_eq!(&html[document.original_range(free.source.0, free.source.1)], "fr</b>ee");
    }

    /// Any characters, and often those that text analysis trips over.
    const ANY_TEXT: &str = "(.|[a-c0-9@#$.:/+!' -]|[\u{1f100}-\u{1faff}]|[\u{2300}-\u{27bf}]|[\u{200b}-\u{206f}]\
        |[\u{300}-\u{36f}]|[\u{430}-\u{440}]|[\u{1100}-\u{11ff}]|[\u{3040}-\u{30ff}]|\u{fdfa}|\n){0,60}";

    proptest! {
        #[test]
        fn any_text_gives_a_sound_document(text in ANY_TEXT, format in 0..3usize) {
            let format = [Format::Plain, Format::Html, Format::Markdown][format];
            let mut document = Document::default();
            Analyzer::default().analyze(&text, format, &mut document);
            for token in document.tokens() {
                prop_assert!(document.text().get(token.range()).is_some_and(|t| !t.is_empty()));
                let range = document.original_range(token.source.0, token.source.1);
                prop_assert!(range.start <= range.end && range.end <= text.len());
            }
            prop_assert!(!document.body().contains("  "));
        }

        #[test]
        fn analysis_depends_on_the_text_alone(first in any::<String>(), second in any::<String>()) {
            let fresh = analyze(&second);
            let mut reused = analyze(&first);
            Analyzer::default().analyze(&second, Format::Plain, &mut reused);
            prop_assert_eq!(fresh.text(), reused.text());
            prop_assert_eq!(fresh.tokens(), reused.tokens());
        }
    }
}
