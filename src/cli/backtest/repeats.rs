//! Copies of comments that were dropped from a file when it was made, with who
//! posted them and when.

use crate::cli::moderate::job::check;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use thresher::jsonl::{CommentRecord, JsonlError, Lines, repeats_beside};

/// A line of `NAME.repeats.jsonl`; see `docs/data-format.md`.
#[derive(Deserialize)]
struct Repeat {
    /// The id of the comment that was kept.
    duplicate_of: String,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    thread_id: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, Option<f64>>>,
}

/// The dropped copies of the comments of a file, as comments, in the order of
/// their file; none where there is no such file.
///
/// # Errors
/// When a file cannot be read, a line is bad, or a copy is of no comment.
pub fn read(path: &Path, max_text_bytes: usize) -> Result<Vec<CommentRecord>, JsonlError> {
    let Some(beside) = repeats_beside(path) else { return Ok(Vec::new()) };
    let mut lines = Lines::open(&beside)?;
    let mut repeats = Vec::new();
    while let Some(repeat) = lines.next_record::<Repeat>() {
        let repeat = repeat?;
        let line = lines.line_number();
        repeats.push((repeat, line));
    }
    // Each comment that has copies, and how many of them were met.
    let mut originals: HashMap<&str, Option<(CommentRecord, u32)>> =
        repeats.iter().map(|(repeat, _)| (repeat.duplicate_of.as_str(), None)).collect();
    let mut comments = Lines::open(path)?;
    while let Some(comment) = comments.next_record::<CommentRecord>() {
        let mut comment = comment?;
        if let Some(place) = originals.get_mut(comment.id.as_str()) {
            check(&comment, max_text_bytes, &comments)?;
            comment.raw = None;
            *place = Some((comment, 0));
        }
    }
    let mut copies = Vec::with_capacity(repeats.len());
    for (repeat, line) in &repeats {
        let Some(Some((original, met))) = originals.get_mut(repeat.duplicate_of.as_str()) else {
            let (name, what) =
                (beside.display().to_string(), "field `duplicate_of` names no comment".to_owned());
            return Err(JsonlError::Record { name, line: *line, what });
        };
        *met += 1;
        let labels = repeat.labels.iter().flatten();
        copies.push(CommentRecord {
            id: format!("{}+{met}", original.id),
            author: repeat.author.clone(),
            created_at: repeat.created_at.clone(),
            thread_id: repeat.thread_id.clone(),
            labels: labels.filter_map(|(name, label)| Some((name.clone(), (*label)?))).collect(),
            parent_id: None,
            edited: None,
            approved_text: None,
            author_details: None,
            client: None,
            ..original.clone()
        });
    }
    Ok(copies)
}
