//! A file that is put aside when it is full.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file to append to, and those put aside.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    max_bytes: u64,
    keep: usize,
    file: File,
    bytes: u64,
}

impl Rotating {
    pub fn open(path: PathBuf, max_bytes: u64, keep: usize) -> io::Result<Rotating> {
        let (file, bytes) = open(&path)?;
        Ok(Rotating { path, max_bytes, keep, file, bytes })
    }

    /// Appends a line with one write, so that no other is mixed with it; in a
    /// new file when it would make this one too large.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.max_bytes {
            self.put_aside()?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// The oldest goes, every other becomes one older.
    fn put_aside(&mut self) -> io::Result<()> {
        if self.keep == 0 {
            self.file.set_len(0)?;
        }
        for age in (1..self.keep).rev() {
            ignore_missing(fs::rename(self.aside(age), self.aside(age + 1)))?;
        }
        if self.keep > 0 {
            ignore_missing(fs::rename(&self.path, self.aside(1)))?;
        }
        (self.file, self.bytes) = open(&self.path)?;
        Ok(())
    }

    fn aside(&self, age: usize) -> PathBuf {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(format!(".{age}"));
        name.into()
    }
}

/// Opens a file to append to, and says how large it is. A new one can be read by
/// its owner and group alone.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let file = options.open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
