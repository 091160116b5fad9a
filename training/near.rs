//! Near-duplicates: which texts are all but the same, so that none of them is
//! measured by a model that was trained on another.
//!
//! MinHash with one permutation and bins (Li, Owen and Zhang 2012, "One
//! Permutation Hashing") over runs of letters, and bands of bins to find pairs
//! worth comparing (Leskovec, Rajaraman and Ullman, "Mining of Massive
//! Datasets", chapter 3).

use crate::corpus::{Corpus, letters};
use rayon::prelude::*;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Letters in a run.
const RUN: usize = 6;

/// Texts with fewer letters are compared as they are: "thank you" in two places
/// is no copy.
const MIN_LETTERS: usize = 24;

/// The share of runs that two texts have in common from which on they count as
/// near-duplicates.
const ALIKE: f64 = 0.7;

/// Into how many bins the hashes of a text fall.
const BINS: usize = 64;

/// Bins in a band; two texts that share a whole band are compared.
const BAND: usize = 4;

/// With how many earlier texts of its band a text is compared.
const COMPARED: usize = 8;

/// The least hash of each bin; the greatest number for an empty bin.
type Sketch = [u32; BINS];

/// The cluster of near-duplicates that each row of a corpus is in.
#[derive(Clone, Debug)]
pub struct Clusters {
    /// A cluster for each row: the number of its first row.
    pub of: Vec<u32>,
}

impl Clusters {
    /// Finds the clusters of a corpus; rows that the trainer made stand with
    /// the rows they were made from, as they are written.
    pub fn new(corpus: &Corpus) -> Clusters {
        let texts: Vec<&str> = corpus.rows.iter().map(|row| row.text.as_str()).collect();
        Clusters::of_texts(&texts)
    }

    fn of_texts(texts: &[&str]) -> Clusters {
        let sketches: Vec<Option<Box<Sketch>>> = texts.par_iter().map(|text| sketch(text)).collect();
        let mut of: Vec<u32> = (0..texts.len() as u32).collect();
        let mut bands: HashMap<(usize, &[u32]), Vec<u32>> = HashMap::new();
        for (row, sketch) in sketches.iter().enumerate() {
            let Some(sketch) = sketch else { continue };
            for (i, band) in sketch.chunks_exact(BAND).enumerate() {
                // Bins that are empty in both texts say nothing.
                if band.iter().all(|&least| least == u32::MAX) {
                    continue;
                }
                let peers = bands.entry((i, band)).or_default();
                for &peer in peers.iter() {
                    let is_new = root(&mut of, row as u32) != root(&mut of, peer);
                    if let Some(other) = sketches[peer as usize].as_ref().filter(|_| is_new)
                        && alike(sketch, other) >= ALIKE
                    {
                        join(&mut of, row as u32, peer);
                    }
                }
                if peers.len() < COMPARED {
                    peers.push(row as u32);
                }
            }
        }
        drop(bands);
        for row in 0..of.len() as u32 {
            of[row as usize] = root(&mut of, row);
        }
        Clusters { of }
    }

    /// The rows of which no near-duplicate is among those held back.
    pub fn apart(&self, rows: Vec<u32>, held: &[u32]) -> Vec<u32> {
        let held: std::collections::HashSet<u32> = held.iter().map(|&row| self.of[row as usize]).collect();
        rows.into_iter().filter(|&row| !held.contains(&self.of[row as usize])).collect()
    }
}

/// The sketch of a text; none for a short one.
fn sketch(text: &str) -> Option<Box<Sketch>> {
    let letters: Vec<char> = letters(text).collect();
    if letters.len() < MIN_LETTERS {
        return None;
    }
    let mut sketch = Box::new([u32::MAX; BINS]);
    let mut bytes = [0; 4 * RUN];
    for run in letters.windows(RUN) {
        for (bytes, &c) in bytes.chunks_exact_mut(4).zip(run) {
            bytes.copy_from_slice(&u32::from(c).to_le_bytes());
        }
        let hash = xxh3_64(&bytes);
        let least = &mut sketch[hash as usize % BINS];
        *least = (*least).min((hash >> 32) as u32);
    }
    Some(sketch)
}

/// An estimate of the share of runs that two texts have in common.
fn alike(a: &Sketch, b: &Sketch) -> f64 {
    let used = a.iter().zip(b).filter(|(a, b)| **a != u32::MAX || **b != u32::MAX);
    let (mut same, mut all) = (0, 0);
    for (a, b) in used {
        same += u32::from(a == b);
        all += 1;
    }
    f64::from(same) / f64::from(all.max(1))
}

/// The first row of a row's cluster so far.
fn root(of: &mut [u32], mut row: u32) -> u32 {
    while of[row as usize] != row {
        of[row as usize] = of[of[row as usize] as usize];
        row = of[row as usize];
    }
    row
}

fn join(of: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(of, a), root(of, b));
    of[a.max(b) as usize] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_with_small_changes_are_found_and_other_texts_are_not() {
        let texts = [
            "Write to adviser Bernard on his messenger, he turned my 500 into 9,000 within a single week!",
            "The council had a whole year to plan for this closure and did nothing about it at all.",
            "write to adviser Bernhard on his messenger: he turned my 700 into 9,000 within a single week",
            "Thank you!",
            "thank you",
            "Does anyone know whether the allotment path is open for prams and bicycles this spring?",
            "Write to adviser BERNARD on his messenger... he turned my 500 into 9,000 within a single week :)",
        ];
        let clusters = Clusters::of_texts(&texts);
        assert_eq!(clusters.of, [0, 1, 0, 3, 4, 5, 0]);
        assert_eq!(clusters.apart(vec![0, 1, 5], &[2]), [1, 5]);
    }

    #[test]
    fn many_copies_of_one_template_are_one_cluster() {
        let template = |i: usize| {
            format!(
                "Congratulations, number {i}, you are chosen to receive a free hamper from our shop, write to us today"
            )
        };
        let texts: Vec<String> = (0..300).map(template).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let clusters = Clusters::of_texts(&texts);
        assert!(clusters.of.iter().all(|&cluster| cluster == 0), "{:?}", clusters.of);
    }
}
