//! Which files hold comments, and where their threads are: the conventions of
//! `docs/data-format.md`.

use super::JsonlError;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The comment files that some paths stand for: files as they are named, and
/// those of a folder by their names, in alphabetical order, without
/// `NAME.threads.jsonl` and `NAME.repeats.jsonl`. Each file once, where it is
/// first met, however often and by whatever path it is named.
///
/// # Errors
/// When a path is not there or a folder cannot be read.
pub fn comment_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, JsonlError> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| JsonlError::Open { name: path.display().to_string(), source };
        if path.as_os_str() == "-" || !fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(failed)?;
        let mut found: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(failed)?;
        found.retain(|path| is_comment_file(path));
        found.sort();
        files.extend(found);
    }
    let mut met = HashSet::new();
    // A pipe may have no path of its own.
    files.retain(|path| met.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    Ok(files)
}

/// The name of a set of comments: `news` for `data/news.jsonl.gz`.
pub fn set_name(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("data");
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".jsonl").unwrap_or(name).to_owned()
}

/// The file of the threads of a comment file, if there is one beside it:
/// `NAME.threads.jsonl` or `NAME.threads.jsonl.gz`.
pub fn threads_beside(path: &Path) -> Option<PathBuf> {
    let name = set_name(path);
    let plain = path.with_file_name(format!("{name}.threads.jsonl"));
    let packed = path.with_file_name(format!("{name}.threads.jsonl.gz"));
    [plain, packed].into_iter().find(|threads| threads != path && threads.is_file())
}

/// The file of the dropped copies of the comments of a file, if there is one
/// beside it: `NAME.repeats.jsonl` or `NAME.repeats.jsonl.gz`.
pub fn repeats_beside(path: &Path) -> Option<PathBuf> {
    let name = set_name(path);
    let plain = path.with_file_name(format!("{name}.repeats.jsonl"));
    let packed = path.with_file_name(format!("{name}.repeats.jsonl.gz"));
    [plain, packed].into_iter().find(|repeats| repeats != path && repeats.is_file())
}

fn is_comment_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".jsonl").is_some_and(|set| !set.ends_with(".threads") && !set.ends_with(".repeats"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_comment_files_and_their_threads() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in
            ["b.jsonl", "a.jsonl.gz", "a.threads.jsonl.gz", "b.threads.jsonl", "b.repeats.jsonl", "c.txt"]
        {
            fs::write(path(name), "").unwrap();
        }
        let of = |paths: &[PathBuf]| comment_files(paths).unwrap();
        assert_eq!(of(&[folder.path().to_owned()]), [path("a.jsonl.gz"), path("b.jsonl")]);
        // A file that is named is meant.
        assert_eq!(of(&[path("c.txt"), path("b.repeats.jsonl")]), [path("c.txt"), path("b.repeats.jsonl")]);
        // Each once, by the name that comes first.
        let again = [path("./b.jsonl"), folder.path().to_owned(), path("b.jsonl"), path("./a.jsonl.gz")];
        assert_eq!(of(&again), [path("./b.jsonl"), path("a.jsonl.gz")]);
        assert_eq!(threads_beside(&path("a.jsonl.gz")), Some(path("a.threads.jsonl.gz")));
        assert_eq!(threads_beside(&path("b.jsonl")), Some(path("b.threads.jsonl")));
        assert_eq!(threads_beside(&path("c.txt")), None);
        assert_eq!(repeats_beside(&path("b.jsonl")), Some(path("b.repeats.jsonl")));
        assert_eq!(repeats_beside(&path("a.jsonl.gz")), None);
        assert_eq!(set_name(Path::new("x/y.jsonl.gz")), "y");
        let message = comment_files(&[path("d.jsonl")]).unwrap_err().to_string();
        assert!(message.contains("d.jsonl: cannot be opened: "), "{message}");
    }
}
