//! What a comment of a file is judged beside: its thread, the comments before
//! it, and the one it answers.

use super::job::{ODD_TIME, wrong_fields};
use crate::cli::failure::Failure;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use thresher::comment::{Claims, Thread, ThreadFacts};
use thresher::jsonl::{CommentRecord, JsonlError, Lines, ThreadRecord};
use thresher::moderator::{Moderator, Scratch, ThreadProfile};

/// How many earlier comments of a thread are kept.
const RECENT: usize = 10;
/// How much of each is kept, in bytes. The model reads less.
const RECENT_BYTES: usize = 16 << 10;
/// How many threads a [`Profiles`] keeps.
const PROFILES: usize = 64;

/// The texts of a thread.
pub struct ThreadTexts {
    /// Tells it from the others that a [`Profiles`] meets.
    number: usize,
    title: String,
    body: String,
    /// The record it was read from, without its texts.
    record: ThreadRecord,
}

/// A thread as it was when a comment was posted.
pub struct Place {
    texts: Arc<ThreadTexts>,
    recent_texts: Vec<String>,
    /// How many comments came before in the thread.
    before: i64,
    /// How many comments stand under the thread, if that is known.
    published_count: Option<i64>,
}

/// The threads of a file and the last comments seen in each.
///
/// Only threads of the thread file are kept track of, so that memory does not
/// grow with the comments.
#[derive(Default)]
pub struct Threads {
    by_id: HashMap<String, usize>,
    threads: Vec<(Arc<ThreadTexts>, Seen)>,
    /// The number of the first one.
    first: usize,
}

/// What was seen of a thread.
#[derive(Default)]
struct Seen {
    comments: i64,
    recent: VecDeque<Recent>,
}

struct Recent {
    id: String,
    text: String,
}

impl Threads {
    /// Threads of another file than those of `others`, where ids may be the
    /// same and mean other threads.
    pub fn beside(others: &Threads) -> Threads {
        Threads { first: others.first + others.threads.len(), ..Threads::default() }
    }

    /// Reads the threads of a file; `on_bad` says whether to go on after a bad
    /// line. A `created_at` that is no time makes a line bad, but for `past`
    /// threads, of which the time is then unknown.
    pub fn read(
        &mut self,
        path: &Path,
        past: bool,
        on_bad: &mut impl FnMut(JsonlError) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut lines = Lines::open(path).map_err(Failure::failed)?;
        while let Some(record) = lines.next_record::<ThreadRecord>() {
            match record {
                Ok(record) => {
                    if let Err(wrong) = (Claims { thread: record.facts(), ..Claims::default() }).check() {
                        on_bad(lines.fault(wrong_fields(&wrong, "id")))?;
                    } else if !past && record.has_odd_time() {
                        on_bad(lines.fault(ODD_TIME))?;
                    } else if !self.insert(record) {
                        on_bad(lines.fault("field `id`: an earlier thread has the same"))?;
                    }
                }
                Err(error) => on_bad(error)?,
            }
        }
        Ok(())
    }

    /// Adds a thread. False when there is one of that id already.
    pub fn insert(&mut self, mut record: ThreadRecord) -> bool {
        let index = self.threads.len();
        if self.by_id.contains_key(&record.id) {
            return false;
        }
        let (title, body) = (record.title.take(), record.body.take());
        self.by_id.insert(record.id.clone(), index);
        let texts = ThreadTexts {
            number: self.first + index,
            title: title.unwrap_or_default(),
            body: body.unwrap_or_default(),
            record,
        };
        self.threads.push((Arc::new(texts), Seen::default()));
        true
    }

    /// The place of a comment in its thread and the text of its parent, if
    /// they are known. The comment itself is among the recent ones of the
    /// next.
    pub fn place(&mut self, comment: &CommentRecord) -> (Option<Place>, Option<String>) {
        let index = comment.thread_id.as_ref().and_then(|id| self.by_id.get(id));
        let Some((texts, Seen { comments, recent })) = index.and_then(|index| self.threads.get_mut(*index))
        else {
            return (None, None);
        };
        let parent = comment.parent_id.as_ref().and_then(|id| recent.iter().find(|other| other.id == *id));
        let parent = parent.map(|parent| parent.text.clone());
        let recent_texts = recent.iter().map(|recent| recent.text.clone()).collect();
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(Recent { id: comment.id.clone(), text: opening(&comment.text).to_owned() });
        let (before, published_count) = (*comments, texts.record.published_count);
        *comments += 1;
        (Some(Place { texts: Arc::clone(texts), recent_texts, before, published_count }), parent)
    }
}

