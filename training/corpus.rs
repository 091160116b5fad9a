//! The labelled comments and their threads, read into memory.

use crate::soft::{Soft, SoftLabels};
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thresher::attribute::{Attribute, PerAttribute};
use thresher::comment::Format;
use thresher::jsonl::{CommentRecord, Lines, ThreadRecord};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Texts longer than this are no comments.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// Everything read from the data files.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The sets, in the order given.
    pub sets: Vec<Set>,
    /// The comments that are used, in file order.
    pub rows: Vec<Row>,
    /// The threads, those with nothing but comments included.
    pub threads: Vec<ThreadTexts>,
}

/// One data file and what became of its rows.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// Its name: the manifest's, or that of the file.
    pub name: String,
    /// Its licence, where a manifest states one.
    pub licence: String,
    /// The comments.
    pub comments: PathBuf,
    /// The threads, where there is such a file.
    pub threads: Option<PathBuf>,
    /// What its rows weigh in training, beside those of other sets.
    pub weight: f32,
    /// What rows of some variants (`raw.variant` in the file) weigh beside the
    /// set's other rows.
    pub variant_weights: Vec<(String, f32)>,
    /// The ids of comments that are read as if they were not there.
    pub forget: Arc<HashSet<String>>,
    /// XXH3-128 of the comment file, in hexadecimal.
    pub digest: String,
    /// Rows in the file.
    pub read: u64,
    /// Rows kept.
    pub used: u64,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// One comment.
#[derive(Clone)]
pub struct Row {
    /// Index of its set.
    pub set: u32,
    /// Its name in the file of its set.
    pub id: String,
    /// The text.
    pub text: String,
    /// How the text is written.
    pub format: Format,
    /// Index of its thread.
    pub thread: Option<u32>,
    /// The text of the comment it answers.
    pub parent: Option<String>,
    /// The labels that are known, each in `0.0..=1.0`.
    pub labels: PerAttribute<Option<f32>>,
    /// What it weighs in training beside its set's other rows.
    pub weight: f32,
    /// What teachers say, where they were asked.
    pub soft: Option<Soft>,
    /// Whether the trainer made the row: it is trained on and never measured.
    pub made: bool,
    /// Of a row that the trainer made of two, the second: a fold that holds it
    /// holds the row, too.
    pub company: Option<u32>,
    /// Rows with the same number belong together and are never parted by a
    /// fold: a thread's comments, and repeats of one text.
    pub group: u64,
    /// Hash of the normalised text.
    pub key: u64,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("set", &self.set).field("labels", &self.labels).finish_non_exhaustive()
    }
}

/// A thread and its comments.
#[derive(Clone, Default)]
pub struct ThreadTexts {
    /// Index of its set.
    pub set: u32,
    /// Where it is from; threads are swapped within this.
    pub source: String,
    /// The headline.
    pub title: String,
    /// The article or question.
    pub body: String,
    /// The rows of its comments, in file order.
    pub rows: Vec<u32>,
}

impl std::fmt::Debug for ThreadTexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadTexts")
            .field("source", &self.source)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Set {
    /// What a row weighs by its variant.
    fn variant_weight(&self, raw: Option<&serde_json::Value>) -> f32 {
        let variant = raw.and_then(|raw| raw.get("variant")).and_then(serde_json::Value::as_str);
        let named = self.variant_weights.iter().rfind(|(name, _)| Some(name.as_str()) == variant);
        named.map_or(1.0, |(_, weight)| *weight)
    }
}

impl Corpus {
    /// Reads the files of some sets. Any bad line is an error.
    pub fn read(sets: Vec<Set>, keep_unlabelled: bool, progress: &ProgressBar) -> Result<Corpus> {
        Corpus::read_taught(sets, keep_unlabelled, &SoftLabels::default(), progress)
    }

    /// Reads the files of some sets, with what teachers say of their rows.
    pub fn read_taught(
        sets: Vec<Set>,
        keep_unlabelled: bool,
        soft: &SoftLabels,
        progress: &ProgressBar,
    ) -> Result<Corpus> {
        let mut corpus = Corpus::default();
        let mut seen = HashSet::new();
        for (index, set) in sets.into_iter().enumerate() {
            progress.set_message(set.name.clone());
            corpus.read_set(index as u32, set, keep_unlabelled, soft, &mut seen)?;
            progress.inc(1);
        }
        progress.finish_and_clear();
        if corpus.rows.is_empty() {
            bail!("the data hold no row that can be used");
        }
        Ok(corpus)
    }

