//! Counts the scores and languages of a file of answers.

use crate::cli::failure::Failure;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use thresher::attribute::{Attribute, PerAttribute};
use thresher::drift::ScoreCounts;
use thresher::jsonl::Lines;
use thresher::model::Model;
use thresher::score::Score;

/// The most languages that are told apart; codes are the answers' own, and a
/// file may hold anything.
const MAX_LANGUAGES: usize = 200;
/// The most models that are told apart.
const MAX_MODELS: usize = 1_000;
/// How many letters of a time are its day.
const DAY: usize = "2026-01-31".len();
/// The most days that are told apart.
const MAX_DAYS: usize = 4_000;

/// What of an answer, or of a line of an audit log, is looked at.
#[derive(Deserialize)]
struct Answer {
    scores: BTreeMap<String, f32>,
    /// The scores before the site's calibration, where it moved any.
    model_scores: Option<BTreeMap<String, f32>>,
    language_code: String,
    model_version: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

/// One day while it is counted.
#[derive(Default)]
struct Day {
    scores: PerAttribute<ScoreCounts>,
    languages: BTreeMap<String, u64>,
}

/// How often each score and language was seen.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    scores: PerAttribute<Vec<u64>>,
    pub languages: BTreeMap<String, u64>,
}

impl Counts {
    /// What the model was trained on, if its file says so.
    pub fn of_training(model: &Model) -> Option<Counts> {
        let metadata = model.metadata();
        let of = |attribute: Attribute| {
            let report = metadata.attributes.get(attribute.name())?;
            Some(report.scores.as_ref()?.counts()?.to_vec())
        };
        let scores = PerAttribute::from_fn(|attribute| of(attribute).unwrap_or_default());
        let counts = Counts { scores, languages: metadata.languages.clone() };
        let is_told = counts.scores.iter().any(|(_, counts)| !counts.is_empty());
        is_told.then_some(counts)
    }

    /// All of them together.
    pub fn sum<'c>(parts: impl Iterator<Item = &'c Counts>) -> Counts {
        let mut sum = Counts::default();
        for part in parts {
            for (attribute, counts) in part.scores.iter() {
                let to = &mut sum.scores[attribute];
                to.resize(to.len().max(counts.len()), 0);
                to.iter_mut().zip(counts).for_each(|(to, count)| *to += count);
            }
            for (language, count) in &part.languages {
                *sum.languages.entry(language.clone()).or_default() += count;
            }
        }
        sum
    }

    /// How many scores of the attribute fell into each bin.
    pub fn scores(&self, attribute: Attribute) -> &[u64] {
        &self.scores[attribute]
    }

    /// How many comments there were.
    pub fn comments(&self) -> u64 {
        self.languages.values().sum()
    }
}

/// The answers of a file, counted.
pub struct Answers {
    /// By day; those without a time stand under none.
    pub days: BTreeMap<Option<String>, Counts>,
    /// How many were left out as those of other models, by version.
    pub others: BTreeMap<String, u64>,
}

/// Counts the answers of a file, all of them or those of one model; an answer that
/// does not say its model counts as of any.
pub fn read(path: &Path, of: Option<&str>) -> Result<Answers, Failure> {
    let mut lines = Lines::open(path).map_err(Failure::failed)?;
    let mut days: BTreeMap<Option<String>, Day> = BTreeMap::new();
    let mut others = BTreeMap::new();
    while let Some(answer) = lines.next_record::<Answer>() {
        let answer = answer.map_err(Failure::failed)?;
        if let Some(version) = answer.model_version.filter(|version| of.is_some_and(|of| of != version)) {
            if others.len() >= MAX_MODELS && !others.contains_key(&version) {
                return Err(Failure::failed(lines.fault(format!("more than {MAX_MODELS} models"))));
            }
            *others.entry(version).or_default() += 1;
            continue;
        }
        let day = match answer.time.as_deref().map(|time| time.get(..DAY)) {
            None => None,
            Some(Some(day)) => Some(day.to_owned()),
            Some(None) => return Err(Failure::failed(lines.fault("`time` does not begin with a day"))),
        };
        if days.len() >= MAX_DAYS && !days.contains_key(&day) {
            return Err(Failure::failed(lines.fault(format!("more than {MAX_DAYS} days"))));
        }
        let Day { scores, languages } = days.entry(day).or_default();
        for (name, score) in &answer.model_scores.unwrap_or(answer.scores) {
            let attribute = Attribute::from_name(name);
            let (Some(attribute), Some(score)) = (attribute, Score::new(*score)) else {
                let what = match attribute {
                    Some(attribute) => format!("the score of {attribute} is outside 0..=1"),
                    None => "`scores` names no attribute".to_owned(),
                };
                return Err(Failure::failed(lines.fault(what)));
            };
            scores[attribute].add(score);
        }
        let code = if languages.len() < MAX_LANGUAGES { answer.language_code } else { "und".into() };
        *languages.entry(code).or_default() += 1;
    }
    if days.is_empty() {
        let path = path.display();
        return Err(Failure::failed(match (of, others.keys().next_back()) {
            (Some(of), Some(other)) => {
                format!("{path}: holds no answer of {of}, but of {other} (--model FILE)")
            }
            _ => format!("{path}: holds no answer"),
        }));
    }
    let counts = |Day { scores, languages }: Day| Counts {
        scores: PerAttribute::from_fn(|attribute| scores[attribute].counts().unwrap_or_default().to_vec()),
        languages,
    };
    let days = days.into_iter().map(|(day, of)| (day, counts(of))).collect();
    Ok(Answers { days, others })
}
