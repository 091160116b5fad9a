//! The trained model.

pub mod artifact;
pub mod classifier;
pub mod golden;
pub mod head;

pub use artifact::{ArtifactError, Metadata, Parts};

use crate::features::Vectorizer;
use classifier::Classifier;
use head::Heads;
use std::path::Path;

/// The model that ships inside the binary.
const SHIPPED: &[u8] = include_bytes!("../models/thresher-en.safetensors");

/// A model ready to score. Immutable, and shared by all threads.
#[derive(Debug)]
pub struct Model {
    parts: Parts,
    metadata: Metadata,
    version: String,
}

impl Model {
    /// The model that ships inside the binary.
    ///
    /// # Errors
    /// Only when the binary was built with a model file that it cannot read.
    pub fn shipped() -> Result<Model, ArtifactError> {
        Model::from_bytes(SHIPPED, "the shipped model")
    }

    /// Reads and checks a model file.
    ///
    /// The file is read whole, not mapped: it is small, reading it takes a
    /// millisecond, and a file that somebody overwrites in place can then
    /// never change under a running server.
    ///
    /// # Errors
    /// When the file cannot be read or is not a whole model of this version.
    pub fn open(path: &Path) -> Result<Model, ArtifactError> {
        let name = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|source| ArtifactError::Read { path: name.clone(), source })?;
        Model::from_bytes(&bytes, &name)
    }

    /// Reads and checks a model file's bytes; `name` stands for the file in
    /// errors.
    ///
    /// # Errors
    /// When the bytes are not a whole model of this version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Model, ArtifactError> {
        let (parts, metadata, checksum) = artifact::deserialize(bytes, name)?;
        let version = format!("{}@{}", metadata.name, &checksum[..12]);
        Ok(Model { parts, metadata, version })
    }

    /// Identifies the model in every answer: its name, and the first twelve
    /// digits of its checksum.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the model file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The document frequencies.
    pub fn vectorizer(&self) -> &Vectorizer {
        &self.parts.vectorizer
    }

    /// The text classifier.
    pub fn classifier(&self) -> &Classifier {
        &self.parts.classifier
    }

    /// The heads; none for attributes that the model was not trained for.
    pub fn heads(&self) -> &Heads {
        &self.parts.heads
    }
}
