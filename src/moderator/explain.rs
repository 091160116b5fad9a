//! Why a score is what it is: what each piece of the text, the surface and the
//! thread add to its log-odds, so that everything adds up.
//!
//! What is explained is the score that acts, not one of the margins before it.
//! A head is linear in the classifier's margins and in the surface, and each
//! margin is linear in the features, so that every feature has its exact share
//! of the log-odds. Only where the head holds an input within its bounds
//! ([`head::CLIP`]) the shares of that input are all made smaller alike.

mod reading;

pub use reading::Reading;
pub(super) use reading::readings;

use super::Inputs;
use crate::attribute::{Attribute, PerAttribute};
use crate::features::thread::SIMILARITY;
use crate::features::{Feature, Group, SparseVec, ngram, surface};
use crate::model::Model;
use crate::model::head::{self, Head, THREAD_INPUTS};
use crate::policy::{Calibration, Span};
use crate::text::Document;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// How many spans an explanation shows.
const MAX_SPANS: usize = 16;

/// Pieces that weigh less than this share of the heaviest one that pulls the
/// same way are not shown.
const MIN_SHARE: f32 = 0.2;

/// Nor are those that move the log-odds by less than this.
const MIN_WEIGHT: f32 = 0.05;

/// Why one attribute has its score. The weights of the spans and the other
/// parts add up to the margin, but for rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The attribute.
    pub attribute: Attribute,
    /// The log-odds of the score: `ln(score / (1 - score))`.
    pub margin: f32,
    /// The pieces of text that weighed most, from those that raise the score
    /// most (positive weights) to those that lower it most (negative ones).
    pub spans: Vec<Span>,
    /// What every comment starts from, the site's shift included.
    pub base: f32,
    /// What counts over the whole text add, such as how many links and how many
    /// capital letters there are.
    pub surface: f32,
    /// What likeness to the thread adds; zero for all but `OFF_TOPIC`.
    pub thread: f32,
    /// What all other pieces of the text add together.
    pub elsewhere: f32,
}

impl Explanation {
    /// Follows the site's calibration, which moves the log-odds.
    pub(super) fn calibrate(&mut self, Calibration { scale, shift }: Calibration) {
        let Explanation { margin, spans, base, surface, thread, elsewhere, .. } = self;
        let spans = spans.iter_mut().map(|span| &mut span.weight);
        [&mut *margin, &mut *base, surface, thread, elsewhere]
            .into_iter()
            .chain(spans)
            .for_each(|part| *part *= scale);
        *margin += shift;
        *base += shift;
    }
}

/// What is explained.
pub(super) struct Subject<'a> {
    pub original: &'a str,
    pub document: &'a Document,
    pub vector: &'a SparseVec,
    pub inputs: &'a Inputs,
}

/// Explains the attributes of which `is_scored` says so, in their order.
pub(super) fn explanations(
    subject: &Subject<'_>,
    model: &Model,
    is_scored: &PerAttribute<bool>,
) -> Vec<Explanation> {
    let pieces = Pieces::new(subject, model);
    let explained = is_scored.iter().filter(|(_, scored)| **scored).filter_map(|(attribute, _)| {
        let head = model.heads()[attribute].as_ref()?;
        match attribute {
            Attribute::OffTopic => Some(of_thread(head, subject.inputs.thread.as_ref()?)),
            _ => Some(of_text(attribute, head, subject, model, &pieces)),
        }
    });
    explained.collect()
}

fn of_thread(head: &Head, inputs: &[f32; THREAD_INPUTS]) -> Explanation {
    let share = |i: usize| sharpness(head) * head.weights[i] * head.standardize(i, inputs[i]);
    Explanation {
        attribute: Attribute::OffTopic,
        margin: log_odds(head, inputs),
        spans: Vec::new(),
        base: sharpness(head) * head.intercept - head.platt.1,
        surface: (SIMILARITY..THREAD_INPUTS).map(share).sum(),
        thread: (0..SIMILARITY).map(share).sum(),
        elsewhere: 0.0,
    }
}

fn of_text(
    attribute: Attribute,
    head: &Head,
    subject: &Subject<'_>,
    model: &Model,
    pieces: &Pieces,
) -> Explanation {
    let sharpness = sharpness(head);
    let inputs = head::text_inputs(&subject.inputs.decision, &subject.inputs.dense);
    // What a unit of each margin adds to the log-odds.
    let pulls: Raw = std::array::from_fn(|i| {
        let distance = inputs[i] - head.mean[i];
        let rate = match distance.abs() > f32::EPSILON {
            true => head.standardize(i, inputs[i]) / distance,
            false => head.inverse_deviation[i],
        };
        sharpness * head.weights[i] * rate
    });
    let pull = |raw: &Raw| pulls.iter().zip(raw).map(|(pull, raw)| pull * raw).sum::<f32>();
    let intercepts = model.classifier().intercepts();
    let start: Raw = std::array::from_fn(|i| intercepts[i % head::WORST] - head.mean[i]);
    let counts = (head::SURFACE..head::TEXT_INPUTS)
        .map(|i| sharpness * head.weights[i] * head.standardize(i, inputs[i]));
    let weights: Vec<f32> = pieces.raw.iter().map(pull).collect();
    let spans = spans(subject, &pieces.chunks, &weights);
    let shown: f32 = spans.iter().map(|span| span.weight).sum();
    Explanation {
        attribute,
        margin: log_odds(head, &inputs),
        base: sharpness * head.intercept - head.platt.1 + pull(&start),
        surface: pull(&pieces.whole) + counts.sum::<f32>(),
        thread: 0.0,
        elsewhere: weights.iter().sum::<f32>() - shown,
        spans,
    }
}

