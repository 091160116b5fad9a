//! Which known words a text is read as: disguises, slips of the keyboard and
//! words run together give way to the words they stand for, so that what they
//! mean is found in the company it keeps.

use super::dictionary::{Dictionary, LONGEST, Search};
use super::people::names_people;
use super::{Document, Token, TokenKind, merge};
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;

impl Document {
    /// Reads the text by a dictionary: [`reading`](Self::reading) gives the words that
    /// it stands for afterwards. Takes the place of an earlier reading.
    pub fn read_by(&mut self, dictionary: &Dictionary) {
        self.text.truncate(self.folded_len);
        self.reading.clear();
        self.replaced.clear();
        if !dictionary.is_of(self.language.code()) {
            return;
        }
        let Document { text, tokens, reading, replaced, hidden, folded, .. } = self;
        let is_written = |token: &Token| !matches!(token.kind, TokenKind::Phone | TokenKind::Folded);
        let (body, behind) = tokens.split_at(tokens.partition_point(is_written));
        folded.clear();
        folded.extend(behind.iter().filter(|token| token.kind == TokenKind::Folded));
        folded.sort_unstable_by_key(|token| (token.source, token.start));
        hidden.clear();
        hidden.extend(folded.iter().map(|token| token.source));
        add_starred(body, text, hidden);
        merge(hidden);
        let is_strange = |token: &Token, text: &str| {
            token.kind == TokenKind::Word
                && (dictionary.is_strange(text[token.range()].as_bytes())
                    || is_accented(&text[token.range()]))
        };
        let first =
            body.partition_point(|token| token.end <= hidden.first().map_or(u32::MAX, |place| place.0));
        let first = body[..first].iter().position(|token| is_strange(token, text)).unwrap_or(first);
        if first == body.len() {
            return;
        }
        reading.extend(&body[..first]);
        let mut reader = Reader { dictionary, text, body, folded, reading, replaced };
        let (mut at, mut next) = (first, 0);
        while at < body.len() {
            let token = body[at];
            while next < hidden.len() && hidden[next].1 <= token.start {
                next += 1;
            }
            let place = hidden.get(next).filter(|place| place.0 <= token.start);
            if let Some(&place) = place
                && place.0 == token.start
                && reader.read_hidden(place, at)
            {
                while at < body.len() && body[at].start < place.1 {
                    at += 1;
                }
                continue;
            }
            at += 1;
            if place.is_some() || !is_strange(&token, reader.text) {
                reader.reading.push(token);
            } else if reader.join_before(token) {
            } else if let Some(taken) = reader.join_behind(at) {
                at += taken;
            } else if !reader.read_strange(token) {
                reader.reading.push(token);
            }
        }
        // What is read, or known as it stands, is folded for nothing.
        let is_needed = |token: &Token| {
            let (begin, end) = token.source;
            let before = replaced.partition_point(|place| place.1 <= begin);
            let is_replaced = replaced.get(before).is_some_and(|place| place.0 <= begin);
            token.kind != TokenKind::Folded
                || !is_replaced && !dictionary.knows(&text.as_bytes()[begin as usize..end as usize])
        };
        reading.extend(behind.iter().filter(|token| is_needed(token)));
        if replaced.is_empty() && reading.len() == tokens.len() {
            reading.clear();
        }
    }
}

/// The letter under an accent, or the letter itself; nothing for letters that are
/// no Latin ones.
fn unaccented(c: char) -> Option<char> {
    if c.is_ascii() { Some(c) } else { std::iter::once(c).nfd().next().filter(char::is_ascii_alphabetic) }
}

/// Whether a word has accents, and no letter that is not Latin.
fn is_accented(word: &str) -> bool {
    !word.is_ascii() && word.len() <= LONGEST && word.chars().all(|c| unaccented(c).is_some())
}

