//! Lists as they are written into [`Lists`].

use super::prefixes::{Keys, Prefixes, bits, from_end};
use super::{Entry, List, ListId, ListKind, Lists};
use crate::comment::Format;
use crate::signals::pattern::{self, Budget};
use crate::text::{Analyzer, Document, link};
use daachorse::DoubleArrayAhoCorasick;
use ipnet::{IpNet, Ipv4Net};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use xxhash_rust::xxh3::xxh3_128;

/// The longest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 1_024;
/// The most lists of a policy.
pub const MAX_LISTS: usize = 256;
/// The most entries of all lists together.
const MAX_ENTRIES: usize = 2_000_000;

/// A list as it is written.
#[derive(Clone, Debug)]
pub struct ListSource {
    /// Its name in rules.
    pub name: String,
    /// What its entries are.
    pub kind: ListKind,
    /// Whether it wins over lists that do not allow.
    pub allow: bool,
    /// Its entries.
    pub entries: Vec<String>,
}

/// An entry that its list cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEntry {
    /// The position of its list.
    pub list: usize,
    /// The position of the entry in its list; none if the list as a whole is
    /// to blame.
    pub entry: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Lists {
    /// Checks the lists and makes them ready.
    ///
    /// # Errors
    /// Every entry that cannot be used.
    pub fn new(sources: &[ListSource]) -> Result<Lists, Vec<BadEntry>> {
        let mut builder = Builder::default();
        for (index, source) in sources.iter().enumerate() {
            builder.add(index, source);
        }
        builder.finish(sources.len())
    }
}

#[derive(Default)]
struct Builder {
    lists: Lists,
    pieces: Vec<(String, u32)>,
    disguises: Vec<(String, u32)>,
    domains: Keys,
    email_domains: Keys,
    networks: Keys,
    patterns: Vec<String>,
    budget: Budget,
    bad: Vec<BadEntry>,
    analyzer: Analyzer,
    document: Document,
}

impl Builder {
    fn add(&mut self, index: usize, source: &ListSource) {
        let Ok(id) = u16::try_from(index).map(ListId) else { return };
        if index >= MAX_LISTS || self.lists.entries.len() + source.entries.len() > MAX_ENTRIES {
            let what = format!("over the limit of {MAX_LISTS} lists or {MAX_ENTRIES} entries together");
            self.bad.push(BadEntry { list: index, entry: None, what });
            return;
        }
        if source.allow && source.kind == ListKind::Patterns {
            let what = "patterns cannot allow: they say that something matches, not where".to_owned();
            self.bad.push(BadEntry { list: index, entry: None, what });
        }
        let mut keys = HashSet::with_capacity(source.entries.len());
        for (at, text) in source.entries.iter().enumerate() {
            if let Err(what) = self.add_entry(id, source.kind, text, &mut keys) {
                self.bad.push(BadEntry { list: index, entry: Some(at), what });
            }
        }
        // The order of the entries is nothing that a list says.
        let mut keys: Vec<u128> = keys.into_iter().collect();
        keys.sort_unstable();
        let mut said = format!("{} {}\n", source.kind.name(), source.allow).into_bytes();
        said.extend(keys.into_iter().flat_map(u128::to_be_bytes));
        self.lists.lists.push(List {
            name: source.name.as_str().into(),
            kind: source.kind,
            allow: source.allow,
            digest: xxh3_128(&said),
        });
    }

