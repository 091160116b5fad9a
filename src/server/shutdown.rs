//! The end of a server: refuse new calls, finish those that run, and do not
//! wait for ever.

use super::Options;
use super::health::Health;
use super::status::Refusal;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{info, warn};

/// How long calls that outlast the drain deadline have to say goodbye, and
/// after that their connections to close.
const GOODBYE: Duration = Duration::from_millis(500);

/// What was still open when the drain deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Calls to the moderation service that were ended before their time.
    pub calls_left: usize,
    /// Connections that were closed by the server.
    pub connections_left: usize,
}

/// How far a server's shutdown has come. Every stage, once reached, stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifecycle {
    /// New calls are refused.
    draining: CancellationToken,
    /// No connection is accepted, and peers that never spoke are let go.
    pub stopping: CancellationToken,
    /// Streams that are still open end with an error.
    ending: CancellationToken,
    /// Connections close, whatever they carry.
    pub cut: CancellationToken,
    calls: TaskTracker,
    pub connections: TaskTracker,
    /// The tasks of calls of every service, from a call's turn until its response
    /// is sent.
    pub begun: TaskTracker,
}

impl Lifecycle {
    /// Begins a call.
    ///
    /// # Errors
    /// When no new work is taken.
    pub fn enter(&self) -> Result<Call, Refusal> {
        if self.draining.is_cancelled() {
            return Err(Refusal::ShuttingDown);
        }
        let ending = Box::pin(self.ending.clone().cancelled_owned());
        Ok(Call { ending, _counted: self.calls.token() })
    }

    /// Whether new calls are taken.
    pub fn takes_calls(&self) -> bool {
        !self.draining.is_cancelled()
    }

    fn report(&self) -> DrainReport {
        DrainReport { calls_left: self.calls.len(), connections_left: self.connections.len() }
    }
}

/// A call in flight, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Call {
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: TaskTrackerToken,
}

impl Call {
    /// Ready once a call that could go on must end; wakes the task then.
    pub fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ending.as_mut().poll(cx)
    }
}

/// Runs `server` until `shutdown`, then shuts it down in order. Returns soon
/// after the drain deadline even if a peer holds on.
pub(super) async fn run(
    server: impl Future<Output = ()>,
    shutdown: impl Future<Output = ()>,
    health: &Health,
    lifecycle: Lifecycle,
    options: &Options,
) -> DrainReport {
    let mut server = pin!(server);
    tokio::select! {
        () = &mut server => return lifecycle.report(),
        () = shutdown => {}
    }

    info!(lame_duck_ms = ms(options.lame_duck), drain_deadline_ms = ms(options.drain_deadline), "draining");
    health.drain().await;
    lifecycle.draining.cancel();
    // Load balancers need a moment to notice; what they still send is refused.
    if timeout(options.lame_duck, &mut server).await.is_ok() {
        return lifecycle.report();
    }

    health.end().await;
    lifecycle.stopping.cancel();
    if timeout(options.drain_deadline, &mut server).await.is_ok() {
        info!("drained");
        return lifecycle.report();
    }

    let report = lifecycle.report();
    let DrainReport { calls_left, connections_left } = report;
    warn!(calls_left, connections_left, "the drain deadline passed; ending what is left");
    lifecycle.ending.cancel();
    if timeout(GOODBYE, &mut server).await.is_err() {
        lifecycle.cut.cancel();
        let _ = timeout(GOODBYE, &mut server).await;
    }
    report
}

/// For logs.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
