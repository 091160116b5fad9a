//! TLS: certificates from their files, and new ones without a restart.

use super::watch::watch;
use crate::metrics::{Metrics, Reloading};
use crate::stamp::regular;
use arc_swap::ArcSwap;
use humantime::format_rfc3339_seconds;
use ring::digest::{Context, Digest, SHA256};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// From so long before its certificate ends, the server says so in its log.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often it does.
const REMINDER: Duration = Duration::from_secs(12 * 60 * 60);

/// The files of a server's certificate, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that lead to an authority
    /// its callers trust.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The certificates of the authorities that callers' certificates must come
    /// from; none if callers need no certificate.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// Refuses what reading could wait for.
    fn check_regular(&self) -> Result<(), TlsError> {
        let refused = |path: &PathBuf| {
            regular(path).map_err(|error| TlsError::new(path, format!("cannot be read: {error}")))
        };
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca).try_for_each(refused)
    }
}

/// Why certificates cannot be used. Names the file.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct TlsError {
    name: String,
    reason: String,
}

impl TlsError {
    fn new(path: &Path, reason: impl fmt::Display) -> TlsError {
        TlsError { name: path.display().to_string(), reason: reason.to_string() }
    }
}

/// Certificates that were read, for a server to show and to watch.
pub struct Tls {
    files: TlsFiles,
    current: ArcSwap<Loaded>,
}

/// What connections are made with, and the digest of the files it came from.
struct Loaded {
    config: Arc<ServerConfig>,
    digest: Digest,
    /// When the first certificate of the chain ends; none if it does not say.
    ends: Option<SystemTime>,
}

impl Tls {
    /// Reads the certificate, its key and the authorities.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should, or the key
    /// is another certificate's; names the file.
    pub fn open(files: TlsFiles) -> Result<Tls, TlsError> {
        files.check_regular()?;
        let current = ArcSwap::from_pointee(load(&files)?);
        Ok(Tls { files, current })
    }

    /// Whether callers need a certificate of their own.
    pub fn is_mutual(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }

    /// Reads the files again whenever one changes. Files that cannot be used
    /// leave the certificate as it is, and connections that are open keep
    /// theirs. Never ends.
    pub(super) async fn follow(self: Arc<Self>, metrics: Arc<Metrics>) {
        let TlsFiles { certificate, key, client_ca } = &self.files;
        let paths: Vec<_> = [certificate, key].into_iter().chain(client_ca).cloned().collect();
        let this = Arc::clone(&self);
        let reminding = async {
            loop {
                this.remind(SystemTime::now());
                tokio::time::sleep(REMINDER).await;
            }
        };
        tokio::join!(watch(move || paths.clone(), move || self.reload(&metrics)), reminding);
    }

    fn reload(&self, metrics: &Metrics) {
        match self.files.check_regular().and_then(|()| load(&self.files)) {
            Ok(new) if new.digest.as_ref() == self.current.load().digest.as_ref() => {}
            Ok(new) => {
                self.current.store(Arc::new(new));
                metrics.reloaded(Reloading::Certificate, true);
                info!("the certificate has changed");
                self.remind(SystemTime::now());
            }
            Err(error) => {
                metrics.reloaded(Reloading::Certificate, false);
                warn!(reason = %error, "the certificate stays as it was");
            }
        }
    }

    /// A line of the log if the certificate has ended or will soon. It is shown
    /// all the same: callers decide what they make of it.
    fn remind(&self, now: SystemTime) {
        let Some(ends) = self.current.load().ends else { return };
        let at = format_rfc3339_seconds(ends);
        if ends <= now {
            warn!(ends = %at, "the certificate has expired; callers that check it refuse the server");
        } else if ends <= now + NOTICE {
            warn!(ends = %at, "the certificate expires soon");
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
    let TlsFiles { certificate, key, client_ca } = files;
    let mut digest = Context::new(&SHA256);
    let mut read = |path: &Path| {
        let bytes =
            std::fs::read(path).map_err(|error| TlsError::new(path, format!("cannot be read: {error}")))?;
        digest.update(&bytes);
        Ok(bytes)
    };
    let chain = certificates(certificate, &read(certificate)?)?;
    let ends = chain.first().and_then(end_of);
    let key_bytes = read(key)?;
    let private = PrivateKeyDer::from_pem_slice(&key_bytes).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::new(key, "holds no private key in PEM"),
        error => TlsError::new(key, error),
    })?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(certificate, error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path, &read(path)?)? {
                roots.add(root).map_err(|error| TlsError::new(path, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::new(path, error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        let reason = format!("cannot be used with the certificate of {}: {error}", certificate.display());
        TlsError::new(key, reason)
    })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Loaded { config: Arc::new(config), digest: digest.finish(), ends })
}

/// When a certificate ends (RFC 5280, 4.1.2.5).
fn end_of(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The certificates of a file; at least one.
fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let list = list.map_err(|error| TlsError::new(path, error))?;
    if list.is_empty() {
        return Err(TlsError::new(path, "holds no certificate in PEM"));
    }
    Ok(list)
}
