//! Drift, day by day (UTC): today so far and the day before, against the
//! training of the model in use. Worked out when metrics are read, from the
//! counts that there are anyway.

use super::labels::{DayLabel, DriftLabels};
use super::{Described, Histogram};
use crate::attribute::{Attribute, PerAttribute};
use crate::drift::{BOUNDS, Stability};
use crate::model::Model;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: u64 = 86_400;

const INDEX: Described = Described {
    name: "thresher_drift_index",
    kind: "gauge",
    labels: &["of", "day"],
    help: "Population stability index of scores, and of languages, against the training of the model",
};
const COMMENTS: Described = Described {
    name: "thresher_drift_comments",
    kind: "gauge",
    labels: &["day"],
    help: "Comments that the drift index of the day is taken from",
};

/// Languages by code, each with its counter.
pub(super) type Languages = Arc<RwLock<BTreeMap<&'static str, Counter>>>;

/// How often each score and language was seen up to some moment.
#[derive(Clone, Debug, Default)]
struct Seen {
    scores: PerAttribute<Vec<u64>>,
    languages: BTreeMap<String, u64>,
}

impl Seen {
    /// What was seen since an earlier moment.
    fn since(&self, before: &Seen) -> Seen {
        let scores = PerAttribute::from_fn(|attribute| {
            let before = before.scores[attribute].iter().copied().chain(std::iter::repeat(0));
            self.scores[attribute]
                .iter()
                .zip(before)
                .map(|(now, before)| now.saturating_sub(before))
                .collect()
        });
        let languages = self.languages.iter().map(|(code, now)| {
            (code.clone(), now.saturating_sub(before.languages.get(code).copied().unwrap_or_default()))
        });
        Seen { scores, languages: languages.collect() }
    }

    fn comments(&self) -> u64 {
        self.languages.values().sum()
    }
}

/// What is compared with what.
#[derive(Debug, Default)]
struct State {
    /// The version of the model, and what it saw in training.
    reference: Option<(String, Seen)>,
    /// Days since 1970.
    day: u64,
    /// What had been seen when the day, or the model, began.
    dawn: Seen,
    /// What was seen on the day before, if the server ran then.
    yesterday: Option<Seen>,
}

/// Every index there is to tell, and how many comments are behind them.
#[derive(Debug, Default)]
struct Told {
    indices: Vec<(DriftLabels, f64)>,
    comments: Vec<(DayLabel, u64)>,
}

/// The drift of a server.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    scores: PerAttribute<Histogram>,
    languages: Languages,
    state: Arc<Mutex<State>>,
}

impl Drift {
    pub const DESCRIBED: [Described; 2] = [INDEX, COMMENTS];

    pub fn new(scores: PerAttribute<Histogram>, languages: Languages) -> Drift {
        let state = Arc::new(Mutex::new(State { day: today(), ..State::default() }));
        Drift { scores, languages, state }
    }

