//! One request to one answer: check, assess, respond. Sync; every call of the
//! API goes through here.

mod recall;

pub(super) use recall::Asking;

use super::auth::Caller;
use super::gate::Arrival;
use super::status::Refusal;
use super::store::Store;
use super::{Options, convert, pb};
use crate::audit::{Answered, AuditLog};
use crate::comment::Time;
use crate::metrics::Metrics;
use crate::moderator::{Laps, Moderator, Phase, Scratch, ThreadProfile};
use crate::policy::{Action, FailMode, Missed, Policies, PolicyStore, Rule, Verdict};
use crate::registry::{ModelStore, Serving};
use crate::score::Unscored;
use crate::shadow::{Live, Memory, Seen, Shadow};
use crate::signals::past::Past;
use crate::signals::traces::{TraceScratch, Traces};
use crate::state::State;
use crate::text::Document;
use recall::standing;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

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
    shadow: Option<Arc<Shadow>>,
    state: Arc<State>,
    store: Option<Arc<Store>>,
    audit: Option<Arc<AuditLog>>,
}

/// The models and the policies in force at one moment. Whoever judges several
/// comments under one mixes neither two models nor two policies.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    models: Arc<Serving>,
    policies: Arc<Policies>,
}

impl Judge {
    #[expect(clippy::too_many_arguments, reason = "each is of another kind, and there is one call")]
    pub fn new(
        models: Arc<ModelStore>,
        policies: Arc<PolicyStore>,
        shadow: Option<Arc<Shadow>>,
        options: Arc<Options>,
        metrics: Arc<Metrics>,
        state: Arc<State>,
        store: Option<Arc<Store>>,
        audit: Option<Arc<AuditLog>>,
    ) -> Self {
        Self { models, policies, shadow, options, metrics, state, store, audit }
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

    /// Judges one comment for a caller, under a snapshot. A site's deadline is
    /// counted from when the call arrived. `memo` carries the thread from one
    /// request of a call to the next, and `elsewhere` is what the store said of
    /// the comment ([`Judge::ask_store`]).
    ///
    /// # Errors
    /// When the request has violations, is for a site that is not the caller's
    /// or lacks what the site's policy insists on, or on a bug of ours: a panic
    /// ends here, so that the other comments of a batch or a stream are not
    /// lost with it.
    pub fn judge(
        &self,
        caller: &Caller,
        request: &pb::ModerateCommentRequest,
        arrival: &Arrival,
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
        elsewhere: Option<&Past>,
    ) -> Result<pb::ModerateCommentResponse, Refusal> {
        // After a panic the memo is whole or a request behind, and the scratch
        // is gone: nothing half-written is seen again.
        catch_unwind(AssertUnwindSafe(|| self.assess(caller, request, arrival, snapshot, memo, elsewhere)))
            .unwrap_or(Err(Refusal::Bug))
            .map_err(|refusal| self.refuse(refusal))
    }

    fn assess(
        &self,
        caller: &Caller,
        request: &pb::ModerateCommentRequest,
        arrival: &Arrival,
        snapshot: &Snapshot,
        memo: &mut ThreadMemo,
        elsewhere: Option<&Past>,
    ) -> Result<pb::ModerateCommentResponse, Refusal> {
        let mut watch = self.metrics.stopwatch();
        let parsed = convert::parse(request, &self.options).map_err(Refusal::Invalid)?;
        caller.check_site(parsed.site)?;
        let now = now();
        let comment = parsed.comment.with_context(parsed.comment.context().at(now));
        let moderator = snapshot.models.site(parsed.site);
        let policy = snapshot.policies.site(parsed.site);
        let site = self.metrics.site(parsed.site);
        watch.lap(Phase::Parse);
        let is_late = policy.fail().deadline.is_some_and(|deadline| arrival.at.elapsed() >= deadline);
        let lost = if is_late { Unscored::Late } else { Unscored::NoModel };
        let scoring = moderator.filter(|_| !is_late);
        let standing = standing(parsed.site, request);
        let comment_id = standing.comment_id;
        let is_asked = self.asks_past(snapshot, parsed.site);
        // Whoever is refused tries again: what may yet be refused is remembered
        // once it is not.
        let may_be_refused = match scoring {
            Some(_) => policy.fail().context == FailMode::Error,
            None => policy.fail().model == FailMode::Error,
        };
        let unremembered = Cell::new(None);
        // What earlier comments say about this one, which is remembered from
        // now on; nothing of either where no rule of the site would ask.
        let recall = |document: &Document, expects: &dyn Fn(&str) -> bool, scratch: &mut TraceScratch| {
            if !is_asked {
                return Past::default();
            }
            let traces = Traces::of(standing, &comment, document, self.state.key(), expects, scratch);
            // Nobody writes in the future, whatever a caller's clock says.
            let traces = traces.no_later_than(now);
            let past = match may_be_refused {
                true => self.state.look(&traces),
                false => self.state.observe(&traces),
            };
            unremembered.set(Some(traces).filter(|_| may_be_refused));
            elsewhere.map_or(past, |elsewhere| past.or_more(*elsewhere))
        };
        with_scratch(|scratch| {
            let assessment = match scoring {
                Some(moderator) => {
                    let thread = memo.live.profile(parsed.thread, moderator, &self.metrics, scratch);
                    watch.lap(Phase::Thread);
                    let recall = |document: &Document, scratch: &mut TraceScratch| {
                        let expects = |word: &str| moderator.expects(word, thread);
                        recall(document, &expects, scratch)
                    };
                    moderator.assess_after(&comment, thread, policy, parsed.ask, recall, scratch, &mut watch)
                }
                None => {
                    // Nobody knows which names are rare: none is remembered.
                    let recall = |document: &Document, scratch: &mut TraceScratch| {
                        recall(document, &|_| true, scratch)
                    };
                    Moderator::assess_unscored(&comment, lost, policy, parsed.ask, recall, scratch)
                }
            };
            refusal(&assessment.verdict)?;
            if let Some(traces) = unremembered.take() {
                self.state.observe(&traces);
            }
            self.metrics.judged(&site, assessment);
            let model = moderator.map_or("", |moderator| moderator.model().version());
            let response = convert::respond(comment_id, assessment, model, policy.version());
            let times = watch.stop(Phase::Respond);
            if let Some(trace) = &arrival.trace {
                trace.add_phases(times.began(), times.over());
            }
            if let Some(audit) = &self.audit {
                let answered = Answered {
                    assessment_id: &response.assessment_id,
                    site: parsed.site,
                    model_version: model,
                    policy_version: policy.version(),
                };
                audit.note(answered, assessment);
            }
            if let (Some(shadow), Some(moderator)) = (&self.shadow, scoring) {
                let (model_scores, scores) = (assessment.model_scores, assessment.scores);
                let live = Live {
                    moderator,
                    policy,
                    scores: &scores,
                    model_scores: &model_scores,
                    unfamiliar: assessment.unfamiliar,
                    action: assessment.verdict.action,
                    ask: parsed.ask,
                };
                let seen = Seen { comment: &comment, comment_id, site: parsed.site };
                let place = (parsed.thread, memo);
                if let Some(action) = look(shadow, seen, live, place, scratch, &response, &self.metrics) {
                    self.metrics.shadowed(&site, live.action, action);
                }
            }
            Ok(response)
        })
    }
}

/// Shows a comment to the candidate. The answer is made already, so that
/// nothing which goes wrong here is lost on the caller.
fn look(
    shadow: &Shadow,
    seen: Seen<'_>,
    live: Live<'_>,
    (thread, memo): (Option<&pb::Thread>, &mut ThreadMemo),
    scratch: &mut Scratch,
    response: &pb::ModerateCommentResponse,
    metrics: &Metrics,
) -> Option<Action> {
    let mut memory = SHADOW_MEMORY.take().unwrap_or_default();
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let thread = match shadow.moderator() {
            Some(moderator) => memo.candidate.profile(thread, moderator, metrics, memory.scratch()),
            None => None,
        };
        let rules = || response.reasons.iter().map(|reason| reason.rule.clone()).collect();
        shadow.look(seen, live, thread, scratch, &mut memory, rules)
    }));
    // After a panic, which is logged by its place, the memory is not used again.
    if looked.is_ok() {
        SHADOW_MEMORY.set(Some(memory));
    }
    looked.ok()
}

