//! How fast somebody writes.

use super::ring::{DAY_STEP, HOUR_STEP, MINUTE_STEP, Ring};
use super::table::Slot;
use crate::signals::past::Rate;

/// What is remembered of one author or one address.
#[derive(Clone, Copy, Default)]
pub(super) struct Rates {
    key: u64,
    last: u32,
    /// The first comment that is remembered, by its trace; 1 where it has none,
    /// zero where nothing is.
    first: u64,
    minute: Ring,
    hour: Ring,
    day: Ring,
}

impl Slot for Rates {
    fn key(&self) -> u64 {
        self.key
    }

    fn last(&self) -> u32 {
        self.last
    }

    fn empty(key: u64, last: u32) -> Self {
        Self { key, last, ..Self::default() }
    }
}

impl Rates {
    /// Says how many comments came before one at `tick`, and with `record`
    /// counts it. `comment` is its trace, zero for none, and `is_again` whether
    /// it was counted before: it does not come before itself.
    pub fn see(&mut self, tick: u32, comment: u64, is_again: bool, record: bool) -> Rate {
        let tick = tick.max(self.last);
        let count = |ring: &mut Ring, step: u32| {
            ring.advance(self.last / step, tick / step);
            let count = ring.sum();
            if record {
                ring.add(tick / step);
            }
            count.saturating_sub(u32::from(is_again))
        };
        let rate = Rate {
            minute: count(&mut self.minute, MINUTE_STEP),
            hour: count(&mut self.hour, HOUR_STEP),
            day: count(&mut self.day, DAY_STEP),
            is_known: self.first != 0 && (comment == 0 || self.first != comment),
        };
        self.last = tick;
        if record && self.first == 0 {
            self.first = comment.max(1);
        }
        rate
    }
}
