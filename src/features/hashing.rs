//! Where a feature lives: XXH3-64 (xxHash specification 0.8.1) with a seed for
//! each family, of which the top bits name the bucket.
//!
//! The hash is part of the feature space that a model file names: change
//! anything here and every model must be trained anew, under a new
//! [`FEATURE_SPACE`].

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Names this feature space in model files.
pub const FEATURE_SPACE: &str = "xxh3-22/words-1-2-company-skeleton/characters-2-5/surface/passages/8";

/// Bits of a bucket number.
pub const BUCKET_BITS: u32 = 22;

/// How many buckets there are.
pub const BUCKETS: usize = 1 << BUCKET_BITS;

/// The seeds of the families. Their values are arbitrary; that they differ
/// keeps a word and the same characters as an n-gram apart.
pub mod seed {
    /// Single words.
    pub const WORD: u64 = 0x7468_7265_7368_0001;
    /// Pairs of words.
    pub const PAIR: u64 = 0x7468_7265_7368_0002;
    /// Character n-grams.
    pub const CHARACTERS: u64 = 0x7468_7265_7368_0003;
    /// Surface features.
    pub const SURFACE: u64 = 0x7468_7265_7368_0004;
    /// Skeletons of words.
    pub const SKELETON: u64 = 0x7468_7265_7368_0005;
}

/// The 64-bit hash of some bytes in a family.
#[inline]
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// The hash of a pair of hashes, in order.
#[inline]
pub fn pair(first: u64, second: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    hash(&bytes, seed::PAIR)
}

/// The bucket of a hash: its top bits.
#[inline]
pub const fn bucket(hash: u64) -> u32 {
    (hash >> (64 - BUCKET_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed with the reference implementation of XXH3 (xxHash 0.8).
    /// A change here breaks every trained model.
    #[test]
    fn golden_vectors() {
        let long = "x".repeat(300);
        for (text, seed, expected) in [
            ("", 0, 0x2d06_8005_38d3_94c2),
            ("a", 0, 0xe6c6_32b6_1e96_4e1f),
            ("abc", 0, 0x78af_5f94_892f_3950),
            ("free", seed::WORD, 0x7ab9_c72b_36ac_924e),
            (" fre", seed::CHARACTERS, 0x01c6_778e_b9af_ceeb),
            ("überraschung", seed::WORD, 0xde39_d43d_ff9c_e3ff),
            (&long, seed::CHARACTERS, 0x0db2_3166_59cd_3114),
        ] {
            assert_eq!(hash(text.as_bytes(), seed), expected, "{text:?}");
        }
        let (free, money) = (hash(b"free", seed::WORD), hash(b"money", seed::WORD));
        assert_eq!(pair(free, money), 0x1641_f76a_e36f_e3de);
        assert_eq!(bucket(free), 2_010_737);
    }
}
