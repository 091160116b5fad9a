//! The messages, the client and the server that the build script generates
//! from `proto/`.

use std::fmt;

tonic::include_proto!("thresher.v1");

/// The descriptors of the API, for the reflection service and for tools.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("thresher.v1");

// The generated `Debug` would print the texts, and so would that of every
// message around them. These leave them out.

impl fmt::Debug for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comment")
            .field("comment_id", &self.comment_id)
            .field("text_bytes", &self.text.len())
            .field("format", &self.format)
            .field("parent", &self.parent)
            .finish()
    }
}

impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Author").field("role", &self.role).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl fmt::Debug for ParentComment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentComment").field("text_bytes", &self.text.len()).finish()
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("title_bytes", &self.title.len())
            .field("body_bytes", &self.body.len())
            .field("recent_texts", &self.recent_texts.len())
            .finish()
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("begin", &self.begin).field("end", &self.end).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_text() {
        let canary = || "canary".to_owned();
        let request = StreamModerateCommentsRequest {
            request_id: "r1".into(),
            request: Some(ModerateCommentRequest {
                comment: Some(Comment {
                    comment_id: "c1".into(),
                    text: canary(),
                    parent: Some(ParentComment { text: canary() }),
                    author: Some(Author {
                        author_id: canary(),
                        display_name: canary(),
                        url: canary(),
                        email_domain: canary(),
                        ..Author::default()
                    }),
                    client: Some(Client { ip: canary(), user_agent: canary(), referrer: canary() }),
                    ..Comment::default()
                }),
                thread: Some(Thread {
                    title: canary(),
                    body: canary(),
                    recent_texts: vec![canary()],
                    ..Thread::default()
                }),
                ..ModerateCommentRequest::default()
            }),
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("c1"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
        let response = ModerateCommentResponse {
            readings: vec![Reading { begin: 3, end: 9, read_as: canary() }],
            ..ModerateCommentResponse::default()
        };
        let shown = format!("{response:?}");
        assert!(shown.contains("end: 9") && !shown.contains("canary"), "{shown}");
    }
}