    /// Compares with the training of that model from now on. What an earlier
    /// model scored no longer counts.
    pub fn compare_with(&self, model: &Model) {
        let now = self.seen();
        let mut state = self.state();
        if state.reference.as_ref().is_some_and(|(version, _)| version == model.version()) {
            return;
        }
        let metadata = model.metadata();
        let scores = PerAttribute::from_fn(|attribute: Attribute| {
            let report = metadata.attributes.get(attribute.name());
            let counts = report.and_then(|report| report.scores.as_ref()?.counts());
            counts.unwrap_or_default().to_vec()
        });
        let seen = Seen { scores, languages: metadata.languages.clone() };
        *state = State {
            reference: Some((model.version().to_owned(), seen)),
            day: today(),
            dawn: now,
            yesterday: None,
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn seen(&self) -> Seen {
        let languages = self.languages.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Seen {
            scores: PerAttribute::from_fn(|attribute| {
                self.scores[attribute].counts().take(BOUNDS.len()).collect()
            }),
            languages: languages.iter().map(|(code, count)| ((*code).to_owned(), count.get())).collect(),
        }
    }

    /// What there is to tell on that day.
    fn at(&self, day: u64) -> Told {
        let now = self.seen();
        let mut state = self.state();
        if day != state.day {
            // Of a day that nobody looked at in between nothing is known.
            state.yesterday = (day == state.day + 1).then(|| now.since(&state.dawn));
            state.dawn = now.clone();
            state.day = day;
        }
        let mut told = Told::default();
        let Some((_, reference)) = &state.reference else { return told };
        let today = now.since(&state.dawn);
        for (day, seen) in [("today", Some(&today)), ("yesterday", state.yesterday.as_ref())] {
            let Some(seen) = seen else { continue };
            told.comments.push((DayLabel { day }, seen.comments()));
            for attribute in Attribute::ALL {
                let moved = Stability::between(&reference.scores[attribute], &seen.scores[attribute]);
                told.indices
                    .extend(moved.map(|moved| (DriftLabels { of: attribute.name(), day }, moved.index)));
            }
            let moved = Stability::between_named(&reference.languages, &seen.languages);
            told.indices.extend(moved.map(|moved| (DriftLabels { of: "language", day }, moved.index)));
        }
        told
    }
}

impl Collector for Drift {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Told { indices, comments } = self.at(today());
        if !indices.is_empty() {
            let mut metric = encoder.encode_descriptor(INDEX.name, INDEX.help, None, MetricType::Gauge)?;
            for (labels, index) in indices {
                ConstGauge::new(index).encode(metric.encode_family(&labels)?)?;
            }
        }
        if !comments.is_empty() {
            let mut metric =
                encoder.encode_descriptor(COMMENTS.name, COMMENTS.help, None, MetricType::Gauge)?;
            for (labels, count) in comments {
                ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
                    .encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / SECONDS_A_DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Score;

    fn drift() -> Drift {
        let drift = Drift::new(PerAttribute::from_fn(|_| Histogram::of_scores()), Languages::default());
        let trained = Histogram::of_scores();
        (0..1_000).for_each(|i| trained.observe_score(Score::saturating(i as f32 / 1_000.0)));
        let counts: Vec<u64> = trained.counts().take(BOUNDS.len()).collect();
        let reference = Seen {
            scores: PerAttribute::from_fn(|_| counts.clone()),
            languages: BTreeMap::from([("en".to_owned(), 1_000)]),
        };
        drift.state().reference = Some(("trained".into(), reference));
        drift.state().day = 10;
        drift
    }

    fn judge(drift: &Drift, score: impl Fn(u32) -> f32, language: &'static str) {
        for i in 0..1_000 {
            for (_, scores) in drift.scores.iter() {
                scores.observe_score(Score::saturating(score(i)));
            }
        }
        drift.languages.write().unwrap().entry(language).or_default().inc_by(1_000);
    }

    fn index(drift: &Drift, day: u64, of: &str, label: &str) -> Option<f64> {
        let Told { indices, .. } = drift.at(day);
        indices.into_iter().find(|(labels, _)| labels.of == of && labels.day == label).map(|(_, index)| index)
    }

    #[test]
    fn each_day_stands_for_itself() {
        let drift = drift();
        assert_eq!(index(&drift, 10, "SPAM", "today"), None);
        judge(&drift, |i| i as f32 / 1_000.0, "en");
        assert!(index(&drift, 10, "SPAM", "today").unwrap() < 0.01);
        assert!(index(&drift, 10, "language", "today").unwrap() < 0.01);
        assert_eq!(index(&drift, 10, "SPAM", "yesterday"), None);

        assert!(index(&drift, 11, "SPAM", "yesterday").unwrap() < 0.01);
        assert_eq!(index(&drift, 11, "SPAM", "today"), None);
        judge(&drift, |_| 0.97, "de");
        assert!(index(&drift, 11, "SPAM", "today").unwrap() > 1.0);
        assert!(index(&drift, 11, "language", "today").unwrap() > 1.0);
        assert!(index(&drift, 11, "SPAM", "yesterday").unwrap() < 0.01);
        assert_eq!(
            drift.at(11).comments,
            [(DayLabel { day: "today" }, 1_000), (DayLabel { day: "yesterday" }, 1_000)]
        );

        assert!(index(&drift, 12, "SPAM", "yesterday").unwrap() > 1.0);
        // Nobody looked for days.
        assert_eq!(index(&drift, 20, "SPAM", "yesterday"), None);
    }

    #[test]
    fn a_model_that_does_not_say_has_no_index() {
        let drift = drift();
        drift.state().reference = Some(("old".into(), Seen::default()));
        judge(&drift, |_| 0.5, "en");
        assert_eq!(drift.at(10).indices, []);
        assert_eq!(drift.at(10).comments.len(), 1);
    }
}
