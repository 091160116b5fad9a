//! Changes a keys file: whole or not at all, and one change at a time.

use super::{Keys, KeysError};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Whether a file that is not there yet is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is.
    Create,
    /// It must be there.
    Refuse,
}

/// Reads the keys of a file, changes them and writes them back. Changes by
/// several processes wait for one another, on a lock beside the file with
/// `.lock` after its name. The file is replaced when the new one is complete
/// and on the disk. A new one is readable by its owner only; an existing one
/// keeps its rights and, where that is allowed, its owner.
///
/// # Errors
/// When the file cannot be read or written, or the change fails; the file is
/// as it was then.
pub fn edit<T>(
    path: &Path,
    missing: Missing,
    change: impl FnOnce(&mut Keys) -> Result<T, KeysError>,
) -> Result<T, KeysError> {
    let unwritten = |source| KeysError::Write { name: path.display().to_string(), source };
    // A link stays a link: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let exists = target.exists();
    let mut keys = Keys::default();
    let _lock;
    if exists || missing == Missing::Create {
        _lock = lock(&target).map_err(unwritten)?;
    }
    // Only now, since another may have made it meanwhile.
    if missing == Missing::Refuse || target.exists() {
        keys = Keys::open(&target)?;
    }
    let made = change(&mut keys)?;
    write(&target, &keys.render()).map_err(unwritten)?;
    Ok(made)
}

/// Waits for the lock, which goes away with the file that is returned.
fn lock(target: &Path) -> io::Result<File> {
    let mut name = target.as_os_str().to_owned();
    name.push(".lock");
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(PathBuf::from(name))?;
    file.lock()?;
    Ok(file)
}

fn write(target: &Path, text: &str) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner only, which is what the library makes them.
    let mut beside = tempfile::Builder::new().prefix(".thresher-").suffix(".tmp").tempfile_in(folder)?;
    match fs::metadata(target) {
        Ok(old) => keep_rights(beside.as_file(), &old)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(target)?;
    // That the name leads to the new file is on the disk when the folder is;
    // not every system can be asked for that.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(unix)]
fn keep_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only the administrator may give a file away. Whoever else changes a file
    // of somebody else's becomes its owner.
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}
