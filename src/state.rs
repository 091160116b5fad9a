//! What is remembered of the comments that came in, for those that follow.
//!
//! It is kept in tables of a fixed size, by keyed hashes alone: neither texts
//! nor people can be read from it. When a table is full, what was not seen for
//! longest makes room; what is forgotten costs sensitivity and nothing else.

mod counter;
mod rate;
mod ring;
pub mod shared;
mod table;

use crate::signals::key::{HashKey, join};
use crate::signals::past::{Past, Repeats};
use crate::signals::traces::{MARKS, Traces};
use counter::{Counter, Seen};
use rate::Rates;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use table::{Slot, Table};

/// How many bands of a text's signature must lead to one family for the text
/// to be of it. Four of eight are shared by texts that have about two thirds
/// of their words and pairs in common.
const MIN_BANDS: usize = 4;

/// Tells the key of a family from that of a text by itself.
const FAMILY: u64 = 0x6661_6d69_6c79;

/// The smallest and the largest memory that a state can be given, in bytes.
pub const STATE_BYTES: std::ops::RangeInclusive<usize> = 1 << 20..=1 << 36;

/// The memory of one process. Shared by all threads; no lock is held for longer
/// than it takes to look at one entry.
pub struct State {
    key: HashKey,
    bytes: usize,
    /// Made when they are first needed.
    tables: OnceLock<Tables>,
    /// The latest time seen, in ticks of ten seconds; for comments that do not
    /// say when they were posted.
    now: AtomicU32,
}

struct Tables {
    counters: Table<Counter>,
    links: Table<Link>,
    rates: Table<Rates>,
}

/// Leads from a band to the family of the text, and from a comment to its text.
#[derive(Clone, Copy, Default)]
struct Link {
    key: u64,
    to: u64,
    last: u32,
}

impl Slot for Link {
    fn key(&self) -> u64 {
        self.key
    }

    fn last(&self) -> u32 {
        self.last
    }

    fn empty(key: u64, last: u32) -> Self {
        Self { key, to: 0, last }
    }
}

impl State {
    /// A state that has seen nothing, of at most so many bytes, kept within
    /// [`STATE_BYTES`]. They are taken when the first comment comes.
    pub fn new(key: HashKey, bytes: usize) -> Self {
        let bytes = bytes.clamp(*STATE_BYTES.start(), *STATE_BYTES.end());
        Self { key, bytes, tables: OnceLock::new(), now: AtomicU32::new(0) }
    }

    /// The secret that traces are made with.
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// Says what is remembered about a comment, and remembers the comment. One
    /// that was sent before, as its id tells, is not counted again.
    ///
    /// A comment that does not say when it was posted counts as of the time of
    /// the latest one before it; and one that comes late, where something later
    /// is remembered of it, as of then.
    pub fn observe(&self, traces: &Traces) -> Past {
        if let Some(time) = traces.time {
            self.now.fetch_max(ring::tick(time), Ordering::Relaxed);
        }
        self.past(traces, true)
    }

    /// Says what [`observe`](Self::observe) says, and remembers nothing of the
    /// comment.
    pub fn look(&self, traces: &Traces) -> Past {
        self.past(traces, false)
    }

    fn past(&self, traces: &Traces, keep: bool) -> Past {
        let tables = self.tables.get_or_init(|| Tables::new(self.bytes));
        let tick = traces.time.map_or_else(|| self.now.load(Ordering::Relaxed), ring::tick);
        View { tables, tick, keep }.past(traces)
    }
}

/// The tables as they are for one comment.
#[derive(Clone, Copy)]
struct View<'t> {
    tables: &'t Tables,
    /// When it was posted.
    tick: u32,
    /// Whether it is remembered.
    keep: bool,
}

impl Tables {
    fn new(bytes: usize) -> Self {
        // By how many entries a comment has in each.
        Self {
            counters: Table::new(bytes / 100 * 55),
            links: Table::new(bytes / 100 * 30),
            rates: Table::new(bytes / 100 * 15),
        }
    }
}

impl View<'_> {
    fn see<S: Slot, T: Default>(&self, table: &Table<S>, key: u64, look: impl FnOnce(&mut S) -> T) -> T {
        match self.keep {
            true => table.touch(key, self.tick, look),
            false => table.peek(key, self.tick, look),
        }
    }

    fn past(&self, traces: &Traces) -> Past {
        let Self { tables, tick, .. } = *self;
        let Traces { comment, text, author, network, address, edited, .. } = *traces;
        let person = if author == 0 { address } else { author };
        // Zero where the comment was not seen, or its text too short to matter.
        let before = self.link(comment, text.max(1));
        let is_new = before == 0;
        let see = |key, record| {
            self.see(&tables.counters, key, |counter: &mut Counter| counter.see(tick, person, record))
        };
        let family = self.family(traces);
        let exact = see(text, is_new || before != text);
        let near = see(join(family, FAMILY), is_new);
        let by_author = see(join(family, author), is_new);
        let by_network = see(join(family, network), is_new);
        let is_later = !is_new || edited;
        // An earlier version of the comment is no copy of it.
        let count = |seen: Seen, is_own: bool| seen.count.saturating_sub(u32::from(is_own));
        let most = |marks: [u64; MARKS]| {
            let others = marks.iter().map(|mark| if *mark == 0 { 0 } else { see(*mark, is_new).others });
            others.max().unwrap_or_default()
        };
        let repeats = Repeats {
            exact: count(exact, before == text && text != 0),
            near: count(near, is_later),
            by_author: count(by_author, is_later),
            by_network: count(by_network, is_later),
            authors: near.others,
            contact_authors: most(traces.contacts),
            name_authors: most(traces.names),
        };
        // Rates need times. A later version is no new comment, but comes after
        // the first one; a repeated call does not come after itself.
        let is_sent = is_new && !edited && traces.time.is_some();
        let is_again = !is_new && !edited;
        let rate = |key: u64| {
            let see = |rates: &mut Rates| Some(rates.see(tick, comment, is_again, is_sent));
            self.see(&tables.rates, key, see).filter(|_| traces.time.is_some())
        };
        Past { repeats: Some(repeats), author: rate(author), address: rate(address) }
    }

    /// Where a key leads, zero for nowhere; from now on to `to`.
    fn link(&self, key: u64, to: u64) -> u64 {
        self.see(&self.tables.links, key, |link| {
            link.last = link.last.max(self.tick);
            std::mem::replace(&mut link.to, to)
        })
    }

    /// The family of texts that a text is of: that of earlier ones which are
    /// nearly the same, or a new one by its own name.
    fn family(&self, traces: &Traces) -> u64 {
        let bands = traces.bands;
        if bands[0] == 0 {
            return traces.text;
        }
        let families = bands.map(|band| self.see(&self.tables.links, band, |link| link.to));
        let votes = |family: u64| families.iter().filter(|other| **other == family).count();
        let known = families.into_iter().filter(|family| *family != 0 && votes(*family) >= MIN_BANDS);
        let family = known.max_by_key(|family| votes(*family)).unwrap_or(traces.text);
        for band in bands {
            self.link(band, family);
        }
        family
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
