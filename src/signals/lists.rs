//! Named lists of words, domains, patterns and networks, all looked for in one
//! pass over a comment.

mod build;
pub mod wordpress;

pub use build::{BadEntry, ListSource, MAX_ENTRY_BYTES};

use crate::comment::Comment;
use crate::text::{Document, Token, TokenKind, link};
use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use regex::{Regex, RegexSet};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// How many matches of a pattern are looked at for one that no allow list
/// holds back.
const MAX_PLACES: usize = 64;

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Words and phrases of the text, whole words only.
    Words,
    /// Pieces of the text, of the author's name and address, or of the client,
    /// wherever they stand.
    Substrings,
    /// Domains of links and of the author's web address, with their subdomains.
    Domains,
    /// Domains of e-mail addresses, with their subdomains.
    EmailDomains,
    /// Regular expressions on the text.
    Patterns,
    /// Networks (CIDR) and single addresses that comments are sent from.
    Networks,
}

impl ListKind {
    /// Every kind.
    pub const ALL: [ListKind; 6] = [
        ListKind::Words,
        ListKind::Substrings,
        ListKind::Domains,
        ListKind::EmailDomains,
        ListKind::Patterns,
        ListKind::Networks,
    ];

    /// The name in policy files: `email_domains`.
    pub const fn name(self) -> &'static str {
        match self {
            ListKind::Words => "words",
            ListKind::Substrings => "substrings",
            ListKind::Domains => "domains",
            ListKind::EmailDomains => "email_domains",
            ListKind::Patterns => "patterns",
            ListKind::Networks => "networks",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<ListKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Names a list among the [`Lists`] it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(u16);

struct List {
    name: Box<str>,
    kind: ListKind,
    allow: bool,
    /// A hash of all that the list says.
    digest: u128,
}

struct Entry {
    list: ListId,
    text: Box<str>,
    /// The next entry under the same key.
    next: Option<u32>,
}

/// All lists of a policy, ready to be looked for.
#[derive(Default)]
pub struct Lists {
    lists: Vec<List>,
    entries: Vec<Entry>,
    /// Words and substrings, looked for in the normalised text.
    pieces: Pieces,
    /// Those that are disguises themselves (Latin mixed with look-alikes), of
    /// which normalised text shows nothing: looked for in what was written.
    disguises: Pieces,
    has_substrings: bool,
    domains: HashMap<Box<str>, u32>,
    email_domains: HashMap<Box<str>, u32>,
    /// The nth pattern is the entry `pattern_entries[n]`.
    patterns: Option<RegexSet>,
    pattern_entries: Vec<u32>,
    /// Each pattern once more, to find where it matches; empty where no allow
    /// list could hold back any.
    pattern_places: Vec<Regex>,
    networks: HashMap<IpNet, u32>,
    /// The prefix lengths among the networks, of version 4 and 6.
    prefix_lengths: [Vec<u8>; 2],
}

/// An automaton; its nth pattern is the entry `entries[n]`.
#[derive(Default)]
struct Pieces {
    automaton: Option<AhoCorasick>,
    entries: Vec<u32>,
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists")
            .field("lists", &self.lists.len())
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The entries of the lists that a comment holds. Reused from comment to
/// comment. `Debug` leaves out what was read of its text.
#[derive(Default)]
pub struct ListHits {
    /// Each once, in order.
    entries: Vec<u32>,
    counts: Vec<u32>,
    /// Those that an allow list holds back, each once, in order.
    held_back: Vec<u32>,
    // Working memory.
    pieces: Vec<Piece>,
    allowed: Vec<(usize, usize)>,
    folded: Vec<Token>,
    reading: String,
    lower: String,
    name: Document,
}

impl fmt::Debug for ListHits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListHits").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// An entry at its place in a text.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    entry: u32,
}

impl ListHits {
    /// How many different entries of the list the comment holds.
    pub fn count(&self, list: ListId) -> u32 {
        self.counts.get(usize::from(list.0)).copied().unwrap_or_default()
    }

    /// Whether a piece of the text lies within what an allow list matches.
    fn allows(&self, start: usize, end: usize) -> bool {
        let after = self.allowed.partition_point(|(from, _)| *from <= start);
        after.checked_sub(1).is_some_and(|before| self.allowed[before].1 >= end)
    }

    /// Forgets the comment.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.counts.clear();
        self.held_back.clear();
    }
}

impl Lists {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The list of that name.
    pub fn find_list(&self, name: &str) -> Option<ListId> {
        let index = self.lists.iter().position(|list| &*list.name == name)?;
        u16::try_from(index).ok().map(ListId)
    }

    /// The names of all lists.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| &*list.name)
    }

    /// The name of a list.
    pub fn name(&self, list: ListId) -> &str {
        self.lists.get(usize::from(list.0)).map_or("", |list| &list.name)
    }

