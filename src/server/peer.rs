//! What a connection and its calls know of one another: since when the bytes
//! that were read last had been there, which calls are under way and when the
//! last was, and how much of what all share the peer may still have.

use super::budget::Budget;
use super::claim::Wait;
use atomic_waker::AtomicWaker;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// No moment of a peer's, which all come later.
pub(super) const NEVER: u64 = 0;

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
    /// Its calls that are under way, mostly one.
    calls: Mutex<Vec<Arc<Wait>>>,
    /// When a call that came through a gate last began, went on or ended.
    used: AtomicU64,
    /// The task of its connection.
    connection: AtomicWaker,
    is_cut: AtomicBool,
    leaving: CancellationToken,
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
        let places = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Arc::new(Peer {
            began: Instant::now(),
            heard: AtomicU64::new(NEVER),
            rung: AtomicU64::new(NEVER),
            calls: Mutex::default(),
            used: AtomicU64::new(NEVER),
            connection: AtomicWaker::new(),
            is_cut: AtomicBool::new(false),
            leaving: CancellationToken::new(),
            places: places(share.calls),
            open: places(MAX_OPEN_CALLS),
            bytes: Budget::new(share.bytes),
        })
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
        self.since(&self.heard).unwrap_or_else(|| self.began.elapsed())
    }

    /// Whether the peer has left anything that it is owed for so long, whatever
    /// else it took meanwhile.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        self.calls().iter().filter_map(|call| call.unread()).any(|unread| unread > patience)
    }

    /// Its calls that are under way.
    pub fn calls(&self) -> MutexGuard<'_, Vec<Arc<Wait>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a call which came through a gate begins, goes on or ends.
    pub fn note_use(&self) {
        self.used.store(self.now(), Relaxed);
    }

    /// Whether a call of it ever came through a gate.
    pub fn has_called(&self) -> bool {
        self.used.load(Relaxed) != NEVER
    }

    /// How long the connection has been of no use, whatever was asked of services
    /// for anybody; none while a call is worked on.
    pub fn unused(&self) -> Option<Duration> {
        if self.calls().iter().any(|call| call.is_gated() && call.waited().is_none()) {
            return None;
        }
        Some(self.since(&self.used).unwrap_or_else(|| self.began.elapsed()))
    }

    /// Asks the peer to leave, in the way of HTTP/2.
    pub fn ask_to_leave(&self) {
        self.leaving.cancel();
    }

    /// Whether it was asked to leave.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// Completes when the peer is asked to leave.
    pub fn asked_to_leave(&self) -> impl Future<Output = ()> + Send + 'static {
        self.leaving.clone().cancelled_owned()
    }

    /// Has the connection closed, whatever it carries.
    pub fn cut(&self) {
        self.is_cut.store(true, Relaxed);
        self.connection.wake();
    }

    /// Whether the connection is to be closed.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Relaxed)
    }

    /// By the clock of this peer.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(NEVER + 1)
    }

    /// How long ago a moment of that clock is; none before there is one.
    pub fn since(&self, then: &AtomicU64) -> Option<Duration> {
        match then.load(Relaxed) {
            NEVER => None,
            then => Some(Duration::from_micros(self.now().saturating_sub(then))),
        }
    }
}

/// Since when bytes may have been there, as far as is known.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(super) struct Rung(u64);

/// Notes when a connection is woken, which it is when bytes came in, and wakes
/// it.
#[derive(Debug)]
pub(super) struct Bell(Arc<Peer>);

impl Bell {
    pub fn new(peer: &Arc<Peer>) -> Arc<Bell> {
        Arc::new(Bell(Arc::clone(peer)))
    }

    /// Whom to wake from now on.
    pub fn wakes(&self, connection: &Waker) {
        self.0.connection.register(connection);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.ring();
        self.0.connection.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::super::claim::Claim;
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
        let [first, second] = [(); 2].map(|()| Claim::open(&peer));
        first.wait().owe();
        second.wait().owe();
        assert!(stuck(&peer));
        assert!(!peer.is_stuck(Duration::from_secs(3600)));
        first.wait().settle();
        assert!(stuck(&peer), "the second is still owed");
        drop(second);
        assert!(!stuck(&peer));
        first.wait().owe();
        assert!(stuck(&peer));
        drop(first);
        assert!(!stuck(&peer));
    }

    #[test]
    fn what_a_peer_takes_does_not_excuse_what_it_leaves() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        let [left, taken] = [(); 2].map(|()| Claim::open(&peer));
        left.wait().owe();
        std::thread::sleep(PAUSE);
        taken.wait().owe();
        taken.wait().settle();
        taken.wait().owe();
        assert!(peer.is_stuck(PAUSE));
        drop(left);
        assert!(!peer.is_stuck(Duration::from_secs(3600)));
        assert_eq!(peer.calls().len(), 1);
    }

    #[test]
    fn a_connection_is_of_no_use_while_nobody_is_worked_for() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        std::thread::sleep(PAUSE);
        let open = Claim::open(&peer);
        assert!(peer.unused().unwrap() >= PAUSE && !peer.has_called());
        let call = Claim::new(&peer, None);
        assert!(peer.unused().is_none() && peer.has_called());
        call.wait().owe();
        std::thread::sleep(PAUSE);
        assert!(peer.unused().unwrap() >= PAUSE);
        drop(call);
        assert!(peer.unused().unwrap() < Duration::from_secs(3600));
        drop(open);
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
