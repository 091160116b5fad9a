//! The model file: safetensors with one JSON document of metadata.
//!
//! Everything is checked on load: the container, the format, the feature
//! space, every tensor's type and shape, that all numbers are finite, and a
//! checksum over tensors and metadata, so that a file that was cut or altered
//! anywhere is refused.

use super::classifier::Classifier;
use super::golden::{GoldenComment, MAX_GOLDEN};
use super::head::{Head, Heads, TEXT_INPUTS, THREAD_INPUTS};
use crate::attribute::{Attribute, PerAttribute};
use crate::drift::ScoreCounts;
use crate::features::Vectorizer;
use crate::features::hashing::{BUCKETS, FEATURE_SPACE};
use crate::text::dictionary::Dictionary;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use xxhash_rust::xxh3::Xxh3;

/// The version of the file's layout.
pub const FORMAT: &str = "thresher-model/1";

/// The one key of safetensors' string metadata, under which ours stands as
/// JSON. One key, because safetensors writes several in random order.
const METADATA_KEY: &str = "thresher";

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be read.
    #[error("cannot read the model {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not a whole safetensors file.
    #[error("{path} is not a whole model file: {why}")]
    Container {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file was made for another version of the program.
    #[error("{path} has the {what} {found:?}, this version reads {expected:?}")]
    Version {
        /// The file.
        path: String,
        /// `format` or `feature space`.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What this program reads.
        expected: &'static str,
    },
    /// The checksum does not match: the file was altered or damaged.
    #[error("{path} is damaged: its checksum is {found}, its contents give {computed}")]
    Checksum {
        /// The file.
        path: String,
        /// The checksum in the file.
        found: String,
        /// The checksum of what the file holds.
        computed: String,
    },
    /// A tensor is missing or of another shape.
    #[error("{path} is not a usable model: {why}")]
    Contents {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a model file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// [`FORMAT`].
    pub format: String,
    /// [`FEATURE_SPACE`].
    pub feature_space: String,
    /// What the model's owner calls it.
    pub name: String,
    /// The version of the program that trained it.
    pub trainer: String,
    /// The command that trained it, without the paths' folders.
    pub command: String,
    /// The random seed of the training run.
    pub seed: u64,
    /// The files it was trained on.
    pub data: Vec<DataFile>,
    /// The models whose soft labels were trained on, by name.
    #[serde(default)]
    pub teachers: Vec<String>,
    /// How each attribute was trained, by name.
    pub attributes: BTreeMap<String, AttributeReport>,
    /// Comments with the scores they got when the file was written, at most
    /// [`MAX_GOLDEN`]; none in files older than they.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub golden: Vec<GoldenComment>,
    /// The rows it was trained on by their language (BCP 47; `und` where it
    /// cannot be told), each once. Empty in files of older versions.
    #[serde(default)]
    pub languages: BTreeMap<String, u64>,
    /// The languages of the words that texts are read by (BCP 47).
    #[serde(default)]
    pub dictionary_languages: Vec<String>,
}

/// A file that a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// The set's name.
    pub name: String,
    /// The licence its manifest states; empty when there is none.
    pub licence: String,
    /// Rows used.
    pub rows: u64,
    /// XXH3-128 of the file's bytes, in hexadecimal.
    pub digest: String,
}

