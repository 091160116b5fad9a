//! A file that is put aside when it is full.

use crate::whole_file;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The rights of a new file: its owner and group alone may read it.
const MODE: u32 = 0o640;

/// A file to append to, and those put aside. Several processes may append to the
/// same one, as an old server and its successor do.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    max_bytes: u64,
    keep: usize,
    file: File,
}

impl Rotating {
    pub fn open(path: PathBuf, max_bytes: u64, keep: usize) -> io::Result<Rotating> {
        let file = open(&path)?;
        Ok(Rotating { path, max_bytes, keep, file })
    }

    /// Appends a line with one write, so that no other is mixed with it; in a
    /// new file when it would make this one too large.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        // Asked of the system, since others may have written as well.
        let bytes = self.file.metadata()?.len();
        if bytes > 0 && bytes + line.len() as u64 > self.max_bytes {
            self.put_aside()?;
        }
        let before = self.file.metadata()?.len();
        self.file.write_all(line).inspect_err(|_| {
            // Half a line would spoil the next one, which has room again.
            let _ = self.file.set_len(before);
        })
    }

    /// The oldest goes, every other becomes one older, unless another process
    /// has just done so.
    fn put_aside(&mut self) -> io::Result<()> {
        let _lock = whole_file::lock(&self.path, MODE)?;
        let ours = self.file.metadata()?;
        if fs::metadata(&self.path).is_ok_and(|current| is_same(&current, &ours)) {
            self.turn()?;
        }
        self.file = open(&self.path)?;
        Ok(())
    }

    fn turn(&self) -> io::Result<()> {
        if self.keep == 0 {
            self.file.set_len(0)?;
        }
        for age in (1..self.keep).rev() {
            ignore_missing(fs::rename(self.aside(age), self.aside(age + 1)))?;
        }
        if self.keep > 0 {
            ignore_missing(fs::rename(&self.path, self.aside(1)))?;
        }
        Ok(())
    }

    fn aside(&self, age: usize) -> PathBuf {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(format!(".{age}"));
        name.into()
    }
}

/// Opens a file to append to.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, MODE);
    options.open(path)
}

/// Whether both are of one file.
#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere no file that is open can be renamed by another process.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
