//! Examples for `OFF_TOPIC`: comments under their own thread, and the same
//! comments under another thread of the same source.
//!
//! Labels for the subject are rare and of doubtful licence, so the trainer
//! makes them: what people posted to a thread is taken to belong there, and
//! what they posted elsewhere not to. Where rows carry a label `off_topic`, it
//! is used instead, under their own thread.

use crate::corpus::{Corpus, Row};
use rayon::prelude::*;
use std::collections::BTreeMap;
use thresher::attribute::Attribute;
use thresher::comment::Thread;
use thresher::features::surface::{self, DENSE};
use thresher::features::thread::{self, Analyzed, ThreadProfile, ThreadScratch};
use thresher::features::{SparseVec, Vectorizer};
use thresher::model::head::{self, THREAD_INPUTS};
use thresher::text::{Analyzer, Document};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many earlier comments a platform is taken to send along.
pub const RECENT: usize = 10;

/// A comment under a thread.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The comment.
    pub row: u32,
    /// The thread it is shown under.
    pub thread: u32,
    /// 1 when it does not belong there.
    pub label: f32,
    /// Another thread, of which some comments may stand among the recent ones.
    guest: Option<u32>,
}

/// Makes the examples of a corpus; the same seed gives the same ones.
pub fn examples(corpus: &Corpus, seed: u64) -> Vec<Example> {
    // Threads that can be swapped: those of one set and source with comments
    // and something to compare with.
    let mut peers: BTreeMap<(u32, &str), Vec<u32>> = BTreeMap::new();
    for (i, thread) in corpus.threads.iter().enumerate() {
        if !thread.rows.is_empty() && has_context(corpus, i as u32) {
            peers.entry((thread.set, &thread.source)).or_default().push(i as u32);
        }
    }
    let words: Vec<Vec<u64>> = corpus.threads.iter().map(|t| subject(&t.title, &t.body)).collect();
    let mut examples = Vec::new();
    for (i, row) in corpus.rows.iter().enumerate() {
        let Some(thread) = row.thread.filter(|&t| has_context(corpus, t)) else { continue };
        let own = &corpus.threads[thread as usize];
        let example = |thread, label, guest| Example { row: i as u32, thread, label, guest };
        if let Some(label) = row.labels[Attribute::OffTopic] {
            examples.push(example(thread, label, None));
            continue;
        }
        let Some(peers) = peers.get(&(own.set, own.source.as_str())).filter(|p| p.len() >= 3) else {
            continue;
        };
        // The row's text decides where to look for another thread. Half of the
        // comments go to the most alike of some, since what strays in a forum
        // strays to a neighbouring subject.
        let draw = xxh3_64_with_seed(&row.key.to_le_bytes(), seed);
        let (start, count) = (draw as usize % peers.len(), if draw >> 63 == 0 { 1 } else { NEIGHBOURS });
        let others = (0..peers.len()).map(|k| peers[(start + k) % peers.len()]).filter(|&t| t != thread);
        let likeness = |&t: &u32| (shared(&words[thread as usize], &words[t as usize]), std::cmp::Reverse(t));
        if let Some(other) = others.take(count).max_by_key(likeness) {
            examples.push(example(thread, 0.0, Some(other)));
            examples.push(example(other, 1.0, Some(thread)));
        }
    }
    examples
}

/// Threads among which the most alike is taken.
const NEIGHBOURS: usize = 24;

