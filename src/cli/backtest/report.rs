//! What a backtest found, before it is written down for people or machines.

use clap::ValueEnum;
use std::fmt;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::backtest::{Counts, LabelCounts, RuleCounts, Side};
use thresher::policy::{Action, FailMode, Mode, Policies, SitePolicy};
use thresher::score::Score;

/// Which comments are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// Those that were shown to readers before and are not now.
    NewlyHeld,
    /// Those that were not shown to readers before and are now.
    NewlyPublished,
    /// All whose action changes.
    Changed,
}

impl Show {
    /// Whether a comment with these actions is listed.
    pub fn wants(self, old: Action, new: Action) -> bool {
        let hidden = |action| action >= Action::Hold;
        match self {
            Show::NewlyHeld => hidden(new) && !hidden(old),
            Show::NewlyPublished => hidden(old) && !hidden(new),
            Show::Changed => old != new,
        }
    }

    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Show::NewlyHeld => "newly-held",
            Show::NewlyPublished => "newly-published",
            Show::Changed => "changed",
        }
    }
}

/// A comment that is listed.
#[derive(Clone)]
pub struct Changed {
    pub id: String,
    pub old: Action,
    pub new: Action,
    /// A sentence.
    pub reason: String,
    /// Only when it was asked for.
    pub text: Option<String>,
}

/// Everything that is to be told.
pub struct Report {
    /// The comment files, each with the threads found beside it.
    pub files: Vec<(PathBuf, Option<PathBuf>)>,
    /// The thread files that were named.
    pub threads: Vec<PathBuf>,
    /// The policy files; none for the one inside the binary.
    pub policy_files: Side<Option<PathBuf>>,
    pub policies: Side<Policies>,
    pub model_versions: Side<String>,
    pub minutes_per_review: f64,
    pub labels: LabelCounts,
    /// Which comments are listed.
    pub show: Show,
    pub sites: Vec<SiteReport>,
}

/// What was found for one site.
pub struct SiteReport {
    pub name: String,
    pub counts: Counts,
    /// The first ones of those that are listed.
    pub changed: Vec<Changed>,
}

/// What was found for one rule that at least one of the policies has.
pub struct RuleReport<'a> {
    /// The name that it has in answers: `SPAM.HOLD`.
    pub name: String,
    /// None for named rules, trust and what is missing, which look at more.
    pub attribute: Option<Attribute>,
    /// Whether it is there to find what is bad; not so the rule about a missing
    /// score, trust, and what else is missing.
    pub finds: bool,
    /// The threshold, or what a missing score is answered with; none where the
    /// policy does not have the rule.
    pub limits: Side<Option<Limit>>,
    pub counts: &'a RuleCounts,
}

/// What makes a rule fire, or what it then does.
#[derive(Clone, Copy, PartialEq)]
pub enum Limit {
    From(Score),
    Do(Action),
    /// What it would do, were it not in shadow mode.
    Shadow(Action),
}

