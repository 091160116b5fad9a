//! What the comments before one in a file say about it.

use super::context::Profiles;
use super::job::Job;
use thresher::comment::Time;
use thresher::moderator::{Moderator, Scratch};
use thresher::policy::DEFAULT_SITE;
use thresher::signals::key::HashKey;
use thresher::signals::past::Past;
use thresher::signals::traces::{Standing, Traces};
use thresher::state::State;

/// How much is remembered of a file, in bytes: as a server does by default.
const STATE_BYTES: usize = 64 << 20;
/// The same in every run, so that every run remembers the same. Nothing of it
/// leaves the process.
const SECRET: [u8; 16] = *b"thresher replays";

/// Remembers the comments of a file in their order. Alone, so that the number
/// of cores does not show.
pub struct Recall {
    state: State,
    profiles: Profiles,
    scratch: Scratch,
    limit: Option<Time>,
}

impl Recall {
    /// Comments count as posted at `limit` at the latest. Without one, they have to
    /// come in the order of their times: one of the far future makes all that came
    /// before it old.
    pub fn new(limit: Option<Time>) -> Self {
        Self {
            state: State::new(HashKey::new(SECRET), STATE_BYTES),
            profiles: Profiles::default(),
            scratch: Scratch::default(),
            limit,
        }
    }

    /// What the comments before one say about it.
    pub fn past(&mut self, job: &Job, moderator: &Moderator) -> Past {
        let Self { state, profiles, scratch, limit } = self;
        let comment = job.as_comment();
        let article = job.place.as_ref().and_then(|place| profiles.article(place, moderator, scratch));
        // Ids are unique in a file, so that none is of a comment sent before.
        let standing = Standing { site: DEFAULT_SITE, comment_id: "" };
        let expects = |word: &str| moderator.expects(word, article);
        Moderator::recall(&comment, scratch, |document, scratch| {
            let traces = Traces::of(standing, &comment, document, state.key(), expects, scratch);
            state.observe(&traces.no_later_than(*limit))
        })
    }
}
