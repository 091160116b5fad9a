//! The thing judged and the thread it was posted to.

mod context;

pub use context::{Author, Claims, Client, Context, Role, ThreadFacts, Time, Wrong};

use std::fmt;

/// How a comment's text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Characters as readers see them.
    #[default]
    Plain,
    /// An HTML fragment.
    Html,
    /// CommonMark.
    Markdown,
}

/// A comment that can be judged: its text is not blank and within the limit.
///
/// `Debug` leaves the text out, so that no log line can carry it.
#[derive(Clone, Copy)]
pub struct Comment<'a> {
    text: &'a str,
    format: Format,
    parent: Option<&'a str>,
    context: Context<'a>,
}

impl<'a> Comment<'a> {
    /// Checks the text of a plain comment.
    ///
    /// # Errors
    /// When the text is blank or longer than `max_text_bytes` of UTF-8.
    pub fn new(text: &'a str, max_text_bytes: usize) -> Result<Self, CommentError> {
        // Length first: looking for a mark in an endless run of blanks costs.
        if text.len() > max_text_bytes {
            return Err(CommentError::TooLong { bytes: text.len(), limit: max_text_bytes });
        }
        if text.trim().is_empty() {
            return Err(CommentError::Blank);
        }
        Ok(Self { text, format: Format::Plain, parent: None, context: Context::default() })
    }

    /// Says how the text is written.
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Gives the text of the comment that this one answers. A blank text is
    /// no parent.
    pub fn with_parent(self, text: &'a str) -> Self {
        Self { parent: Some(text).filter(|t| !t.trim().is_empty()), ..self }
    }

    /// Says what is known beside the text.
    pub fn with_context(self, context: Context<'a>) -> Self {
        Self { context, ..self }
    }

    /// The text as its author wrote it.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How the text is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The text of the comment that this one answers.
    pub fn parent(&self) -> Option<&'a str> {
        self.parent
    }

    /// What is known beside the text.
    pub fn context(&self) -> &Context<'a> {
        &self.context
    }
}

impl fmt::Debug for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comment")
            .field("text_bytes", &self.text.len())
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a comment that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommentError {
    /// Nothing but white space.
    #[error("must not be empty or blank")]
    Blank,
    /// Over the limit.
    #[error("is {bytes} bytes of UTF-8, over the limit of {limit}")]
    TooLong {
        /// The length of the text in bytes of UTF-8.
        bytes: usize,
        /// The largest length allowed.
        limit: usize,
    },
}

/// An article, post or question with some of the comments under it.
///
/// Any part may be empty. `Debug` leaves the texts out.
#[derive(Clone, Copy, Default)]
pub struct Thread<'a> {
    /// The headline.
    pub title: &'a str,
    /// The article, the post or the question itself.
    pub body: &'a str,
    /// Other comments of the thread, in any order.
    pub recent_texts: &'a [String],
}

impl Thread<'_> {
    /// Whether there is nothing to judge a comment against.
    pub fn is_blank(&self) -> bool {
        self.title.trim().is_empty()
            && self.body.trim().is_empty()
            && self.recent_texts.iter().all(|t| t.trim().is_empty())
    }
}

impl fmt::Debug for Thread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("title_bytes", &self.title.len())
            .field("body_bytes", &self.body.len())
            .field("recent_texts", &self.recent_texts.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_and_overlong_texts_are_refused() {
        assert_eq!(Comment::new("", 10).unwrap_err(), CommentError::Blank);
        assert_eq!(Comment::new(" \n\t\u{3000}", 10).unwrap_err(), CommentError::Blank);
        assert!(Comment::new("0123456789", 10).is_ok());
        let error = Comment::new("0123456789a", 10).unwrap_err();
        assert_eq!(error, CommentError::TooLong { bytes: 11, limit: 10 });
        assert_eq!(error.to_string(), "is 11 bytes of UTF-8, over the limit of 10");
    }

    #[test]
    fn debug_output_has_no_text() {
        let comment = Comment::new("canary", 10).unwrap().with_parent("canary");
        let thread = Thread { title: "canary", body: "canary", recent_texts: &["canary".into()] };
        assert!(!format!("{comment:?} {thread:?}").contains("canary"));
    }
}