/// Whether the policy says to refuse a comment for want of something.
fn refusal(verdict: &Verdict) -> Result<(), Refusal> {
    let failed = verdict.reasons.iter().find_map(|reason| match &reason.rule {
        Rule::Failed(missed, FailMode::Error) => Some(missed),
        _ => None,
    });
    match failed {
        None => Ok(()),
        Some(Missed::Model) => Err(Refusal::NoModel),
        Some(Missed::Deadline) => Err(Refusal::Late),
        Some(missed @ (Missed::Thread | Missed::Field(..))) => Err(Refusal::NoContext(missed.to_string())),
    }
}

/// The time of the call, for comments that do not say when they were posted.
fn now() -> Option<Time> {
    Time::of_clock(SystemTime::now())
}

/// The thread of the request before, and what was made of it.
#[derive(Debug, Default)]
pub(super) struct ThreadMemo {
    live: Memo,
    /// What the candidate model made of it.
    candidate: Memo,
}

#[derive(Debug, Default)]
struct Memo {
    last: Option<(pb::Thread, Option<ThreadProfile>)>,
    /// Who made it. Another model reads a thread otherwise. A stream that waits
    /// does not keep the model it last had.
    reader: Weak<Moderator>,
}

impl Memo {
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
            *self = Memo { last: None, reader: Arc::downgrade(moderator) };
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
    /// That of the candidate.
    static SHADOW_MEMORY: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
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
        let (mut memo, metrics) = (Memo::default(), Metrics::new());
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
