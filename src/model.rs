//! The trained model.

pub mod artifact;
pub mod classifier;
pub mod golden;
pub mod head;

pub use artifact::{ArtifactError, Metadata, Parts};

use crate::attribute::{Attribute, AttributeSet, PerAttribute};
use crate::features::Vectorizer;
use classifier::Classifier;
use head::Heads;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The model that ships inside the binary.
const SHIPPED: &[u8] = include_bytes!("../models/thresher-en.safetensors");

/// An attribute is known in a language when so many of its labelled rows were
/// in it, so many of them positive, and this share of all: a few rows of a
/// language are mostly mistakes in telling languages apart.
const FAMILIAR_ROWS: u64 = 50;
const FAMILIAR_POSITIVES: u64 = 8;
const FAMILIAR_SHARE: f64 = 0.005;

/// The longest model file that is read, in bytes: several times what the
/// largest vocabulary needs.
const MAX_BYTES: u64 = 64 << 20;

/// What a word has to add to the margins of both TOXICITY and PROFANITY, before
/// norms divide it, to be one that people hide by stars: in the shipped model some
/// fifty words do.
const HIDDEN_WEIGHT: f32 = 12.0;

/// A model ready to score. Immutable, and shared by all threads.
#[derive(Debug)]
pub struct Model {
    parts: Parts,
    metadata: Metadata,
    version: String,
    /// The languages that each attribute is known in; none when the file does
    /// not say.
    familiar: PerAttribute<Option<Vec<String>>>,
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
    /// When the file cannot be read, is over 64 MiB or is not a whole model of
    /// this version.
    pub fn open(path: &Path) -> Result<Model, ArtifactError> {
        let name = path.display().to_string();
        let unread = |source| ArtifactError::Read { path: name.clone(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unread)?;
        if bytes.len() as u64 > MAX_BYTES {
            let why = format!("it is over the limit of {MAX_BYTES} bytes");
            return Err(ArtifactError::Contents { path: name, why });
        }
        Model::from_bytes(&bytes, &name)
    }

    /// Reads and checks a model file's bytes; `name` stands for the file in
    /// errors.
    ///
    /// # Errors
    /// When the bytes are not a whole model of this version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Model, ArtifactError> {
        let (mut parts, metadata, checksum) = artifact::deserialize(bytes, name)?;
        let Parts { vectorizer, classifier, .. } = &mut parts;
        vectorizer.hide_words(|column| hidden_weight(classifier, column));
        let version = format!("{}@{}", metadata.name, &checksum[..12]);
        let familiar = PerAttribute::from_fn(|attribute| familiar(&metadata, attribute));
        Ok(Model { parts, metadata, version, familiar })
    }

    /// The attributes of which the model learned nothing in a language (BCP
    /// 47). Empty for `und`, and for files that do not say in which languages
    /// their labels were.
    pub fn unfamiliar(&self, language_code: &str) -> AttributeSet {
        if language_code == "und" {
            return AttributeSet::EMPTY;
        }
        let is_unfamiliar = |languages: &Option<Vec<String>>| {
            languages.as_ref().is_some_and(|known| !known.iter().any(|code| code == language_code))
        };
        self.familiar
            .iter()
            .filter(|(_, known)| is_unfamiliar(known))
            .map(|(attribute, _)| attribute)
            .collect()
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

/// The languages that an attribute is known in. `OFF_TOPIC` compares words with
/// words and needs to know none.
fn familiar(metadata: &Metadata, attribute: Attribute) -> Option<Vec<String>> {
    let report = metadata.attributes.get(attribute.name())?;
    if attribute == Attribute::OffTopic || report.languages.is_empty() {
        return None;
    }
    let is_known = |counts: &artifact::LanguageReport| {
        counts.rows >= FAMILIAR_ROWS
            && counts.positives >= FAMILIAR_POSITIVES
            && counts.rows as f64 >= FAMILIAR_SHARE * report.rows as f64
    };
    let known = report.languages.iter().filter(|(_, counts)| is_known(counts));
    Some(known.map(|(code, _)| code.clone()).collect())
}

/// The least that the word of a column adds to the margins of what people hide
/// words for, if that is much.
fn hidden_weight(classifier: &Classifier, column: u32) -> Option<f32> {
    let [toxicity, profanity] = [Attribute::Toxicity, Attribute::Profanity]
        .map(|attribute| classifier.weight(column, attribute.index()));
    Some(toxicity.min(profanity)).filter(|weight| *weight >= HIDDEN_WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifact::{AttributeReport, LanguageReport};

    #[test]
    fn few_rows_of_a_language_make_it_not_familiar() {
        let counts = [("en", 9_000, 900), ("id", 800, 300), ("de", 40, 20), ("fr", 45, 9), ("nl", 60, 2)];
        let languages =
            counts.map(|(code, rows, positives)| (code.to_owned(), LanguageReport { rows, positives }));
        let report =
            AttributeReport { rows: 10_000, languages: languages.into(), ..AttributeReport::default() };
        let attributes = [
            (Attribute::Spam.name().to_owned(), report.clone()),
            (Attribute::OffTopic.name().to_owned(), report),
        ];
        let metadata = Metadata { attributes: attributes.into(), ..Metadata::default() };
        assert_eq!(familiar(&metadata, Attribute::Spam), Some(vec!["en".to_owned(), "id".to_owned()]));
        assert_eq!(familiar(&metadata, Attribute::OffTopic), None);
        assert_eq!(familiar(&metadata, Attribute::Insult), None);
    }
}
