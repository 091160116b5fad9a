//! Families of spam as grammars, each with harmless look-alikes of the same
//! words: who praises an adviser by the name of an account, and who asks
//! whether the adviser is a fraud.

use super::grammar::{Names, drawn};
use crate::draw::Draws;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What all families share: names of people, accounts, places, sums.
const WORDS: &str = include_str!("scam/words.txt");

/// The families.
pub const FAMILIES: [(&str, &str); 9] = [
    ("channels", include_str!("scam/channels.txt")),
    ("investing", include_str!("scam/investing.txt")),
    ("tokens", include_str!("scam/tokens.txt")),
    ("rescuers", include_str!("scam/rescuers.txt")),
    ("prizes", include_str!("scam/prizes.txt")),
    ("downloads", include_str!("scam/downloads.txt")),
    ("blogs", include_str!("scam/blogs.txt")),
    ("offers", include_str!("scam/offers.txt")),
    ("everyday", include_str!("scam/everyday.txt")),
];

/// A template gives at most so many sentences.
const VARIANTS: usize = 24;

/// A sentence and whether it is spam.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// The template that it was made from.
    pub template: &'static str,
    /// Whether it is spam.
    pub spam: bool,
}

/// All sentences.
pub fn sentences() -> Vec<Sentence> {
    let (mut sentences, mut seen) = (Vec::new(), BTreeSet::new());
    for (_, source) in FAMILIES {
        let names = names(source);
        for (spam, template) in templates(source) {
            let mut draws = Draws::new(xxh3_64(template.as_bytes()), 0);
            for _ in 0..VARIANTS {
                let text = written(&drawn(template, &names, &mut draws), &mut draws);
                if !text.is_empty() && seen.insert(text.clone()) {
                    sentences.push(Sentence { text, template, spam });
                }
            }
        }
    }
    sentences
}

/// A text as somebody writes it who has no time for capitals, or shouts.
fn written(text: &str, draws: &mut Draws) -> String {
    match draws.below(10) {
        0..=4 => text.to_owned(),
        5 => text.to_lowercase(),
        6 | 7 => bare(&text.to_lowercase()),
        8 => text.to_uppercase(),
        _ => hasty(&text.to_lowercase()),
    }
}

/// Words without the punctuation behind them, as forms and phones leave them.
fn bare(text: &str) -> String {
    let bare = |word: &str| word.trim_end_matches(['.', ',', '!', '?', ':', ';']).replace('\'', " ");
    text.split(' ').map(bare).collect::<Vec<_>>().join(" ")
}

/// Words as they are shortened in a hurry.
fn hasty(text: &str) -> String {
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

fn short(word: &str) -> &str {
    match word {
        "you" => "u",
        "your" => "ur",
        "are" => "r",
        "please" => "plz",
        "to" => "2",
        "for" => "4",
        "and" => "n",
        "text" => "txt",
        "message" => "msg",
        "thanks" => "thx",
        "because" => "cuz",
        _ => word,
    }
}

/// XXH3-128 of the sentences' sources, in hexadecimal.
pub fn digest() -> String {
    let mut hash = Xxh3::new();
    hash.update(WORDS.as_bytes());
    FAMILIES.iter().for_each(|(_, source)| hash.update(source.as_bytes()));
    format!("{:032x}", hash.digest128())
}

/// The lines of a source that say something.
fn lines(source: &'static str) -> impl Iterator<Item = &'static str> {
    source.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The names that a family may use: its own, and those of all.
fn names(source: &'static str) -> Names {
    lines(WORDS).chain(lines(source)).filter_map(|line| line.split_once(" = ")).collect()
}

/// Whether each template of a family is spam, and the template.
fn templates(source: &'static str) -> impl Iterator<Item = (bool, &'static str)> {
    lines(source).filter_map(|line| match line.split_at_checked(2)? {
        ("S ", template) => Some((true, template)),
        ("- ", template) => Some((false, template)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::rewrite::is_address;
    use std::collections::HashMap;

    #[test]
    fn every_line_is_read_and_no_sentence_comes_twice() {
        for (family, source) in FAMILIES {
            let (names, templates) = (names(source), templates(source).collect::<Vec<_>>());
            let mut defined = lines(source).filter(|l| !l.starts_with("S ") && !l.starts_with("- "));
            assert!(defined.all(|line| names.contains_key(line.split(" = ").next().unwrap())), "{family}");
            for spam in [true, false] {
                assert!(templates.iter().filter(|t| t.0 == spam).count() >= 10, "{family}");
            }
            for (_, template) in templates {
                let count = |c| template.matches(c).count();
                assert_eq!(
                    (count('['), count('<')),
                    (count(']'), count('>') + template.matches("<3").count())
                );
            }
        }
        let sentences = sentences();
        let distinct: BTreeSet<&str> = sentences.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(distinct.len(), sentences.len());
        assert!(sentences.iter().all(|s| !s.text.contains(['[', ']'])));
        assert!(sentences.iter().all(|s| !s.text.replace("<3", "").contains('<')));
        let again = self::sentences();
        assert!(sentences.iter().zip(&again).all(|(a, b)| a.text == b.text && a.spam == b.spam));
    }

    /// What a word in the texts of one class is not worth: a proof.
    #[test]
    fn no_common_word_gives_spam_away() {
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        let (mut spam, mut harmless) = (0usize, 0usize);
        for sentence in sentences() {
            *(if sentence.spam { &mut spam } else { &mut harmless }) += 1;
            let text = sentence.text.to_lowercase();
            let text = text.split_whitespace().filter(|w| !is_address(w)).collect::<Vec<_>>();
            let text = text.join(" ");
            let words: BTreeSet<&str> =
                text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| w.len() >= 3).collect();
            for word in words {
                let count = counts.entry(word.to_owned()).or_default();
                *(if sentence.spam { &mut count.0 } else { &mut count.1 }) += 1;
            }
        }
        assert!(spam.abs_diff(harmless) * 4 < spam, "{spam} {harmless}");
        for (word, (bad, good)) in counts {
            // Once in a hundred sentences of a class.
            let (bad, good) = (bad as f64 / spam as f64, good as f64 / harmless as f64);
            assert!(bad < 0.01 || good > bad / 20.0, "`{word}` is spam: {bad:.4} to {good:.4}");
            assert!(good < 0.01 || bad > good / 20.0, "`{word}` is harmless: {good:.4} to {bad:.4}");
        }
    }

    /// What is measured must not have been learned by heart.
    #[test]
    fn no_sentence_is_measured_elsewhere() {
        let measured = [
            include_str!("../../tests/harmless/places.txt"),
            include_str!("../../tests/harmless/names.txt"),
            include_str!("../../tests/harmless/technical.txt"),
            include_str!("../../tests/harmless/idioms.txt"),
            include_str!("../../tests/harmless/nature_and_kitchen.txt"),
            include_str!("../../tests/harmless/law_history_and_health.txt"),
        ];
        let measured: BTreeSet<&str> = measured.into_iter().flat_map(str::lines).collect();
        let examples = include_str!("../../examples/labelled-threads.jsonl");
        let texts: BTreeSet<String> = examples
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|comment| comment["text"].as_str().unwrap().to_owned())
            .collect();
        assert!(texts.len() > 100);
        for sentence in sentences() {
            assert!(!measured.contains(sentence.text.as_str()), "{}", sentence.text);
            assert!(!texts.contains(&sentence.text), "{}", sentence.text);
        }
    }
}
