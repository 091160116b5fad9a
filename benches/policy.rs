//! What lists and rules cost beside scoring alone: three lists of 100 entries,
//! the same with 100,000, these with 200 rules, substrings of both numbers, and
//! remembering comments, for rules on repeats and rates.
//!
//! Run with `cargo bench --bench policy`. What is compared takes turns, call by
//! call, so that all see the same machine: one whose speed drifts by a third
//! within a second still gives the same ratio. Nothing else has a turn between
//! them, since what it reads would take from near memory what they keep there.
//! `cargo bench --bench policy -- count` has valgrind count instructions and what
//! is read from far memory instead, which are the same at any hour.
// A benchmark has nobody to report to but whoever runs it.
#![allow(clippy::expect_used)]

#[path = "policy/count.rs"]
mod count;

use std::env;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};
use thresher::comment::{Author, Claims, Client, Comment, Time};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Policies, SitePolicy};
use thresher::signals::key::HashKey;
use thresher::signals::past::Past;
use thresher::signals::traces::{Standing, TraceScratch, Traces};
use thresher::state::State;
use thresher::text::Document;

/// Comments written for the benchmarks, of 80, 325 and 2,400 characters.
const COMMENTS: [&str; 3] =
    [include_str!("comments/80.txt"), include_str!("comments/325.txt"), include_str!("comments/2400.txt")];

/// How often each is measured.
const TURNS: usize = 20_000;

/// How many texts and authors there are.
const MANY: u32 = 2_000;

const RULES: usize = 200;
/// How many kinds of rules there are; one of each looks at every list.
const KINDS: usize = 5;
const FEW_ENTRIES: u32 = 100;
const ENTRIES: u32 = 100_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["count"] => count::run(),
        ["judge", policy, times] => count::judge(policy, times),
        _ => time(),
    }
}

fn time() {
    let moderator = Moderator::new(Model::shipped().expect("the shipped model loads"));
    let plain = Policies::embedded().expect("the embedded policy parses");
    let start = Instant::now();
    let full = policy_with(ENTRIES, RULES);
    println!("{RULES} rules and three lists of {ENTRIES} entries are read in {:.2?}", start.elapsed());
    let [few, many] = [FEW_ENTRIES, ENTRIES].map(|entries| policy_with(entries, KINDS));
    let [few_pieces, many_pieces] = [FEW_ENTRIES, ENTRIES].map(substring_policy);
    let past = past_policy();
    let mut turns =
        Turns { moderator, state: State::new(HashKey::random(), 64 << 20), scratch: Scratch::default() };

    println!("medians, in multiples of scores and thresholds");
    println!(
        "characters   scores, thresholds   lists of {FEW_ENTRIES}   of {ENTRIES}   and {RULES} rules   substrings: \
         {FEW_ENTRIES}   {ENTRIES}   repeats and rates"
    );
    for text in COMMENTS.map(str::trim_end) {
        let lists = turns.take(text, [&plain, &few, &many, &full]);
        let pieces = turns.take(text, [&plain, &few_pieces, &many_pieces]);
        let past = turns.take(text, [&plain, &past]);
        println!(
            "{:>10}   {:>15.2} us   {:>10.2} x   {:>7.2} x   {:>11.2} x   {:>13.2} x   {:>4.2} x   {:>15.2} x",
            texts(text).0[0].chars().count(),
            lists[0] * 1e6,
            lists[1] / lists[0],
            lists[2] / lists[0],
            lists[3] / lists[0],
            pieces[1] / pieces[0],
            pieces[2] / pieces[0],
            past[1] / past[0]
        );
    }
}

/// What all policies have in common.
struct Turns {
    moderator: Moderator,
    state: State,
    scratch: Scratch,
}

impl Turns {
    /// The median time of a comment under each policy, in seconds. Each is as
    /// often the first that sees a comment, for which its text is far away.
    fn take<const N: usize>(&mut self, text: &str, policies: [&Policies; N]) -> [f64; N] {
        let (texts, authors) = texts(text);
        let mut times = policies.map(|_| Vec::with_capacity(TURNS));
        for (turn, i) in (0..TURNS).zip((0..MANY as usize).cycle()) {
            let claims = claims(turn as i64, &authors[i]);
            let context = claims.check().expect("the claims are sound");
            let comment =
                Comment::new(&texts[i], 1 << 20).expect("the text is not blank").with_context(context);
            for at in (turn..turn + N).map(|at| at % N) {
                times[at].push(self.assess(&comment, policies[at].site(""), &authors[i]));
            }
        }
        times.map(median)
    }