/// How one attribute was trained and how well it does on rows held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttributeReport {
    /// Rows with a label.
    pub rows: u64,
    /// Of these, rows labelled 0.5 or more.
    pub positives: u64,
    /// Rows without a label that were trained towards what teachers say.
    #[serde(default)]
    pub taught_rows: u64,
    /// What the teachers' mean weighed beside a label, in `0.0..=1.0`.
    #[serde(default)]
    pub soft_weight: f32,
    /// The estimator chosen, in words.
    pub estimator: String,
    /// Area under the ROC curve over all rows, each scored by a model that
    /// has not seen its fold.
    pub roc_auc: f64,
    /// The standard error of that area; none in files of older versions.
    #[serde(default)]
    pub roc_auc_error: Option<f64>,
    /// The mean of the sources' areas under the ROC curve.
    pub macro_roc_auc: f64,
    /// The standard error of that mean; none in files of older versions.
    #[serde(default)]
    pub macro_roc_auc_error: Option<f64>,
    /// Average precision over all rows, out of fold.
    pub average_precision: f64,
    /// Expected calibration error over all rows, out of fold.
    pub calibration_error: f64,
    /// What rounding the weights to bytes costs in ROC AUC on training rows,
    /// before the head.
    pub quantization_cost: f64,
    /// The figures within each source, out of fold.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceReport>,
    /// The rows with a label by their language (BCP 47; `und` for those whose
    /// language cannot be told). Empty in files of older versions, which did
    /// not count them.
    #[serde(default)]
    pub languages: BTreeMap<String, LanguageReport>,
    /// The scores of the rows with a label, out of fold and calibrated as they
    /// are served: what [drift](crate::drift) is measured from. `OFF_TOPIC`
    /// without labels of its own counts comments under their own thread only.
    /// None in files of older versions.
    #[serde(default)]
    pub scores: Option<ScoreCounts>,
}

/// What an attribute was learned from in one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageReport {
    /// Rows with a label.
    pub rows: u64,
    /// Of these, rows labelled 0.5 or more.
    pub positives: u64,
}

/// How an attribute does within one source that it was trained on, on rows
/// that the model had not seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Rows with a label.
    pub rows: u64,
    /// Of these, rows labelled 0.5 or more.
    pub positives: u64,
    /// Area under the ROC curve; none where one class is missing.
    pub roc_auc: Option<f64>,
    /// Share of positives found at 1 % false positives; none likewise.
    pub recall_at_1: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// What that would be by chance, were the scores calibrated perfectly; none
    /// in files of older versions.
    #[serde(default)]
    pub calibration_by_chance: Option<f64>,
}

/// The trained parts of a model.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Document frequencies.
    pub vectorizer: Vectorizer,
    /// The text classifier.
    pub classifier: Classifier,
    /// The heads.
    pub heads: Heads,
}

/// Writes a model file: the same parts and metadata give the same bytes.
///
/// # Errors
/// When a head has another number of inputs than its attribute needs.
pub fn serialize(parts: &Parts, metadata: &Metadata) -> Result<Vec<u8>, ArtifactError> {
    let path = "the new model";
    let metadata = Metadata {
        format: FORMAT.into(),
        feature_space: FEATURE_SPACE.into(),
        dictionary_languages: parts.vectorizer.dictionary().languages().to_vec(),
        ..metadata.clone()
    };
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let rows = parts.classifier.rows();
    let weights = rows.iter().flatten().map(|&w| w as u8).collect();
    let columns = parts.vectorizer.columns();
    tensors.push(("classifier.weights".into(), Dtype::I8, vec![columns, Attribute::TEXT_COUNT], weights));
    tensors.push(("vocabulary.chosen".into(), Dtype::U8, vec![BUCKETS / 8], parts.vectorizer.chosen_bytes()));
    tensors.push(("vocabulary.idf".into(), Dtype::U8, vec![columns], parts.vectorizer.idf_bytes().to_vec()));
    let (words, rarities): (Vec<String>, Vec<u8>) = parts.vectorizer.dictionary().words().into_iter().unzip();
    let words = words.join("\n").into_bytes();
    tensors.push(("dictionary.words".into(), Dtype::U8, vec![words.len()], words));
    tensors.push(("dictionary.rarities".into(), Dtype::U8, vec![rarities.len()], rarities));
    let mut floats = |name: String, values: &[f32]| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        tensors.push((name, Dtype::F32, vec![values.len()], bytes));
    };
    floats("classifier.scales".into(), parts.classifier.scales());
    floats("classifier.intercepts".into(), parts.classifier.intercepts());
    for (attribute, head) in parts.heads.iter() {
        let Some(head) = head else { continue };
        if head.weights.len() != inputs(attribute) {
            return Err(contents(path, format!("the head of {attribute} has {} inputs", head.weights.len())));
        }
        let name = attribute.label();
        floats(format!("head.{name}.mean"), &head.mean);
        floats(format!("head.{name}.inverse_deviation"), &head.inverse_deviation);
        floats(format!("head.{name}.weights"), &head.weights);
        floats(format!("head.{name}.constants"), &[head.intercept, head.platt.0, head.platt.1]);
    }
    let document = serde_json::to_string(&metadata).map_err(|e| contents(path, e.to_string()))?;
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.clone(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(|e| contents(path, e.to_string()))?;
    let checksum = checksum(&document, views.iter().map(|(name, view)| (name.as_str(), view)));
    let wrapped = HashMap::from([(METADATA_KEY.to_owned(), format!("{checksum} {document}"))]);
    safetensors::serialize(views, Some(wrapped)).map_err(|e| contents(path, e.to_string()))
}

