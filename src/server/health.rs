//! What health says: SERVING when a comment of any site would be judged, and
//! not before or after.

use super::{MODELS, MODERATION};
use crate::metrics::Metrics;
use crate::registry::ModelStore;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::info;

/// The services that have a status; the empty name is the server.
const SERVICES: [&str; 3] = ["", MODERATION, MODELS];

/// Tells callers, and whoever started the server, whether it is ready.
pub(super) struct Health {
    reporter: HealthReporter,
    models: Arc<ModelStore>,
    metrics: Arc<Metrics>,
    /// Held while something is told, so that nothing that came later is
    /// overtaken.
    stage: Mutex<Stage>,
}

/// Every stage, once reached, stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    /// A site has no model.
    Starting,
    Ready,
    Draining,
}

impl Health {
    /// Says at once whether the server is ready.
    pub async fn new(models: Arc<ModelStore>, metrics: Arc<Metrics>) -> Health {
        let (reporter, stage) = (HealthReporter::new(), Mutex::new(Stage::Starting));
        metrics.set_serving(false);
        let health = Health { reporter, models, metrics, stage };
        // Models can be told of, and activated, before comments can be judged.
        health.reporter.set_service_status(MODELS, ServingStatus::Serving).await;
        for service in ["", MODERATION] {
            health.reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
        health.refresh().await;
        health
    }

    /// For the health service.
    pub fn reporter(&self) -> HealthReporter {
        self.reporter.clone()
    }

    /// Says that the server is ready, as soon as it is. What serves once is
    /// never taken away, only replaced.
    pub async fn refresh(&self) {
        let mut stage = self.stage.lock().await;
        if *stage == Stage::Starting && self.models.current().is_ready() {
            *stage = Stage::Ready;
            for service in SERVICES {
                self.reporter.set_service_status(service, ServingStatus::Serving).await;
            }
            self.metrics.set_serving(true);
            info!("ready");
            service_manager::ready();
        }
    }

    /// Says that the server takes no new work, from now on.
    pub async fn drain(&self) {
        let mut stage = self.stage.lock().await;
        *stage = Stage::Draining;
        self.metrics.set_serving(false);
        for service in SERVICES {
            self.reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
        service_manager::stopping();
    }

    /// Ends every watch. It would go on for as long as there is a status, and
    /// hold its connection open.
    pub async fn end(&self) {
        for service in SERVICES {
            self.reporter.clone().clear_service_status(service).await;
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

/// What the service manager is told, if one asked for it (systemd's
/// `Type=notify`).
#[cfg(unix)]
mod service_manager {
    use sd_notify::NotifyState;
    use tracing::warn;

    pub fn ready() {
        tell(NotifyState::Ready);
    }

    pub fn stopping() {
        tell(NotifyState::Stopping);
    }

    fn tell(state: NotifyState<'_>) {
        // Does nothing when nobody asked.
        if let Err(error) = sd_notify::notify(&[state]) {
            warn!(reason = %error, "the service manager cannot be told");
        }
    }
}

/// Nobody else asks.
#[cfg(not(unix))]
mod service_manager {
    pub fn ready() {}

    pub fn stopping() {}
}
