//! All peers of a server, and which of them gives way when there is no room for
//! another call or connection: whoever has kept the server waiting for longest.
//!
//! Without keys nobody can be told apart, and behind a proxy not even by their
//! address. What can be told is who uses what they hold, so that those who do
//! not are kept only for as long as nobody else wants it.

use super::claim::Wait;
use super::peer::Peer;
use std::cmp::Reverse;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// After a look in vain the next is worth its while no sooner than this.
const SOONEST: Duration = Duration::from_millis(10);
/// After one that took no longer than this, another may follow at once.
const LONG_LOOK: Duration = Duration::from_millis(10);

/// The peers of the connections that are open.
#[derive(Debug)]
pub(super) struct Peers {
    open: Mutex<Vec<Arc<Peer>>>,
    /// How long whoever keeps the server waiting is left alone.
    patience: Duration,
    places: Look,
    connections: Look,
}

impl Peers {
    pub fn new(patience: Duration) -> Arc<Peers> {
        let look = || Look { began: Instant::now(), next: AtomicU64::new(0) };
        Arc::new(Peers { open: Mutex::default(), patience, places: look(), connections: look() })
    }

    /// Has one more, until what is returned is dropped.
    pub fn enlist(self: &Arc<Self>, peer: &Arc<Peer>) -> Enlisted {
        self.open().push(Arc::clone(peer));
        Enlisted { peers: Arc::clone(self), peer: Arc::clone(peer) }
    }

