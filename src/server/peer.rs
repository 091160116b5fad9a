//! What a connection and its calls know of one another: when bytes last came
//! in, and whether the peer takes its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The peer of one connection. Shared by the connection and its calls; without
/// a lock, and each time is good to a microsecond.
#[derive(Debug)]
pub(super) struct Peer {
    began: Instant,
    /// When bytes last came in, in microseconds since the beginning.
    heard: AtomicU64,
    /// How many answers wait for the peer to take more of them.
    owed: AtomicUsize,
    /// When the peer last took a part of one, or began to be owed one.
    took: AtomicU64,
}

impl Peer {
    pub fn new() -> Arc<Peer> {
        let (heard, owed, took) = Default::default();
        Arc::new(Peer { began: Instant::now(), heard, owed, took })
    }

    /// Notes that bytes came in.
    pub fn hear(&self) {
        self.heard.store(self.now(), Relaxed);
    }

    /// How long ago bytes last came in. A connection reads all there is before
    /// its calls begin, so that for a call which begins this is how long it
    /// waited for its turn.
    pub fn waited(&self) -> Duration {
        self.since(&self.heard)
    }

    /// Whether the peer has left what it is owed for so long.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        self.owed.load(Relaxed) > 0 && self.since(&self.took) > patience
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn since(&self, then: &AtomicU64) -> Duration {
        Duration::from_micros(self.now().saturating_sub(then.load(Relaxed)))
    }
}

/// An answer that the peer is owed, or a part of it. None when dropped.
#[derive(Debug)]
pub(super) struct Debt {
    peer: Arc<Peer>,
    owed: bool,
}

impl Debt {
    pub fn new(peer: Arc<Peer>) -> Debt {
        let mut debt = Debt { peer, owed: false };
        debt.owe();
        debt
    }

    /// There is something for the peer to take.
    pub fn owe(&mut self) {
        if !std::mem::replace(&mut self.owed, true) {
            self.peer.took.store(self.peer.now(), Relaxed);
            self.peer.owed.fetch_add(1, Relaxed);
        }
    }

    /// The peer has taken all there was.
    pub fn settle(&mut self) {
        if std::mem::replace(&mut self.owed, false) {
            self.peer.took.store(self.peer.now(), Relaxed);
            self.peer.owed.fetch_sub(1, Relaxed);
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

    #[test]
    fn a_peer_is_stuck_only_while_it_leaves_what_it_is_owed() {
        let peer = Peer::new();
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
    fn a_call_has_waited_since_bytes_came_in() {
        let peer = Peer::new();
        std::thread::sleep(Duration::from_millis(2));
        let before = peer.waited();
        assert!(before >= Duration::from_millis(2));
        peer.hear();
        let heard = peer.heard.load(Relaxed);
        assert!(heard >= 2_000, "{heard}");
    }
}
