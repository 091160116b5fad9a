//! Work on all cores, with its outcome in the order of its input.
//!
//! One thread takes the items from their source and puts them into batches.
//! Each batch goes to the workers and, as a promise of their answers, to
//! whoever asked, who takes the promises in the order of the source. Both ways
//! are bounded, so that memory does not grow with the input.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::{mem, thread};

/// When a batch is full: enough that handing it over costs nothing, little
/// enough that the cores share the work evenly.
const BATCH_ITEMS: usize = 64;
const BATCH_BYTES: usize = 256 << 10;
/// How many batches may be under way for each worker.
const BATCHES: usize = 4;

/// One piece of work.
pub trait Item: Send + 'static {
    /// About how much memory it takes, in bytes.
    fn bytes(&self) -> usize;
}

/// What comes out, in the order of the source.
pub enum Next<A, E> {
    /// The answers for a batch, once they are there. Whoever promised them
    /// gave up when none come.
    Answers(Receiver<A>),
    /// The source met something bad.
    Bad(E),
}

/// Items that follow one another, and where the answers for them go.
struct Batch<I, A> {
    items: Vec<I>,
    answers: SyncSender<A>,
}

/// Puts the items of `source` through workers, one on each core, each made by
/// `worker`.
///
/// Everything ends when the source does or when nobody listens any more. It is
/// not waited for: the source may be waiting itself, for a standard input that
/// never ends.
pub fn run<I, A, E, W>(
    source: impl Iterator<Item = Result<I, E>> + Send + 'static,
    mut worker: impl FnMut() -> W,
) -> Receiver<Next<A, E>>
where
    I: Item,
    A: Send + 'static,
    E: Send + 'static,
    W: FnMut(Vec<I>) -> A + Send + 'static,
{
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (jobs, taken) = sync_channel(workers);
    let (order, ordered) = sync_channel(workers * BATCHES);
    let taken = Arc::new(Mutex::new(taken));
    for _ in 0..workers {
        let (work, taken) = (worker(), Arc::clone(&taken));
        thread::spawn(move || labour(work, &taken));
    }
    // Whoever hung up knows why.
    thread::spawn(move || drop(Feeder { jobs, order, batch: Vec::new(), bytes: 0 }.feed(source)));
    ordered
}

/// Works on batches until there are no more.
fn labour<I, A>(mut work: impl FnMut(Vec<I>) -> A, batches: &Mutex<Receiver<Batch<I, A>>>) {
    loop {
        // Whoever holds the lock only waits in it, and cannot leave anything
        // half-done behind.
        let next = batches.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
        let Ok(Batch { items, answers }) = next else { return };
        // When nobody listens any more, the next batch is the last.
        let _ = answers.send(work(items));
    }
}

/// Makes batches. Alone, so that they do not depend on the number of cores.
struct Feeder<I, A, E> {
    jobs: SyncSender<Batch<I, A>>,
    order: SyncSender<Next<A, E>>,
    batch: Vec<I>,
    bytes: usize,
}

/// Nobody takes batches any more.
struct Unwanted;

impl<I: Item, A, E> Feeder<I, A, E> {
    fn feed(mut self, source: impl Iterator<Item = Result<I, E>>) -> Result<(), Unwanted> {
        for item in source {
            match item {
                Ok(item) => {
                    self.bytes += item.bytes();
                    self.batch.push(item);
                }
                Err(error) => {
                    self.hand_over()?;
                    self.order.send(Next::Bad(error)).map_err(|_| Unwanted)?;
                }
            }
            if self.batch.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES {
                self.hand_over()?;
            }
        }
        self.hand_over()
    }

    /// Gives the batch to the workers, and its answers to come to the
    /// listener.
    fn hand_over(&mut self) -> Result<(), Unwanted> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (answers, promise) = sync_channel(1);
        let batch = Batch { items: mem::take(&mut self.batch), answers };
        self.bytes = 0;
        self.jobs.send(batch).map_err(|_| Unwanted)?;
        self.order.send(Next::Answers(promise)).map_err(|_| Unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for u32 {
        fn bytes(&self) -> usize {
            4
        }
    }

    #[test]
    fn answers_and_faults_come_in_the_order_of_the_source() {
        let source = (0..10_000).map(|i| if i % 999 == 998 { Err(i) } else { Ok(i) });
        let mut seen = Vec::new();
        for next in run(source, || |items: Vec<u32>| items) {
            match next {
                Next::Answers(promise) => seen.extend(promise.recv().unwrap()),
                Next::Bad(i) => seen.push(i),
            }
        }
        assert_eq!(seen, (0..10_000).collect::<Vec<u32>>());
    }

    #[test]
    fn an_endless_source_ends_when_nobody_listens() {
        let (dropped, told) = sync_channel::<()>(1);
        let source = (0..).map(move |i| {
            let _held = &dropped;
            Ok::<u32, u32>(i)
        });
        let answers = run(source, || |items: Vec<u32>| items.len());
        assert!(matches!(answers.recv(), Ok(Next::Answers(_))));
        drop(answers);
        // The source goes away, and with it the other end of this.
        assert!(told.recv().is_err());
    }
}
