//! Samples of comments that a candidate would have treated otherwise, in a
//! bounded file of JSON Lines.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// How many samples wait to be written before one more is dropped.
const WAITING: usize = 1_024;

/// What one side did with a comment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The action: `HOLD`.
    pub action: String,
    /// The rules that fired, most severe first.
    pub rules: Vec<String>,
    /// The scores there are, by attribute.
    pub scores: BTreeMap<String, f32>,
    /// The model that gave them.
    pub model_version: String,
    /// The policy that chose the action.
    pub policy_version: String,
}

/// A comment that both sides have judged, with different actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was judged (RFC 3339).
    pub time: String,
    /// The run of the server that judged it, by the time it began.
    pub run: String,
    /// How many comments that run had compared by then, this one included.
    pub compared: u64,
    /// How many of those would have been treated otherwise, this one included.
    pub different: u64,
    /// The site that the request named; empty for the default one.
    pub site: String,
    /// The name of the comment on the host platform; may be empty.
    pub comment_id: String,
    /// What was done.
    pub live: Side,
    /// What the candidate would have done.
    pub shadow: Side,
    /// The text, where the operator asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Where samples go. A thread of its own writes them, so that no comment waits
/// for a disk; what comes faster than it can be written is dropped and counted.
#[derive(Debug)]
pub struct SampleFile {
    sender: Option<SyncSender<Sample>>,
    writer: Option<JoinHandle<()>>,
    dropped: AtomicU64,
    run: String,
}

impl SampleFile {
    /// Appends to a file, which only its owner can read when it is new. Half
    /// the bytes allowed are in it; when they are used up, it becomes
    /// `FILE.1`, in the place of an older one, and a new file is begun.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(path: &Path, max_bytes: u64) -> io::Result<SampleFile> {
        let file = BoundedFile::open(path, max_bytes / 2)?;
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("shadow-samples".into())
            .spawn(move || write_all(file, &receiver))?;
        let run = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        Ok(Self { sender: Some(sender), writer: Some(writer), dropped: AtomicU64::new(0), run })
    }

    /// Names this run of the server in its samples.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How many samples were dropped because the disk was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes a sample, unless too many wait.
    pub fn push(&self, sample: impl FnOnce() -> Sample) {
        let sent = self.sender.as_ref().is_some_and(|sender| sender.try_send(sample()).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for SampleFile {
    /// Waits until what was taken is written.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

fn write_all(mut file: BoundedFile, samples: &Receiver<Sample>) {
    let mut is_told = false;
    for sample in samples {
        let Ok(mut line) = serde_json::to_vec(&sample) else { continue };
        line.push(b'\n');
        match file.append(&line) {
            Ok(()) => is_told = false,
            // Told once, not for every comment.
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(%error, "samples of the shadow cannot be written");
            }
            Err(_) => {}
        }
    }
}

/// A file that makes way for a new one when it is full.
#[derive(Debug)]
struct BoundedFile {
    path: PathBuf,
    file: File,
    most: u64,
    /// Whether the last line is half written and could not be taken back.
    is_cut: bool,
}

impl BoundedFile {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let mut file = appended(path)?;
        // Who was killed while writing has left a piece of a line.
        if is_cut(path)? {
            file.write_all(b"\n")?;
        }
        Ok(Self { path: path.to_owned(), file, most, is_cut: false })
    }

    /// Appends a line that fits; one that is longer than the file may be is
    /// left out.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if length > self.most {
            return Ok(());
        }
        if self.is_cut {
            *self = Self::open(&self.path, self.most)?;
        }
        let mut before = self.file.metadata()?.len();
        if before + length > self.most {
            fs::rename(&self.path, older(&self.path))?;
            self.file = appended(&self.path)?;
            before = 0;
        }
        self.file.write_all(line).inspect_err(|_| {
            // Half a line would spoil the next one, which may have room again.
            self.is_cut = self.file.set_len(before).is_err();
        })
    }
}

/// Where a full file goes.
pub(super) fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Whether a file ends within a line.
fn is_cut(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn appended(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: usize) -> Sample {
        let side = |action: &str| Side {
            action: action.into(),
            rules: vec!["SPAM.HOLD".into()],
            scores: BTreeMap::from([("SPAM".into(), 0.5)]),
            model_version: "m".into(),
            policy_version: "p".into(),
        };
        Sample {
            time: "2026-01-01T00:00:00Z".into(),
            run: "r".into(),
            compared: id as u64,
            different: id as u64,
            site: String::new(),
            comment_id: id.to_string(),
            live: side("HOLD"),
            shadow: side("PUBLISH"),
            text: None,
        }
    }

    #[test]
    fn a_piece_of_a_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let line = serde_json::to_string(&sample(1)).unwrap();
        fs::write(&path, &line[..line.len() / 2]).unwrap();
        for id in 2..4 {
            let samples = SampleFile::open(&path, 1 << 20).unwrap();
            samples.push(|| sample(id));
        }
        let text = fs::read_to_string(&path).unwrap();
        let whole = text.lines().map(|line| serde_json::from_str::<Sample>(line).is_ok());
        assert_eq!(whole.collect::<Vec<_>>(), [false, true, true]);
        let mut report = crate::shadow::report::Report::default();
        report.read(&path).unwrap();
        assert_eq!((report.cut, report.all.different), (1, 2));
    }

    #[test]
    fn a_piece_that_cannot_be_taken_back_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        fs::write(&path, "a piece").unwrap();
        // It can neither be written nor be cut.
        let unwritable = File::open(&path).unwrap();
        let mut file = BoundedFile { path: path.clone(), file: unwritable, most: 100, is_cut: false };
        file.append(b"lost\n").unwrap_err();
        file.append(b"a line\n").unwrap();
        file.append(b"another\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a piece\na line\nanother\n");
    }

    #[test]
    fn the_newest_are_kept_within_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let line = serde_json::to_vec(&sample(100)).unwrap().len() as u64 + 1;
        let samples = SampleFile::open(&path, 10 * line).unwrap();
        for id in 100..142 {
            // Written one after another, however slow the disk.
            while samples.sender.as_ref().unwrap().try_send(sample(id)).is_err() {}
        }
        drop(samples);
        let read = |path: &Path| -> Vec<Sample> {
            let text = fs::read_to_string(path).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let kept: Vec<u64> =
            read(&older(&path)).into_iter().chain(read(&path)).map(|sample| sample.compared).collect();
        assert_eq!(kept, (135..142).collect::<Vec<_>>());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
