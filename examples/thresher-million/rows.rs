//! Many comments made of few: the rows of labelled files, repeated with noise.

use crate::noise::{Draws, noisy};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use thresher::jsonl::{Lines, comment_files, set_name, threads_beside};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// One row in so many is held back, and none of its copies is trained on.
const HELD: u64 = 20;

/// A comment file.
pub struct Source {
    name: String,
    comments: PathBuf,
    threads: Option<PathBuf>,
}

/// The files named, and those of a manifest that are in a use.
pub fn sources(data: &[PathBuf], manifest: Option<&Path>, usage: Option<&str>) -> Result<Vec<Source>> {
    let beside =
        |path: PathBuf| Source { name: set_name(&path), threads: threads_beside(&path), comments: path };
    let mut sources: Vec<Source> = comment_files(data)?.into_iter().map(beside).collect();
    if let Some(path) = manifest {
        let table: toml::Table = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .parse()
            .with_context(|| format!("{} is no manifest", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for entry in table.get("dataset").and_then(|sets| sets.as_array()).into_iter().flatten() {
            let text = |key: &str| entry.get(key).and_then(|value| value.as_str());
            if usage.is_some() && usage != text("use") {
                continue;
            }
            sources.push(Source {
                name: text("name").context("a set without a name")?.to_owned(),
                comments: folder.join(text("comments").context("a set without comments")?),
                threads: text("threads").map(|threads| folder.join(threads)),
            });
        }
    }
    if sources.is_empty() {
        bail!("no comments to repeat");
    }
    Ok(sources)
}

/// What was made.
pub struct Made {
    /// Comments to train on.
    pub rows: usize,
    /// Characters in them.
    pub characters: usize,
    /// Comments held back, without noise.
    pub held: usize,
}

/// Writes `rows` comments to the folder `train` of a folder, and the rows held
/// back to its folder `held`, a file for each source.
pub fn make(sources: &[Source], rows: usize, seed: u64, folder: &Path) -> Result<Made> {
    let mut made = Made { rows: 0, characters: 0, held: 0 };
    for part in ["train", "held"] {
        fs::create_dir(folder.join(part))?;
    }
    let mut files = Vec::new();
    let (mut seen, mut originals) = (HashSet::new(), Vec::new());
    for (i, source) in sources.iter().enumerate() {
        let create = |part: &str| -> Result<BufWriter<File>> {
            if let Some(threads) = &source.threads {
                let suffix = if threads.extension().is_some_and(|e| e == "gz") { ".gz" } else { "" };
                let copy = folder.join(part).join(format!("{}.threads.jsonl{suffix}", source.name));
                fs::copy(threads, copy).with_context(|| format!("cannot copy {}", threads.display()))?;
            }
            Ok(BufWriter::new(File::create(folder.join(part).join(format!("{}.jsonl", source.name)))?))
        };
        files.push(create("train")?);
        let mut held = create("held")?;
        let mut lines = Lines::open(&source.comments)?;
        while let Some(row) = lines.next_record::<Map<String, Value>>() {
            let row = row?;
            let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
            // What `thresher-train` would leave out anyway.
            let known = row.get("labels").and_then(Value::as_object).is_some_and(|labels| !labels.is_empty());
            let in_thread = row.get("thread_id").is_some_and(|id| !id.is_null());
            if text.trim().is_empty() || !(known || in_thread) || !seen.insert(key(text)) {
                continue;
            }
            if xxh3_64_with_seed(text.as_bytes(), seed).is_multiple_of(HELD) {
                writeln!(held, "{}", Value::from(row))?;
                made.held += 1;
            } else {
                originals.push((i, row));
            }
        }
        held.flush()?;
    }
    if originals.is_empty() {
        bail!("no comment has a label or a thread");
    }
    let mut draws = Draws::new(seed);
    for copy in 0.. {
        for (source, row) in &originals {
            if made.rows == rows {
                files.iter_mut().try_for_each(BufWriter::flush)?;
                return Ok(made);
            }
            let mut row = row.clone();
            if copy > 0 {
                for field in ["id", "parent_id"] {
                    if let Some(Value::String(id)) = row.get_mut(field) {
                        id.push_str(&format!("~{copy}"));
                    }
                }
                let original = row.get("text").and_then(Value::as_str).unwrap_or_default();
                let mut text = noisy(original, &mut draws);
                // Repeats would be left out.
                while !seen.insert(key(&text)) {
                    text.push_str(&format!(" {}", draws.below(1_000_000)));
                }
                row.insert("text".to_owned(), text.into());
            }
            made.characters += row.get("text").and_then(Value::as_str).map_or(0, |text| text.chars().count());
            writeln!(files[*source], "{}", Value::from(row))?;
            made.rows += 1;
        }
    }
    Ok(made)
}

/// What makes two texts repeats of each other to `thresher-train`.
fn key(text: &str) -> u64 {
    let kept = |c: &char| c.is_alphanumeric() || !(c.is_ascii() || c.is_whitespace());
    let letters: String = text.chars().filter(kept).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { xxh3_64(text.as_bytes()) } else { xxh3_64(letters.as_bytes()) }
}
