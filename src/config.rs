//! What the server is told: where to listen, what to load, how much to take.

pub(crate) mod document;
mod file;

pub use document::{Problem, Problems};
pub use file::ConfigError;

use crate::audit::AuditOptions;
use crate::policy::Preset;
use crate::registry::Sources;
use crate::server::{Options, Rate, StoreFiles, TlsFiles, TraceOptions};
use crate::source;
use crate::telemetry::LogFormat;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// The longest configuration file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The server's configuration, complete and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The model file; none for the model that ships inside the binary.
    pub model: Option<PathBuf>,
    /// The other models that there are, and who is judged by which.
    pub models: Models,
    /// The policy file; none for the policy that ships inside the binary.
    pub policy: Option<PathBuf>,
    /// The file of API keys; none if callers need no key.
    pub keys: Option<PathBuf>,
    /// The server's certificate; none if it is to speak plainly.
    pub tls: Option<TlsFiles>,
    /// How much a call may carry, how many there may be, and how slow they.
    pub limits: Limits,
    /// What runs beside the policy and the model in force.
    pub shadow: ShadowConfig,
    /// How much memory is for what is remembered of comments, in megabytes of
    /// 1,048,576 bytes.
    pub state_mb: usize,
    /// Where it is shared with other servers; nowhere if none.
    pub store: Option<StoreFiles>,
    /// How long calls in flight have to finish on shutdown.
    pub drain_deadline: Duration,
    /// How long the server goes on refusing calls before it closes, so that
    /// load balancers notice.
    pub lame_duck: Duration,
    /// Whether the reflection service describes the API to callers.
    pub reflection: bool,
    /// Where metrics and probes are answered.
    pub admin: Admin,
    /// Where a sample of the answers is written down; nowhere if none.
    pub audit: Option<AuditOptions>,
    /// Where traces go; nowhere if none.
    pub traces: Option<TraceOptions>,
    /// How to log.
    pub log: Log,
}

/// Where metrics and probes are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// The address and port; none to answer nowhere.
    pub address: Option<SocketAddr>,
    /// Whether the address may be one that other machines can reach.
    pub allow_remote: bool,
}

/// The registry of models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    /// The folder of model files; none for no model but the one.
    pub directory: Option<PathBuf>,
    /// The sites that are judged by one model whatever is activated, with its
    /// version; `default` for all that are not named.
    pub pins: BTreeMap<String, String>,
}

/// How much a call may carry, how many there may be, and how slow they. Sizes
/// are in bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text of a comment.
    pub max_text_bytes: usize,
    /// The longest thread of a request, all of its texts together.
    pub max_thread_bytes: usize,
    /// The most recent texts in a thread.
    pub max_recent_texts: usize,
    /// The most comments in a batch.
    pub max_batch_comments: usize,
    /// The longest message, after decompression.
    pub max_message_bytes: usize,
    /// The most bytes of messages at a time.
    pub max_pending_bytes: usize,
    /// The longest headers of a call, in bytes.
    pub max_header_bytes: usize,
    /// How long the message of a call may take to come in, in milliseconds.
    pub message_timeout_ms: usize,
    /// How long a caller may leave a stream silent, in milliseconds.
    pub stream_idle_timeout_ms: usize,
    /// How long a call may wait for its caller, and a connection be of no use,
    /// where others want the place, in milliseconds.
    pub give_way_after_ms: usize,
    /// How long a call may wait for its turn under overload, in milliseconds.
    pub max_wait_ms: usize,
    /// How many comments a second a key may have judged; 0 for no limit.
    pub comments_per_second: usize,
    /// How many comments a key may have judged at once after a pause.
    pub comments_burst: usize,
    /// The most calls at a time.
    pub max_concurrent_calls: usize,
    /// The most calls at a time on one connection.
    pub max_concurrent_streams: usize,
    /// The most connections at a time.
    pub max_connections: usize,
    /// How long a peer has to say something in HTTP/2, in milliseconds.
    pub handshake_timeout_ms: usize,
}

/// A candidate policy and a candidate model, which never act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// The file of the candidate policy; none for the one in force.
    pub policy: Option<PathBuf>,
    /// The file of the candidate model; none for the one in force.
    pub model: Option<PathBuf>,
    /// Where comments are sampled that would have been treated otherwise; none
    /// to count them only.
    pub samples: Option<PathBuf>,
    /// How much the samples may come to, in bytes, the older file included.
    pub max_samples_bytes: u64,
    /// Whether samples have the texts of comments.
    pub texts: bool,
}

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// The mildest events that are written.
    pub level: LevelFilter,
}

impl Config {
    /// The configuration file that ships inside the binary:
    /// `config/thresher.toml`. It says what [`Config::default`] is.
    pub const EMBEDDED: &str = include_str!("../config/thresher.toml");

