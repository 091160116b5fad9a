//! Puts the comments beside their threads, scores each once for each model,
//! and decides it for all sites.

use super::order::InOrder;
use super::report::{Changed, Show};
use crate::cli::moderate::context::{Place, Threads};
use crate::cli::moderate::job::{Job, Memory};
use crate::cli::moderate::recall::Recall;
use crate::cli::pipeline::Item;
use std::sync::Arc;
use thresher::attribute::AttributeSet;
use thresher::backtest::{Backtest, Counts, LabelCounts, Labels, Side};
use thresher::jsonl::JsonlError;
use thresher::moderator::{Assessment, Moderator};
use thresher::policy::{Policies, SitePolicy, Verdict};
use thresher::score::Scores;
use thresher::signals::past::Past;

/// What all workers know.
pub struct Plan {
    /// The policies of both sides.
    pub policies: Side<Policies>,
    /// The model of both sides, or of the old one.
    pub moderator: Moderator,
    /// The model of the new side, where it is another one.
    pub new_moderator: Option<Moderator>,
    /// The sites that every comment is replayed under.
    pub sites: Vec<String>,
    /// Which comments are listed, and how many of them at most.
    pub show: Show,
    /// How many comments are listed for each site.
    pub limit: usize,
    /// Whether the texts of those are listed too.
    pub texts: bool,
}

/// Comments in the order they were posted, each in its place.
pub struct Reader {
    /// The comments.
    pub comments: InOrder,
    /// The threads of the files.
    pub threads: Vec<Threads>,
    /// For each file which of the threads are its own.
    pub threads_of: Vec<usize>,
    /// What is remembered of the comments; none where no rule asks for it.
    pub recall: Option<(Recall, Arc<Plan>)>,
}

impl Reader {
    /// Remembers the comments from here on if a rule of the plan asks for it.
    pub fn remember(&mut self, plan: &Arc<Plan>) {
        let asks = |site: &String| {
            let policies = [plan.policies.old.site(site), plan.policies.new.site(site)];
            policies.into_iter().any(SitePolicy::reads_past)
        };
        self.recall = plan.sites.iter().any(asks).then(|| (Recall::new(None), Arc::clone(plan)));
    }
}

/// A comment with what people said of it.
pub struct Labelled {
    job: Job,
    labels: Labels,
}

impl Item for Labelled {
    fn bytes(&self) -> usize {
        self.job.bytes()
    }
}

impl Iterator for Reader {
    type Item = Result<Labelled, JsonlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { comments, threads, threads_of, recall } = self;
        let past = comments.next()?;
        Some(past.map(|past| {
            let labels = Labels::new(&past.comment.labels);
            let (place, parent) = threads[threads_of[past.file]].place(&past.comment);
            let place = place.map(Place::at_the_time);
            let mut job = Job { comment: past.comment, place, parent, past: Past::default() };
            if let Some((recall, plan)) = recall {
                job.past = recall.past(&job, &plan.moderator);
            }
            Labelled { job, labels }
        }))
    }
}

/// What came of some comments: for all sites, and for each.
pub struct Gathered {
    /// The labels they have.
    pub labels: LabelCounts,
    /// For each site what became of them, and those that are listed.
    pub sites: Vec<(Counts, Vec<Changed>)>,
}

impl Gathered {
    /// Nothing yet, for as many sites.
    pub fn new(sites: usize) -> Self {
        Self { labels: LabelCounts::default(), sites: vec![(Counts::default(), Vec::new()); sites] }
    }

    /// Adds what came of the comments that follow.
    pub fn merge(&mut self, next: Gathered, limit: usize) {
        self.labels.merge(&next.labels);
        for ((counts, changed), (more, following)) in self.sites.iter_mut().zip(next.sites) {
            counts.merge(&more);
            changed.extend(following.into_iter().take(limit - changed.len()));
        }
    }
}

/// Replays on one core.
pub struct Worker {
    plan: Arc<Plan>,
    memory: Side<Memory>,
}