/// Adds the places where stars, or dashes, stand for letters within a word:
/// `w**d`, `m*n*y`, `w--d`.
fn add_starred(tokens: &[Token], text: &str, places: &mut Vec<(u32, u32)>) {
    let is_word = |at: usize| tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word);
    let touches = |at: usize| tokens[at - 1].end == tokens[at].start;
    let hides = |at: usize| {
        let signs = tokens.get(at).filter(|token| token.kind == TokenKind::Punctuation);
        let signs = signs.map_or(&b""[..], |token| text[token.range()].as_bytes());
        signs.first().is_some_and(|&first| {
            (first == b'*' || first == b'-' && signs.len() > 1) && signs.iter().all(|&b| b == first)
        })
    };
    let goes_on = |at: usize| hides(at + 1) && touches(at + 1) && is_word(at + 2) && touches(at + 2);
    let mut at = 0;
    while at < tokens.len() {
        let first = at;
        while is_word(at) && goes_on(at) {
            at += 2;
        }
        if at > first && tokens[at].end - tokens[first].start <= LONGEST as u32 {
            places.push((tokens[first].start, tokens[at].end));
        }
        at += 1;
    }
}

struct Reader<'a> {
    dictionary: &'a Dictionary,
    text: &'a mut String,
    /// The tokens that the author wrote.
    body: &'a [Token],
    /// The folded ones, by their sources.
    folded: &'a [Token],
    reading: &'a mut Vec<Token>,
    replaced: &'a mut Vec<(u32, u32)>,
}

