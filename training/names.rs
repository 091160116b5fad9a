//! Names for hashed features: the n-grams of the corpus that fall into the
//! strongest columns.

use crate::corpus::Corpus;
use std::collections::{BTreeMap, HashMap};
use thresher::attribute::Attribute;
use thresher::features::{Feature, Group, Vectorizer, ngram, surface};
use thresher::model::classifier::Classifier;
use thresher::text::{Analyzer, Document};

/// How many features of an attribute are shown, in each direction.
pub const SHOWN: usize = 20;

/// How many of the strongest columns are looked up, so that enough of them
/// find a name.
const COUNT: usize = 2000;

/// Longer n-grams are no help to read.
const MAX_NAME_BYTES: usize = 60;

/// The strongest features of each attribute that the corpus or the surface can
/// name, with their weights: those for it, then those against.
pub fn strongest(
    corpus: &Corpus,
    vectorizer: &Vectorizer,
    classifier: &Classifier,
    analyzer: &Analyzer,
) -> BTreeMap<Attribute, Vec<(String, f32)>> {
    let mut wanted: BTreeMap<Attribute, Vec<(u32, f32)>> = BTreeMap::new();
    let mut counts: HashMap<u32, BTreeMap<String, u32>> = HashMap::new();
    for (k, attribute) in Attribute::TEXT.into_iter().enumerate() {
        let columns = 0..vectorizer.columns() as u32;
        let mut weights: Vec<(u32, f32)> = columns.map(|c| (c, classifier.weight(c, k))).collect();
        weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let last = weights.len().saturating_sub(COUNT);
        let against = weights[last..].iter().rev();
        let kept: Vec<_> =
            weights.iter().take(COUNT).chain(against).copied().filter(|w| w.1 != 0.0).collect();
        counts.extend(kept.iter().map(|&(column, _)| (column, BTreeMap::new())));
        wanted.insert(attribute, kept);
    }
    let mut document = Document::default();
    for row in &corpus.rows {
        analyzer.analyze(&row.text, row.format, &mut document);
        let mut note = |feature: Feature| {
            let Some(names) = vectorizer.column(feature.bucket).and_then(|c| counts.get_mut(&c)) else {
                return;
            };
            if let Some(name) = name(&document, &feature) {
                *names.entry(name).or_default() += 1;
            }
        };
        ngram::words(&document, &mut note);
        ngram::characters(&document, &mut note);
        surface::features(&document, &mut note);
    }
    for (bucket, name) in surface::named() {
        if let Some(names) = vectorizer.column(bucket).and_then(|c| counts.get_mut(&c)) {
            names.insert(name, u32::MAX);
        }
    }
    // What most often fell into the column names it.
    let name_of = |column: u32| {
        let names = counts.get(&column)?;
        names
            .iter()
            .max_by_key(|(name, count)| (**count, std::cmp::Reverse(name.as_str())))
            .map(|(name, _)| name.clone())
    };
    let named = |columns: Vec<(u32, f32)>| {
        columns.into_iter().filter_map(|(column, weight)| Some((name_of(column)?, weight))).collect()
    };
    wanted.into_iter().map(|(attribute, columns)| (attribute, named(columns))).collect()
}

fn name(document: &Document, feature: &Feature) -> Option<String> {
    let (begin, end) = (feature.source.0 as usize, feature.source.1 as usize);
    let text = document.text().get(begin..end).filter(|t| !t.is_empty() && t.len() <= MAX_NAME_BYTES)?;
    Some(match feature.group {
        Group::Word => text.trim().to_owned(),
        Group::Character => format!("“{}”", text.replace(' ', "_")),
        Group::Surface => format!("link {text}"),
    })
}
