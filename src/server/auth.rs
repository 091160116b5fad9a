//! Who is calling: the key that a call carries, and what it is good for.

use super::limits::{Pace, Rate};
use super::status::Refusal;
use super::watch::watch;
use crate::keys::{Key, KeyId, Keys, KeysError, Role, Scope};
use crate::metrics::{Metrics, Reloading};
use crate::stamp::regular;
use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

/// A keys file that was read, for a server to go by and to watch.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    keys: Keys,
}

impl KeyFile {
    /// Reads a keys file.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<KeyFile, KeysError> {
        Ok(KeyFile { path: path.to_owned(), keys: read(path)? })
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }
}

/// Who is calling.
#[derive(Debug)]
pub(super) struct Caller {
    /// The id of the key; none where callers need no key.
    pub key: Option<KeyId>,
    scope: Scope,
    pace: Option<Arc<Pace>>,
    /// The places that calls of this key may take; none where all are anyone's.
    places: Option<Arc<Semaphore>>,
}

impl Caller {
    /// Whoever calls a server that wants no keys.
    pub fn anyone(rate: Option<Rate>) -> Caller {
        let pace = rate.map(|rate| Arc::new(Pace::new(rate)));
        Caller { key: None, scope: Scope::EverySite, pace, places: None }
    }

    /// Whoever has the key. What was counted of it before goes on counting.
    fn of(key: &Key, rate: Option<Rate>, share: usize, before: Option<&Table>) -> Caller {
        let before = before.and_then(|table| table.callers.get(&key.id));
        let pace = before.and_then(|caller| caller.pace.clone());
        let pace = pace.or_else(|| rate.map(|rate| Arc::new(Pace::new(rate))));
        let places = before.and_then(|caller| caller.places.clone());
        let places = places.unwrap_or_else(|| Arc::new(Semaphore::new(share.min(Semaphore::MAX_PERMITS))));
        Caller { key: Some(key.id), scope: key.scope.clone(), pace, places: Some(places) }
    }

    /// Counts comments against the caller's rate.
    ///
    /// # Errors
    /// How long they would have to wait; then none of them counts.
    pub fn take(&self, comments: usize) -> Result<(), Duration> {
        self.pace.as_ref().map_or(Ok(()), |pace| pace.take(comments))
    }

    /// Takes one of the places that the key may have; nothing where nobody has a
    /// share of their own.
    ///
    /// # Errors
    /// At once, when the key has them all.
    pub fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let place = self.places.as_ref().map(|places| Arc::clone(places).try_acquire_owned());
        place.transpose().map_err(|_| Refusal::Overloaded)
    }

    /// Whether comments of that site may be judged for this caller.
    pub fn check_site(&self, site: &str) -> Result<(), Refusal> {
        if self.scope.allows(site) { Ok(()) } else { Err(Refusal::OtherSite) }
    }

    /// Whether the caller may do what concerns every site.
    pub fn check_every_site(&self) -> Result<(), Refusal> {
        if self.scope == Scope::EverySite { Ok(()) } else { Err(Refusal::OtherSite) }
    }
}

/// The keys that callers are known by, as their file last was.
#[derive(Debug)]
pub(super) struct Auth {
    known: Known,
    rate: Option<Rate>,
    share: usize,
    /// Whether other machines can call.
    exposed: bool,
}

#[derive(Debug)]
enum Known {
    /// No keys are wanted.
    Anyone(Arc<Caller>),
    File {
        path: PathBuf,
        table: ArcSwap<Table>,
    },
}

/// The keys, and whom each stands for.
#[derive(Debug)]
struct Table {
    keys: Keys,
    callers: HashMap<KeyId, Arc<Caller>>,
}

impl Table {
    fn new(keys: Keys, rate: Option<Rate>, share: usize, before: Option<&Table>) -> Table {
        let caller = |key: &Key| (key.id, Arc::new(Caller::of(key, rate, share, before)));
        let callers = keys.iter().map(caller).collect();
        Table { keys, callers }
    }

    /// Whoever has a key that was found and has that role.
    fn caller(&self, key: Option<&Key>, needed: Role) -> Result<Arc<Caller>, Refusal> {
        let key = key.ok_or(Refusal::NoKey)?;
        if !key.role.allows(needed) {
            return Err(Refusal::OtherRole);
        }
        self.callers.get(&key.id).map(Arc::clone).ok_or(Refusal::Bug)
    }
}

