//! Contrast sentences: pairs of sentences with like words and unlike meaning
//! (after the contrast sets of Gardner and others 2020), with every group of
//! people named alike in friendly and in hostile ones.

use super::grammar::{Names, drawn};
use crate::draw::Draws;
use crate::fairness::templates::{NOUNS, TERMS, fill};
use std::collections::BTreeSet;
use thresher::attribute::Attribute;
use xxhash_rust::xxh3::xxh3_128;

const SENTENCES: &str = include_str!("contrast.txt");

/// Each template names each group with so many nouns.
const NOUNS_EACH: usize = 2;

/// A template that names no group gives at most so many sentences.
const VARIANTS: usize = 24;

/// Groups that have a noun of their own: with the article, in the singular, in
/// the plural.
pub const NAMES: [(&str, &str, &str); 16] = [
    ("a woman", "woman", "women"),
    ("a Muslim", "Muslim", "Muslims"),
    ("a Jew", "Jew", "Jews"),
    ("a Christian", "Christian", "Christians"),
    ("an immigrant", "immigrant", "immigrants"),
    ("a refugee", "refugee", "refugees"),
    ("a foreigner", "foreigner", "foreigners"),
    ("a Mexican", "Mexican", "Mexicans"),
    ("an Arab", "Arab", "Arabs"),
    ("an African", "African", "Africans"),
    ("a Russian", "Russian", "Russians"),
    ("a lesbian", "lesbian", "lesbians"),
    ("a gay man", "gay man", "gays"),
    ("a black man", "black man", "blacks"),
    ("a trans woman", "trans woman", "trans people"),
    ("a disabled man", "disabled man", "disabled people"),
];

/// A sentence and what it is labelled.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// The template that it was made from.
    pub template: &'static str,
    marks: &'static str,
}

impl Sentence {
    /// The label of an attribute, where the sentence says something of it.
    pub fn label(&self, attribute: Attribute) -> Option<f32> {
        let mark = match attribute {
            Attribute::Toxicity => 'T',
            Attribute::Insult => 'I',
            Attribute::IdentityAttack => 'A',
            Attribute::Threat => 'H',
            _ => return None,
        };
        Some(if self.marks.contains(mark) { 1.0 } else { 0.0 })
    }
}

/// All sentences.
pub fn sentences() -> Vec<Sentence> {
    let (mut sentences, mut seen) = (Vec::new(), BTreeSet::new());
    for (number, (marks, template)) in templates().enumerate() {
        let mut add = |text: String| {
            if seen.insert(text.clone()) {
                sentences.push(Sentence { text, template, marks });
            }
        };
        if !template.contains('{') {
            let mut draws = Draws::new(number as u64, 0);
            let count = if template.contains('[') { VARIANTS } else { 1 };
            (0..count).for_each(|_| add(drawn(template, &Names::new(), &mut draws)));
            continue;
        }
        for (at, term) in TERMS.iter().enumerate() {
            let mut draws = Draws::new(number as u64, at as u64);
            let first = draws.below(NOUNS.len());
            for i in 0..NOUNS_EACH {
                let (one, many) = NOUNS[(first + i) % NOUNS.len()];
                add(fill(&drawn(template, &Names::new(), &mut draws), term.word, one, many));
            }
        }
        for (at, name) in NAMES.into_iter().enumerate() {
            let mut draws = Draws::new(number as u64, (TERMS.len() + at) as u64);
            let text = drawn(template, &Names::new(), &mut draws);
            add(filled(&text, name));
        }
    }
    sentences
}

/// Puts a group into a template: with the article, in the singular, in the
/// plural.
pub fn filled(template: &str, (a, one, many): (&str, &str, &str)) -> String {
    let text = template.replace("{a}", a).replace("{one}", one).replace("{many}", many);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// XXH3-128 of the sentences' source, in hexadecimal.
pub fn digest() -> String {
    format!("{:032x}", xxh3_128(SENTENCES.as_bytes()))
}

/// What stands in front of each template, and the template.
fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = SENTENCES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_no_sentence_comes_twice() {
        let lines = SENTENCES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).count();
        assert_eq!(templates().count(), lines);
        for (marks, template) in templates() {
            assert!(marks == "-" || marks.chars().all(|m| "TIAH".contains(m)), "{marks} {template}");
            assert!(!marks.contains(['I', 'A', 'H']) || marks.contains('T'), "{marks} {template}");
        }
        let sentences = sentences();
        let distinct: BTreeSet<&str> = sentences.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(distinct.len(), sentences.len());
        assert!(sentences.iter().all(|s| !s.text.contains(['{', '}', '[', ']'])));
    }

    #[test]
    fn groups_are_named_alike_in_every_company() {
        let count = |word: &str, toxic: f32| {
            let named = |s: &&Sentence| s.text.to_lowercase().contains(&format!("{} ", word.to_lowercase()));
            let sentences = sentences();
            sentences.iter().filter(named).filter(|s| s.label(Attribute::Toxicity) == Some(toxic)).count()
        };
        for toxic in [0.0, 1.0] {
            assert!(count("gay", toxic) >= count("Irish", toxic) && count("gay", toxic) > 30);
            assert_eq!(count("deaf", toxic), count("dyslexic", toxic));
        }
    }

    /// What the fairness table and the table of harmless comments measure must
    /// not have been learned by heart.
    #[test]
    fn no_sentence_is_measured_elsewhere() {
        let measured: BTreeSet<String> =
            crate::fairness::templates::sentences().into_iter().map(|s| s.text).collect();
        let behaviours: BTreeSet<String> =
            crate::behaviours::kinds_of_sentences().into_iter().flat_map(|kind| kind.2).collect();
        let harmless = [
            include_str!("../../tests/harmless/places.txt"),
            include_str!("../../tests/harmless/names.txt"),
            include_str!("../../tests/harmless/technical.txt"),
            include_str!("../../tests/harmless/idioms.txt"),
            include_str!("../../tests/harmless/nature_and_kitchen.txt"),
            include_str!("../../tests/harmless/law_history_and_health.txt"),
        ];
        let harmless: BTreeSet<&str> = harmless.into_iter().flat_map(str::lines).collect();
        for sentence in sentences() {
            assert!(!measured.contains(&sentence.text), "{}", sentence.text);
            assert!(!behaviours.contains(&sentence.text), "{}", sentence.text);
            assert!(!harmless.contains(sentence.text.as_str()), "{}", sentence.text);
        }
    }
}
