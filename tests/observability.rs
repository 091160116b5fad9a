//! What is written about metrics names only metrics, labels and values that
//! exist: the documentation, the dashboard and the alerts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use thresher::attribute::Attribute;
use thresher::metrics::{Described, Metrics, Reloading};
use thresher::moderator::Phase;
use thresher::policy::Action;
use yaml_rust2::{Yaml, YamlLoader};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The metrics by name, with those that a histogram stands for.
fn described() -> BTreeMap<String, Described> {
    let mut all = BTreeMap::new();
    for metric in Metrics::new().described() {
        if metric.kind == "histogram" {
            all.extend(["_bucket", "_sum", "_count"].map(|end| (format!("{}{end}", metric.name), *metric)));
        } else {
            all.insert(metric.name.to_owned(), *metric);
        }
    }
    all
}

/// What of PromQL the expressions use.
const WORDS: [&str; 16] = [
    "sum",
    "min",
    "max",
    "abs",
    "count",
    "topk",
    "rate",
    "increase",
    "histogram_quantile",
    "by",
    "or",
    "and",
    "offset",
    "label_values",
    "ignoring",
    "on",
];
/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["job", "instance"];

/// Values of labels that are known beforehand.
fn values(label: &str) -> Option<Vec<&'static str>> {
    let actions = || Action::ALL.map(Action::name).to_vec();
    Some(match label {
        "action" | "shadow_action" => actions(),
        "attribute" => Attribute::ALL.map(Attribute::name).to_vec(),
        "phase" => Phase::ALL.map(Phase::name).into_iter().chain(["total"]).collect(),
        "what" => Reloading::ALL.map(Reloading::name).to_vec(),
        "outcome" => {
            vec![
                "ok", "failed", "written", "dropped", "hit", "miss", "accepted", "refused", "gave_way",
                "skipped",
            ]
        }
        "rpc" => vec!["ModerateComment", "BatchModerateComments", "StreamModerateComments"],
        "reason" => vec!["OVERLOADED", "GAVE_WAY", "RATE_LIMITED", "INTERNAL"],
        "code" => vec!["INTERNAL", "UNKNOWN"],
        _ => return None,
    })
}

/// Holds that an expression of PromQL names only what exists; says which
/// labels its metrics have.
fn check(expression: &str, place: &str) -> BTreeSet<&'static str> {
    let described = described();
    let mut labels: BTreeSet<&'static str> = BTreeSet::new();
    let mut named: Vec<(String, Option<String>)> = Vec::new();
    let (mut rest, mut braces, mut grouping) = (expression, false, false);
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let end = rest[1..].find('"').unwrap_or_else(|| panic!("{place}: an open string: {expression}"));
            rest = &rest[end + 2..];
            continue;
        }
        let word: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if c.is_ascii_digit() {
            // A number, with the unit of a duration or an exponent.
            rest = &rest[word.len()..];
            continue;
        }
        if c == '$' || word.is_empty() {
            let variable = rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
            braces = (braces || c == '{') && c != '}';
            grouping = grouping && c != ')';
            rest = &rest[c.len_utf8() + if c == '$' { variable } else { 0 }..];
            continue;
        }
        rest = &rest[word.len()..];
        if braces {
            let value = rest.trim_start_matches(['=', '~', '!']).strip_prefix('"');
            named.push((word, value.map(|value| value[..value.find('"').unwrap()].to_owned())));
        } else if grouping {
            named.push((word, None));
        } else if let Some(metric) = described.get(&word) {
            labels.extend(metric.labels);
            if word.ends_with("_bucket") {
                labels.insert("le");
            }
        } else if word == "by" || word == "ignoring" || word == "on" {
            grouping = true;
        } else {
            let last = expression.starts_with("label_values") && rest == ")";
            let known = WORDS.contains(&&*word) || word == "up" || (last && ADDED.contains(&&*word));
            if last && !known {
                named.push((word, None));
            } else {
                assert!(known, "{place}: {word} is no metric: {expression}");
            }
        }
    }
    for (label, value) in named {
        let known = ADDED.contains(&&*label) || labels.contains(&*label);
        assert!(known, "{place}: no metric of it has the label {label}: {expression}");
        let (Some(values), Some(value)) = (values(&label), value) else { continue };
        for value in value.split('|').filter(|value| !value.starts_with('$')) {
            assert!(values.contains(&value), "{place}: {label} is never {value}: {expression}");
        }
    }
    assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{place}: {expression}");
    labels
}

