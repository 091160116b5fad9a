//! Features of the text as a whole: links, counts and ratios. Hashed ones for
//! the classifier, in steps; and the same quantities as plain numbers for the
//! head.

use super::hashing::{self, seed};
use super::{Feature, Group};
use crate::text::{Document, Surface, TokenKind, link};
use std::sync::LazyLock;

/// A quantity of the surface that is hashed in steps.
type Quantity = (&'static str, fn(&Surface) -> u32);

/// A part and a whole of the surface, whose ratio is hashed in tenths.
type Ratio = (&'static str, fn(&Surface) -> (u32, u32));

/// Counts, each emitted as its step: 1, 2, 3-4, 5-8, 9-16 and so on. Zero is
/// emitted too for those whose absence tells something.
const COUNTS: [Quantity; 21] = [
    ("words", |s| s.words),
    ("links", |s| s.links),
    ("emails", |s| s.emails),
    ("phones", |s| s.phones),
    ("money", |s| s.money),
    ("mentions", |s| s.mentions),
    ("tags", |s| s.tags),
    ("emoji", |s| s.emoji),
    ("numbers", |s| s.numbers),
    ("exclamations", |s| s.exclamations),
    ("questions", |s| s.questions),
    ("shouted", |s| s.shouted),
    ("invisible", |s| s.invisible),
    ("bidi", |s| s.bidi),
    ("marks", |s| s.marks),
    ("styled", |s| s.styled),
    ("mixed-words", |s| s.mixed_words),
    ("repeats", |s| s.repeats),
    ("leet", |s| s.leet),
    ("spaced", |s| s.spaced),
    ("lines", |s| s.lines),
];

/// Ratios, each emitted as its tenth.
const RATIOS: [Ratio; 4] = [
    ("uppercase", |s| (s.uppercase, s.letters)),
    ("digits", |s| (s.digits, s.characters)),
    ("punctuation", |s| (s.punctuation, s.characters)),
    ("second-person", |s| (s.second_person * 3, s.words)),
];

/// Emits the surface features of a document.
#[inline]
pub fn features(document: &Document, emit: &mut impl FnMut(Feature)) {
    let surface = document.surface();
    let mut put = |hash: u64, source| {
        emit(Feature { group: Group::Surface, bucket: hashing::bucket(hash), source });
    };
    for (i, (_, count)) in COUNTS.iter().enumerate() {
        let step = step(count(surface));
        if step > 0 {
            put(hash(Kind::Count, &[i as u8, step]), (0, 0));
        }
    }
    for (i, (_, ratio)) in RATIOS.iter().enumerate() {
        let (part, whole) = ratio(surface);
        put(hash(Kind::Ratio, &[i as u8, tenth(part, whole)]), (0, 0));
    }
    for token in document.tokens() {
        match token.kind {
            TokenKind::Link => {
                let Some(link) = link::parse(document.token_text(token)) else { continue };
                put(hash(Kind::Domain, link.domain.as_bytes()), token.source);
                let suffix = link.domain.split_once('.').map_or("", |(_, suffix)| suffix);
                put(hash(Kind::Suffix, suffix.as_bytes()), token.source);
                put(hash(Kind::PathShape, &path_shape(link.path)), token.source);
            }
            TokenKind::Email => {
                let host = document.token_text(token).rsplit_once('@').map_or("", |(_, host)| host);
                put(hash(Kind::EmailHost, host.as_bytes()), token.source);
            }
            _ => {}
        }
    }
}

/// What a hashed surface feature is about.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Kind {
    Count,
    Ratio,
    Domain,
    Suffix,
    PathShape,
    EmailHost,
}

fn hash(kind: Kind, bytes: &[u8]) -> u64 {
    hashing::hash(bytes, seed::SURFACE + ((kind as u64 + 1) << 32))
}

/// 0, 1, 2, 3 for 3-4, 4 for 5-8 and so on.
fn step(count: u32) -> u8 {
    match count {
        0..=2 => count as u8,
        _ => (33 - (count - 1).leading_zeros()) as u8,
    }
}

fn tenth(part: u32, whole: u32) -> u8 {
    if whole == 0 || part == 0 { 0 } else { (1 + part.saturating_mul(10) / whole).min(11) as u8 }
}

/// Depth, length step, and whether there is a query: what a path looks like
/// without what it names.
fn path_shape(path: &str) -> [u8; 3] {
    let depth = path.bytes().filter(|&b| b == b'/').count().min(5) as u8;
    [depth, step(path.len().min(255) as u32), u8::from(path.contains('?'))]
}

/// `ln(1 + n)` of small numbers, which nearly all counts are.
static LOGARITHMS: LazyLock<[f32; 256]> = LazyLock::new(|| std::array::from_fn(|n| (n as f32).ln_1p()));

/// How many numbers [`dense`] writes.
pub const DENSE: usize = 24;

/// The surface as numbers, for the head: logarithms of counts, and ratios.
/// All are finite and between 0 and 11.
pub fn dense(surface: &Surface, out: &mut [f32; DENSE]) {
    let log = |n: u32| LOGARITHMS.get(n as usize).copied().unwrap_or_else(|| (n as f32).ln_1p());
    let ratio = |part: u32, whole: u32| part as f32 / whole.max(1) as f32;
    *out = [
        log(surface.characters),
        log(surface.words),
        log(surface.lines),
        log(surface.links),
        log(surface.emails),
        log(surface.phones),
        log(surface.money),
        log(surface.mentions),
        log(surface.tags),
        log(surface.emoji),
        log(surface.numbers),
        log(surface.exclamations),
        log(surface.questions),
        log(surface.shouted),
        log(surface.invisible + surface.bidi + surface.marks),
        log(surface.styled),
        log(surface.mixed_words),
        log(surface.repeats),
        log(surface.leet + surface.spaced),
        log(surface.second_person),
        ratio(surface.uppercase, surface.letters),
        ratio(surface.digits, surface.characters),
        ratio(surface.punctuation, surface.characters),
        ratio(surface.foreign_letters, surface.letters),
    ];
}

/// Every count and ratio feature with its bucket and its name, for reports:
/// `links=3-4`, `uppercase<40%`.
pub fn named() -> Vec<(u32, String)> {
    let mut names = Vec::new();
    for (i, (name, _)) in COUNTS.iter().enumerate() {
        for step in 1..=12u8 {
            let range = match step {
                1 | 2 => step.to_string(),
                _ => format!("{}-{}", (1u32 << (step - 2)) + 1, 1u32 << (step - 1)),
            };
            names.push((hashing::bucket(hash(Kind::Count, &[i as u8, step])), format!("{name}={range}")));
        }
    }
    for (i, (name, _)) in RATIOS.iter().enumerate() {
        for tenth in 0..=11u8 {
            let range = match tenth {
                0 => "=0".to_owned(),
                _ => format!("<{}%", u32::from(tenth) * 10),
            };
            names.push((hashing::bucket(hash(Kind::Ratio, &[i as u8, tenth])), format!("{name}{range}")));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_fall_into_steps() {
        for (count, expected) in
            [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 4), (9, 5), (1 << 20, 21)]
        {
            assert_eq!(step(count), expected, "{count}");
        }
        for (part, whole, expected) in [(0, 0, 0), (0, 5, 0), (1, 100, 1), (1, 2, 6), (5, 5, 11)] {
            assert_eq!(tenth(part, whole), expected, "{part}/{whole}");
        }
    }

    #[test]
    fn names_hardly_share_buckets() {
        let names = named();
        let distinct: std::collections::HashSet<_> = names.iter().map(|(b, _)| b).collect();
        assert!(names.len() - distinct.len() <= 1, "{} of {}", distinct.len(), names.len());
    }

    proptest! {
        #[test]
        fn dense_features_are_in_range(text in any::<String>()) {
            let mut document = Document::default();
            crate::text::Analyzer::default().analyze(&text, crate::comment::Format::Plain, &mut document);
            let mut out = [0.0; DENSE];
            dense(document.surface(), &mut out);
            prop_assert!(out.iter().all(|v| (0.0..=11.5).contains(v)), "{:?}", out);
        }
    }
}