impl Reader<'_> {
    /// Reads a place where a word is hidden, which begins at token `at` or before;
    /// whether that gives a word.
    fn read_hidden(&mut self, place: (u32, u32), at: usize) -> bool {
        let written = &self.text[place.0 as usize..place.1 as usize];
        let is_starred = written.contains('*') || written.contains("--");
        let is_spaced = written.contains(' ');
        let dictionary = self.dictionary;
        // Stars stand for letters, if any word has letters there.
        if is_starred && let Some(word) = dictionary.uncover(written.as_bytes()) {
            self.replace(place, word);
            return true;
        }
        // Whole or nothing: what is folded of a part of it is not what is hidden.
        let folded = &self.folded[self.folded.partition_point(|token| token.source < place)..];
        let folded = &folded[..folded.partition_point(|token| token.source == place)];
        let rarity = |token: &Token| {
            let word = self.text[token.range()].as_bytes();
            if token.names_people {
                return Some(0);
            }
            dictionary.rarity(word).filter(|_| dictionary.is_likely(word))
        };
        let known = folded.iter().filter_map(|token| Some((rarity(token)?, token)));
        if let Some((_, token)) = known.min_by_key(|(rarity, _)| *rarity) {
            self.replaced.push(place);
            self.push(token.range(), place);
            return true;
        }
        let mut pieces =
            self.body[at..].iter().take_while(|t| t.end <= place.1).filter(|t| t.kind == TokenKind::Word);
        let is_plain = |token: &Token| {
            token.end - token.start > 1 && dictionary.knows(self.text[token.range()].as_bytes())
        };
        // `and/or`
        if pieces.all(is_plain) {
            return false;
        }
        // Single letters with blanks between spell a word to the letter.
        (!is_spaced && self.search(place))
            || folded.first().is_some_and(|token| self.cut(token.range(), |_| place, place))
    }

    /// Joins a strange word with the one before it: `fr ee`.
    fn join_before(&mut self, token: Token) -> bool {
        let Some(&last) = self.reading.last() else { return false };
        let (before, joint) = match last.kind {
            TokenKind::Punctuation => (self.reading.iter().rev().nth(1).copied(), Some(last)),
            _ => (Some(last), None),
        };
        let Some(before) = before.filter(|before| self.touch(*before, joint, token)) else { return false };
        let joined = self.join(before, token);
        if joined {
            // Behind the two that were joined.
            let new = self.reading.pop();
            self.reading.truncate(self.reading.len() - 1 - usize::from(joint.is_some()));
            self.reading.extend(new);
        }
        joined
    }

    /// Joins the strange word before token `at` with the one behind it, and says
    /// how many tokens that takes.
    fn join_behind(&mut self, at: usize) -> Option<usize> {
        let (token, next) = (self.body[at - 1], *self.body.get(at)?);
        let (behind, joint, taken) = match next.kind {
            TokenKind::Punctuation => (*self.body.get(at + 1)?, Some(next), 2),
            _ => (next, None, 1),
        };
        (self.touch(token, joint, behind) && self.join(token, behind)).then_some(taken)
    }

    /// Whether nothing but a blank or a dash stands between two words as they were
    /// written.
    fn touch(&self, first: Token, joint: Option<Token>, second: Token) -> bool {
        let is_own = |token: Token| token.kind == TokenKind::Word && (token.start, token.end) == token.source;
        is_own(first)
            && is_own(second)
            && match joint {
                None => second.start == first.end + 1,
                Some(joint) => {
                    joint.start == first.end && second.start == joint.end && &self.text[joint.range()] == "-"
                }
            }
    }

    /// Reads two words as one, if that is a word that is not rare.
    fn join(&mut self, first: Token, second: Token) -> bool {
        let start = self.text.len();
        if first.range().len() + second.range().len() > LONGEST {
            return false;
        }
        self.text.extend_from_within(first.range());
        self.text.extend_from_within(second.range());
        let joined = self.dictionary.is_likely(&self.text.as_bytes()[start..]);
        if joined {
            let place = (first.start, second.end);
            self.replaced.push(place);
            self.finish(start, place);
        } else {
            self.text.truncate(start);
        }
        joined
    }

    /// Reads a strange word as the word it is nearest to, or as several.
    fn read_strange(&mut self, token: Token) -> bool {
        let place = token.source;
        if !self.text[token.range()].is_ascii() {
            return self.read_accented(token);
        }
        self.search(place)
            || self.cut(token.range(), |part| (place.0 + part.start as u32, place.0 + part.end as u32), place)
    }

    /// Reads a word without its accents, if that is a word that is not rare.
    fn read_accented(&mut self, token: Token) -> bool {
        let start = self.text.len();
        let mut at = token.range().start;
        while let Some(c) = self.text[at..token.range().end].chars().next() {
            at += c.len_utf8();
            self.text.extend(unaccented(c));
        }
        let known = self.dictionary.is_likely(&self.text.as_bytes()[start..]);
        if known {
            self.replaced.push(token.source);
            self.finish(start, token.source);
        } else {
            self.text.truncate(start);
        }
        known
    }

    /// Reads a place as the known word that it is nearest to.
    fn search(&mut self, place: (u32, u32)) -> bool {
        let spelling = self.text[place.0 as usize..place.1 as usize].trim_end_matches('!').as_bytes();
        let mut word = [0; LONGEST];
        let found = Search::run(self.dictionary, spelling, &mut word);
        found.map(|word| self.replace(place, word)).is_some()
    }

    /// Puts a known word in the place of what stands there.
    fn replace(&mut self, place: (u32, u32), word: &[u8]) {
        let start = self.text.len();
        // Known words are of ASCII letters.
        self.text.push_str(std::str::from_utf8(word).unwrap_or_default());
        self.replaced.push(place);
        self.finish(start, place);
    }

    /// Reads a run of letters as the words it can be cut into.
    fn cut(
        &mut self,
        run: Range<usize>,
        source: impl Fn(Range<usize>) -> (u32, u32),
        place: (u32, u32),
    ) -> bool {
        let Some((begins, count)) = self.dictionary.cut(self.text[run.clone()].as_bytes()) else {
            return false;
        };
        self.replaced.push(place);
        for i in 0..count {
            let begin = usize::from(begins[i]);
            let end = if i + 1 < count { usize::from(begins[i + 1]) } else { run.len() };
            self.push(run.start + begin..run.start + end, source(begin..end));
        }
        true
    }

    /// Adds a word that stands somewhere in the text, once more.
    fn push(&mut self, range: Range<usize>, source: (u32, u32)) {
        let start = self.text.len();
        self.text.extend_from_within(range);
        self.finish(start, source);
    }

    /// Adds the word that the text ends with.
    fn finish(&mut self, start: usize, source: (u32, u32)) {
        let end = self.text.len();
        self.text.push(' ');
        let names_people = names_people(&self.text.as_bytes()[start..end]);
        let (start, end) = (start as u32, end as u32);
        self.reading.push(Token { kind: TokenKind::Word, start, end, source, names_people });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Analyzer;
    use super::*;
    use crate::comment::Format;
    use proptest::prelude::*;

    fn dictionary() -> Dictionary {
        let mut words: Vec<&str> =
            "a an and are article ashamed away be before claim click ends free idiot is it \
            known money my of offer profile should silly stupid the this today well you your"
                .split_whitespace()
                .collect();
        words.sort_unstable();
        Dictionary::new(&words.into_iter().map(|word| (word, 5)).collect::<Vec<_>>(), &["en"]).unwrap()
    }

    fn read(text: &str) -> Document {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        document.read_by(&dictionary());
        document
    }

    fn words(document: &Document) -> Vec<&str> {
        document.reading().iter().map(|token| document.token_text(token)).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(words(&read(text)).join(" "), expected, "{text}");
    }

    #[test]
    fn disguised_texts_are_read_as_the_words_they_stand_for() {
        let plain = "you are an idiot and should be ashamed of this article";
        for text in [
            "Y0u are an idi07 4nd $h0uld be ash@m3d of 7hi5 art!cl3",
            "You are an iidot and shuold be ashmaed of thsi articel",
            "You are an idi*t and sh**ld be ash*m*d of th*s article",
            "You are an idot and shuld be ashmed of this articl",
            "You are an i-d-i-o-t and s.h.o.u.l.d be a s h a m e d of t.h.i.s article",
            "You are an idi ot and sho-uld be asha med of thi s arti-cle",
            "You are anidiotand should beashamed of this article",
            "You are an id\u{1f525}iot and should be asha\u{2764}med of this article",
            "You are an idiooot and sshouldd be ashaaamed of this article",
        ] {
            check(text, plain);
        }
        check("F.R.E.E m0ney", "free money");
        check("fr\u{ee}e, pr\u{f3}f\u{ed}le", "fr\u{ee}e , profile");
        check("s**d w--d m*n*y", "s ** d w -- d money");
    }

    #[test]
    fn what_is_known_or_far_from_everything_stays() {
        for text in
            ["you are silly", "well-known", "the zebra", "a 4th article", "see example.com or @claimm"]
        {
            let document = read(text);
            assert_eq!(document.reading(), document.tokens(), "{text}");
            assert!(document.replaced().is_empty());
        }
    }

    #[test]
    fn other_languages_are_left_alone() {
        let text = "Das ist doch nicht der richtige Weg und wir sind uns darin auch alle einig gewesen";
        let document = read(text);
        assert_eq!(document.language().code(), "de");
        assert_eq!(document.reading(), document.tokens());
    }

    #[test]
    fn words_lead_back_to_what_they_were_read_from() {
        let text = "So you, thisidiot, want fr33 mon ey";
        let document = read(text);
        let original = |word: &str| {
            let mut tokens = document.reading().iter().filter(|t| document.token_text(t) == word);
            let token = tokens.next().unwrap_or_else(|| panic!("no {word}"));
            &text[document.original_range(token.source.0, token.source.1)]
        };
        for (word, expected) in
            [("this", "this"), ("idiot", "idiot"), ("free", "fr33"), ("money", "mon ey"), ("you", "you")]
        {
            assert_eq!(original(word).trim(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([a-z013@$!*. -]|(you|idiot|article|money) ?|\u{1f525}|é|.){0,30}") {
            let mut document = read(&text);
            let read = |document: &Document| {
                (document.text().to_owned(), document.reading().to_vec(), document.replaced().to_vec())
            };
            let first = read(&document);
            for token in document.reading() {
                prop_assert!(document.text().get(token.range()).is_some_and(|t| !t.is_empty()));
                prop_assert!(token.source.0 < token.source.1);
                prop_assert!(token.source.1 as usize <= document.body().len());
            }
            prop_assert!(document.replaced().windows(2).all(|pair| pair[0].1 <= pair[1].0));
            document.read_by(&Dictionary::default());
            prop_assert_eq!(document.reading(), document.tokens());
            document.read_by(&dictionary());
            prop_assert_eq!(read(&document), first);
        }
    }
}
