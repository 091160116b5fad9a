//! The script that a store runs says what the memory of one process says, and
//! what a comment costs there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "store/server.rs"]
#[allow(dead_code, reason = "the tests of the API use the rest")]
mod server;

use server::StoreServer;
use std::collections::BTreeMap;
use thresher::comment::{Author, Claims, Client, Comment, ThreadFacts, Time};
use thresher::signals::key::HashKey;
use thresher::signals::past::Past;
use thresher::signals::traces::{Standing, TraceScratch, Traces};
use thresher::state::{State, shared};
use thresher::text::{Analyzer, Document};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn one_in(&mut self, share: u64) -> bool {
        self.below(share) == 0
    }
}

const SUBJECTS: [&str; 6] = ["garden", "kitchen", "roof", "cellar", "stairs", "balcony"];
const CONTACTS: [&str; 5] =
    ["", " https://shop.example.com/a", " call +44 20 7946 0958", " me@mail.example", " t.me/coach_anna"];
const NAMES: [&str; 4] = ["", " ask Adela Finch", " Bernard Kolm knows", " thanks to Adela Finch"];

/// A comment as somebody might send it on some site: few texts, slightly
/// changed, by few people, again and again, over a week, not always in order.
struct Sent {
    site: &'static str,
    id: String,
    author: String,
    address: String,
    text: String,
    seconds: i64,
    edited: bool,
}

fn sent(numbers: &mut Numbers, now: &mut i64) -> Sent {
    let mut pick = |all: &[&str]| all[numbers.below(all.len() as u64) as usize].to_owned();
    let (subject, contact, name) = (pick(&SUBJECTS), pick(&CONTACTS), pick(&NAMES));
    let mut text = match numbers.below(4) {
        0 => format!(
            "I was tired of my old {subject} until I found the shop where everything costs half{contact}{name}"
        ),
        1 => format!(
            "Nobody in this town has seen a {subject} like that for less than a hundred a month{contact}"
        ),
        2 => format!("nice {subject}{contact}"),
        _ => format!(
            "number {} of the {subject} is open from Monday to Friday and closed at night{name}",
            numbers.below(40)
        ),
    };
    if numbers.one_in(5) {
        text = text.to_uppercase();
    }
    // A pause of days now and then.
    let pause = if numbers.one_in(300) { 200_000 } else { 400 };
    *now += numbers.below(pause) as i64;
    let late = if numbers.one_in(10) { numbers.below(30_000) as i64 } else { 0 };
    let known = |numbers: &mut Numbers, prefix: &str, of: u64| match numbers.below(of + 2) {
        0 => String::new(),
        i => format!("{prefix}{i}"),
    };
    Sent {
        site: if numbers.one_in(20) { "elsewhere" } else { "default" },
        id: known(numbers, "c", 3_000),
        author: known(numbers, "u", 25),
        address: known(numbers, "192.0.2.", 12),
        text,
        seconds: *now - late,
        edited: numbers.one_in(15),
    }
}

fn traces(sent: &Sent, key: &HashKey) -> Traces {
    let claims = Claims {
        create_time: Time::from_unix_seconds(1_750_000_000 + sent.seconds),
        author: Author { author_id: &sent.author, ..Author::default() },
        client: Client { ip: &sent.address, ..Client::default() },
        thread: ThreadFacts { thread_id: "t1", ..ThreadFacts::default() },
        edited: sent.edited,
        ..Claims::default()
    };
    let comment = Comment::new(&sent.text, 1 << 20).unwrap().with_context(claims.check().unwrap());
    let mut document = Document::default();
    Analyzer::default().analyze(comment.text(), comment.format(), &mut document);
    let standing = Standing { site: sent.site, comment_id: &sent.id };
    // Names are rare and all other words are not.
    let expects = |word: &str| !["adela", "finch", "bernard", "kolm"].contains(&word);
    Traces::of(standing, &comment, &document, key, expects, &mut TraceScratch::default())
}

#[test]
fn the_script_says_what_memory_says() {
    let Some(store) = StoreServer::start() else { return };
    let mut connection = store.connect();
    let script: String = redis::cmd("SCRIPT").arg("LOAD").arg(shared::SCRIPT).query(&mut connection).unwrap();
    let key = HashKey::new([3; 16]);
    let state = State::new(key, 64 << 20);
    let (mut numbers, mut now) = (Numbers(0x1234_5678_9abc_def1), 0);
    let mut said: BTreeMap<&str, u32> = BTreeMap::new();
    for i in 0..6_000 {
        let sent = sent(&mut numbers, &mut now);
        let traces = traces(&sent, &key);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script).arg(1).arg("t:").arg(shared::arguments(&traces).unwrap());
        let numbers: Vec<i64> = command.query(&mut connection).unwrap();
        let shared = shared::answer(&traces, &numbers).unwrap();
        let own = state.observe(&traces);
        assert_eq!(shared, own, "comment {i}: {}", sent.text);
        count(&mut said, own);
    }
    // Every count was more than nothing now and then, and nothing at others.
    assert_eq!(said.len(), 10, "{said:?}");
    assert!(said.values().all(|count| (50..5_990).contains(count)), "{said:?}");

    let entries = store.entries();
    let (all, largest) = (
        entries.iter().map(|entry| entry.bytes).sum::<u64>(),
        entries.iter().map(|entry| entry.bytes).max().unwrap(),
    );
    assert!(largest < 512, "an entry takes {largest} bytes");
    println!("{} entries of {} bytes, at most {largest} each", entries.len(), all);
}

fn count(said: &mut BTreeMap<&'static str, u32>, past: Past) {
    let repeats = past.repeats.unwrap();
    let rate = past.author.unwrap_or_default();
    for (name, number) in [
        ("exact", repeats.exact),
        ("near", repeats.near),
        ("by author", repeats.by_author),
        ("by network", repeats.by_network),
        ("authors", repeats.authors),
        ("contact authors", repeats.contact_authors),
        ("name authors", repeats.name_authors),
        ("minute", rate.minute),
        ("known author", u32::from(rate.is_known)),
        ("known address", u32::from(past.address.is_some_and(|rate| rate.is_known && rate.day > 0))),
    ] {
        *said.entry(name).or_default() += u32::from(number > 0);
    }
}

#[test]
fn a_comment_without_a_time_is_not_for_a_store() {
    let key = HashKey::new([3; 16]);
    let (mut numbers, mut now) = (Numbers(1), 0);
    let traces = traces(&sent(&mut numbers, &mut now), &key);
    assert_eq!(shared::arguments(&traces).unwrap().len(), 25);
    assert_eq!(shared::arguments(&Traces::default()), None);
    // What is no answer is none.
    assert_eq!(shared::answer(&traces, &[0; 14]), None);
    assert!(shared::answer(&traces, &[-1; 15]).is_some_and(|past| past.repeats == Some(Default::default())));
}
