//! From a document to its vector: which buckets training chose, and what they weigh.

use super::gathered::Gathered;
use super::hashing::BUCKETS;
use super::vector::{Part, SparseVec};
use super::{Feature, Group, ngram, passage, surface};
use crate::text::Document;
use crate::text::dictionary::Dictionary;
use std::mem;

/// The vocabulary: the words that texts are read by; which buckets training
/// chose, as columns numbered in order of their buckets, and the inverse document
/// frequency of each.
///
/// A bit a bucket says whether it was chosen, and the number of bits before it
/// is its column: three quarters of a megabyte look up a bucket, and features
/// that training never saw cost nothing more.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectorizer {
    chosen: Box<[Word]>,
    idf: Box<[u8]>,
    dictionary: Dictionary,
}

/// Sixty-four buckets, in twelve bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Word {
    /// A bit for each bucket that was chosen, the lower half first.
    bits: [u32; 2],
    /// How many buckets were chosen before these.
    before: u32,
}

impl Word {
    fn new(bits: u64, before: u32) -> Word {
        Word { bits: [bits as u32, (bits >> 32) as u32], before }
    }

    #[inline(always)]
    fn bits(self) -> u64 {
        u64::from(self.bits[0]) | u64::from(self.bits[1]) << 32
    }
}

impl Vectorizer {
    /// The resolution of the inverse document frequency, which is stored as a
    /// byte: 255 steps reach 12.75, the smoothed idf of a feature in two of
    /// 250,000 comments.
    pub const IDF_STEP: f32 = 0.05;

    /// A vocabulary of the buckets whose bit is set, in bytes of eight buckets
    /// with the lowest bucket in the lowest bit, and an idf byte for each of
    /// them. `None` when the numbers do not fit together.
    pub fn new(chosen: &[u8], idf: Box<[u8]>, dictionary: Dictionary) -> Option<Vectorizer> {
        if chosen.len() != BUCKETS / 8 {
            return None;
        }
        let mut before = 0;
        let words = chosen.chunks_exact(8).map(|bytes| {
            let bits = bytes.iter().rev().fold(0, |bits, &b| bits << 8 | u64::from(b));
            let word = Word::new(bits, before);
            before += bits.count_ones();
            word
        });
        let chosen = words.collect();
        (before as usize == idf.len()).then_some(Vectorizer { chosen, idf, dictionary })
    }

    /// A vocabulary of all buckets, each its own column, that all count the
    /// same; for counting document frequencies.
    pub fn uniform(dictionary: Dictionary) -> Vectorizer {
        let word = |i: usize| Word::new(u64::MAX, i as u32 * 64);
        Vectorizer {
            chosen: (0..BUCKETS / 64).map(word).collect(),
            idf: vec![20; BUCKETS].into(),
            dictionary,
        }
    }

    /// The words that texts are read by.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Says which words people hide by stars: those with a weight, by their
    /// columns ([`Dictionary::hide`]).
    pub fn hide_words(&mut self, weight: impl Fn(u32) -> Option<f32>) {
        let mut dictionary = mem::take(&mut self.dictionary);
        dictionary.hide(|word| weight(self.column(ngram::word_bucket(word))?));
        self.dictionary = dictionary;
    }

    /// The bits of the chosen buckets, as [`new`](Self::new) takes them.
    pub fn chosen_bytes(&self) -> Vec<u8> {
        self.chosen.iter().flat_map(|word| word.bits().to_le_bytes()).collect()
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
        (word.bits() & bit != 0).then(|| word.before + (word.bits() & (bit - 1)).count_ones())
    }

    /// A column's inverse document frequency.
    #[inline]
    pub fn idf(&self, column: u32) -> f32 {
        f32::from(self.idf[column as usize]) * Self::IDF_STEP
    }

