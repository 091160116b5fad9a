//! Buckets as they are hashed, kept by passage until they are looked up.

use super::Feature;

/// Buckets of one passage that came one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub passage: u32,
    pub begin: usize,
    pub end: usize,
}

/// The buckets of one group, as they come.
pub(super) struct Gathered<'a> {
    buckets: &'a mut Vec<u32>,
    /// How many of `buckets` are in use.
    pub len: usize,
    boundaries: &'a [u32],
    /// What came of other passages.
    runs: &'a mut Vec<Run>,
    /// The passage at hand, and where it begins and how long it is.
    run: Run,
    begin: u32,
    length: u32,
}

impl<'a> Gathered<'a> {
    pub fn new(buckets: &'a mut Vec<u32>, runs: &'a mut Vec<Run>, boundaries: &'a [u32]) -> Gathered<'a> {
        runs.clear();
        let length = boundaries.first().copied().unwrap_or(u32::MAX);
        let run = Run { passage: 0, begin: 0, end: 0 };
        Gathered { buckets, len: 0, boundaries, runs, run, begin: 0, length }
    }

    /// Takes one bucket. Always compiled into its callers: a call for each
    /// feature costs as much as the work.
    #[inline(always)]
    pub fn take(&mut self, feature: Feature) {
        if feature.source.0.wrapping_sub(self.begin) >= self.length {
            self.turn(feature.source.0);
        }
        if self.len == self.buckets.len() {
            self.buckets.resize((2 * self.len).max(1024), 0);
        }
        self.buckets[self.len] = feature.bucket;
        self.len += 1;
    }

    /// Turns to another passage. Words that were read for others, and those tied to
    /// a word behind them, come when the passages behind theirs have begun.
    #[cold]
    fn turn(&mut self, at: u32) {
        self.keep();
        let passage = self.boundaries.partition_point(|&end| end <= at);
        self.begin = passage.checked_sub(1).map_or(0, |before| self.boundaries[before]);
        self.length = self.boundaries.get(passage).copied().unwrap_or(u32::MAX) - self.begin;
        self.run = Run { passage: passage as u32, begin: self.len, end: 0 };
    }

    fn keep(&mut self) {
        if self.len > self.run.begin {
            self.runs.push(Run { end: self.len, ..self.run });
        }
    }

    /// Puts the passages in order.
    pub fn finish(&mut self) {
        if !self.boundaries.is_empty() {
            self.keep();
            self.runs.sort_unstable();
        }
    }
}
