//! Counts every call, whatever its service and however it ends, and traces those
//! of our own services.

use super::pb;
use super::status;
use super::traces::{TraceRoom, Traces};
use crate::metrics::{Judged, Metrics};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::codegen::{BoxFuture, Service};
use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH_DESCRIPTORS;
use tonic_reflection::pb::{v1, v1alpha};
use tower_layer::Layer;

/// How the paths of our own services begin.
const OURS: &str = "/thresher.";
/// How those of reflection do, which the library answers in a task of its own
/// beside the call's.
const REFLECTION: &str = "/grpc.reflection.";
/// What calls of no method that we know are called.
const OTHER: &str = "other";
/// The code of a call that its caller gave up.
const GIVEN_UP: &str = "CANCELLED";
/// The code of a response that has none: it was no gRPC.
const NO_CODE: &str = "UNKNOWN";

/// The layer that counts calls.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    begun: TaskTracker,
}

impl Measure {
    /// `begun` has the tasks of every call that has had its turn and is not over.
    pub fn new(metrics: Arc<Metrics>, traces: Option<Traces>, begun: TaskTracker) -> Measure {
        Measure { metrics, traces, begun }
    }

    /// Room for the trace of a call. Probes ask for health every few seconds and
    /// would hide all else, and strangers make up paths: neither has any.
    fn trace<B>(&self, request: &Request<B>) -> Option<TraceRoom> {
        let traces = self.traces.as_ref()?;
        let path = request.uri().path();
        let is_ours = path.starts_with(OURS) && is_method(path);
        is_ours.then(|| traces.room())
    }
}

impl<S> Layer<S> for Measure {
    type Service = Measured<S>;

    fn layer(&self, service: S) -> Measured<S> {
        Measured { service, measure: self.clone() }
    }
}

/// Every method there is.
static RPCS: LazyLock<Rpcs> = LazyLock::new(Rpcs::known);

/// Whether a method has that path.
pub(super) fn is_method(path: &str) -> bool {
    RPCS.by_path.contains_key(path)
}

/// The names of methods by their paths, so that no caller can make up a label.
#[derive(Debug)]
struct Rpcs {
    by_path: HashMap<String, Arc<str>>,
    other: Arc<str>,
}

impl Rpcs {
    /// Every method of the API, of health and of reflection.
    fn known() -> Rpcs {
        let reflection = [v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET];
        let sets = [pb::FILE_DESCRIPTOR_SET, HEALTH_DESCRIPTORS].into_iter().chain(reflection);
        let sets = sets.map(FileDescriptorSet::decode);
        let mut by_path = HashMap::new();
        for file in sets.flatten().flat_map(|set| set.file) {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    by_path.insert(path, method.name().into());
                }
            }
        }
        Rpcs { by_path, other: OTHER.into() }
    }

    fn name(&self, path: &str) -> Arc<str> {
        Arc::clone(self.by_path.get(path).unwrap_or(&self.other))
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(super) struct Measured<S> {
    service: S,
    measure: Measure,
}

impl<S, In, Out> Service<Request<In>> for Measured<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    Out: HttpBody,
{
    type Response = Response<Counted<Out>>;
    type Error = S::Error;
    type Future = BoxFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        let trace = self.measure.trace(&request);
        if let Some(trace) = &trace {
            request.extensions_mut().insert(trace.clone());
        }
        let is_reflection = request.uri().path().starts_with(REFLECTION);
        let mut call = Call {
            rpc: RPCS.name(request.uri().path()),
            metrics: Arc::clone(&self.measure.metrics),
            started: Instant::now(),
            judged: None,
            code: None,
            trace,
            _begun: [true, is_reflection].map(|is_task| is_task.then(|| self.measure.begun.token())),
        };
        let response = self.service.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            call.judged = response.extensions_mut().remove::<Judged>();
            call.code = status::name(response.headers());
            if call.code.is_none() && response.body().is_end_stream() {
                call.code = Some(NO_CODE);
            }
            Ok(response.map(|body| Counted { body, call }))
        })
    }
}

/// A call, counted when it is over.
struct Call {
    metrics: Arc<Metrics>,
    rpc: Arc<str>,
    started: Instant,
    judged: Option<Judged>,
    code: Option<&'static str>,
    trace: Option<TraceRoom>,
    /// For each task of it.
    _begun: [Option<TaskTrackerToken>; 2],
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(GIVEN_UP);
        self.metrics.request(&self.rpc, self.judged.as_ref(), code, self.started.elapsed());
        if let Some(trace) = &self.trace {
            trace.end(code, self.judged.as_ref());
        }
    }
}

/// The body of a response, which ends with the status of its call.
pub(super) struct Counted<B> {
    body: B,
    call: Call,
}

impl<B: HttpBody + Unpin> HttpBody for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.code = status::name(trailers).or(self.call.code);
                }
            }
            Some(Err(_)) => {}
            None => self.call.code = self.call.code.or(Some(NO_CODE)),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names_and_what_callers_make_up_has_one() {
        let rpcs = Rpcs::known();
        let named = [
            ("/thresher.v1.ModerationService/ModerateComment", "ModerateComment"),
            ("/thresher.v1.ModerationService/StreamModerateComments", "StreamModerateComments"),
            ("/grpc.health.v1.Health/Check", "Check"),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "ServerReflectionInfo"),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "ServerReflectionInfo"),
            ("/thresher.v1.ModerationService/Moderate", OTHER),
            ("ModerateComment", OTHER),
            ("", OTHER),
        ];
        for (path, name) in named {
            assert_eq!(&*rpcs.name(path), name, "{path}");
        }
    }
}
