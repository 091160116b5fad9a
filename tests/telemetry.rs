//! The panic hook belongs to the whole process, so this test has one of its
//! own.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use thresher::telemetry::{self, LogFormat};
use tracing::level_filters::LevelFilter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_logged_by_its_place_and_without_its_message() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = telemetry::subscriber(LogFormat::Json, LevelFilter::INFO, move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber);
    telemetry::log_panics();
    let text = "xyzzycanary \u{e9}";
    // What the standard library says of this index quotes the text.
    assert!(catch_unwind(|| text[..13].len()).is_err());
    drop(guard);
    // Put back, so that a failure below is shown.
    let _ = std::panic::take_hook();

    let line = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["place"].as_str().unwrap().contains("telemetry.rs"), "{line}");
    assert!(!line.to_string().contains("xyzzycanary"), "{line}");
}
