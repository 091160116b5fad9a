//! Comments of several files, in the order they were posted.
//!
//! A file is read twice: once to see whether it is in order already, as most
//! are, and how much there is; and once to replay it. A file in order is read
//! line by line, so that memory does not grow with it. One that is not, and a
//! pipe, which can be read only once, is kept whole and sorted.

use crate::cli::moderate::job::check;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fs, vec};
use thresher::jsonl::{CommentRecord, JsonlError, Lines};
use xxhash_rust::xxh3::xxh3_64;

/// When a comment was posted; `None` is before any time. A comment that does
/// not say it stands with the one before it in its file.
type Posted = Option<Timestamp>;

/// What is known of a file before it is replayed.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many comments it has; 0 for a pipe, where that is not known.
    pub comments: u64,
    /// Comments with a `created_at` that is no time.
    pub unreadable_times: u64,
    /// Comments with the `id` of an earlier one.
    pub duplicates: u64,
    /// Comments with a `parent_id` that no comment of the file has for its `id`.
    pub orphans: u64,
    /// Whether it can be read line by line.
    in_order: bool,
}

/// Of a line as much as its place in time and beside others takes.
#[derive(Deserialize)]
struct Stamp {
    id: String,
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
}

/// How many ids are kept, so that memory does not grow with a file: what comes
/// behind them is taken to be as it should.
const MAX_IDS: usize = 1 << 22;

/// The ids of a file, by their hashes (XXH3, 64 bits).
#[derive(Default)]
struct Ids {
    known: HashSet<u64>,
    /// Parents that did not stand before, and how many comments name them.
    awaited: HashMap<u64, u64>,
    is_full: bool,
}

impl Ids {
    /// Notes a comment; says whether its id was there before.
    fn note(&mut self, stamp: &Stamp) -> bool {
        self.is_full |= self.known.len() + self.awaited.len() >= MAX_IDS;
        if self.is_full {
            return false;
        }
        let id = xxh3_64(stamp.id.as_bytes());
        let parent = stamp.parent_id.as_ref().map(|parent| xxh3_64(parent.as_bytes()));
        if let Some(parent) = parent.filter(|parent| !self.known.contains(parent)) {
            *self.awaited.entry(parent).or_default() += 1;
        }
        !self.known.insert(id)
    }

    /// How many comments name a parent that is not there; none are told when not
    /// all ids are known.
    fn orphans(self) -> u64 {
        let Ids { known, awaited, is_full } = self;
        let missing = awaited.into_iter().filter(|(parent, _)| !is_full && !known.contains(parent));
        missing.map(|(_, count)| count).sum()
    }
}

impl Survey {
    /// Reads the times of a file.
    ///
    /// # Errors
    /// When it cannot be read or a line is not a JSON object.
    pub fn of(path: &Path) -> Result<Survey, JsonlError> {
        let mut survey = Survey::default();
        // What is read of a pipe is gone.
        if path.as_os_str() == "-" || fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(survey);
        }
        let mut lines = Lines::open(path)?;
        survey.in_order = true;
        let (mut last, mut ids) = (Posted::None, Ids::default());
        while let Some(stamp) = lines.next_record::<Stamp>() {
            let stamp = stamp?;
            survey.duplicates += u64::from(ids.note(&stamp));
            let posted = stamp.created_at.map(|time| parse(&time));
            survey.comments += 1;
            survey.unreadable_times += u64::from(posted == Some(None));
            let posted = posted.flatten().or(last);
            survey.in_order &= last <= posted;
            last = posted;
        }
        survey.orphans = ids.orphans();
        Ok(survey)
    }
}

/// A time as RFC 3339 has it; without an offset, UTC; a day alone is its
/// midnight.
fn parse(time: &str) -> Posted {
    let local = || TimeZone::UTC.to_timestamp(time.parse::<DateTime>().ok()?).ok();
    time.parse().ok().or_else(local)
}

/// A comment and where it is from.
pub struct Past {
    /// The comment; its text was checked.
    pub comment: CommentRecord,
    /// Its file, counted from 0.
    pub file: usize,
}

/// The comments of all files, oldest first; those of one moment in the order
/// of the files and of their lines.
pub struct InOrder {
    files: Vec<Source>,
    /// The next comment of each file.
    heads: Vec<Option<(Posted, CommentRecord)>>,
    /// The file that each of these is of.
    of: Vec<usize>,
    failed: bool,
}

impl InOrder {
    /// Opens the files, and reads those that have to be sorted.
    ///
    /// # Errors
    /// When one cannot be opened, or a line of one that has to be sorted, or
    /// the first of another, is bad.
    pub fn open(files: &[(PathBuf, Survey)], max_text_bytes: usize) -> Result<InOrder, JsonlError> {
        let mut sources = Vec::new();
        for (path, survey) in files {
            let mut stream = Stream { lines: Lines::open(path)?, last: None, max_text_bytes };
            sources.push(if survey.in_order {
                Source::Stream(Box::new(stream))
            } else {
                let mut all = Vec::new();
                while let Some(next) = stream.next() {
                    all.push(next?);
                }
                // Stable: what is of one moment stays as it is in the file.
                all.sort_by_key(|(posted, _)| *posted);
                Source::Sorted(all.into_iter())
            });
        }
        let heads = sources.iter_mut().map(|source| source.next().transpose()).collect::<Result<_, _>>()?;
        let of = (0..sources.len()).collect();
        Ok(InOrder { files: sources, heads, of, failed: false })
    }