    /// Reads a document by the dictionary and writes its features over `vector`.
    pub fn transform(&self, document: &mut Document, vector: &mut SparseVec) {
        document.read_by(&self.dictionary);
        let document = &*document;
        let SparseVec { columns, ends, norms, boundaries, parts, repeated, buckets, runs, seen } = vector;
        passage::boundaries(document, boundaries);
        repeated.clear();
        // A bit for each column says whether the document has had it. The one
        // behind them stands for all buckets that were not chosen and is always
        // set, so that the loop in `look_up` needs no branch to pass them over:
        // which features are known or new is as good as random, and a processor
        // that guesses wrong loses more time than the looking up takes.
        let unknown = self.columns() as u32;
        // Between calls every bit is zero, so growing and shrinking is safe.
        seen.resize(self.columns() / 64 + 1, 0);
        seen[unknown as usize / 64] = 1 << (unknown % 64);
        let mut start = 0;
        for group in Group::ALL {
            // All are hashed before any is looked up. A processor waits for
            // several looks into memory at once if they stand close together,
            // and between two of them there would be a hash.
            let parts = parts.get_mut(group as usize);
            let mut gathered = Gathered::new(buckets, runs, if parts.is_some() { boundaries } else { &[] });
            let mut emit = |feature: Feature| gathered.take(feature);
            match group {
                Group::Word => ngram::words(document, &mut emit),
                Group::Character => ngram::characters(document, &mut emit),
                Group::Surface => surface::features(document, &mut emit),
            }
            gathered.finish();
            let count = gathered.len;
            if columns.len() < start + count {
                columns.resize(start + count, 0);
            }
            let mut end = start;
            if let Some(parts) = parts {
                parts.clear();
                if boundaries.is_empty() {
                    end = self.look_up(&buckets[..count], columns, end, seen);
                } else {
                    let mut runs = runs.iter().peekable();
                    for passage in 0..=boundaries.len() as u32 {
                        let begin = end;
                        while let Some(run) = runs.next_if(|run| run.passage == passage) {
                            end = self.look_up(&buckets[run.begin..run.end], columns, end, seen);
                        }
                        // The next passage may have the same ones.
                        forget(&columns[begin..end], seen);
                        parts.push(Part { end, repeated_end: 0, norm: self.norm(&columns[begin..end]) });
                    }
                    end = set_apart(columns, start, parts, repeated, seen);
                }
            } else {
                end = self.look_up(&buckets[..count], columns, end, seen);
            }
            norms[group as usize] = self.norm(&columns[start..end]);
            ends[group as usize] = end;
            start = end;
        }
        for &column in &columns[..start] {
            seen[column as usize / 64] = 0;
        }
        seen[unknown as usize / 64] = 0;
    }

    /// Writes the columns of buckets that were not seen yet from `end` on, and
    /// says where they end.
    #[inline(always)]
    fn look_up(&self, buckets: &[u32], columns: &mut [u32], mut end: usize, seen: &mut [u64]) -> usize {
        let unknown = self.columns() as u32;
        for &bucket in buckets {
            let word = self.chosen[bucket as usize / 64];
            let bit = 1u64 << (bucket % 64);
            let bits = word.bits();
            let column = word.before + (bits & (bit - 1)).count_ones();
            let column = if bits & bit != 0 { column } else { unknown };
            let had = &mut seen[column as usize / 64];
            let bit = 1u64 << (column % 64);
            let is_new = *had & bit == 0;
            *had |= bit;
            columns[end] = column;
            end += usize::from(is_new);
        }
        end
    }

    fn norm(&self, columns: &[u32]) -> f32 {
        let squares: u64 = columns.iter().map(|&c| u64::from(self.idf[c as usize]).pow(2)).sum();
        (squares as f32).sqrt() * Self::IDF_STEP
    }
}

/// Takes back that columns were seen.
fn forget(columns: &[u32], seen: &mut [u64]) {
    for &column in columns {
        seen[column as usize / 64] &= !(1 << (column % 64));
    }
}

