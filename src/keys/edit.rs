//! Changes a keys file: whole or not at all, and one change at a time.

use super::{Keys, KeysError};
use crate::whole_file;
use std::path::Path;

/// The rights of a file that only its owner may read.
const OWNER_ONLY: u32 = 0o600;

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
    if missing == Missing::Refuse && !path.exists() {
        // No lock is left beside a file that is not there.
        Keys::open(path)?;
    }
    whole_file::change(path, OWNER_ONLY, unwritten, |target| {
        // Only now, since another may have made it meanwhile.
        let is_new = missing == Missing::Create && !target.exists();
        let mut keys = if is_new { Keys::default() } else { Keys::open(target)? };
        let made = change(&mut keys)?;
        Ok((Some(keys.render()), made))
    })
}
