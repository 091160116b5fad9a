//! A list of bad words as rows to train on. A list has no harmless rows, and
//! its words stand alone as they do in no comment; so each word is also put
//! into harmless company and disguised, and harmless words of the other sets
//! are treated alike.

use crate::attack::rewrite;
use crate::corpus::{Corpus, Row};
use crate::draw::Draws;
use std::collections::HashMap;
use thresher::attribute::{Attribute, PerAttribute};
use thresher::comment::Format;
use xxhash_rust::xxh3::xxh3_64;

/// So many harmless words stand against each row of the list.
const HARMLESS: usize = 3;

/// The company of a word has at most so many words.
const COMPANY: usize = 8;

/// Takes the rows of set `set` for a list of bad words: marks them as made, and
/// returns further rows, of the list's words and of harmless ones.
pub fn rows(corpus: &mut Corpus, set: u32, seed: u64) -> Vec<Row> {
    let listed: Vec<Row> = corpus.rows.iter().filter(|row| row.set == set).cloned().collect();
    corpus.rows.iter_mut().filter(|row| row.set == set).for_each(|row| row.made = true);
    let Some(attribute) =
        Attribute::TEXT.into_iter().find(|&a| listed.iter().any(|row| row.labels[a].is_some()))
    else {
        return Vec::new();
    };
    let bad = |row: &Row| row.labels[attribute].is_some_and(|label| label >= 0.5);
    let is_other = |row: &&Row| row.set != set && !row.made && row.format == Format::Plain;
    let labelled = || corpus.rows.iter().filter(is_other).filter(|row| row.labels[attribute].is_some());
    // A word is harmless when it stands in harmless rows only, or nearly so.
    let mut counts: HashMap<String, (u32, u32)> = HashMap::new();
    for row in labelled() {
        for word in words(&row.text) {
            let count = counts.entry(word).or_default();
            *(if bad(row) { &mut count.1 } else { &mut count.0 }) += 1;
        }
    }
    let (harmless_rows, bad_rows) =
        labelled().fold((0u64, 0u64), |(h, b), row| if bad(row) { (h, b + 1) } else { (h + 1, b) });
    // No more often in bad rows than in others.
    let is_harmless =
        |&(h, b): &(u32, u32)| h >= 2 && u64::from(b) * harmless_rows <= u64::from(h) * bad_rows;
    let mut harmless: Vec<String> =
        counts.into_iter().filter(|(_, count)| is_harmless(count)).map(|(word, _)| word).collect();
    harmless.sort_unstable();
    let company: Vec<&str> = labelled().filter(|row| !bad(row)).map(|row| row.text.as_str()).collect();
    if harmless.is_empty() || company.is_empty() {
        return Vec::new();
    }

    let mut made = Vec::new();
    let mut draws = Draws::new(seed, u64::from(set));
    for row in &listed {
        let words =
            (0..HARMLESS).map(|_| (harmless[draws.below(harmless.len())].as_str(), 0.0)).collect::<Vec<_>>();
        let own = std::iter::repeat_n((row.text.as_str(), 1.0), 2);
        for (word, label) in own.chain(words) {
            let attack = &rewrite::ALL[draws.below(rewrite::ALL.len())];
            let disguised = if draws.below(2) == 0 { attack.rewrite(word, seed) } else { word.to_owned() };
            let text = match draws.below(3) {
                0 => disguised,
                _ => in_company(&disguised, company[draws.below(company.len())], &mut draws),
            };
            made.push(Row {
                id: String::new(),
                set,
                format: Format::Plain,
                thread: None,
                parent: None,
                labels: PerAttribute::from_fn(|a| (a == attribute).then_some(label)),
                soft: None,
                made: true,
                company: None,
                weight: 1.0,
                group: row.group,
                key: xxh3_64(text.as_bytes()),
                text,
            });
        }
    }
    made
}

/// The words of a text in lower case, three letters or longer.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() >= 3 && w.len() <= 20);
    words.filter(|word| word.is_ascii()).map(str::to_ascii_lowercase)
}

/// A word in the midst of some that stand together in a text.
fn in_company(word: &str, text: &str, draws: &mut Draws) -> String {
    let all: Vec<&str> = text.split_whitespace().collect();
    let count = 1 + draws.below(COMPANY).min(all.len().saturating_sub(1));
    let start = draws.below(all.len().saturating_sub(count) + 1);
    let mut company: Vec<&str> = all.into_iter().skip(start).take(count).collect();
    company.insert(draws.below(company.len() + 1), word);
    company.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Set;

    fn row(set: u32, text: &str, label: f32) -> Row {
        Row {
            id: String::new(),
            set,
            text: text.to_owned(),
            format: Format::Plain,
            thread: None,
            parent: None,
            labels: PerAttribute::from_fn(|a| (a == Attribute::Profanity).then_some(label)),
            soft: None,
            made: false,
            company: None,
            weight: 1.0,
            group: xxh3_64(text.as_bytes()),
            key: xxh3_64(text.as_bytes()),
        }
    }

    fn corpus() -> Corpus {
        let mut rows = vec![row(1, "darn", 1.0), row(1, "heck", 1.0)];
        for i in 0..20 {
            rows.push(row(0, &format!("the garden has a green table number {i}"), 0.0));
            rows.push(row(0, &format!("you darn fool, get off my lawn, visitor {i}"), 1.0));
        }
        let set = |name: &str| Set { name: name.to_owned(), weight: 1.0, ..Set::default() };
        Corpus { rows, sets: vec![set("comments"), set("words")], threads: Vec::new() }
    }

    #[test]
    fn bad_words_and_harmless_ones_are_treated_alike() {
        let (mut first, mut second) = (corpus(), corpus());
        let made = rows(&mut first, 1, 1);
        let label = |row: &Row| row.labels[Attribute::Profanity].unwrap();
        let bad = made.iter().filter(|row| label(row) == 1.0).count();
        assert_eq!((bad, made.len()), (4, 2 * (2 + HARMLESS)));
        assert!(made.iter().all(|row| row.made && row.set == 1 && !row.text.trim().is_empty()));
        // What stands in bad rows is no harmless word.
        assert!(made.iter().filter(|row| label(row) == 0.0).all(|row| !row.text.contains("fool")));
        let texts = |rows: &[Row]| rows.iter().map(|row| row.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&made), texts(&rows(&mut second, 1, 1)));
    }

    #[test]
    fn the_list_itself_is_trained_on_and_not_measured() {
        let mut corpus = corpus();
        rows(&mut corpus, 1, 1);
        assert!(corpus.rows.iter().all(|row| row.made == (row.set == 1)));
    }

    #[test]
    fn a_list_without_other_rows_gives_none() {
        let mut corpus = corpus();
        corpus.rows.retain(|row| row.set == 1);
        assert!(rows(&mut corpus, 1, 1).is_empty());
    }
}
