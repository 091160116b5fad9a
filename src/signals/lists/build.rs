//! Lists as they are written into [`Lists`].

use super::find::network_key;
use super::{Entry, List, ListId, ListKind, Lists};
use crate::comment::Format;
use crate::signals::pattern::{self, Budget};
use crate::text::{Analyzer, Document, link};
use aho_corasick::AhoCorasick;
use ipnet::{IpNet, Ipv4Net};
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
    pieces: Vec<String>,
    disguises: Vec<String>,
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
        let mut keys = Vec::with_capacity(source.entries.len());
        for (at, text) in source.entries.iter().enumerate() {
            match self.add_entry(id, source.kind, text) {
                Ok(key) => keys.push(key),
                Err(what) => self.bad.push(BadEntry { list: index, entry: Some(at), what }),
            }
        }
        // The order of the entries is nothing that a list says.
        keys.sort_unstable();
        let said = format!("{} {}\n{}", source.kind.name(), source.allow, keys.join("\n"));
        self.lists.lists.push(List {
            name: source.name.as_str().into(),
            kind: source.kind,
            allow: source.allow,
            digest: xxh3_128(said.as_bytes()),
        });
    }

    /// Adds an entry and returns it as it is looked for.
    fn add_entry(&mut self, list: ListId, kind: ListKind, text: &str) -> Result<String, String> {
        let text = text.trim();
        if text.len() > MAX_ENTRY_BYTES {
            return Err(format!("an entry is {} bytes, over the limit of {MAX_ENTRY_BYTES}", text.len()));
        }
        if text.is_empty() {
            return Err("an entry is empty".to_owned());
        }
        let number = u32::try_from(self.lists.entries.len()).map_err(|_| "too many entries".to_owned())?;
        let (key, next) = match kind {
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
                self.lists.has_substrings |= kind == ListKind::Substrings;
                let (keys, pieces) = match is_disguise {
                    true => (&mut self.disguises, &mut self.lists.disguises),
                    false => (&mut self.pieces, &mut self.lists.pieces),
                };
                let is_word = kind == ListKind::Words && pieces.words.add(&key, number).is_some();
                if !is_word {
                    keys.push(key.clone());
                    pieces.entries.push(number);
                }
                (key, None)
            }
            ListKind::Domains => {
                let key = domain(text, |c| link::is_of_host(c) && !matches!(c, '%' | '*'))?;
                let next = self.lists.domains.insert(key.as_bytes(), number);
                (key, next)
            }
            ListKind::EmailDomains => {
                let key = domain(text.trim_start_matches('@'), link::is_plain)?;
                let next = self.lists.email_domains.insert(key.as_bytes(), number);
                (key, next)
            }
            ListKind::Patterns => {
                let regex = self.budget.compile(text, false)?;
                self.lists.pattern_places.push(regex);
                self.patterns.push(text.to_owned());
                self.lists.pattern_entries.push(number);
                (text.to_owned(), None)
            }
            ListKind::Networks => {
                let network = network(text)?;
                let lengths = &mut self.lists.prefix_lengths[usize::from(network.addr().is_ipv6())];
                if let Err(at) = lengths.binary_search(&network.prefix_len()) {
                    lengths.insert(at, network.prefix_len());
                }
                (network.to_string(), self.lists.networks.insert(&network_key(network), number))
            }
        };
        self.lists.entries.push(Entry { list, text: text.into(), next });
        Ok(key)
    }

    fn finish(mut self, count: usize) -> Result<Lists, Vec<BadEntry>> {
        for (keys, pieces) in
            [(&mut self.pieces, &mut self.lists.pieces), (&mut self.disguises, &mut self.lists.disguises)]
        {
            for (key, number) in pieces.words.finish() {
                keys.push(key.into());
                pieces.entries.push(number);
            }
            if keys.is_empty() {
                continue;
            }
            match AhoCorasick::new(&*keys) {
                Ok(automaton) => pieces.automaton = Some(automaton),
                Err(error) => self.bad.push(BadEntry {
                    list: count.saturating_sub(1),
                    entry: None,
                    what: error.to_string(),
                }),
            }
        }
        if !self.patterns.is_empty() {
            match pattern::set(&self.patterns) {
                Ok(patterns) => self.lists.patterns = Some(patterns),
                Err(what) => self.bad.push(BadEntry { list: count.saturating_sub(1), entry: None, what }),
            }
        }
        for keyed in [&mut self.lists.domains, &mut self.lists.email_domains, &mut self.lists.networks] {
            keyed.finish();
        }
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