    fn read_set(
        &mut self,
        index: u32,
        mut set: Set,
        keep_unlabelled: bool,
        soft: &SoftLabels,
        seen: &mut HashSet<u64>,
    ) -> Result<()> {
        set.digest = digest(&set.comments)?;
        let mut thread_index: HashMap<String, u32> = HashMap::new();
        if let Some(path) = &set.threads {
            let mut lines = Lines::open(path)?;
            while let Some(record) = lines.next_record::<ThreadRecord>() {
                let record = record?;
                thread_index.insert(record.id, self.threads.len() as u32);
                self.threads.push(ThreadTexts {
                    set: index,
                    source: record.source.unwrap_or_else(|| set.name.clone()),
                    title: record.title.unwrap_or_default(),
                    body: record.body.unwrap_or_default(),
                    rows: Vec::new(),
                });
            }
        }
        let mut texts: HashMap<String, String> = HashMap::new();
        let mut lines = Lines::open(&set.comments)?;
        while let Some(record) = lines.next_record::<CommentRecord>() {
            let record = record?;
            set.read += 1;
            // Before anything is made of it: not even those who answer it know
            // it.
            if set.forget.contains(&record.id) {
                *set.dropped.entry("to be forgotten").or_default() += 1;
                continue;
            }
            let mut row = Row {
                set: index,
                id: record.id.clone(),
                format: record.format.unwrap_or_default(),
                thread: None,
                parent: record.parent_id.as_ref().and_then(|id| texts.get(id).cloned()),
                labels: PerAttribute::from_fn(|a| record.labels.get(a.label()).map(|&l| l as f32)),
                weight: set.variant_weight(record.raw.as_ref()),
                soft: soft.get(&record.id),
                made: false,
                company: None,
                group: 0,
                key: key(&record.text),
                text: record.text,
            };
            texts.insert(record.id, row.text.clone());
            let labelled = row.soft.is_some() || row.labels.iter().any(|(_, l)| l.is_some());
            let thread = record.thread_id.as_ref().map(|id| {
                *thread_index.entry(id.clone()).or_insert_with(|| {
                    self.threads.push(ThreadTexts {
                        set: index,
                        source: record.source.clone().unwrap_or_else(|| set.name.clone()),
                        ..ThreadTexts::default()
                    });
                    self.threads.len() as u32 - 1
                })
            });
            let reason = if row.text.trim().is_empty() {
                Some("blank text")
            } else if row.text.len() > MAX_TEXT_BYTES {
                Some("longer than 1 MiB")
            } else if !labelled && thread.is_none() && !keep_unlabelled {
                Some("no label and no thread")
            } else if !keep_unlabelled && !seen.insert(row.key) {
                Some("repeats an earlier text")
            } else {
                None
            };
            if let Some(reason) = reason {
                *set.dropped.entry(reason).or_default() += 1;
                continue;
            }
            set.used += 1;
            row.thread = thread;
            row.group = record.thread_id.map_or(row.key, |id| xxh3_64(id.as_bytes()));
            if let Some(thread) = thread {
                self.threads[thread as usize].rows.push(self.rows.len() as u32);
            }
            self.rows.push(row);
        }
        self.sets.push(set);
        Ok(())
    }

    /// The rows with a label for the attribute that were read, not made.
    pub fn labelled(&self, attribute: Attribute) -> impl Iterator<Item = (u32, f32)> {
        let rows = self.rows.iter().enumerate();
        let read = rows.filter(|(_, row)| !row.made);
        read.filter_map(move |(i, row)| row.labels[attribute].map(|label| (i as u32, label)))
    }

    /// Up to `count` comments posted to the row's thread before it.
    pub fn earlier(&self, row: u32, thread: u32, count: usize) -> Vec<String> {
        let rows = &self.threads[thread as usize].rows;
        let before = rows.partition_point(|&r| r < row);
        rows[before.saturating_sub(count)..before]
            .iter()
            .map(|&r| self.rows[r as usize].text.clone())
            .collect()
    }
}

/// A text without its case, blanks and ASCII punctuation.
pub fn letters(text: &str) -> impl Iterator<Item = char> {
    let kept = |c: &char| c.is_alphanumeric() || !(c.is_ascii() || c.is_whitespace());
    text.chars().filter(kept).flat_map(char::to_lowercase)
}

/// Hash of a text's [`letters`].
pub fn key(text: &str) -> u64 {
    let letters: String = letters(text).collect();
    // A text of signs alone is itself.
    if letters.is_empty() { xxh3_64(text.as_bytes()) } else { xxh3_64(letters.as_bytes()) }
}

fn digest(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        if read == 0 {
            return Ok(format!("{:032x}", hash.digest128()));
        }
        hash.update(&buffer[..read]);
    }
}
