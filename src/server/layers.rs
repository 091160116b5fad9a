//! What surrounds every call, whatever its service: a trace and a net for
//! panics.

use super::measure::is_method;
use super::status::{self, Refusal};
use http::{HeaderMap, Request, Response};
use std::any::Any;
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::classify::{GrpcErrorsAsFailures, SharedClassifier};
use tower_http::trace::{MakeSpan, OnEos, OnResponse, TraceLayer};
use tracing::{Span, debug_span, field};

/// One span a call, at debug level, which closes when the call is over however
/// it ends. The line that a subscriber writes then has the rpc, the id
/// of the trace, the site, the id of the key, the status code and the time.
/// Nothing else of a request goes to a log.
pub(super) type TraceCalls =
    TraceLayer<SharedClassifier<GrpcErrorsAsFailures>, CallSpan, (), CallSpan, (), CallSpan, ()>;

/// The layer that traces calls.
pub(super) fn trace_calls() -> TraceCalls {
    TraceLayer::new_for_grpc()
        .make_span_with(CallSpan)
        .on_request(())
        .on_response(CallSpan)
        .on_body_chunk(())
        .on_eos(CallSpan)
        .on_failure(())
}

/// Makes the span of a call and records how the call ended. Without a code in
/// the end, the caller went away.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallSpan;

impl<B> MakeSpan<B> for CallSpan {
    fn make_span(&mut self, request: &Request<B>) -> Span {
        let path = request.uri().path();
        // The path of no method of ours is the caller's to choose, and may hold
        // whatever they put there by mistake.
        let rpc = if is_method(path) { path } else { "?" };
        debug_span!(
            "call",
            rpc,
            trace_id = field::Empty,
            site = field::Empty,
            key = field::Empty,
            code = field::Empty
        )
    }
}

impl<B> OnResponse<B> for CallSpan {
    /// A call that fails at once has its status in the head of the response.
    fn on_response(self, response: &Response<B>, _latency: Duration, span: &Span) {
        span.record("code", status::name(response.headers()));
    }
}

impl OnEos for CallSpan {
    /// Any other has it in the trailers.
    fn on_eos(self, trailers: Option<&HeaderMap>, _duration: Duration, span: &Span) {
        span.record("code", trailers.and_then(status::name));
    }
}

/// The answer to a panic.
pub(super) type PanicAnswer = fn(Box<dyn Any + Send>) -> Response<Body>;

/// The layer that answers INTERNAL when a call panics, so that the connection
/// and its other calls go on.
pub(super) fn catch_panics() -> CatchPanicLayer<PanicAnswer> {
    // What the panic says may quote the request; it is dropped unseen.
    CatchPanicLayer::custom((|_| Status::from(Refusal::Bug).into_http()) as PanicAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tonic::Code;
    use tower::{Layer, ServiceExt, service_fn};

    #[tokio::test]
    async fn a_panic_is_answered_with_a_fixed_text() {
        let failing = service_fn(|_: Request<Body>| async {
            if true {
                panic!("canary");
            }
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let response = catch_panics().layer(failing).oneshot(Request::new(Body::empty())).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{:?} {status:?}", response.headers()).contains("canary"));
    }
}
