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
use thresher::features::thread::{self, SIMILARITY, ThreadProfile, ThreadScratch};
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
    let mut examples = Vec::new();
    for (i, row) in corpus.rows.iter().enumerate() {
        let Some(thread) = row.thread.filter(|&t| has_context(corpus, t)) else { continue };
        let own = &corpus.threads[thread as usize];
        let example = |thread, label| Example { row: i as u32, thread, label };
        if let Some(label) = row.labels[Attribute::OffTopic] {
            examples.push(example(thread, label));
            continue;
        }
        let Some(peers) = peers.get(&(own.set, own.source.as_str())).filter(|p| p.len() >= 3) else { continue };
        // The next thread but for the row's own, from a place that the row's
        // text decides.
        let start = (xxh3_64_with_seed(&row.key.to_le_bytes(), seed) % peers.len() as u64) as usize;
        let other = (0..peers.len()).map(|k| peers[(start + k) % peers.len()]).find(|&t| t != thread);
        if let Some(other) = other {
            examples.push(example(thread, 0.0));
            examples.push(example(other, 1.0));
        }
    }
    examples
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
}

impl Shown {
    const ALL: Shown = Shown { title: true, body: true, recent: true, parent: true };

    fn by(row: &Row, seed: u64) -> Shown {
        match xxh3_64_with_seed(&row.key.to_le_bytes(), seed ^ 0x5707) % 10 {
            0..=3 => Shown::ALL,
            4 | 5 => Shown { recent: false, ..Shown::ALL },
            6 => Shown { recent: false, parent: false, ..Shown::ALL },
            7 => Shown { recent: false, body: false, ..Shown::ALL },
            8 => Shown { title: false, body: false, ..Shown::ALL },
            _ => Shown { parent: false, ..Shown::ALL },
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
        // Under another thread, the comment comes last and answers its last
        // comment, if it answers any.
        let recent = if !shown.recent {
            Vec::new()
        } else if own {
            corpus.earlier(example.row, example.thread, RECENT)
        } else {
            corpus.earlier(u32::MAX, example.thread, RECENT)
        };
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
        vectorizer.transform(&memory.document, &mut memory.vector);
        let (mut similarity, mut dense) = ([0.0; SIMILARITY], [0.0; DENSE]);
        let surface = memory.document.surface();
        surface::dense(surface, &mut dense);
        thread::similarity(
            &memory.vector,
            surface,
            &profile,
            parent,
            analyzer,
            vectorizer,
            &mut memory.thread,
            &mut similarity,
        );
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
