//! What a backtest found, as one JSON object for machines.

use super::report::{Limit, Report, RuleReport, SiteReport};
use super::tables::GAIN_SHARES;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::backtest::{Found, Outcome, Side};
use thresher::policy::Action;

/// The object on one line; `listed` comments are part of it when they were
/// asked for.
pub fn write(report: &Report, listed: bool) -> String {
    let labels = &report.labels;
    let by_attribute = Attribute::ALL.into_iter().filter_map(|attribute| {
        let (labelled, bad) = labels.by_attribute[attribute];
        (labelled > 0).then(|| (attribute.name().to_owned(), json!({"labelled": labelled, "bad": bad})))
    });
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let files = report.files.iter().map(
        |(comments, threads)| json!({"comments": comments.display().to_string(), "threads": path(threads)}),
    );
    let side =
        |policy: &Option<PathBuf>, model: &str| json!({"policy": path(policy), "model_version": model});
    let object = json!({
        "comments": labels.comments,
        "files": files.collect::<Vec<_>>(),
        "threads": report.threads.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "labels": {
            "bad": labels.bad,
            "unlabelled": labels.unlabelled,
            "by_attribute": by_attribute.collect::<Map<_, _>>(),
        },
        "old": side(&report.policy_files.old, &report.model_versions.old),
        "new": side(&report.policy_files.new, &report.model_versions.new),
        "minutes_per_review": report.minutes_per_review,
        "sites": report.sites.iter().map(|found| site(report, found, listed)).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn site(report: &Report, site: &SiteReport, listed: bool) -> Value {
    let (counts, policies) = (&site.counts, report.site_policies(site));
    let row = |old: Action| {
        let cells = Action::ALL.map(|new| (new.name().to_owned(), counts.moved(old, new).into()));
        (old.name().to_owned(), Value::Object(Map::from_iter(cells)))
    };
    let mut object = json!({
        "site": site.name,
        "policy_version": sides(policies.map(|policy| policy.version().to_owned())),
        "changed": {"stricter": counts.stricter(), "milder": counts.milder()},
        "actions": Map::from_iter(Action::ALL.map(row)),
        "held": sides(counts.held().map(|held| outcome(&held))),
        "queued": sides(counts.queued()),
        "review_minutes": sides(report.minutes(site)),
        "rules": report.rules(site).iter().map(|found| rule(report, found)).collect::<Vec<_>>(),
    });
    let gain = counts.gain();
    if policies.new.reads_past() {
        let found = |found: Found| json!({"threshold": found.threshold, "wrong": found.wrong, "score": found.alone, "with_rules": found.together});
        let (others, spam) = gain.labelled();
        let limit = policies.new.thresholds(Attribute::Spam).hold;
        object["gain"] = json!({
            "spam": spam,
            "not_spam": others,
            "rules": {"right": gain.held().1, "wrong": gain.held().0},
            "hold": limit.map(|limit| found(gain.at(f64::from(limit.get())))),
            "at_share": GAIN_SHARES.map(|share| json!({"share": share, "found": found(gain.at_share(share))})),
        });
    }
    if listed {
        let comments = site.changed.iter().map(|changed| {
            json!({
                "id": changed.id,
                "old": changed.old.name(),
                "new": changed.new.name(),
                "reason": changed.reason,
                "text": changed.text,
            })
        });
        object["listed"] = json!({
            "which": report.show.name(),
            "total": site.wanted(report.show),
            "comments": comments.collect::<Vec<_>>(),
        });
    }
    object
}

fn rule(report: &Report, rule: &RuleReport<'_>) -> Value {
    let RuleReport { limits, counts, .. } = rule;
    let fired = |limit: Option<Limit>, fired| limit.map_or(Value::Null, |_| outcome(fired));
    let limit = |limit: Option<Limit>| match limit {
        // As the policy file has it, and not as the nearest double.
        Some(Limit::From(score)) => json!(score.to_string().parse::<f64>().ok()),
        Some(Limit::Do(action) | Limit::Shadow(action)) => json!(action.name()),
        None => Value::Null,
    };
    let in_shadow = |limit: Option<Limit>| limit.map(|limit| matches!(limit, Limit::Shadow(_)));
    json!({
        "rule": rule.name,
        "attribute": rule.attribute.map(Attribute::name),
        if rule.is_threshold() { "threshold" } else { "action" }: sides(limits.map(limit)),
        "shadow": sides(limits.map(in_shadow)),
        "fired": {"old": fired(limits.old, &counts.fired.old), "new": fired(limits.new, &counts.fired.new)},
        "stricter": counts.stricter,
        "milder": counts.milder,
        "review_minutes": sides(report.minutes_for(counts.queued)),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    json!({
        "comments": outcome.picked(),
        "right": outcome.right,
        "wrong": outcome.wrong,
        "unknown": outcome.unknown,
        "missed": outcome.missed,
        "precision": outcome.precision(),
        "recall": outcome.recall(),
    })
}

fn sides<T: Into<Value>>(side: Side<T>) -> Value {
    json!({"old": side.old.into(), "new": side.new.into()})
}