/// Reads and checks a model file's bytes; `path` names it in errors.
///
/// # Errors
/// When anything about the file is not as [`serialize`] writes it.
pub fn deserialize(bytes: &[u8], path: &str) -> Result<(Parts, Metadata, String), ArtifactError> {
    let container = |why: String| ArtifactError::Container { path: path.to_owned(), why };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| container(e.to_string()))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| container(e.to_string()))?;
    let wrapped = header.metadata().as_ref().and_then(|m| m.get(METADATA_KEY));
    let wrapped = wrapped.ok_or_else(|| container("it has no Thresher metadata".into()))?;
    let (found, document) =
        wrapped.split_once(' ').ok_or_else(|| container("its metadata has no checksum".into()))?;
    // The versions come first: a file for another version deserves to be told
    // so, whatever else differs.
    let metadata: Metadata =
        serde_json::from_str(document).map_err(|e| container(format!("its metadata cannot be read: {e}")))?;
    let version = |what, found: &str, expected: &'static str| {
        let error = ArtifactError::Version { path: path.to_owned(), what, found: found.to_owned(), expected };
        if found == expected { Ok(()) } else { Err(error) }
    };
    version("format", &metadata.format, FORMAT)?;
    version("feature space", &metadata.feature_space, FEATURE_SPACE)?;
    let golden = metadata.golden.len();
    if golden > MAX_GOLDEN {
        return Err(contents(
            path,
            format!("it has {golden} golden comments, over the limit of {MAX_GOLDEN}"),
        ));
    }
    let mut views = tensors.tensors();
    views.sort_by(|a, b| a.0.cmp(&b.0));
    let computed = checksum(document, views.iter().map(|(name, view)| (name.as_str(), view)));
    if found != computed {
        return Err(ArtifactError::Checksum { path: path.to_owned(), found: found.to_owned(), computed });
    }
    let parts = Reader { tensors: &tensors, path }.parts(&metadata)?;
    Ok((parts, metadata, computed))
}

/// XXH3-128 over the metadata and every tensor with its name, type and shape.
fn checksum<'a>(document: &str, views: impl Iterator<Item = (&'a str, &'a TensorView<'a>)>) -> String {
    let mut views: Vec<_> = views.collect();
    views.sort_by_key(|(name, _)| *name);
    let mut hash = Xxh3::new();
    hash.update(document.as_bytes());
    for (name, view) in views {
        hash.update(format!("\n{name} {:?} {:?}\n", view.dtype(), view.shape()).as_bytes());
        hash.update(view.data());
    }
    format!("{:032x}", hash.digest128())
}

fn contents(path: &str, why: String) -> ArtifactError {
    ArtifactError::Contents { path: path.to_owned(), why }
}

const fn inputs(attribute: Attribute) -> usize {
    match attribute {
        Attribute::OffTopic => THREAD_INPUTS,
        _ => TEXT_INPUTS,
    }
}

struct Reader<'a> {
    tensors: &'a SafeTensors<'a>,
    path: &'a str,
}

