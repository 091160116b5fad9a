//! `thresher serve`: answers over gRPC until it is told to stop.

use super::failure::Failure;
use super::sources::{self, Sources};
use clap::Args;
#[cfg(unix)]
use listenfd::ListenFd;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thresher::audit::AuditLog;
use thresher::metrics::Metrics;
use thresher::registry::ModelStore;
use thresher::server::{Instruments, Options, Security, Traces};
use thresher::{server, telemetry};
use tokio::net::TcpListener;
#[cfg(unix)]
use tracing::warn;

/// Files that a server has open beside its connections, with room to spare.
#[cfg(unix)]
const BESIDE_CONNECTIONS: usize = 64;

const EXAMPLES: &str = "\
Examples:
  thresher serve
  thresher serve --policy policy.toml
  thresher serve --config /etc/thresher/thresher.toml --listen 0.0.0.0:50051

Other machines are answered only with keys and TLS, which the configuration sets up.

A policy file and the files of its lists, and a model file and those of a folder
of models, are taken anew when they change and on SIGHUP. SIGTERM or an interrupt
lets calls in flight finish, then the server exits; a second interrupt ends it at
once.

A socket that systemd opened for the server (socket activation) goes before
--listen and the configuration.";

/// Answers over gRPC until it is told to stop.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    #[command(flatten)]
    sources: Sources,
    /// The address and port to listen on, instead of the configuration's; port
    /// 0 takes any free port.
    #[arg(long, value_name = "ADDRESS", value_parser = sources::address)]
    listen: Option<SocketAddr>,
    /// The address and port for metrics and probes, instead of the
    /// configuration's; port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS", value_parser = sources::address)]
    admin: Option<SocketAddr>,
    /// Answer other machines even without keys or TLS, such as behind a proxy
    /// that does these.
    #[arg(long)]
    insecure: bool,
}

impl Serve {
    /// Runs the server.
    pub fn run(&self) -> Result<(), Failure> {
        self.sources.config.as_deref().map_or(Ok(()), sources::regular)?;
        let config = self.sources.config()?;
        let policies = Arc::new(sources::policy_store(config.policy.as_deref())?);
        let security = sources::security(&config)?;
        let store = sources::store(&config)?;
        self.sources.check_written(&config, policies.current().list_files())?;
        let shadow = sources::shadow(&config.shadow)?.map(Arc::new);
        let passed = passed_on()?;
        let listen = match &passed {
            Some(listener) => listener.local_addr().map_err(Failure::failed)?,
            None => self.listen.unwrap_or(config.listen),
        };
        if !self.insecure {
            check_exposure(listen, &security)?;
        }
        let admin = self.admin.or(config.admin.address);
        if !config.admin.allow_remote {
            check_admin(admin)?;
        }
        let metrics = Arc::new(Metrics::new());
        let audit = config.audit.clone().map(|options| {
            let name = options.file.display().to_string();
            AuditLog::open(options, Arc::clone(&metrics))
                .map_err(|error| Failure::failed(format!("{name}: cannot write the audit log: {error}")))
        });
        let audit = audit.transpose()?;
        telemetry::init(config.log.format, config.log.level).map_err(Failure::failed)?;
        allow_open_files(config.limits.max_connections);
        // A server without a model is still one that can be told of a better one.
        let (models, refreshed) = ModelStore::open(config.model_sources());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;

        let beside = shadow.clone();
        let served = runtime.block_on(async {
            let listener = match passed {
                Some(listener) => TcpListener::from_std(listener).map_err(Failure::failed)?,
                None => server::bind(listen).await.map_err(Failure::failed)?,
            };
            let address = listener.local_addr().map_err(Failure::failed)?;
            let admin = match admin {
                Some(admin) => Some(server::bind(admin).await.map_err(Failure::failed)?),
                None => None,
            };
            let traces = config.traces.as_ref().map(Traces::start).transpose().map_err(Failure::failed)?;
            // Before the server is announced, so that no signal comes too early.
            let (shutdown, at_once) = told_to_stop().map_err(Failure::failed)?;
            server::report_models(&models, &refreshed, &metrics);
            let (serving, policy) = (models.current(), policies.current());
            let model = serving.site("").map_or("none", |moderator| moderator.model().version());
            let policy = policy.site("").version();
            let mut line = format!("listening on {address}, model {model}, policy {policy}\n");
            if let Some(Ok(address)) = admin.as_ref().map(|admin| admin.local_addr()) {
                let _ = writeln!(line, "metrics and probes on {address}");
            }
            let watching = server::watch_policies(Arc::clone(&policies), Arc::clone(&metrics));
            tokio::spawn(watching.map_err(Failure::failed)?);
            if let Some(candidate) = shadow.as_ref().and_then(|shadow| shadow.policies()) {
                let watching = server::watch_candidate(Arc::clone(candidate), Arc::clone(&metrics));
                tokio::spawn(watching.map_err(Failure::failed)?);
            }
            // A server without a standard output is still a server.
            let _ = io::stdout().write_all(line.as_bytes());
            let served = server::serve(
                listener,
                Arc::new(models),
                policies,
                security,
                Options { store, ..config.server_options() },
                Instruments { metrics, admin, shadow, audit, traces },
                shutdown,
            );
            tokio::select! {
                served = served => served.map_err(Failure::failed),
                () = at_once => Err(Failure::failed("ended at once by a second interrupt; calls were cut off")),
            }
        });
        // What outlasted the drain deadline is not waited for again.
        runtime.shutdown_background();
        if let Some(shadow) = beside {
            let (counts, dropped) = (shadow.counts(), shadow.dropped());
            let (compared, stricter, milder) = (counts.compared(), counts.stricter(), counts.milder());
            tracing::info!(compared, stricter, milder, dropped, "the shadow has ended");
            // With the last of it goes what waits until all samples are written.
            drop(shadow);
        }
        served.map(|_| ())
    }
}