impl Worker {
    /// A worker that has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, memory: Side::default() }
    }

    /// What becomes of a batch.
    pub fn replay(&mut self, batch: Vec<Labelled>) -> Gathered {
        let Self { plan, memory } = self;
        let Plan { policies, moderator, new_moderator, sites, .. } = &**plan;
        let mut backtests: Vec<Backtest<'_>> = sites
            .iter()
            .map(|site| Backtest::new(policies.old.site(site), policies.new.site(site)))
            .collect();
        let mut gathered = Gathered::new(sites.len());
        for Labelled { job, labels } in &batch {
            gathered.labels.add(labels);
            // What the policy given here decides is not looked at.
            let policy = policies.old.site("");
            let by_model = |assessment: &Assessment| (assessment.model_scores, assessment.unfamiliar);
            let old = by_model(memory.old.assess(job, moderator, policy, false));
            let new = match new_moderator {
                Some(moderator) => by_model(memory.new.assess(job, moderator, policy, false)),
                None => old,
            };
            let each = sites.iter().zip(&mut backtests).zip(&mut gathered.sites);
            for ((site, backtest), (_, changed)) in each {
                // Each site takes the model's scores in its own way.
                let settle = |policies: &Policies, (scores, unfamiliar): &(Scores, AttributeSet)| {
                    policies.site(site).scoring().settle(scores, *unfamiliar)
                };
                let (old, new) = (settle(&policies.old, &old), settle(&policies.new, &new));
                // What rules look at beside the scores is the same for both models.
                let decide = |policy: &SitePolicy, scores: &Scores, verdict: &mut Verdict| {
                    memory.old.decide(job, moderator, scores, policy, verdict);
                };
                let verdicts = backtest.replay_with(Side { old: &old, new: &new }, labels, decide);
                if changed.len() < plan.limit && plan.show.wants(verdicts.old.action, verdicts.new.action) {
                    changed.push(listed(job, verdicts, plan.texts));
                }
            }
        }
        for (backtest, (counts, _)) in backtests.into_iter().zip(&mut gathered.sites) {
            *counts = backtest.into_counts();
        }
        gathered
    }
}

/// A comment as it is listed. Why its action is what it is now; where nothing
/// asks for it any more, why it was what it was.
fn listed(job: &Job, verdicts: &Side<Verdict>, text: bool) -> Changed {
    let first = |verdict: &Verdict| verdict.reasons.first().map(ToString::to_string);
    let (old, new) = (verdicts.old.action, verdicts.new.action);
    let reason = if new > old { first(&verdicts.new) } else { first(&verdicts.old) };
    Changed {
        id: job.comment.id.clone(),
        old,
        new,
        reason: reason.unwrap_or_default(),
        text: text.then(|| job.comment.text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::model::Model;
    use thresher::policy::{Action, DEFAULT_SITE};

    fn plan(limit: usize) -> Arc<Plan> {
        let policy = |spam| Policies::parse(&format!("[site.default]\nSPAM = {spam}"), "p.toml").unwrap();
        Arc::new(Plan {
            policies: Side { old: policy("{}"), new: policy("{ flag = 0, hold = 0.9 }") },
            moderator: Moderator::new(Model::shipped().unwrap()),
            new_moderator: None,
            sites: vec![DEFAULT_SITE.to_owned()],
            show: Show::Changed,
            limit,
            texts: true,
        })
    }

    fn comments(count: usize) -> Vec<Labelled> {
        let texts =
            ["Win a prize today, claim it now!", "I planted mine in spring.", "You are wrong about that."];
        let comment = |i: usize| {
            let text = format!("{} {i}", texts[i % texts.len()]);
            serde_json::json!({"id": i.to_string(), "text": text, "labels": {"spam": i % 3 / 2}})
        };
        let labelled = |i| {
            let comment: thresher::jsonl::CommentRecord = serde_json::from_value(comment(i)).unwrap();
            let labels = Labels::new(&comment.labels);
            Labelled { job: Job { comment, place: None, parent: None, past: Past::default() }, labels }
        };
        (0..count).map(labelled).collect()
    }

    #[test]
    fn neither_batches_nor_workers_show() {
        let limit = 7;
        let plan = plan(limit);
        let whole = Worker::new(Arc::clone(&plan)).replay(comments(60));
        assert_eq!(whole.sites[0].1.len(), limit);
        let mut workers = [(); 3].map(|()| Worker::new(Arc::clone(&plan)));
        let mut rest = comments(60);
        let mut sum = Gathered::new(1);
        for i in 0.. {
            if rest.is_empty() {
                break;
            }
            let following = rest.split_off(rest.len().min(1 + i % 11));
            let batch = std::mem::replace(&mut rest, following);
            sum.merge(workers[i % 3].replay(batch), limit);
        }
        assert_eq!((sum.labels, &sum.sites[0].0), (whole.labels, &whole.sites[0].0));
        let ids = |gathered: &Gathered| gathered.sites[0].1.iter().map(|c| c.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&sum), ids(&whole));
    }

    #[test]
    fn a_changed_comment_has_the_reason_of_its_change() {
        let mut worker = Worker::new(plan(1));
        let found = worker.replay(comments(3));
        let changed = &found.sites[0].1[0];
        assert!(changed.old == Action::Publish && changed.new >= Action::Flag);
        assert!(changed.reason.starts_with("SPAM score 0."), "{}", changed.reason);
        assert!(changed.text.as_ref().is_some_and(|text| text.ends_with(&changed.id)));
    }
}
