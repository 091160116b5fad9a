//! What can be told of a file without opening it.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
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

/// Refuses what is there and is no regular file. Opening a pipe waits for whoever
/// writes to it, for ever perhaps, and a device may have no end: a server must not
/// be held up so, neither at its start nor when it reads a file anew.
pub(crate) fn regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file")),
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
