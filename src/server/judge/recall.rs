//! What other servers remember, where several share a store: asked for before
//! a comment is judged, so that judging waits for nothing.

use super::{Judge, Snapshot, ThreadMemo, now, with_scratch};
use crate::moderator::Moderator;
use crate::policy::{DEFAULT_SITE, FailMode};
use crate::server::auth::Caller;
use crate::server::{convert, pb};
use crate::signals::past::Past;
use crate::signals::traces::{Standing, Traces};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

/// What the store says of some comments, in their order, once it has said it.
pub(in crate::server) type Asking = Pin<Box<dyn Future<Output = Vec<Past>> + Send>>;

impl Judge {
    /// Asks the store about comments that are to be judged; none where there is
    /// no store, it is lost, or no rule would look at what it says.
    pub fn ask_store(
        &self,
        caller: &Caller,
        requests: &[pb::ModerateCommentRequest],
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
    ) -> Option<Asking> {
        let store = self.store.as_ref()?;
        let is_asked = |request: &pb::ModerateCommentRequest| self.tells_store(snapshot, &request.site);
        let asked = requests.iter().filter(|request| is_asked(request)).count();
        if asked == 0 || !store.is_reached(asked) {
            return None;
        }
        let trace = |request| {
            // What is wrong with a request is told when it is judged, and so is
            // a panic.
            let traces = || self.trace(caller, request, snapshot, memo);
            catch_unwind(AssertUnwindSafe(traces)).ok().flatten()
        };
        let traces: Vec<Option<Traces>> = requests.iter().map(trace).collect();
        let store = Arc::clone(store);
        Some(Box::pin(async move { store.ask(&traces).await }))
    }

    /// The same, waited for; nothing where nothing is asked.
    pub async fn elsewhere(
        &self,
        caller: &Caller,
        requests: &[pb::ModerateCommentRequest],
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
    ) -> Vec<Past> {
        match self.ask_store(caller, requests, snapshot, memo) {
            Some(asking) => asking.await,
            None => Vec::new(),
        }
    }

    /// Whether a rule of the site, or of its candidate, looks at earlier
    /// comments.
    pub(super) fn asks_past(&self, snapshot: &Snapshot, site: &str) -> bool {
        snapshot.policies.site(site).reads_past()
            || self.shadow.as_ref().is_some_and(|it| it.reads_past(site))
    }

    /// Whether comments of the site are remembered in the store: not where they
    /// are refused for want of a model.
    fn tells_store(&self, snapshot: &Snapshot, site: &str) -> bool {
        let refuses = || snapshot.policies.site(site).fail().model == FailMode::Error;
        self.asks_past(snapshot, site) && !(snapshot.models.site(site).is_none() && refuses())
    }

    /// The traces of a comment that is fit to be judged.
    fn trace(
        &self,
        caller: &Caller,
        request: &pb::ModerateCommentRequest,
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
    ) -> Option<Traces> {
        let parsed = convert::parse(request, &self.options).ok()?;
        caller.check_site(parsed.site).ok()?;
        self.tells_store(snapshot, parsed.site).then_some(())?;
        let now = now();
        let comment = parsed.comment.with_context(parsed.comment.context().at(now));
        with_scratch(|scratch| {
            let moderator = snapshot.models.site(parsed.site);
            let thread = moderator
                .and_then(|moderator| memo.live.profile(parsed.thread, moderator, &self.metrics, scratch));
            let expects = |word: &str| moderator.is_none_or(|moderator| moderator.expects(word, thread));
            Some(Moderator::recall(&comment, scratch, |document, scratch| {
                let standing = standing(parsed.site, request);
                let traces = Traces::of(standing, &comment, document, self.state.key(), expects, scratch);
                traces.no_later_than(now)
            }))
        })
    }
}

/// Where a comment stands. The default site has one name.
pub(super) fn standing<'a>(site: &'a str, request: &'a pb::ModerateCommentRequest) -> Standing<'a> {
    Standing {
        site: if site.is_empty() { DEFAULT_SITE } else { site },
        comment_id: request.comment.as_ref().map_or("", |comment| &comment.comment_id),
    }
}
