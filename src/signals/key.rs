//! Keyed hashes: what is remembered of comments and of those who wrote them.

use siphasher::sip::SipHasher13;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A secret under which texts, people and addresses become numbers that say
/// nothing to whoever lacks it. There are so few addresses that a hash without
/// a secret would only be another way to write them.
///
/// The hash is SipHash-1-3 (Aumasson and Bernstein, *SipHash: a fast
/// short-input PRF*, 2012). `Debug` shows nothing of the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey([u8; 16]);

impl HashKey {
    /// A secret of this process, drawn from the operating system's randomness
    /// by way of the standard library's hash maps.
    pub fn random() -> Self {
        let word = || RandomState::new().hash_one("thresher");
        Self(((u128::from(word()) << 64) | u128::from(word())).to_le_bytes())
    }

    /// A secret that several processes share.
    pub fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// A number for some pieces, never zero. `domain` tells apart what is of
    /// different kinds; no other division into pieces gives the same.
    pub fn hash<'p>(&self, domain: u8, pieces: impl IntoIterator<Item = &'p [u8]>) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(domain);
        for piece in pieces {
            hasher.write(piece);
            hasher.write_u32(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        }
        hasher.finish().max(1)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKey").finish_non_exhaustive()
    }
}

/// A number for two that were hashed before; zero, for nothing, if one of them
/// is.
pub(crate) fn join(first: u64, second: u64) -> u64 {
    if first == 0 || second == 0 {
        return 0;
    }
    // Both are spread evenly by the keyed hash; the multiplications (those of
    // MurmurHash3's finish) keep (a, b) and (b, a) apart.
    let mixed = (first ^ second.rotate_left(32).wrapping_mul(0xff51_afd7_ed55_8ccd))
        .wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed ^ (mixed >> 33)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_depend_on_the_secret_the_domain_and_the_pieces() {
        let key = HashKey::new([7; 16]);
        let hash = |domain, pieces: &[&[u8]]| key.hash(domain, pieces.iter().copied());
        assert_eq!(hash(1, &[b"ab", b"c"]), hash(1, &[b"ab", b"c"]));
        for other in [hash(2, &[b"ab", b"c"]), hash(1, &[b"a", b"bc"]), hash(1, &[b"abc"]), hash(1, &[])] {
            assert_ne!(hash(1, &[b"ab", b"c"]), other);
        }
        assert_ne!(HashKey::random().hash(1, [&b"ab"[..]]), HashKey::random().hash(1, [&b"ab"[..]]));
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn joining_tells_the_first_from_the_second() {
        assert_ne!(join(3, 5), join(5, 3));
        assert_eq!((join(0, 5), join(5, 0)), (0, 0));
    }
}
