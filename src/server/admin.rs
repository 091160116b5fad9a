//! The admin port: metrics and probes in plain HTTP, for Prometheus, load
//! balancers and `thresher status`. Whoever can reach it may read it, and it
//! changes nothing.

use super::limits;
use super::seldom::Seldom;
use super::shutdown::Lifecycle;
use crate::metrics::{self, Metrics};
use crate::registry::ModelStore;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tonic::codegen::Bytes;
use tracing::{info, warn};

/// The most connections at a time; one more ends the oldest, so that no peer
/// which stays keeps a probe waiting.
const MAX_CONNECTIONS: usize = 32;
/// How long a peer may take over the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept, whatever it does.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
/// How long to wait after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
const TEXT: &str = "text/plain; charset=utf-8";

/// What the admin port tells of.
struct Admin {
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    models: Arc<ModelStore>,
}

/// Answers on the admin port, if there is one.
pub(super) async fn run(
    listener: Option<TcpListener>,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    models: Arc<ModelStore>,
) {
    let admin = Arc::new(Admin { metrics, lifecycle, models });
    if let Some(listener) = listener {
        accept(listener, &admin).await;
    }
}

/// Accepts connections, each of which ends with this.
async fn accept(listener: TcpListener, admin: &Arc<Admin>) {
    if let Ok(address) = listener.local_addr() {
        info!(%address, "the admin port is open");
    }
    let (mut connections, mut open) = (JoinSet::new(), VecDeque::new());
    let mut failing = Seldom::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                open.retain(|connection: &AbortHandle| !connection.is_finished());
                if open.len() >= MAX_CONNECTIONS
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                open.push_back(connections.spawn(serve(stream, Arc::clone(admin))));
            }
            Err(error) => {
                if failing.now() {
                    warn!(%error, "cannot accept connections on the admin port");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, admin: Arc<Admin>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = admin.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(16 * 1024);
    // A peer that breaks the rules, leaves or stays for too long is its own
    // trouble.
    let _ = timeout(LONGEST_CONNECTION, http.serve_connection(TokioIo::new(stream), answer)).await;
}

impl Admin {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, media_type, body) = match path {
            _ if method != Method::GET && method != Method::HEAD => {
                let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".into());
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                return response;
            }
            "/metrics" => {
                self.metrics.set_waiting(limits::waiting(&self.lifecycle));
                (StatusCode::OK, metrics::CONTENT_TYPE, self.metrics.render())
            }
            // That it answers at all is what a liveness probe asks.
            "/healthz" => (StatusCode::OK, TEXT, "ok\n".into()),
            "/readyz" if !self.models.current().is_ready() => {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, "no model\n".into())
            }
            "/readyz" if self.lifecycle.takes_calls() => (StatusCode::OK, TEXT, "ready\n".into()),
            "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "draining\n".into()),
            _ => (StatusCode::NOT_FOUND, TEXT, "there are /metrics, /healthz and /readyz\n".into()),
        };
        respond(status, media_type, body)
    }
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