    /// Reads and checks a configuration file. Paths in it are relative to the
    /// file's folder; what it leaves out is as in [`Config::default`].
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<Config, ConfigError> {
        let name = path.display().to_string();
        let source = match source::read(path, MAX_BYTES) {
            Ok(source) => source,
            Err(source) => return Err(ConfigError::Read { name, source }),
        };
        let mut config = Self::parse(&source, &name)?;
        if let Some(folder) = path.parent() {
            let Config { model, models, policy, keys, tls, shadow, store, audit, .. } = &mut config;
            let candidate = &mut shadow.policy;
            let shadow = [&mut shadow.model, &mut shadow.samples];
            let tls = tls.iter_mut().flat_map(|tls| {
                [&mut tls.certificate, &mut tls.key].into_iter().chain(tls.client_ca.as_mut())
            });
            let audit = audit.as_mut().map(|audit| &mut audit.file);
            let optional = [model, &mut models.directory, keys].into_iter().chain(shadow);
            let store = store
                .iter_mut()
                .flat_map(|store| std::iter::once(&mut store.secret).chain(store.password.as_mut()));
            let is_preset = |file: &PathBuf| file.to_str().and_then(Preset::from_name).is_some();
            let [policy, candidate] =
                [policy, candidate].map(|file| file.as_mut().filter(|file| !is_preset(file)));
            for file in optional.flatten().chain(tls).chain(audit).chain(store).chain(policy).chain(candidate)
            {
                // An absolute path stays as it is.
                *file = folder.join(&*file);
            }
        }
        Ok(config)
    }

    /// Reads and checks a configuration; `name` stands for the file in
    /// messages.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(source: &str, name: &str) -> Result<Config, ConfigError> {
        file::parse(source, name)
    }

    /// Where the models come from.
    pub fn model_sources(&self) -> Sources {
        let Models { directory, pins } = self.models.clone();
        Sources { base: self.model.clone(), folder: directory, pins }
    }

    /// What the server needs of the configuration, but for the store, which has
    /// files to be read.
    pub fn server_options(&self) -> Options {
        let limits = &self.limits;
        Options {
            max_text_bytes: limits.max_text_bytes,
            max_thread_bytes: limits.max_thread_bytes,
            max_recent_texts: limits.max_recent_texts,
            max_batch_comments: limits.max_batch_comments,
            max_message_bytes: limits.max_message_bytes,
            max_pending_bytes: limits.max_pending_bytes,
            max_header_bytes: narrow(limits.max_header_bytes),
            message_timeout: ms(limits.message_timeout_ms),
            stream_idle_timeout: ms(limits.stream_idle_timeout_ms),
            give_way_after: ms(limits.give_way_after_ms),
            max_wait: ms(limits.max_wait_ms),
            rate: NonZeroU32::new(narrow(limits.comments_per_second))
                .zip(NonZeroU32::new(narrow(limits.comments_burst)))
                .map(|(per_second, burst)| Rate { per_second, burst }),
            max_concurrent_calls: limits.max_concurrent_calls,
            max_concurrent_streams: narrow(limits.max_concurrent_streams),
            max_connections: limits.max_connections,
            handshake_timeout: ms(limits.handshake_timeout_ms),
            drain_deadline: self.drain_deadline,
            lame_duck: self.lame_duck,
            reflection: self.reflection,
            state_bytes: self.state_mb << 20,
            store: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let options = Options::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            model: None,
            models: Models::default(),
            policy: None,
            keys: None,
            tls: None,
            limits: Limits {
                max_text_bytes: options.max_text_bytes,
                max_thread_bytes: options.max_thread_bytes,
                max_recent_texts: options.max_recent_texts,
                max_batch_comments: options.max_batch_comments,
                max_message_bytes: options.max_message_bytes,
                max_pending_bytes: options.max_pending_bytes,
                max_header_bytes: 16 * 1024,
                message_timeout_ms: 30_000,
                stream_idle_timeout_ms: 300_000,
                give_way_after_ms: 1_000,
                max_wait_ms: 12,
                comments_per_second: 0,
                comments_burst: 2_000,
                max_concurrent_calls: options.max_concurrent_calls,
                max_concurrent_streams: 256,
                max_connections: options.max_connections,
                handshake_timeout_ms: 10_000,
            },
            shadow: ShadowConfig {
                policy: None,
                model: None,
                samples: None,
                max_samples_bytes: 64 << 20,
                texts: false,
            },
            state_mb: options.state_bytes >> 20,
            store: None,
            drain_deadline: options.drain_deadline,
            lame_duck: options.lame_duck,
            reflection: options.reflection,
            admin: Admin::default(),
            audit: None,
            traces: None,
            log: Log { format: LogFormat::Human, level: LevelFilter::INFO },
        }
    }
}

/// A number that the ranges of the file keep well below the limit.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn ms(number: usize) -> Duration {
    Duration::from_millis(number as u64)
}

#[cfg(test)]
mod tests;
