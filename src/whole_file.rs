//! Files that are replaced whole or not at all, by one process at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Changes a file, whole or not at all. Changes by several processes wait for
/// one another; `change` is told where the file is, reads it, and says what it
/// is to hold, none to leave it. A link stays a link: what it leads to is
/// replaced. `unwritten` makes an error of what the system says.
pub(crate) fn change<T, E>(
    path: &Path,
    mode: u32,
    unwritten: impl Fn(io::Error) -> E,
    change: impl FnOnce(&Path) -> Result<(Option<String>, T), E>,
) -> Result<T, E> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = lock(&target, mode).map_err(&unwritten)?;
    let (text, made) = change(&target)?;
    if let Some(text) = text {
        write(&target, &text, mode).map_err(&unwritten)?;
    }
    Ok(made)
}

/// Waits for the lock of a file, which stands beside it with `.lock` after its
/// name; it is let go when what is returned is dropped. A lock that is not there
/// yet is made with the rights `mode`, less what the umask takes.
pub(crate) fn lock(target: &Path, mode: u32) -> io::Result<File> {
    let mut name = target.as_os_str().to_owned();
    name.push(".lock");
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let file = options.open(PathBuf::from(name))?;
    file.lock()?;
    Ok(file)
}

/// Replaces a file once the new one is complete and on the disk. A new one gets
/// the rights `mode`, less what the umask takes; an existing one keeps its
/// rights and, where that is allowed, its owner.
fn write(target: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".thresher-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut beside = builder.tempfile_in(folder)?;
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
    let new = file.metadata()?;
    // Only the administrator may give a file away, and a sandbox may end who
    // tries. Whoever else changes a file of somebody else's becomes its owner.
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}
