//! What a server counts and measures of itself, for Prometheus.
//!
//! Whoever does something worth counting calls one method of [`Metrics`], which
//! costs some atomic additions and no allocation. Another metric is a field, a
//! line in [`Metrics::new`] with its name, labels and help, a method that counts
//! it, and a row in `docs/observability.md`; tests hold that name, labels and
//! table agree. Labels have few values, all of them ours: sites are those that
//! the configuration names, and all others are `other`.

mod drift;
mod histogram;
mod labels;
mod process;
mod site;

pub use histogram::Histogram;
pub use labels::Reloading;
pub use site::Site;

use crate::attribute::{Attribute, PerAttribute};
use crate::model::Model;
use crate::moderator::{Assessment, Laps, Phase};
use crate::policy::{Action, Policies};
use drift::{Drift, Languages};
use labels::{
    AttributeLabel, BuildLabels, LanguageLabel, ModelLabels, OutcomeLabel, PhaseLabel, PolicyLabels,
    ReasonLabel, ReloadLabels, RequestLabels, RpcLabel, ShadowLabels, WhatLabel,
};
use process::Process;
use prometheus_client::encoding::{EncodeMetric, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use site::Sites;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One metric, as it is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name, with the `_total` of a counter.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels, without a histogram's `le`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Everything that a server counts. Shared by all its threads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    sites: Sites,
    requests: Family<RequestLabels, Counter>,
    request_duration: Family<RpcLabel, Histogram, fn() -> Histogram>,
    refusals: Family<ReasonLabel, Counter>,
    phases: [Histogram; Phase::COUNT],
    total: Histogram,
    scores: PerAttribute<Histogram>,
    languages: Languages,
    language_counts: Family<LanguageLabel, Counter>,
    drift: Drift,
    audit: Family<OutcomeLabel, Counter>,
    shadow: Family<ShadowLabels, Counter>,
    memo: [Counter; 2],
    store_lost: Gauge,
    store_asked: Family<OutcomeLabel, Counter>,
    store_answers: Histogram,
    calls: Gauge,
    calls_waiting: Gauge,
    audit_waiting: Gauge,
    calls_limit: Gauge,
    connections: Gauge,
    connections_limit: Gauge,
    connections_taken: [Counter; 3],
    reloads: Family<ReloadLabels, Counter>,
    reloaded: Family<WhatLabel, Gauge<f64, AtomicU64>>,
    model: Family<ModelLabels, Gauge>,
    policy: Family<PolicyLabels, Gauge>,
    serving: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that have counted nothing yet. The process counts as started
    /// now.
    pub fn new() -> Metrics {
        let mut all = Register::default();
        let comments = all.add(
            "thresher_comments_total",
            &["site", "action"],
            "Comments judged, by the action of the answer",
            Family::default(),
        );
        let phase_of = all.add(
            "thresher_phase_duration_seconds",
            &["phase"],
            "Time that one comment spent in a phase of being judged",
            Family::new_with_constructor(Histogram::of_short_times as fn() -> Histogram),
        );
        let phase = |phase| phase_of.get_or_create_owned(&PhaseLabel { phase });
        let score_of = all.add(
            "thresher_score",
            &["attribute"],
            "Scores of the model, by attribute, before a site makes them its own",
            Family::new_with_constructor(Histogram::of_scores as fn() -> Histogram),
        );
        let score = |it: Attribute| score_of.get_or_create_owned(&AttributeLabel { attribute: it.name() });
        let memo = all.add(
            "thresher_thread_memo_total",
            &["outcome"],
            "Threads of comments that were, or were not, that of the comment before in the same call",
            Family::<OutcomeLabel, Counter>::default(),
        );
        let connections_taken = all.add(
            "thresher_connections_total",
            &["outcome"],
            "Connections that came in, and whether there was room for them, and those that made it",
            Family::<OutcomeLabel, Counter>::default(),
        );
        let build = all.add(
            "thresher_build_info",
            &["version"],
            "The version of the program, always 1",
            Family::<BuildLabels, Gauge>::default(),
        );
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        let reloads = all.add(
            "thresher_reloads_total",
            &["what", "outcome"],
            "Changed files that were taken, or could not be used",
            Family::<ReloadLabels, Counter>::default(),
        );
        for (what, outcome) in Reloading::ALL.into_iter().flat_map(|it| [(it, "ok"), (it, "failed")]) {
            // There from the start, so that the first failure is an increase.
            drop(reloads.get_or_create(&ReloadLabels { what: what.name(), outcome }));
        }
        let store_answers = all.add(
            "thresher_store_duration_seconds",
            &[],
            "Time that the store of what is remembered took to answer, for one comment or several at once",
            Histogram::of_short_times(),
        );
        all.registry.register_collector(Box::new(Process::starting_now()));
        all.described.extend(Process::DESCRIBED);
        let scores = PerAttribute::from_fn(score);
        let languages = Languages::default();
        let drift = Drift::new(scores.clone(), Arc::clone(&languages));
        all.registry.register_collector(Box::new(drift.clone()));
        all.described.extend(Drift::DESCRIBED);
        Metrics {
            phases: Phase::ALL.map(|it| phase(it.name())),
            total: phase("total"),
            scores,
            languages,
            drift,
            memo: ["hit", "miss"].map(|outcome| memo.get_or_create_owned(&OutcomeLabel { outcome })),
            connections_taken: ["accepted", "refused", "gave_way"]
                .map(|outcome| connections_taken.get_or_create_owned(&OutcomeLabel { outcome })),
            sites: Sites::new(comments),
            reloads,
            store_answers,
            store_lost: all.add(
                "thresher_store_lost",
                &[],
                "Whether the store of what is remembered is lost; 0 where there is none",
                Gauge::default(),
            ),
            store_asked: all.add(
                "thresher_store_comments_total",
                &["outcome"],
                "Comments that rules look up in the store, and whether it said so in time or was known to be lost",
                Family::default(),
            ),
            requests: all.add(
                "thresher_requests_total",
                &["rpc", "site", "action", "code"],
                "Calls that ended, by the code of their status, with site and action where a call has one comment",
                Family::default(),
            ),
            request_duration: all.add(
                "thresher_request_duration_seconds",
                &["rpc"],
                "Time from the head of a call to the end of its response",
                Family::new_with_constructor(Histogram::of_times as fn() -> Histogram),
            ),
            refusals: all.add(
                "thresher_refusals_total",
                &["reason"],
                "Calls, and comments of batches and streams, that were refused, by the reason told",
                Family::default(),
            ),
            language_counts: all.add(
                "thresher_comment_languages_total",
                &["language"],
                "Comments judged, by the language detected",
                Family::default(),
            ),
            audit: all.add(
                "thresher_audit_lines_total",
                &["outcome"],
                "Lines of the audit log, and whether they were written, dropped for want of time, or failed",
                Family::default(),
            ),
            shadow: all.add(
                "thresher_shadow_comments_total",
                &["site", "action", "shadow_action"],
                "Comments judged a second time in the shadow, by both actions",
                Family::default(),
            ),
            calls: all.add(
                "thresher_calls_in_flight",
                &[],
                "Calls that have a place, open streams included",
                Gauge::default(),
            ),
            calls_waiting: all.add(
                "thresher_calls_waiting",
                &[],
                "Calls that came in and wait for their turn, as of this reading",
                Gauge::default(),
            ),
            audit_waiting: all.add(
                "thresher_audit_lines_waiting",
                &[],
                "Lines of the audit log that wait to be written",
                Gauge::default(),
            ),
            calls_limit: all.add("thresher_calls_limit", &[], "Places for calls", Gauge::default()),
            connections: all.add("thresher_connections_open", &[], "Open connections", Gauge::default()),
            connections_limit: all.add(
                "thresher_connections_limit",
                &[],
                "The most connections at a time",
                Gauge::default(),
            ),
            reloaded: all.add(
                "thresher_reload_timestamp_seconds",
                &["what"],
                "When a changed file was last taken",
                Family::default(),
            ),
            model: all.add(
                "thresher_model_info",
                &["version", "feature_space"],
                "The models in use, always 1",
                Family::default(),
            ),
            policy: all.add(
                "thresher_policy_info",
                &["site", "version"],
                "The policies in force, always 1",
                Family::default(),
            ),
            serving: all.add("thresher_serving", &[], "Whether new calls are taken", Gauge::default()),
            described: {
                all.described.sort_unstable_by_key(|metric| metric.name);
                all.described
            },
            registry: all.registry,
        }
    }

    /// What Prometheus reads: the OpenMetrics text format, as
    /// [`CONTENT_TYPE`] says.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(32 * 1024);
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    /// Every metric there is, by name.
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// The site of a request, as labels know it: `other` for one that was not
    /// [named](Self::name_sites), `default` for the empty name.
    pub fn site(&self, name: &str) -> Arc<Site> {
        self.sites.get(name)
    }

    /// Lets sites stand under their own names from now on.
    pub fn name_sites<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        self.sites.name(names);
    }

    /// Counts a call that is over. Site and action of a call that has one
    /// comment; an empty code for a caller who went away.
    pub fn request(&self, rpc: &Arc<str>, judged: Option<&Judged>, code: &'static str, took: Duration) {
        let rpc = Arc::clone(rpc);
        let (site, action) = match judged {
            Some(judged) => (judged.site.label(), judged.action),
            None => (Arc::clone(&self.sites.none), ""),
        };
        self.request_duration.get_or_create(&RpcLabel { rpc: Arc::clone(&rpc) }).observe_time(took);
        self.requests.get_or_create(&RequestLabels { rpc, site, action, code }).inc();
    }

    /// Counts a comment that was judged.
    pub fn judged(&self, site: &Site, assessment: &Assessment) {
        site.count(assessment.verdict.action);
        for (attribute, score) in assessment.model_scores.iter() {
            if let Ok(score) = score {
                self.scores[attribute].observe_score(*score);
            }
        }
        self.count_language(assessment.language_code);
    }

    fn count_language(&self, language: &'static str) {
        let known = self.languages.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(count) = known.get(language) {
            count.inc();
            return;
        }
        drop(known);
        let mut known = self.languages.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let new = || self.language_counts.get_or_create_owned(&LanguageLabel { language });
        known.entry(language).or_insert_with(new).inc();
    }

    /// Counts a line of the audit log as waiting until the token is dropped.
    pub fn audit_line(&self) -> Token {
        Token::new(&self.audit_waiting)
    }

    /// Counts a line of the audit log by what became of it.
    pub fn audited(&self, outcome: &'static str) {
        self.audit.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a comment that was judged in the shadow as well.
    pub fn shadowed(&self, site: &Site, action: Action, shadow_action: Action) {
        let labels =
            ShadowLabels { site: site.label(), action: action.name(), shadow_action: shadow_action.name() };
        self.shadow.get_or_create(&labels).inc();
    }

    /// Counts a call or comment that was refused, by the reason in ErrorInfo.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts a look at the thread of the comment before.
    pub fn thread_looked_up(&self, hit: bool) {
        self.memo[usize::from(!hit)].inc();
    }

    /// Says whether the store that servers share is lost.
    pub fn set_store_lost(&self, lost: bool) {
        self.store_lost.set(i64::from(lost));
    }

    /// Counts comments that the store was asked about: `ok`, `failed`, or
    /// `skipped` while it is lost.
    pub fn store_asked(&self, outcome: &'static str, comments: usize) {
        self.store_asked.get_or_create(&OutcomeLabel { outcome }).inc_by(comments as u64);
    }

    /// Measures an answer of the store.
    pub fn store_answered(&self, took: Duration) {
        self.store_answers.observe_time(took);
    }

    /// A watch that measures the phases of one comment.
    pub fn stopwatch(&self) -> Stopwatch<'_> {
        let now = Instant::now();
        Stopwatch { metrics: self, last: now, times: Times { began: now, over: [None; Phase::COUNT] } }
    }

    /// Counts a call for as long as the token lives.
    pub fn call(&self) -> Token {
        Token::new(&self.calls)
    }

    /// Counts a connection that is taken, for as long as the token lives.
    pub fn connection(&self) -> Token {
        self.connections_taken[0].inc();
        Token::new(&self.connections)
    }

    /// Counts a connection for which there was no room.
    pub fn connection_refused(&self) {
        self.connections_taken[1].inc();
    }

    /// Counts a connection whose peer was asked to leave, to make room.
    pub fn connection_gave_way(&self) {
        self.connections_taken[2].inc();
    }

    /// Says how many calls wait for their turn now.
    pub fn set_waiting(&self, calls: usize) {
        self.calls_waiting.set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    /// Says how many calls and connections there may be.
    pub fn set_limits(&self, calls: usize, connections: usize) {
        self.calls_limit.set(i64::try_from(calls).unwrap_or(i64::MAX));
        self.connections_limit.set(i64::try_from(connections).unwrap_or(i64::MAX));
    }

    /// Counts a changed file that was taken, or that cannot be used.
    pub fn reloaded(&self, what: Reloading, ok: bool) {
        let what = what.name();
        let outcome = if ok { "ok" } else { "failed" };
        self.reloads.get_or_create(&ReloadLabels { what, outcome }).inc();
        if ok {
            self.reloaded.get_or_create(&WhatLabel { what }).set(unix_seconds());
        }
    }

    /// Says which models are in use: the one, or all that sites have, the
    /// default site's first. Drift is measured from its training.
    pub fn set_models<'m>(&self, models: impl IntoIterator<Item = &'m Model>) {
        self.model.clear();
        for (i, model) in models.into_iter().enumerate() {
            if i == 0 {
                self.drift.compare_with(model);
            }
            let (version, space) = (model.version().to_owned(), model.metadata().feature_space.clone());
            self.model.get_or_create(&ModelLabels { version, feature_space: space }).set(1);
        }
    }

    /// Says which policies are in force.
    pub fn set_policies(&self, policies: &Policies) {
        self.name_sites(policies.sites().map(|(name, _)| name));
        self.policy.clear();
        for (name, policy) in policies.sites() {
            let labels = PolicyLabels { site: self.site(name).label(), version: policy.version().to_owned() };
            self.policy.get_or_create(&labels).set(1);
        }
    }

    /// Says whether new calls are taken.
    pub fn set_serving(&self, serving: bool) {
        self.serving.set(i64::from(serving));
    }
}

