//! An explanation lists everything that a policy looked at, and agrees with
//! the verdict.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use proptest::prelude::*;
use thresher::attribute::{Attribute, AttributeSet};
use thresher::comment::{Author, Claims, Comment};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Action, Check, Outcome, Policies, Seen, Verdict};
use thresher::score::{Score, Scores, Unscored};
use thresher::signals::{Facts, Field, Value};

const POLICY: &str = r#"
[lists.shops]
kind = "domains"
entries = ["shop.example"]
[lists.partners]
kind = "domains"
entries = ["good.shop.example"]
allow = true

[site.default]
SPAM = { flag = 0.5, hold = 0.8 }
INSULT = { hold = 0.9 }
missing = { OFF_TOPIC = "FLAG" }
[site.default.trust]
approved_count = 10
new_author_days = 7
new_author_margin = 0.25
[[site.default.rules]]
name = "editors"
when = "author.id == 'editor'"
then = "PUBLISH"
final = true
[[site.default.rules]]
name = "shops"
when = "list.shops"
then = "HOLD"
[[site.default.rules]]
name = "newcomers"
when = "author.age_days < 1 && comment.language == 'en'"
then = "HOLD"
[[site.default.rules]]
name = "trial"
when = "signal.links > 0"
then = "REJECT"
mode = "shadow"
[[site.default.rules]]
name = "off"
when = "false"
then = "HOLD"
enabled = false
"#;

fn policies() -> Policies {
    Policies::parse(POLICY, "p.toml").unwrap()
}

fn checks(author: Author<'_>, text: &str) -> (Verdict, Vec<Check>) {
    checks_under(&policies(), author, text)
}

fn checks_under(policies: &Policies, author: Author<'_>, text: &str) -> (Verdict, Vec<Check>) {
    let moderator = Moderator::new(Model::shipped().unwrap());
    let context = Claims { author, ..Claims::default() }.check().unwrap();
    let comment = Comment::new(text, 1_000).unwrap().with_context(context);
    let ask = Ask { attributes: AttributeSet::ALL, explain: true };
    let mut scratch = Scratch::default();
    let assessment = moderator.assess(&comment, None, policies.site(""), ask, &mut scratch);
    (assessment.verdict.clone(), assessment.checks.clone())
}

fn find<'c>(checks: &'c [Check], rule: &str) -> &'c Check {
    checks.iter().find(|check| check.rule == rule).unwrap_or_else(|| panic!("no {rule} in {checks:#?}"))
}

#[test]
fn every_rule_says_why_it_fired_or_did_not() {
    let author = Author { author_id: "reader", approved_count: Some(3), ..Author::default() };
    let (verdict, checks) = checks(author, "Roses at https://good.shop.example/roses are lovely this year.");
    let order: Vec<&str> = checks.iter().map(|check| check.rule.as_str()).collect();
    assert_eq!(order[0], "editors");
    assert_eq!(order[4..], ["shops", "newcomers", "trial", "trust.new_author", "trust.approved", "off"]);

    let editors = find(&checks, "editors");
    assert_eq!((editors.outcome, editors.holds), (Outcome::NotMet, Some(false)));
    // The author is told by the length of their name alone.
    assert_eq!(editors.values, [("author.id".to_owned(), Seen::Text(6))]);
    let insult = find(&checks, "INSULT.HOLD");
    assert_eq!((insult.outcome, insult.attribute), (Outcome::NotMet, Some(Attribute::Insult)));
    assert!(insult.message.contains("is below the HOLD threshold 0.9"), "{}", insult.message);
    assert_eq!(find(&checks, "OFF_TOPIC.missing").outcome, Outcome::Fired);

    let shops = find(&checks, "shops");
    assert_eq!(shops.outcome, Outcome::NotMet);
    assert_eq!(shops.message, "the condition is false; an allow list holds back shops: shop.example");
    let newcomers = find(&checks, "newcomers");
    assert_eq!((newcomers.outcome, newcomers.holds), (Outcome::Unknown, None));
    assert_eq!(newcomers.message, "the condition is unknown: author.age_days is");
    assert_eq!(newcomers.values[1], ("comment.language".to_owned(), Seen::Language("en".into())));
    let trial = find(&checks, "trial");
    assert_eq!((trial.outcome, trial.action), (Outcome::FiredInShadow, Some(Action::Reject)));
    assert_eq!(find(&checks, "trust.new_author").outcome, Outcome::NotMet);
    let approved = find(&checks, "trust.approved");
    assert_eq!(approved.message, "the author has 3 approved comments, not 10");
    assert_eq!(find(&checks, "off").outcome, Outcome::Disabled);
    assert_eq!(verdict.action, Action::Flag);
}

#[test]
fn what_a_condition_only_asks_for_is_shown_too() {
    let rule = "[site.default]\n[[site.default.rules]]\nname = \"asking\"\nthen = \"HOLD\"\n\
                when = \"has(author.approved_count) && !has(author.url) && author.age_days < 1\"\n";
    let author = Author { approved_count: Some(3), ..Author::default() };
    let (_, checks) = checks_under(&Policies::parse(rule, "p.toml").unwrap(), author, "Lovely roses.");
    let asking = find(&checks, "asking");
    let value =
        |name: &str| asking.values.iter().find(|(field, _)| field == name).map(|(_, seen)| seen.clone());
    assert_eq!(value("author.approved_count"), Some(Seen::Number(3.0)));
    assert_eq!(value("author.url"), Some(Seen::Unknown));
    assert_eq!(asking.values.len(), 3);
    // It is no reason why the condition is unknown.
    assert_eq!(asking.message, "the condition is unknown: author.age_days is");
}

