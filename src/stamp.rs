//! What tells one version of a file from another without reading it.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::SystemTime;

/// How a file, or a folder, looked: its length, when it was changed, and which
/// one it is. None where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, Option<SystemTime>, u64)>);

impl Stamp {
    /// Looks at what stands at that path, through links.
    pub fn of(path: &Path) -> Stamp {
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