    /// A hash of what a list says, and of every allow list, which win over it.
    pub fn digest(&self, list: ListId) -> u128 {
        let own = self.lists.get(usize::from(list.0)).map_or(0, |list| list.digest);
        let allow = self.lists.iter().filter(|list| list.allow);
        allow.fold(own, |sum, list| sum.rotate_left(1) ^ list.digest)
    }

    /// The entries of one list, as they were written.
    pub fn entries(&self, list: ListId) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }

    /// The entries of one list that a comment holds, as they were written.
    pub fn hit_entries<'l>(&'l self, list: ListId, hits: &'l ListHits) -> impl Iterator<Item = &'l str> {
        let entries = hits.entries.iter().filter_map(|entry| self.entries.get(*entry as usize));
        entries.filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }

    /// The entries of one list that a comment holds where an allow list holds
    /// them back, as they were written.
    pub fn held_back_entries<'l>(
        &'l self,
        list: ListId,
        hits: &'l ListHits,
    ) -> impl Iterator<Item = &'l str> {
        let entries = hits.held_back.iter().filter_map(|entry| self.entries.get(*entry as usize));
        entries.filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }

    /// Looks for every entry of every list. What an allow list matches, no
    /// other list does.
    pub fn find(&self, comment: &Comment<'_>, document: &Document, hits: &mut ListHits) {
        hits.clear();
        if self.is_empty() {
            return;
        }
        hits.counts.resize(self.lists.len(), 0);
        self.find_in_text(comment.text(), document, true, hits);
        self.find_in_author(comment, hits);
        self.find_domains(comment, document, hits);
        if let Some(address) = comment.context().address() {
            self.find_networks(address, hits);
        }
        for entries in [&mut hits.entries, &mut hits.held_back] {
            entries.sort_unstable();
            entries.dedup();
        }
        for entry in &hits.entries {
            if let Some(entry) = self.entries.get(*entry as usize) {
                hits.counts[usize::from(entry.list.0)] += 1;
            }
        }
    }

    /// Words, substrings and patterns, in the normalised text and in the text
    /// as it reads when disguised spellings are read through; of a text that is
    /// no comment, the substrings alone.
    fn find_in_text(&self, text: &str, document: &Document, of_comment: bool, hits: &mut ListHits) {
        self.find_written(&self.disguises, document.plain(text), of_comment, hits);
        if self.pieces.automaton.is_none() && self.patterns.is_none() {
            return;
        }
        let mut reading = std::mem::take(&mut hits.reading);
        read_through(document, &mut hits.folded, &mut reading);
        for text in [document.body(), &reading] {
            if text.is_empty() {
                continue;
            }
            self.find_pieces(&self.pieces, text, of_comment, hits);
            if of_comment {
                self.find_patterns(text, hits);
            }
        }
        hits.reading = reading;
    }

    /// Some of the pieces in a text as it was written, but for upper case.
    fn find_written(&self, pieces: &Pieces, text: &str, of_comment: bool, hits: &mut ListHits) {
        if pieces.automaton.is_some() {
            let mut lower = std::mem::take(&mut hits.lower);
            lower.clear();
            lower.extend(text.chars().flat_map(char::to_lowercase));
            self.find_pieces(pieces, &lower, of_comment, hits);
            hits.lower = lower;
        }
    }

    /// Patterns, in a text of which the allowed pieces are known.
    fn find_patterns(&self, text: &str, hits: &mut ListHits) {
        // Matching one by one allocates, which most comments are spared.
        let Some(patterns) = self.patterns.as_ref().filter(|patterns| patterns.is_match(text)) else {
            return;
        };
        for at in &patterns.matches(text) {
            // Finding every match of a pattern can take quadratic time.
            let mut places = self.pattern_places.get(at).into_iter().flat_map(|regex| regex.find_iter(text));
            let is_allowed = !hits.allowed.is_empty()
                && places.by_ref().take(MAX_PLACES).all(|place| hits.allows(place.start(), place.end()))
                && places.next().is_none();
            let found = if is_allowed { &mut hits.held_back } else { &mut hits.entries };
            found.push(self.pattern_entries[at]);
        }
    }

    /// Substrings in what is known about the author and the client. The name is
    /// read as the text is, since it is written for the same readers; of the
    /// rest, upper case alone is folded.
    fn find_in_author(&self, comment: &Comment<'_>, hits: &mut ListHits) {
        if !self.has_substrings {
            return;
        }
        let (author, client) = (comment.context().author(), comment.context().client());
        let mut name = std::mem::take(&mut hits.name);
        name.read_name(author.display_name);
        self.find_in_text(author.display_name, &name, false, hits);
        for text in [author.url, author.email_domain, client.ip, client.user_agent] {
            for pieces in [&self.pieces, &self.disguises] {
                self.find_written(pieces, text, false, hits);
            }
        }
        hits.name = name;
    }

    fn find_pieces(&self, pieces: &Pieces, text: &str, of_comment: bool, hits: &mut ListHits) {
        hits.pieces.clear();
        hits.allowed.clear();
        let Some(automaton) = &pieces.automaton else { return };
        for found in automaton.find_overlapping_iter(text) {
            let entry = pieces.entries[found.pattern().as_usize()];
            let list = &self.lists[usize::from(self.entries[entry as usize].list.0)];
            let (start, end) = (found.start(), found.end());
            let is_whole = list.kind == ListKind::Substrings || stands_alone(text, start, end);
            if !is_whole || (!of_comment && list.kind != ListKind::Substrings) {
                continue;
            }
            if list.allow {
                hits.entries.push(entry);
                hits.allowed.push((start, end));
            } else {
                hits.pieces.push(Piece { start, end, entry });
            }
        }
        merge(&mut hits.allowed);
        let pieces = std::mem::take(&mut hits.pieces);
        for piece in &pieces {
            let is_allowed = hits.allows(piece.start, piece.end);
            let found = if is_allowed { &mut hits.held_back } else { &mut hits.entries };
            found.push(piece.entry);
        }
        hits.pieces = pieces;
    }

    /// Domains, of hosts as they were written: what a look-alike of a letter
    /// leads to is another domain.
    fn find_domains(&self, comment: &Comment<'_>, document: &Document, hits: &mut ListHits) {
        let author = comment.context().author();
        let maps = [(TokenKind::Link, &self.domains), (TokenKind::Email, &self.email_domains)];
        for (kind, map) in maps.into_iter().filter(|(_, map)| !map.is_empty()) {
            for token in document.tokens().iter().filter(|token| token.kind == kind) {
                let written = document.unfolded(comment.text(), token.start, token.end);
                // Normalised, ASCII is as it was but for upper case.
                let address = if written.is_ascii() { document.token_text(token) } else { written };
                self.find_suffixes(map, &link::canonical_host(address), hits);
            }
            let claimed = if kind == TokenKind::Link { author.url } else { author.email_domain };
            self.find_suffixes(map, &link::canonical_host(claimed), hits);
        }
    }

    /// The entries for a domain and for every domain that it is under.
    fn find_suffixes(&self, map: &HashMap<Box<str>, u32>, domain: &str, hits: &mut ListHits) {
        let dots = domain.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at + 1);
        let suffixes = std::iter::once(0).chain(dots).map(|at| &domain[at..]);
        self.take(suffixes.filter_map(|suffix| map.get(suffix).copied()), hits);
    }

    fn find_networks(&self, address: IpAddr, hits: &mut ListHits) {
        let lengths = &self.prefix_lengths[usize::from(address.is_ipv6())];
        let networks = lengths.iter().filter_map(|length| Some(IpNet::new(address, *length).ok()?.trunc()));
        self.take(networks.filter_map(|network| self.networks.get(&network).copied()), hits);
    }

    /// Notes the entries under some keys of one place; if any belongs to an
    /// allow list, only those that do.
    fn take(&self, keys: impl Iterator<Item = u32> + Clone, hits: &mut ListHits) {
        let all = keys
            .flat_map(|first| std::iter::successors(Some(first), |at| self.entries.get(*at as usize)?.next));
        let allows = |at: &u32| self.lists[usize::from(self.entries[*at as usize].list.0)].allow;
        let allowed = all.clone().any(|at| allows(&at));
        for at in all {
            let found = if allowed && !allows(&at) { &mut hits.held_back } else { &mut hits.entries };
            found.push(at);
        }
    }
}