#[test]
fn what_a_final_rule_settles_is_told() {
    let author = Author { author_id: "editor", approved_count: Some(0), ..Author::default() };
    let (verdict, checks) = checks(author, "Visit https://shop.example/a and see for yourself.");
    assert_eq!(verdict.action, Action::Publish);
    assert_eq!(find(&checks, "editors").outcome, Outcome::Fired);
    for rule in ["INSULT.HOLD", "shops", "newcomers", "trust.new_author"] {
        let check = find(&checks, rule);
        assert_eq!(check.outcome, Outcome::Settled, "{check:?}");
        assert_eq!(check.message, "not looked at: rule editors is final and settled the action");
    }
    // What it would have said is there all the same.
    assert_eq!(find(&checks, "shops").holds, Some(true));
    assert_eq!(find(&checks, "trial").outcome, Outcome::FiredInShadow);
}

#[test]
fn a_new_author_meets_lower_thresholds() {
    let policies = policies();
    let scores = Scores::from_fn(|_| Ok(Score::saturating(0.6)));
    let facts = Facts::of_scores(&scores).with(Field::AuthorApprovedCount, Value::Number(0.0));
    let checks = policies.site("").explain(&scores, &facts);
    let spam = find(&checks, "SPAM.HOLD");
    assert_eq!((spam.outcome, spam.threshold), (Outcome::Fired, Score::new(0.55)));
    assert_eq!(find(&checks, "trust.new_author").outcome, Outcome::Fired);
    let staff = facts.with(Field::AuthorIsStaff, Value::Bool(true));
    let checks = policies.site("").explain(&scores, &staff);
    let staff = find(&checks, "trust.staff");
    assert_eq!((staff.outcome, staff.message.as_str()), (Outcome::Fired, "HOLD becomes FLAG"));
}

proptest! {
    /// Any rules, scores and facts: what fired is what the verdict has for
    /// reasons, in shadow or not, and every rule is there once.
    #[test]
    fn an_explanation_agrees_with_the_verdict(
        rules in prop::collection::vec(
            (1..5usize, -1..2i32, any::<bool>(), 0..4usize, any::<bool>(), any::<bool>()), 0..7
        ),
        spam in prop::option::of(0.0f32..=1.0),
        links in prop::option::of(0..4u32),
        approved in prop::option::of(0..4u32),
        staff in any::<bool>(),
    ) {
        let conditions = [
            "signal.links > 1",
            "author.approved_count < 2 && signal.links > 0",
            "score.spam > 0.4",
            "!has(author.approved_count) || signal.links / author.approved_count > 1",
        ];
        let mut source = String::from(
            "[site.default]\nSPAM = { flag = 0.3, hold = 0.6, reject = 0.9 }\nmissing = { SPAM = 'HOLD' }\n\
             trust = { approved_count = 2, new_author_margin = 0.1 }\n"
        );
        for (i, (action, priority, is_final, condition, shadow, enabled)) in rules.iter().enumerate() {
            source.push_str(&format!(
                "[[site.default.rules]]\nname = \"r{i}\"\nwhen = \"{}\"\nthen = \"{}\"\nenabled = {enabled}\n\
                 priority = {priority}\nfinal = {is_final}\nmode = \"{}\"\n",
                conditions[*condition], Action::ALL[*action], if *shadow { "shadow" } else { "act" },
            ));
        }
        let policies = Policies::parse(&source, "p.toml").unwrap();
        let scores = Scores::from_fn(|attribute| match attribute {
            Attribute::Spam => spam.map(Score::saturating).ok_or(Unscored::NotTrained),
            _ => Err(Unscored::NotRequested),
        });
        let number = |value: Option<u32>| value.map_or(Value::Unknown, |value| Value::Number(value.into()));
        let facts = Facts::of_scores(&scores)
            .with(Field::Links, number(links))
            .with(Field::AuthorApprovedCount, number(approved))
            .with(Field::AuthorIsStaff, Value::Bool(staff));
        let policy = policies.site("");
        let mut verdict = Verdict::default();
        policy.decide_on(&scores, &facts, &mut verdict);
        let checks = policy.explain(&scores, &facts);

        let with = |outcome: Outcome| {
            let named = checks.iter().filter(|check| check.outcome == outcome);
            let mut names: Vec<String> = named.map(|check| check.rule.clone()).collect();
            names.retain(|name| name != "trust.new_author");
            names.sort();
            names
        };
        let reasons = |reasons: &[thresher::policy::Reason]| {
            let mut names: Vec<String> = reasons.iter().map(|reason| reason.rule.to_string()).collect();
            names.sort();
            names
        };
        prop_assert_eq!(with(Outcome::Fired), reasons(&verdict.reasons));
        prop_assert_eq!(with(Outcome::FiredInShadow), reasons(&verdict.shadow_reasons));
        for i in 0..rules.len() {
            prop_assert_eq!(checks.iter().filter(|check| check.rule == format!("r{i}")).count(), 1);
        }
        for check in checks {
            prop_assert!(!check.message.is_empty());
        }
    }
}
