//! The passages of a text: its sentences, or what stands on a line. A comment is no
//! milder for what stands around its worst passage, so that one is looked at by
//! itself, too.

use crate::text::{Document, TokenKind};

/// What is shorter, in words, belongs to the passage beside it.
const SHORTEST: u32 = 4;

/// After so many words a passage ends, wherever that is.
const LONGEST: u32 = 24;

/// A text has at most so many passages: those of a longer one are longer.
pub const MOST: usize = 32;

/// Writes over `boundaries` where in the normalised text each passage but the
/// last one ends: nowhere for a text of one passage.
pub fn boundaries(document: &Document, boundaries: &mut Vec<u32>) {
    boundaries.clear();
    let words = document.surface().words;
    if words < 2 * SHORTEST {
        return;
    }
    let text = document.text().as_bytes();
    let shortest = SHORTEST.max(words.div_ceil(MOST as u32));
    let longest = LONGEST.max(2 * shortest);
    let mut lines = document.line_ends().iter().peekable();
    let mut count = 0;
    for token in document.tokens() {
        // The end of a line stands before the token behind it.
        let mut ends_line = false;
        while lines.next_if(|end| **end < token.start).is_some() {
            ends_line = true;
        }
        if ends_line && count >= shortest && boundaries.len() + 1 < MOST {
            boundaries.push(token.start);
            count = 0;
        }
        match token.kind {
            TokenKind::Word => count += 1,
            // They stand behind the text.
            TokenKind::Folded | TokenKind::Phone => break,
            _ => {}
        }
        let ends_sentence = token.kind == TokenKind::Punctuation
            && text.get(token.end as usize) == Some(&b' ')
            && document.token_text(token).contains(['.', '!', '?', '\u{2026}', '\u{3002}']);
        let is_long_enough = if ends_sentence { count >= shortest } else { count >= longest };
        if is_long_enough && boundaries.len() + 1 < MOST {
            boundaries.push(token.end);
            count = 0;
        }
    }
    if count < shortest {
        boundaries.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Format;
    use crate::text::Analyzer;
    use proptest::prelude::*;

    fn passages(text: &str) -> Vec<String> {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        let mut ends = Vec::new();
        boundaries(&document, &mut ends);
        ends.push(document.body().len() as u32);
        let mut start = 0;
        let passages = ends.into_iter().map(|end| {
            let passage = document.body()[start as usize..end as usize].trim().to_owned();
            start = end;
            passage
        });
        passages.collect()
    }

    #[test]
    fn passages_are_sentences_and_lines() {
        assert_eq!(passages("").len(), 1);
        assert_eq!(passages("one two three. four five six.").len(), 1);
        assert_eq!(
            passages("One two three four! Five six seven eight"),
            ["one two three four!", "five six seven eight"]
        );
        assert_eq!(
            passages("one two three four\n\nfive six seven eight\nnine"),
            ["one two three four", "five six seven eight nine"]
        );
        assert_eq!(passages("Yes. Well. One two three. Four five six seven").len(), 2);
        assert_eq!(passages("see example.com or a.b.c.d and not e.f at all now").len(), 1);
    }

    #[test]
    fn what_has_no_sentences_is_cut() {
        let lengths: Vec<usize> =
            passages(&vec!["word"; 60].join(" ")).iter().map(|p| p.split(' ').count()).collect();
        assert_eq!(lengths, [24, 24, 12]);
    }

    proptest! {
        #[test]
        fn there_are_only_so_many_and_they_are_the_text(text in "([a-z]{1,4}[ .!\n]{1,2}){0,300}") {
            let found = passages(&text);
            prop_assert!(found.len() <= MOST, "{}", found.len());
            prop_assert!(found.len() == 1 || found.iter().all(|passage| !passage.is_empty()));
            let mut document = Document::default();
            Analyzer::default().analyze(&text, Format::Plain, &mut document);
            let without = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without(&found.concat()), without(document.body()));
        }
    }
}
