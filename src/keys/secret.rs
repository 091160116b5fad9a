//! The key itself, its short name and its digest.

use super::KeysError;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::{self, Write};
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// What every key begins with, so that tools that look for leaked secrets
/// know one when they see it.
pub(super) const PREFIX: &str = "thr_";
/// Of what the id is made, in bytes.
const ID_BYTES: usize = 4;
/// Of what the rest is made, in bytes: 256 bits.
const SECRET_BYTES: usize = 32;
/// The length of a key, in characters: prefix, id, underscore, secret.
const KEY_CHARS: usize = PREFIX.len() + 2 * ID_BYTES + 1 + 2 * SECRET_BYTES;

/// The short name of a key: eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// The id in a whole key, if it has the form of one.
    pub fn of(sent: &str) -> Option<KeyId> {
        let (id, secret) = sent.strip_prefix(PREFIX)?.split_once('_')?;
        (sent.len() == KEY_CHARS && is_hex(secret)).then(|| id.parse().ok())?
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for KeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let id = Some(text).filter(|text| text.len() == 2 * ID_BYTES && is_hex(text));
        let id = id.and_then(|id| u32::from_str_radix(id, 16).ok());
        // What was given may be a whole key, so that it is not repeated.
        id.map(KeyId).ok_or_else(|| "a key's id has eight digits of 0-9 and a-f".to_owned())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A new key. Whoever has it may call.
pub struct Secret {
    text: String,
    id: KeyId,
}

impl Secret {
    /// A random key.
    ///
    /// # Errors
    /// When the system has no random numbers to give.
    pub fn generate() -> Result<Secret, KeysError> {
        let mut bytes = [0; ID_BYTES + SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeysError::Random)?;
        Ok(Self::from_random(bytes))
    }

    fn from_random(bytes: [u8; ID_BYTES + SECRET_BYTES]) -> Secret {
        let [a, b, c, d, secret @ ..] = bytes;
        let id = KeyId(u32::from_be_bytes([a, b, c, d]));
        Secret { text: format!("{PREFIX}{id}_{}", hex(&secret)), id }
    }

    /// The key, to be shown once: `thr_`, its id, and 256 random bits.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Its short name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The SHA-256 digest of a whole key. Compared in constant time.
#[derive(Clone)]
pub(super) struct Digest([u8; SHA256_OUTPUT_LEN]);

impl Digest {
    pub fn of(key: &str) -> Digest {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        // The lengths are equal by definition.
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Digest(bytes)
    }

    pub fn from_hex(text: &str) -> Option<Digest> {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        if text.len() != 2 * bytes.len() || !is_hex(text) {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Digest(bytes))
    }

    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256_of_the_whole_key() {
        let key = Secret::from_random([0x0f; 36]);
        let text = format!("thr_0f0f0f0f_{}", "0f".repeat(32));
        assert_eq!((key.reveal(), key.id().to_string().as_str()), (text.as_str(), "0f0f0f0f"));
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            Digest::of("abc").to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(key.digest(), Digest::of(&text));
        assert_eq!(Digest::from_hex(&key.digest().to_hex()), Some(key.digest()));
        assert_ne!(key.digest(), Secret::from_random([0x0e; 36]).digest());
    }

    #[test]
    fn only_what_has_the_form_of_a_key_has_an_id() {
        let key = Secret::generate().unwrap();
        assert_eq!(KeyId::of(key.reveal()), Some(key.id()));
        let text = key.reveal();
        let odd = [
            String::new(),
            "thr_".into(),
            text.to_uppercase(),
            format!("{text}0"),
            text[1..].into(),
            text[..text.len() - 1].into(),
            text.replace("thr_", "thr-"),
            format!("{}é", &text[..text.len() - 2]),
            format!("thr_+{}", &text[5..]),
        ];
        for odd in odd {
            assert_eq!(KeyId::of(&odd), None, "{odd}");
        }
    }

    #[test]
    fn two_keys_are_never_alike() {
        let [a, b] = [Secret::generate().unwrap(), Secret::generate().unwrap()];
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), KEY_CHARS);
    }

    #[test]
    fn debug_output_has_neither_key_nor_digest() {
        let key = Secret::generate().unwrap();
        let shown = format!("{key:?} {:?}", key.digest());
        assert!(!shown.contains(&key.reveal()[13..20]) && !shown.contains(&key.digest().to_hex()[..8]));
    }
}
