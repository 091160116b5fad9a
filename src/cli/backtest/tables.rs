//! The figures of a backtest as tables, the same for the terminal and the
//! page.

use super::report::{Limit, Report, RuleReport, SiteReport};
use thresher::attribute::Attribute;
use thresher::backtest::{Found, Outcome, Side};
use thresher::policy::Action;

/// A table. The first column holds words, the others figures.
pub struct Table {
    pub title: &'static str,
    /// What the figures mean.
    pub note: &'static str,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The shares of what is not spam at which gains are shown.
pub const GAIN_SHARES: [f64; 3] = [0.001, 0.01, 0.05];

const NONE: &str = "-";

/// Which labels there are.
pub fn labels(report: &Report) -> Table {
    let row = |attribute: Attribute| {
        let (labelled, bad) = report.labels.by_attribute[attribute];
        (labelled > 0).then(|| vec![attribute.to_string(), labelled.to_string(), bad.to_string()])
    };
    Table {
        title: "Labels",
        note: "A label of 0.5 or more calls a comment bad. One that is missing is unknown, not 0.",
        head: head(&["attribute", "labelled", "bad"]),
        rows: Attribute::ALL.into_iter().filter_map(row).collect(),
    }
}

/// Everything about one site.
pub fn site(report: &Report, site: &SiteReport) -> [Table; 4] {
    [actions(site), summary(report, site), gain(report, site), rules(report, site)]
}

/// How many comments go from which action to which.
fn actions(site: &SiteReport) -> Table {
    let counts = &site.counts;
    let shown = |comments: u64| if comments == 0 { NONE.to_owned() } else { comments.to_string() };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for old in Action::ALL {
        let mut row = vec![old.to_string()];
        row.extend(Action::ALL.map(|new| shown(counts.moved(old, new))));
        row.push(shown(counts.action(old).old));
        rows.push(row);
    }
    let mut sums = vec!["all".to_owned()];
    sums.extend(Action::ALL.map(|new| shown(counts.action(new).new)));
    sums.push(shown(counts.comments()));
    rows.push(sums);
    let mut head = vec!["old \\ new".to_owned()];
    head.extend(Action::ALL.map(|action| action.to_string()));
    head.push("all".to_owned());
    Table { title: "Actions", note: "The old action down, the new one across.", head, rows }
}

/// What it means for readers and moderators.
fn summary(report: &Report, site: &SiteReport) -> Table {
    let (counts, held) = (&site.counts, site.counts.held());
    let whole = |name: &str, value: Side<u64>| {
        let change = i128::from(value.new) - i128::from(value.old);
        let change = if change == 0 { NONE.to_owned() } else { format!("{change:+}") };
        vec![name.to_owned(), value.old.to_string(), value.new.to_string(), change]
    };
    let figure = |name: &str, value: Side<Option<f64>>, decimals: usize| {
        let shown = value.map(|value| value.map_or(NONE.to_owned(), |value| format!("{value:.decimals$}")));
        // What does not show is no change.
        let differ = value.old.zip(value.new).filter(|_| shown.old != shown.new);
        let change = differ.map_or(NONE.to_owned(), |(old, new)| format!("{:+.decimals$}", new - old));
        vec![name.to_owned(), shown.old, shown.new, change]
    };
    let queued = counts.queued();
    let share = |comments: u64| Some(100.0 * comments as f64 / counts.comments().max(1) as f64);
    let rows = vec![
        whole("held or worse", held.map(|held| held.picked())),
        whole("  rightly: labelled bad", held.map(|held| held.right)),
        whole("  wrongly: labelled, not bad", held.map(|held| held.wrong)),
        whole("  unknown: no label for it", held.map(|held| held.unknown)),
        whole("shown, but labelled bad", held.map(|held| held.missed)),
        figure("precision", held.map(|held| held.precision()), 3),
        figure("recall", held.map(|held| held.recall()), 3),
        whole("to review: FLAG and HOLD", queued),
        figure("  % of all comments", queued.map(share), 2),
        figure("  minutes of moderators", report.minutes(site).map(Some), 1),
    ];
    Table {
        title: "Held or worse, against the labels",
        note: "Any label of 0.5 or more makes a comment bad, whatever it is held for. What is unknown \
               counts for neither precision nor recall.",
        head: head(&["", "old", "new", "change"]),
        rows,
    }
}

/// What the rules about earlier comments find beside the score for spam.
fn gain(report: &Report, site: &SiteReport) -> Table {
    let percent = |part: u64, whole: u64| match whole {
        0 => NONE.to_owned(),
        whole => format!("{part} ({:.2} %)", 100.0 * part as f64 / whole as f64),
    };
    let counts = site.counts.gain();
    let (others, spam) = counts.labelled();
    let row = |name: String, found: Found| {
        vec![
            name,
            format!("{:.3}", found.threshold),
            percent(found.wrong, others),
            percent(found.alone, spam),
            found.together.map_or(NONE.to_owned(), |together| percent(together, spam)),
        ]
    };
    let limit = report.site_policies(site).new.thresholds(Attribute::Spam).hold;
    let mut rows = Vec::new();
    if spam > 0 && others > 0 {
        rows.extend(limit.map(|limit| row(format!("HOLD from {limit}"), counts.at(f64::from(limit.get())))));
        rows.extend(
            GAIN_SHARES.map(|share| row(format!("{} % held wrongly", 100.0 * share), counts.at_share(share))),
        );
        let (wrong, right) = counts.held();
        rows.push(vec![
            "rules alone".to_owned(),
            NONE.to_owned(),
            percent(wrong, others),
            NONE.to_owned(),
            percent(right, spam),
        ]);
    }
    Table {
        title: "Spam found by the score, and with the rules about earlier comments",
        note: "At the same number of other comments held: together with the rules that read repeat. or rate. \
               fields and hold, the score's own threshold is raised for what they hold wrongly. New side, comments \
               with a label for SPAM.",
        head: head(&["", "score from", "held, not spam", "spam by the score", "spam with the rules"]),
        rows,
    }
}

/// What became of each rule.
fn rules(report: &Report, site: &SiteReport) -> Table {
    let fires = |rule: &RuleReport<'_>| rule.counts.fired.old.picked() + rule.counts.fired.new.picked() > 0;
    Table {
        title: "Rules",
        note: "The comments that reach each threshold, against the labels of its own attribute, and those that \
               each named rule fires on, against any label; what a final rule settled counts for that rule alone. \
               Stricter and milder: comments that get another action, by its first reason. Minutes: of moderators, \
               for the comments to review, by their first reason. A rule in shadow mode changes nothing. A rule that no comment reaches is left out.",
        head: head(&[
            "rule",
            "from",
            "comments",
            "unlabelled",
            "precision",
            "recall",
            "stricter",
            "milder",
            "minutes",
        ]),
        rows: report
            .rules(site)
            .iter()
            .filter(|found| fires(found))
            .map(|found| rule(report, found))
            .collect(),
    }
}

fn rule(report: &Report, rule: &RuleReport<'_>) -> Vec<String> {
    let RuleReport { limits, counts, .. } = rule;
    let limit = |limit: Option<Limit>| limit.map_or(NONE.to_owned(), |limit| limit.to_string());
    let each = |of: fn(&Outcome) -> String| {
        let shown = |limit: Option<Limit>, fired| limit.map_or(NONE.to_owned(), |_| of(fired));
        pair(shown(limits.old, &counts.fired.old), shown(limits.new, &counts.fired.new))
    };
    let recall = if rule.finds { each(|fired| share(fired.recall())) } else { NONE.to_owned() };
    let minutes = report.minutes_for(counts.queued).map(|minutes| format!("{minutes:.1}"));
    vec![
        rule.name.clone(),
        pair(limit(limits.old), limit(limits.new)),
        each(|fired| fired.picked().to_string()),
        each(|fired| fired.unknown.to_string()),
        each(|fired| share(fired.precision())),
        recall,
        counts.stricter.to_string(),
        counts.milder.to_string(),
        pair(minutes.old, minutes.new),
    ]
}

fn share(share: Option<f64>) -> String {
    share.map_or(NONE.to_owned(), |share| format!("{share:.3}"))
}

/// Both, or one when they are the same.
fn pair(old: String, new: String) -> String {
    if old == new { old } else { format!("{old} → {new}") }
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
