//! API keys: who may call, for which site and in which role.
//!
//! A key is random and shown once, when it is made. Its file holds a SHA-256
//! digest of it, from which it cannot be told: digests are for passwords that
//! nobody chose, so that a slow hash would only slow down every call.

mod edit;
mod file;
mod grant;
mod secret;

pub use edit::{Missing, edit};
pub use grant::{Role, Scope};
pub use secret::{KeyId, Secret};

use crate::config::Problems;
use crate::source;
use secret::Digest;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most keys in a file. Bounds what the server keeps for each.
pub const MAX_KEYS: usize = 10_000;
/// The longest keys file, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The short name of the key. It is part of the key and no secret.
    pub id: KeyId,
    /// For which sites it may be used.
    pub scope: Scope,
    /// For which services it may be used.
    pub role: Role,
    /// When it was made, to the second.
    pub created: SystemTime,
    /// From when on it is refused, to the second; never if none.
    pub expires: Option<SystemTime>,
    digest: Digest,
}

impl Key {
    /// Whether it is refused at that time because it was rotated out.
    pub fn expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Why keys cannot be read or changed. Never holds a key or a digest.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds what no keys file can hold; one line for each problem.
    #[error("{0}")]
    Invalid(Problems),
    /// The file cannot be written; it is as it was.
    #[error("{name}: cannot be written: {source}")]
    Write {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// There is no key of that id.
    #[error("no key has the id {0}")]
    Unknown(KeyId),
    /// The key is past its time and cannot be rotated.
    #[error("the key {0} has expired; create a new one instead")]
    Expired(KeyId),
    /// The file is full.
    #[error("there are {MAX_KEYS} keys already; revoke those that nobody uses")]
    Full,
    /// The system has no random numbers to give.
    #[error("the system gave no random numbers to make a key of")]
    Random,
}

/// The keys of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    by_id: BTreeMap<KeyId, Key>,
}

impl Keys {
    /// Reads and checks a keys file.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<Keys, KeysError> {
        let name = path.display().to_string();
        match source::read(path, MAX_BYTES) {
            Ok(source) => Self::parse(&source, &name),
            Err(source) => Err(KeysError::Read { name, source }),
        }
    }

    /// Reads and checks keys; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(source: &str, name: &str) -> Result<Keys, KeysError> {
        file::parse(source, name).map_err(KeysError::Invalid)
    }

    /// What a file of these keys says; [`Keys::parse`] reads it back.
    pub fn render(&self) -> String {
        file::render(self)
    }

    /// The key that a caller sent, if it is one of these and has not expired.
    ///
    /// Takes the time of one digest, whatever was sent, and compares in
    /// constant time.
    pub fn find(&self, sent: &str, now: SystemTime) -> Option<&Key> {
        let id = KeyId::of(sent)?;
        let digest = Digest::of(sent);
        self.get(id, now).filter(|key| key.digest == digest)
    }

    /// The key of that id, unless it has expired.
    pub fn get(&self, id: KeyId, now: SystemTime) -> Option<&Key> {
        self.by_id.get(&id).filter(|key| !key.expired(now))
    }

    /// Adds a key, created `now`.
    ///
    /// # Errors
    /// When there are [`MAX_KEYS`] already, or one of the same id, which is
    /// one in four thousand million.
    pub fn add(
        &mut self,
        secret: &Secret,
        scope: Scope,
        role: Role,
        now: SystemTime,
    ) -> Result<(), KeysError> {
        let (id, digest) = (secret.id(), secret.digest());
        if self.by_id.contains_key(&id) || self.by_id.len() >= MAX_KEYS {
            return Err(KeysError::Full);
        }
        let key = Key { id, scope, role, created: whole_seconds(now), expires: None, digest };
        self.by_id.insert(id, key);
        Ok(())
    }

    /// Takes a key away.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn revoke(&mut self, id: KeyId) -> Result<Key, KeysError> {
        self.by_id.remove(&id).ok_or(KeysError::Unknown(id))
    }

    /// Adds a key for the same site and role as another, which expires after
    /// `overlap`, or when it would have anyway if that is sooner.
    ///
    /// # Errors
    /// When there is no key of that id, it has expired, or there are too many.
    pub fn rotate(
        &mut self,
        id: KeyId,
        secret: &Secret,
        now: SystemTime,
        overlap: Duration,
    ) -> Result<&Key, KeysError> {
        let old = self.by_id.get(&id).ok_or(KeysError::Unknown(id))?;
        if old.expired(now) {
            return Err(KeysError::Expired(id));
        }
        self.add(secret, old.scope.clone(), old.role, now)?;
        let old = self.by_id.get_mut(&id).ok_or(KeysError::Unknown(id))?;
        let end = whole_seconds(now.checked_add(overlap).unwrap_or(now));
        old.expires = Some(old.expires.map_or(end, |expires| expires.min(end)));
        Ok(old)
    }

    /// The keys, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        let mut keys: Vec<&Key> = self.by_id.values().collect();
        keys.sort_by_key(|key| (key.created, key.id));
        keys.into_iter()
    }

    /// The sites that keys are for by name; one may come several times.
    pub fn sites(&self) -> impl Iterator<Item = &str> {
        self.by_id.values().filter_map(|key| match &key.scope {
            Scope::Site(site) => Some(site.as_str()),
            Scope::EverySite => None,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none, so that nobody may call.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// The time without what a file does not keep.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests;
