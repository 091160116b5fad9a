//! Lines of the log that strangers can cause, told now and then only.

use std::time::{Duration, Instant};

/// How long the same is not told again.
const PAUSE: Duration = Duration::from_secs(60);

/// When something was last told.
#[derive(Debug, Default)]
pub(super) struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is to be told now; then not for a minute.
    pub fn now(&mut self) -> bool {
        let is_due = self.0.is_none_or(|told| told.elapsed() >= PAUSE);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_then_none_for_a_while() {
        let mut seldom = Seldom::default();
        assert_eq!([seldom.now(), seldom.now(), seldom.now()], [true, false, false]);
        seldom.0 = Instant::now().checked_sub(PAUSE);
        assert!(seldom.now() && !seldom.now());
    }
}
