//! The reader of JSON Lines, plain and gzip, and the way from a record to a
//! comment. The first byte chooses between comments and threads.

use super::{MAX_TEXT_BYTES, comment};
use std::io::Cursor;
use thresher::comment::{Comment, ThreadFacts};
use thresher::jsonl::{CommentRecord, Lines, ThreadRecord};

/// What only a text of the input may say; no message may quote it. It has a
/// space, since messages do show the name of a label, which is a plain word.
const CANARY: &str = "a canary";

pub fn run(data: &[u8]) {
    let Some((&choice, file)) = data.split_first() else { return };
    let total = u64::try_from(file.len()).unwrap();
    let Ok(mut lines) = Lines::from_reader("in.jsonl", Cursor::new(file.to_vec()), Some(total)) else {
        return;
    };
    let mut last = 0;
    loop {
        let problem = if choice.is_multiple_of(2) {
            let Some(record) = lines.next_record::<CommentRecord>() else { break };
            record.map(|record| judge(&record)).err()
        } else {
            let Some(record) = lines.next_record::<ThreadRecord>() else { break };
            record.map(|record| _ = record.facts()).err()
        };
        if let Some(problem) = problem {
            let problem = problem.to_string();
            assert!(problem.starts_with("in.jsonl:"), "{problem}");
            assert!(!problem.contains(CANARY), "{problem}");
        }
        assert!(lines.line_number() > last, "a record comes from the line of the one before");
        last = lines.line_number();
    }
    assert!(lines.compressed_bytes_read() <= total);
}

/// What every command does with a record first.
fn judge(record: &CommentRecord) {
    assert!(!format!("{record:?}").contains(&record.text) || record.text.len() < 24);
    if let Err(error) = Comment::new(&record.text, MAX_TEXT_BYTES) {
        assert!(!error.to_string().is_empty());
    }
    let Ok(context) = record.claims(ThreadFacts::default()).check() else { return };
    if let Some(comment) = comment(&record.text, record.format.unwrap_or_default()) {
        let _ = comment.with_context(context);
    }
}