    /// Adds an entry, unless the list has it in another spelling; `keys` are the
    /// hashes of those that it has, as they are looked for.
    fn add_entry(
        &mut self,
        list: ListId,
        kind: ListKind,
        text: &str,
        keys: &mut HashSet<u128>,
    ) -> Result<(), String> {
        let text = text.trim();
        if text.len() > MAX_ENTRY_BYTES {
            return Err(format!("an entry is {} bytes, over the limit of {MAX_ENTRY_BYTES}", text.len()));
        }
        if text.is_empty() {
            return Err("an entry is empty".to_owned());
        }
        let number = u32::try_from(self.lists.entries.len()).map_err(|_| "too many entries".to_owned())?;
        let mut is_new = |key: &str| keys.insert(xxh3_128(key.as_bytes()));
        match kind {
            ListKind::Words | ListKind::Substrings => {
                self.analyzer.analyze(text, Format::Plain, &mut self.document);
                let is_disguise = self.document.surface().mixed_words > 0;
                let key = if is_disguise {
                    text.chars().flat_map(char::to_lowercase).collect()
                } else {
                    self.document.body().trim().to_owned()
                };
                if key.is_empty() {
                    return Err("nothing is left of an entry when it is normalised".to_owned());
                }
                if !is_new(&key) {
                    return Ok(());
                }
                self.lists.has_substrings |= kind == ListKind::Substrings;
                let (keys, pieces) = match is_disguise {
                    true => (&mut self.disguises, &mut self.lists.disguises),
                    false => (&mut self.pieces, &mut self.lists.pieces),
                };
                let is_word = kind == ListKind::Words && pieces.words.add(&key, number).is_some();
                if !is_word {
                    keys.push((key, number));
                }
            }
            ListKind::Domains => {
                let key = domain(text, |c| link::is_of_host(c) && !matches!(c, '%' | '*'))?;
                if !is_new(&key) {
                    return Ok(());
                }
                self.domains.add(from_end(&key), number);
            }
            ListKind::EmailDomains => {
                let key = domain(text.trim_start_matches('@'), link::is_plain)?;
                if !is_new(&key) {
                    return Ok(());
                }
                self.email_domains.add(from_end(&key), number);
            }
            ListKind::Patterns => {
                if !is_new(text) {
                    return Ok(());
                }
                let regex = self.budget.compile(text, false)?;
                self.lists.pattern_places.push(regex);
                self.patterns.push(text.to_owned());
                self.lists.pattern_entries.push(number);
            }
            ListKind::Networks => {
                let network = network(text)?;
                if !is_new(&network.to_string()) {
                    return Ok(());
                }
                let key = bits(network.addr()).take(1 + usize::from(network.prefix_len()));
                self.networks.add(key, number);
            }
        }
        self.lists.entries.push(Entry { list, text: text.into(), next: None });
        Ok(())
    }

    fn finish(mut self, count: usize) -> Result<Lists, Vec<BadEntry>> {
        // What is wrong with all entries together.
        let mut bad = Vec::new();
        for (keys, pieces) in
            [(&mut self.pieces, &mut self.lists.pieces), (&mut self.disguises, &mut self.lists.disguises)]
        {
            keys.extend(pieces.words.finish().into_iter().map(|(key, number)| (key.into(), number)));
            if keys.is_empty() {
                continue;
            }
            match DoubleArrayAhoCorasick::with_values(keys.drain(..)) {
                Ok(automaton) => pieces.automaton = Some(automaton),
                Err(error) => bad.push(error.to_string()),
            }
        }
        if !self.patterns.is_empty() {
            match pattern::set(&self.patterns) {
                Ok(patterns) => self.lists.patterns = Some(patterns),
                Err(what) => bad.push(what),
            }
        }
        for (keys, entries) in [
            (self.domains, &mut self.lists.domains),
            (self.email_domains, &mut self.lists.email_domains),
            (self.networks, &mut self.lists.networks),
        ] {
            let all = &mut self.lists.entries;
            match Prefixes::new(keys, |entry, next| all[entry as usize].next = Some(next)) {
                Ok(trie) => *entries = trie,
                Err(error) => bad.push(error.to_string()),
            }
        }
        let last = count.saturating_sub(1);
        self.bad.extend(bad.into_iter().map(|what| BadEntry { list: last, entry: None, what }));
        let is_piece = |kind| matches!(kind, ListKind::Words | ListKind::Substrings);
        self.lists.has_allowed_pieces = self.lists.lists.iter().any(|list| list.allow && is_piece(list.kind));
        if !self.lists.has_allowed_pieces {
            self.lists.pattern_places = Vec::new();
        }
        if self.bad.is_empty() { Ok(self.lists) } else { Err(self.bad) }
    }
}

/// A domain in the form that hosts are compared in; `*.` and a dot in front
/// mean what they do without.
fn domain(text: &str, is_allowed: impl Fn(char) -> bool) -> Result<String, String> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        return Ok(address.to_canonical().to_string());
    }
    let name = text.trim_start_matches("*.").trim_matches(link::DOTS);
    let labels = || link::labels(name);
    // What a top-level domain cannot have is a slip (`example.com,`), and a star
    // inside means something that there is not.
    let is_sound = labels().all(|label| !label.is_empty() && label.chars().all(&is_allowed))
        && labels()
            .last()
            .is_some_and(|top| !top.contains(|c: char| c.is_ascii_punctuation() && !link::is_plain(c)));
    match is_sound {
        true => Ok(link::canonical_host(name).into_owned()),
        false => Err("an entry is no domain".to_owned()),
    }
}

/// A network, or an address as the network of itself.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address);
    network
        .map(|network| unmapped(network.trunc()))
        .ok_or_else(|| "an entry is no network, such as 192.0.2.0/24".to_owned())
}

/// A network of version 4 that is written as one of version 6
/// (`::ffff:192.0.2.0/120`) as what it is: so are clients' addresses.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let address = mapped.addr().to_ipv4_mapped();
    let length = mapped.prefix_len().checked_sub(96);
    let plain = address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    plain.map_or(network, IpNet::V4)
}
