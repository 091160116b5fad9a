//! One request to one answer: check, assess, respond. Sync; every call of the
//! API goes through here.

use super::auth::Caller;
use super::status::Refusal;
use super::{Options, convert, pb};
use crate::comment::Time;
use crate::metrics::Metrics;
use crate::moderator::{Laps, Moderator, Phase, Scratch, ThreadProfile};
use crate::policy::{Policies, PolicyStore};
use crate::registry::{ModelStore, Serving};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

/// After so many bytes of text, a call with more to judge lets others run: a
/// millisecond or two of work.
pub(super) const TURN_BYTES: usize = 16 * 1024;

/// Judges requests.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    models: Arc<ModelStore>,
    policies: Arc<PolicyStore>,
    options: Arc<Options>,
    metrics: Arc<Metrics>,
}

/// The models and the policies in force at one moment. Whoever judges several
/// comments under one mixes neither two models nor two policies.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    models: Arc<Serving>,
    policies: Arc<Policies>,
}

impl Judge {
    pub fn new(
        models: Arc<ModelStore>,
        policies: Arc<PolicyStore>,
        options: Arc<Options>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { models, policies, options, metrics }
    }

    /// Where to count.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Counts a refusal and hands it on.
    pub fn refuse(&self, refusal: Refusal) -> Refusal {
        self.metrics.refused(refusal.reason());
        refusal
    }

    /// The limits that requests are held to.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The models and the policies in force now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { models: self.models.current(), policies: self.policies.current() }
    }

    /// Judges one comment for a caller, under a snapshot. `memo` carries the
    /// thread from one request of a call to the next.
    ///
    /// # Errors
    /// When the request has violations or is for a site that is not the
    /// caller's or has no model, or on a bug of ours: a panic ends here, so
    /// that the other comments of a batch or a stream are not lost with it.
    pub fn judge(
        &self,
        caller: &Caller,
        request: &pb::ModerateCommentRequest,
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
    ) -> Result<pb::ModerateCommentResponse, Refusal> {
        // After a panic the memo is whole or a request behind, and the scratch
        // is gone: nothing half-written is seen again.
        catch_unwind(AssertUnwindSafe(|| self.assess(caller, request, snapshot, memo)))
            .unwrap_or(Err(Refusal::Bug))
            .map_err(|refusal| self.refuse(refusal))
    }

    fn assess(
        &self,
        caller: &Caller,
        request: &pb::ModerateCommentRequest,
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
    ) -> Result<pb::ModerateCommentResponse, Refusal> {
        let mut watch = self.metrics.stopwatch();
        let parsed = convert::parse(request, &self.options).map_err(Refusal::Invalid)?;
        caller.check_site(parsed.site)?;
        let comment = parsed.comment.with_context(parsed.comment.context().at(now()));
        let comment_id = request.comment.as_ref().map_or("", |c| &c.comment_id);
        let moderator = snapshot.models.site(parsed.site).ok_or(Refusal::NoModel)?;
        let policy = snapshot.policies.site(parsed.site);
        let site = self.metrics.site(parsed.site);
        watch.lap(Phase::Parse);
        Ok(with_scratch(|scratch| {
            let thread = memo.profile(parsed.thread, moderator, &self.metrics, scratch);
            watch.lap(Phase::Thread);
            let assessment =
                moderator.assess_in_laps(&comment, thread, policy, parsed.ask, scratch, &mut watch);
            self.metrics.judged(&site, assessment);
            let (model, policy) = (moderator.model().version(), policy.version());
            let response = convert::respond(comment_id, assessment, model, policy);
            watch.stop(Phase::Respond);
            response
        }))
    }
}

/// The time of the call, for comments that do not say when they were posted.
fn now() -> Option<Time> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Time::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
}

/// The thread of the request before, and what was made of it.
#[derive(Debug, Default)]
pub(super) struct ThreadMemo {
    last: Option<(pb::Thread, Option<ThreadProfile>)>,
    /// Who made it. Another model reads a thread otherwise. A stream that waits
    /// does not keep the model it last had.
    reader: Weak<Moderator>,
}

impl ThreadMemo {
    /// What the comment is compared with. Comments of one thread tend to
    /// follow one another, and reading a thread costs more than judging a
    /// comment, so that the last one read is kept.
    fn profile(
        &mut self,
        thread: Option<&pb::Thread>,
        moderator: &Arc<Moderator>,
        metrics: &Metrics,
        scratch: &mut Scratch,
    ) -> Option<&ThreadProfile> {
        let thread = thread?;
        // The place of a model that is gone is not used again while the memo
        // points to it.
        if !std::ptr::eq(self.reader.as_ptr(), Arc::as_ptr(moderator)) {
            *self = ThreadMemo { last: None, reader: Arc::downgrade(moderator) };
        }
        // What is no text of it may change from one comment to the next.
        let same = |last: &pb::Thread| {
            last.title == thread.title && last.body == thread.body && last.recent_texts == thread.recent_texts
        };
        let known = self.last.as_ref().map(|(last, _)| same(last));
        if let Some(hit) = known {
            metrics.thread_looked_up(hit);
        }
        if known != Some(true) {
            let profile = moderator.profile(&convert::thread(thread), scratch);
            self.last = Some((thread.clone(), profile));
        }
        self.last.as_ref().and_then(|(_, profile)| profile.as_ref())
    }
}

thread_local! {
    /// The working memory of this thread of the runtime.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Lends the thread's working memory. It is taken out meanwhile, so that a
/// panic drops it.
fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let value = work(&mut scratch);
    SCRATCH.set(Some(scratch));
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn a_panic_takes_the_working_memory_with_it() {
        with_scratch(|_| ());
        let lent = catch_unwind(|| with_scratch(|_| panic!("a test of panics")));
        assert!(lent.is_err());
        assert!(SCRATCH.take().is_none());
        with_scratch(|_| ());
        assert!(SCRATCH.take().is_some());
    }

    #[test]
    fn an_equal_thread_is_read_once() {
        let moderator = Arc::new(Moderator::new(Model::shipped().unwrap()));
        let (roses, trains) = (titled("Roses"), titled("Trains"));
        let (mut memo, metrics) = (ThreadMemo::default(), Metrics::new());
        let mut kept = |thread: Option<&pb::Thread>| {
            with_scratch(|scratch| memo.profile(thread, &moderator, &metrics, scratch).is_some());
            memo.last.as_ref().map(|(last, _)| last.title.as_ptr())
        };
        let first = kept(Some(&roses));
        assert_eq!(kept(Some(&roses.clone())), first);
        assert_eq!(kept(Some(&pb::Thread { published_count: Some(3), ..roses.clone() })), first);
        assert_eq!(kept(None), first);
        assert_ne!(kept(Some(&trains)), first);
        assert_ne!(kept(Some(&roses)), None);
    }

    fn titled(title: &str) -> pb::Thread {
        pb::Thread { title: title.into(), ..pb::Thread::default() }
    }
}
