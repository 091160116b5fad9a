//! Reads a configuration file: its keys, their ranges, and everything that is
//! wrong with them.

use super::document::{Document, Key, Problems, Value};
use super::{Admin, Config, Limits, Log, Models, ShadowConfig};
use crate::audit::AuditOptions;
use crate::keys::Scope;
use crate::server::{StoreFiles, TlsFiles, TraceOptions};
use crate::telemetry::LogFormat;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// What [`Limits::max_text_bytes`] may be.
const TEXT_BYTES: std::ops::RangeInclusive<u64> = 1..=MIB;
const MIB: u64 = 1 << 20;
/// Every key of a store has it.
const MAX_PREFIX_BYTES: usize = 64;

/// The keys of the file and of its tables.
pub(super) const KEYS: [&str; 16] = [
    "listen",
    "model",
    "models",
    "policy",
    "keys",
    "tls",
    "limits",
    "shadow",
    "state",
    "drain_deadline_ms",
    "lame_duck_ms",
    "reflection",
    "admin",
    "audit",
    "otlp",
    "log",
];
pub(super) const LIMIT_KEYS: [&str; 17] = [
    "max_text_bytes",
    "max_thread_bytes",
    "max_recent_texts",
    "max_batch_comments",
    "max_message_bytes",
    "max_pending_bytes",
    "max_header_bytes",
    "message_timeout_ms",
    "stream_idle_timeout_ms",
    "give_way_after_ms",
    "max_wait_ms",
    "comments_per_second",
    "comments_burst",
    "max_concurrent_calls",
    "max_concurrent_streams",
    "max_connections",
    "handshake_timeout_ms",
];
pub(super) const MODELS_KEYS: [&str; 2] = ["directory", "pins"];
pub(super) const SHADOW_KEYS: [&str; 5] = ["policy", "model", "samples", "max_samples_bytes", "texts"];
pub(super) const KEYS_KEYS: [&str; 1] = ["file"];
pub(super) const TLS_KEYS: [&str; 3] = ["certificate", "key", "client_ca"];
pub(super) const ADMIN_KEYS: [&str; 2] = ["address", "allow_remote"];
pub(super) const STATE_KEYS: [&str; 6] =
    ["memory_mb", "address", "password", "secret", "timeout_ms", "prefix"];
pub(super) const AUDIT_KEYS: [&str; 4] = ["file", "one_in", "max_bytes", "keep"];
pub(super) const OTLP_KEYS: [&str; 3] = ["endpoint", "one_in", "service"];
pub(super) const LOG_KEYS: [&str; 2] = ["format", "level"];
const LOG_FORMATS: [(&str, LogFormat); 2] = [("human", LogFormat::Human), ("json", LogFormat::Json)];
const LOG_LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file says what no configuration can say; one line for each problem.
    #[error("{0}")]
    Invalid(Problems),
}

/// Reads the file; see [`Config::parse`].
pub(super) fn parse(source: &str, name: &str) -> Result<Config, ConfigError> {
    let (mut document, root) = Document::parse(source, name);
    let mut config = Config::default();
    for (key, value) in &root {
        read_key(&mut document, &mut config, key, value);
    }
    document.finish().map_err(ConfigError::Invalid)?;
    Ok(config)
}

fn read_key(document: &mut Document<'_>, config: &mut Config, key: &Key<'_>, value: &Value<'_>) {
    match key.get_ref().as_ref() {
        "listen" => {
            let Some(text) = document.string("listen", value) else { return };
            set(&mut config.listen, read_address(document, "listen", text, value));
        }
        "model" => set(&mut config.model, read_path(document, "model", value)),
        "models" => read_models(document, &mut config.models, value),
        "policy" => set(&mut config.policy, read_path(document, "policy", value)),
        "keys" => read_keys(document, &mut config.keys, value),
        "tls" => read_tls(document, &mut config.tls, value),
        "shadow" => read_shadow(document, &mut config.shadow, value),
        "limits" => read_limits(document, &mut config.limits, value),
        "state" => read_state(document, &mut config.state_mb, &mut config.store, value),
        "drain_deadline_ms" => {
            set(&mut config.drain_deadline, read_ms(document, "drain_deadline_ms", value, 600_000));
        }
        "lame_duck_ms" => set(&mut config.lame_duck, read_ms(document, "lame_duck_ms", value, 60_000)),
        "reflection" => set(&mut config.reflection, document.boolean("reflection", value)),
        "admin" => read_admin(document, &mut config.admin, value),
        "audit" => read_audit(document, &mut config.audit, value),
        "otlp" => read_otlp(document, &mut config.traces, value),
        "log" => read_log(document, &mut config.log, value),
        other => document.report_unknown(&key.span(), "key", other, KEYS),
    }
}

