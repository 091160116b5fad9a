//! Notices that files have changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::spawn_blocking;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Calls `changed` whenever one of the files has become another and then
/// stayed as it is for one look, so that several that belong together, and one
/// that is written in place, are whole by then. Never ends.
///
/// Files are looked at rather than waited for, since what replaces them may be
/// a rename, a link that leads elsewhere or a mount, on any file system.
pub(super) async fn watch(paths: Vec<PathBuf>, changed: impl Fn() + Send + Sync + 'static) {
    let (paths, changed) = (Arc::<[PathBuf]>::from(paths), Arc::new(changed));
    // None at first: what was read before may have changed since.
    let (mut known, mut seen) = (None, None);
    loop {
        let looked = Arc::clone(&paths);
        // A file system that hangs holds up this task and nothing else.
        let Ok(now) = spawn_blocking(move || looked.iter().map(|p| Stamp::of(p)).collect::<Vec<_>>()).await
        else {
            return;
        };
        let now = Some(now);
        if now == seen && now != known {
            known.clone_from(&now);
            let changed = Arc::clone(&changed);
            // A panic there has been logged; the next change is another chance.
            let _ = spawn_blocking(move || changed()).await;
        }
        seen = now;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What tells one version of a file from another; none without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp(Option<(u64, Option<SystemTime>, u64)>);

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let metadata = fs::metadata(path).ok();
        Stamp(metadata.map(|file| (file.len(), file.modified().ok(), inode(&file))))
    }
}

#[cfg(unix)]
fn inode(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_file_that_comes_changes_or_goes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (sender, mut changes) = mpsc::unbounded_channel();
        let read = path.clone();
        let watching = tokio::spawn(watch(vec![path.clone()], move || {
            let _ = sender.send(fs::read_to_string(&read).ok());
        }));
        assert_eq!(changes.recv().await.unwrap(), None);
        for text in ["one", "two"] {
            fs::write(&path, text).unwrap();
            // A look may fall between the file and its contents.
            while changes.recv().await.unwrap().as_deref() != Some(text) {}
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(changes.recv().await.unwrap(), None);
        watching.abort();
    }
}
