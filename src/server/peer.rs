//! What a connection and its calls know of one another: since when the bytes
//! that were read last had been there, whether the peer takes its answers, and
//! how much of what all share it may still have.

use super::budget::Budget;
use atomic_waker::AtomicWaker;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// No moment of a peer's, which all come later.
const NEVER: u64 = 0;

/// How many calls to the services that want no key may be open at a time on one
/// connection. Counted by connection, so that nobody's watches take the place of
/// anybody else's probes.
pub(super) const MAX_OPEN_CALLS: usize = 16;

/// What one connection may have of what all share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// The places for calls.
    pub calls: usize,
    /// The bytes of messages.
    pub bytes: usize,
}

/// The peer of one connection. Shared by the connection and its calls; each
/// time is good to a microsecond.
#[derive(Debug)]
pub(super) struct Peer {
    began: Instant,
    /// When the bytes that were read last had come in, in microseconds since the
    /// beginning.
    heard: AtomicU64,
    /// Since when there may be bytes that were not read yet.
    rung: AtomicU64,
    /// Since when each answer that waits for the peer to take more of it does.
    /// There are no more than calls on a connection, mostly one.
    owed: Mutex<Vec<u64>>,
    /// The places that its calls may take.
    pub places: Arc<Semaphore>,
    /// Those of its calls to the services that want no key.
    pub open: Arc<Semaphore>,
    /// The bytes that the messages of its calls may take.
    pub bytes: Arc<Budget>,
}

impl Peer {
    /// One that may have so much.
    pub fn new(share: Share) -> Arc<Peer> {
        let (heard, rung, owed) = Default::default();
        let places = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let (places, open, bytes) = (places(share.calls), places(MAX_OPEN_CALLS), Budget::new(share.bytes));
        Arc::new(Peer { began: Instant::now(), heard, rung, owed, places, open, bytes })
    }

    /// Notes that there may be bytes to read.
    fn ring(&self) {
        let _ = self.rung.compare_exchange(NEVER, self.now(), Relaxed, Relaxed);
    }

    /// Begins to read: says since when what is there may have been.
    pub fn listen(&self) -> Rung {
        Rung(self.rung.swap(NEVER, Relaxed))
    }

    /// Notes that bytes were read, and whether these were all.
    pub fn hear(&self, Rung(since): Rung, all: bool) {
        let now = self.now();
        let since = if since == NEVER { now } else { since };
        self.heard.store(since, Relaxed);
        // What comes next came after this, or else was there with it.
        self.rung.store(if all { now } else { since }, Relaxed);
    }

    /// How long ago the bytes that were read last came in, also those that lay
    /// with the system while the connection waited for its turn to read them. A
    /// connection reads all there is before its calls begin, so that for a call
    /// which begins this is how long it has waited.
    pub fn waited(&self) -> Duration {
        self.since(&self.heard)
    }

    /// Whether the peer has left anything that it is owed for so long, whatever
    /// else it took meanwhile.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        let oldest = self.owed().iter().min().copied();
        oldest.is_some_and(|since| Duration::from_micros(self.now().saturating_sub(since)) > patience)
    }

    fn owed(&self) -> MutexGuard<'_, Vec<u64>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(NEVER + 1)
    }

    fn since(&self, then: &AtomicU64) -> Duration {
        Duration::from_micros(self.now().saturating_sub(then.load(Relaxed)))
    }
}

/// Since when bytes may have been there, as far as is known.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(super) struct Rung(u64);

/// Notes when a connection is woken, which it is when bytes came in, and wakes
/// it.
#[derive(Debug)]
pub(super) struct Bell {
    peer: Arc<Peer>,
    connection: AtomicWaker,
}

impl Bell {
    pub fn new(peer: &Arc<Peer>) -> Arc<Bell> {
        Arc::new(Bell { peer: Arc::clone(peer), connection: AtomicWaker::new() })
    }

