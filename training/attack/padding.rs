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

/// Others, to train on, beside what else is harmless there: a model that learned
/// those above by heart would seem to withstand all padding.
pub const PRACTICE: [&str; 24] = [
    "Has anybody tried the recipe with rye flour instead?",
    "The interviewer asked good questions for once.",
    "We moved here four years ago and never looked back.",
    "What a goal, and in the last minute too!",
    "Chapter nine made me laugh out loud on the bus.",
    "You can see the same thing in older maps of the valley.",
    "I am not sure the numbers in the table add up.",
    "Greetings from the south coast, where it is raining.",
    "This brings back memories of my first bicycle.",
    "The singer sounds even better live.",
    "He explains it so well that even I understood.",
    "They could have mentioned what it costs to heat such a house.",
    "Still my favourite episode after all these years.",
    "Nice to read something about our village for a change.",
    "The update fixed the problem on my laptop.",
    "Could you say more about how the roof was repaired?",
    "I disagree, but it is a fair argument.",
    "That dog has more patience than I do.",
    "We voted on this at the last meeting of the parents.",
    "The colours in the final scene are wonderful.",
    "Tomatoes need more sun than my balcony gets.",
    "It was cheaper before they changed the timetable.",
    "A friend of mine worked at that factory until it closed.",
    "Looking forward to part three, whenever it comes.",
];

/// Services that shorten links, as they are known to everyone.
const SHORTENERS: [&str; 6] = ["bit.ly", "tinyurl.com", "t.ly", "is.gd", "cutt.ly", "rb.gy"];

/// Of some sentences, as many as a text of that length is padded with.
fn harmless(sentences: &[&str], length: usize, draws: &mut Draws) -> String {
    let wanted = length.clamp(SHORTEST, LONGEST);
    let mut padding = String::new();
    while padding.len() < wanted {
        if !padding.is_empty() {
            padding.push(' ');
        }
        padding.push_str(draws.pick(sentences));
    }
    padding
}

/// Harmless sentences before the text.
pub fn before(text: &str, draws: &mut Draws) -> String {
    format!("{}\n\n{text}", harmless(&HARMLESS, text.len(), draws))
}

/// Harmless sentences behind the text.
pub fn after(text: &str, draws: &mut Draws) -> String {
    format!("{text}\n\n{}", harmless(&HARMLESS, text.len(), draws))
}

/// Some of the sentences before or behind the text.
pub fn with(text: &str, sentences: &[&str], is_before: bool, draws: &mut Draws) -> String {
    let company = harmless(sentences, text.len(), draws);
    if is_before { format!("{company}\n\n{text}") } else { format!("{text}\n\n{company}") }
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
            let practice = with(text, &PRACTICE, true, &mut draws(1));
            assert!(
                practice.ends_with(text) && with(text, &PRACTICE, false, &mut draws(1)).starts_with(text)
            );
            assert!(PRACTICE.iter().any(|sentence| practice.starts_with(sentence)));
            assert!(HARMLESS.iter().all(|sentence| !practice.contains(sentence)));
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