/// Lets the process have as many open files as it ever may, since each connection
/// is one and systems grant few unless asked; a warning if that is too few.
#[cfg(unix)]
fn allow_open_files(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, what there was stays.
    let _ = setrlimit(Resource::Nofile, limit);
    let wanted = (connections + BESIDE_CONNECTIONS) as u64;
    if let Some(open_files) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < wanted) {
        warn!(open_files, connections, "the system allows too few open files for so many connections");
    }
}

/// Nobody is to be asked here.
#[cfg(not(unix))]
fn allow_open_files(_: usize) {}

/// The socket that a service manager opened for this server, by the protocol of
/// systemd; none when it opened none.
#[cfg(unix)]
fn passed_on() -> Result<Option<net::TcpListener>, Failure> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() > 1 {
        let count = sockets.len();
        return Err(Failure::usage(format!(
            "{count} sockets were passed on, and there is use for one alone"
        )));
    }
    let socket = sockets.take_tcp_listener(0).and_then(|socket| {
        let Some(socket) = socket else { return Ok(None) };
        socket.set_nonblocking(true)?;
        Ok(Some(socket))
    });
    socket.map_err(|error| {
        Failure::usage(format!("the socket that was passed on cannot be listened on: {error}"))
    })
}

/// Nothing is passed on here.
#[cfg(not(unix))]
fn passed_on() -> Result<Option<net::TcpListener>, Failure> {
    Ok(None)
}

/// Whether that address may be listened on: on one that other machines can
/// reach, callers must be known and what they send must be kept from others.
fn check_exposure(listen: SocketAddr, security: &Security) -> Result<(), Failure> {
    let missing = match (&security.keys, &security.tls) {
        _ if listen.ip().to_canonical().is_loopback() => return Ok(()),
        (Some(_), Some(_)) => return Ok(()),
        (None, None) => "keys and TLS",
        (None, Some(_)) => "keys",
        (Some(_), None) => "TLS",
    };
    Err(Failure::usage(format!(
        "{listen} can be reached by other machines, and there is no protection by {missing}; set [keys] and \
         [tls] in the configuration, listen on a loopback address, or pass --insecure behind a proxy that does it"
    )))
}

/// Whether the admin port may be opened there.
fn check_admin(admin: Option<SocketAddr>) -> Result<(), Failure> {
    match admin {
        Some(address) if !address.ip().to_canonical().is_loopback() => Err(Failure::usage(format!(
            "{address} can be reached by other machines, and metrics need no key; set allow_remote in [admin] \
             of the configuration if they may read them, or take a loopback address"
        ))),
        _ => Ok(()),
    }
}

/// How long after an interrupt another one counts. Some of those who start
/// programs hand on what the terminal has sent by itself.
const SECOND_INTERRUPT: Duration = Duration::from_millis(500);

/// The first completes at SIGTERM or an interrupt; the second when somebody
/// interrupts who has done so before, and waits for nothing any more.
#[cfg(unix)]
fn told_to_stop() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    use tokio::signal::unix::{SignalKind, signal};
    // From here on, a server that has nothing to read anew does not end by being
    // asked to.
    drop(signal(SignalKind::hangup())?);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut again = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let at_once = async move {
        again.recv().await;
        let first = Instant::now();
        while first.elapsed() < SECOND_INTERRUPT {
            again.recv().await;
        }
    };
    Ok((stop, at_once))
}

/// The first completes at an interrupt, the second never.
#[cfg(not(unix))]
fn told_to_stop() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok((stop, std::future::pending()))
}
