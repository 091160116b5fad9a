//! Where rows are kept: in memory up to a limit, and beyond it in a file that
//! has no name, so that nothing is left of it however the program ends.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Some bytes that were put away.
#[derive(Debug)]
pub enum Kept {
    /// In memory.
    Memory(Box<[u8]>),
    /// In the file, from here on so many.
    File {
        /// Where they begin.
        at: u64,
        /// How many there are.
        len: usize,
    },
}

/// Memory up to a limit, and a file for what goes beyond it.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many bytes may still stay in memory.
    left: u64,
    file: Option<File>,
    /// How many bytes the file has.
    written: u64,
}

impl Scratch {
    /// Keeps `limit` bytes in memory and the rest in a file in a folder, which
    /// is made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Scratch {
        let state = State { left: limit, file: None, written: 0 };
        Scratch { folder: folder.into(), state: Mutex::new(state) }
    }

    /// Keeps everything in memory.
    pub fn memory() -> Scratch {
        Scratch::new("", u64::MAX)
    }

    /// How many bytes went to the file.
    pub fn spilled(&self) -> u64 {
        self.lock().written
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic may have left is a file too long, which harms nobody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes away.
    ///
    /// # Errors
    /// When the file cannot be made or written; the message names the folder.
    pub fn keep(&self, bytes: Vec<u8>) -> io::Result<Kept> {
        let mut state = self.lock();
        if let Some(left) = state.left.checked_sub(bytes.len() as u64) {
            state.left = left;
            return Ok(Kept::Memory(bytes.into()));
        }
        // One that does not fit ends it, so that few small ones do not follow.
        state.left = 0;
        let at = state.written;
        self.write(&mut state, &bytes).map_err(|error| {
            let folder = self.folder.display();
            io::Error::new(
                error.kind(),
                format!("cannot keep features in a file in {folder} (--scratch): {error}"),
            )
        })?;
        Ok(Kept::File { at, len: bytes.len() })
    }

    fn write(&self, state: &mut State, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut state.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.seek(SeekFrom::Start(state.written))?;
        file.write_all(bytes)?;
        state.written += bytes.len() as u64;
        Ok(())
    }

    /// The bytes, in `buffer` when they come from the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read<'a>(&self, kept: &'a Kept, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        let (at, len) = match kept {
            Kept::Memory(bytes) => return Ok(bytes),
            Kept::File { at, len } => (*at, *len),
        };
        let mut state = self.lock();
        let Some(file) = &mut state.file else { return Err(io::ErrorKind::NotFound.into()) };
        buffer.resize(len, 0);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(buffer)?;
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_goes_to_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path(), 10);
        let pieces: Vec<Vec<u8>> = (0..6u8).map(|i| vec![i; 4 + usize::from(i)]).collect();
        let kept: Vec<Kept> = pieces.iter().map(|bytes| scratch.keep(bytes.clone()).unwrap()).collect();
        let is_file = |kept: &Kept| matches!(kept, Kept::File { .. });
        assert_eq!(kept.iter().map(is_file).collect::<Vec<_>>(), [false, false, true, true, true, true]);
        let mut buffer = Vec::new();
        for (kept, bytes) in kept.iter().zip(&pieces).rev() {
            assert_eq!(scratch.read(kept, &mut buffer).unwrap(), bytes);
        }
        assert_eq!(scratch.spilled(), 6 + 7 + 8 + 9);
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let scratch = Scratch::new("no/such/folder", 0);
        let error = scratch.keep(vec![1]).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
        assert!(matches!(Scratch::memory().keep(vec![1]), Ok(Kept::Memory(_))));
    }
}
