//! How many bytes of messages there may be at a time.

use super::status::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A number of bytes that calls share. Without a lock.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    used: AtomicUsize,
}

impl Budget {
    pub fn new(max: usize) -> Arc<Budget> {
        Arc::new(Budget { max, used: AtomicUsize::new(0) })
    }

    /// Takes so many bytes, or none if there are fewer.
    fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|&used| used <= self.max);
        self.used.fetch_update(Relaxed, Relaxed, taken).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

/// What one call has of the budget of all and of its connection's, until it is
/// dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budgets: [Arc<Budget>; 2],
    bytes: AtomicUsize,
}

impl Charge {
    pub fn new(budgets: [Arc<Budget>; 2]) -> Arc<Charge> {
        Arc::new(Charge { budgets, bytes: AtomicUsize::new(0) })
    }

    /// Sees to it that the call has at least so many bytes. Only one may ask at
    /// a time.
    ///
    /// # Errors
    /// When there are not so many; then it keeps what it had.
    pub fn raise(&self, bytes: usize) -> Result<(), Refusal> {
        let before = self.bytes.load(Relaxed);
        if bytes <= before {
            return Ok(());
        }
        let [all, connection] = &self.budgets;
        if !connection.take(bytes - before) {
            return Err(Refusal::Overloaded);
        }
        if !all.take(bytes - before) {
            connection.give_back(bytes - before);
            return Err(Refusal::Overloaded);
        }
        self.bytes.store(bytes, Relaxed);
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.budgets.iter().for_each(|budget| budget.give_back(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_what_there_is_and_give_it_back() {
        let (all, [one, other]) = (Budget::new(100), [Budget::new(60), Budget::new(60)]);
        let first = Charge::new([Arc::clone(&all), Arc::clone(&one)]);
        assert_eq!(first.raise(61), Err(Refusal::Overloaded), "more than a connection has");
        assert_eq!((first.raise(50), first.raise(20), first.raise(60)), (Ok(()), Ok(()), Ok(())));
        let second = Charge::new([Arc::clone(&all), Arc::clone(&other)]);
        assert_eq!(second.raise(41), Err(Refusal::Overloaded), "more than all have");
        assert_eq!((second.raise(40), second.raise(usize::MAX)), (Ok(()), Err(Refusal::Overloaded)));
        drop(first);
        assert_eq!(second.raise(60), Ok(()));
        drop(second);
        assert_eq!([all, one, other].map(|budget| budget.used.load(Relaxed)), [0; 3]);
    }
}
