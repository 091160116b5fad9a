//! What a candidate policy and a candidate model cost beside those in force, in
//! multiples of `Moderator::assess` alone.
//!
//! Run with `cargo bench --bench shadow`. The three take turns, comment by
//! comment, so that all see the same machine.
// A benchmark has nobody to report to but whoever runs it.
#![allow(clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thresher::comment::{Comment, Thread};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Policies, PolicyStore, Preset};
use thresher::shadow::{Live, Memory, Seen, Shadow};

/// Comments written for the benchmarks, of 80, 325 and 2,400 characters.
const COMMENTS: [&str; 3] =
    [include_str!("comments/80.txt"), include_str!("comments/325.txt"), include_str!("comments/2400.txt")];

/// How often each is measured.
const TURNS: usize = 10_000;

fn main() {
    let shipped = || Moderator::new(Model::shipped().expect("the shipped model loads"));
    let candidate = || {
        let file = Preset::Strict.open().expect("the preset parses");
        Some(Arc::new(PolicyStore::from(file.policies)))
    };
    let moderator = shipped();
    let policies = Policies::embedded().expect("the embedded policy parses");
    let policy = policies.site("");
    let with_policy = Shadow::new(candidate(), None, None, false);
    let with_both = Shadow::new(candidate(), Some(shipped()), None, false);
    let (mut scratch, mut memory) = (Scratch::default(), Memory::default());
    let thread = Thread {
        title: "The footbridge stays closed until May",
        body: COMMENTS[2].trim_end(),
        recent_texts: &[],
    };
    let profile = moderator.profile(&thread, &mut scratch).expect("the thread has text");

    println!("characters   assess   with a candidate policy   with policy and model   (medians)");
    for text in COMMENTS.map(str::trim_end) {
        let comment = Comment::new(text, 1 << 20).expect("the text is not blank");
        let seen = Seen { comment: &comment, comment_id: "c", site: "" };
        let mut times: [Vec<Duration>; 3] = Default::default();
        for _ in 0..TURNS {
            for (times, shadow) in times.iter_mut().zip([None, Some(&with_policy), Some(&with_both)]) {
                let ask = Ask::default();
                let start = Instant::now();
                let assessment =
                    moderator.assess(black_box(&comment), Some(&profile), policy, ask, &mut scratch);
                let (scores, model_scores) = (assessment.scores, assessment.model_scores);
                let (unfamiliar, action) = (assessment.unfamiliar, assessment.verdict.action);
                if let Some(shadow) = shadow {
                    let live = Live {
                        moderator: &moderator,
                        policy,
                        scores: &scores,
                        model_scores: &model_scores,
                        unfamiliar,
                        action,
                        ask,
                    };
                    shadow.look(seen, live, Some(&profile), &mut scratch, &mut memory, Vec::new);
                }
                black_box(action);
                times.push(start.elapsed());
            }
        }
        let [alone, policy_alone, both] = times.map(median);
        println!(
            "{:>10}   {:>6.1} us   {:>6.1} us = {:.2} x   {:>6.1} us = {:.2} x",
            text.chars().count(),
            alone * 1e6,
            policy_alone * 1e6,
            policy_alone / alone,
            both * 1e6,
            both / alone
        );
    }
}

/// In seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