/// How far a unit of the head's margin moves the log-odds.
fn sharpness(head: &Head) -> f32 {
    -head.platt.0
}

fn log_odds(head: &Head, inputs: &[f32]) -> f32 {
    sharpness(head) * head.margin(inputs) - head.platt.1
}

/// What something adds to the margins of the whole text and to those of its worst
/// passages.
type Raw = [f32; head::SURFACE];

/// The chunks of a text (what stands between blanks) and what they add to each
/// margin.
struct Pieces {
    chunks: Vec<Range<usize>>,
    raw: Vec<Raw>,
    /// What features of the text as a whole add.
    whole: Raw,
}

impl Pieces {
    fn new(subject: &Subject<'_>, model: &Model) -> Pieces {
        let Subject { document, vector, inputs, .. } = subject;
        let chunks = chunks(document.body());
        let zero = [0.0; head::SURFACE];
        let mut pieces = Pieces { raw: vec![zero; chunks.len()], chunks, whole: zero };
        let boundaries = vector.boundaries();
        let alone = Group::ALL.map(|group| vector.passages(group).map(|part| part.2).collect::<Vec<_>>());
        let mut seen = HashMap::new();
        let mut seen_in_passage = HashSet::new();
        let mut credit = |feature: Feature| {
            let Feature { group, bucket, source: (begin, end) } = feature;
            let Some(column) = model.vectorizer().column(bucket) else { return };
            // A feature counts once, where it stands first, and once for a passage.
            let passage = match alone[group as usize].is_empty() {
                true => None,
                false => Some(boundaries.partition_point(|&end| end <= begin)),
            };
            let is_first = !seen.contains_key(&column);
            if *seen.entry(column).or_insert(group) != group
                || !is_first && passage.is_none()
                || passage.is_some_and(|passage| !seen_in_passage.insert((passage, column)))
            {
                return;
            }
            let scale = if is_first { vector.scale(group) } else { 0.0 };
            let raw: Raw = std::array::from_fn(|i| {
                let k = i % head::WORST;
                let scale = match passage {
                    Some(passage) if i >= head::WORST => {
                        let is_worst = passage == usize::from(inputs.decision.worst_passage[k]);
                        if is_worst { alone[group as usize][passage] } else { 0.0 }
                    }
                    _ => scale,
                };
                model.classifier().weight(column, k) * scale
            });
            let add = |to: &mut Raw, share: f32| {
                to.iter_mut().zip(raw).for_each(|(sum, raw)| *sum += raw * share);
            };
            let first = pieces.chunks.partition_point(|c| c.end <= begin as usize);
            let last = pieces.chunks.partition_point(|c| c.start < end as usize);
            if begin == end || first >= last {
                return add(&mut pieces.whole, 1.0);
            }
            for raw in &mut pieces.raw[first..last] {
                add(raw, 1.0 / (last - first) as f32);
            }
        };
        ngram::words(document, &mut credit);
        ngram::characters(document, &mut credit);
        surface::features(document, &mut credit);
        debug_assert_eq!(Group::COUNT, 3, "every group of features is credited above");
        pieces
    }
}

fn chunks(body: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    body.split(' ')
        .map(|chunk| {
            let range = at..at + chunk.len();
            at = range.end + 1;
            range
        })
        .filter(|range| !range.is_empty())
        .collect()
}

/// The heaviest runs of neighbouring chunks that pull the same way.
fn spans(subject: &Subject<'_>, chunks: &[Range<usize>], weights: &[f32]) -> Vec<Span> {
    // Each way by its own heaviest: what lowers a high score is light beside
    // what raised it.
    let most = |way: f32| weights.iter().fold(0.0, |most: f32, w| most.max(way * w));
    let least = [1.0, -1.0].map(|way| (most(way) * MIN_SHARE).max(MIN_WEIGHT));
    let is_heavy = |weight: f32| weight >= least[0] || -weight >= least[1];
    let mut runs: Vec<(Range<usize>, f32)> = Vec::new();
    for (i, &weight) in weights.iter().enumerate().filter(|(_, w)| is_heavy(**w)) {
        match runs.last_mut() {
            Some((run, total)) if run.end == i && (*total > 0.0) == (weight > 0.0) => {
                run.end = i + 1;
                *total += weight;
            }
            _ => runs.push((i..i + 1, weight)),
        }
    }
    runs.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.start.cmp(&b.0.start)));
    runs.truncate(MAX_SPANS);
    let span = |(run, weight): (Range<usize>, f32)| {
        let (begin, end) = (chunks[run.start].start as u32, chunks[run.end - 1].end as u32);
        let (begin, end) = code_points(subject.original, subject.document, begin, end)?;
        Some(Span { begin, end, weight })
    };
    let mut spans: Vec<Span> = runs.into_iter().filter_map(span).collect();
    spans.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.begin.cmp(&b.begin)));
    spans
}

/// Where a range of the normalised text stands in the original, in Unicode
/// code points without the blanks behind it.
fn code_points(original: &str, document: &Document, begin: u32, end: u32) -> Option<(u32, u32)> {
    let bytes = document.original_range(begin, end);
    let (before, within) = (original.get(..bytes.start)?, original.get(bytes)?);
    let begin = before.chars().count() as u32;
    Some((begin, begin + within.trim_end().chars().count() as u32))
}
