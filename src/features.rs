//! From a [`Document`] to numbers: hashed n-grams and surface features,
//! weighted by TF-IDF, for training and serving alike.

pub mod hashing;
pub mod ngram;
pub mod surface;
pub mod thread;

use crate::text::Document;
use hashing::BUCKETS;

/// The families of hashed features. Each is brought to a length of its
/// own, so that a long text's many n-grams do not drown its few links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Group {
    /// Words and pairs of words.
    Word,
    /// Character n-grams within chunks.
    Character,
    /// Links and what the surface shows.
    Surface,
}

impl Group {
    /// How many groups there are.
    pub const COUNT: usize = 3;

    /// Every group, in the order in which features are emitted.
    pub const ALL: [Group; Self::COUNT] = [Group::Word, Group::Character, Group::Surface];

    /// The length that the group is brought to. The surface carries over to
    /// unknown sources best and says least about known ones; 0.4 loses little
    /// of either.
    pub const fn length(self) -> f32 {
        match self {
            Group::Word | Group::Character => 1.0,
            Group::Surface => 0.4,
        }
    }
}

/// One occurrence of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The family.
    pub group: Group,
    /// The bucket it hashes to, below [`BUCKETS`].
    pub bucket: u32,
    /// What it was read from, as bytes of the document's normalised text:
    /// begin and end. Empty for features of the text as a whole.
    pub source: (u32, u32),
}

/// A document's distinct features that a [`Vectorizer`] knows, group by group,
/// with each group's Euclidean norm. Term frequency is binary: measured equal
/// to sublinear counts on comments, and cheaper.
#[derive(Debug, Default)]
pub struct SparseVec {
    columns: Vec<u32>,
    ends: [usize; Group::COUNT],
    norms: [f32; Group::COUNT],
    seen: Vec<u64>,
}

impl SparseVec {
    /// The distinct columns of a group.
    pub fn columns(&self, group: Group) -> &[u32] {
        let start = if group == Group::Word { 0 } else { self.ends[group as usize - 1] };
        &self.columns[start..self.ends[group as usize]]
    }

    /// What a feature's idf is multiplied with to give its value: the group's
    /// [`length`](Group::length) over its norm; zero for an empty group.
    pub fn scale(&self, group: Group) -> f32 {
        let norm = self.norms[group as usize];
        if norm > 0.0 { group.length() / norm } else { 0.0 }
    }

    /// The sum over the group of the squared idf.
    pub fn squared_norm(&self, group: Group) -> f32 {
        self.norms[group as usize] * self.norms[group as usize]
    }
}

/// The vocabulary: which buckets training chose, as columns numbered in order
/// of their buckets, and the inverse document frequency of each.
///
/// A bit a bucket says whether it was chosen, and the number of bits before it
/// is its column: three quarters of a megabyte look up a bucket, and features
/// that training never saw cost nothing more.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectorizer {
    chosen: Box<[Word]>,
    idf: Box<[u8]>,
}

/// Sixty-four buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Word {
    /// A bit for each bucket that was chosen.
    bits: u64,
    /// How many buckets were chosen before these.
    before: u32,
}

impl Vectorizer {
    /// The resolution of the inverse document frequency, which is stored as a
    /// byte: 255 steps reach 12.75, the smoothed idf of a feature in two of
    /// 250,000 comments.
    pub const IDF_STEP: f32 = 0.05;

    /// A vocabulary of the buckets whose bit is set, in bytes of eight buckets
    /// with the lowest bucket in the lowest bit, and an idf byte for each of
    /// them. `None` when the numbers do not fit together.
    pub fn new(chosen: &[u8], idf: Box<[u8]>) -> Option<Vectorizer> {
        if chosen.len() != BUCKETS / 8 {
            return None;
        }
        let mut before = 0;
        let words = chosen.chunks_exact(8).map(|bytes| {
            let bits = bytes.iter().rev().fold(0, |bits, &b| bits << 8 | u64::from(b));
            let word = Word { bits, before };
            before += bits.count_ones();
            word
        });
        let chosen = words.collect();
        (before as usize == idf.len()).then_some(Vectorizer { chosen, idf })
    }

    /// A vocabulary of all buckets, each its own column, that all count the
    /// same; for counting document frequencies.
    pub fn uniform() -> Vectorizer {
        let word = |i: usize| Word { bits: u64::MAX, before: i as u32 * 64 };
        Vectorizer { chosen: (0..BUCKETS / 64).map(word).collect(), idf: vec![20; BUCKETS].into() }
    }

    /// The bits of the chosen buckets, as [`new`](Self::new) takes them.
    pub fn chosen_bytes(&self) -> Vec<u8> {
        self.chosen.iter().flat_map(|word| word.bits.to_le_bytes()).collect()
    }

    /// The idf bytes, one for each column.
    pub fn idf_bytes(&self) -> &[u8] {
        &self.idf
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.idf.len()
    }

    /// The column of a bucket, if it was chosen.
    #[inline]
    pub fn column(&self, bucket: u32) -> Option<u32> {
        let word = self.chosen[bucket as usize / 64];
        let bit = 1u64 << (bucket % 64);
        (word.bits & bit != 0).then(|| word.before + (word.bits & (bit - 1)).count_ones())
    }

    /// A column's inverse document frequency.
    #[inline]
    pub fn idf(&self, column: u32) -> f32 {
        f32::from(self.idf[column as usize]) * Self::IDF_STEP
    }

    /// Writes a document's features over `vector`.
    pub fn transform(&self, document: &Document, vector: &mut SparseVec) {
        let SparseVec { columns, ends, norms, seen } = vector;
        columns.clear();
        // Between calls every bit is zero, so growing and shrinking is safe.
        seen.resize(self.columns().div_ceil(64), 0);
        let mut start = 0;
        for group in Group::ALL {
            let mut emit = |feature: Feature| {
                let Some(column) = self.column(feature.bucket) else { return };
                let (word, bit) = (&mut seen[column as usize / 64], 1u64 << (column % 64));
                if *word & bit == 0 {
                    *word |= bit;
                    columns.push(column);
                }
            };
            match group {
                Group::Word => ngram::words(document, &mut emit),
                Group::Character => ngram::characters(document, &mut emit),
                Group::Surface => surface::features(document, &mut emit),
            }
            let idf = |&column: &u32| u64::from(self.idf[column as usize]);
            let squares: u64 = columns[start..].iter().map(|column| idf(column) * idf(column)).sum();
            norms[group as usize] = (squares as f32).sqrt() * Self::IDF_STEP;
            ends[group as usize] = columns.len();
            start = columns.len();
        }
        for &column in columns.iter() {
            seen[column as usize / 64] = 0;
        }
    }
}
