//! What is fuzzed: a function for each border that bytes of strangers cross.
//!
//! Each takes any bytes, and panics when something is not as promised. The
//! binaries in `fuzz/src/bin` feed them by libFuzzer; `tests/fuzz.rs` feeds them the
//! corpora in `fuzz/corpus` without it.

pub mod artifact;
pub mod jsonl;
pub mod markup;
pub mod policy;
pub mod request;
pub mod text;

use std::str;
use std::sync::LazyLock;
use thresher::comment::{Comment, Format};
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::Policies;

static MODERATOR: LazyLock<Moderator> = LazyLock::new(|| Moderator::new(Model::shipped().unwrap()));
static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().unwrap());

/// The longest text of a comment, in bytes: as in a server.
const MAX_TEXT_BYTES: usize = 20_480;

/// The first byte, for a choice, and the rest as far as it is UTF-8.
fn choice_and_text(data: &[u8]) -> Option<(u8, &str)> {
    let (&choice, rest) = data.split_first()?;
    let text = match str::from_utf8(rest) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&rest[..error.valid_up_to()]).unwrap(),
    };
    Some((choice, text))
}

fn format(choice: u8) -> Format {
    [Format::Plain, Format::Html, Format::Markdown][usize::from(choice) % 3]
}

/// A comment, when the text is one.
fn comment(text: &str, format: Format) -> Option<Comment<'_>> {
    Some(Comment::new(text, MAX_TEXT_BYTES).ok()?.with_format(format))
}
