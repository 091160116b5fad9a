//! The gRPC server: the moderation service with health and reflection.
//!
//! A call comes in through `connection`, passes the `layers` and, unless its
//! service is `open` to strangers, the `gate`, which knows its caller by `auth`
//! and lets its messages in through `intake`, and reaches `moderation`, which hands each comment to `judge`, or `models`, for operators. There `convert`
//! turns the message into the domain's types or into every violation at once,
//! the moderator assesses the comment, and `convert` turns the assessment
//! into the response. `status` says what callers are told when something is
//! wrong, and `shutdown` brings the server to its end.

mod admin;
mod auth;
mod budget;
mod claim;
mod connection;
mod convert;
mod direct;
mod entries;
mod gate;
mod health;
mod held;
mod ids;
mod intake;
mod judge;
mod layers;
mod limits;
mod measure;
mod models;
mod moderation;
mod open;
pub mod pb;
mod peer;
mod peers;
mod reload;
mod seldom;
mod shutdown;
mod status;
mod store;
mod stream;
mod tls;
mod traces;
mod watch;
mod wire;

pub use auth::KeyFile;
pub use direct::Direct;
pub use limits::Rate;
pub use models::report_models;
pub use reload::{watch_candidate, watch_policies};
pub use shutdown::DrainReport;
pub use store::{StoreError, StoreFiles, StoreOptions};
pub use tls::{Tls, TlsError, TlsFiles};
pub use traces::{TraceOptions, Traces};

use crate::audit::AuditLog;
use crate::keys::Role;
use crate::metrics::Metrics;
use crate::policy::PolicyStore;
use crate::registry::ModelStore;
use crate::shadow::Shadow;
use crate::signals::key::HashKey;
use crate::state::State;
use auth::Auth;
use connection::Incoming;
use gate::Gate;
use health::Health;
use intake::Intake;
use judge::Judge;
use limits::Calls;
use models::{Models, follow_models};
use moderation::Moderation;
use open::Open;
use pb::model_service_server::{ModelServiceServer, SERVICE_NAME as MODELS};
use pb::moderation_service_server::{ModerationServiceServer, SERVICE_NAME as MODERATION};
use peer::Share;
use peers::Peers;
use shutdown::Lifecycle;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH_DESCRIPTORS;
use tonic_health::pb::health_server::{HealthServer, SERVICE_NAME as HEALTH};
use tonic_health::server::HealthService;
use tracing::info;

/// How often a connection without traffic is asked whether its peer is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long the peer has to answer that.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The limits of a server and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The longest text of a comment, in bytes of UTF-8.
    pub max_text_bytes: usize,
    /// The longest thread of a request: title, body, recent texts and the
    /// parent's text together, in bytes of UTF-8.
    pub max_thread_bytes: usize,
    /// The most recent texts in a thread.
    pub max_recent_texts: usize,
    /// The most comments in a batch.
    pub max_batch_comments: usize,
    /// The longest message, in bytes, after decompression. Must leave room for
    /// a text and a thread of full length.
    pub max_message_bytes: usize,
    /// The most bytes of messages at a time, as they came in and after
    /// decompression, of all calls together: from when they come in until the
    /// call's response is sent. A stream counts with its longest message until it
    /// ends. Must leave room for one message.
    pub max_pending_bytes: usize,
    /// The most calls at a time on one connection; at least one.
    pub max_concurrent_streams: u32,
    /// The most calls at a time on all connections, open streams included; one
    /// more is refused at once.
    pub max_concurrent_calls: usize,
    /// How many comments a key may have judged, or all callers together
    /// without keys; as many as they like if none. What is over it is refused,
    /// and in a stream it waits.
    pub rate: Option<Rate>,
    /// The longest headers of a call, names and values together, in bytes.
    pub max_header_bytes: u32,
    /// How long the message of a call, other than a stream's, may take to come
    /// in, and how long a caller may leave answers unread before its connection
    /// is cut.
    pub message_timeout: Duration,
    /// How long a caller may leave a stream silent that is owed no answer; then
    /// the stream ends.
    pub stream_idle_timeout: Duration,
    /// How long a call may wait for its caller, for more of its message or for
    /// answers to be read, when no place is free for another, and how long a
    /// connection may be of no use when there are nearly as many as may be. One
    /// that has waited longer, and for longest, gives way to whoever comes.
    pub give_way_after: Duration,
    /// How long a call may have waited for its turn while what waits would take as
    /// long again; one that waited longer is refused.
    pub max_wait: Duration,
    /// The most connections at a time; at least one.
    pub max_connections: usize,
    /// How long a peer has to say something in HTTP/2 after it connected, the
    /// TLS handshake included.
    pub handshake_timeout: Duration,
    /// How long calls in flight have to finish on shutdown, after the lame-duck
    /// pause.
    pub drain_deadline: Duration,
    /// How long the server goes on accepting connections on shutdown, though
    /// it refuses calls, so that load balancers notice.
    pub lame_duck: Duration,
    /// Whether the reflection service describes the API to callers.
    pub reflection: bool,
    /// How much memory is for what is remembered of comments, in bytes. It is
    /// used when a rule of the policy asks for it.
    pub state_bytes: usize,
    /// Where what is remembered is shared with other servers; nowhere if none.
    pub store: Option<StoreOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_text_bytes: 20_480,
            max_thread_bytes: 262_144,
            max_recent_texts: 100,
            max_batch_comments: 1_000,
            max_message_bytes: 4 * 1024 * 1024,
            max_pending_bytes: 128 * 1024 * 1024,
            max_concurrent_streams: 256,
            max_concurrent_calls: 1_024,
            rate: None,
            max_header_bytes: 16 * 1024,
            message_timeout: Duration::from_secs(30),
            stream_idle_timeout: Duration::from_secs(300),
            give_way_after: Duration::from_secs(1),
            max_wait: Duration::from_millis(12),
            max_connections: 1_024,
            handshake_timeout: Duration::from_secs(10),
            drain_deadline: Duration::from_secs(10),
            lame_duck: Duration::from_secs(1),
            reflection: true,
            state_bytes: 64 << 20,
            store: None,
        }
    }
}