impl Report {
    /// What was found for each rule of a site, mildest first.
    pub fn rules<'a>(&self, site: &'a SiteReport) -> Vec<RuleReport<'a>> {
        let policies = self.site_policies(site);
        let mut rules = Vec::new();
        for attribute in Attribute::ALL {
            // The other way round, they begin with the most severe one.
            let thresholds = policies.map(|policy| policy.thresholds(attribute).descending());
            for ((action, old), (_, new)) in thresholds.old.into_iter().zip(thresholds.new).rev() {
                let limits = Side { old, new }.map(|score| score.map(Limit::From));
                let counts = site.counts.threshold(attribute, action);
                let name = format!("{attribute}.{action}");
                rules.push(RuleReport { name, attribute: Some(attribute), finds: true, limits, counts });
            }
            let actions = policies.map(|policy| policy.missing(attribute));
            let limits = actions.map(|action| (action > Action::Publish).then_some(Limit::Do(action)));
            let (name, counts) = (format!("{attribute}.missing"), site.counts.missing(attribute));
            rules.push(RuleReport { name, attribute: Some(attribute), finds: false, limits, counts });
        }
        for (name, counts) in site.counts.named() {
            let limits = policies.map(|policy| asks(policy, name));
            // The names that a policy gives have no dot.
            let finds = !name.contains('.');
            rules.push(RuleReport { name: name.clone(), attribute: None, finds, limits, counts });
        }
        rules.retain(|rule| rule.limits != Side::default());
        rules
    }

    /// The policies of a site.
    pub fn site_policies(&self, site: &SiteReport) -> Side<&SitePolicy> {
        Side { old: self.policies.old.site(&site.name), new: self.policies.new.site(&site.name) }
    }

    /// What was replayed, a line for each thing.
    pub fn lines(&self) -> [String; 3] {
        let labels = &self.labels;
        let named = |policy: &Option<PathBuf>, model: &str| {
            let policy =
                policy.as_ref().map_or("inside the binary".to_owned(), |path| path.display().to_string());
            format!("policy {policy}, model {model}")
        };
        [
            format!(
                "{} comments of {} replayed: {} labelled bad, {} without a label",
                labels.comments,
                plural(self.files.len(), "file"),
                labels.bad,
                labels.unlabelled
            ),
            format!("old: {}", named(&self.policy_files.old, &self.model_versions.old)),
            format!("new: {}", named(&self.policy_files.new, &self.model_versions.new)),
        ]
    }

    /// One line about a site.
    pub fn headline(&self, site: &SiteReport) -> String {
        let policies = self.site_policies(site);
        let (stricter, milder) = (site.counts.stricter(), site.counts.milder());
        format!(
            "site {}: {} of {} change, {stricter} stricter, {milder} milder; policy {} → {}",
            site.name.escape_debug(),
            stricter + milder,
            site.counts.comments(),
            policies.old.version(),
            policies.new.version(),
        )
    }

    /// One line above the comments that are listed.
    pub fn list_title(&self, site: &SiteReport) -> String {
        let wanted = site.wanted(self.show);
        let shown = site.changed.len() as u64;
        let cut = if shown < wanted { format!(", the first {shown}") } else { String::new() };
        format!("{}: {wanted}{cut}", self.show.name())
    }

    /// What moderators spend on the comments that wait for them, in minutes.
    pub fn minutes(&self, site: &SiteReport) -> Side<f64> {
        self.minutes_for(site.counts.queued())
    }

    /// What moderators spend on so many comments, in minutes.
    pub fn minutes_for(&self, comments: Side<u64>) -> Side<f64> {
        comments.map(|comments| comments as f64 * self.minutes_per_review)
    }
}

impl RuleReport<'_> {
    /// Whether it fires from a score on.
    pub fn is_threshold(&self) -> bool {
        self.limits.both().into_iter().flatten().any(|limit| matches!(limit, Limit::From(_)))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::From(score) => score.fmt(f),
            Limit::Do(action) => action.fmt(f),
            Limit::Shadow(action) => write!(f, "{action} (shadow)"),
        }
    }
}

impl SiteReport {
    /// How many comments would be listed without a limit.
    pub fn wanted(&self, show: Show) -> u64 {
        self.counts.total(|old, new| show.wants(old, new))
    }
}

/// What a rule, or else trust or what is missing, asks for by its name in
/// answers; none where the policy does not have it.
fn asks(policy: &SitePolicy, name: &str) -> Option<Limit> {
    let (trust, fail) = (policy.trust(), policy.fail());
    let failing =
        |mode: FailMode| Some(mode.action()).filter(|action| *action > Action::Publish).map(Limit::Do);
    match name {
        "trust.staff" => trust.staff.then_some(Limit::Do(Action::Flag)),
        "trust.approved" => trust.approved_count.map(|_| Limit::Do(Action::Flag)),
        "fail.context" => failing(fail.context),
        "fail.model" | "fail.deadline" => failing(fail.model),
        _ => policy.rules().find(|(rule, _)| rule.name == name).map(|(rule, mode)| match mode {
            Mode::Act => Limit::Do(rule.action),
            Mode::Shadow => Limit::Shadow(rule.action),
        }),
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