    /// Whom to wake from now on.
    pub fn wakes(&self, connection: &Waker) {
        self.connection.register(connection);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.peer.ring();
        self.connection.wake();
    }
}

/// An answer that the peer is owed, or a part of it. None when dropped.
#[derive(Debug)]
pub(super) struct Debt {
    peer: Arc<Peer>,
    since: Option<u64>,
}

impl Debt {
    pub fn new(peer: Arc<Peer>) -> Debt {
        let mut debt = Debt { peer, since: None };
        debt.owe();
        debt
    }

    /// There is something for the peer to take.
    pub fn owe(&mut self) {
        if self.since.is_none() {
            let now = self.peer.now();
            self.peer.owed().push(now);
            self.since = Some(now);
        }
    }

    /// The peer has taken all there was.
    pub fn settle(&mut self) {
        if let Some(since) = self.since.take() {
            let mut owed = self.peer.owed();
            // Of two of the same moment it does not matter which.
            if let Some(i) = owed.iter().position(|&one| one == since) {
                owed.swap_remove(i);
            }
        }
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_peer_is_stuck_only_while_it_leaves_what_it_is_owed() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        // The clock has steps of a microsecond.
        let stuck = |peer: &Peer| {
            std::thread::sleep(Duration::from_millis(1));
            peer.is_stuck(Duration::ZERO)
        };
        assert!(!stuck(&peer));
        let mut first = Debt::new(Arc::clone(&peer));
        let second = Debt::new(Arc::clone(&peer));
        assert!(stuck(&peer));
        assert!(!peer.is_stuck(Duration::from_secs(3600)));
        first.settle();
        assert!(stuck(&peer), "the second is still owed");
        drop(second);
        assert!(!stuck(&peer));
        first.owe();
        first.owe();
        assert!(stuck(&peer));
        drop(first);
        assert!(!stuck(&peer));
    }

    #[test]
    fn what_a_peer_takes_does_not_excuse_what_it_leaves() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        let left = Debt::new(Arc::clone(&peer));
        std::thread::sleep(PAUSE);
        let mut taken = Debt::new(Arc::clone(&peer));
        taken.settle();
        taken.owe();
        assert!(peer.is_stuck(PAUSE));
        drop(left);
        assert!(!peer.is_stuck(Duration::from_secs(3600)));
        assert_eq!(peer.owed().len(), 1);
    }

    const PAUSE: Duration = Duration::from_millis(5);

    #[test]
    fn a_call_has_waited_since_its_bytes_came_in_and_not_since_they_were_read() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        let bell = Waker::from(Bell::new(&peer));
        std::thread::sleep(PAUSE);
        let read = |all| {
            let rung = peer.listen();
            peer.hear(rung, all);
            peer.heard.load(Relaxed)
        };
        // Nobody rang, as before the first reading.
        assert!(read(true) >= 5_000);
        let _ = peer.listen();
        std::thread::sleep(PAUSE);
        bell.wake_by_ref();
        let rung = peer.rung.load(Relaxed);
        assert!(rung >= 10_000, "{rung}");
        std::thread::sleep(PAUSE);
        bell.wake_by_ref();
        assert_eq!(read(false), rung, "the first time counts");
        assert!(peer.waited() >= PAUSE);
        assert_eq!(read(false), rung, "there was more of it");
        assert_eq!(read(true), rung);
        assert!(read(true) > rung, "this came after all of that was read");
    }

    #[test]
    fn a_bell_wakes_whom_it_was_told_last() {
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let woken = [(); 2].map(|()| Arc::new(Woken(AtomicUsize::new(0))));
        let bell = Bell::new(&Peer::new(Share { calls: 1, bytes: 0 }));
        for one in &woken {
            bell.wakes(&Waker::from(Arc::clone(one)));
        }
        Waker::from(bell).wake();
        assert_eq!(woken.map(|one| one.0.load(Relaxed)), [0, 1]);
    }
}
