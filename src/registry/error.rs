//! Why the registry did not do what was asked.

use crate::model::ArtifactError;
use crate::moderator::SelfTestError;
use std::path::Path;

/// Why the registry did not do what was asked. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The configuration names no folder of models.
    #[error("the configuration names no folder of models; set [models] directory")]
    NoFolder,
    /// No model of the registry has that version.
    #[error("no model has the version `{0}`; `thresher models list` and ListModels show those there are")]
    Unknown(String),
    /// The configuration pins the site to a model.
    #[error("the site {site} is pinned to the model {version} by the configuration")]
    Pinned {
        /// The site.
        site: String,
        /// The version that the configuration names.
        version: String,
    },
    /// No model was activated for the site.
    #[error("no model was activated for the site {0}, so that there is none to go back from")]
    NothingBefore(String),
    /// As many sites have a model of their own as may.
    #[error("{0} sites have a model of their own already, which is the most there may be")]
    TooManySites(usize),
    /// A file that is no usable model.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A model that scores its golden comments otherwise than recorded.
    #[error("{path}: {why}")]
    SelfTest {
        /// The file, or what stands for it.
        path: String,
        /// How it differs.
        why: SelfTestError,
    },
    /// The file of activations says what no such file can say; one line, with
    /// the place.
    #[error("{0}")]
    Activations(String),
    /// A file or folder cannot be read or written.
    #[error("{path} {why}")]
    File {
        /// The file or folder.
        path: String,
        /// What cannot be done, and what the system says.
        why: String,
    },
}

impl RegistryError {
    pub(super) fn file(path: &Path, why: String) -> RegistryError {
        RegistryError::File { path: path.display().to_string(), why }
    }
}