/// The longer words of a title and of the opening of a body, hashed, in order.
fn subject(title: &str, body: &str) -> Vec<u64> {
    let opening = &body[..body.floor_char_boundary(1_000)];
    let words = title.split_whitespace().chain(opening.split_whitespace());
    let words = words.map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    let mut hashes: Vec<u64> =
        words.filter(|w| w.len() > 4).map(|w| xxh3_64_with_seed(w.as_bytes(), 0)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// How many words two subjects share, over the size of the smaller, in
/// thousandths.
fn shared(a: &[u64], b: &[u64]) -> usize {
    let both = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
    both * 1_000 / a.len().min(b.len()).max(10)
}

fn has_context(corpus: &Corpus, thread: u32) -> bool {
    let thread = &corpus.threads[thread as usize];
    !thread.title.trim().is_empty() || !thread.body.trim().is_empty() || thread.rows.len() > 3
}

/// What of a thread an example shows: platforms differ in what they send, and
/// the head must do with any of it.
#[derive(Clone, Copy, Debug)]
struct Shown {
    title: bool,
    body: bool,
    recent: bool,
    parent: bool,
    /// Whether half of the recent comments are the guest's: what strays rarely
    /// strays alone, so being alike to the last few comments must not be
    /// enough.
    guests: bool,
}

impl Shown {
    const ALL: Shown = Shown { title: true, body: true, recent: true, parent: true, guests: false };

    fn by(row: &Row, seed: u64) -> Shown {
        match xxh3_64_with_seed(&row.key.to_le_bytes(), seed ^ 0x5707) % 10 {
            0 => Shown::ALL,
            1..=3 => Shown { guests: true, ..Shown::ALL },
            4 | 5 => Shown { recent: false, ..Shown::ALL },
            6 | 7 => Shown { recent: false, parent: false, ..Shown::ALL },
            8 => Shown { recent: false, body: false, ..Shown::ALL },
            _ => Shown { title: false, body: false, ..Shown::ALL },
        }
    }
}

/// The inputs of the `OFF_TOPIC` head for each example. With a `seed`, parts
/// of the threads are hidden at random, as for training; without, everything
/// there is is shown. `None` for an example with nothing left to compare.
pub fn inputs(
    corpus: &Corpus,
    examples: &[Example],
    analyzer: &Analyzer,
    vectorizer: &Vectorizer,
    seed: Option<u64>,
) -> Vec<Option<[f32; THREAD_INPUTS]>> {
    let of = |example: &Example, memory: &mut Memory| {
        let row = &corpus.rows[example.row as usize];
        let shown = seed.map_or(Shown::ALL, |seed| Shown::by(row, seed));
        let thread = &corpus.threads[example.thread as usize];
        let own = row.thread == Some(example.thread);
        // Under another thread, the comment comes last, with as many comments
        // before it as it has at home, and answers the last one if it answers
        // any: how much there is to compare with must not give it away.
        let at_home = row.thread.map_or(0, |t| corpus.earlier(example.row, t, RECENT).len());
        let mut recent = if !shown.recent {
            Vec::new()
        } else if own {
            corpus.earlier(example.row, example.thread, RECENT)
        } else {
            corpus.earlier(u32::MAX, example.thread, at_home)
        };
        if let Some(guest) = example.guest.filter(|_| shown.guests) {
            recent.truncate(at_home.div_ceil(2));
            recent.extend(
                corpus.earlier(example.row, guest, at_home / 2).into_iter().filter(|t| *t != row.text),
            );
        }
        let last = thread.rows.last().map(|&r| corpus.rows[r as usize].text.as_str());
        let parent = if own { row.parent.as_deref() } else { row.parent.as_ref().and(last) };
        let parent = parent.filter(|_| shown.parent);
        let texts = Thread {
            title: if shown.title { &thread.title } else { "" },
            body: if shown.body { &thread.body } else { "" },
            recent_texts: &recent,
        };
        let profile = ThreadProfile::new(&texts, analyzer, vectorizer, &mut memory.thread)?;
        analyzer.analyze(&row.text, row.format, &mut memory.document);
        vectorizer.transform(&mut memory.document, &mut memory.vector);
        let mut dense = [0.0; DENSE];
        let surface = memory.document.surface();
        surface::dense(surface, &mut dense);
        let analyzed = Analyzed { document: &memory.document, vector: &memory.vector };
        let similarity =
            thread::similarity(analyzed, &profile, parent, analyzer, vectorizer, &mut memory.thread);
        Some(head::thread_inputs(&similarity, &dense))
    };
    examples.par_iter().map_init(Memory::default, |memory, example| of(example, memory)).collect()
}

#[derive(Default)]
struct Memory {
    document: Document,
    vector: SparseVec,
    thread: ThreadScratch,
}
