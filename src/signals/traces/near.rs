//! Signatures under which texts that are nearly the same meet.
//!
//! MinHash (Broder, *On the resemblance and containment of documents*, 1997)
//! over the words of a text and the pairs of neighbours, in bands: two texts
//! share a band of two minima with the square of the probability that they
//! share a word or a pair (Jaccard's coefficient).

use super::BANDS;
use super::words::{WordKind, Words};
use xxhash_rust::xxh3::xxh3_64;

/// How many minima make a band.
const ROWS: usize = 2;
const MINIMA: usize = BANDS * ROWS;
/// How many words a text must have: of fewer, one other word makes another
/// text.
const MIN_WORDS: usize = 8;

/// Odd multipliers, one for each of the hash functions: the sequence of
/// SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number
/// generators*, 2014) from zero.
const MULTIPLIERS: [u64; MINIMA] = {
    let mut multipliers = [0; MINIMA];
    let mut state: u64 = 0;
    let mut i = 0;
    while i < MINIMA {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        multipliers[i] = (z ^ (z >> 31)) | 1;
        i += 1;
    }
    multipliers
};

/// The bands of a text, hashed by `hash`; none for a text of too few words.
pub(super) fn bands(words: &Words, hash: impl Fn(&[u8]) -> u64) -> Option<[u64; BANDS]> {
    if words.words().len() < MIN_WORDS {
        return None;
    }
    let mut minima = [u32::MAX; MINIMA];
    let mut last = 0u64;
    for word in words.words() {
        let of_word = match word.kind {
            WordKind::Word => xxh3_64(&words.text()[word.range.clone()]),
            WordKind::Number => 1,
            WordKind::Contact => 2,
        };
        let of_pair = (last.rotate_left(23) ^ of_word).wrapping_mul(0x9fb2_1c65_1e98_df25);
        take(&mut minima, of_word.wrapping_mul(0xd6e8_feb8_6659_fd93));
        take(&mut minima, of_pair ^ (of_pair >> 32));
        last = of_word;
    }
    let mut bands = [0; BANDS];
    for (i, (band, rows)) in bands.iter_mut().zip(minima.chunks_exact(ROWS)).enumerate() {
        let mut bytes = [i as u8; 1 + 4 * ROWS];
        for (place, row) in bytes[1..].chunks_exact_mut(4).zip(rows) {
            place.copy_from_slice(&row.to_le_bytes());
        }
        *band = hash(&bytes);
    }
    Some(bands)
}

fn take(minima: &mut [u32; MINIMA], hash: u64) {
    for (minimum, multiplier) in minima.iter_mut().zip(MULTIPLIERS) {
        *minimum = (*minimum).min((hash.wrapping_mul(multiplier) >> 32) as u32);
    }
}
