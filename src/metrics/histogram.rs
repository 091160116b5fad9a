//! A histogram without a lock.
//!
//! The library's own takes a lock for every observation, of which a comment
//! makes nearly twenty. Here each is two atomic additions.

use crate::drift;
use crate::score::Score;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of buckets for what takes microseconds, in nanoseconds.
const SHORT_TIMES: [u64; 17] = [
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
];
/// The same for calls.
const TIMES: [u64; 18] = [
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    30_000_000_000,
    300_000_000_000,
];
const NANOS: f64 = 1e9;

/// Counts observations by size. Clones count together.
#[derive(Clone)]
pub struct Histogram(Arc<Counts>);

struct Counts {
    /// Upper bounds, ascending, in units.
    bounds: &'static [u64],
    /// How many units are one of what is told.
    units: f64,
    /// One more than there are bounds.
    buckets: Box<[AtomicU64]>,
    /// In units.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64], units: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, units, buckets, sum: AtomicU64::new(0) }))
    }

    /// For microseconds to milliseconds.
    pub fn of_short_times() -> Self {
        Self::new(&SHORT_TIMES, NANOS)
    }

    /// For milliseconds to minutes.
    pub fn of_times() -> Self {
        Self::new(&TIMES, NANOS)
    }

    /// For scores, in the bins of [`drift`].
    pub fn of_scores() -> Self {
        Self::new(&drift::BOUNDS, f64::from(drift::MILLION))
    }

    /// Counts a time, to the nanosecond.
    pub fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a score, to the millionth.
    pub fn observe_score(&self, score: Score) {
        self.observe(drift::millionths(score));
    }

    fn observe(&self, units: u64) {
        let Counts { bounds, buckets, sum, .. } = &*self.0;
        let at = bounds.partition_point(|bound| *bound < units);
        // Observations of others may be seen in any order.
        buckets[at].fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(units, Ordering::Relaxed);
    }

    /// How many observations fell into each bucket; the last is for those over
    /// all bounds.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let Counts { bounds, units, sum, .. } = &*self.0;
        let bounds = bounds.iter().map(|bound| *bound as f64 / units).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts()).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = sum.load(Ordering::Relaxed) as f64 / units;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_counted_once_in_the_bucket_it_fits() {
        let times = Histogram::of_short_times();
        for nanos in [0, 500, 501, 100_000_000, 100_000_001] {
            times.observe_time(Duration::from_nanos(nanos));
        }
        let counts: Vec<u64> = times.counts().collect();
        assert_eq!((counts[0], counts[1], counts[16], counts[17]), (2, 1, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 5);
        times.observe_time(Duration::MAX);
        assert_eq!(times.counts().last(), Some(2));
    }

    #[test]
    fn the_ends_of_scores_have_a_bucket() {
        let scores = Histogram::of_scores();
        for value in [0.0, 0.001, 0.5, 1.0] {
            scores.observe_score(Score::saturating(value));
        }
        let counts: Vec<u64> = scores.counts().collect();
        assert_eq!((counts[0], counts[10], counts[18], counts[19]), (2, 1, 1, 0));
    }
}