/// As much of a text as is kept.
fn opening(text: &str) -> &str {
    let mut end = text.len().min(RECENT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Place {
    /// The same place with as many comments under the thread as came before,
    /// since the file counts what stands there when it is written.
    #[must_use]
    pub fn at_the_time(self) -> Place {
        Place { published_count: Some(self.before), ..self }
    }

    /// What is known about the thread beside its texts.
    pub fn facts(&self) -> ThreadFacts<'_> {
        ThreadFacts { published_count: self.published_count, ..self.texts.record.facts() }
    }

    /// How much text it holds of its own, in bytes.
    pub fn bytes(&self) -> usize {
        self.recent_texts.iter().map(String::len).sum()
    }
}

/// What was read of threads, kept for the comments to come. One for each
/// worker; bounded, since a profile takes more memory than its texts.
#[derive(Default)]
pub struct Profiles(HashMap<usize, Option<ThreadProfile>>);

impl Profiles {
    /// Title and body of the thread at `place`.
    pub fn article(
        &mut self,
        place: &Place,
        moderator: &Moderator,
        scratch: &mut Scratch,
    ) -> Option<&ThreadProfile> {
        let texts = &place.texts;
        if self.0.len() >= PROFILES && !self.0.contains_key(&texts.number) {
            self.0.clear();
        }
        let thread = Thread { title: &texts.title, body: &texts.body, recent_texts: &[] };
        self.0.entry(texts.number).or_insert_with(|| moderator.profile(&thread, scratch)).as_ref()
    }

    /// What a comment at `place` is compared with.
    pub fn of(
        &mut self,
        place: &Place,
        moderator: &Moderator,
        scratch: &mut Scratch,
    ) -> Option<ThreadProfile> {
        let Place { texts, recent_texts, .. } = place;
        let thread = Thread { title: &texts.title, body: &texts.body, recent_texts: &[] };
        match self.article(place, moderator, scratch) {
            Some(profile) => Some(moderator.profile_with_recent(profile, recent_texts, scratch)),
            // Nothing but comments to compare with, or nothing at all.
            None => moderator.profile(&Thread { recent_texts, ..thread }, scratch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(id: &str, thread: &str, parent: Option<&str>) -> CommentRecord {
        let text = format!("text of {id}");
        let line = serde_json::json!({"id": id, "text": text, "thread_id": thread, "parent_id": parent});
        serde_json::from_value(line).unwrap()
    }

    fn thread(id: &str) -> ThreadRecord {
        serde_json::from_value(serde_json::json!({"id": id, "title": null, "body": "b"})).unwrap()
    }

    #[test]
    fn comments_see_the_last_ten_before_them_in_their_thread() {
        let mut threads = Threads::default();
        assert!(threads.insert(thread("t")) && threads.insert(thread("u")));
        assert!(!threads.insert(thread("t")));
        for i in 0..15 {
            let id = i.to_string();
            let (place, _) = threads.place(&comment(&id, "t", None));
            let seen = place.unwrap().recent_texts;
            let expected: Vec<String> = (i.max(10) - 10..i).map(|i| format!("text of {i}")).collect();
            assert_eq!(seen, expected);
        }
        let (place, _) = threads.place(&comment("x", "t", None));
        assert_eq!(place.unwrap().at_the_time().facts().published_count, Some(15));
        assert!(threads.place(&comment("a", "u", None)).0.unwrap().recent_texts.is_empty());
        assert!(threads.place(&comment("b", "elsewhere", None)).0.is_none());
    }

    #[test]
    fn parents_are_found_in_the_same_thread() {
        let mut threads = Threads::default();
        threads.insert(thread("t"));
        threads.insert(thread("u"));
        threads.place(&comment("1", "t", None));
        assert_eq!(threads.place(&comment("2", "t", Some("1"))).1.as_deref(), Some("text of 1"));
        assert_eq!(threads.place(&comment("3", "t", Some("4"))).1, None);
        assert_eq!(threads.place(&comment("5", "u", Some("1"))).1, None);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut threads = Threads::default();
        threads.insert(thread("t"));
        let mut long = comment("1", "t", None);
        long.text = format!("x{}", "é".repeat(RECENT_BYTES));
        threads.place(&long);
        let (place, _) = threads.place(&comment("2", "t", None));
        assert_eq!(place.unwrap().bytes(), RECENT_BYTES - 1);
    }
}
