//! Sends spans, and tells the log when that fails: once, and once more when it
//! works again, however many batches lie between.

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::{info, warn};

/// An exporter whose failures are told.
#[derive(Debug)]
pub(super) struct Told<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> Told<E> {
    pub fn new(exporter: E) -> Told<E> {
        Told { exporter, failing: AtomicBool::new(false) }
    }

    fn tell(&self, sent: &OTelSdkResult) {
        let was_failing = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !was_failing => {
                warn!(%error, "traces cannot be sent; they are dropped until they can");
            }
            Ok(()) if was_failing => info!("traces are sent again"),
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.tell(&sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{LogFormat, subscriber};
    use opentelemetry_sdk::error::OTelSdkError;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing::level_filters::LevelFilter;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_collector_that_is_away_is_one_line() {
        let written = Buffer::default();
        let writer = written.clone();
        let log = subscriber(LogFormat::Human, LevelFilter::INFO, move || writer.clone());
        tracing::subscriber::with_default(log, || {
            let told = Told::new(());
            let failed = || Err(OTelSdkError::InternalFailure("no route".into()));
            for sent in [Ok(()), failed(), failed(), failed(), Ok(()), Ok(()), failed()] {
                told.tell(&sent);
            }
        });
        let lines = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let what = ["cannot be sent", "sent again", "cannot be sent"];
        assert_eq!(lines.lines().count(), what.len(), "{lines}");
        assert!(lines.lines().zip(what).all(|(line, what)| line.contains(what)), "{lines}");
    }
}