fn read_limits(document: &mut Document<'_>, limits: &mut Limits, value: &Value<'_>) {
    let Some(table) = document.table("limits", value) else { return };
    for (key, value) in table {
        let (limit, range) = match key.get_ref().as_ref() {
            "max_text_bytes" => (&mut limits.max_text_bytes, TEXT_BYTES),
            "max_thread_bytes" => (&mut limits.max_thread_bytes, 0..=16 * MIB),
            "max_recent_texts" => (&mut limits.max_recent_texts, 0..=1_000),
            "max_batch_comments" => (&mut limits.max_batch_comments, 1..=100_000),
            "max_message_bytes" => (&mut limits.max_message_bytes, 1_024..=64 * MIB),
            "max_pending_bytes" => (&mut limits.max_pending_bytes, 1_024..=65_536 * MIB),
            "max_header_bytes" => (&mut limits.max_header_bytes, 1_024..=MIB),
            "message_timeout_ms" => (&mut limits.message_timeout_ms, 1..=600_000),
            "stream_idle_timeout_ms" => (&mut limits.stream_idle_timeout_ms, 1..=86_400_000),
            "give_way_after_ms" => (&mut limits.give_way_after_ms, 1..=86_400_000),
            "max_wait_ms" => (&mut limits.max_wait_ms, 1..=600_000),
            "comments_per_second" => (&mut limits.comments_per_second, 0..=1_000_000),
            "comments_burst" => (&mut limits.comments_burst, 1..=1_000_000),
            "max_concurrent_calls" => (&mut limits.max_concurrent_calls, 1..=1_000_000),
            "max_concurrent_streams" => (&mut limits.max_concurrent_streams, 1..=65_536),
            "max_connections" => (&mut limits.max_connections, 1..=1_000_000),
            "handshake_timeout_ms" => (&mut limits.handshake_timeout_ms, 1..=600_000),
            other => {
                document.report_unknown(&key.span(), "key", other, LIMIT_KEYS);
                continue;
            }
        };
        let number = document.integer(key.get_ref(), value, range);
        set(limit, number.and_then(|number| usize::try_from(number).ok()));
    }
    // One comment of full length must fit into a message, and its thread too.
    let Limits { max_text_bytes, max_thread_bytes, max_message_bytes, max_pending_bytes, .. } = *limits;
    let Limits { comments_per_second, comments_burst, max_batch_comments, .. } = *limits;
    if comments_per_second > 0 && comments_burst < max_batch_comments {
        let message = format!(
            "`comments_burst` is {comments_burst}, too few for a batch of `max_batch_comments` \
             ({max_batch_comments})"
        );
        let span = table.get("comments_burst").map_or_else(|| value.span(), |value| value.span());
        document.report(&span, message);
    }
    if max_message_bytes < max_text_bytes + max_thread_bytes {
        let message = format!(
            "`max_message_bytes` is {max_message_bytes}, too few for `max_text_bytes` and `max_thread_bytes` \
             together ({})",
            max_text_bytes + max_thread_bytes
        );
        let span = table.get("max_message_bytes").map_or_else(|| value.span(), |value| value.span());
        document.report(&span, message);
    }
    // The compressed bytes of a message and what they become are there together.
    if max_pending_bytes / 4 < max_message_bytes {
        let message = format!(
            "`max_pending_bytes` is {max_pending_bytes}, too few for four messages of `max_message_bytes` \
             ({max_message_bytes})"
        );
        let span = table.get("max_pending_bytes").map_or_else(|| value.span(), |value| value.span());
        document.report(&span, message);
    }
}

fn read_models(document: &mut Document<'_>, models: &mut Models, value: &Value<'_>) {
    let Some(table) = document.table("models", value) else { return };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "directory" => set(&mut models.directory, read_path(document, "directory", value)),
            "pins" => {
                let Some(pins) = document.table("pins", value) else { continue };
                for (site, value) in pins {
                    let site_name: &str = site.get_ref();
                    if let Err(problem) = site_name.parse::<Scope>().map(|scope| scope.to_string()) {
                        document.report(&site.span(), problem);
                    } else if site_name == "*" {
                        let problem =
                            "`*` is no site; `default` stands for all sites without a model of their own";
                        document.report(&site.span(), problem);
                    } else if let Some(version) = document.string(site_name, value) {
                        models.pins.insert(site_name.to_owned(), version.to_owned());
                    }
                }
            }
            other => document.report_unknown(&key.span(), "key", other, MODELS_KEYS),
        }
    }
}

