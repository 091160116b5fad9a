//! Notices that files have changed.

use crate::stamp::Stamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Calls `changed` whenever one of the files has become another and then
/// stayed as it is for one look, so that several that belong together, and one
/// that is written in place, are whole by then. Which files those are is asked
/// anew at every look. Never ends.
///
/// Files are looked at rather than waited for, since what replaces them may be
/// a rename, a link that leads elsewhere or a mount, on any file system.
pub(super) async fn watch(
    paths: impl Fn() -> Vec<PathBuf> + Send + Sync + 'static,
    changed: impl Fn() + Send + Sync + 'static,
) {
    let (paths, changed) = (Arc::new(paths), Arc::new(changed));
    // None at first: what was read before may have changed since.
    let (mut known, mut seen) = (None, None);
    loop {
        let looked = Arc::clone(&paths);
        // A file system that hangs holds up this task and nothing else.
        let look = move || looked().into_iter().map(|path| (Stamp::of(&path), path)).collect::<Vec<_>>();
        let now = spawn_blocking(look).await.ok();
        if now.is_some() && now == seen && now != known {
            known.clone_from(&now);
            let changed = Arc::clone(&changed);
            // A panic there has been logged; the next change is another chance.
            let _ = spawn_blocking(move || changed()).await;
        }
        seen = now;
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_file_that_comes_changes_or_goes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (sender, mut changes) = mpsc::unbounded_channel();
        let read = path.clone();
        let looked = path.clone();
        let watching = tokio::spawn(watch(
            move || vec![looked.clone()],
            move || {
                let _ = sender.send(fs::read_to_string(&read).ok());
            },
        ));
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
