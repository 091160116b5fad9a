//! What a policy says to what is missing.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use proptest::prelude::*;
use thresher::attribute::Attribute;
use thresher::policy::{Action, FailMode, Outcome, Policies, Rule, Verdict};
use thresher::score::{Score, Scores, Unscored};
use thresher::signals::{Facts, Field, Value};

fn parse(fail: &str) -> Policies {
    let source = format!(
        r#"
[site.default]
SPAM = {{ flag = 0.3, hold = 0.6, reject = 0.9 }}
OFF_TOPIC = {{ flag = 0.5 }}
fail = {{ {fail} }}
trust = {{ approved_count = 3 }}
[[site.default.rules]]
name = "young"
when = "author.age_days < 1"
then = "FLAG"
[[site.default.rules]]
name = "trial"
when = "client.referrer == 'a'"
then = "REJECT"
mode = "shadow"
"#
    );
    Policies::parse(&source, "p.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn decide(policies: &Policies, scores: &Scores, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    policies.site("").decide_on(scores, facts, &mut verdict);
    verdict
}

#[test]
fn the_file_is_read_inherited_and_checked() {
    let fail = |source: &str| Policies::parse(source, "p.toml").map(|policies| *policies.site("a").fail());
    let read = fail(
        "[site.default]\nfail = { model = \"queue\", deadline_ms = 250 }\n[site.a]\nfail.context = \"error\"",
    )
    .unwrap();
    assert_eq!((read.model, read.context), (FailMode::Queue, FailMode::Error));
    assert_eq!(read.deadline.unwrap().as_millis(), 250);
    let off = fail("[site.default]\nfail.deadline_ms = 250\n[site.a]\nfail.deadline_ms = false");
    assert_eq!(off.unwrap().deadline, None);
    let wrong = fail(
        "[site.default]\nfail.model = \"queu\"\nfail.context = 1\nfail.deadline_ms = 0\nfail.modell = 1",
    );
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "p.toml:2:14: unknown fail mode `queu`; did you mean `queue`?
p.toml:3:16: `context` must be a string, not an integer
p.toml:4:20: `deadline_ms` is 0, outside 1..=60000
p.toml:5:6: unknown key `modell`; did you mean `model`?"
    );
    // Two policies that answer alike have one version.
    let version = |fail: &str| parse(fail).site("").version().to_owned();
    assert_eq!(version("context = \"open\""), version(""));
    assert_ne!(version("context = \"queue\""), version(""));
}

#[test]
fn without_a_model_the_policy_says_what_to_answer() {
    let none = Scores::from_fn(|_| Err(Unscored::NoModel));
    let facts = Facts::of_scores(&none).with(Field::AuthorAgeDays, Value::Number(0.5));
    for (mode, action) in [("open", Action::Flag), ("queue", Action::Hold), ("error", Action::Hold)] {
        let verdict = decide(&parse(&format!("model = \"{mode}\"")), &none, &facts);
        // The rule that needs no score counts.
        assert_eq!(verdict.action, action, "{mode}");
        let names: Vec<String> = verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect();
        assert!(names.contains(&"young".to_owned()) && names.contains(&"fail.model".to_owned()), "{names:?}");
    }
    // Those who are trusted are spared here too.
    let approved = facts.with(Field::AuthorApprovedCount, Value::Number(5.0));
    assert_eq!(decide(&parse("model = \"queue\""), &none, &approved).action, Action::Flag);
}

#[test]
fn a_field_that_is_only_asked_whether_it_is_there_is_never_missed() {
    let source = "[site.default]\nfail.context = \"queue\"\n[[site.default.rules]]\nname = \"stray\"\n\
                  when = \"has(author.url) || score.off_topic > 0.9\"\nthen = \"HOLD\"\n";
    let policies = Policies::parse(source, "p.toml").unwrap();
    let scores = Scores::from_fn(|_| Err(Unscored::NoThread));
    let facts = Facts::of_scores(&scores);
    assert_eq!(decide(&policies, &scores, &facts).action, Action::Publish);
    let taken = source.replace("has(author.url)", "author.url == 'a'");
    let policies = Policies::parse(&taken, "p.toml").unwrap();
    assert_eq!(decide(&policies, &scores, &facts).action, Action::Hold);
}

proptest! {
    /// What is missing never makes an action milder, raising a score never
    /// does, and the explanation says the same as the verdict.
    #[test]
    fn missing_things_make_no_action_milder(
        low in 0.0f32..=1.0, high in 0.0f32..=1.0,
        context in 0..3usize, age in prop::option::of(0.0f64..3.0), in_thread in any::<bool>(),
    ) {
        let mode = FailMode::ALL[context];
        let (open, policies) = (parse(""), parse(&format!("context = \"{}\"", mode.name())));
        let (low, high) = (low.min(high), low.max(high));
        let verdict = |policies: &Policies, spam| {
            let scores = Scores::from_fn(|attribute| match attribute {
                Attribute::Spam => Ok(Score::saturating(spam)),
                Attribute::OffTopic if !in_thread => Err(Unscored::NoThread),
                _ => Ok(Score::saturating(0.0)),
            });
            let age = age.map_or(Value::Unknown, Value::Number);
            let facts = Facts::of_scores(&scores).with(Field::AuthorAgeDays, age);
            let verdict = decide(policies, &scores, &facts);
            let checks = policies.site("").explain(&scores, &facts);
            let told = checks.iter().any(|c| c.rule == "fail.context" && c.outcome == Outcome::Fired);
            let is_reason = verdict.reasons.iter().any(|reason| matches!(reason.rule, Rule::Failed(..)));
            assert_eq!(told, is_reason);
            verdict.action
        };
        prop_assert!(verdict(&policies, low) <= verdict(&policies, high));
        let (found, without) = (verdict(&policies, low), verdict(&open, low));
        let is_missing = mode != FailMode::Open && (age.is_none() || !in_thread);
        prop_assert_eq!(found, if is_missing { without.max(Action::Hold) } else { without });
    }
}
