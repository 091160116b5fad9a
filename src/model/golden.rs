//! Golden comments: a handful of texts that a model file carries with the
//! scores they got when it was written.
//!
//! Whoever loads the file scores them again. Scores that differ mean that the
//! program reads texts otherwise than the one that trained the model, which no
//! checksum can tell.

use crate::comment::Format;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most golden comments in a model file.
pub const MAX_GOLDEN: usize = 64;

/// The longest text of a golden comment, its title, body and parent each, in
/// bytes of UTF-8.
pub const MAX_GOLDEN_BYTES: usize = 20_480;

/// A comment with the scores it got when its model was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GoldenComment {
    /// What is judged.
    pub text: String,
    /// How the text is written.
    #[serde(default)]
    pub format: GoldenFormat,
    /// The headline of its thread; without title and body there is no thread.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The article, post or question of its thread.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The text that it answers; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// The score in `0.0..=1.0` of each attribute that had one, by name.
    pub scores: BTreeMap<String, f32>,
}

/// [`Format`] as a model file writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GoldenFormat {
    /// Characters as readers see them.
    #[default]
    Plain,
    /// An HTML fragment.
    Html,
    /// CommonMark.
    Markdown,
}

impl From<GoldenFormat> for Format {
    fn from(format: GoldenFormat) -> Format {
        match format {
            GoldenFormat::Plain => Format::Plain,
            GoldenFormat::Html => Format::Html,
            GoldenFormat::Markdown => Format::Markdown,
        }
    }
}