impl Auth {
    /// No file: no keys are wanted. No rate: callers may be as fast as they
    /// can; otherwise each key has that rate, or all callers together without
    /// keys.
    /// `share` is how many calls at a time a key may have.
    pub fn new(file: Option<KeyFile>, rate: Option<Rate>, share: usize) -> Auth {
        let known = match file {
            None => Known::Anyone(Arc::new(Caller::anyone(rate))),
            Some(KeyFile { path, keys }) => {
                Known::File { path, table: ArcSwap::from_pointee(Table::new(keys, rate, share, None)) }
            }
        };
        Auth { known, rate, share, exposed: false }
    }

    /// Whether other machines can call: then what operators do wants a key even
    /// where comments of anyone are judged.
    pub fn exposed(self, exposed: bool) -> Auth {
        Auth { exposed, ..self }
    }

    /// Who sent these headers, if they may call what needs that role. The key
    /// is taken out of the headers, so that nothing behind this can tell it.
    ///
    /// # Errors
    /// One and the same for a key that is missing, malformed, unknown, revoked
    /// or expired; another for a key of another role.
    pub fn check(&self, headers: &mut HeaderMap, needed: Role) -> Result<Arc<Caller>, Refusal> {
        let authorization = headers.remove(AUTHORIZATION);
        let table = match &self.known {
            Known::Anyone(_) if self.exposed && needed == Role::Admin => return Err(Refusal::NoKey),
            Known::Anyone(anyone) => return Ok(Arc::clone(anyone)),
            Known::File { table, .. } => table.load(),
        };
        let sent = authorization.as_ref().and_then(|value| bearer(value.to_str().ok()?));
        table.caller(sent.and_then(|sent| table.keys.find(sent, SystemTime::now())), needed)
    }

    /// Who that caller is by now: their key may have been revoked or have expired,
    /// or may be for other sites or another role than when they were let in.
    ///
    /// # Errors
    /// As for a new call.
    pub fn check_again(&self, caller: &Arc<Caller>, needed: Role) -> Result<Arc<Caller>, Refusal> {
        let (Known::File { table, .. }, Some(id)) = (&self.known, caller.key) else {
            return Ok(Arc::clone(caller));
        };
        let table = table.load();
        table.caller(table.keys.get(id, SystemTime::now()), needed)
    }

    /// Reads the file again whenever it changes. A file that cannot be used
    /// leaves the keys as they are. Never ends.
    pub async fn follow(self: Arc<Self>, metrics: Arc<Metrics>) {
        let Known::File { path, table } = &self.known else { return };
        metrics.name_sites(table.load().keys.sites());
        let path = path.clone();
        watch(move || vec![path.clone()], move || self.reload(&metrics)).await;
    }

    fn reload(&self, metrics: &Metrics) {
        let Known::File { path, table } = &self.known else { return };
        match read(path) {
            Ok(new) if new == table.load().keys => {}
            Ok(new) => {
                let count = new.len();
                metrics.name_sites(new.sites());
                metrics.reloaded(Reloading::Keys, true);
                let new = Table::new(new, self.rate, self.share, Some(&table.load()));
                table.store(Arc::new(new));
                info!(keys = count, "the keys have changed");
            }
            Err(error) => {
                metrics.reloaded(Reloading::Keys, false);
                let reason = error.to_string().replace('\n', "; ");
                warn!(reason, "the keys stay as they were");
            }
        }
    }
}

fn read(path: &Path) -> Result<Keys, KeysError> {
    regular(path).map_err(|source| KeysError::Read { name: path.display().to_string(), source })?;
    Keys::open(path)
}

