//! The policies in force, to be swapped while comments are judged under them.

use super::{Policies, PolicyError};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use std::{fs, mem};

/// Holds the policies in force and, if they came from a file, reads it anew
/// when it changes.
///
/// Readers take a snapshot and keep it for as long as they need it: whatever
/// is read anew meanwhile changes nothing for them.
#[derive(Debug)]
pub struct PolicyStore {
    current: ArcSwap<Policies>,
    path: Option<PathBuf>,
    /// How the files looked when they were last read.
    seen: Mutex<Vec<Look>>,
}

/// How a file looks without being read. One that cannot be looked at looks
/// like no other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    path: PathBuf,
    modified: Option<SystemTime>,
    bytes: Option<u64>,
}

impl Look {
    fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        Self { path: path.to_owned(), modified, bytes: metadata.map(|metadata| metadata.len()) }
    }
}

/// What came of reading the files anew.
#[derive(Debug)]
pub enum Reload {
    /// The policies in force have changed.
    Swapped(Arc<Policies>),
    /// The files say what was in force already.
    Same,
    /// The files cannot be used; what was in force stays so.
    Refused(PolicyError),
}

impl From<Policies> for PolicyStore {
    /// Policies that never change.
    fn from(policies: Policies) -> Self {
        Self { current: ArcSwap::from_pointee(policies), path: None, seen: Mutex::default() }
    }
}

impl PolicyStore {
    /// Reads and checks the policies of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<PolicyStore, PolicyError> {
        // Looked at before it is read: a change in between is seen later.
        let look = Look::of(path);
        let policies = Policies::open(path)?;
        let mut seen = vec![look];
        seen.extend(policies.list_files().iter().map(|file| Look::of(file)));
        Ok(Self {
            current: ArcSwap::from_pointee(policies),
            path: Some(path.to_owned()),
            seen: Mutex::new(seen),
        })
    }

    /// The policies in force now.
    pub fn current(&self) -> Arc<Policies> {
        self.current.load_full()
    }

    /// Whether there is a file that could change.
    pub fn is_watched(&self) -> bool {
        self.path.is_some()
    }

    /// Reads the files anew if any of them looks other than when it was last
    /// read. `None` when nothing changed.
    pub fn reload_if_changed(&self) -> Option<Reload> {
        let changed = {
            let seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            seen.iter().any(|look| Look::of(&look.path) != *look)
        };
        changed.then(|| self.reload())
    }

    /// Reads the files anew and, if all of them can be used, swaps the
    /// policies at once.
    pub fn reload(&self) -> Reload {
        let Some(path) = &self.path else { return Reload::Same };
        // Held throughout, so that of two at a time the later one stays.
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known: Vec<PathBuf> = mem::take(&mut *seen).into_iter().map(|look| look.path).collect();
        let before = Look::of(path);
        let looks: Vec<Look> = known.iter().map(|file| Look::of(file)).collect();
        match Policies::open(path) {
            Ok(policies) => {
                // A list that is new is looked at after it was read; nothing
                // else could be.
                let look = |file: &PathBuf| {
                    looks.iter().find(|look| look.path == *file).cloned().unwrap_or_else(|| Look::of(file))
                };
                *seen = std::iter::once(before).chain(policies.list_files().iter().map(look)).collect();
                if policies == *self.current.load_full() {
                    return Reload::Same;
                }
                let policies = Arc::new(policies);
                self.current.store(Arc::clone(&policies));
                Reload::Swapped(policies)
            }
            Err(error) => {
                *seen = looks;
                Reload::Refused(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Action;
    use crate::score::{Score, Scores};

    const POLICY: &str = r#"
        [lists.shops]
        kind = "domains"
        file = "shops.txt"
        [site.default]
        [[site.default.rules]]
        name = "shops"
        when = "list.shops || score.spam > 0.5"
        then = "HOLD"
    "#;

    fn action(store: &PolicyStore) -> Action {
        let mut verdict = Default::default();
        let scores = Scores::from_fn(|_| Ok(Score::saturating(0.6)));
        store.current().site("").decide(&scores, &mut verdict);
        verdict.action
    }

    #[test]
    fn a_change_is_taken_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (file, list) = (folder.path().join("p.toml"), folder.path().join("shops.txt"));
        fs::write(&file, POLICY).unwrap();
        fs::write(&list, "example.com\n").unwrap();
        let store = PolicyStore::open(&file).unwrap();
        let first = store.current();
        assert!(store.reload_if_changed().is_none());
        assert_eq!(action(&store), Action::Hold);

        // A list is part of the policy.
        fs::write(&list, "example.com\nexample.org\n").unwrap();
        assert!(matches!(store.reload_if_changed(), Some(Reload::Swapped(_))));
        assert_ne!(first.site("").version(), store.current().site("").version());
        assert!(store.reload_if_changed().is_none());

        fs::write(&file, POLICY.replace("HOLD", "HOULD")).unwrap();
        let version = store.current().site("").version().to_owned();
        let Some(Reload::Refused(error)) = store.reload_if_changed() else { panic!("it is refused") };
        assert!(error.to_string().contains("did you mean `HOLD`?"), "{error}");
        assert_eq!(store.current().site("").version(), version);
        // Told once, not every second.
        assert!(store.reload_if_changed().is_none());
        assert_eq!(action(&store), Action::Hold);

        fs::write(&file, POLICY.replace("HOLD", "REJECT")).unwrap();
        assert!(matches!(store.reload_if_changed(), Some(Reload::Swapped(_))));
        assert_eq!(action(&store), Action::Reject);
        // Another way to write the same is no change.
        fs::write(&file, POLICY.replace("HOLD", "REJECT") + "# a comment").unwrap();
        assert!(matches!(store.reload_if_changed(), Some(Reload::Same)));
        fs::remove_file(&file).unwrap();
        assert!(matches!(store.reload_if_changed(), Some(Reload::Refused(_))));
        assert_eq!(action(&store), Action::Reject);
    }

    #[test]
    fn what_has_no_file_never_changes() {
        let store = PolicyStore::from(Policies::embedded().unwrap());
        assert!(!store.is_watched() && store.reload_if_changed().is_none());
        assert!(matches!(store.reload(), Reload::Same));
    }
}