    fn assess(&mut self, comment: &Comment<'_>, policy: &SitePolicy, id: &str) -> Duration {
        let Self { moderator, state, scratch } = self;
        let comment = black_box(comment);
        let start = Instant::now();
        let recall = |document: &Document, scratch: &mut TraceScratch| {
            if !policy.reads_past() {
                return Past::default();
            }
            let standing = Standing { site: "default", comment_id: id };
            let expects = |word: &str| moderator.expects(word, None);
            let traces = Traces::of(standing, comment, document, state.key(), expects, scratch);
            state.observe(&traces)
        };
        let assessment =
            moderator.assess_after(comment, None, policy, Ask::default(), recall, scratch, &mut ());
        black_box(assessment.verdict.action);
        start.elapsed()
    }
}

/// Texts of their own, as most are, by many authors: nothing that is remembered
/// is near at hand.
fn texts(text: &str) -> (Vec<String>, Vec<String>) {
    let text = |i| format!("{} {text} https://www.example.org/a", letters(i));
    ((0..MANY).map(text).collect(), (0..MANY).map(|i| format!("u{i}")).collect())
}

fn claims(seconds: i64, author_id: &str) -> Claims<'_> {
    Claims {
        create_time: Time::from_unix_seconds(1_750_000_000 + seconds),
        author: Author { author_id, approved_count: Some(3), ..Author::default() },
        client: Client { ip: "192.0.2.7", ..Client::default() },
        ..Claims::default()
    }
}

/// The embedded thresholds with rules that ask for everything remembered.
fn past_policy() -> Policies {
    let when = "repeat.near_count > 1000 || repeat.contact_authors > 100 || rate.author_minute > 1000";
    let rule = format!("[[site.default.rules]]\nname = \"past\"\nwhen = \"{when}\"\nthen = \"HOLD\"\n");
    Policies::parse(&format!("{}\n{rule}", Policies::EMBEDDED), "a policy").expect("the policy is sound")
}

/// The embedded thresholds with a list of so many pieces of words, of which none
/// hits.
fn substring_policy(entries: u32) -> Policies {
    with_lists(
        entries,
        &[("pieces", "substrings", |i| letters(MANY + i))],
        "[[site.default.rules]]\nname = \"r\"\nwhen = \"list.pieces\"\nthen = \"HOLD\"\n",
    )
}

/// The embedded thresholds with so many rules that look at most fields, of which
/// none fires, and three lists of so many words, domains and networks, of which
/// none hits.
fn policy_with(entries: u32, rules: usize) -> Policies {
    let mut source = String::new();
    for i in 0..rules {
        let when = match i % KINDS {
            0 => format!("score.spam > 0.99 && signal.links > {i}"),
            1 => format!("list.words && comment.length > {i}"),
            2 => format!("author.approved_count > 100 + {i} || hits.domains > {i}"),
            3 => "list.networks && !(comment.language in ['en', 'de'])".to_owned(),
            _ => format!("author.age_days < {i} && thread.age_hours / 24 > 3"),
        };
        let _ =
            writeln!(source, "[[site.default.rules]]\nname = \"r{i}\"\nwhen = \"{when}\"\nthen = \"HOLD\"");
    }
    let lists: [Kind; 3] = [
        ("words", "words", |i| format!("{} {}", letters(MANY + i), letters(i / 3))),
        ("domains", "domains", |i| format!("{}.example.com", letters(i))),
        ("networks", "networks", |i| format!("10.{}.{}.{}/32", i >> 16, (i >> 8) & 255, i & 255)),
    ];
    with_lists(entries, &lists, &source)
}

/// A list's name, its kind, and its entries by number.
type Kind = (&'static str, &'static str, fn(u32) -> String);

/// The embedded thresholds with lists of so many entries each, and rules.
fn with_lists(entries: u32, lists: &[Kind], rules: &str) -> Policies {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let mut source = String::from(Policies::EMBEDDED);
    for (name, kind, entry) in lists {
        let entries: String = (0..entries).map(|i| entry(i) + "\n").collect();
        fs::write(folder.path().join(name), entries).expect("the list is written");
        let _ = writeln!(source, "[lists.{name}]\nkind = \"{kind}\"\nfile = \"{name}\"");
    }
    source.push_str(rules);
    let path = folder.path().join("policy.toml");
    fs::write(&path, source).expect("the policy is written");
    Policies::open(&path).expect("the policy is sound")
}

/// A made-up word for a number.
fn letters(number: u32) -> String {
    let mut rest = number.wrapping_mul(2_654_435_761);
    let mut word = String::new();
    for _ in 0..4 {
        word.push(char::from(b'b' + (rest % 20) as u8));
        word.push(['a', 'e', 'i', 'o', 'u'][(rest / 20 % 5) as usize]);
        rest /= 100;
    }
    word
}

/// In seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