fn read_state(
    document: &mut Document<'_>,
    state_mb: &mut usize,
    store: &mut Option<StoreFiles>,
    value: &Value<'_>,
) {
    let Some(table) = document.table("state", value) else { return };
    let (mut address, mut password, mut secret) = (None, None, None);
    let (mut timeout, mut prefix) = (Duration::from_millis(5), "thresher:");
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "memory_mb" => {
                let number = document.integer("memory_mb", value, 1..=65_536);
                set(state_mb, number.and_then(|number| usize::try_from(number).ok()));
            }
            "address" => match document.string("address", value) {
                Some("") | None => {}
                Some(text) if StoreFiles::is_address(text) => address = Some(text.to_owned()),
                // What it says may hold a password.
                Some(_) => document.report(
                    &value.span(),
                    "`address` must be such as \"redis://host:6379\", \"rediss://host:6379\" for TLS, or \
                     \"unix:///run/valkey.sock\"",
                ),
            },
            "password" => set(&mut password, read_path(document, "password", value)),
            "secret" => set(&mut secret, read_path(document, "secret", value)),
            "timeout_ms" => {
                let ms = document.integer("timeout_ms", value, 1..=1_000);
                set(&mut timeout, ms.map(Duration::from_millis));
            }
            "prefix" => set(&mut prefix, document.string("prefix", value)),
            other => document.report_unknown(&key.span(), "key", other, STATE_KEYS),
        }
    }
    if prefix.len() > MAX_PREFIX_BYTES {
        document.report(&value.span(), format!("`prefix` must have at most {MAX_PREFIX_BYTES} bytes"));
    }
    match (address, secret) {
        (None, _) => {}
        (Some(_), None) => document.report(
            &value.span(),
            "`state` has an `address` and no `secret`, the file of what all servers at the store must share",
        ),
        (Some(address), Some(secret)) => {
            *store = Some(StoreFiles { address, password, secret, timeout, prefix: prefix.to_owned() });
        }
    }
}

fn read_keys(document: &mut Document<'_>, keys: &mut Option<PathBuf>, value: &Value<'_>) {
    let Some(table) = document.table("keys", value) else { return };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "file" => set(keys, read_path(document, "file", value)),
            other => document.report_unknown(&key.span(), "key", other, KEYS_KEYS),
        }
    }
}

fn read_shadow(document: &mut Document<'_>, shadow: &mut ShadowConfig, value: &Value<'_>) {
    let Some(table) = document.table("shadow", value) else { return };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "policy" => set(&mut shadow.policy, read_path(document, "policy", value)),
            "model" => set(&mut shadow.model, read_path(document, "model", value)),
            "samples" => set(&mut shadow.samples, read_path(document, "samples", value)),
            "max_samples_bytes" => {
                let bytes = document.integer("max_samples_bytes", value, 4 * MIB..=64 * 1_024 * MIB);
                set(&mut shadow.max_samples_bytes, bytes);
            }
            "texts" => set(&mut shadow.texts, document.boolean("texts", value)),
            other => document.report_unknown(&key.span(), "key", other, SHADOW_KEYS),
        }
    }
    if shadow.policy.is_none() && shadow.model.is_none() && shadow.samples.is_some() {
        document
            .report(&value.span(), "`shadow` has `samples`, and neither a `policy` nor a `model` to sample");
    }
}

fn read_tls(document: &mut Document<'_>, tls: &mut Option<TlsFiles>, value: &Value<'_>) {
    let Some(table) = document.table("tls", value) else { return };
    let (mut certificate, mut private, mut client_ca) = (None, None, None);
    for (key, value) in table {
        let file = match key.get_ref().as_ref() {
            "certificate" => &mut certificate,
            "key" => &mut private,
            "client_ca" => &mut client_ca,
            other => {
                document.report_unknown(&key.span(), "key", other, TLS_KEYS);
                continue;
            }
        };
        set(file, read_path(document, key.get_ref(), value));
    }
    match (certificate, private, &client_ca) {
        (Some(certificate), Some(key), _) => *tls = Some(TlsFiles { certificate, key, client_ca }),
        (None, None, None) => {}
        (Some(_), None, _) => document.report(&value.span(), "`tls` has a `certificate` and no `key`"),
        (None, ..) => document.report(&value.span(), "`tls` has no `certificate`"),
    }
}