/// What became of the one comment of a call.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its site.
    pub site: Arc<Site>,
    /// The name of the answer's action.
    pub action: &'static str,
}

/// Measures the phases of one comment.
#[derive(Debug)]
pub struct Stopwatch<'m> {
    metrics: &'m Metrics,
    last: Instant,
    times: Times,
}

/// When the phases of one comment were over.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    began: Instant,
    over: [Option<Instant>; Phase::COUNT],
}

impl Times {
    /// When the first phase began; each other one begins when the one before is
    /// over.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The phases that there were, in their order, and when each was over.
    pub fn over(&self) -> impl Iterator<Item = (Phase, Instant)> {
        Phase::ALL.into_iter().zip(self.over).filter_map(|(phase, over)| Some((phase, over?)))
    }
}

impl Laps for Stopwatch<'_> {
    fn lap(&mut self, phase: Phase) {
        let now = Instant::now();
        self.metrics.phases[phase as usize].observe_time(now - self.last);
        self.last = now;
        self.times.over[phase as usize] = Some(now);
    }
}

impl Stopwatch<'_> {
    /// Ends with the comment's last phase.
    pub fn stop(mut self, phase: Phase) -> Times {
        self.lap(phase);
        self.metrics.total.observe_time(self.last - self.times.began);
        self.times
    }
}

/// Counts something that is there, for as long as it lives.
#[derive(Debug)]
pub struct Token(Gauge);

impl Token {
    fn new(gauge: &Gauge) -> Token {
        gauge.inc();
        Token(gauge.clone())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Takes metrics in, and keeps what is said of them.
#[derive(Default)]
struct Register {
    registry: Registry,
    described: Vec<Described>,
}

impl Register {
    /// `help` is without a full stop, which the registry adds.
    fn add<M>(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
        metric: M,
    ) -> M
    where
        M: EncodeMetric + TypedMetric + Clone + std::fmt::Debug + Send + Sync + 'static,
    {
        let kind = match M::TYPE {
            MetricType::Counter => "counter",
            MetricType::Histogram => "histogram",
            _ => "gauge",
        };
        // The registry adds the ending of a counter.
        self.registry.register(name.trim_end_matches("_total"), help, metric.clone());
        self.described.push(Described { name, kind, labels, help });
        metric
    }
}

/// Now, in seconds since 1970.
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
