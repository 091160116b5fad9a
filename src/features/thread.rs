//! How much a comment has in common with its thread: TF-IDF similarities to
//! the title, to title and body, to the parent and to the other comments.

use super::hashing::{self, seed};
use super::{Group, SparseVec, Vectorizer};
use crate::comment::{Format, Thread};
use crate::text::{Analyzer, Document, TokenKind};
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

/// What a word weighs in a comparison: its idf less what the commonest words
/// have, up to this. Below lie function words, above it names and rarities,
/// of which one shared would drown all else; words that training never saw
/// weigh as much as rare ones.
const MAX_WORD_WEIGHT: f32 = 4.0;
const FUNCTION_WORD_IDF: f32 = 2.0;

/// Distinct features of some texts, words by their bucket or character n-grams
/// by their column, each with the number of texts it is in, up to three.
#[derive(Clone, Debug, Default)]
struct Bag {
    /// An open-addressing table. A slot holds a key, a count and a mark that
    /// it is taken.
    slots: Vec<u32>,
    used: usize,
    /// Squared norms: of all features, and of those in two texts or more.
    squared: [f32; 2],
}

const TAKEN: u32 = 1 << 31;
const COUNT_SHIFT: u32 = super::hashing::BUCKET_BITS;
const KEY_MASK: u32 = (1 << COUNT_SHIFT) - 1;

impl Bag {
    fn clear(&mut self) {
        self.slots.fill(0);
        self.used = 0;
        self.squared = [0.0; 2];
    }

    fn position(&self, key: u32) -> usize {
        let mask = self.slots.len() - 1;
        // The multiplication spreads neighbouring keys over the table
        // (Knuth's multiplicative hashing).
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 12) as usize & mask;
        while self.slots[at] & TAKEN != 0 && self.slots[at] & KEY_MASK != key {
            at = (at + 1) & mask;
        }
        at
    }

    /// In how many texts the key is, up to three.
    #[inline]
    fn count(&self, key: u32) -> u32 {
        self.slots[self.position(key)] >> COUNT_SHIFT & 3
    }

    fn reserve(&mut self, more: usize) {
        let needed = ((self.used + more) * 2).next_power_of_two().max(64);
        if needed > self.slots.len() {
            let old = std::mem::replace(&mut self.slots, vec![0; needed]);
            for slot in old.into_iter().filter(|s| s & TAKEN != 0) {
                let at = self.position(slot & KEY_MASK);
                self.slots[at] = slot;
            }
        }
    }

    /// Adds the distinct features of one text.
    fn add(&mut self, keys: &[u32], idf: impl Fn(u32) -> f32) {
        self.reserve(keys.len());
        for &key in keys {
            let at = self.position(key);
            let slot = &mut self.slots[at];
            let count = *slot >> COUNT_SHIFT & 3;
            if count < 2 {
                let idf = idf(key);
                self.squared[count as usize] += idf * idf;
            }
            self.used += usize::from(count == 0);
            *slot = TAKEN | (count + 1).min(3) << COUNT_SHIFT | key;
        }
    }
}

/// Some texts: their words, those that training never saw included, and their
/// character n-grams.
#[derive(Clone, Debug, Default)]
struct Side {
    words: Bag,
    characters: Bag,
    texts: u32,
}

impl Side {
    fn clear(&mut self) {
        self.words.clear();
        self.characters.clear();
        self.texts = 0;
    }
}

/// What of a thread a comment is compared with; made once, used for many.
#[derive(Clone, Debug)]
pub struct ThreadProfile {
    article: Arc<Article>,
    recent: Side,
}

#[derive(Debug, Default)]
struct Article {
    title: Side,
    /// Title and body.
    whole: Side,
}

/// Working memory for reading threads and parents.
#[derive(Debug, Default)]
pub struct ThreadScratch {
    document: Document,
    vector: SparseVec,
    words: Vec<u32>,
    parent: Side,
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
        let mut profile = ThreadProfile { article: Arc::new(article), recent: Side::default() };
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
        let mut profile = ThreadProfile { article: Arc::clone(&self.article), recent: Side::default() };
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
    fn read(&mut self, text: &str, side: &mut Side) {
        let ThreadScratch { document, vector, words, .. } = &mut *self.scratch;
        self.analyzer.analyze(text, Format::Plain, document);
        self.vectorizer.transform(document, vector);
        word_keys(document, words);
        side.words.add(words, |bucket| word_weight(self.vectorizer, bucket));
        side.characters.add(vector.columns(Group::Character), |column| self.vectorizer.idf(column));
        side.texts += 1;
    }
}

/// The distinct buckets of a document's words, in order.
fn word_keys(document: &Document, keys: &mut Vec<u32>) {
    keys.clear();
    let words = document
        .tokens()
        .iter()
        .filter(|t| matches!(t.kind, TokenKind::Word | TokenKind::Number | TokenKind::Tag));
    keys.extend(words.filter_map(|token| {
        let word = document.token_text(token).trim_start_matches('#').as_bytes();
        (word.len() > 1).then(|| hashing::bucket(hashing::hash(word, seed::WORD)))
    }));
    keys.sort_unstable();
    keys.dedup();
}

fn word_weight(vectorizer: &Vectorizer, bucket: u32) -> f32 {
    let excess = vectorizer.column(bucket).map(|column| vectorizer.idf(column) - FUNCTION_WORD_IDF);
    excess.map_or(MAX_WORD_WEIGHT, |excess| excess.clamp(0.0, MAX_WORD_WEIGHT))
}

