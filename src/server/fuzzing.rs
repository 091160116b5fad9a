//! The border between messages and the domain, for a fuzzer to come from
//! outside. In no other build.

use super::status::Refusal;
use super::{Options, convert, pb};
use crate::moderator::{Moderator, Scratch};
use crate::policy::Policies;
use prost::Message;
use tonic::Status;

/// The longest status that any request may bring about, in bytes: it is sent in
/// the trailers, which callers bound.
const MAX_STATUS_BYTES: usize = 8 * 1024;

/// What bytes pass on their way to an answer.
#[derive(Debug)]
pub struct Border {
    moderator: Moderator,
    policies: Policies,
    options: Options,
}

impl Border {
    /// With the limits of a server that was told none.
    pub fn new(moderator: Moderator, policies: Policies) -> Border {
        Border { moderator, policies, options: Options::default() }
    }

    /// Decodes, checks, judges and answers as a call would.
    ///
    /// # Panics
    /// When the answer is not one that callers can rely on.
    pub fn pass(&self, bytes: &[u8]) {
        let Ok(request) = pb::ModerateCommentRequest::decode(bytes) else { return };
        let parsed = match convert::parse(&request, &self.options) {
            Ok(parsed) => parsed,
            Err(violations) => {
                assert!(!violations.is_empty());
                let status = Status::from(Refusal::Invalid(violations));
                let sent = status.message().len() + status.details().len();
                assert!(sent <= MAX_STATUS_BYTES, "a status of {sent} bytes");
                return;
            }
        };
        let scratch = &mut Scratch::default();
        let thread =
            parsed.thread.and_then(|thread| self.moderator.profile(&convert::thread(thread), scratch));
        let policy = self.policies.site(parsed.site);
        let assessment = self.moderator.assess(&parsed.comment, thread.as_ref(), policy, parsed.ask, scratch);
        let answer = convert::respond("", assessment, self.moderator.model().version(), policy.version());
        let sent = answer.encode_to_vec();
        assert_eq!(pb::ModerateCommentResponse::decode(sent.as_slice()).ok(), Some(answer));
    }
}
