//! What a call passes before it reaches its service, and before its message is
//! read: who is calling, may they, and is there room for one more.
//!
//! The gate stands before a service, not before all of them: health and
//! reflection are [`Open`](super::open::Open), and a service behind a gate cannot
//! be reached around it.

use super::auth::{Auth, Caller};
use super::intake::Intake;
use super::limits::{Calls, Place};
use super::peer::Peer;
use super::status::{self, Refusal};
use super::traces::{CallTrace, TraceRoom};
use crate::keys::Role;
use http::Request as HttpRequest;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::Request;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tracing::{Span, field};

/// A call as it came through the gate, before its message was read.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// When that was, its time in the queue of the runtime included.
    pub at: Instant,
    /// Where the phases of its comment go, if anybody will see them.
    pub trace: Option<CallTrace>,
}

impl Arrival {
    /// What arrives now, and is not traced.
    pub fn now() -> Arrival {
        Arrival { at: Instant::now(), trace: None }
    }

    /// What came in when the peer was last heard, before the call got its turn.
    fn of(peer: &Peer, trace: Option<CallTrace>) -> Arrival {
        let now = Instant::now();
        Arrival { at: now.checked_sub(peer.waited()).unwrap_or(now), trace }
    }
}

type Response = http::Response<Body>;

/// A service behind its gate.
#[derive(Clone, Debug)]
pub(super) struct Gate<S> {
    service: S,
    role: Role,
    auth: Arc<Auth>,
    calls: Arc<Calls>,
    intake: Option<Arc<Intake>>,
}

impl<S> Gate<S> {
    /// Lets callers of that role through to the service.
    pub fn new(service: S, role: Role, auth: Arc<Auth>, calls: Arc<Calls>) -> Self {
        Self { service, role, auth, calls, intake: None }
    }

    /// The same, with messages that come in through there.
    pub fn behind(self, intake: Arc<Intake>) -> Self {
        Self { intake: Some(intake), ..self }
    }

    /// Strangers are refused first, so that they learn nothing of the load.
    fn admit(&self, request: &mut HttpRequest<Body>) -> Result<Place, Refusal> {
        let caller = self.auth.check(request.headers_mut(), self.role)?;
        if let Some(key) = caller.key {
            Span::current().record("key", field::display(key));
        }
        let peer = request.extensions().get::<Arc<Peer>>().ok_or(Refusal::Bug)?;
        let peer = Arc::clone(peer);
        let mut place = self.calls.enter(&peer, &caller)?;
        if let Some(intake) = &self.intake {
            place.charge(intake.guard(request, &peer, place.claim()));
        }
        request.extensions_mut().insert(caller);
        let room = request.extensions_mut().remove::<TraceRoom>();
        let trace = room.and_then(|room| room.begin(request));
        if let Some(trace) = &trace {
            Span::current().record("trace_id", trace.id());
        }
        request.extensions_mut().insert(Arrival::of(&peer, trace));
        Ok(place)
    }
}

impl<S: NamedService> NamedService for Gate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<HttpRequest<Body>> for Gate<S>
where
    S: Service<HttpRequest<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: HttpRequest<Body>) -> Self::Future {
        match self.admit(&mut request) {
            Ok(place) => Box::pin(place.run(self.service.call(request))),
            Err(refusal) => {
                self.calls.metrics().refused(refusal.reason());
                Box::pin(std::future::ready(Ok(status::answer(refusal))))
            }
        }
    }
}

/// How a call came in: through the gate, or else now.
pub(super) fn arrival<T>(request: &mut Request<T>) -> Arrival {
    request.extensions_mut().remove::<Arrival>().unwrap_or_else(Arrival::now)
}

/// Who makes a call that came through the gate.
///
/// # Errors
/// A bug of ours, when it did not.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Arc<Caller>, Refusal> {
    request.extensions().get::<Arc<Caller>>().map(Arc::clone).ok_or(Refusal::Bug)
}

#[cfg(test)]
mod tests {
    use super::super::peer::Share;
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_call_arrives_when_its_bytes_do_and_not_at_its_turn() {
        let peer = Peer::new(Share { calls: 1, bytes: 0 });
        peer.hear(peer.listen(), true);
        let heard = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        // The peer's clock has steps of a microsecond.
        assert!(Arrival::of(&peer, None).at <= heard + Duration::from_millis(1));
    }
}
