//! Traces: a span for each call, with those of its phases, sent to a collector
//! by OTLP. A caller who traces says so by `traceparent` (W3C Trace Context),
//! and our spans then stand under the caller's.
//!
//! What is exported are times and names: method, status, site and action. No
//! text, no author, no key.

mod export;

use crate::metrics::Judged;
use crate::moderator::Phase;
use export::Told;
use http::{HeaderMap, Request};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use tracing::info;

/// How long the collector has to take a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long what is left has to get there when the server ends.
const FLUSH: Duration = Duration::from_secs(2);
/// The statuses that are the server's fault, which a span of it marks as errors.
const FAULTS: [&str; 6] =
    ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];

/// Where spans go, and of how many calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// The address of the collector's gRPC port, as `http://HOST:PORT`.
    pub endpoint: String,
    /// One call in so many is traced, of those whose callers say nothing; at
    /// least one. A caller who traces decides for its own calls.
    pub one_in: u64,
    /// What the traces call this server.
    pub service: String,
}

/// Makes spans and sends them. A queue of at most 2,048 spans waits for the
/// collector; what is more is dropped, and no call ever waits.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Prepares to send; the collector need not be there. To be called within
    /// the server's runtime, which does the sending.
    ///
    /// # Errors
    /// When the address is none.
    pub fn start(options: &TraceOptions) -> Result<Traces, ExporterBuildError> {
        let TraceOptions { endpoint, one_in, service } = options;
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let sampled = Sampler::TraceIdRatioBased(1.0 / *one_in as f64);
        let resource = Resource::builder()
            .with_service_name(service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(Told::new(exporter)).build())
            .with_sampler(Sampler::ParentBased(Box::new(sampled)))
            .with_resource(resource)
            .build();
        info!(endpoint, one_in, "sending traces");
        Ok(Traces { tracer: provider.tracer(env!("CARGO_PKG_NAME")), provider })
    }

    /// Sends what is left, for as long as that may take, and ends.
    pub(super) async fn end(self) {
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH));
        // What failed has been told by whoever sends.
        let _ = tokio::time::timeout(FLUSH, flushed).await;
    }

    /// Room for the trace of a call that began now.
    pub(super) fn room(&self) -> TraceRoom {
        let (traces, began, trace) = (self.clone(), SystemTime::now(), Arc::default());
        TraceRoom { traces, began, trace }
    }

    /// The span of a call of one of our methods, `/SERVICE/METHOD`.
    fn begin<B>(&self, request: &Request<B>, began: SystemTime) -> CallTrace {
        let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let attributes =
            [KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", method.clone())];
        let span = self.tracer.span_builder(method).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = span.with_start_time(began).start_with_context(&self.tracer, &parent);
        CallTrace { tracer: self.tracer.clone(), context: parent.with_span(span) }
    }
}

/// Where the trace of a call will be. It is begun when the call has come through
/// its gate and not before, since a caller says by itself whether its calls are
/// traced: strangers, and what is refused there, are not to fill a collector.
#[derive(Clone, Debug)]
pub(super) struct TraceRoom {
    traces: Traces,
    began: SystemTime,
    trace: Arc<OnceLock<CallTrace>>,
}

impl TraceRoom {
    /// Begins the trace of the call, if anybody will see it.
    pub fn begin<B>(&self, request: &Request<B>) -> Option<CallTrace> {
        let trace = self.traces.begin(request, self.began);
        let is_sampled = trace.context.span().span_context().is_sampled();
        is_sampled.then(|| self.trace.get_or_init(|| trace).clone())
    }

    /// Ends it with the status of the call and, where it had one comment, with
    /// what became of that.
    pub fn end(&self, code: &'static str, judged: Option<&Judged>) {
        if let Some(trace) = self.trace.get() {
            trace.end(code, judged);
        }
    }
}

/// The span of a call under way.
#[derive(Clone, Debug)]
pub(super) struct CallTrace {
    tracer: SdkTracer,
    context: Context,
}

impl CallTrace {
    /// The id of the trace, as `traceparent` has it.
    pub fn id(&self) -> String {
        self.context.span().span_context().trace_id().to_string()
    }

    /// Adds the phases of the one comment of the call: when the first began, and
    /// when each was over.
    pub fn add_phases(&self, began: Instant, over: impl IntoIterator<Item = (Phase, Instant)>) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let time = |at: Instant| clock - now.saturating_duration_since(at);
        let mut last = began;
        for (phase, at) in over {
            let span = self.tracer.span_builder(phase.name()).with_start_time(time(last));
            span.start_with_context(&self.tracer, &self.context).end_with_timestamp(time(at));
            last = at;
        }
    }

    fn end(&self, code: &'static str, judged: Option<&Judged>) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("rpc.response.status_code", code));
        if let Some(Judged { site, action }) = judged {
            span.set_attribute(KeyValue::new("thresher.site", site.label().to_string()));
            span.set_attribute(KeyValue::new("thresher.action", *action));
        }
        if FAULTS.contains(&code) {
            span.set_status(Status::error(code));
        }
        span.end();
    }
}

/// The headers of a call, where its caller's context is looked for.
struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        // What other systems say in `tracestate` is for them, and anything may
        // stand in it.
        if key == "tracestate" {
            return None;
        }
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