    /// Adds comments that belong to a file without standing in it. Those of one
    /// moment come behind those of all files.
    pub fn add(&mut self, comments: Vec<CommentRecord>, file: usize) {
        let mut last = Posted::None;
        let stamped = comments.into_iter().map(|comment| {
            last = comment.created_at.as_deref().and_then(parse).or(last);
            (last, comment)
        });
        let mut stamped: Vec<_> = stamped.collect();
        stamped.sort_by_key(|(posted, _)| *posted);
        let mut stamped = stamped.into_iter();
        self.heads.push(stamped.next());
        self.files.push(Source::Sorted(stamped));
        self.of.push(file);
    }
}

impl Iterator for InOrder {
    type Item = Result<Past, JsonlError>;

    /// The next comment. A bad line is the end.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let posted = |file: &usize| self.heads[*file].as_ref().map(|(posted, _)| *posted);
        let waiting = (0..self.heads.len()).filter(|file| self.heads[*file].is_some());
        let file = waiting.min_by_key(posted)?;
        let (_, comment) = match self.files[file].next().transpose() {
            Ok(next) => std::mem::replace(&mut self.heads[file], next)?,
            Err(error) => {
                self.failed = true;
                return Some(Err(error));
            }
        };
        Some(Ok(Past { comment, file: self.of[file] }))
    }
}

/// Where the comments of one file come from.
enum Source {
    Stream(Box<Stream>),
    Sorted(vec::IntoIter<(Posted, CommentRecord)>),
}

impl Source {
    fn next(&mut self) -> Option<Result<(Posted, CommentRecord), JsonlError>> {
        match self {
            Source::Stream(stream) => stream.next(),
            Source::Sorted(sorted) => sorted.next().map(Ok),
        }
    }
}

/// A file line by line.
struct Stream {
    lines: Lines,
    last: Posted,
    max_text_bytes: usize,
}

impl Stream {
    fn next(&mut self) -> Option<Result<(Posted, CommentRecord), JsonlError>> {
        let record = self.lines.next_record::<CommentRecord>()?;
        Some(record.and_then(|mut comment| {
            check(&comment, self.max_text_bytes, &self.lines)?;
            // Nothing reads it, and it may be large.
            comment.raw = None;
            self.last = comment.created_at.as_deref().and_then(parse).or(self.last);
            Ok((self.last, comment))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let same = [
            "2026-03-02T12:30:00Z",
            "2026-03-02T14:30:00+02:00",
            "2026-03-02 12:30:00",
            "2026-03-02T12:30:00.0",
        ];
        for time in same {
            assert_eq!(parse(time), parse(same[0]), "{time}");
        }
        assert_eq!(parse("2026-03-02"), parse("2026-03-02T00:00:00Z"));
        assert!(parse("2026-03-02T12:29:59.999Z") < parse(same[0]));
        for none in ["", "yesterday", "1767225600", "2026-02-30", "02/03/2026"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    /// The ids in order, of files with an id and a time a line.
    fn ids(files: &[&[(&str, Option<&str>)]]) -> (Vec<String>, Vec<bool>) {
        let folder = tempfile::tempdir().unwrap();
        let mut surveyed = Vec::new();
        for (i, file) in files.iter().enumerate() {
            let path = folder.path().join(format!("{i}.jsonl"));
            let lines =
                file.iter().map(|(id, time)| serde_json::json!({"id": id, "text": "t", "created_at": time}));
            fs::write(&path, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            let survey = Survey::of(&path).unwrap();
            assert_eq!(survey.comments, file.len() as u64);
            surveyed.push((path, survey));
        }
        let in_order = surveyed.iter().map(|(_, survey)| survey.in_order).collect();
        let all = InOrder::open(&surveyed, 10).unwrap();
        (all.map(|past| past.unwrap().comment.id).collect(), in_order)
    }

    #[test]
    fn files_are_merged_by_time() {
        let first: &[_] =
            &[("a", Some("2026-01-01")), ("b", Some("2026-01-03")), ("c", Some("2026-01-03T00:00:00Z"))];
        let second: &[_] = &[("d", Some("2026-01-02")), ("e", Some("2026-01-03"))];
        let third: &[_] = &[("f", None), ("g", None)];
        assert_eq!(ids(&[first, second, third]).0, ["f", "g", "a", "d", "b", "c", "e"]);
        assert_eq!(ids(&[third]).0, ["f", "g"]);
        assert_eq!(ids(&[]).0, [""; 0]);
    }

    #[test]
    fn a_file_out_of_order_is_sorted_and_what_says_no_time_stays_beside_its_neighbour() {
        let file: &[_] = &[
            ("z", None),
            ("a", Some("2026-01-03")),
            ("b", None),
            ("c", Some("2026-01-01")),
            ("d", Some("soon")),
            ("e", Some("2026-01-02T10:00:00+12:00")),
            ("f", Some("2026-01-02")),
        ];
        let (ids, in_order) = ids(&[file, &[("x", Some("2026-01-02"))]]);
        assert_eq!(ids, ["z", "c", "d", "e", "f", "x", "a", "b"]);
        assert_eq!(in_order, [false, true]);
    }

    #[test]
    fn a_bad_line_is_told_and_is_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(
            &path,
            "{\"id\":\"a\",\"text\":\"t\"}\n{\"id\":\"b\",\"text\":\" \"}\n{\"id\":\"c\",\"text\":\"t\"}\n",
        )
        .unwrap();
        let survey = Survey::of(&path).unwrap();
        let mut all = InOrder::open(&[(path, survey)], 10).unwrap();
        let error = all.next().unwrap().err().unwrap().to_string();
        assert!(error.ends_with("a.jsonl:2: field `text` must not be empty or blank"), "{error}");
        assert!(all.next().is_none());
    }
}
