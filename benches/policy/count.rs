//! Instructions of a comment, and what it reads from beyond two levels of caches,
//! as valgrind's callgrind counts them: what judging more comments adds.

use super::{COMMENTS, ENTRIES, FEW_ENTRIES, KINDS, claims, policy_with, substring_policy, texts};
use std::env;
use std::fs;
use std::process::{Command, Stdio};
use thresher::comment::Comment;
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::Policies;

/// How many comments are judged, and how many more the second time.
const TIMES: usize = 500;

/// The second-level cache of many servers: 512 KiB in lines of 64 bytes.
const CACHE: &str = "--LL=524288,8,64";

const POLICIES: [&str; 5] =
    ["thresholds", "few-entries", "many-entries", "few-substrings", "many-substrings"];

fn policy(name: &str) -> Policies {
    match name {
        "few-entries" => policy_with(FEW_ENTRIES, KINDS),
        "many-entries" => policy_with(ENTRIES, KINDS),
        "few-substrings" => substring_policy(FEW_ENTRIES),
        "many-substrings" => substring_policy(ENTRIES),
        _ => Policies::embedded().expect("the embedded policy parses"),
    }
}

/// Judges so many comments, for callgrind to count.
pub fn judge(name: &str, times: &str) {
    let moderator = Moderator::new(Model::shipped().expect("the shipped model loads"));
    let policies = policy(name);
    let (texts, authors) = texts(COMMENTS[1].trim_end());
    let mut scratch = Scratch::default();
    for i in 0..times.parse().expect("it is a number") {
        let claims = claims(0, &authors[i]);
        let context = claims.check().expect("the claims are sound");
        let comment = Comment::new(&texts[i], 1 << 20).expect("the text is not blank").with_context(context);
        moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch);
    }
}

pub fn run() {
    println!("a comment of 360 characters, under   instructions   reads beyond 512 KiB");
    for name in POLICIES {
        let [once, more] = [TIMES, 2 * TIMES].map(|times| counted(name, &times.to_string()));
        let of = |event: &str| {
            let in_one = |(events, totals): &(Vec<String>, Vec<f64>)| {
                let at = events.iter().position(|name| name == event).expect("the event is counted");
                totals[at]
            };
            (in_one(&more) - in_one(&once)) / TIMES as f64
        };
        println!("{name:<34}   {:>12.0}   {:>20.0}", of("Ir"), of("DLmr"));
    }
}

/// What is counted, and how often it was.
fn counted(policy: &str, times: &str) -> (Vec<String>, Vec<f64>) {
    let out = tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
    let file = format!("--callgrind-out-file={}", out.path().display());
    let ended = Command::new("valgrind")
        .args(["--tool=callgrind", "--cache-sim=yes", CACHE, &file])
        .arg(env::current_exe().expect("a program has a path"))
        .args(["judge", policy, times])
        .stderr(Stdio::null())
        .status()
        .expect("valgrind is installed");
    assert!(ended.success(), "valgrind ended with {ended}");
    let text = fs::read_to_string(out.path()).expect("callgrind has written its file");
    let line = |head: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(head)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let totals = line("totals:").into_iter().map(|total| total.parse().expect("totals are numbers"));
    (line("events:"), totals.collect())
}
