//! Whether what a command writes would take the place of something that it
//! reads.

use std::fs;
use std::path::{Path, PathBuf};

/// An option whose file is one that the command reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} {output} would overwrite {read}, which is the same file")]
pub struct Overwrites {
    /// The option that writes.
    pub option: &'static str,
    /// Its file.
    pub output: String,
    /// The option that reads, with its file.
    pub read: String,
}

/// The files that a command reads, each with the option that names it.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<(&'static str, PathBuf)>);

impl Inputs {
    /// Adds the files of an option; `-` is the standard input.
    pub fn and<P: Into<PathBuf>>(mut self, option: &'static str, files: impl IntoIterator<Item = P>) -> Self {
        self.0.extend(files.into_iter().map(|file| (option, file.into())));
        self
    }

    /// Checks the file that an option writes, if it is given, before it is
    /// opened. Files are the same when links lead to the same one, however they
    /// are spelled; what is no regular file, such as a pipe or a terminal, is
    /// read and written without harm, and so is the standard output (`-`).
    ///
    /// # Errors
    /// When one of the files that are read would be lost.
    pub fn spared(&self, option: &'static str, output: Option<&Path>) -> Result<(), Overwrites> {
        let Some(output) = output.filter(|output| output.as_os_str() != "-") else { return Ok(()) };
        let Some(written) = Identity::of(output) else { return Ok(()) };
        let is_lost = |path: &Path| {
            let path = if path.as_os_str() == "-" { Path::new("/dev/stdin") } else { path };
            Identity::of(path).is_some_and(|read| read == written)
        };
        match self.0.iter().find(|(_, path)| is_lost(path)) {
            None => Ok(()),
            Some((read, path)) => Err(Overwrites {
                option,
                output: output.display().to_string(),
                read: format!("{read} {}", path.display()),
            }),
        }
    }
}

/// Which regular file stands at a path, through links.
#[derive(PartialEq, Eq)]
#[cfg(unix)]
struct Identity(u64, u64);

#[cfg(unix)]
impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Identity(metadata.dev(), metadata.ino()))
    }
}

#[derive(PartialEq, Eq)]
#[cfg(not(unix))]
struct Identity(PathBuf);

#[cfg(not(unix))]
impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        fs::canonicalize(path).ok().filter(|path| path.is_file()).map(Identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_known_by_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").unwrap();
        fs::write(path("b"), "").unwrap();
        let inputs = Inputs::default().and("--data", [path("none"), path("a")]).and("--policy", [path("b")]);
        let refused = |output: &Path| inputs.spared("--out", Some(output)).map_err(|error| error.to_string());
        assert_eq!(refused(&path("none")), Ok(()));
        assert_eq!(refused(folder.path()), Ok(()));
        let (a, b) = (path("a"), folder.path().join(".").join("b"));
        let message = |read: &str, written: &Path, path: &Path| {
            let (written, path) = (written.display(), path.display());
            Err(format!("--out {written} would overwrite {read} {path}, which is the same file"))
        };
        assert_eq!(refused(&a), message("--data", &a, &a));
        assert_eq!(refused(&b), message("--policy", &b, &path("b")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&a, path("link")).unwrap();
            fs::hard_link(&a, path("twin")).unwrap();
            for name in ["link", "twin"] {
                assert_eq!(refused(&path(name)), message("--data", &path(name), &a));
            }
            let null = Path::new("/dev/null");
            assert_eq!(Inputs::default().and("--data", [null]).spared("--out", Some(null)), Ok(()));
        }
    }
}
