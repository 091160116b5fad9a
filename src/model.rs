//! The trained model.

use std::path::Path;

/// A model ready to score.
#[derive(Debug)]
pub struct Model {
    version: String,
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ArtifactError(String);

impl Model {
    /// The model that ships inside the binary.
    ///
    /// # Errors
    /// Only when the binary was built with a broken model file.
    pub fn shipped() -> Result<Model, ArtifactError> {
        Ok(Model { version: "none".into() })
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// When the file cannot be read or is not a whole model of this version.
    pub fn open(path: &Path) -> Result<Model, ArtifactError> {
        Err(ArtifactError(format!("{}: not yet", path.display())))
    }

    /// Identifies the model in every answer.
    pub fn version(&self) -> &str {
        &self.version
    }
}
