//! What a comment costs: hashing its n-grams alone, and the whole of
//! `Moderator::assess` with every attribute, side by side.
//!
//! Run with `cargo bench --bench assess`. Compare rows of one run only: the
//! machine's speed drifts, ratios hardly do.
// A benchmark has nobody to report to but whoever runs it.
#![allow(clippy::expect_used)]

use divan::{Bencher, black_box};
use thresher::comment::{Comment, Format, Thread};
use thresher::features::{Feature, SparseVec, ngram};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::Policies;
use thresher::text::{Analyzer, Document};

/// Comments written for this benchmark, of 80, 325 and 2,400 characters.
const COMMENTS: [(&str, &str); 3] = [
    ("80", include_str!("comments/80.txt")),
    ("325", include_str!("comments/325.txt")),
    ("2400", include_str!("comments/2400.txt")),
];

const NAMES: [&str; 3] = [COMMENTS[0].0, COMMENTS[1].0, COMMENTS[2].0];

fn text(name: &str) -> &'static str {
    COMMENTS.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text.trim_end())
}

fn main() {
    divan::main();
}

/// The n-grams of an analysed comment, hashed and summed.
#[divan::bench(args = NAMES)]
fn hash_ngrams(bencher: Bencher, name: &str) {
    let mut document = Document::default();
    Analyzer::default().analyze(text(name), Format::Plain, &mut document);
    bencher.bench_local(|| {
        let mut sum = 0u64;
        let mut add = |feature: Feature| sum = sum.wrapping_add(u64::from(feature.bucket));
        ngram::words(black_box(&document), &mut add);
        ngram::characters(black_box(&document), &mut add);
        sum
    });
}

/// Normalising and tokenising alone.
#[divan::bench(args = NAMES)]
fn analyze(bencher: Bencher, name: &str) {
    let (analyzer, mut document) = (Analyzer::default(), Document::default());
    bencher.bench_local(|| analyzer.analyze(black_box(text(name)), Format::Plain, &mut document));
}

/// Hashing the features and looking them up.
#[divan::bench(args = NAMES)]
fn transform(bencher: Bencher, name: &str) {
    let model = Model::shipped().expect("the shipped model loads");
    let (mut document, mut vector) = (Document::default(), SparseVec::default());
    Analyzer::default().analyze(text(name), Format::Plain, &mut document);
    bencher.bench_local(|| model.vectorizer().transform(black_box(&mut document), &mut vector));
}

/// Adding up the weights of all text attributes.
#[divan::bench(args = NAMES)]
fn decision_function(bencher: Bencher, name: &str) {
    let model = Model::shipped().expect("the shipped model loads");
    let (mut document, mut vector) = (Document::default(), SparseVec::default());
    Analyzer::default().analyze(text(name), Format::Plain, &mut document);
    model.vectorizer().transform(&mut document, &mut vector);
    bencher.bench_local(|| model.classifier().decision_function(black_box(&vector)));
}

/// The whole pipeline, without a thread.
#[divan::bench(args = NAMES)]
fn assess(bencher: Bencher, name: &str) {
    run(bencher, name, None);
}

/// The whole pipeline under a thread whose title and body were read before:
/// all nine attributes.
#[divan::bench(args = NAMES)]
fn assess_in_thread(bencher: Bencher, name: &str) {
    let body = text("2400");
    run(
        bencher,
        name,
        Some(Thread { title: "The footbridge stays closed until May", body, recent_texts: &[] }),
    );
}

fn run(bencher: Bencher, name: &str, thread: Option<Thread<'_>>) {
    let moderator = Moderator::new(Model::shipped().expect("the shipped model loads"));
    let policies = Policies::embedded().expect("the embedded policy parses");
    let policy = policies.site("");
    let mut scratch = Scratch::default();
    let profile = thread.and_then(|thread| moderator.profile(&thread, &mut scratch));
    let comment = Comment::new(text(name), 1 << 20).expect("the text is not blank");
    bencher.bench_local(|| {
        moderator
            .assess(black_box(&comment), profile.as_ref(), policy, Ask::default(), &mut scratch)
            .verdict
            .action
    });
}