/// Holds that what stands between `{{` and `}}` names labels of the metrics.
fn check_template(template: &str, labels: &BTreeSet<&str>, place: &str) {
    for part in template.split("{{").skip(1) {
        let inside = part.split("}}").next().unwrap().trim().trim_start_matches("$labels.");
        let known = labels.contains(inside) || ADDED.contains(&inside) || inside.starts_with("$value");
        assert!(known, "{place}: {inside} is no label: {template}");
    }
}

#[test]
fn the_check_finds_what_does_not_exist() {
    for wrong in [
        "thresher_comment_total",
        "sum(rate(thresher_score[5m]))",
        "thresher_comments_total{sight=\"a\"}",
        "sum by (phase) (thresher_comments_total)",
        "thresher_comments_total{action=\"HELD\"}",
        "thresher_comments_total{action=~\"HOLD|HELD\"}",
        "summ(thresher_comments_total)",
    ] {
        assert!(std::panic::catch_unwind(|| check(wrong, "")).is_err(), "{wrong}");
    }
    check("sum by (le) (rate(thresher_score_bucket{le=\"0.5\"}[5m] offset 1d)) > 1e6", "");
}

#[test]
fn the_documentation_has_every_metric_and_no_other() {
    let text = read("docs/observability.md");
    let table: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("| `thresher_") || line.starts_with("| `process_"))
        .map(str::to_owned)
        .collect();
    let rows = Metrics::new()
        .described()
        .iter()
        .map(|Described { name, kind, labels, help }| {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
        })
        .collect::<Vec<_>>();
    assert_eq!(table, rows);
    for phase in Phase::ALL {
        assert!(text.contains(&format!("`{}`", phase.name())), "{}", phase.name());
    }
    for what in Reloading::ALL {
        assert!(text.contains(&format!("`{}` (", what.name())), "{}", what.name());
    }
    let questions =
        text.split("## Questions").nth(1).unwrap().lines().filter(|line| line.contains("thresher_"));
    for line in questions {
        let expression = line.split('`').nth(1).unwrap().replace("\\|", "|");
        check(&expression, "docs/observability.md");
    }
}

#[test]
fn the_dashboard_shows_only_what_exists() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("deploy/grafana/thresher.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut targets = 0;
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{title}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            targets += 1;
            let labels = check(target["expr"].as_str().unwrap(), title);
            check_template(target["legendFormat"].as_str().unwrap(), &labels, title);
        }
    }
    assert!(targets > 20, "{targets}");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for variable in variables {
        let name = variable["name"].as_str().unwrap();
        if let Some(query) = variable["query"]["query"].as_str() {
            check(query, name);
        }
        assert!(
            panels.iter().any(|panel| panel.to_string().contains(&format!("${name}")))
                || panels.iter().any(|panel| panel.to_string().contains(&format!("${{{name}}}"))),
            "{name} is used"
        );
    }
}

#[test]
fn the_alerts_watch_only_what_exists() {
    let documents = YamlLoader::load_from_str(&read("deploy/prometheus/alerts.yml")).unwrap();
    let groups = documents[0]["groups"].as_vec().unwrap();
    let rules: Vec<&Yaml> = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap()).collect();
    assert!(rules.len() > 8);
    let mut names = BTreeSet::new();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(name.starts_with("Thresher") && names.insert(name), "{name}");
        assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let labels = check(rule["expr"].as_str().unwrap(), name);
        for part in ["summary", "description"] {
            check_template(rule["annotations"][part].as_str().unwrap(), &labels, name);
        }
        let keys = rule.as_hash().unwrap().keys().map(|key| key.as_str().unwrap());
        let known = ["alert", "expr", "for", "labels", "annotations"];
        assert!(keys.into_iter().all(|key| known.contains(&key)), "{name}");
    }
}
