//! How much a comment has in common with its thread: TF-IDF similarities to
//! the title, to title and body, to the parent and to the other comments.

use super::{Group, SparseVec, Vectorizer};
use crate::comment::{Format, Thread};
use crate::text::{Analyzer, Document, Surface};
use std::sync::Arc;

/// How much of a body is read; the opening tells what an article is about.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// How many recent texts are read, from the last one backwards, and how much
/// of each.
pub const MAX_RECENT_TEXTS: usize = 20;
const MAX_RECENT_BYTES: usize = 2 * 1024;
const MAX_TITLE_BYTES: usize = 1024;
const MAX_PARENT_BYTES: usize = 4 * 1024;

/// The body is read in pieces of about this size: a feature that returns in
/// another piece belongs to the subject rather than to one sentence.
const PIECE_BYTES: usize = 600;

/// The groups compared; surface features say nothing about the subject.
const GROUPS: [Group; 2] = [Group::Word, Group::Character];

/// Distinct features of some texts, each with the number of texts it is in,
/// up to three.
#[derive(Clone, Debug, Default)]
struct Bag {
    /// An open-addressing table. A slot holds a column, a count and a mark
    /// that it is taken.
    slots: Vec<u32>,
    used: usize,
    texts: u32,
    /// Squared norms by group: of all features, and of those in two texts or
    /// more.
    squared: [[f32; 2]; GROUPS.len()],
}

const TAKEN: u32 = 1 << 31;
const COUNT_SHIFT: u32 = super::hashing::BUCKET_BITS;
const COLUMN_MASK: u32 = (1 << COUNT_SHIFT) - 1;

impl Bag {
    fn clear(&mut self) {
        self.slots.fill(0);
        self.used = 0;
        self.texts = 0;
        self.squared = Default::default();
    }

    fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn position(&self, column: u32) -> usize {
        let mask = self.slots.len() - 1;
        // The multiplication spreads neighbouring columns over the table
        // (Knuth's multiplicative hashing).
        let mut at = (column.wrapping_mul(0x9e37_79b1) >> 12) as usize & mask;
        while self.slots[at] & TAKEN != 0 && self.slots[at] & COLUMN_MASK != column {
            at = (at + 1) & mask;
        }
        at
    }

    /// In how many texts the column is, up to three.
    #[inline]
    fn count(&self, column: u32) -> u32 {
        self.slots[self.position(column)] >> COUNT_SHIFT & 3
    }

    fn reserve(&mut self, more: usize) {
        let needed = ((self.used + more) * 2).next_power_of_two().max(64);
        if needed > self.slots.len() {
            let old = std::mem::replace(&mut self.slots, vec![0; needed]);
            for slot in old.into_iter().filter(|s| s & TAKEN != 0) {
                let at = self.position(slot & COLUMN_MASK);
                self.slots[at] = slot;
            }
        }
    }

    fn add(&mut self, vector: &SparseVec, vectorizer: &Vectorizer) {
        self.texts += 1;
        for (g, group) in GROUPS.into_iter().enumerate() {
            self.reserve(vector.columns(group).len());
            for &column in vector.columns(group) {
                let at = self.position(column);
                let slot = &mut self.slots[at];
                let count = *slot >> COUNT_SHIFT & 3;
                let idf = vectorizer.idf(column);
                match count {
                    0 => self.squared[g][0] += idf * idf,
                    1 => self.squared[g][1] += idf * idf,
                    _ => {}
                }
                self.used += usize::from(count == 0);
                *slot = TAKEN | (count + 1).min(3) << COUNT_SHIFT | column;
            }
        }
    }
}

/// What of a thread a comment is compared with; made once, used for many.
#[derive(Clone, Debug)]
pub struct ThreadProfile {
    article: Arc<Article>,
    recent: Bag,
}

#[derive(Debug, Default)]
struct Article {
    title: Bag,
    /// Title and body.
    whole: Bag,
}

/// Working memory for reading threads and parents.
#[derive(Debug, Default)]
pub struct ThreadScratch {
    document: Document,
    vector: SparseVec,
    parent: Bag,
}

impl ThreadProfile {
    /// Reads a thread. `None` when it has no text at all.
    pub fn new(
        thread: &Thread<'_>,
        analyzer: &Analyzer,
        vectorizer: &Vectorizer,
        scratch: &mut ThreadScratch,
    ) -> Option<ThreadProfile> {
        if thread.is_blank() {
            return None;
        }
        let mut reader = Reader { analyzer, vectorizer, scratch };
        let mut article = Article::default();
        if !thread.title.trim().is_empty() {
            let title = head(thread.title, MAX_TITLE_BYTES);
            reader.read(title, &mut article.title);
            reader.read(title, &mut article.whole);
        }
        for piece in pieces(head(thread.body, MAX_BODY_BYTES)) {
            reader.read(piece, &mut article.whole);
        }
        let mut profile = ThreadProfile { article: Arc::new(article), recent: Bag::default() };
        profile.read_recent(thread.recent_texts, &mut reader);
        Some(profile)
    }

