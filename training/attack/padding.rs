//! Attacks on the whole: harmless company, and links that hide where they
//! lead.

use crate::draw::Draws;
use std::sync::LazyLock;
use thresher::comment::Format;
use thresher::text::{Analyzer, Document, TokenKind};

/// Padding is at least this long, in bytes, and at least as long as the text,
/// but no longer than [`LONGEST`].
const SHORTEST: usize = 120;
const LONGEST: usize = 600;

/// Sentences that nobody minds.
const HARMLESS: [&str; 24] = [
    "I have been reading this for a while and it is one of the better ones.",
    "The photographs of the old harbour are lovely.",
    "My grandmother used to tell us about that winter.",
    "Thank you for the clear explanation of the second part.",
    "We walked there last summer and it rained the whole time.",
    "I had not thought about it in that way before.",
    "The library in our town closes at six, which is a pity.",
    "Does anyone know when the next part will be out?",
    "It took me two evenings, but the soup was worth it.",
    "The train was late again this morning.",
    "I agree with most of what was said here.",
    "That reminds me of a film I saw years ago.",
    "The garden looks different every month.",
    "Somebody should write a book about the people who built it.",
    "I liked the part about the bridge best.",
    "Our teacher showed us this in class today.",
    "The weather has been strange this year.",
    "It is good to see that they asked the neighbours first.",
    "I would add a little more salt, but otherwise it is perfect.",
    "The second half of the match was much better.",
    "There is a small mistake in the third paragraph.",
    "My children listened to this song all the way home.",
    "Well written, and well worth the time.",
    "I will try this at the weekend and report back.",
];

/// Services that shorten links, as they are known to everyone.
const SHORTENERS: [&str; 6] = ["bit.ly", "tinyurl.com", "t.ly", "is.gd", "cutt.ly", "rb.gy"];

fn harmless(length: usize, draws: &mut Draws) -> String {
    let wanted = length.clamp(SHORTEST, LONGEST);
    let mut padding = String::new();
    let mut at = draws.below(HARMLESS.len());
    while padding.len() < wanted {
        if !padding.is_empty() {
            padding.push(' ');
        }
        padding.push_str(HARMLESS[at]);
        // A step that shares no factor with 24 visits every sentence once.
        at = (at + 5) % HARMLESS.len();
    }
    padding
}

/// Harmless sentences before the text.
pub fn before(text: &str, draws: &mut Draws) -> String {
    format!("{}\n\n{text}", harmless(text.len(), draws))
}

/// Harmless sentences behind the text.
pub fn after(text: &str, draws: &mut Draws) -> String {
    format!("{text}\n\n{}", harmless(text.len(), draws))
}

/// Every link replaced by one of a shortener; texts without links stay.
pub fn shorteners(text: &str, draws: &mut Draws) -> String {
    static ANALYZER: LazyLock<Analyzer> = LazyLock::new(Analyzer::default);
    const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut document = Document::default();
    ANALYZER.analyze(text, Format::Plain, &mut document);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for token in document.tokens().iter().filter(|t| t.kind == TokenKind::Link) {
        let range = document.original_range(token.source.0, token.source.1);
        let Some(between) = text.get(copied..range.start) else { continue };
        out.push_str(between);
        out.push_str("https://");
        out.push_str(draws.pick(&SHORTENERS));
        out.push('/');
        (0..6 + draws.below(3)).for_each(|_| out.push(draws.pick(LETTERS) as char));
        copied = range.end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64) -> Draws {
        Draws::new(seed, 0)
    }

    #[test]
    fn padding_is_harmless_and_as_long_as_the_text() {
        for text in ["Free money!", &"Free money! ".repeat(30), &"Free money! ".repeat(300)] {
            let (first, last) = (before(text, &mut draws(1)), after(text, &mut draws(1)));
            let padding = first.strip_suffix(text).unwrap().trim();
            assert_eq!(last.strip_prefix(text).unwrap().trim(), padding);
            let wanted = text.len().clamp(SHORTEST, LONGEST);
            assert!((wanted..wanted + 80).contains(&padding.len()), "{}", padding.len());
            assert!(HARMLESS.iter().any(|sentence| padding.starts_with(sentence)));
        }
    }

    #[test]
    fn links_are_shortened_and_the_rest_stays() {
        let rewritten =
            shorteners("See (https://prizes.example.com/win?a=b), or www.example.org now.", &mut draws(1));
        let parts: Vec<&str> = rewritten.split("https://").collect();
        assert_eq!((parts.len(), parts[0]), (3, "See ("), "{rewritten}");
        assert!(parts[1].ends_with("), or ") && parts[2].ends_with(" now."), "{rewritten}");
        assert!(!rewritten.contains("example"), "{rewritten}");
        assert_eq!(shorteners("no link at all", &mut draws(1)), "no link at all");
    }
}
