//! The files of a backtest: which they are, and what is known of them before
//! they are replayed.

use super::order::{InOrder, Survey};
use super::repeats;
use super::replay::Reader;
use crate::cli::failure::{Failure, note};
use crate::cli::moderate::FILE_TEXT_BYTES;
use crate::cli::moderate::context::Threads;
use std::path::PathBuf;
use thresher::jsonl::{JsonlError, comment_files, threads_beside};

/// A comment file, and the threads found beside it.
pub type Files = (PathBuf, Option<PathBuf>);

/// What is replayed.
pub struct Data {
    /// The files.
    pub files: Vec<Files>,
    /// How many comments they have; those of a pipe are not known and not
    /// counted.
    pub comments: u64,
    /// The comments themselves.
    pub reader: Reader,
}

impl Data {
    /// Finds the comments at `paths` and their threads: those that are named,
    /// which then belong to all files, or those beside each file. With
    /// `repeats` come the copies that were dropped of each file.
    ///
    /// # Errors
    /// When a file cannot be read, or the first bad line that is met.
    pub fn open(paths: &[PathBuf], named: &[PathBuf], repeats: bool) -> Result<Data, Failure> {
        let beside = |path: PathBuf| {
            let threads = threads_beside(&path).filter(|_| named.is_empty());
            (path, threads)
        };
        let files: Vec<Files> =
            comment_files(paths).map_err(Failure::failed)?.into_iter().map(beside).collect();
        let survey = |(path, _): &Files| Ok((path.clone(), Survey::of(path)?));
        let surveyed =
            files.iter().map(survey).collect::<Result<Vec<_>, JsonlError>>().map_err(Failure::failed)?;
        let sum = |of: fn(&Survey) -> u64| surveyed.iter().map(|(_, survey)| of(survey)).sum::<u64>();
        let unreadable = sum(|survey| survey.unreadable_times);
        if unreadable > 0 {
            note(format_args!(
                "{unreadable} comments have a `created_at` that is no RFC 3339 time; each is taken to be as old \
                 as the one before it in its file"
            ));
        }
        let duplicates = sum(|survey| survey.duplicates);
        if duplicates > 0 {
            note(format_args!(
                "comments with the `id` of an earlier one of their file: {duplicates}; each is replayed, and its \
                 answers are read beside the first"
            ));
        }
        let orphans = sum(|survey| survey.orphans);
        if orphans > 0 {
            note(format_args!(
                "comments with a `parent_id` that no comment of their file has for its `id`: {orphans}; each is \
                 judged without its parent"
            ));
        }
        let (threads, threads_of) = read_threads(&files, named)?;
        let mut comments = InOrder::open(&surveyed, FILE_TEXT_BYTES).map_err(Failure::failed)?;
        let mut count = sum(|survey| survey.comments);
        if repeats {
            for (file, (path, _)) in files.iter().enumerate() {
                let copies = repeats::read(path, FILE_TEXT_BYTES).map_err(Failure::failed)?;
                count += copies.len() as u64;
                comments.add(copies, file);
            }
        }
        Ok(Data { files, comments: count, reader: Reader { comments, threads, threads_of, recall: None } })
    }
}

/// The threads, and for each file which of them are its own.
fn read_threads(files: &[Files], named: &[PathBuf]) -> Result<(Vec<Threads>, Vec<usize>), Failure> {
    let mut on_bad = |error: JsonlError| Err(Failure::failed(error));
    let mut last = Threads::default();
    for path in named {
        last.read(path, true, &mut on_bad)?;
    }
    let (mut all, mut threads_of) = (Vec::new(), Vec::new());
    for (_, beside) in files {
        if let Some(path) = beside {
            let threads = Threads::beside(&last);
            all.push(std::mem::replace(&mut last, threads));
            last.read(path, true, &mut on_bad)?;
        }
        // Without threads of its own, those that were named, or none.
        threads_of.push(if beside.is_some() { all.len() } else { 0 });
    }
    all.push(last);
    Ok((all, threads_of))
}
