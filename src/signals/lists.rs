//! Named lists of words, domains, patterns and networks, all looked for in one
//! pass over a comment.

mod build;
mod find;
mod keyed;
mod prefixes;
pub mod wordpress;
mod words;

pub use build::{BadEntry, ListSource, MAX_ENTRY_BYTES};

use crate::text::{Document, Token};
use daachorse::DoubleArrayAhoCorasick;
use prefixes::Prefixes;
use regex::{Regex, RegexSet};
use std::fmt;
use words::Words;

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
    /// Whether any words or substrings allow.
    has_allowed_pieces: bool,
    domains: Prefixes,
    email_domains: Prefixes,
    /// The nth pattern is the entry `pattern_entries[n]`.
    patterns: Option<RegexSet>,
    pattern_entries: Vec<u32>,
    /// Each pattern once more, to find where it matches; empty where no allow
    /// list could hold back any.
    pattern_places: Vec<Regex>,
    networks: Prefixes,
}

/// Words and substrings.
#[derive(Default)]
struct Pieces {
    /// Of each entry, its number. As a double array with a filter of pairs of
    /// letters before it (Aoe 1989; Salmela, Tarhio and Kytöjoki 2006), it costs
    /// little more with many entries than with few.
    automaton: Option<DoubleArrayAhoCorasick<u32>>,
    /// The words that begin with a letter or digit, which are nearly all.
    words: Words,
}

impl Pieces {
    fn is_empty(&self) -> bool {
        self.automaton.is_none() && self.words.is_empty()
    }
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
    /// In order.
    found: Found,
    counts: Vec<u32>,
    /// Those that an allow list holds back, in order.
    held_back: Found,
    // Working memory.
    allowed: Vec<(usize, usize)>,
    folded: Vec<Token>,
    reading: String,
    lower: String,
    name: Document,
}

impl fmt::Debug for ListHits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListHits").field("entries", &self.found.entries.len()).finish_non_exhaustive()
    }
}

/// Entries that were found, each once however often it was.
#[derive(Default)]
struct Found {
    entries: Vec<u32>,
    /// A bit for every entry of the lists: whether it is among them.
    marks: Vec<u64>,
}

impl Found {
    fn note(&mut self, entry: u32) {
        let (at, bit) = Self::place(entry);
        if self.marks[at] & bit == 0 {
            self.marks[at] |= bit;
            self.entries.push(entry);
        }
    }

    /// Makes room for the entries of other lists. It is never given back, so that
    /// looking for two policies' lists in turn costs nothing.
    fn make_room(&mut self, count: usize) {
        if self.marks.len() < count.div_ceil(64) {
            self.marks.resize(count.div_ceil(64), 0);
        }
    }

    fn clear(&mut self) {
        for entry in self.entries.drain(..) {
            let (at, bit) = Self::place(entry);
            self.marks[at] &= !bit;
        }
    }

    fn place(entry: u32) -> (usize, u64) {
        (entry as usize / 64, 1 << (entry % 64))
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
        self.found.clear();
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

    /// The lists that win over others.
    pub fn allowing(&self) -> impl Iterator<Item = ListId> {
        (0..).map(ListId).zip(&self.lists).filter(|(_, list)| list.allow).map(|(id, _)| id)
    }

    /// Whether the list wins over others.
    pub fn allows(&self, list: ListId) -> bool {
        self.lists.get(usize::from(list.0)).is_some_and(|list| list.allow)
    }

    /// A hash of what the list itself says.
    pub fn own_digest(&self, list: ListId) -> u128 {
        self.lists.get(usize::from(list.0)).map_or(0, |list| list.digest)
    }

    /// A hash of what a list says, and of every allow list, which win over it.
    pub fn digest(&self, list: ListId) -> u128 {
        let own = self.own_digest(list);
        let allow = self.lists.iter().filter(|list| list.allow);
        allow.fold(own, |sum, list| sum.rotate_left(1) ^ list.digest)
    }

    /// The entries of one list, as they were written.
    pub fn entries(&self, list: ListId) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }

    /// The entries of one list that a comment holds, as they were written.
    pub fn hit_entries<'l>(&'l self, list: ListId, hits: &'l ListHits) -> impl Iterator<Item = &'l str> {
        let entries = hits.found.entries.iter().filter_map(|entry| self.entries.get(*entry as usize));
        entries.filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }

    /// The entries of one list that a comment holds where an allow list holds
    /// them back, as they were written.
    pub fn held_back_entries<'l>(
        &'l self,
        list: ListId,
        hits: &'l ListHits,
    ) -> impl Iterator<Item = &'l str> {
        let entries = hits.held_back.entries.iter().filter_map(|entry| self.entries.get(*entry as usize));
        entries.filter(move |entry| entry.list == list).map(|entry| &*entry.text)
    }
}

#[cfg(test)]
mod tests;