impl Options {
    /// The rate, with room for a batch.
    fn rate(&self) -> Option<Rate> {
        let batch = u32::try_from(self.max_batch_comments).ok().and_then(NonZeroU32::new);
        self.rate.map(|rate| Rate { burst: batch.map_or(rate.burst, |batch| rate.burst.max(batch)), ..rate })
    }

    /// How many calls at a time one of several keys may have: three quarters, so
    /// that no key keeps all others out.
    fn share(&self) -> usize {
        self.max_concurrent_calls - self.max_concurrent_calls / 4
    }

    /// What one connection may have: a quarter of the calls at a time, and of the
    /// bytes of messages, or as many as one message wants.
    fn connection_share(&self) -> Share {
        let message = self.decode_limit().saturating_mul(2).saturating_add(1 << 16);
        Share {
            calls: (self.max_concurrent_calls / 4).max(1),
            bytes: (self.max_pending_bytes / 4).max(message),
        }
    }

    /// Where decoding stops. A message over this limit is refused before it is
    /// read, without details; one that is only a little over the announced
    /// limit is read, so that the answer can say which field is to blame.
    fn decode_limit(&self) -> usize {
        self.max_message_bytes.saturating_add(self.max_message_bytes / 4)
    }
}

/// Whom a server answers, and how it is kept from others.
#[derive(Debug, Default)]
pub struct Security {
    /// The keys that callers need; none if they need none.
    pub keys: Option<KeyFile>,
    /// The certificate that the server shows; none if it speaks plainly.
    pub tls: Option<Tls>,
}

/// What makes a server visible to those who run it.
#[derive(Debug, Default)]
pub struct Instruments {
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Where metrics and probes are answered, in plain HTTP and without a key;
    /// nowhere if none.
    pub admin: Option<TcpListener>,
    /// A candidate that is shown every comment that was judged, and never acts.
    pub shadow: Option<Arc<Shadow>>,
    /// Where a sample of the answers is written down; nowhere if none.
    pub audit: Option<AuditLog>,
    /// Where traces go; nowhere if none.
    pub traces: Option<Traces>,
}

/// Why a server did not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on: it is in use, not ours or not
    /// allowed.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The address of the store is none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The descriptors for the reflection service are not whole.
    #[error("cannot describe the API: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Listens on an address; port 0 takes any free port.