impl Reader<'_> {
    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8], ArtifactError> {
        let tensor = self.tensors.tensor(name);
        let tensor = tensor.map_err(|_| contents(self.path, format!("the tensor `{name}` is missing")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let why = format!(
                "the tensor `{name}` is {:?} {:?}, expected {dtype:?} {shape:?}",
                tensor.dtype(),
                tensor.shape()
            );
            return Err(contents(self.path, why));
        }
        // The data borrow from the file's bytes, as the reader does.
        Ok(tensor.data())
    }

    fn floats(&self, name: &str, len: usize) -> Result<Vec<f32>, ArtifactError> {
        let bytes = self.bytes(name, Dtype::F32, &[len])?;
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(contents(self.path, format!("the tensor `{name}` holds a number that is not finite")))
        }
    }

    fn margins(&self, name: &str) -> Result<[f32; Attribute::TEXT_COUNT], ArtifactError> {
        let values = self.floats(name, Attribute::TEXT_COUNT)?;
        Ok(std::array::from_fn(|k| values[k]))
    }

    fn parts(&self, metadata: &Metadata) -> Result<Parts, ArtifactError> {
        // The idf tensor says how many columns there are; all else must agree.
        let columns = self.tensors.tensor("vocabulary.idf").map_or(0, |t| t.data().len());
        let chosen = self.bytes("vocabulary.chosen", Dtype::U8, &[BUCKETS / 8])?;
        let idf = self.bytes("vocabulary.idf", Dtype::U8, &[columns])?;
        let vectorizer =
            Vectorizer::new(chosen, idf.into(), self.dictionary(&metadata.dictionary_languages)?)
                .ok_or_else(|| {
                    contents(self.path, format!("its vocabulary does not have {columns} buckets"))
                })?;
        let bytes = self.bytes("classifier.weights", Dtype::I8, &[columns, Attribute::TEXT_COUNT])?;
        let rows = bytes.chunks_exact(Attribute::TEXT_COUNT).map(|row| std::array::from_fn(|k| row[k] as i8));
        let classifier = Classifier::new(
            rows.collect(),
            self.margins("classifier.scales")?,
            self.margins("classifier.intercepts")?,
        );
        let mut heads: Heads = PerAttribute::from_fn(|_| None);
        for attribute in Attribute::ALL {
            heads[attribute] = self.head(attribute)?;
        }
        Ok(Parts { vectorizer, classifier, heads })
    }

    fn dictionary(&self, languages: &[String]) -> Result<Dictionary, ArtifactError> {
        let len = |name: &str| self.tensors.tensor(name).map_or(0, |t| t.data().len());
        let words = self.bytes("dictionary.words", Dtype::U8, &[len("dictionary.words")])?;
        let rarities = self.bytes("dictionary.rarities", Dtype::U8, &[len("dictionary.rarities")])?;
        let words =
            std::str::from_utf8(words).unwrap_or_default().split('\n').filter(|word| !word.is_empty());
        let count = words.clone().count();
        let words: Vec<(&str, u8)> = words.zip(rarities.iter().copied()).collect();
        let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
        Dictionary::new(&words, &languages).filter(|_| count == rarities.len()).ok_or_else(|| {
            contents(self.path, "its dictionary is not a list of words in order, each with its rarity".into())
        })
    }

    fn head(&self, attribute: Attribute) -> Result<Option<Head>, ArtifactError> {
        let prefix = format!("head.{}", attribute.label());
        let tensors = ["mean", "inverse_deviation", "weights", "constants"];
        if tensors.iter().all(|t| self.tensors.tensor(&format!("{prefix}.{t}")).is_err()) {
            return Ok(None);
        }
        let len = inputs(attribute);
        let constants = self.floats(&format!("{prefix}.constants"), 3)?;
        Ok(Some(Head {
            mean: self.floats(&format!("{prefix}.mean"), len)?,
            inverse_deviation: self.floats(&format!("{prefix}.inverse_deviation"), len)?,
            weights: self.floats(&format!("{prefix}.weights"), len)?,
            intercept: constants[0],
            platt: (constants[1], constants[2]),
        }))
    }
}
