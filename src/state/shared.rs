//! The same memory in a store that several servers share, such as Valkey or
//! Redis: one script, which the store runs for each comment, and what goes in
//! and comes out. Nothing here connects to anything.

use super::counter::person;
use super::ring;
use crate::signals::past::{Past, Rate, Repeats};
use crate::signals::traces::Traces;

/// What the store runs for one comment, in Lua. It does what [`State::observe`]
/// does, step by step, and a test holds the two against each other.
///
/// [`State::observe`]: super::State::observe
pub const SCRIPT: &str = include_str!("shared.lua");

/// After how many seconds an entry that nobody looks at is gone: a day, after
/// which no window holds anything of it.
pub const TTL_SECONDS: u32 = 86_400;

/// How many numbers [`SCRIPT`] answers.
pub const ANSWERS: usize = 15;

/// The arguments of [`SCRIPT`] for a comment with a time, and none for one
/// without, of which a store that outlives the process can make nothing. Neither
/// text nor author nor address can be read from them without the secret.
pub fn arguments(traces: &Traces) -> Option<Vec<Vec<u8>>> {
    let tick = ring::tick(traces.time?);
    let Traces { comment, text, author, network, address, bands, contacts, names, edited, .. } = *traces;
    let who = if author == 0 { address } else { author };
    let numbers = [TTL_SECONDS, tick, u32::from(edited), u32::from(person(who))];
    let hashes =
        [comment, text, author, network, address].into_iter().chain(bands).chain(contacts).chain(names);
    let numbers = numbers.iter().map(|number| number.to_string().into_bytes());
    let name = |hash: u64| if hash == 0 { Vec::new() } else { hash.to_be_bytes().to_vec() };
    Some(numbers.chain(hashes.map(name)).collect())
}

/// What the answer of [`SCRIPT`] says about a comment with these traces; none
/// when it is no such answer.
pub fn answer(traces: &Traces, numbers: &[i64]) -> Option<Past> {
    let numbers: &[i64; ANSWERS] = numbers.try_into().ok()?;
    let count = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
    let [exact, near, by_author, by_network, authors, contact_authors, name_authors, rates @ ..] =
        numbers.map(count);
    let rate = |who: u64, [minute, hour, day, known]: [u32; 4]| {
        (who != 0).then_some(Rate { minute, hour, day, is_known: known != 0 })
    };
    let [a, b, c, d, e, f, g, h] = rates;
    Some(Past {
        repeats: Some(Repeats { exact, near, by_author, by_network, authors, contact_authors, name_authors }),
        author: rate(traces.author, [a, b, c, d]),
        address: rate(traces.address, [e, f, g, h]),
    })
}
