//! Values by key, of which a comment has hardly any: behind a filter that fits
//! into near memory, where it says of most keys at once that there is no such.

use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// How many bits the filter has for a key, of which two are set: of keys that
/// there are not, it lets one in fifty through.
const BITS: usize = 16;

/// Values by key. Nothing is found before the last is in and
/// [`finish`](Keyed::finish) was called.
pub(super) struct Keyed<T> {
    values: HashMap<Box<[u8]>, T>,
    /// Two bits of one number for the hash of each key (a Bloom filter of blocks:
    /// Putze, Sanders and Singler 2007, "Cache-, Hash- and Space-Efficient Bloom
    /// Filters"). The count of numbers is a power of two.
    filter: Vec<u64>,
}

/// Where the filter has the bits of a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    at: usize,
    bits: u64,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { values: HashMap::new(), filter: vec![0] }
    }
}

impl<T> Keyed<T> {
    /// The values under all keys, while they are being added.
    pub fn values_mut(&mut self) -> &mut HashMap<Box<[u8]>, T> {
        &mut self.values
    }

    /// Makes the filter.
    pub fn finish(&mut self) {
        let bits = (self.values.len() * BITS).next_power_of_two().max(64);
        self.filter = vec![0; bits / 64];
        for key in self.values.keys() {
            let Place { at, bits } = self.place(key);
            self.filter[at] |= bits;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What is found under a key.
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        self.may_hold(self.place(key)).then(|| self.values.get(key)).flatten()
    }

    /// Where the filter has a key, for [`may_hold`](Self::may_hold): a caller with
    /// many keys asks for all places first, so that what is far is fetched at once.
    pub fn place(&self, key: &[u8]) -> Place {
        let hash = xxh3_64(key);
        let bits = 1 << (hash & 63) | 1 << (hash >> 6 & 63);
        Place { at: (hash >> 12) as usize & (self.filter.len() - 1), bits }
    }

    /// Whether the key of that place may be among the keys; false only if it is not.
    pub fn may_hold(&self, place: Place) -> bool {
        self.filter[place.at] & place.bits == place.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        let mut keyed = Keyed::<u32>::default();
        assert_eq!((keyed.get(b""), keyed.get(b"a")), (None, None));
        keyed.finish();
        assert_eq!((keyed.get(b""), keyed.get(b"a")), (None, None));
    }

    #[test]
    fn the_filter_keeps_most_keys_from_being_looked_up() {
        let mut keyed = Keyed::default();
        let keys = (0..10_000_u32).map(|i| (Box::from(i.to_le_bytes()), i));
        keyed.values_mut().extend(keys);
        keyed.finish();
        let strangers = (10_000..20_000_u32).filter(|i| keyed.may_hold(keyed.place(&i.to_le_bytes())));
        assert!(strangers.count() < 400);
    }

    proptest! {
        #[test]
        fn a_key_is_found_as_in_a_map(keys in prop::collection::vec("[ab]{0,3}", 0..12), asked in "[ab]{0,3}") {
            let mut keyed = Keyed::default();
            let mut map = HashMap::new();
            for (value, key) in keys.iter().enumerate() {
                keyed.values_mut().insert(key.as_bytes().into(), value);
                map.insert(key.clone(), value);
            }
            keyed.finish();
            prop_assert_eq!(keyed.get(asked.as_bytes()), map.get(&asked));
        }
    }
}
