//! Words that are hidden otherwise than by signs for letters: broken by signs
//! or emoji, stretched by repeated letters, or written wholly in letters of
//! another script. Each is read once more as the word it stands for, in a
//! folded token beside the original.

use super::normalize::fold_look_alike;
use super::tokenize::{MAX_FOLDED_BYTES, push_folded};
use super::{Surface, Token, TokenKind};
use unicode_script::{Script, UnicodeScript};

/// Of a word broken by a sign, one piece has at most this many bytes:
/// `mon-ey`, but not `well-known`.
const MAX_PIECE_BYTES: u32 = 3;

/// Adds a folded token for each word that is broken by emoji, single signs or
/// stars: `fr🔥ee`, `mon.ey`, `cl**m`.
pub(super) fn fold_broken(text: &mut String, tokens: &mut Vec<Token>) {
    let count = tokens.len();
    let mut i = 0;
    while i + 2 < count {
        let first = i;
        let (mut last, mut shortest, mut longest, mut has_emoji) = (first, u32::MAX, 0, false);
        if is_piece(tokens[first], text) {
            loop {
                let length = tokens[last].end - tokens[last].start;
                (shortest, longest) = (shortest.min(length), longest.max(length));
                let mut next = last + 1;
                while next < count && touches(tokens, next) && is_joint(tokens[next], text) {
                    has_emoji |= tokens[next].kind == TokenKind::Emoji;
                    next += 1;
                }
                if next == last + 1
                    || next >= count
                    || !touches(tokens, next)
                    || !is_piece(tokens[next], text)
                {
                    break;
                }
                last = next;
            }
        }
        i = last + 1;
        let range = (tokens[first].start, tokens[last].end);
        // Single letters are read as letters spaced apart.
        let is_hidden = last > first && longest > 1 && (has_emoji || shortest <= MAX_PIECE_BYTES);
        if is_hidden && range.1 - range.0 <= MAX_FOLDED_BYTES as u32 {
            let start = text.len();
            for token in &tokens[first..=last] {
                if token.kind == TokenKind::Word {
                    text.extend_from_within(token.range());
                }
            }
            push_folded(text, tokens, start, range);
        }
    }
}

fn touches(tokens: &[Token], at: usize) -> bool {
    tokens[at].start == tokens[at - 1].end
}

fn is_piece(token: Token, text: &str) -> bool {
    token.kind == TokenKind::Word && text[token.range()].bytes().all(|b| b.is_ascii_lowercase())
}

fn is_joint(token: Token, text: &str) -> bool {
    match token.kind {
        TokenKind::Emoji => true,
        TokenKind::Punctuation => match &text[token.range()] {
            "." | "-" | "_" | "/" | "|" | "~" | "'" | "," | "\\" | "^" => true,
            // Each star may stand for a letter.
            signs => signs.bytes().all(|b| b == b'*'),
        },
        _ => false,
    }
}

/// Adds folded tokens for each word with a letter three times or more in a row,
/// or with two letters doubled: every letter once, and in the first case also
/// with those that stood three times or more twice. `freee` is both `fre` and
/// `free`, `sstuppid` is `stupid`.
pub(super) fn fold_stretched(text: &mut String, tokens: &mut Vec<Token>) {
    for i in 0..tokens.len() {
        let token = tokens[i];
        let range = token.range();
        if token.kind != TokenKind::Word || range.len() > MAX_FOLDED_BYTES {
            continue;
        }
        let runs = || text.as_bytes()[range.clone()].chunk_by(|a, b| a == b && a.is_ascii_alphabetic());
        let longest = runs().map(<[u8]>::len).max().unwrap_or_default();
        if longest < 3 && runs().filter(|run| run.len() > 1).count() < 2 {
            continue;
        }
        for most in 1..=if longest < 3 { 1 } else { 2 } {
            let start = text.len();
            let mut at = range.start;
            while let Some(c) = text[at..range.end].chars().next() {
                let run = text.as_bytes()[at..range.end]
                    .iter()
                    .take_while(|&&b| c.is_ascii_alphabetic() && b == c as u8);
                let run = run.count();
                let kept = if run >= 3 { most } else { 1 };
                text.extend(std::iter::repeat_n(c, kept));
                at += run.max(c.len_utf8());
            }
            if text.len() - start > 1 {
                push_folded(text, tokens, start, token.source);
            } else {
                text.truncate(start);
            }
        }
    }
}

/// Adds a folded token for each word written wholly in letters of another
/// script that look like Latin ones, in a text that is mostly Latin: there it
/// is a disguise, or else a foreign word that reads strangely twice.
pub(super) fn fold_foreign(text: &mut String, tokens: &mut Vec<Token>, surface: &Surface) {
    if surface.foreign_letters == 0 || surface.foreign_letters * 2 > surface.letters {
        return;
    }
    for i in 0..tokens.len() {
        let token = tokens[i];
        let range = token.range();
        let is_foreign = |c: char| {
            matches!(c.script(), Script::Cyrillic | Script::Greek | Script::Armenian | Script::Cherokee)
        };
        if token.kind != TokenKind::Word
            || range.len() > MAX_FOLDED_BYTES
            || !text[range.clone()].chars().all(is_foreign)
        {
            continue;
        }
        let start = text.len();
        let mut at = range.start;
        while at < range.end {
            let Some(c) = text[at..].chars().next() else { break };
            at += c.len_utf8();
            if !fold_look_alike(c, text) {
                break;
            }
        }
        if at == range.end && text.len() - start > 1 && text.as_bytes()[start..].iter().all(u8::is_ascii) {
            push_folded(text, tokens, start, token.source);
        } else {
            text.truncate(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::analyze;
    use super::TokenKind;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let document = analyze(text);
        let folded = document.tokens().iter().filter(|t| t.kind == TokenKind::Folded);
        let folded: Vec<&str> = folded.map(|t| document.token_text(t)).collect();
        assert_eq!(folded, expected, "{text}");
    }

    #[test]
    fn broken_words_are_joined() {
        check("so fr🔥ee, m💰on💰✨ey", &["free", "money"]);
        check("mon-ey or mo*ney", &["money", "money"]);
        check("cl**m it, m*n*y b***dly", &["mny", "clm", "bdly"]);
        check("**bold** and *emphasis* and 2 * 3", &[]);
        for text in ["a well-known name", "good 😀 day", "end. start", "3-4 times", "wow🔥🔥"] {
            check(text, &[]);
        }
    }

    #[test]
    fn stretched_words_are_read_with_one_letter_and_with_two() {
        check("freeee moooney", &["fre", "free", "money", "mooney"]);
        check("naïïïf looool", &["lol", "lool"]);
        for text in ["too good", "aaa", "1000 www"] {
            assert!(
                analyze(text).tokens().iter().all(|t| t.kind != TokenKind::Folded || t.end - t.start == 2)
            );
        }
    }

    #[test]
    fn words_of_look_alikes_alone_are_read_as_latin_in_latin_texts() {
        check("see the \u{440}\u{430}\u{443} here", &["pay"]);
        check("\u{440}\u{430}\u{443} \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}", &[]);
    }
}
