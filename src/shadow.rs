//! A candidate policy and a candidate model beside those in force: they see
//! the same comments, never act, and what they would have done differently is
//! counted and sampled.

mod report;
mod samples;

pub use report::{Group, Report, Tally};
pub use samples::{Sample, SampleFile, Side};

use crate::attribute::AttributeSet;
use crate::comment::Comment;
use crate::moderator::{Ask, Moderator, Scratch, ThreadProfile};
use crate::policy::{Action, PolicyStore, SitePolicy, Verdict};
use crate::score::Scores;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// What runs beside the policy and the model in force.
#[derive(Debug)]
pub struct Shadow {
    policies: Option<Arc<PolicyStore>>,
    moderator: Option<Arc<Moderator>>,
    samples: Option<SampleFile>,
    texts: bool,
    counts: Counts,
}

/// How often a candidate was compared with what is in force. Only grows.
#[derive(Debug, Default)]
pub struct Counts {
    compared: AtomicU64,
    stricter: AtomicU64,
    milder: AtomicU64,
}

impl Counts {
    /// How many comments both have judged.
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// How many of them the candidate would have treated more severely.
    pub fn stricter(&self) -> u64 {
        self.stricter.load(Ordering::Relaxed)
    }

    /// How many of them it would have treated less severely.
    pub fn milder(&self) -> u64 {
        self.milder.load(Ordering::Relaxed)
    }
}

/// What is in force, as a candidate needs it.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The model in force.
    pub moderator: &'a Moderator,
    /// The policy of the comment's site.
    pub policy: &'a SitePolicy,
    /// The scores, as the site takes them.
    pub scores: &'a Scores,
    /// The scores of the model.
    pub model_scores: &'a Scores,
    /// The attributes of which the model learned nothing in the language of the
    /// comment.
    pub unfamiliar: AttributeSet,
    /// What is done with the comment.
    pub action: Action,
    /// What the caller wanted to be scored.
    pub ask: Ask,
}

/// A comment, for the candidate and for its sample.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The comment.
    pub comment: &'a Comment<'a>,
    /// Its name on the host platform; may be empty.
    pub comment_id: &'a str,
    /// The site that the request named; may be empty.
    pub site: &'a str,
}

impl Shadow {
    /// A candidate: at least one of a policy and a model. What is not given is
    /// as it is in force. With `texts`, samples have the texts of comments.
    pub fn new(
        policies: Option<Arc<PolicyStore>>,
        moderator: Option<Moderator>,
        samples: Option<SampleFile>,
        texts: bool,
    ) -> Self {
        Self { policies, moderator: moderator.map(Arc::new), samples, texts, counts: Counts::default() }
    }

    /// The candidate model, if there is one.
    pub fn moderator(&self) -> Option<&Arc<Moderator>> {
        self.moderator.as_ref()
    }

    /// The candidate policies, if there are any.
    pub fn policies(&self) -> Option<&Arc<PolicyStore>> {
        self.policies.as_ref()
    }

    /// Whether the candidate policy of a site reads what earlier comments say.
    pub fn reads_past(&self, site: &str) -> bool {
        self.policies.as_ref().is_some_and(|store| store.current().site(site).reads_past())
    }

    /// How many samples were dropped because the disk was too slow.
    pub fn dropped(&self) -> u64 {
        self.samples.as_ref().map_or(0, SampleFile::dropped)
    }

    /// How often it was compared.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Judges a comment as the candidate would, counts it, and takes a sample
    /// of it when the candidate would have done something else; says what it
    /// would have done. `rules` names
    /// those that fired, most severe first, and is asked for a sample only.
    ///
    /// A candidate policy alone takes the scores in force and what was read of
    /// the text, which `scratch`, used for the comment last, still holds: it
    /// costs next to nothing. A candidate model takes what was read, too, and
    /// scores once more, in `thread`, which it must have read itself.
    pub fn look(
        &self,
        seen: Seen<'_>,
        live: Live<'_>,
        thread: Option<&ThreadProfile>,
        scratch: &mut Scratch,
        memory: &mut Memory,
        rules: impl FnOnce() -> Vec<String>,
    ) -> Action {
        let policies = self.policies.as_ref().map(|store| store.current());
        let policy = policies.as_ref().map_or(live.policy, |policies| policies.site(seen.site));
        let Memory { scratch: own, verdict } = memory;
        match &self.moderator {
            Some(moderator) => {
                let ask = Ask { explain: false, ..live.ask };
                let assessment = moderator.assess_again(seen.comment, thread, policy, ask, scratch, own);
                self.compare(seen, live, (&assessment.scores, &assessment.verdict, policy), rules);
                assessment.verdict.action
            }
            None => {
                let scores = policy.scoring().settle(live.model_scores, live.unfamiliar);
                live.moderator.decide(seen.comment, &scores, policy, scratch, verdict);
                self.compare(seen, live, (&scores, verdict, policy), rules);
                verdict.action
            }
        }
    }

    fn compare(
        &self,
        seen: Seen<'_>,
        live: Live<'_>,
        (scores, verdict, policy): (&Scores, &Verdict, &SitePolicy),
        rules: impl FnOnce() -> Vec<String>,
    ) {
        let compared = self.counts.compared.fetch_add(1, Ordering::Relaxed) + 1;
        if verdict.action == live.action {
            return;
        }
        let counts = &self.counts;
        let direction = if verdict.action > live.action { &counts.stricter } else { &counts.milder };
        direction.fetch_add(1, Ordering::Relaxed);
        let different = counts.stricter() + counts.milder();
        let Some(samples) = &self.samples else { return };
        let side = |action: Action, rules, scores, moderator: &Moderator, policy: &SitePolicy| Side {
            action: action.name().to_owned(),
            rules,
            scores: of(scores),
            model_version: moderator.model().version().to_owned(),
            policy_version: policy.version().to_owned(),
        };
        let moderator = self.moderator.as_deref().unwrap_or(live.moderator);
        let own_rules = || verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect();
        samples.push(|| Sample {
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            run: samples.run().to_owned(),
            compared,
            different,
            site: seen.site.to_owned(),
            comment_id: seen.comment_id.to_owned(),
            live: side(live.action, rules(), live.scores, live.moderator, live.policy),
            shadow: side(verdict.action, own_rules(), scores, moderator, policy),
            text: self.texts.then(|| seen.comment.text().to_owned()),
        });
    }
}

/// Working memory of a candidate, to be reused from comment to comment.
#[derive(Debug, Default)]
pub struct Memory {
    scratch: Scratch,
    verdict: Verdict,
}

impl Memory {
    /// For reading threads.
    pub fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

/// The scores there are, by the names of their attributes.
fn of(scores: &Scores) -> BTreeMap<String, f32> {
    let scored = scores.iter().filter_map(|(attribute, score)| Some((attribute, (*score).ok()?)));
    scored.map(|(attribute, score)| (attribute.name().to_owned(), score.get())).collect()
}
