//! Where the answers of a file go.

mod interrupt;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A place for answers.
pub enum Output {
    /// The standard output: whole lines at a time.
    Stdout(io::Stdout),
    /// Something other than a regular file, such as a pipe or a device, which
    /// must not be replaced.
    Special(File),
    /// A file that appears, or replaces the one of its name, when it is
    /// complete. Until then the answers are in a file beside it, which goes
    /// away with this value, and when the command is interrupted.
    Whole {
        /// The file beside it.
        beside: NamedTempFile,
        /// The file to be.
        target: PathBuf,
    },
}

impl Output {
    /// Prepares to write to a file, or to the standard output for `-` and for
    /// none.
    pub fn open(path: Option<&Path>) -> io::Result<Output> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Output::Stdout(io::stdout()));
        };
        // A link stays a link: what it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&target).ok();
        if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            return File::options().write(true).open(&target).map(Output::Special);
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = interrupt::guard(|| {
            let beside = temporary(folder.unwrap_or(Path::new(".")))?;
            let path = beside.path().to_owned();
            Ok((beside, path))
        })?;
        if let Some(metadata) = existing {
            beside.as_file().set_permissions(metadata.permissions())?;
        }
        Ok(Output::Whole { beside, target })
    }

    /// Writes whole lines.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Output::Stdout(stdout) => stdout.write_all(lines),
            Output::Special(file) => file.write_all(lines),
            Output::Whole { beside, .. } => beside.as_file().write_all(lines),
        }
    }

    /// Ends the output; a file appears now.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Output::Stdout(mut stdout) => stdout.flush(),
            Output::Special(_) => Ok(()),
            Output::Whole { beside, target } => {
                beside.as_file().sync_all()?;
                interrupt::release(|| Ok(beside.persist(target).map(drop)?))
            }
        }
    }
}

/// A file that only its owner has a name for yet, with the rights of an
/// ordinary one. Opened here, since the errors of the library's own way have
/// that name.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let open = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
    tempfile::Builder::new().prefix(".thresher-").suffix(".tmp").make_in(folder, open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let mut output = Output::open(Some(&path)).unwrap();
        output.write(b"one\n").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\n");

        let mut given_up = Output::open(Some(&path)).unwrap();
        given_up.write(b"two\n").unwrap();
        drop(given_up);
        assert_eq!(fs::read(&path).unwrap(), b"one\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn links_and_rights_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        let mut output = Output::open(Some(&link)).unwrap();
        output.write(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    #[cfg(unix)]
    fn a_device_is_written_to_and_not_replaced() {
        let null = Path::new("/dev/null");
        assert!(matches!(Output::open(Some(null)).unwrap(), Output::Special(_)));
    }
}
