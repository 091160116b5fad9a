//! The corpus as numbers: document frequencies, sparse rows, dense features.

use crate::corpus::{Corpus, Row};
use crate::matrix::{BLOCK, Block, KeptBlock, Matrix, Scratch};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::io;
use std::sync::Arc;
use thresher::features::hashing::BUCKETS;
use thresher::features::surface::{self, DENSE};
use thresher::features::{Group, SparseVec, Vectorizer};
use thresher::text::dictionary::Dictionary;
use thresher::text::{Analyzer, Document};

/// Buckets that fewer rows use are left out, as scikit-learn's `min_df`.
const MIN_ROWS: u32 = 2;

/// At most so many buckets are chosen, those in most rows first: with eight
/// weights and an idf each, the bits that say which, and the dictionary, the model
/// file stays under 5 MB.
pub const MAX_COLUMNS: usize = 460_000;

/// The features of all rows of a corpus.
#[derive(Debug)]
pub struct Features {
    /// The document frequencies found.
    pub vectorizer: Vectorizer,
    /// A row for each row of the corpus.
    pub matrix: Arc<Matrix>,
    /// The surface of each row.
    pub dense: Vec<[f32; DENSE]>,
    /// The language of each row (BCP 47), `und` when it cannot be told.
    pub languages: Vec<&'static str>,
}

/// The rows, surfaces and languages of a block of the corpus.
type Part = (KeptBlock, Vec<[f32; DENSE]>, Vec<&'static str>);

/// Counts document frequencies over the named rows, read by a dictionary, and
/// chooses the vocabulary.
pub fn fit_vectorizer(
    corpus: &Corpus,
    rows: &[u32],
    dictionary: Dictionary,
    analyzer: &Analyzer,
    progress: &ProgressBar,
) -> Vectorizer {
    // What two rows hold, each has been counted for.
    let is_one = |row: &&u32| corpus.rows[**row as usize].company.is_none();
    let rows: Vec<u32> = rows.iter().filter(is_one).copied().collect();
    let uniform = Vectorizer::uniform(dictionary);
    let share = rows.len().div_ceil(rayon::current_num_threads()).max(1);
    let counted = rows.par_chunks(share).map(|rows| {
        let mut counts = vec![0u32; BUCKETS];
        let (mut document, mut vector): (Document, SparseVec) = Default::default();
        for &row in rows {
            let row = &corpus.rows[row as usize];
            analyzer.analyze(&row.text, row.format, &mut document);
            uniform.transform(&mut document, &mut vector);
            for group in Group::ALL {
                vector.columns(group).iter().for_each(|&bucket| counts[bucket as usize] += 1);
            }
            progress.inc(1);
        }
        counts
    });
    // Sums of whole numbers are the same in any order.
    let counts = counted.reduce(
        || vec![0; BUCKETS],
        |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        },
    );
    let least = least_rows(&counts);
    let total = rows.len() as f64;
    let (mut chosen, mut idf) = (vec![0u8; BUCKETS / 8], Vec::new());
    for (bucket, &count) in counts.iter().enumerate().filter(|(_, count)| **count >= least) {
        chosen[bucket / 8] |= 1 << (bucket % 8);
        // The smoothed idf of scikit-learn, in steps.
        let value = ((1.0 + total) / (1.0 + f64::from(count))).ln() + 1.0;
        idf.push((value / f64::from(Vectorizer::IDF_STEP)).round().clamp(1.0, 255.0) as u8);
    }
    progress.finish_and_clear();
    Vectorizer::new(&chosen, idf.into(), uniform.dictionary().clone()).unwrap_or(uniform)
}

/// The number of rows from which on all buckets fit.
fn least_rows(counts: &[u32]) -> u32 {
    let mut least = MIN_ROWS;
    while counts.iter().filter(|&&count| count >= least).count() > MAX_COLUMNS {
        least += 1;
    }
    least
}

impl Features {
    /// Computes the features of all rows; `scratch` says where they are kept.
    ///
    /// # Errors
    /// When they do not fit in memory and the file for the rest cannot be
    /// written.
    pub fn new(
        corpus: &Corpus,
        vectorizer: Vectorizer,
        analyzer: &Analyzer,
        scratch: Scratch,
        progress: &ProgressBar,
    ) -> io::Result<Features> {
        let part = |rows: &[Row]| -> io::Result<Part> {
            let (mut document, mut vector): (Document, SparseVec) = Default::default();
            let mut block = Block::default();
            let mut dense = Vec::with_capacity(rows.len());
            let mut languages = Vec::with_capacity(rows.len());
            for row in rows {
                analyzer.analyze(&row.text, row.format, &mut document);
                vectorizer.transform(&mut document, &mut vector);
                block.push(&vector);
                let mut out = [0.0; DENSE];
                surface::dense(document.surface(), &mut out);
                dense.push(out);
                languages.push(document.language().code());
            }
            progress.inc(rows.len() as u64);
            Ok((block.keep(&scratch)?, dense, languages))
        };
        let parts: Vec<Part> = corpus.rows.par_chunks(BLOCK).map(part).collect::<io::Result<_>>()?;
        progress.finish_and_clear();
        let (mut blocks, mut dense, mut languages) = (Vec::new(), Vec::new(), Vec::new());
        for (block, numbers, codes) in parts {
            blocks.push(block);
            dense.extend(numbers);
            languages.extend(codes);
        }
        let idf = (0..vectorizer.columns() as u32).map(|column| vectorizer.idf(column)).collect();
        let matrix = Arc::new(Matrix::new(blocks, Arc::new(scratch), idf));
        Ok(Features { vectorizer, matrix, dense, languages })
    }
}
