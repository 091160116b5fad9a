//! A folder of model files.

use super::RegistryError;
use crate::aside::aside;
use crate::attribute::{Attribute, AttributeSet};
use crate::model::Model;
use crate::moderator::Moderator;
use crate::stamp::Stamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the files end that are models.
const EXTENSION: &str = "safetensors";

/// The most model files that are looked at in a folder, by name.
const MAX_FILES: usize = 100;

/// A model that may be activated, or a file that should be one.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in the registry's folder, or the path of the base model; none
    /// for the model inside the binary.
    pub file: Option<String>,
    /// The model, or why the file is none that may serve, in one line.
    pub content: Result<Summary, String>,
}

/// What a model says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its version.
    pub version: String,
    /// The attributes that it scores.
    pub attributes: AttributeSet,
    /// How many golden comments it passed its self-test with.
    pub golden_count: usize,
    /// The version of the program that trained it.
    pub trainer: String,
}

impl Summary {
    pub(super) fn of(moderator: &Moderator) -> Summary {
        let model = moderator.model();
        let trained = |attribute: &Attribute| model.heads()[*attribute].is_some();
        Summary {
            version: model.version().to_owned(),
            attributes: Attribute::ALL.into_iter().filter(trained).collect(),
            golden_count: model.metadata().golden.len(),
            trainer: model.metadata().trainer.clone(),
        }
    }
}

/// Reads, checks and tests a model, while those in service go before.
pub(super) fn read(path: &Path) -> Result<Arc<Moderator>, RegistryError> {
    aside(|| tested(Model::open(path)?, &path.display().to_string()))
}

/// Tests a model; `name` stands for its file.
pub(super) fn tested(model: Model, name: &str) -> Result<Arc<Moderator>, RegistryError> {
    let tested = Moderator::tested(model);
    tested.map(Arc::new).map_err(|why| RegistryError::SelfTest { path: name.to_owned(), why })
}

/// The model files of a folder, as they were when they last changed.
#[derive(Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    seen: Vec<Seen>,
    /// The first of those that are too many.
    unread: Option<Entry>,
}

#[derive(Debug)]
struct Seen {
    path: PathBuf,
    stamp: Stamp,
    entry: Entry,
}

impl Folder {
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, seen: Vec::new(), unread: None }
    }

    /// The model files of a folder, in the order of their names.
    pub fn files(path: &Path) -> Result<Vec<PathBuf>, RegistryError> {
        let unread = |error| RegistryError::file(path, format!("cannot be read: {error}"));
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(unread)? {
            let file = entry.map_err(unread)?.path();
            // What is being written, by a name that is hidden, is no model yet.
            let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && file.extension().is_some_and(|extension| extension == EXTENSION) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        // The first that is not read is told.
        files.truncate(MAX_FILES + 1);
        Ok(files)
    }

    /// Looks at the folder again, and reads what is new in it.
    pub fn scan(&mut self) -> Result<(), RegistryError> {
        let mut files = Folder::files(&self.path)?;
        self.unread = files.drain(files.len().min(MAX_FILES)..).next().map(|path| Entry {
            file: path.file_name().map(|name| name.to_string_lossy().into_owned()),
            content: Err(format!(
                "not read, nor is what comes after it by name: a folder holds {MAX_FILES} models at most"
            )),
        });
        let mut before = std::mem::take(&mut self.seen);
        self.seen = files
            .into_iter()
            .map(|path| {
                let stamp = Stamp::of(&path);
                if let Some(i) = before.iter().position(|seen| seen.path == path && seen.stamp == stamp) {
                    return before.swap_remove(i);
                }
                let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
                let content = read(&path).map(|moderator| Summary::of(&moderator));
                Seen {
                    entry: Entry { file, content: content.map_err(|error| error.to_string()) },
                    path,
                    stamp,
                }
            })
            .collect();
        Ok(())
    }

    /// The model files, as of the last scan.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.seen.iter().map(|seen| &seen.entry).chain(&self.unread)
    }

    /// Reads the model of that version.
    pub fn find(&self, version: &str) -> Result<Arc<Moderator>, RegistryError> {
        let has = |seen: &&Seen| seen.entry.content.as_ref().is_ok_and(|summary| summary.version == version);
        let unknown = || RegistryError::Unknown(version.to_owned());
        let seen = self.seen.iter().find(has).ok_or_else(unknown)?;
        // It may have become another since it was looked at.
        read(&seen.path).and_then(|moderator| match moderator.model().version() == version {
            true => Ok(moderator),
            false => Err(unknown()),
        })
    }
}
