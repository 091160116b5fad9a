//! How fast, and how much at a time.

use super::auth::Caller;
use super::budget::Charge;
use super::claim::Claim;
use super::held::Held;
use super::peer::Peer;
use super::peers::Peers;
use super::shutdown::Lifecycle;
use super::status::{self, Refusal};
use crate::metrics::{Metrics, Token};
use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;

type Response = http::Response<Body>;

/// With no more calls than this waiting none is refused, however long they take.
/// The server's own tasks, about ten, are counted among them.
const FEW: usize = 16;
/// The latest so many calls make the mean of how long one takes.
const LATEST: u64 = 16;

/// How many comments a caller may have judged: `per_second` in the long run,
/// and `burst` at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Comments a second.
    pub per_second: NonZeroU32,
    /// Comments at once. A smaller number than a batch may hold counts as that.
    pub burst: NonZeroU32,
}

/// Counts the comments of one caller. Without a lock.
pub(super) struct Pace(DefaultDirectRateLimiter);

impl Pace {
    pub fn new(rate: Rate) -> Pace {
        Pace(RateLimiter::direct(Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// Counts so many comments, or says how long they have to wait; then none
    /// of them counts.
    pub fn take(&self, comments: usize) -> Result<(), Duration> {
        let count = u32::try_from(comments).unwrap_or(u32::MAX);
        let Some(count) = NonZeroU32::new(count) else { return Ok(()) };
        match self.0.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(self.0.clock().now())),
            // More than there ever are at once; a batch is not, by `Rate`.
            Err(_) => Err(Duration::MAX),
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace(..)")
    }
}

/// Bounds the calls of all services together.
#[derive(Debug)]
pub(super) struct Calls {
    free: Arc<Semaphore>,
    message_timeout: Duration,
    /// How long a call may have waited for its turn while others wait as well.
    /// One that waited longer is refused: it makes room for those that can still
    /// be answered soon, and those who try again later fare better than those
    /// who wait.
    max_wait: Duration,
    effort: Arc<Effort>,
    among: Option<(Lifecycle, Arc<Peers>)>,
    metrics: Arc<Metrics>,
}

impl Calls {
    /// So many at a time. With a lifecycle, which counts what is under way, and
    /// all peers, calls that come too late are refused, keys have their shares,
    /// and whoever waits for its caller gives way; without, the calls are the
    /// operators', and it is the places that count.
    pub fn new(
        max: usize,
        (message_timeout, max_wait): (Duration, Duration),
        among: Option<(Lifecycle, Arc<Peers>)>,
        metrics: Arc<Metrics>,
    ) -> Calls {
        let max = max.min(Semaphore::MAX_PERMITS);
        let (free, effort) = (Arc::new(Semaphore::new(max)), Arc::default());
        Calls { free, message_timeout, max_wait, effort, among, metrics }
    }

    /// Where to count.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Takes a place for a call, which it keeps until its response is sent or
    /// given up, so that what responses hold is bounded as well. When none is
    /// free, it takes that of a call which has long waited for its caller.
    ///
    /// # Errors
    /// At once, when there is none, when the caller or the connection has its share
    /// of them, or when the call comes too late because there are too many before it.
    pub fn enter(&self, peer: &Arc<Peer>, caller: &Caller) -> Result<Place, Refusal> {
        let free = || Arc::clone(&self.free).try_acquire_owned().map_err(|_| Refusal::Overloaded);
        let (claim, shares) = match &self.among {
            Some((lifecycle, _)) if peer.waited() > self.max_wait && self.is_behind(lifecycle) => {
                return Err(Refusal::Overloaded);
            }
            Some((_, peers)) => {
                let place = Arc::clone(&peer.places).try_acquire_owned();
                let shares = [Some(place.map_err(|_| Refusal::Overloaded)?), caller.enter()?];
                let free = free().or_else(|refusal| peers.place().ok_or(refusal))?;
                (Claim::new(peer, Some(free)), shares)
            }
            None => (Claim::new(peer, None), [Some(free()?), None]),
        };
        let (metrics, effort) = (Arc::clone(&self.metrics), Arc::clone(&self.effort));
        let held = (shares, metrics.call(), None);
        Ok(Place { held, claim, message_timeout: self.message_timeout, effort, metrics })
    }

    /// Whether what waits takes longer than a call may wait. Behind less than
    /// that, a call that waited long did so because the machine was busy with
    /// something else, and refusing it would help nobody.
    fn is_behind(&self, lifecycle: &Lifecycle) -> bool {
        let waiting = waiting(lifecycle);
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        waiting > FEW && self.effort.of(waiting) / workers.max(1) as u32 > self.max_wait
    }
}

/// How many calls have come in and not yet had their turn. Each call is a task of
/// the runtime, each connection is two, and there are few others; the transport
/// begins a call's task before any code of ours runs.
pub(super) fn waiting(lifecycle: &Lifecycle) -> usize {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    tasks.saturating_sub(2 * lifecycle.connections.len() + lifecycle.begun.len())
}

/// Marks the response of a call that did its work before the response began, so
/// that what it took says how long a call takes. One that was refused did none,
/// and a stream does its own later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worked;

/// How long a call keeps the server busy: the mean of the latest that worked, in
/// nanoseconds.
#[derive(Debug, Default)]
struct Effort(AtomicU64);

impl Effort {
    /// Counts one more.
    fn note(&self, busy: Duration) {
        let (mean, busy) = (self.0.load(Relaxed), u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX));
        // Of two calls at once one may go uncounted.
        self.0.store(mean - mean / LATEST + busy / LATEST, Relaxed);
    }

    /// That of so many calls.
    fn of(&self, calls: usize) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed).saturating_mul(calls as u64))
    }
}

