//! Attacks on where words begin and end.

use super::rewrite::{is_address, words};
use crate::draw::Draws;

/// Shorter words are left as they are.
const SHORTEST: usize = 3;

/// Characters without a shape: zero-width space, non-joiner and joiner, word
/// joiner, byte order mark, soft hyphen.
const INVISIBLE: [char; 6] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}'];

const EMOJI: [char; 10] = ['🔥', '💰', '✨', '😂', '💯', '🎉', '❤', '👉', '🤑', '⭐'];

/// Puts something between letters of words: into one gap for certain, into
/// the others once in `one_in`; of the words one in `one_word_in`.
fn insert(
    text: &str,
    draws: &mut Draws,
    (one_word_in, one_in): (usize, usize),
    mut something: impl FnMut(&mut Draws) -> char,
) -> String {
    words(text, |word, out| {
        let letters = word.chars().count();
        if letters < SHORTEST || !draws.one_in(one_word_in) {
            return out.push_str(word);
        }
        let certain = 1 + draws.below(letters - 1);
        for (i, c) in word.chars().enumerate() {
            if i > 0 && (i == certain || draws.one_in(one_in)) {
                out.push(something(draws));
            }
            out.push(c);
        }
    })
}

/// Invisible characters within words.
pub fn zero_width(text: &str, draws: &mut Draws) -> String {
    insert(text, draws, (1, 3), |draws| draws.pick(&INVISIBLE))
}

/// Emoji within every other word: `fr🔥ee`.
pub fn emoji(text: &str, draws: &mut Draws) -> String {
    insert(text, draws, (2, 3), |draws| draws.pick(&EMOJI))
}

/// Every other word cut in two: `fr ee`, `mon-ey`.
pub fn split(text: &str, draws: &mut Draws) -> String {
    insert(text, draws, (2, usize::MAX), |draws| draws.pick(&[' ', ' ', '-', '.', '/', '_']))
}

/// The letters of every other word apart, by blanks or by one sign in all of
/// the text. Between words, what stood there stands twice, as people write it.
pub fn spaced(text: &str, draws: &mut Draws) -> String {
    let sign = draws.pick(&[' ', ' ', '.', '-', '*', '_']);
    let apart = insert(&text.replace(' ', "  "), draws, (2, 1), |_| sign);
    if sign == ' ' { apart } else { apart.replace("  ", " ") }
}

/// Half of the blanks between words left out: `freemoney`.
pub fn joined(text: &str, draws: &mut Draws) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chunks = text.split(' ').peekable();
    while let Some(chunk) = chunks.next() {
        out.push_str(chunk);
        let Some(next) = chunks.peek() else { break };
        let ends = !is_address(chunk) && chunk.ends_with(char::is_alphabetic);
        let begins = !is_address(next) && next.starts_with(char::is_alphabetic);
        if !(ends && begins && draws.one_in(2)) {
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Claim your free money today, it is a SPLENDID offer!";

    fn draws(seed: u64) -> Draws {
        Draws::new(seed, 0)
    }

    #[test]
    fn without_the_invisible_the_text_is_as_before() {
        let rewritten = zero_width(TEXT, &mut draws(1));
        assert_eq!(rewritten.replace(INVISIBLE, ""), TEXT);
        for word in ["Claim", "your", "free", "money", "today", "SPLENDID", "offer"] {
            assert!(!rewritten.contains(word), "{rewritten}");
        }
    }

    #[test]
    fn without_emoji_the_text_is_as_before() {
        let rewritten = emoji(TEXT, &mut draws(1));
        assert_eq!(rewritten.replace(EMOJI, ""), TEXT);
        assert!(rewritten.chars().filter(|c| EMOJI.contains(c)).count() > 2, "{rewritten}");
    }

    #[test]
    fn words_are_cut_once() {
        let rewritten = split(TEXT, &mut draws(1));
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
        assert_eq!(letters(&rewritten), letters(TEXT));
        let added = rewritten.chars().count() - TEXT.chars().count();
        assert!((1..=7).contains(&added), "{rewritten}");
    }

    #[test]
    fn letters_stand_apart() {
        let seen: Vec<String> = (0..40).map(|seed| spaced("free money", &mut draws(seed))).collect();
        for expected in ["f r e e  m o n e y", "f.r.e.e m.o.n.e.y", "free m*o*n*e*y"] {
            assert!(seen.iter().any(|s| s == expected), "no {expected} in {seen:?}");
        }
    }

    #[test]
    fn words_are_joined_and_addresses_are_not() {
        let text = "go to example.com now or never my dear friends";
        let rewritten = joined(text, &mut draws(1));
        assert_eq!(rewritten.replace(' ', ""), text.replace(' ', ""));
        assert!(rewritten.len() < text.len() && rewritten.contains("example.com "), "{rewritten}");
    }
}
