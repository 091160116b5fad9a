//! Rows that the trainer makes itself: sentences that teach what words alone do
//! not, words of a list in harmless company, and disguised copies of the data's
//! own rows.
//!
//! They are trained on and never measured. All are the same for the same
//! data and seed.

pub mod contrast;
mod grammar;
mod lexicon;
mod padded;
mod passages;
mod scam;

use crate::attack::{padding, rewrite};
use crate::corpus::{Corpus, Row, Set};
use crate::draw::Draws;
use anyhow::{Result, bail};
use thresher::attribute::{Attribute, PerAttribute};
use thresher::comment::Format;
use xxhash_rust::xxh3::xxh3_64;

/// What the command line says about made rows.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AugmentArgs {
    /// Train on disguised copies of this share of the rows too, harmless and
    /// bad alike, so that a disguise hides little and proves nothing
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub rewrite: f32,
    /// Train on sentences that name groups of people or use a bad word
    /// harmlessly, and on abusive ones like them, with this weight as a set
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, value_parser = share)]
    pub contrast: f32,
    /// Train on spam of families that the data has little of (advisers, rescuers
    /// of lost money, giveaways, channels, prizes, films, flattery), and on harmless
    /// comments in the same words, with this weight as a set
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, value_parser = share)]
    pub scams: f32,
    /// Train on copies of this share of the rows labelled for SPAM with another
    /// harmless comment before or behind them, so that harmless company hides
    /// little
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub pad: f32,
    /// Train on this share of the passages of harmless comments by themselves too,
    /// so that a harmless sentence is harmless wherever it stands
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub passages: f32,
    /// Take this set for a list of bad words: train on them alone, disguised
    /// and in harmless company, and on harmless words treated alike
    #[arg(long, value_name = "NAME")]
    pub lexicon: Vec<String>,
}