/// How many numbers [`similarity`] writes.
pub const SIMILARITY: usize = 38;

/// A comment as it was analysed and vectorised.
#[derive(Clone, Copy, Debug)]
pub struct Analyzed<'a> {
    /// Its text.
    pub document: &'a Document,
    /// Its features.
    pub vector: &'a SparseVec,
}

/// Compares a comment with a thread and with the comment it answers. Writes
/// cosines and contained shares in `0..=1`, then what is there to compare
/// with, then what the comment itself is like.
pub fn similarity(
    comment: Analyzed<'_>,
    profile: &ThreadProfile,
    parent: Option<&str>,
    analyzer: &Analyzer,
    vectorizer: &Vectorizer,
    scratch: &mut ThreadScratch,
) -> [f32; SIMILARITY] {
    let mut parent_side = std::mem::take(&mut scratch.parent);
    parent_side.clear();
    if let Some(parent) = parent {
        let mut reader = Reader { analyzer, vectorizer, scratch };
        reader.read(head(parent, MAX_PARENT_BYTES), &mut parent_side);
    }
    word_keys(comment.document, &mut scratch.words);
    let sides = [&profile.article.title, &profile.article.whole, &parent_side, &profile.recent];
    let mut out = [0.0; SIMILARITY];
    let mut at = 0;
    let mut put = |value: f32| {
        out[at] = value;
        at += 1;
    };
    let words = &scratch.words[..];
    let word_weight = |bucket: u32| word_weight(vectorizer, bucket);
    let own = words.iter().map(|&bucket| word_weight(bucket).powi(2)).sum();
    let rarest = compare(words, own, sides.map(|side| &side.words), word_weight, &mut put);
    let characters = comment.vector.columns(Group::Character);
    let own = comment.vector.squared_norm(Group::Character);
    compare(characters, own, sides.map(|side| &side.characters), |column| vectorizer.idf(column), &mut put);
    for side in sides {
        put(if side.texts > 0 { 1.0 } else { 0.0 });
    }
    put((profile.recent.texts as f32).ln_1p());
    put((profile.article.whole.texts as f32).ln_1p());
    put(rarest[0] / MAX_WORD_WEIGHT);
    put(rarest[1] / MAX_WORD_WEIGHT);
    let surface = comment.document.surface();
    let length = (surface.words as f32).ln_1p();
    put(length);
    put((surface.links as f32).ln_1p());
    put((surface.questions as f32).ln_1p());
    put((surface.mentions as f32).ln_1p());
    // Long comments share words with any thread, so what is shared weighs by
    // length: here the shares of words contained in the article and in the
    // recent comments.
    let (article, recent) = (out[3], out[9]);
    out[SIMILARITY - 2] = article * length;
    out[SIMILARITY - 1] = recent * length;
    scratch.parent = parent_side;
    out
}

/// Compares under one view: for each side the cosine and the share of the
/// comment's features that the side contains; for the article and the recent
/// comments also of those that return there. Returns the heaviest feature
/// shared with the article, and with the recent comments.
fn compare(
    keys: &[u32],
    own: f32,
    [title, whole, parent, recent]: [&Bag; 4],
    weight: impl Fn(u32) -> f32,
    put: &mut impl FnMut(f32),
) -> [f32; 2] {
    // The article contains its title, so one look serves both for most keys.
    let (mut in_title, mut in_whole) = (Overlap::default(), Overlap::default());
    if whole.used > 0 {
        for &key in keys {
            let count = whole.count(key);
            if count > 0 {
                let weight = weight(key);
                in_whole.add(weight, count);
                if title.used > 0 && title.count(key) > 0 {
                    in_title.add(weight, 1);
                }
            }
        }
    }
    let of = |bag: &Bag| {
        let mut overlap = Overlap::default();
        if bag.used > 0 {
            for &key in keys {
                let count = bag.count(key);
                if count > 0 {
                    overlap.add(weight(key), count);
                }
            }
        }
        overlap
    };
    let in_recent = of(recent);
    for (overlap, bag) in [(in_title, title), (in_whole, whole), (of(parent), parent), (in_recent, recent)] {
        put(cosine(overlap.once, own, bag.squared[0]));
        put(share(overlap.once, own));
        // A title is one text and a parent is one: nothing returns there.
        if std::ptr::eq(bag, whole) || std::ptr::eq(bag, recent) {
            put(cosine(overlap.again, own, bag.squared[1]));
            put(share(overlap.again, own));
        }
    }
    [in_whole.heaviest, in_recent.heaviest]
}

/// What a comment and a bag have in common: sums of squared weights.
#[derive(Clone, Copy, Default)]
struct Overlap {
    once: f32,
    /// Of what is in two texts of the bag or more.
    again: f32,
    heaviest: f32,
}

impl Overlap {
    #[inline]
    fn add(&mut self, weight: f32, count: u32) {
        self.once += weight * weight;
        self.again += if count > 1 { weight * weight } else { 0.0 };
        self.heaviest = self.heaviest.max(weight);
    }
}

fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
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
        let cut = if limit == text.len() {
            limit
        } else {
            text[..limit].rfind(char::is_whitespace).unwrap_or(limit)
        };
        let (piece, rest) = text.split_at(cut.max(1));
        text = rest;
        Some(piece)
    })
}
