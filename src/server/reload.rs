//! Keeps the policies in force up to date with their files.

use super::watch::watch;
use crate::metrics::{Metrics, Reloading};
use crate::policy::{PolicyStore, Reload};
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

/// Reads the files of the policies anew whenever one of them changes, and on
/// SIGHUP in any case. What can be used is in force at once; what cannot leaves
/// the old policies in force. One line of the log tells either.
///
/// Ends only when there is no file that could change.
///
/// # Errors
/// When the signal cannot be listened for.
pub async fn watch_policies(store: Arc<PolicyStore>, metrics: Arc<Metrics>) -> io::Result<()> {
    if store.files().is_empty() {
        return Ok(());
    }
    let looked = Arc::clone(&store);
    follow(move || looked.files(), move |why| tell(&store.reload(), why, &metrics)).await
}

/// Why files are read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// One of them looks otherwise.
    Changed,
    /// Somebody asked for it, by SIGHUP.
    Asked,
}

/// Calls `read` whenever one of the files changes, and on SIGHUP in any case.
/// Never ends.
///
/// # Errors
/// When the signal cannot be listened for.
pub(super) async fn follow(
    files: impl Fn() -> Vec<PathBuf> + Send + Sync + 'static,
    read: impl Fn(Why) + Send + Sync + 'static,
) -> io::Result<()> {
    let mut asked = Asked::new()?;
    let read = Arc::new(read);
    let changed = Arc::clone(&read);
    let watching = watch(files, move || changed(Why::Changed));
    let asking = async {
        loop {
            asked.next().await;
            let read = Arc::clone(&read);
            // A panic there has been logged; the next signal is another chance.
            let _ = spawn_blocking(move || read(Why::Asked)).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = asking => {}
    }
    Ok(())
}

/// That nothing came of it is told to whoever asked for it.
fn tell(outcome: &Reload, why: Why, metrics: &Metrics) {
    // The first look finds what was read at the start.
    if why == Why::Asked || !matches!(outcome, Reload::Same) {
        metrics.reloaded(Reloading::Policy, !matches!(outcome, Reload::Refused(_)));
    }
    match outcome {
        Reload::Swapped(policies) => {
            metrics.set_policies(policies);
            info!(policy_version = policies.site("").version(), "a new policy is in force");
        }
        Reload::Same if why == Why::Asked => info!("the policy was read anew and says the same"),
        Reload::Same => {}
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
