//! JSON Lines: one JSON object a line, plain or gzip, read in constant memory.
//!
//! The form of the records is written down in `docs/data-format.md`.

mod fault;
mod files;
mod record;

pub use files::{comment_files, repeats_beside, set_name, threads_beside};
pub use record::{AuthorRecord, ClientRecord, CommentRecord, ThreadRecord};

use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest line that is read, in bytes.
pub const MAX_LINE_BYTES: usize = 16 << 20;

const BUFFER_BYTES: usize = 64 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What is wrong with a file or with one of its lines. The messages name the
/// file and the line and never quote what the line says.
#[derive(Debug, thiserror::Error)]
pub enum JsonlError {
    /// The file cannot be opened.
    #[error("{name}: cannot be opened: {source}")]
    Open {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be read any further.
    #[error("{name}:{line}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// The line that was being read.
        line: u64,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// The compressed file ends before its end mark.
    #[error("{name}:{line}: truncated gzip: the file ends too soon")]
    Truncated {
        /// The file.
        name: String,
        /// The line that was being read.
        line: u64,
    },
    /// The line is over [`MAX_LINE_BYTES`].
    #[error("{name}:{line}: the line is over the limit of {limit} bytes")]
    TooLong {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The longest line allowed, in bytes.
        limit: usize,
    },
    /// The line is not text.
    #[error("{name}:{line}:{column}: invalid UTF-8")]
    NotUtf8 {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The first bad byte of the line, counted from 1.
        column: usize,
    },
    /// The line is JSON of another kind, or no JSON at all.
    #[error("{name}:{line}: not a JSON object")]
    NotAnObject {
        /// The file.
        name: String,
        /// The line.
        line: u64,
    },
    /// The line breaks off or breaks the rules of JSON.
    #[error("{name}:{line}:{column}: {what}")]
    Syntax {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// Where in the line, in bytes counted from 1.
        column: usize,
        /// The rule that was broken.
        what: String,
    },
    /// The line is an object, but not a record of the kind asked for.
    #[error("{name}:{line}: {what}")]
    Record {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// What is wrong with the record.
        what: String,
    },
}

/// Reads a file of JSON Lines, record by record.
pub struct Lines {
    name: String,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
    compressed_bytes_read: Arc<AtomicU64>,
    total_bytes: Option<u64>,
    ended: bool,
}

impl Lines {
    /// Opens a file, gzip or plain, which its first bytes tell; `-` is the
    /// standard input.
    ///
    /// # Errors
    /// When the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Lines, JsonlError> {
        if path.as_os_str() == "-" {
            return Self::from_reader("stdin", io::stdin(), None);
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|source| JsonlError::Open { name: name.clone(), source })?;
        // A pipe has a length too, and it is always 0.
        let total_bytes = metadata.is_file().then_some(metadata.len());
        Self::from_reader(&name, file, total_bytes)
    }

    /// Reads from anything; `name` stands for the file in messages.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn from_reader(
        name: &str,
        source: impl Read + Send + 'static,
        total_bytes: Option<u64>,
    ) -> Result<Lines, JsonlError> {
        let compressed_bytes_read = Arc::new(AtomicU64::new(0));
        let mut source = Counting { source, count: Arc::clone(&compressed_bytes_read) };
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        (&mut source)
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut head)
            .map_err(|source| JsonlError::Open { name: name.to_owned(), source })?;
        let compressed = head == GZIP_MAGIC;
        let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(source));
        let reader: Box<dyn BufRead + Send> = if compressed {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Lines {
            name: name.to_owned(),
            reader,
            buffer: Vec::new(),
            line: 0,
            compressed_bytes_read,
            total_bytes,
            ended: false,
        })
    }

    /// The next record; `None` at the end of the file. Blank lines are
    /// skipped. After an error the next call goes on with the next line,
    /// unless the file itself cannot be read any further: then it ends.
    pub fn next_record<T: DeserializeOwned>(&mut self) -> Option<Result<T, JsonlError>> {
        loop {
            match self.next_line() {
                Ok(false) => return None,
                Ok(true) if self.buffer.trim_ascii().is_empty() => {}
                Ok(true) => return Some(fault::parse(&self.name, self.line, &self.buffer)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The line of the record read last, counted from 1; 0 before the first.
    pub fn line_number(&self) -> u64 {
        self.line
    }

    /// The file as messages name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much of the file was read, in bytes as they are stored.
    pub fn compressed_bytes_read(&self) -> u64 {
        self.compressed_bytes_read.load(Ordering::Relaxed)
    }

    /// A counter of [`compressed_bytes_read`](Self::compressed_bytes_read)
    /// that another thread can watch.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.compressed_bytes_read)
    }

    /// The size of the file as it is stored; `None` for a pipe.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// An error about the record read last, for what only the caller can
    /// check. `what` must not quote the record's texts.
    pub fn fault(&self, what: impl Into<String>) -> JsonlError {
        JsonlError::Record { name: self.name.clone(), line: self.line, what: what.into() }
    }

    /// Reads a line into the buffer, without its line feed. False at the end.
    fn next_line(&mut self) -> Result<bool, JsonlError> {
        self.buffer.clear();
        if self.ended {
            return Ok(false);
        }
        self.line += 1;
        let mut too_long = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    self.ended = true;
                    return Err(self.unreadable(source));
                }
            };
            let (piece, used, ends) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&chunk[..at], at + 1, true),
                None => (chunk, chunk.len(), chunk.is_empty()),
            };
            self.ended = used == 0;
            too_long |= self.buffer.len() + piece.len() > MAX_LINE_BYTES;
            if !too_long {
                self.buffer.extend_from_slice(piece);
            }
            self.reader.consume(used);
            if ends {
                break;
            }
        }
        if too_long {
            // The rest of the line was read and dropped: the next one is whole.
            self.buffer = Vec::new();
            return Err(JsonlError::TooLong {
                name: self.name.clone(),
                line: self.line,
                limit: MAX_LINE_BYTES,
            });
        }
        if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        if self.ended && self.buffer.is_empty() {
            self.line -= 1;
            return Ok(false);
        }
        Ok(true)
    }

    fn unreadable(&self, source: io::Error) -> JsonlError {
        let (name, line) = (self.name.clone(), self.line);
        match source.kind() {
            io::ErrorKind::UnexpectedEof => JsonlError::Truncated { name, line },
            _ => JsonlError::Read { name, line, source },
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}

/// Counts what is read through it.
struct Counting<R> {
    source: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
