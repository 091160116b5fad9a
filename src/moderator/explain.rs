//! Which pieces of a comment weighed most for an attribute.

use crate::attribute::Attribute;
use crate::features::{Feature, Group, SparseVec, ngram, surface};
use crate::model::Model;
use crate::policy::Span;
use crate::text::Document;
use std::collections::HashSet;
use std::ops::Range;

/// How many spans a reason shows.
const MAX_SPANS: usize = 5;

/// Spans that weigh less than this share of the heaviest are left out.
const MIN_SHARE: f32 = 0.2;

/// The chunks of text (what stands between blanks) that added most to the
/// attribute's margin, heaviest first, neighbours joined. Empty for
/// `OFF_TOPIC`, which no piece of the text explains.
pub(super) fn spans(
    original: &str,
    attribute: Attribute,
    document: &Document,
    vector: &SparseVec,
    model: &Model,
) -> Vec<Span> {
    let Some(k) = Attribute::TEXT.iter().position(|&a| a == attribute) else { return Vec::new() };
    let chunks = chunks(document.body());
    let mut weights = vec![0.0f32; chunks.len()];
    let mut seen = HashSet::new();
    let mut credit = |feature: Feature| {
        let Feature { group, bucket, source: (begin, end) } = feature;
        let Some(column) = model.vectorizer().column(bucket) else { return };
        if end == begin || !seen.insert(column) {
            return;
        }
        let weight = model.classifier().weight(column, k) * vector.scale(group);
        let first = chunks.partition_point(|c| c.end <= begin as usize);
        let last = chunks.partition_point(|c| c.start < end as usize);
        let touched = first..last.max(first + 1).min(chunks.len());
        let share = weight / touched.len().max(1) as f32;
        for chunk in touched {
            weights[chunk] += share;
        }
    };
    ngram::words(document, &mut credit);
    ngram::characters(document, &mut credit);
    surface::features(document, &mut credit);
    debug_assert_eq!(Group::COUNT, 3, "every group of features is credited above");
    let runs = heaviest_runs(&weights);
    let mut spans: Vec<Span> = Vec::with_capacity(runs.len());
    for run in runs {
        let weight = weights[run.clone()].iter().sum();
        let bytes = document.original_range(chunks[run.start].start as u32, chunks[run.end - 1].end as u32);
        let (Some(before), Some(within)) = (original.get(..bytes.start), original.get(bytes)) else {
            continue;
        };
        let begin = before.chars().count() as u32;
        spans.push(Span { begin, end: begin + within.trim_end().chars().count() as u32, weight });
    }
    spans.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.begin.cmp(&b.begin)));
    spans
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

/// Runs of neighbouring chunks that all weigh enough, at most [`MAX_SPANS`].
fn heaviest_runs(weights: &[f32]) -> Vec<Range<usize>> {
    let heaviest = weights.iter().copied().fold(0.0, f32::max);
    if heaviest <= 0.0 {
        return Vec::new();
    }
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (i, &weight) in weights.iter().enumerate() {
        if weight < heaviest * MIN_SHARE {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == i => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    let total = |run: &Range<usize>| weights[run.clone()].iter().sum::<f32>();
    runs.sort_by(|a, b| total(b).total_cmp(&total(a)));
    runs.truncate(MAX_SPANS);
    runs
}
