//! What a comment leaves behind for those that come after it: keyed hashes of
//! its text, of what it names, and of who sent it from where.

mod marks;
mod near;
mod words;

use super::key::HashKey;
use crate::comment::{Comment, Time};
use crate::text::Document;
use std::net::IpAddr;

/// How many bands the signature of a text has; see `near`.
pub(crate) const BANDS: usize = 8;
/// How many links, telephone numbers, e-mail addresses and handles of a comment
/// are looked at, and how many names.
pub(crate) const MARKS: usize = 4;

/// How many letters a text must have for its copies to count. Shorter ones are
/// what many people say by themselves: thanks, a laugh, "first!". A character
/// of a script that writes words with one or two of them counts for three.
const MIN_LETTERS: usize = 24;

/// Hashes are apart for each of these.
mod domain {
    pub const TEXT: u8 = 1;
    pub const BAND: u8 = 2;
    pub const AUTHOR: u8 = 3;
    pub const NETWORK: u8 = 4;
    pub const ADDRESS: u8 = 5;
    pub const CONTACT: u8 = 6;
    pub const NAME: u8 = 7;
    pub const COMMENT: u8 = 8;
}

/// The traces of one comment. Numbers are keyed hashes, each of one site; zero
/// is nothing. They hold neither text nor identity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traces {
    /// When it was posted.
    pub(crate) time: Option<Time>,
    /// The comment itself, by the host platform's name for it.
    pub(crate) comment: u64,
    /// The text, when it is long enough.
    pub(crate) text: u64,
    /// The bands of its signature, all zero for a text with too few words.
    pub(crate) bands: [u64; BANDS],
    /// Who wrote it.
    pub(crate) author: u64,
    /// Where from: the /24 of version 4, the /64 of version 6.
    pub(crate) network: u64,
    /// Where from: the address of version 4, the /64 of version 6, which is
    /// what one subscriber has.
    pub(crate) address: u64,
    /// Links, telephone numbers, e-mail addresses and handles.
    pub(crate) contacts: [u64; MARKS],
    /// Names of people, for its thread alone.
    pub(crate) names: [u64; MARKS],
    /// Whether it is a later version of a comment that was posted before.
    pub(crate) edited: bool,
}

/// Working memory for [`Traces::of`], to be reused.
#[derive(Debug, Default)]
pub struct TraceScratch {
    words: words::Words,
}

/// Where a comment stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// The site; nothing is remembered across sites.
    pub site: &'a str,
    /// The comment, as the host platform names it; may be empty.
    pub comment_id: &'a str,
}

impl Traces {
    /// The traces of a comment; `document` is its text, analysed. `expects`
    /// says of a word whether it is common or belongs to the subject of the
    /// thread, so that nobody is suspected of naming it.
    pub fn of(
        standing: Standing<'_>,
        comment: &Comment<'_>,
        document: &Document,
        key: &HashKey,
        expects: impl Fn(&str) -> bool,
        scratch: &mut TraceScratch,
    ) -> Traces {
        let (context, site) = (comment.context(), standing.site.as_bytes());
        let named = |domain, name: &str| match name {
            "" => 0,
            name => key.hash(domain, [site, name.as_bytes()]),
        };
        let words = &mut scratch.words;
        words.read(document);
        let contacts = marks::contacts(document, |mark| key.hash(domain::CONTACT, [site, mark]));
        let thread = context.thread().thread_id;
        let names = match thread {
            "" => [0; MARKS],
            thread => marks::names(comment.text(), document, expects, |first, second| {
                key.hash(domain::NAME, [site, thread.as_bytes(), first.as_bytes(), second.as_bytes()])
            }),
        };
        let is_long = words.letters() >= MIN_LETTERS || contacts[0] != 0;
        let hash = |domain, pieces: &[u8]| key.hash(domain, [site, pieces]);
        Traces {
            time: context.create_time(),
            comment: named(domain::COMMENT, standing.comment_id),
            text: if is_long { hash(domain::TEXT, words.text()) } else { 0 },
            bands: near::bands(words, |band| hash(domain::BAND, band))
                .filter(|_| is_long)
                .unwrap_or_default(),
            author: named(domain::AUTHOR, context.author().author_id),
            network: context
                .address()
                .map_or(0, |address| hash(domain::NETWORK, network(address, 24).as_slice())),
            address: context
                .address()
                .map_or(0, |address| hash(domain::ADDRESS, network(address, 32).as_slice())),
            contacts,
            names,
            edited: context.edited(),
        }
    }
}

impl Traces {
    /// Those of a comment by an author who is nobody, to try out a memory with.
    pub(crate) fn of_nobody() -> Traces {
        Traces { time: Time::from_unix_seconds(0), author: 1, ..Traces::default() }
    }

    /// The same, posted at `limit` at the latest.
    pub fn no_later_than(self, limit: Option<Time>) -> Traces {
        let time = match (self.time, limit) {
            (Some(time), Some(limit)) => Some(time.min(limit)),
            (time, _) => time,
        };
        Traces { time, ..self }
    }
}

/// The first bits of an address: so many of version 4, and 64 of version 6.
fn network(address: IpAddr, bits: usize) -> Prefix {
    let mut prefix = Prefix { bytes: [0; 8], len: 0 };
    match address {
        IpAddr::V4(address) => {
            prefix.len = bits / 8;
            prefix.bytes[..prefix.len].copy_from_slice(&address.octets()[..prefix.len]);
        }
        IpAddr::V6(address) => {
            prefix.len = 8;
            prefix.bytes.copy_from_slice(&address.octets()[..8]);
        }
    }
    prefix
}

struct Prefix {
    bytes: [u8; 8],
    len: usize,
}

impl Prefix {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests;