fn share(argument: &str) -> Result<f32, String> {
    match argument.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{argument}` is no number from 0 to 1")),
    }
}

/// The names of the sets of sentences.
const CONTRAST: &str = "contrast sentences";
const SCAMS: &str = "scam sentences";

impl AugmentArgs {
    /// Adds what is asked for to the rows read.
    ///
    /// # Errors
    /// When there is no set of the name of a list.
    pub fn augment(&self, corpus: &mut Corpus, seed: u64) -> Result<()> {
        for name in &self.lexicon {
            let Some(set) = corpus.sets.iter().position(|set| set.name == *name) else {
                bail!("--lexicon {name}: there is no set of this name");
            };
            let rows = lexicon::rows(corpus, set as u32, seed);
            corpus.rows.extend(rows);
        }
        let read = corpus.sets.len() as u32;
        if self.contrast > 0.0 {
            let sentences = contrast::sentences().into_iter();
            let rows = sentences.map(|s| (PerAttribute::from_fn(|a| s.label(a)), s.template, s.text));
            add_set(corpus, CONTRAST, self.contrast, contrast::digest(), rows.collect());
        }
        if self.scams > 0.0 {
            let label = |spam: bool| PerAttribute::from_fn(|a| (a == Attribute::Spam).then_some(spam.into()));
            let rows = scam::sentences().into_iter().map(|s| (label(s.spam), s.template, s.text));
            add_set(corpus, SCAMS, self.scams, scam::digest(), rows.collect());
        }
        // Beside the rewritten ones, not of them.
        let padded = padded::rows(corpus, self.pad, seed);
        let passages = passages::rows(corpus, self.passages, seed);
        if self.rewrite > 0.0 {
            // Sentences too; the words of lists are disguised already.
            rewrite_rows(corpus, read, self.rewrite, seed);
        }
        corpus.rows.extend(padded);
        corpus.rows.extend(passages);
        Ok(())
    }
}

/// Copies of a share of the rows that were read and of the sentences, whose sets
/// begin at `sentences`, each rewritten by one attack.
fn rewrite_rows(corpus: &mut Corpus, sentences: u32, share: f32, seed: u64) {
    // Padded with harmless sentences of every kind: one that teaches that plain
    // words are harmless must not hide what stands beside it.
    let is_harmless = |row: &&Row| {
        row.set >= sentences && row.labels.iter().all(|(_, label)| label.is_none_or(|label| label < 0.5))
    };
    let harmless = corpus.rows.iter().filter(is_harmless).map(|row| row.text.as_str());
    let harmless: Vec<&str> = padding::PRACTICE.into_iter().chain(harmless).collect();
    let of = |row: &&Row| row.format == Format::Plain && (!row.made || row.set >= sentences);
    let mut made = Vec::new();
    for row in corpus.rows.iter().filter(of) {
        let labelled = Attribute::TEXT.into_iter().any(|a| row.labels[a].is_some());
        let mut draws = Draws::new(seed, row.key);
        if !labelled || draws.below(1_000_000) as f32 >= share * 1e6 {
            continue;
        }
        let attack = &rewrite::ALL[draws.below(rewrite::ALL.len())];
        let text = attack.practise(&row.text, &harmless, seed);
        // What an attack leaves as it is would only count twice.
        if text != row.text && !text.trim().is_empty() {
            let mut labels = row.labels;
            labels[Attribute::OffTopic] = None;
            made.push(Row { text, labels, thread: None, parent: None, made: true, ..row.clone() });
        }
    }
    corpus.rows.extend(made);
}

/// The labels of a sentence, the template that it was made from, and its text.
type Sentence = (PerAttribute<Option<f32>>, &'static str, String);

/// Adds sentences as a set of their own.
fn add_set(corpus: &mut Corpus, name: &str, weight: f32, digest: String, sentences: Vec<Sentence>) {
    let set = corpus.sets.len() as u32;
    corpus.sets.push(Set {
        name: name.to_owned(),
        licence: "made by thresher-train".to_owned(),
        weight,
        digest,
        read: sentences.len() as u64,
        used: sentences.len() as u64,
        ..Set::default()
    });
    corpus.rows.extend(sentences.into_iter().map(|(labels, template, text)| Row {
        id: String::new(),
        set,
        format: Format::Plain,
        thread: None,
        parent: None,
        labels,
        weight: 1.0,
        soft: None,
        made: true,
        company: None,
        // Sentences of one template stand in one fold.
        group: xxh3_64(template.as_bytes()),
        key: xxh3_64(text.as_bytes()),
        text,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{By, Folds};

    fn corpus(count: u64) -> Corpus {
        let row = |i: u64| Row {
            id: i.to_string(),
            set: 0,
            text: format!("claim your free money number {i} today, as long as there is any of it left"),
            format: Format::Plain,
            thread: None,
            parent: None,
            labels: PerAttribute::from_fn(|a| (a == Attribute::Spam).then_some((i % 2) as f32)),
            weight: 1.0,
            soft: None,
            made: false,
            company: None,
            group: i,
            key: i,
        };
        let set = Set { name: "set".to_owned(), weight: 1.0, ..Set::default() };
        Corpus { sets: vec![set], rows: (0..count).map(row).collect(), threads: Vec::new() }
    }

    #[test]
    fn copies_are_disguised_and_keep_label_and_fold() {
        let (mut first, mut second) = (corpus(2_000), corpus(2_000));
        let augment = AugmentArgs { rewrite: 0.25, ..AugmentArgs::default() };
        augment.augment(&mut first, 1).unwrap();
        augment.augment(&mut second, 1).unwrap();
        let made = &first.rows[2_000..];
        assert!((380..=500).contains(&made.len()), "{}", made.len());
        for (row, again) in made.iter().zip(&second.rows[2_000..]) {
            let own = &first.rows[row.key as usize];
            assert!(row.made && row.text != own.text && row.group == own.group);
            assert_eq!(row.labels, own.labels);
            assert_eq!(row.text, again.text);
        }
        let spam = made.iter().filter(|r| r.labels[Attribute::Spam] == Some(1.0)).count();
        assert!(spam * 3 > made.len() && spam * 3 < 2 * made.len(), "{spam} of {}", made.len());
    }

    #[test]
    fn company_hides_spam_and_leaves_the_harmless_so() {
        let (mut first, mut second) = (corpus(2_000), corpus(2_000));
        let augment = AugmentArgs { pad: 0.25, ..AugmentArgs::default() };
        augment.augment(&mut first, 1).unwrap();
        augment.augment(&mut second, 1).unwrap();
        let made = &first.rows[2_000..];
        assert!((400..=600).contains(&made.len()), "{}", made.len());
        for (row, again) in made.iter().zip(&second.rows[2_000..]) {
            let company = &first.rows[row.company.unwrap() as usize];
            let own = &first.rows[row.key as usize];
            assert_eq!(company.labels[Attribute::Spam], Some(0.0));
            assert!(row.text.starts_with(&own.text) || row.text.ends_with(&own.text));
            assert!(row.text.starts_with(&company.text) || row.text.ends_with(&company.text));
            assert!(row.made && row.weight < own.weight && row.group == own.group);
            assert_eq!(row.labels, own.labels);
            assert_eq!(row.text, again.text);
        }
        assert!(made.iter().any(|row| row.text.starts_with(&first.rows[row.key as usize].text)));
        assert!(made.iter().any(|row| row.text.ends_with(&first.rows[row.key as usize].text)));
        let spam = made.iter().filter(|r| r.labels[Attribute::Spam] == Some(1.0)).count();
        assert!(spam * 3 > made.len() && spam * 3 < 2 * made.len(), "{spam} of {}", made.len());
    }

    #[test]
    fn passages_of_the_harmless_stand_alone_and_keep_their_fold() {
        let mut corpus = corpus(400);
        for row in &mut corpus.rows {
            row.labels[Attribute::Insult] = row.labels[Attribute::Spam];
            row.text =
                format!("Sentence {} is about the weather. And this one says\nwhat was said before", row.key);
        }
        AugmentArgs { passages: 0.5, ..AugmentArgs::default() }.augment(&mut corpus, 1).unwrap();
        let made = &corpus.rows[400..];
        assert!((240..=360).contains(&made.len()), "{}", made.len());
        for row in made {
            let own = &corpus.rows[row.key as usize];
            assert!(own.text.contains(&row.text) && row.text.len() < own.text.len());
            assert!(row.made && row.weight < own.weight && row.group == own.group);
            assert_eq!((row.labels[Attribute::Insult], row.labels[Attribute::Spam]), (Some(0.0), None));
        }
        let first = made.iter().filter(|row| row.text.starts_with("Sentence")).count();
        assert!(first * 4 > made.len() && first * 2 < made.len(), "{first} of {}", made.len());
    }

    #[test]
    fn where_nothing_is_harmless_there_is_no_company() {
        let mut corpus = corpus(20);
        corpus.rows.iter_mut().for_each(|row| row.labels[Attribute::Spam] = Some(1.0));
        AugmentArgs { pad: 1.0, ..AugmentArgs::default() }.augment(&mut corpus, 1).unwrap();
        assert_eq!(corpus.rows.len(), 20);
    }

    /// Who is scored in a fold has taught in no row's company.
    #[test]
    fn folds_hold_what_keeps_their_rows_company() {
        let mut corpus = corpus(400);
        AugmentArgs { pad: 0.5, ..AugmentArgs::default() }.augment(&mut corpus, 1).unwrap();
        let folds = Folds::new(&corpus, By::Thread, 4, 1);
        let rows: Vec<u32> = (0..corpus.rows.len() as u32).collect();
        let mut in_two = 0;
        for fold in 0..4 {
            let (held, rest) = folds.part(&rows, fold);
            assert_eq!(held.len() + rest.len(), rows.len());
            let texts: Vec<&str> =
                held.iter().filter(|&&r| r < 400).map(|&r| corpus.rows[r as usize].text.as_str()).collect();
            for row in rest {
                let row = &corpus.rows[row as usize];
                assert!(texts.iter().all(|text| !row.text.ends_with(text) && !row.text.starts_with(text)));
            }
            in_two += held.iter().filter(|&&row| folds.of[row as usize] != fold).count();
        }
        assert!(in_two > 100, "{in_two}");
    }

    #[test]
    fn a_list_that_is_not_there_is_told() {
        let augment = AugmentArgs { lexicon: vec!["words".to_owned()], ..AugmentArgs::default() };
        assert!(augment.augment(&mut corpus(1), 1).unwrap_err().to_string().contains("words"));
    }

    #[test]
    fn sentences_come_as_sets_of_their_own() {
        let mut corpus = corpus(1);
        let augment = AugmentArgs { contrast: 0.5, scams: 0.25, ..AugmentArgs::default() };
        augment.augment(&mut corpus, 1).unwrap();
        assert!(corpus.rows[1..].iter().all(|row| row.made && row.set > 0));
        for (set, weight, attribute) in [(1, 0.5, Attribute::Toxicity), (2, 0.25, Attribute::Spam)] {
            let rows = corpus.rows.iter().filter(|row| row.set == set);
            let labelled = rows.clone().filter(|row| row.labels[attribute].is_some()).count();
            assert_eq!(labelled, rows.count());
            let set = &corpus.sets[set as usize];
            assert_eq!((set.weight, set.used as usize), (weight, labelled));
        }
    }

    #[test]
    fn sentences_are_disguised_like_comments() {
        let mut corpus = corpus(1);
        let augment = AugmentArgs { scams: 0.5, rewrite: 0.25, ..AugmentArgs::default() };
        augment.augment(&mut corpus, 1).unwrap();
        let (plain, rows) = (corpus.sets[1].used as usize, corpus.rows.len());
        assert!(rows > plain * 11 / 10 && rows < plain * 13 / 10, "{rows} of {plain}");
    }
}
