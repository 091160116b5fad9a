//! Where the store is, and what is needed to use it.

use crate::signals::key::HashKey;
use crate::stamp::regular;
use redis::{Client, ConnectionAddr, IntoConnectionInfo};
use ring::digest::{SHA256, digest};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{array, fmt};

/// The shortest and the longest secret and password, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=4_096;
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 1..=4_096;

/// What the configuration says about a store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreFiles {
    /// The address, such as `redis://host:6379/0`, `rediss://host` for TLS, or
    /// `unix:///run/valkey.sock`. May hold a password.
    pub address: String,
    /// The file of the password; none if there is none, or the address has it.
    pub password: Option<PathBuf>,
    /// The file of the secret that all servers at the store share.
    pub secret: PathBuf,
    /// How long the store is waited for.
    pub timeout: Duration,
    /// What every key begins with.
    pub prefix: String,
}

/// A store that a server can use. `Debug` shows neither password nor secret.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOptions {
    address: String,
    password: Option<String>,
    /// What the hashes are keyed with.
    pub(crate) secret: HashKey,
    pub(super) timeout: Duration,
    pub(super) prefix: String,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No address; what it says is not repeated, since it may hold a password.
    #[error("the address of the store must be redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH")]
    Address,
    /// A file cannot be read.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// What is in the file is too short, too long or no text.
    #[error("{name}: must hold {least} to {most} bytes of text, blanks around it not counted")]
    Content {
        /// The file.
        name: String,
        /// The fewest bytes.
        least: usize,
        /// The most.
        most: usize,
    },
}

impl StoreFiles {
    /// Whether that is an address.
    pub fn is_address(address: &str) -> bool {
        address.into_connection_info().is_ok_and(|info| info.addr().is_supported())
    }
}

impl StoreOptions {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or does not hold what it should.
    pub fn open(files: &StoreFiles) -> Result<StoreOptions, StoreError> {
        let password = files.password.as_deref().map(|path| read(path, PASSWORD_BYTES)).transpose()?;
        let secret = read(&files.secret, SECRET_BYTES)?;
        let StoreFiles { address, timeout, prefix, .. } = files.clone();
        let digest = digest(&SHA256, secret.as_bytes());
        // As many bytes as the hash takes; what is read may be any text.
        let secret = HashKey::new(array::from_fn(|i| digest.as_ref()[i]));
        let options = StoreOptions { address, password, secret, timeout, prefix };
        options.client().map(|_| options)
    }

    /// Something to connect with.
    pub(super) fn client(&self) -> Result<Client, StoreError> {
        let info = self.address.as_str().into_connection_info().map_err(|_| StoreError::Address)?;
        let mut settings = info.redis_settings().clone();
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Client::open(info.set_redis_settings(settings)).map_err(|_| StoreError::Address)
    }

    /// The address without user and password.
    pub fn shown(&self) -> String {
        match self.address.as_str().into_connection_info().as_ref().map(|info| info.addr()) {
            Ok(ConnectionAddr::Tcp(host, port)) => format!("redis://{host}:{port}"),
            Ok(ConnectionAddr::TcpTls { host, port, .. }) => format!("rediss://{host}:{port}"),
            Ok(ConnectionAddr::Unix(path)) => format!("unix://{}", path.display()),
            _ => "?".to_owned(),
        }
    }

    /// Tells servers with different secrets apart, and says nothing of either.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        self.secret.hash(0, [&b"fingerprint"[..]]).to_be_bytes().to_vec()
    }
}

fn read(path: &Path, bytes: std::ops::RangeInclusive<usize>) -> Result<String, StoreError> {
    let (name, (least, most)) = (path.display().to_string(), (*bytes.start(), *bytes.end()));
    let mut content = Vec::new();
    // A little more than it may be, so that what is too long shows.
    let limit = most as u64 + 1_024;
    let opened = regular(path).and_then(|()| fs::File::open(path));
    let read = opened.and_then(|file| file.take(limit).read_to_end(&mut content));
    if let Err(source) = read {
        return Err(StoreError::Read { name, source });
    }
    let text = String::from_utf8(content).unwrap_or_default().trim().to_owned();
    if bytes.contains(&text.len()) { Ok(text) } else { Err(StoreError::Content { name, least, most }) }
}

impl fmt::Debug for StoreFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StoreFiles");
        shown.field("password", &self.password).field("secret", &self.secret);
        shown.field("timeout", &self.timeout).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StoreOptions");
        shown.field("address", &self.shown()).field("timeout", &self.timeout);
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
