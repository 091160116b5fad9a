//! What one call of a peer waits for, and the place that it has meanwhile.

use super::peer::{NEVER, Peer};
use atomic_waker::AtomicWaker;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// A call under way, until it is dropped. Its peer knows of it.
#[derive(Debug)]
pub(super) struct Claim(Arc<Wait>);

impl Claim {
    /// A call that has come through a gate, with the place that it may have to
    /// give up.
    pub fn new(peer: &Arc<Peer>, place: Option<OwnedSemaphorePermit>) -> Claim {
        peer.note_use();
        Claim::begin(peer, true, place)
    }

    /// A call of a service that anybody may call.
    pub fn open(peer: &Arc<Peer>) -> Claim {
        Claim::begin(peer, false, None)
    }

    fn begin(peer: &Arc<Peer>, is_gated: bool, place: Option<OwnedSemaphorePermit>) -> Claim {
        let wait = Arc::new(Wait {
            peer: Arc::clone(peer),
            is_gated,
            unsent: AtomicU64::new(NEVER),
            unread: AtomicU64::new(NEVER),
            place: Mutex::new(place),
            is_lost: AtomicBool::new(false),
            call: AtomicWaker::new(),
        });
        peer.calls().push(Arc::clone(&wait));
        Claim(wait)
    }

    /// What the call waits for.
    pub fn wait(&self) -> &Arc<Wait> {
        &self.0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let wait = &self.0;
        let mut calls = wait.peer.calls();
        if let Some(i) = calls.iter().position(|other| Arc::ptr_eq(other, wait)) {
            calls.swap_remove(i);
        }
        drop(calls);
        if wait.is_gated {
            wait.peer.note_use();
        }
        drop(wait.take_place());
    }
}

/// What a call waits for its peer with, and since when, in the peer's time.
#[derive(Debug)]
pub(super) struct Wait {
    peer: Arc<Peer>,
    is_gated: bool,
    /// For the rest of a message, or for the next one of a stream.
    unsent: AtomicU64,
    /// For the peer to take what it is owed of an answer.
    unread: AtomicU64,
    place: Mutex<Option<OwnedSemaphorePermit>>,
    is_lost: AtomicBool,
    call: AtomicWaker,
}

impl Wait {
    /// Waits for more of a message; ready when the call has lost its place
    /// meanwhile, and has to end.
    pub fn poll_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = self.unsent.compare_exchange(NEVER, self.peer.now(), Relaxed, Relaxed);
        self.call.register(cx.waker());
        if self.is_lost.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// A message has come in whole.
    pub fn came_in(&self) {
        self.unsent.store(NEVER, Relaxed);
        self.peer.note_use();
    }

    /// There is something for the peer to take.
    pub fn owe(&self) {
        let _ = self.unread.compare_exchange(NEVER, self.peer.now(), Relaxed, Relaxed);
    }

    /// The peer has taken all there was.
    pub fn settle(&self) {
        self.unread.store(NEVER, Relaxed);
    }

    /// How long the peer has left what it is owed.
    pub fn unread(&self) -> Option<Duration> {
        self.peer.since(&self.unread)
    }

    /// How long the call has waited for more of a message.
    pub fn unsent(&self) -> Option<Duration> {
        self.peer.since(&self.unsent)
    }

    /// How long it has waited for its peer at all; none while it is worked on.
    pub fn waited(&self) -> Option<Duration> {
        self.unsent().max(self.unread())
    }

    /// Whether it came through a gate, rather than to a service for anybody.
    pub fn is_gated(&self) -> bool {
        self.is_gated
    }

    /// Whether it has a place that another call could have.
    pub fn has_place(&self) -> bool {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes the place from the call, which ends. Nothing can be told to a peer
    /// that does not read, so that one loses its connection.
    pub fn give_way(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.take_place()?;
        self.is_lost.store(true, Release);
        self.call.wake();
        if self.unread().is_some() {
            self.peer.cut();
        }
        Some(place)
    }

    fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::Share;
    use super::*;
    use std::task::Waker;
    use std::thread::sleep;
    use tokio::sync::Semaphore;

    const PAUSE: Duration = Duration::from_millis(5);

    fn peer() -> Arc<Peer> {
        Peer::new(Share { calls: 1, bytes: 0 })
    }

    #[test]
    fn a_call_waits_for_what_is_not_sent_and_for_what_is_not_read() {
        let claim = Claim::open(&peer());
        let wait = claim.wait();
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(wait.waited(), None);
        assert!(wait.poll_lost(&mut cx).is_pending());
        sleep(PAUSE);
        // What comes in by pieces is waited for since the first.
        assert!(wait.poll_lost(&mut cx).is_pending());
        assert!(wait.waited().unwrap() >= PAUSE && wait.unread().is_none());
        wait.came_in();
        assert_eq!(wait.waited(), None);
        wait.owe();
        sleep(PAUSE);
        wait.owe();
        assert!(wait.waited().unwrap() >= PAUSE && wait.unread().unwrap() >= PAUSE);
        wait.settle();
        assert_eq!(wait.waited(), None);
    }

    #[test]
    fn who_loses_its_place_is_told_or_else_cut() {
        let (free, mut cx) = (Arc::new(Semaphore::new(1)), Context::from_waker(Waker::noop()));
        let place = || Some(Arc::clone(&free).try_acquire_owned().unwrap());
        for reads in [true, false] {
            let peer = peer();
            let claim = Claim::new(&peer, place());
            let wait = claim.wait();
            if reads {
                assert!(wait.poll_lost(&mut cx).is_pending());
            } else {
                wait.owe();
            }
            let taken = wait.give_way().unwrap();
            assert!(wait.poll_lost(&mut cx).is_ready() && wait.give_way().is_none());
            assert_eq!(peer.is_cut(), !reads);
            drop(claim);
            assert!(peer.calls().is_empty() && free.available_permits() == 0);
            drop(taken);
        }
        drop(Claim::new(&peer(), place()));
        assert_eq!(free.available_permits(), 1, "the place goes with the call");
    }
}
