//! The policies in force, to be swapped while comments are judged under them.

use super::{Policies, PolicyError};
use crate::aside::aside;
use crate::stamp::regular;
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Holds the policies in force and, if they came from a file, reads it anew
/// when asked to.
///
/// Readers take a snapshot and keep it for as long as they need it: whatever
/// is read anew meanwhile changes nothing for them.
#[derive(Debug)]
pub struct PolicyStore {
    current: ArcSwap<Policies>,
    path: Option<PathBuf>,
    /// The files of lists that were read last, if what was read was refused.
    /// Held while files are read, so that of two at a time the later one stays.
    refused: Mutex<Vec<PathBuf>>,
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
        Self { current: ArcSwap::from_pointee(policies), path: None, refused: Mutex::default() }
    }
}

impl PolicyStore {
    /// Reads and checks the policies of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or everything that is wrong with it.
    pub fn open(path: &Path) -> Result<PolicyStore, PolicyError> {
        let current = ArcSwap::from_pointee(read(path)?);
        Ok(Self { current, path: Some(path.to_owned()), refused: Mutex::default() })
    }

    /// The policies in force now.
    pub fn current(&self) -> Arc<Policies> {
        self.current.load_full()
    }

    /// The files that the policies in force were read from, those of lists
    /// included, and those of lists that were refused last, since it may be they
    /// that are mended; none if no file can change the policies.
    pub fn files(&self) -> Vec<PathBuf> {
        let Some(path) = &self.path else { return Vec::new() };
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, mut files) = (self.current.load(), vec![path.clone()]);
        for file in current.list_files().iter().chain(&*refused) {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        files
    }

    /// Reads the files anew, while comments that are judged go before, and if all
    /// of them can be used, swaps the policies at once.
    pub fn reload(&self) -> Reload {
        let Some(path) = &self.path else { return Reload::Same };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let read = aside(|| read(path));
        *refused = read.as_ref().err().map_or_else(Vec::new, |error| error.list_files().to_vec());
        match read {
            Ok(policies) if policies == **self.current.load() => Reload::Same,
            Ok(policies) => {
                let policies = Arc::new(policies);
                self.current.store(Arc::clone(&policies));
                Reload::Swapped(policies)
            }
            Err(error) => Reload::Refused(error),
        }
    }
}

fn read(path: &Path) -> Result<Policies, PolicyError> {
    regular(path).map_err(|source| PolicyError::Read { name: path.display().to_string(), source })?;
    Policies::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Action;
    use crate::score::{Score, Scores};
    use std::fs;

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
        assert_eq!(store.files(), [file.clone(), list.clone()]);
        assert!(matches!(store.reload(), Reload::Same));
        assert_eq!(action(&store), Action::Hold);

        // A list is part of the policy.
        fs::write(&list, "example.com\nexample.org\n").unwrap();
        assert!(matches!(store.reload(), Reload::Swapped(_)));
        assert_ne!(first.site("").version(), store.current().site("").version());

        fs::write(&file, POLICY.replace("HOLD", "HOULD")).unwrap();
        let version = store.current().site("").version().to_owned();
        let Reload::Refused(error) = store.reload() else { panic!("it is refused") };
        assert!(error.to_string().contains("did you mean `HOLD`?"), "{error}");
        assert_eq!(store.current().site("").version(), version);
        assert_eq!(action(&store), Action::Hold);

        fs::write(&file, POLICY.replace("HOLD", "REJECT")).unwrap();
        assert!(matches!(store.reload(), Reload::Swapped(_)));
        assert_eq!(action(&store), Action::Reject);
        // A list that is not there yet is waited for.
        let (before, missing) = (fs::read_to_string(&file).unwrap(), folder.path().join("new.txt"));
        fs::write(&file, before.clone() + "[lists.new]\nkind = \"words\"\nfile = \"new.txt\"\n").unwrap();
        assert!(matches!(store.reload(), Reload::Refused(_)));
        assert_eq!(store.files(), [file.clone(), list.clone(), missing]);
        fs::write(&file, before).unwrap();
        assert!(matches!(store.reload(), Reload::Same));
        assert_eq!(store.files(), [file.clone(), list]);
        // Another way to write the same is no change.
        fs::write(&file, POLICY.replace("HOLD", "REJECT") + "# a comment").unwrap();
        assert!(matches!(store.reload(), Reload::Same));
        fs::remove_file(&file).unwrap();
        assert!(matches!(store.reload(), Reload::Refused(_)));
        assert_eq!(action(&store), Action::Reject);
    }

    #[test]
    fn what_has_no_file_never_changes() {
        let store = PolicyStore::from(Policies::embedded().unwrap());
        assert!(store.files().is_empty());
        assert!(matches!(store.reload(), Reload::Same));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_in_the_place_of_the_policy_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.toml");
        fs::write(&file, "[site.default]\n").unwrap();
        let store = Arc::new(PolicyStore::open(&file).unwrap());
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        let (sender, outcome) = std::sync::mpsc::channel();
        let reloading = Arc::clone(&store);
        std::thread::spawn(move || sender.send(reloading.reload()));
        let outcome =
            outcome.recv_timeout(std::time::Duration::from_secs(60)).expect("nothing is waited for");
        let Reload::Refused(error) = outcome else { panic!("{outcome:?}") };
        let expected = format!("{}: cannot be read: it is no regular file", file.display());
        assert_eq!(error.to_string(), expected);
    }
}