    /// The same article under other recent comments, without reading the
    /// article again.
    pub fn with_recent(
        &self,
        recent_texts: &[String],
        analyzer: &Analyzer,
        vectorizer: &Vectorizer,
        scratch: &mut ThreadScratch,
    ) -> ThreadProfile {
        let mut profile = ThreadProfile { article: Arc::clone(&self.article), recent: Bag::default() };
        profile.read_recent(recent_texts, &mut Reader { analyzer, vectorizer, scratch });
        profile
    }

    fn read_recent(&mut self, texts: &[String], reader: &mut Reader<'_>) {
        let skipped = texts.len().saturating_sub(MAX_RECENT_TEXTS);
        for text in texts[skipped..].iter().filter(|t| !t.trim().is_empty()) {
            reader.read(head(text, MAX_RECENT_BYTES), &mut self.recent);
        }
    }
}

struct Reader<'a> {
    analyzer: &'a Analyzer,
    vectorizer: &'a Vectorizer,
    scratch: &'a mut ThreadScratch,
}

impl Reader<'_> {
    fn read(&mut self, text: &str, bag: &mut Bag) {
        self.analyzer.analyze(text, Format::Plain, &mut self.scratch.document);
        self.vectorizer.transform(&self.scratch.document, &mut self.scratch.vector);
        bag.add(&self.scratch.vector, self.vectorizer);
    }
}

/// How many numbers [`similarity`] writes.
pub const SIMILARITY: usize = 38;

/// Compares a comment with a thread and with the comment it answers. Writes
/// cosines and contained shares in `0..=1`, then what is there to compare
/// with, then what the comment itself is like.
pub fn similarity(
    comment: &SparseVec,
    surface: &Surface,
    profile: &ThreadProfile,
    parent: Option<&str>,
    analyzer: &Analyzer,
    vectorizer: &Vectorizer,
    scratch: &mut ThreadScratch,
    out: &mut [f32; SIMILARITY],
) {
    let mut parent_bag = std::mem::take(&mut scratch.parent);
    parent_bag.clear();
    if let Some(parent) = parent {
        let mut reader = Reader { analyzer, vectorizer, scratch };
        reader.read(head(parent, MAX_PARENT_BYTES), &mut parent_bag);
    }
    let bags = [&profile.article.title, &profile.article.whole, &parent_bag, &profile.recent];
    let mut at = 0;
    let mut put = |value: f32| {
        out[at] = value;
        at += 1;
    };
    let mut rarest = [0.0f32; 2];
    for (g, group) in GROUPS.into_iter().enumerate() {
        for (b, bag) in bags.iter().enumerate() {
            let (mut once, mut again) = (0.0, 0.0);
            if !bag.is_empty() {
                for &column in comment.columns(group) {
                    let count = bag.count(column);
                    if count > 0 {
                        let idf = vectorizer.idf(column);
                        once += idf * idf;
                        again += if count > 1 { idf * idf } else { 0.0 };
                        if g == 0 {
                            let r = &mut rarest[usize::from(b == 3)];
                            *r = r.max(idf);
                        }
                    }
                }
            }
            let own = comment.squared_norm(group);
            put(cosine(once, own, bag.squared[g][0]));
            put(if own > 0.0 { once / own } else { 0.0 });
            // A title is one text and a parent is one: nothing returns there.
            if b == 1 || b == 3 {
                put(cosine(again, own, bag.squared[g][1]));
                put(if own > 0.0 { again / own } else { 0.0 });
            }
        }
    }
    for bag in bags {
        put(if bag.is_empty() { 0.0 } else { 1.0 });
    }
    put((profile.recent.texts as f32).ln_1p());
    put((profile.article.whole.texts as f32).ln_1p());
    put(rarest[0] / 12.75);
    put(rarest[1] / 12.75);
    let length = (surface.words as f32).ln_1p();
    put(length);
    put((surface.links as f32).ln_1p());
    put((surface.questions as f32).ln_1p());
    put((surface.mentions as f32).ln_1p());
    // Long comments share words with any thread, so what is shared weighs
    // by length.
    let shared = out[3];
    let shared_recent = out[9];
    out[at_end()] = shared * length;
    out[at_end() + 1] = shared_recent * length;
    scratch.parent = parent_bag;
}

const fn at_end() -> usize {
    SIMILARITY - 2
}

fn cosine(dot: f32, a: f32, b: f32) -> f32 {
    if a > 0.0 && b > 0.0 { dot / (a * b).sqrt() } else { 0.0 }
}

/// The beginning of a text, cut between characters.
fn head(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// A text in pieces of about [`PIECE_BYTES`], cut at blanks where there are
/// any.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        let limit = text.floor_char_boundary(PIECE_BYTES);
        let cut = if limit == text.len() { limit } else { text[..limit].rfind(char::is_whitespace).unwrap_or(limit) };
        let (piece, rest) = text.split_at(cut.max(1));
        text = rest;
        Some(piece)
    })
}