    /// The place of the call that has waited for its peer for longest, if any
    /// has for long enough. That call ends.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        let look = self.places.begin()?;
        let longest = {
            let open = self.open();
            let waiting = open.iter().flat_map(|peer| {
                // Who leaves an answer unread would lose the connection, which is
                // others' as well where somebody calls for many.
                let is_used = peer.unused().is_none_or(|unused| unused < self.patience);
                let calls = peer.calls().clone().into_iter().filter(|call| call.has_place());
                calls.filter_map(move |call| {
                    let waited = if is_used { call.unsent() } else { call.waited() };
                    Some((waited?, call))
                })
            });
            waiting.max_by_key(|(waited, _)| *waited)
        };
        match longest {
            Some((waited, call)) if waited >= self.patience => {
                self.places.end(look);
                call.give_way()
            }
            other => {
                let waited = other.map_or(Duration::ZERO, |(waited, _): (_, Arc<Wait>)| waited);
                self.places.wait(self.patience - waited);
                None
            }
        }
    }

    /// Asks a peer to leave whose calls have all waited for it for long enough, or
    /// who has none; says whether there is one. First those who never called
    /// what is behind a gate, then whoever has not used it for longest.
    pub fn make_room(&self) -> bool {
        let Some(look) = self.connections.begin() else { return false };
        let open = self.open();
        let staying = open.iter().filter(|peer| !peer.is_leaving());
        let unused = staying.filter_map(|peer| Some((peer.unused()?, peer)));
        let (long, short): (Vec<_>, Vec<_>) = unused.partition(|(unused, _)| *unused >= self.patience);
        match long.iter().min_by_key(|(unused, peer)| (peer.has_called(), Reverse(*unused))) {
            Some((_, peer)) => {
                self.connections.end(look);
                peer.ask_to_leave();
                true
            }
            None => {
                let longest = short.iter().map(|(unused, _)| *unused).max().unwrap_or_default();
                self.connections.wait(self.patience - longest);
                false
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a peer is among the others.
#[derive(Debug)]
pub(super) struct Enlisted {
    peers: Arc<Peers>,
    peer: Arc<Peer>,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        let mut open = self.peers.open();
        if let Some(i) = open.iter().position(|peer| Arc::ptr_eq(peer, &self.peer)) {
            open.swap_remove(i);
        }
    }
}

/// When it is next worth looking through all peers, so that refusing stays cheap
/// where there is nobody to give way.
#[derive(Debug)]
struct Look {
    began: Instant,
    /// In microseconds since the beginning.
    next: AtomicU64,
}

impl Look {
    /// The time of a look, if one is due.
    fn begin(&self) -> Option<Duration> {
        let now = self.began.elapsed();
        (now >= Duration::from_micros(self.next.load(Relaxed))).then_some(now)
    }

    /// Has no look for as long as this one took, if that was long: where there are
    /// very many peers, looking must not be all that is done.
    fn end(&self, look: Duration) {
        let took = self.began.elapsed().saturating_sub(look);
        if took > LONG_LOOK {
            self.wait(took);
        }
    }

    fn wait(&self, time: Duration) {
        let next = self.began.elapsed().saturating_add(time.max(SOONEST));
        self.next.store(u64::try_from(next.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::claim::Claim;
    use super::super::peer::Share;
    use super::*;
    use std::task::{Context, Waker};
    use std::thread::sleep;
    use tokio::sync::Semaphore;

    const PATIENCE: Duration = Duration::from_millis(40);
    /// Longer than that, and long enough for another look.
    const LONG: Duration = Duration::from_millis(60);

    fn peer() -> Arc<Peer> {
        Peer::new(Share { calls: 9, bytes: 0 })
    }

    fn silent(claim: &Claim) {
        assert!(claim.wait().poll_lost(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[test]
    fn the_call_that_waited_longest_for_its_peer_gives_its_place() {
        let (peers, free) = (Peers::new(PATIENCE), Arc::new(Semaphore::new(9)));
        let [one, other] = [(); 2].map(|()| peer());
        let _enlisted = [&one, &other].map(|peer| peers.enlist(peer));
        let place = || Some(Arc::clone(&free).try_acquire_owned().unwrap());
        let working = Claim::new(&one, place());
        let (first, second) = (Claim::new(&one, place()), Claim::new(&other, place()));
        let open = Claim::open(&one);
        silent(&open);
        silent(&first);
        assert!(peers.place().is_none(), "none has waited for long");
        sleep(LONG);
        silent(&second);
        let taken = [peers.place(), peers.place()];
        assert_eq!(taken.each_ref().map(Option::is_some), [true, false]);
        assert_eq!([&first, &second, &working].map(|claim| claim.wait().has_place()), [false, true, true]);
        sleep(LONG);
        assert!(peers.place().is_some());
        sleep(LONG);
        assert!(peers.place().is_none(), "one that is worked on keeps its place");
    }

    #[test]
    fn who_calls_for_many_is_not_cut_for_one_that_does_not_read() {
        let (peers, free) = (Peers::new(PATIENCE), Arc::new(Semaphore::new(9)));
        let peer = peer();
        let _enlisted = peers.enlist(&peer);
        let unread = Claim::new(&peer, Some(free.try_acquire_owned().unwrap()));
        unread.wait().owe();
        sleep(LONG);
        drop(Claim::new(&peer, None));
        assert!(peers.place().is_none() && !peer.is_cut(), "it is in use");
        sleep(LONG);
        assert!(peers.place().is_some() && peer.is_cut());
    }

    #[test]
    fn strangers_leave_first_and_whoever_is_worked_for_stays() {
        let peers = Peers::new(PATIENCE);
        let all: Vec<_> = (0..4).map(|_| peer()).collect();
        let _enlisted: Vec<_> = all.iter().map(|peer| peers.enlist(peer)).collect();
        let [busy, called, stranger, late] = &all[..] else { panic!("there are four") };
        let _working = Claim::new(busy, None);
        drop(Claim::new(called, None));
        let _watch = Claim::open(stranger);
        assert!(!peers.make_room(), "none has been there for long");
        sleep(LONG);
        let waits = Claim::new(late, None);
        silent(&waits);
        let leaving = || all.iter().map(|peer| peer.is_leaving()).collect::<Vec<_>>();
        assert!(peers.make_room());
        assert_eq!(leaving(), [false, false, true, false]);
        assert!(peers.make_room());
        assert_eq!(leaving(), [false, true, true, false]);
        assert!(!peers.make_room());
        sleep(LONG);
        assert!(peers.make_room());
        assert_eq!(leaving(), [false, true, true, true], "its stream is silent");
        sleep(LONG);
        assert!(!peers.make_room());
    }

    #[test]
    fn who_is_gone_is_not_asked() {
        let peers = Peers::new(Duration::ZERO);
        drop(peers.enlist(&peer()));
        assert!(!peers.make_room() && peers.open().is_empty());
    }
}
