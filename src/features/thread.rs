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
    /// An open-addressing table of [`Slot`]s.
    slots: Vec<Slot>,
    used: usize,
    /// Squared norms: of all features, of those in two texts or more, and of
    /// those in the title.
    squared: [f32; 2],
    title_squared: f32,
}

/// A key, the number of texts it is in, and whether one of them is the title.
#[derive(Clone, Copy, Debug, Default)]
struct Slot(u32);

impl Slot {
    const COUNT_SHIFT: u32 = hashing::BUCKET_BITS;
    const KEY_MASK: u32 = (1 << Self::COUNT_SHIFT) - 1;
    const TITLE: u32 = 1 << 30;
    const TAKEN: u32 = 1 << 31;

    fn is_taken(self) -> bool {
        self.0 & Self::TAKEN != 0
    }

    fn key(self) -> u32 {
        self.0 & Self::KEY_MASK
    }

    /// Up to three; zero for an empty slot.
    fn count(self) -> u32 {
        self.0 >> Self::COUNT_SHIFT & 3
    }

    fn is_in_title(self) -> bool {
        self.0 & Self::TITLE != 0
    }
}

/// What part of a thread a text is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Title,
    Other,
}

impl Bag {
    fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.used = 0;
        self.squared = [0.0; 2];
        self.title_squared = 0.0;
    }

    fn position(&self, key: u32) -> usize {
        let mask = self.slots.len() - 1;
        // The multiplication spreads neighbouring keys over the table
        // (Knuth's multiplicative hashing).
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 12) as usize & mask;
        while self.slots[at].is_taken() && self.slots[at].key() != key {
            at = (at + 1) & mask;
        }
        at
    }

    /// The key's slot, or an empty one.
    #[inline]
    fn get(&self, key: u32) -> Slot {
        self.slots[self.position(key)]
    }

    fn reserve(&mut self, more: usize) {
        let needed = ((self.used + more) * 2).next_power_of_two().max(64);
        if needed > self.slots.len() {
            let old = std::mem::replace(&mut self.slots, vec![Slot::default(); needed]);
            for slot in old.into_iter().filter(|s| s.is_taken()) {
                let at = self.position(slot.key());
                self.slots[at] = slot;
            }
        }
    }

    /// Adds the distinct features of one text.
    fn add(&mut self, keys: &[u32], part: Part, weight: impl Fn(u32) -> f32) {
        self.reserve(keys.len());
        for &key in keys {
            let at = self.position(key);
            let slot = self.slots[at];
            let count = slot.count();
            if count < 2 {
                self.squared[count as usize] += weight(key).powi(2);
            }
            self.used += usize::from(count == 0);
            let mut bits = slot.0 & Slot::TITLE;
            if part == Part::Title {
                self.title_squared += weight(key).powi(2);
                bits = Slot::TITLE;
            }
            self.slots[at] = Slot(Slot::TAKEN | bits | (count + 1).min(3) << Slot::COUNT_SHIFT | key);
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
    titles: u32,
}

impl Side {
    fn clear(&mut self) {
        self.words.clear();
        self.characters.clear();
        self.texts = 0;
        self.titles = 0;
    }
}

/// What of a thread a comment is compared with; made once, used for many.
#[derive(Clone, Debug)]
pub struct ThreadProfile {
    /// Title and body.
    article: Arc<Side>,
    recent: Side,
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
        let mut article = Side::default();
        if !thread.title.trim().is_empty() {
            reader.read(head(thread.title, MAX_TITLE_BYTES), Part::Title, &mut article);
        }
        for piece in pieces(head(thread.body, MAX_BODY_BYTES)) {
            reader.read(piece, Part::Other, &mut article);
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

    /// Whether title or body hold the word of that bucket.
    pub fn is_about(&self, bucket: u32) -> bool {
        !self.article.words.slots.is_empty() && self.article.words.get(bucket).is_taken()
    }

    fn read_recent(&mut self, texts: &[String], reader: &mut Reader<'_>) {
        let skipped = texts.len().saturating_sub(MAX_RECENT_TEXTS);
        for text in texts[skipped..].iter().filter(|t| !t.trim().is_empty()) {
            reader.read(head(text, MAX_RECENT_BYTES), Part::Other, &mut self.recent);
        }
    }
}

struct Reader<'a> {
    analyzer: &'a Analyzer,
    vectorizer: &'a Vectorizer,
    scratch: &'a mut ThreadScratch,
}

impl Reader<'_> {
    fn read(&mut self, text: &str, part: Part, side: &mut Side) {
        let ThreadScratch { document, vector, words, .. } = &mut *self.scratch;
        self.analyzer.analyze(text, Format::Plain, document);
        self.vectorizer.transform(document, vector);
        word_keys(document, words);
        side.words.add(words, part, |bucket| word_weight(self.vectorizer, bucket));
        side.characters.add(vector.columns(Group::Character), part, |column| self.vectorizer.idf(column));
        side.texts += 1;
        side.titles += u32::from(part == Part::Title);
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
        reader.read(head(parent, MAX_PARENT_BYTES), Part::Other, &mut parent_side);
    }
    word_keys(comment.document, &mut scratch.words);
    let (article, recent) = (&*profile.article, &profile.recent);
    let sides = [article, &parent_side, recent];
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
    for texts in [article.titles, article.texts, parent_side.texts, recent.texts] {
        put(if texts > 0 { 1.0 } else { 0.0 });
    }
    put((recent.texts as f32).ln_1p());
    put((article.texts as f32).ln_1p());
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

/// Compares under one view: for the title, the article, the parent and the
/// recent comments the cosine and the share of the comment's features
/// contained; for the article and the recent comments also of those that
/// return there, since a title is one text and a parent is one. Returns the
/// heaviest feature shared with the article, and with the recent comments.
fn compare(
    keys: &[u32],
    own: f32,
    [article, parent, recent]: [&Bag; 3],
    weight: impl Fn(u32) -> f32,
    put: &mut impl FnMut(f32),
) -> [f32; 2] {
    let [in_article, in_parent, in_recent] = [article, parent, recent].map(|bag| bag.overlap(keys, &weight));
    let mut pair = |part: f32, squared: f32| {
        put(cosine(part, own, squared));
        put(share(part, own));
    };
    pair(in_article.title, article.title_squared);
    pair(in_article.once, article.squared[0]);
    pair(in_article.again, article.squared[1]);
    pair(in_parent.once, parent.squared[0]);
    pair(in_recent.once, recent.squared[0]);
    pair(in_recent.again, recent.squared[1]);
    [in_article.heaviest, in_recent.heaviest]
}

/// What a comment and a bag have in common: sums of squared weights.
#[derive(Clone, Copy, Default)]
struct Overlap {
    once: f32,
    /// Of what is in two texts of the bag or more.
    again: f32,
    /// Of what is in the title.
    title: f32,
    heaviest: f32,
}

impl Bag {
    fn overlap(&self, keys: &[u32], weight: impl Fn(u32) -> f32) -> Overlap {
        let mut overlap = Overlap::default();
        if self.used == 0 {
            return overlap;
        }
        for &key in keys {
            let slot = self.get(key);
            if !slot.is_taken() {
                continue;
            }
            let weight = weight(key);
            let square = weight * weight;
            overlap.once += square;
            overlap.again += if slot.count() > 1 { square } else { 0.0 };
            overlap.title += if slot.is_in_title() { square } else { 0.0 };
            overlap.heaviest = overlap.heaviest.max(weight);
        }
        overlap
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
