use super::*;
use crate::comment::Comment;
use crate::moderator::{Ask, Moderator, Scratch};
use crate::signals::past::Past;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that can be counted, once.
fn used() -> Metrics {
    let metrics = Metrics::new();
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies = Policies::embedded().unwrap();
    metrics.set_models([moderator.model()]);
    metrics.set_policies(&policies);
    metrics.set_limits(8, 9);
    metrics.set_serving(true);
    metrics.name_sites(["news.example"]);
    let site = metrics.site("news.example");
    let comment = Comment::new("Thank you for the lovely article", 1_000).unwrap();
    let mut scratch = Scratch::default();
    let mut watch = metrics.stopwatch();
    watch.lap(Phase::Parse);
    watch.lap(Phase::Thread);
    let policy = policies.site("");
    let assessment = moderator.assess_after(
        &comment,
        None,
        policy,
        Ask::default(),
        |_, _| Past::default(),
        &mut scratch,
        &mut watch,
    );
    metrics.judged(&site, assessment);
    watch.stop(Phase::Respond);
    metrics.shadowed(&site, Action::Publish, Action::Hold);
    metrics.store_asked("ok", 1);
    let judged = Judged { site, action: Action::Publish.name() };
    metrics.request(&"ModerateComment".into(), Some(&judged), "OK", Duration::from_micros(80));
    metrics.request(&"BatchModerateComments".into(), None, "INTERNAL", Duration::from_secs(900));
    metrics.refused("OVERLOADED");
    metrics.audited("written");
    metrics.thread_looked_up(true);
    metrics.connection_refused();
    for what in Reloading::ALL {
        metrics.reloaded(what, true);
        metrics.reloaded(what, false);
    }
    metrics
}

/// The samples of a rendering: name and labels to value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            (sample.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn what_is_counted_is_told() {
    let metrics = used();
    let (call, connection) = (metrics.call(), metrics.connection());
    let text = metrics.render();
    assert!(text.ends_with("# EOF\n"));
    let told = samples(&text);
    for (sample, value) in [
        ("thresher_comments_total{site=\"news.example\",action=\"PUBLISH\"}", 1.0),
        ("thresher_comments_total{site=\"other\",action=\"PUBLISH\"}", 0.0),
        (
            "thresher_requests_total{rpc=\"ModerateComment\",site=\"news.example\",action=\"PUBLISH\",code=\"OK\"}",
            1.0,
        ),
        (
            "thresher_requests_total{rpc=\"BatchModerateComments\",site=\"\",action=\"\",code=\"INTERNAL\"}",
            1.0,
        ),
        ("thresher_request_duration_seconds_bucket{le=\"0.0001\",rpc=\"ModerateComment\"}", 1.0),
        ("thresher_request_duration_seconds_bucket{le=\"300.0\",rpc=\"BatchModerateComments\"}", 0.0),
        ("thresher_request_duration_seconds_bucket{le=\"+Inf\",rpc=\"BatchModerateComments\"}", 1.0),
        ("thresher_request_duration_seconds_sum{rpc=\"BatchModerateComments\"}", 900.0),
        ("thresher_phase_duration_seconds_count{phase=\"analyse\"}", 1.0),
        ("thresher_phase_duration_seconds_count{phase=\"total\"}", 1.0),
        ("thresher_score_bucket{le=\"+Inf\",attribute=\"SPAM\"}", 1.0),
        ("thresher_score_count{attribute=\"OFF_TOPIC\"}", 0.0),
        ("thresher_comment_languages_total{language=\"en\"}", 1.0),
        (
            "thresher_shadow_comments_total{site=\"news.example\",action=\"PUBLISH\",shadow_action=\"HOLD\"}",
            1.0,
        ),
        ("thresher_refusals_total{reason=\"OVERLOADED\"}", 1.0),
        ("thresher_thread_memo_total{outcome=\"hit\"}", 1.0),
        ("thresher_thread_memo_total{outcome=\"miss\"}", 0.0),
        ("thresher_calls_in_flight", 1.0),
        ("thresher_calls_limit", 8.0),
        ("thresher_connections_open", 1.0),
        ("thresher_connections_limit", 9.0),
        ("thresher_connections_total{outcome=\"accepted\"}", 1.0),
        ("thresher_connections_total{outcome=\"refused\"}", 1.0),
        ("thresher_reloads_total{what=\"policy\",outcome=\"failed\"}", 1.0),
        ("thresher_serving", 1.0),
    ] {
        assert_eq!(told.get(sample), Some(&value), "{sample} in\n{text}");
    }
    drop((call, connection));
    let told = samples(&metrics.render());
    assert_eq!((told["thresher_calls_in_flight"], told["thresher_connections_open"]), (0.0, 0.0));
}

#[test]
fn every_metric_is_described_with_its_labels_and_named_by_the_rules() {
    let metrics = used();
    let text = metrics.render();
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in samples(&text).keys() {
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
        let names = pairs.map(|pair| pair.split('=').next().unwrap().to_owned());
        told.entry(histogram.unwrap_or(name).to_owned())
            .or_default()
            .extend(names.filter(|name| name != "le"));
    }
    // Not every system tells all of the process.
    let trained = Model::shipped().unwrap().metadata().clone();
    let has_drift = !trained.languages.is_empty();
    let described = metrics.described().iter().filter(|metric| {
        if metric.name == "thresher_drift_index" && !has_drift {
            // A model of an older version, which does not say what it was trained on.
            return false;
        }
        cfg!(target_os = "linux") || !metric.name.starts_with("process_") || told.contains_key(metric.name)
    });
    let described: BTreeMap<String, BTreeSet<String>> = described
        .map(|metric| (metric.name.to_owned(), metric.labels.iter().map(|&label| label.to_owned()).collect()))
        .collect();
    assert_eq!(told, described);
    for Described { name, kind, labels, help } in metrics.described() {
        assert!(name.starts_with("thresher_") || name.starts_with("process_"), "{name}");
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
        let family = name.trim_end_matches("_total");
        let untold = name.starts_with("process_") || (*name == "thresher_drift_index" && !has_drift);
        assert!(text.contains(&format!("# TYPE {family} {kind}\n")) || untold, "{name}");
    }
}

#[test]
fn what_is_no_longer_in_use_is_no_longer_told() {
    let metrics = Metrics::new();
    let policies = |hold: &str| {
        let source = format!("[site.default]\nSPAM = {{ hold = {hold} }}\n[site.news]\n");
        Policies::parse(&source, "the test's policies").unwrap()
    };
    let versions = || {
        let told = samples(&metrics.render()).into_keys();
        told.filter(|sample| sample.starts_with("thresher_policy_info")).collect::<Vec<_>>()
    };
    metrics.set_policies(&policies("0.5"));
    let first = versions();
    assert_eq!(first.len(), 2);
    metrics.set_policies(&policies("0.6"));
    assert_eq!(versions().len(), 2);
    assert_ne!(versions(), first);
}
