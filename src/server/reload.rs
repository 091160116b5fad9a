//! Keeps the policies in force up to date with their files.

use super::watch::watch;
use crate::metrics::{Metrics, Reloading};
use crate::policy::{PolicyStore, Reload};
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, mem};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

/// Reads the files of the policies anew whenever one of them changes, and on
/// SIGHUP in any case. What can be used is in force at once; what cannot leaves
/// the old policies in force. One line of the log tells either.
///
/// Listens for the signal from here on. Ends only when there is no file that
/// could change.
///
/// # Errors
/// When the signal cannot be listened for.
pub fn watch_policies(
    store: Arc<PolicyStore>,
    metrics: Arc<Metrics>,
) -> io::Result<impl Future<Output = ()> + Send> {
    keep_up(store, Reloading::Policy, metrics)
}

/// The same for the policies of a candidate, which is told and counted as one.
///
/// # Errors
/// When the signal cannot be listened for.
pub fn watch_candidate(
    store: Arc<PolicyStore>,
    metrics: Arc<Metrics>,
) -> io::Result<impl Future<Output = ()> + Send> {
    keep_up(store, Reloading::CandidatePolicy, metrics)
}

fn keep_up(
    store: Arc<PolicyStore>,
    what: Reloading,
    metrics: Arc<Metrics>,
) -> io::Result<impl Future<Output = ()> + Send> {
    let can_change = !store.files().is_empty();
    let (looked, refused) = (Arc::clone(&store), Mutex::default());
    let read = move |why| {
        let outcome = store.reload();
        if is_news(&outcome, why, &refused) {
            metrics.reloaded(what, !matches!(outcome, Reload::Refused(_)));
            tell(&outcome, what, &metrics);
        }
    };
    let following = follow(move || looked.files(), read)?;
    Ok(async move {
        if can_change {
            following.await;
        }
    })
}

/// Whether anybody is told. That nothing came of it is told to whoever asked
/// for it, and after a refusal, which is mended then: but the first look finds
/// what was read at the start, and after a refusal the same is read once more for
/// the files that only what was refused names.
fn is_news(outcome: &Reload, why: Why, refused: &Mutex<String>) -> bool {
    let problems = match outcome {
        Reload::Refused(error) => error.to_string(),
        Reload::Same | Reload::Swapped(_) => String::new(),
    };
    let before = mem::replace(&mut *refused.lock().unwrap_or_else(PoisonError::into_inner), problems.clone());
    let is_known = match outcome {
        Reload::Swapped(_) => false,
        Reload::Same => before.is_empty(),
        Reload::Refused(_) => problems == before,
    };
    why == Why::Asked || !is_known
}

/// Why files are read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// One of them looks otherwise.
    Changed,
    /// Somebody asked for it, by SIGHUP.
    Asked,
}

/// Calls `read` whenever one of the files changes, and on SIGHUP in any case,
/// which it listens for from here on. Never ends.
///
/// # Errors
/// When the signal cannot be listened for.
pub(super) fn follow(
    files: impl Fn() -> Vec<PathBuf> + Send + Sync + 'static,
    read: impl Fn(Why) + Send + Sync + 'static,
) -> io::Result<impl Future<Output = ()> + Send> {
    let mut asked = Asked::new()?;
    let read = Arc::new(read);
    let changed = Arc::clone(&read);
    let watching = watch(files, move || changed(Why::Changed));
    let asking = async move {
        loop {
            asked.next().await;
            let read = Arc::clone(&read);
            // A panic there has been logged; the next signal is another chance.
            let _ = spawn_blocking(move || read(Why::Asked)).await;
        }
    };
    Ok(async move {
        tokio::select! {
            () = watching => {}
            () = asking => {}
        }
    })
}

fn tell(outcome: &Reload, what: Reloading, metrics: &Metrics) {
    let is_candidate = what == Reloading::CandidatePolicy;
    match outcome {
        Reload::Swapped(policies) => {
            let policy_version = policies.site("").version();
            if is_candidate {
                info!(policy_version, "a new candidate policy runs in the shadow");
            } else {
                metrics.set_policies(policies);
                info!(policy_version, "a new policy is in force");
            }
        }
        Reload::Same if is_candidate => info!("the candidate policy was read anew and says the same"),
        Reload::Same => info!("the policy was read anew and says the same"),
        Reload::Refused(error) => {
            let problems = error.to_string().replace('\n', "; ");
            if is_candidate {
                warn!(problems, "the new candidate policy cannot be used; the old one stays in the shadow");
            } else {
                warn!(problems, "the new policy cannot be used; the old one stays in force");
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;

    #[test]
    fn what_differs_from_the_last_look_is_news() {
        let refused = Mutex::default();
        let broken = |text| Reload::Refused(Policies::parse(text, "p.toml").unwrap_err());
        assert!(!is_news(&Reload::Same, Why::Changed, &refused));
        assert!(is_news(&broken("a"), Why::Changed, &refused));
        assert!(!is_news(&broken("a"), Why::Changed, &refused));
        assert!(is_news(&broken("site = 1"), Why::Changed, &refused));
        assert!(is_news(&Reload::Same, Why::Changed, &refused), "what was refused is put back");
        assert!(!is_news(&Reload::Same, Why::Changed, &refused));
        assert!(is_news(&Reload::Same, Why::Asked, &refused));
    }
}
