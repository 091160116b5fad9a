//! Who is kept apart from whom: folds over groups, and over sources.

use crate::corpus::Corpus;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How rows are parted into folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// By thread, and by text where there is none: new comments of known
    /// sources.
    Thread,
    /// By text alone: new comments of known threads.
    Text,
    /// By set: sources never seen.
    Source,
}

/// The fold of each row, and how many folds there are.
#[derive(Clone, Debug)]
pub struct Folds {
    /// A fold for each row of the corpus.
    pub of: Vec<u32>,
    /// The fold of each row's company, or its own.
    company: Vec<u32>,
    /// How many there are.
    pub count: u32,
}

impl Folds {
    /// Parts a corpus. With [`By::Source`], `count` is ignored where there are
    /// fewer sets: each set is one fold.
    pub fn new(corpus: &Corpus, by: By, count: u32, seed: u64) -> Folds {
        let fold = |key: u64| (xxh3_64_with_seed(&key.to_le_bytes(), seed) % u64::from(count)) as u32;
        let rows = corpus.rows.iter();
        match by {
            By::Thread => Folds::of(corpus, rows.map(|r| fold(r.group)).collect(), count),
            By::Text => Folds::of(corpus, rows.map(|r| fold(r.key)).collect(), count),
            By::Source => Folds::of(corpus, rows.map(|r| r.set).collect(), corpus.sets.len() as u32),
        }
    }

    fn of(corpus: &Corpus, of: Vec<u32>, count: u32) -> Folds {
        let company =
            corpus.rows.iter().zip(&of).map(|(row, &own)| row.company.map_or(own, |r| of[r as usize]));
        Folds { company: company.collect(), of, count }
    }

    /// Sources in as many bundles as there are folds, largest sources apart
    /// first, so that each bundle is a part of the data worth leaving out.
    pub fn bundles(corpus: &Corpus, rows: &[u32], count: u32) -> Folds {
        let mut sizes = vec![0u32; corpus.sets.len()];
        rows.iter().for_each(|&r| sizes[corpus.rows[r as usize].set as usize] += 1);
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&set| (std::cmp::Reverse(sizes[set]), set));
        let mut loads = vec![0u32; count as usize];
        let mut bundle = vec![0; sizes.len()];
        for set in order {
            let lightest = (0..loads.len()).min_by_key(|&b| (loads[b], b)).unwrap_or(0);
            bundle[set] = lightest as u32;
            loads[lightest] += sizes[set].max(1);
        }
        Folds::of(corpus, corpus.rows.iter().map(|r| bundle[r.set as usize]).collect(), count)
    }

    /// Whether a fold has a row, or a part of it: who is scored in the fold must
    /// not have taught.
    pub fn holds(&self, fold: u32, row: u32) -> bool {
        self.of[row as usize] == fold || self.company[row as usize] == fold
    }

    /// The rows that a fold holds, of those given, and the others.
    pub fn part(&self, rows: &[u32], fold: u32) -> (Vec<u32>, Vec<u32>) {
        rows.iter().partition(|&&row| self.holds(fold, row))
    }
}

/// The sets that some rows are from.
pub fn sets_of(corpus: &Corpus, rows: &[u32]) -> BTreeSet<u32> {
    rows.iter().map(|&r| corpus.rows[r as usize].set).collect()
}
