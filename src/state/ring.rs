//! Counts over a sliding window, in six steps.

use crate::comment::Time;

/// Ten seconds, the unit that times are counted in here.
pub(super) const TICK: i64 = 10;
/// A step of a minute, an hour and a day, in ticks.
pub(super) const MINUTE_STEP: u32 = 1;
pub(super) const HOUR_STEP: u32 = 60;
pub(super) const DAY_STEP: u32 = 1_440;
/// How many steps a window has: it covers its last sixth as far as that has
/// gone, and the five before.
pub(super) const STEPS: u32 = 6;

/// The ticks since 1970, as far as they can be told: what is before counts as
/// then, and what is after the year 3330 as that.
pub(super) fn tick(time: Time) -> u32 {
    u32::try_from((time.unix_seconds() / TICK).max(0)).unwrap_or(u32::MAX)
}

/// How many things happened in the steps up to one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ring {
    counts: [u16; STEPS as usize],
}

impl Ring {
    /// Forgets what is out of the window at `step`, when `last` was the step
    /// that the ring was at.
    pub fn advance(&mut self, last: u32, step: u32) {
        let passed = step.saturating_sub(last).min(STEPS);
        for passed in 0..passed {
            self.counts[((step - passed) % STEPS) as usize] = 0;
        }
    }

    /// How many happened in the window.
    pub fn sum(&self) -> u32 {
        self.counts.iter().copied().map(u32::from).sum()
    }

    /// One more at `step`, up to 65,535 in each.
    pub fn add(&mut self, step: u32) {
        let count = &mut self.counts[(step % STEPS) as usize];
        *count = count.saturating_add(1);
    }
}
