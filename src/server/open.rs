//! Services that want no key: health and reflection. What a stranger sends to
//! them is short, comes in soon, and takes the place of nobody else's call.

use super::claim::Claim;
use super::held::Held;
use super::peer::Peer;
use super::status::{self, Refusal};
use crate::metrics::Metrics;
use http::Request as HttpRequest;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;

/// The longest message to health, in bytes: the name of a service.
pub(super) const MAX_HEALTH_BYTES: usize = 1_024;
/// The longest message to reflection, in bytes: a name, and that of a host.
pub(super) const MAX_REFLECTION_BYTES: usize = 4_096;

type Response = http::Response<Body>;

/// A service without a gate. Each connection may have
/// [`MAX_OPEN_CALLS`](super::peer::MAX_OPEN_CALLS) to all of them at a time.
#[derive(Clone, Debug)]
pub(super) struct Open<S> {
    service: S,
    message_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl<S> Open<S> {
    /// Waits so long for the message of a call.
    pub fn new(service: S, message_timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self { service, message_timeout, metrics }
    }

    fn admit(&self, request: &HttpRequest<Body>) -> Result<(OwnedSemaphorePermit, Claim), Refusal> {
        let peer = request.extensions().get::<Arc<Peer>>().ok_or(Refusal::Bug)?;
        let place = Arc::clone(&peer.open).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        Ok((place, Claim::open(peer)))
    }
}

impl<S: NamedService> NamedService for Open<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<HttpRequest<Body>> for Open<S>
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

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let (place, claim) = match self.admit(&request) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.metrics.refused(refusal.reason());
                return Box::pin(std::future::ready(Ok(status::answer(refusal))));
            }
        };
        let (metrics, message_timeout) = (Arc::clone(&self.metrics), self.message_timeout);
        let call = self.service.call(request);
        Box::pin(async move {
            let refusal = match timeout(message_timeout, call).await {
                Ok(Ok(response)) => match status::undecodable_head(response.headers()) {
                    None => return Ok(response.map(|body| Body::new(Held::new(body, claim, place)))),
                    Some(refusal) => refusal,
                },
                Err(_) => Refusal::TooSlow,
            };
            metrics.refused(refusal.reason());
            Ok(status::answer(refusal))
        })
    }
}