/// What a call holds beside its claim: one place of its connection's and of its
/// caller's share, that it is counted, and the bytes of its messages.
type Permits = ([Option<OwnedSemaphorePermit>; 2], Token, Option<Arc<Charge>>);

/// The place of one call.
#[derive(Debug)]
pub(super) struct Place {
    held: Permits,
    claim: Claim,
    message_timeout: Duration,
    effort: Arc<Effort>,
    metrics: Arc<Metrics>,
}

impl Place {
    /// The call's claim on its place.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Holds the bytes of the call's messages as well.
    pub fn charge(&mut self, charge: Arc<Charge>) {
        self.held.2 = Some(charge);
    }

    /// Waits for the response to begin: for a single message that is after the
    /// request has come in, for a stream it is at once. Refuses a caller who
    /// takes too long over sending it.
    pub async fn run(
        self,
        call: impl Future<Output = Result<Response, Infallible>>,
    ) -> Result<Response, Infallible> {
        let Place { held, claim, message_timeout, effort, metrics } = self;
        let mut call = pin!(call);
        let mut busy = Duration::ZERO;
        let timed = poll_fn(|cx| {
            let begin = Instant::now();
            let polled = call.as_mut().poll(cx);
            busy += begin.elapsed();
            polled
        });
        // Sets a timer only when there is something to wait for.
        match timeout(message_timeout, timed).await {
            Ok(Ok(response)) => {
                if let Some(refusal) = status::undecodable_head(response.headers()) {
                    metrics.refused(refusal.reason());
                    return Ok(status::answer(refusal));
                }
                if response.extensions().get::<Worked>().is_some() {
                    effort.note(busy);
                }
                Ok(response.map(|body| Body::new(Held::new(body, claim, held))))
            }
            Err(_) => {
                metrics.refused(Refusal::TooSlow.reason());
                Ok(Status::from(Refusal::TooSlow).into_http())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::auth::Auth;
    use super::super::peer::Share;
    use super::*;
    use crate::keys::Role;
    use http::HeaderMap;
    use http_body::{Body as HttpBody, Frame};
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tonic::codegen::Bytes;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate { per_second: per_second.try_into().unwrap(), burst: burst.try_into().unwrap() }
    }

    #[test]
    fn a_burst_passes_whole_or_not_at_all_and_the_wait_is_told() {
        // The clock runs on while the test does, so that no more than an hour's
        // worth of comments may come back meanwhile.
        let pace = Pace::new(rate(1, 10_000));
        assert_eq!(pace.take(4_000), Ok(()));
        let wait = pace.take(10_000).unwrap_err();
        assert!(wait > Duration::from_secs(400) && wait <= Duration::from_secs(4_000), "{wait:?}");
        assert_eq!((pace.take(0), pace.take(6_000)), (Ok(()), Ok(())));
        assert_eq!(pace.take(10_001), Err(Duration::MAX));
    }

    const LONG: Duration = Duration::from_secs(3600);

    /// Nobody else, and nothing under way.
    fn among() -> Option<(Lifecycle, Arc<Peers>)> {
        Some((Lifecycle::default(), Peers::new(LONG)))
    }

    /// A call that has just come in, of a caller without a key.
    fn enter(calls: &Calls) -> Result<Place, Refusal> {
        let caller = Auth::new(None, None, 1).check(&mut HeaderMap::new(), Role::Moderate).unwrap();
        calls.enter(&Peer::new(Share { calls: 1, bytes: 0 }), &caller)
    }

    #[tokio::test]
    async fn who_waited_long_behind_much_work_is_refused_and_nobody_else() {
        let of = |max_wait| {
            let times = (LONG, max_wait);
            Calls::new(99, times, among(), Arc::default())
        };
        let (strict, patient) = (of(Duration::ZERO), of(LONG));
        let caller = Auth::new(None, None, 1).check(&mut HeaderMap::new(), Role::Moderate).unwrap();
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        let enter = |calls: &Calls| calls.enter(&peer, &caller).map(drop);
        std::thread::sleep(Duration::from_millis(1));
        for calls in [&strict, &patient] {
            calls.effort.note(Duration::from_secs(1));
        }
        assert_eq!(enter(&strict), Ok(()), "nobody else waits");
        let waiting: Vec<_> = (0..=FEW).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        assert_eq!((enter(&strict), enter(&patient)), (Err(Refusal::Overloaded), Ok(())));
        assert_eq!(enter(&of(Duration::ZERO)), Ok(()), "what waits takes no time");
        drop(waiting);
    }

    #[test]
    fn effort_follows_the_latest_calls() {
        let effort = Effort::default();
        let about = |calls, micros: f64| {
            let of = effort.of(calls).as_micros() as f64;
            assert!((of / micros - 1.0).abs() < 0.02, "{of}");
        };
        (0..100).for_each(|_| effort.note(Duration::from_micros(100)));
        about(10, 1_000.0);
        (0..100).for_each(|_| effort.note(Duration::from_micros(400)));
        about(1, 400.0);
    }

    #[tokio::test]
    async fn calls_that_wait_for_their_turn_are_counted() {
        let lifecycle = Lifecycle::default();
        let before = waiting(&lifecycle);
        let tasks: Vec<_> = (0..5).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        assert_eq!(waiting(&lifecycle), before + 5);
        let begun = [lifecycle.begun.token(), lifecycle.begun.token(), lifecycle.connections.token()];
        assert_eq!(waiting(&lifecycle), before + 1);
        drop((begun, tasks));
    }

    #[tokio::test]
    async fn only_calls_that_worked_say_how_long_one_takes() {
        let calls = Calls::new(9, (LONG, LONG), among(), Arc::default());
        let work = || std::thread::sleep(Duration::from_millis(1));
        let run = async |worked: bool| {
            let call = async {
                work();
                let mut response = Response::new(Body::empty());
                if worked {
                    response.extensions_mut().insert(Worked);
                }
                Ok(response)
            };
            drop(enter(&calls).unwrap().run(call).await);
            calls.effort.of(LATEST as usize)
        };
        assert_eq!(run(false).await, Duration::ZERO);
        let once = run(true).await;
        assert!(once >= Duration::from_micros(999), "{once:?}");
        assert_eq!(run(false).await, once);
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_the_response_is_gone() {
        let calls = Calls::new(1, (LONG, LONG), among(), Arc::default());
        let place = enter(&calls).unwrap();
        assert_eq!(enter(&calls).unwrap_err(), Refusal::Overloaded);
        let body = Body::new(http_body_of("text"));
        let response = place.run(async { Ok(Response::new(body)) }).await.unwrap();
        assert_eq!(enter(&calls).unwrap_err(), Refusal::Overloaded);
        drop(response);
        drop(enter(&calls).unwrap());
        drop(enter(&calls).unwrap().run(std::future::pending()));
        assert!(enter(&calls).is_ok());
    }

    #[tokio::test]
    async fn a_connection_has_its_share_of_the_places_and_no_more() {
        let calls = Calls::new(9, (LONG, LONG), among(), Arc::default());
        let caller = Auth::new(None, None, 1).check(&mut HeaderMap::new(), Role::Moderate).unwrap();
        let [peer, other] = [(); 2].map(|()| Peer::new(Share { calls: 2, bytes: 0 }));
        let mut held = [&peer, &peer].map(|peer| calls.enter(peer, &caller).unwrap()).into_iter();
        assert_eq!(calls.enter(&peer, &caller).unwrap_err(), Refusal::Overloaded);
        drop(calls.enter(&other, &caller).unwrap());
        drop(held.next());
        assert!(calls.enter(&peer, &caller).is_ok());
    }

    #[tokio::test]
    async fn who_never_sends_the_request_is_refused() {
        let calls = Calls::new(1, (Duration::from_millis(10), LONG), among(), Arc::default());
        let place = enter(&calls).unwrap();
        let response = place.run(std::future::pending()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert!(enter(&calls).is_ok());
    }

    /// A body of one frame.
    fn http_body_of(text: &str) -> impl HttpBody<Data = Bytes, Error = Status> + Send + 'static {
        struct One(Option<Bytes>);
        impl HttpBody for One {
            type Data = Bytes;
            type Error = Status;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
        One(Some(Bytes::copy_from_slice(text.as_bytes())))
    }
}
