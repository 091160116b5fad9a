//! What `Moderator::assess` costs in multiples of hashing the same comment's
//! n-grams alone, and what counting it for the metrics adds.
//!
//! Run with `cargo bench --bench ratio`. They take turns, call by call, so
//! that all see the same machine: one whose speed drifts by a third within a
//! second still gives the same ratio.
// A benchmark has nobody to report to but whoever runs it.
#![allow(clippy::expect_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};
use thresher::comment::{Comment, Format, Thread};
use thresher::features::{Feature, ngram};
use thresher::metrics::Metrics;
use thresher::model::Model;
use thresher::moderator::{Ask, Laps, Moderator, Phase, Scratch};
use thresher::policy::Policies;
use thresher::signals::past::Past;
use thresher::text::{Analyzer, Document};

/// Comments written for the benchmarks, of 80, 325 and 2,400 characters.
const COMMENTS: [&str; 3] =
    [include_str!("comments/80.txt"), include_str!("comments/325.txt"), include_str!("comments/2400.txt")];

/// How often each is measured.
const TURNS: usize = 20_000;

fn main() {
    let moderator = Moderator::new(Model::shipped().expect("the shipped model loads"));
    let policies = Policies::embedded().expect("the embedded policy parses");
    let policy = policies.site("");
    let mut scratch = Scratch::default();
    let thread = Thread {
        title: "The footbridge stays closed until May",
        body: COMMENTS[2].trim_end(),
        recent_texts: &[],
    };
    let profile = moderator.profile(&thread, &mut scratch).expect("the thread has text");

    let metrics = Metrics::new();
    let site = metrics.site("");
    println!(
        "characters   hash n-grams   assess, 8 attributes   in a thread, all 9   with metrics   (medians)"
    );
    for text in COMMENTS.map(str::trim_end) {
        let comment = Comment::new(text, 1 << 20).expect("the text is not blank");
        let mut document = Document::default();
        Analyzer::default().analyze(text, Format::Plain, &mut document);
        let mut times: [Vec<Duration>; 4] = Default::default();
        for _ in 0..TURNS {
            times[0].push(time(|| hash_ngrams(black_box(&document))));
            for (times, thread) in times[1..3].iter_mut().zip([None, Some(&profile)]) {
                let comment = black_box(&comment);
                times.push(time(|| {
                    moderator.assess(comment, thread, policy, Ask::default(), &mut scratch).verdict.action
                }));
            }
            // As a server does it, though only the phases of assessing are timed.
            let comment = black_box(&comment);
            times[3].push(time(|| {
                let (mut watch, nothing) = (metrics.stopwatch(), |_: &_, _: &mut _| Past::default());
                watch.lap(Phase::Parse);
                let assessment = moderator.assess_after(
                    comment,
                    Some(&profile),
                    policy,
                    Ask::default(),
                    nothing,
                    &mut scratch,
                    &mut watch,
                );
                metrics.judged(&site, assessment);
                watch.stop(Phase::Respond)
            }));
        }
        let [hash, assess, in_thread, counted] = times.map(median);
        println!(
            "{:>10}   {:>9.2} us   {:>8.2} us = {:.2} x   {:>7.2} us = {:.2} x   {:>+9.2} us",
            text.chars().count(),
            hash * 1e6,
            assess * 1e6,
            assess / hash,
            in_thread * 1e6,
            in_thread / hash,
            (counted - in_thread) * 1e6
        );
    }
}

/// The n-grams of an analysed comment, hashed and summed.
fn hash_ngrams(document: &Document) -> u64 {
    let mut sum = 0u64;
    let mut add = |feature: Feature| sum = sum.wrapping_add(u64::from(feature.bucket));
    ngram::words(document, &mut add);
    ngram::characters(document, &mut add);
    sum
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// In seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