///
/// # Errors
/// When the address cannot be listened on, naming it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// Serves until `shutdown` completes. Health says SERVING as soon as every site
/// has a model; files of models are followed meanwhile. Then drains: the health service says
/// NOT_SERVING, new calls are refused, and after the lame-duck pause nothing
/// is accepted any more and calls in flight are waited for until the drain
/// deadline. Says what was still open then; nothing is when all went well.
///
/// # Errors
/// When what the configuration names cannot be used. Trouble with a connection or
/// a call ends neither the server nor the others.
pub async fn serve(
    listener: TcpListener,
    models: Arc<ModelStore>,
    policies: Arc<PolicyStore>,
    security: Security,
    options: Options,
    instruments: Instruments,
    shutdown: impl Future<Output = ()>,
) -> Result<DrainReport, ServeError> {
    let options = Arc::new(options);
    let lifecycle = Lifecycle::default();
    let Instruments { metrics, admin, shadow, audit, traces } = instruments;
    metrics.set_limits(options.max_concurrent_calls, options.max_connections);
    metrics.set_policies(&policies.current());
    if let Ok(address) = listener.local_addr() {
        let serving = models.current();
        let model_version = serving.site("").map(|moderator| moderator.model().version());
        info!(%address, model_version, "listening");
    }
    let health = Arc::new(Health::new(Arc::clone(&models), Arc::clone(&metrics)).await);
    let Security { keys, tls } = security;
    let exposed = listener.local_addr().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    let auth = Arc::new(Auth::new(keys, options.rate(), options.share()).exposed(exposed));
    let tls = tls.map(Arc::new);
    // Ends when this function does, however that is.
    let mut following = JoinSet::new();
    following.spawn(Arc::clone(&auth).follow(Arc::clone(&metrics)));
    following.spawn(follow_models(Arc::clone(&models), Arc::clone(&health), Arc::clone(&metrics)));
    if let Some(tls) = &tls {
        following.spawn(Arc::clone(tls).follow(Arc::clone(&metrics)));
    }
    let times = (options.message_timeout, options.max_wait);
    let peers = Peers::new(options.give_way_after);
    let among = Some((lifecycle.clone(), Arc::clone(&peers)));
    let calls = Calls::new(options.max_concurrent_calls, times, among, Arc::clone(&metrics));
    let calls = Arc::new(calls);
    let secret = options.store.as_ref().map_or_else(HashKey::random, |store| store.secret);
    let state = Arc::new(State::new(secret, options.state_bytes));
    let store = match &options.store {
        Some(store) => Some(Arc::new(Store::new(store.clone(), Arc::clone(&metrics))?)),
        None => None,
    };
    if let Some(store) = &store {
        store.find().await;
        following.spawn(Arc::clone(store).follow());
    }
    following.spawn(admin::run(admin, Arc::clone(&metrics), lifecycle.clone(), Arc::clone(&models)));
    let operators = Calls::new(models::MAX_CALLS, times, None, Arc::clone(&metrics));
    let registry =
        Models::new(Arc::clone(&models), Arc::clone(&health), lifecycle.clone(), Arc::clone(&metrics));
    let registry = ModelServiceServer::new(registry).max_decoding_message_size(models::MAX_MESSAGE_BYTES);
    let audit = audit.map(Arc::new);
    let (judge_options, judge_metrics) = (Arc::clone(&options), Arc::clone(&metrics));
    let judge = Judge::new(models, policies, shadow, judge_options, judge_metrics, state, store, audit);
    let moderation =
        ModerationServiceServer::new(Moderation::new(judge, Arc::clone(&auth), lifecycle.clone()))
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(options.decode_limit());
    let (timeout, open_metrics) = (options.message_timeout, Arc::clone(&metrics));
    let health_service = HealthServer::new(HealthService::from_health_reporter(health.reporter()))
        .max_decoding_message_size(open::MAX_HEALTH_BYTES);
    let health_service = Open::new(health_service, timeout, Arc::clone(&open_metrics));
    let reflection_v1 = options.reflection.then(|| describe().build_v1()).transpose()?.map(|service| {
        let service = service.max_decoding_message_size(open::MAX_REFLECTION_BYTES);
        Open::new(service, timeout, Arc::clone(&open_metrics))
    });
    let reflection_v1alpha =
        options.reflection.then(|| describe().build_v1alpha()).transpose()?.map(|service| {
            let service = service.max_decoding_message_size(open::MAX_REFLECTION_BYTES);
            Open::new(service, timeout, Arc::clone(&open_metrics))
        });
    let intake = Intake::new(Arc::clone(&options), Arc::clone(&metrics));
    let server = Server::builder()
        .max_concurrent_streams(options.max_concurrent_streams)
        .http2_max_header_list_size(options.max_header_bytes)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .layer(measure::Measure::new(Arc::clone(&metrics), traces.clone(), lifecycle.begun.clone()))
        .layer(layers::trace_calls())
        .layer(layers::catch_panics());
    let mut routes = Routes::builder();
    routes
        .add_service(health_service)
        .add_service(Gate::new(moderation, Role::Moderate, Arc::clone(&auth), calls).behind(intake))
        .add_service(Gate::new(registry, Role::Admin, auth, Arc::new(operators)));
    if let Some(reflection) = reflection_v1 {
        routes.add_service(reflection);
    }
    if let Some(reflection) = reflection_v1alpha {
        routes.add_service(reflection);
    }
    let routes = routes.routes().prepare();
    let incoming = Incoming::new(listener, tls, lifecycle.clone(), peers, &options, metrics);
    // A connection is a server of its own to the transport, so that each can be
    // brought to its end in good order.
    let served = incoming.run(|connection, leave| {
        // After the last one it would be brought to its end.
        let one = tokio_stream::once(Ok::<_, Infallible>(connection)).chain(tokio_stream::pending());
        let served = server.clone().serve_with_incoming_shutdown(routes.clone(), one, leave);
        async move {
            // It fails only where connections cannot be accepted.
            let _ = served.await;
        }
    });
    let report = shutdown::run(served, shutdown, &health, lifecycle, &options).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    Ok(report)
}

/// What the reflection service tells: the services meant for callers.
fn describe() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(HEALTH_DESCRIPTORS)
        .with_service_name(MODELS)
        .with_service_name(MODERATION)
        .with_service_name(HEALTH)
}
