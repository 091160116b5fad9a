//! The two kinds of records: comments and the threads that they answer.

use super::fault::shown;
use crate::comment::Format;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::fmt;

/// One line of a comment file. Fields it does not name are ignored.
///
/// `Debug` shows the id alone, so that no log line can carry a text or an
/// author.
#[derive(Clone, Deserialize)]
pub struct CommentRecord {
    /// Names the comment; unique in its file.
    pub id: String,
    /// The id of the thread the comment was posted to.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// The id of the comment that this one answers.
    #[serde(default)]
    pub parent_id: Option<String>,
    /// Who wrote it, as the source names people.
    #[serde(default)]
    pub author: Option<String>,
    /// What the author wrote.
    pub text: String,
    /// The language (BCP 47).
    #[serde(default)]
    pub lang: Option<String>,
    /// When it was posted, as the source says it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// What moderators or annotators said, each in `0.0..=1.0`. A label that
    /// is missing is unknown, never 0.
    #[serde(default, deserialize_with = "labels")]
    pub labels: BTreeMap<String, f64>,
    /// Where the comment is from.
    #[serde(default)]
    pub source: Option<String>,
    /// How the text is written; plain when nothing is said.
    #[serde(default, deserialize_with = "format")]
    pub format: Option<Format>,
    /// What the source says beyond this form.
    #[serde(default)]
    pub raw: Option<serde_json::Value>,
}

impl fmt::Debug for CommentRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommentRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One line of a thread file. Fields it does not name are ignored.
///
/// `Debug` shows the id alone.
#[derive(Clone, Deserialize)]
pub struct ThreadRecord {
    /// Names the thread; unique in its file.
    pub id: String,
    /// The headline; nothing and `null` are an empty one.
    #[serde(default)]
    pub title: Option<String>,
    /// The article, the post or the question; nothing and `null` are an empty
    /// one.
    #[serde(default)]
    pub body: Option<String>,
    /// Where it stands on the web.
    #[serde(default)]
    pub url: Option<String>,
    /// Where the thread is from.
    #[serde(default)]
    pub source: Option<String>,
}

impl fmt::Debug for ThreadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads labels and checks their range; `null` is unknown, like a missing one.
fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let labels = Option::<BTreeMap<String, Option<f64>>>::deserialize(deserializer)?.unwrap_or_default();
    let known = labels.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    known
        .map(|(name, value)| {
            if (0.0..=1.0).contains(&value) {
                return Ok((name, value));
            }
            Err(de::Error::custom(format_args!("label `{}` is {value}, outside 0..=1", shown(&name))))
        })
        .collect()
}

/// The names of [`Format`] in files.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Plain,
    Html,
    Markdown,
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Format>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|name| match name {
        FormatName::Plain => Format::Plain,
        FormatName::Html => Format::Html,
        FormatName::Markdown => Format::Markdown,
    }))
}
