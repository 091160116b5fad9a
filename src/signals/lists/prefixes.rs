//! Entries by a key that what is looked for may go on behind: the domains that a
//! host is under, the networks that an address is in.

use fst::raw::{Builder, Fst, Output};
use std::iter;
use std::net::IpAddr;
use std::ops::Range;

/// Entries by key, while they are being added. The keys are one piece of memory:
/// of many small ones, the holes that they leave would be where rules come to lie
/// afterwards, each far from the next.
#[derive(Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    keys: Vec<(Range<usize>, u32)>,
}

impl Keys {
    pub fn add(&mut self, key: impl Iterator<Item = u8>, entry: u32) {
        let start = self.bytes.len();
        self.bytes.extend(key);
        self.keys.push((start..self.bytes.len(), entry));
    }
}

/// Entries by key, in a prefix trie whose equal branches are one (Daciuk, Mihov,
/// Watson and Watson 2000, "Incremental Construction of Minimal Acyclic
/// Finite-State Automata").
#[derive(Default)]
pub(super) struct Prefixes(Option<Fst<Vec<u8>>>);

impl Prefixes {
    /// Of the entries under one key the trie has the first; `same` is told of each
    /// and the next.
    ///
    /// # Errors
    /// None that keys in order could cause.
    pub fn new(keys: Keys, mut same: impl FnMut(u32, u32)) -> Result<Prefixes, fst::Error> {
        let Keys { bytes, mut keys } = keys;
        let key = |(place, _): &(Range<usize>, u32)| &bytes[place.clone()];
        keys.sort_by(|one, other| key(one).cmp(key(other)));
        let mut builder = Builder::memory();
        for group in keys.chunk_by(|one, other| key(one) == key(other)) {
            builder.insert(key(&group[0]), u64::from(group[0].1))?;
            group.windows(2).for_each(|pair| same(pair[0].1, pair[1].1));
        }
        Ok(Prefixes((!keys.is_empty()).then(|| builder.into_fst())))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The entries whose keys the bytes begin with, shortest first, in one walk
    /// that ends where no key goes on.
    pub fn of(&self, mut bytes: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = u32> + Clone {
        let mut at = self.0.as_ref().map(|trie| (trie, trie.root(), Output::zero()));
        iter::from_fn(move || {
            loop {
                let (trie, node, sum) = at?;
                at = bytes.next().and_then(|byte| {
                    let next = node.transition(node.find_input(byte)?);
                    Some((trie, trie.node(next.addr), sum.cat(next.out)))
                });
                if node.is_final() {
                    return u32::try_from(sum.cat(node.final_output()).value()).ok();
                }
            }
        })
    }
}

/// A domain from its end: it begins with every domain that it is under.
pub(super) fn from_end(domain: &str) -> impl Iterator<Item = u8> + Clone {
    domain.bytes().rev().chain(iter::once(b'.'))
}

/// An address bit by bit, behind what tells the two versions apart: it begins
/// with every network that it is in.
pub(super) fn bits(address: IpAddr) -> impl Iterator<Item = u8> + Clone {
    let (version, bits, width) = match address {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    iter::once(version).chain((0..width).map(move |at| u8::from(bits << at >> 127 == 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::IpNet;
    use proptest::prelude::*;

    fn of(keys: Vec<Vec<u8>>, asked: impl Iterator<Item = u8> + Clone) -> Vec<u32> {
        let mut all = Keys::default();
        for (entry, key) in (0..).zip(keys) {
            all.add(key.into_iter(), entry);
        }
        let prefixes = Prefixes::new(all, |one, other| panic!("{one} and {other} have one key")).unwrap();
        let mut found: Vec<u32> = prefixes.of(asked).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        assert!(Prefixes::default().is_empty());
        assert_eq!(Prefixes::default().of(from_end("a.example")).next(), None);
        assert!(Prefixes::new(Keys::default(), |_, _| ()).unwrap().is_empty());
    }

    #[test]
    fn entries_under_one_key_are_told() {
        let mut keys = Keys::default();
        for (key, entry) in [("ab", 3), ("a", 4), ("ab", 5), ("ab", 9)] {
            keys.add(key.bytes(), entry);
        }
        let mut same = Vec::new();
        let prefixes = Prefixes::new(keys, |one, other| same.push((one, other))).unwrap();
        assert_eq!(prefixes.of("abc".bytes()).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(same, [(3, 5), (5, 9)]);
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        // Few bits differ, so that networks are often within one another.
        let address = prop_oneof![
            (0..4_u32).prop_map(|bits| IpAddr::from((bits << 30 | bits).to_be_bytes())),
            (0..4_u128).prop_map(|bits| IpAddr::from((bits << 126 | bits).to_be_bytes())),
        ];
        (address, 0..=128_u8).prop_map(|(address, length)| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            IpNet::new(address, length.min(most)).unwrap().trunc()
        })
    }

    proptest! {
        #[test]
        fn every_domain_that_a_host_is_under_is_found(
            entries in prop::collection::btree_set("[ab](\\.?[ab]){0,3}", 0..12),
            host in "[ab.]{0,8}",
        ) {
            let keys = entries.iter().map(|entry| from_end(entry).collect()).collect();
            let is_under = |entry: &str| host == entry || host.ends_with(&format!(".{entry}"));
            let expected = (0..).zip(&entries).filter(|(_, entry)| is_under(entry)).map(|(at, _)| at);
            prop_assert_eq!(of(keys, from_end(&host)), expected.collect::<Vec<u32>>());
        }

        #[test]
        fn every_network_that_an_address_is_in_is_found(
            networks in prop::collection::btree_set(any_network(), 0..12),
            address in any_network().prop_map(|network| network.addr()),
        ) {
            let length = |network: &IpNet| 1 + usize::from(network.prefix_len());
            let keys = networks.iter().map(|network| bits(network.addr()).take(length(network)).collect());
            let expected = (0..).zip(&networks).filter(|(_, network)| network.contains(&address));
            prop_assert_eq!(of(keys.collect(), bits(address)), expected.map(|(at, _)| at).collect::<Vec<u32>>());
        }
    }
}