/// From the columns of passage after passage to those that each is the first to
/// have, and behind one another in `repeated` the others; where the former end.
fn set_apart(
    columns: &mut [u32],
    start: usize,
    parts: &mut [Part],
    repeated: &mut Vec<u32>,
    seen: &mut [u64],
) -> usize {
    let (mut at, mut end) = (start, start);
    for part in parts {
        for i in at..part.end {
            let column = columns[i];
            let had = &mut seen[column as usize / 64];
            let bit = 1u64 << (column % 64);
            if *had & bit == 0 {
                *had |= bit;
                columns[end] = column;
                end += 1;
            } else {
                repeated.push(column);
            }
        }
        at = part.end;
        (part.end, part.repeated_end) = (end, repeated.len());
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Format;
    use crate::text::Analyzer;
    use std::collections::BTreeSet;

    fn document(text: &str) -> Document {
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        document
    }

    /// The vocabulary of every third bucket, with idf bytes that differ.
    fn thirds() -> Vectorizer {
        let mut chosen = vec![0u8; BUCKETS / 8];
        let buckets = (0..BUCKETS).step_by(3);
        let idf = buckets.map(|bucket| {
            chosen[bucket / 8] |= 1 << (bucket % 8);
            1 + (bucket % 250) as u8
        });
        let idf = idf.collect();
        Vectorizer::new(&chosen, idf, Dictionary::default()).unwrap()
    }

    #[test]
    fn columns_number_the_chosen_buckets_in_order() {
        let vectorizer = thirds();
        for bucket in (0..1_000).chain(BUCKETS as u32 - 1_000..BUCKETS as u32) {
            assert_eq!(vectorizer.column(bucket), (bucket % 3 == 0).then_some(bucket / 3));
        }
        assert_eq!(
            Vectorizer::new(&vectorizer.chosen_bytes(), vectorizer.idf_bytes().into(), Dictionary::default()),
            Some(vectorizer)
        );
    }

    #[test]
    fn bits_and_idf_must_fit_together() {
        assert_eq!(Vectorizer::new(&[255], vec![1; 8].into(), Dictionary::default()), None);
        assert_eq!(Vectorizer::new(&vec![0; BUCKETS / 8], vec![1; 8].into(), Dictionary::default()), None);
    }

    #[test]
    fn vectors_hold_each_known_feature_once() {
        let vectorizer = thirds();
        let mut vector = SparseVec::default();
        // Reused, and used with another vocabulary in between.
        for text in ["one two one two, see example.com and again example.com", "x", "Ünïcödé 漢字 😀 ünïcödé"]
        {
            let mut document = document(text);
            Vectorizer::uniform(Dictionary::default()).transform(&mut document, &mut vector);
            vectorizer.transform(&mut document, &mut vector);
            let mut expected: [BTreeSet<u32>; Group::COUNT] = Default::default();
            let mut note = |f: Feature| expected[f.group as usize].extend(vectorizer.column(f.bucket));
            ngram::words(&document, &mut note);
            ngram::characters(&document, &mut note);
            surface::features(&document, &mut note);
            for group in Group::ALL {
                let found = vector.columns(group);
                let distinct: BTreeSet<u32> = found.iter().copied().collect();
                assert_eq!(found.len(), distinct.len(), "{text}: {group:?}");
                assert_eq!(distinct, expected[group as usize], "{text}: {group:?}");
                let squares: f32 = distinct.iter().map(|&c| vectorizer.idf(c).powi(2)).sum();
                assert!((vector.squared_norm(group) - squares).abs() <= squares * 1e-4);
            }
        }
    }

    #[test]
    fn passages_hold_what_they_would_alone() {
        let vectorizer = thirds();
        let (mut whole, mut alone) = (SparseVec::default(), SparseVec::default());
        let sentences = [
            "You hate Germans, whatever they say, and you know it.",
            "This is what they say about it.",
            "See example.com/page, and what the others say.",
        ];
        let mut document = document(&sentences.join(" "));
        vectorizer.transform(&mut document, &mut whole);
        assert_eq!(whole.boundaries().len(), 2);
        for group in [Group::Word, Group::Character] {
            let found: Vec<_> = whole.passages(group).collect();
            assert_eq!(found.len(), 3);
            assert!(!found[2].1.is_empty(), "nothing of {group:?} is repeated");
            let first: Vec<u32> = found.iter().flat_map(|(first, ..)| *first).copied().collect();
            assert_eq!(first, whole.columns(group));
            for (sentence, (first, repeated, scale)) in sentences.iter().zip(found) {
                vectorizer.transform(&mut self::document(sentence), &mut alone);
                assert_eq!(alone.passages(group).count(), 0);
                let expected: BTreeSet<u32> = alone.columns(group).iter().copied().collect();
                let found: BTreeSet<u32> = first.iter().chain(repeated).copied().collect();
                // A pair of words across the border belongs to the first.
                let beside = found.difference(&expected).count();
                assert!(expected.is_subset(&found) && beside <= 1, "{sentence}: {group:?}");
                assert!((scale - alone.scale(group)).abs() < 0.02, "{sentence}: {group:?}");
            }
        }
        assert_eq!(whole.passages(Group::Surface).count(), 0);
    }
}
