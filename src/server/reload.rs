//! Keeps the policies in force up to date with their files.

use crate::metrics::{Metrics, Reloading};
use crate::policy::{PolicyStore, Reload};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks every second whether the files of the policies have changed, and on
/// SIGHUP reads them in any case. What can be used is in force at once; what
/// cannot leaves the old policies in force. One line of the log tells either.
///
/// Ends only when there is no file that could change.
///
/// # Errors
/// When the signal cannot be listened for.
pub async fn watch_policies(store: Arc<PolicyStore>, metrics: Arc<Metrics>) -> io::Result<()> {
    if !store.is_watched() {
        return Ok(());
    }
    let mut asked = Asked::new()?;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let read: fn(&PolicyStore) -> Option<Reload> = tokio::select! {
            _ = ticks.tick() => PolicyStore::reload_if_changed,
            () = asked.next() => |store| Some(store.reload()),
        };
        let store = Arc::clone(&store);
        // Reading and compiling long lists takes its time.
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(Some(outcome)) => tell(&outcome, &metrics),
            Ok(None) => {}
            // What a panic says may quote a file; that there was one is logged
            // by its place already.
            Err(_) => warn!("the policy was not read anew; the old one stays in force"),
        }
    }
}

fn tell(outcome: &Reload, metrics: &Metrics) {
    metrics.reloaded(Reloading::Policy, !matches!(outcome, Reload::Refused(_)));
    match outcome {
        Reload::Swapped(policies) => {
            metrics.set_policies(policies);
            info!(policy_version = policies.site("").version(), "a new policy is in force");
        }
        Reload::Same => info!("the policy was read anew and says the same"),
        Reload::Refused(error) => {
            let problems = error.to_string().replace('\n', "; ");
            warn!(problems, "the new policy cannot be used; the old one stays in force");
        }
    }
}

/// Completes whenever somebody asks for the files to be read.
struct Asked {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Asked {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { hangup: signal(SignalKind::hangup())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        if self.hangup.recv().await.is_none() {
            pending().await
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        pending().await
    }
}
