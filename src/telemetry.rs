//! Logs: where they go, how they look, what gets in.
//!
//! Comment text, author identity and keys never do. Events carry counts,
//! lengths, names from the configuration, versions and status codes.

use std::{io, panic};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Human,
    /// A JSON object a line.
    Json,
}

/// Starts logging to standard error, panics too.
///
/// # Errors
/// When the process logs already.
pub fn init(format: LogFormat, level: LevelFilter) -> Result<(), TryInitError> {
    subscriber(format, level, io::stderr).try_init()?;
    log_panics();
    Ok(())
}

/// Logs panics by their place from now on, and no longer prints their
/// message, which may quote what was being judged.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a bug: the program panicked");
    }));
}

/// What [`init`] logs with, writing elsewhere.
///
/// `level` is for this program; the libraries it uses say warnings and errors
/// only, or less if `level` asks for less. At debug level there is one line a
/// call, written when it is over.
pub fn subscriber<W>(format: LogFormat, level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_span_events(FmtSpan::CLOSE);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        // No colours: standard error is a file or a journal as often as not.
        LogFormat::Human => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(format: LogFormat, level: LevelFilter) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(format, level, move || writer.clone()), || {
            tracing::info!(answer = 42, "ours");
            tracing::debug!("ours in detail");
            tracing::info!(target: "h2", "theirs");
            tracing::warn!(target: "h2", "their warning");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_level_is_for_this_program() {
        let lines = log(LogFormat::Human, LevelFilter::INFO);
        assert!(lines.contains("ours answer=42") && lines.contains("their warning"), "{lines}");
        assert!(!lines.contains("detail") && !lines.contains("theirs"), "{lines}");
        assert!(log(LogFormat::Human, LevelFilter::DEBUG).contains("ours in detail"));
        assert_eq!(log(LogFormat::Human, LevelFilter::OFF), "");
    }

    #[test]
    fn a_json_line_is_an_object() {
        let lines = log(LogFormat::Json, LevelFilter::INFO);
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((&first["message"], &first["answer"]), (&"ours".into(), &42.into()));
        assert_eq!(lines.lines().count(), 2);
    }
}