/// The key in the value of an `authorization` header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())])
    }

    fn auth(role: Role) -> (Auth, Secret) {
        let (mut keys, secret) = (Keys::default(), Secret::generate().unwrap());
        keys.add(&secret, "news".parse().unwrap(), role, SystemTime::now()).unwrap();
        (Auth::new(Some(KeyFile { path: PathBuf::new(), keys }), None, 2), secret)
    }

    #[test]
    fn a_key_is_taken_whatever_the_case_of_its_scheme_and_taken_away() {
        let (auth, secret) = auth(Role::Moderate);
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
            let mut headers = headers(&format!("{scheme} {}", secret.reveal()));
            let caller = auth.check(&mut headers, Role::Moderate).unwrap();
            assert_eq!(caller.key, Some(secret.id()));
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn all_but_a_valid_key_is_refused_alike() {
        let (auth, secret) = auth(Role::Moderate);
        let key = secret.reveal();
        let stranger = Secret::generate().unwrap();
        let mut odd = vec![HeaderMap::new()];
        for value in ["", "Bearer", "Bearer ", key, stranger.reveal(), &format!("Basic {key}")] {
            odd.push(headers(value));
        }
        odd.push(headers(&format!("Bearer {}", stranger.reveal())));
        odd.push(headers(&format!("Bearer {key} {key}")));
        odd.push(HeaderMap::from_iter([(AUTHORIZATION, b"Bearer \xff"[..].try_into().unwrap())]));
        for mut headers in odd {
            let refusal = auth.check(&mut headers, Role::Moderate).unwrap_err();
            assert_eq!(refusal, Refusal::NoKey);
        }
    }

    #[test]
    fn a_key_is_good_for_its_role_alone() {
        let (feedback, secret) = auth(Role::Feedback);
        let mut sent = headers(&format!("Bearer {}", secret.reveal()));
        assert_eq!(feedback.check(&mut sent.clone(), Role::Moderate).unwrap_err(), Refusal::OtherRole);
        assert!(feedback.check(&mut sent, Role::Feedback).is_ok());
        let (admin, secret) = auth(Role::Admin);
        let mut sent = headers(&format!("Bearer {}", secret.reveal()));
        assert!(admin.check(&mut sent, Role::Moderate).is_ok());
    }

    #[test]
    fn who_was_let_in_is_checked_again_by_the_keys_of_now() {
        let (auth, secret) = auth(Role::Moderate);
        let mut sent = headers(&format!("Bearer {}", secret.reveal()));
        let before = auth.check(&mut sent, Role::Moderate).unwrap();
        let Known::File { table, .. } = &auth.known else { panic!("there are keys") };
        let change = |change: &dyn Fn(&mut Keys)| {
            let mut keys = Keys::default();
            change(&mut keys);
            table.store(Arc::new(Table::new(keys, None, 2, Some(&table.load()))));
            auth.check_again(&before, Role::Moderate)
        };
        let now = SystemTime::now();
        let with = |keys: &mut Keys, site: &str, role| {
            keys.add(&secret, site.parse().unwrap(), role, now).unwrap();
        };
        let same = change(&|keys| with(keys, "news", Role::Moderate)).unwrap();
        assert!(same.check_site("news").is_ok());
        let moved = change(&|keys| with(keys, "sport", Role::Moderate)).unwrap();
        assert_eq!(moved.check_site("news"), Err(Refusal::OtherSite));
        assert_eq!(change(&|keys| with(keys, "news", Role::Feedback)).unwrap_err(), Refusal::OtherRole);
        let expired = change(&|keys| {
            with(keys, "news", Role::Moderate);
            let new = Secret::generate().unwrap();
            keys.rotate(secret.id(), &new, now, Duration::ZERO).unwrap();
        });
        assert_eq!(expired.unwrap_err(), Refusal::NoKey);
        assert_eq!(change(&|_| {}).unwrap_err(), Refusal::NoKey);
    }

    #[test]
    fn without_keys_anyone_may_call_and_what_they_send_is_dropped() {
        let auth = Auth::new(None, None, 2);
        let mut headers = headers("Bearer something");
        let caller = auth.check(&mut headers, Role::Admin).unwrap();
        assert!(caller.check_site("news").is_ok() && headers.is_empty());
    }

    #[test]
    fn where_others_can_call_models_are_changed_with_a_key_or_not_at_all() {
        let open = Auth::new(None, None, 2).exposed(true);
        assert!(open.check(&mut HeaderMap::new(), Role::Moderate).is_ok());
        assert_eq!(open.check(&mut HeaderMap::new(), Role::Admin).unwrap_err(), Refusal::NoKey);
        let (admin, secret) = auth(Role::Admin);
        let mut sent = headers(&format!("Bearer {}", secret.reveal()));
        assert!(admin.exposed(true).check(&mut sent, Role::Admin).is_ok());
    }
}