fn read_admin(document: &mut Document<'_>, admin: &mut Admin, value: &Value<'_>) {
    let Some(table) = document.table("admin", value) else { return };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "address" => match document.string("address", value) {
                Some("") => admin.address = None,
                Some(text) => {
                    set(&mut admin.address, read_address(document, "address", text, value).map(Some))
                }
                None => {}
            },
            "allow_remote" => set(&mut admin.allow_remote, document.boolean("allow_remote", value)),
            other => document.report_unknown(&key.span(), "key", other, ADMIN_KEYS),
        }
    }
}

fn read_audit(document: &mut Document<'_>, audit: &mut Option<AuditOptions>, value: &Value<'_>) {
    let Some(table) = document.table("audit", value) else { return };
    let (mut file, mut one_in, mut max_bytes, mut keep) = (None, 1, 100 << 20, 4);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "file" => set(&mut file, read_path(document, "file", value)),
            "one_in" => set(&mut one_in, document.integer("one_in", value, 1..=1_000_000)),
            "max_bytes" => set(&mut max_bytes, document.integer("max_bytes", value, 4_096..=1 << 40)),
            "keep" => set(&mut keep, document.integer("keep", value, 0..=1_000)),
            other => document.report_unknown(&key.span(), "key", other, AUDIT_KEYS),
        }
    }
    let keep = usize::try_from(keep).unwrap_or_default();
    *audit = file.map(|file| AuditOptions { file, one_in, max_bytes, keep });
}

fn read_otlp(document: &mut Document<'_>, traces: &mut Option<TraceOptions>, value: &Value<'_>) {
    let Some(table) = document.table("otlp", value) else { return };
    let (mut endpoint, mut one_in, mut service) = (None, 100, "thresher");
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "endpoint" => match document.string("endpoint", value) {
                Some(text) if text.is_empty() || is_http_address(text) => {
                    endpoint = Some(text).filter(|text| !text.is_empty());
                }
                Some(_) => {
                    let message = "`endpoint` must be http://HOST:PORT of a collector's gRPC port, such as \
                                   \"http://127.0.0.1:4317\"";
                    document.report(&value.span(), message);
                }
                None => {}
            },
            "one_in" => set(&mut one_in, document.integer("one_in", value, 1..=1_000_000)),
            "service" => set(&mut service, document.string("service", value)),
            other => document.report_unknown(&key.span(), "key", other, OTLP_KEYS),
        }
    }
    *traces = endpoint.map(|endpoint| TraceOptions {
        endpoint: endpoint.to_owned(),
        one_in,
        service: service.to_owned(),
    });
}

/// Whether that is `http://HOST:PORT`, without a path, and without a user and a
/// password, which would not be sent and would stand in the log.
fn is_http_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let is_bare = matches!(uri.path_and_query().map(|rest| rest.as_str()), None | Some("/"));
    uri.scheme_str() == Some("http")
        && uri.port().is_some()
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.host().is_some_and(|h| !h.is_empty())
        && is_bare
}

fn read_address(document: &mut Document<'_>, key: &str, text: &str, value: &Value<'_>) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        let message =
            format!("`{key}` must be an address and a port, such as \"127.0.0.1:50051\" or \"[::]:50051\"");
        document.report(&value.span(), message);
    }
    address
}

fn read_log(document: &mut Document<'_>, log: &mut Log, value: &Value<'_>) {
    let Some(table) = document.table("log", value) else { return };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "format" => set(&mut log.format, read_choice(document, "format", value, &LOG_FORMATS)),
            "level" => set(&mut log.level, read_choice(document, "level", value, &LOG_LEVELS)),
            other => document.report_unknown(&key.span(), "key", other, LOG_KEYS),
        }
    }
}

/// A path; the empty one stands for none.
fn read_path(document: &mut Document<'_>, key: &str, value: &Value<'_>) -> Option<Option<PathBuf>> {
    document.string(key, value).map(|text| Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
}

fn read_ms(document: &mut Document<'_>, key: &str, value: &Value<'_>, most: u64) -> Option<Duration> {
    document.integer(key, value, 0..=most).map(Duration::from_millis)
}

fn read_choice<T: Copy>(
    document: &mut Document<'_>,
    key: &str,
    value: &Value<'_>,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let text = document.string(key, value)?;
    let choice = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
    if choice.is_none() {
        document.report_unknown(&value.span(), key, text, choices.iter().map(|(name, _)| *name));
    }
    choice
}

/// Keeps the default where the value was a problem, so that reading goes on.
fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