/// Whether no letter or digit continues the piece on either side.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let piece = &text[start..end];
    let joins = |inside: Option<char>, outside: Option<char>| {
        inside.is_some_and(char::is_alphanumeric) && outside.is_some_and(char::is_alphanumeric)
    };
    !joins(piece.chars().next(), text[..start].chars().next_back())
        && !joins(piece.chars().next_back(), text[end..].chars().next())
}

/// Sorts ranges and joins those that overlap.
fn merge(ranges: &mut Vec<(usize, usize)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let joins = next.0 < last.1;
        if joins {
            last.1 = last.1.max(next.1);
        }
        joins
    });
}

/// The text with its disguised spellings replaced by what they are read as;
/// empty when it has none.
fn read_through(document: &Document, folded: &mut Vec<Token>, reading: &mut String) {
    reading.clear();
    folded.clear();
    folded.extend(document.tokens().iter().filter(|token| token.kind == TokenKind::Folded));
    if folded.is_empty() {
        return;
    }
    folded.sort_unstable_by_key(|token| token.source);
    let mut at = 0;
    for token in folded.iter() {
        let (start, end) = (token.source.0 as usize, token.source.1 as usize);
        // Letters spaced apart may hold a spelling that is folded too.
        if start < at {
            continue;
        }
        reading.push_str(&document.body()[at..start]);
        reading.push_str(document.token_text(token));
        at = end;
    }
    reading.push_str(&document.body()[at..]);
}

#[cfg(test)]
mod tests;
