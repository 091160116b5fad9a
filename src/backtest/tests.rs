use super::*;
use crate::attribute::Attribute;
use crate::comment::{Author, Claims, Comment};
use crate::policy::{Action, Policies};
use crate::score::{Score, Unscored};
use crate::signals::Facts;
use proptest::prelude::*;
use std::fmt::Write;

use Action::{Discard, Flag, Hold, Publish, Reject};

fn policy(source: &str) -> Policies {
    Policies::parse(&format!("[site.default]\n{source}"), "policy.toml").unwrap()
}

/// Scores of SPAM and INSULT; there is no OFF_TOPIC, and the rest are 0.
fn scores(spam: f32, insult: f32) -> Scores {
    let mut scores = Scores::from_fn(|_| Ok(Score::saturating(0.0)));
    scores[Attribute::Spam] = Ok(Score::saturating(spam));
    scores[Attribute::Insult] = Ok(Score::saturating(insult));
    scores[Attribute::OffTopic] = Err(Unscored::NoThread);
    scores
}

fn labels(known: &[(&str, f64)]) -> Labels {
    Labels::new(&known.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
}

const OLD: &str = "SPAM = { flag = 0.5, hold = 0.8, reject = 0.9 }\nINSULT = { hold = 0.7 }";
/// SPAM is held later and INSULT flagged first.
const NEW: &str = "SPAM = { flag = 0.5, hold = 0.85, discard = 0.95 }\nINSULT = { flag = 0.4, hold = 0.7 }";

/// Ten comments: their scores, their labels, and their action before and now.
fn comments() -> Vec<(Scores, Labels, Action, Action)> {
    vec![
        (scores(0.10, 0.10), labels(&[("spam", 0.0), ("insult", 0.0)]), Publish, Publish),
        (scores(0.82, 0.10), labels(&[("spam", 0.0)]), Hold, Flag),
        (scores(0.83, 0.10), labels(&[("spam", 1.0)]), Hold, Flag),
        (scores(0.92, 0.10), labels(&[("spam", 1.0)]), Reject, Hold),
        (scores(0.96, 0.10), labels(&[]), Reject, Discard),
        (scores(0.10, 0.50), labels(&[("insult", 0.4)]), Publish, Flag),
        (scores(0.10, 0.75), labels(&[("spam", 0.0)]), Hold, Hold),
        (scores(0.88, 0.75), labels(&[("spam", 0.0), ("insult", 0.0)]), Hold, Hold),
        (scores(0.10, 0.10), labels(&[("threat", 0.5)]), Publish, Publish),
        // Held for what it is not, but bad all the same.
        (scores(0.10, 0.90), labels(&[("insult", 0.0), ("off_topic", 1.0)]), Hold, Hold),
    ]
}

fn counted(old: &str, new: &str) -> Counts {
    let (old, new) = (policy(old), policy(new));
    let mut backtest = Backtest::new(old.site(""), new.site(""));
    for (scores, labels, before, now) in comments() {
        let verdicts = backtest.replay(&scores, &scores, &labels);
        assert_eq!((verdicts.old.action, verdicts.new.action), (before, now), "{scores:?}");
    }
    backtest.into_counts()
}

#[test]
fn the_matrix_holds_every_comment_once() {
    let counts = counted(OLD, NEW);
    let expected = |old, new| match (old, new) {
        (Publish, Publish) | (Hold, Flag) => 2,
        (Hold, Hold) => 3,
        (Reject, Hold) | (Reject, Discard) | (Publish, Flag) => 1,
        _ => 0,
    };
    for old in Action::ALL {
        for new in Action::ALL {
            assert_eq!(counts.moved(old, new), expected(old, new), "{old} {new}");
        }
    }
    assert_eq!((counts.comments(), counts.stricter(), counts.milder()), (10, 2, 3));
    assert_eq!(counts.action(Hold), Side { old: 5, new: 4 });
    // 5 held before; 3 flagged and 4 held now.
    assert_eq!(counts.queued(), Side { old: 5, new: 7 });
}

#[test]
fn precision_and_recall_leave_out_what_is_unknown() {
    let held = *counted(OLD, NEW).held();
    // Before: comments 2 to 5, 7, 8 and 10 are held or worse. 3, 4 and 10 are
    // bad; 2 and 8 are not; of 5 nothing is known, and 7 was held for INSULT,
    // of which nothing is known. 9 is bad and was not held.
    assert_eq!(held.old, Outcome { right: 3, wrong: 2, unknown: 2, missed: 1 });
    assert_eq!((held.old.picked(), held.old.precision(), held.old.recall()), (7, Some(0.6), Some(0.75)));
    // Now 2 and 3 are shown.
    assert_eq!(held.new, Outcome { right: 2, wrong: 1, unknown: 2, missed: 2 });
    assert_eq!((held.new.precision(), held.new.recall()), (Some(2.0 / 3.0), Some(0.5)));
    assert_eq!((Outcome::default().precision(), Outcome::default().recall()), (None, None));
}

#[test]
fn a_threshold_is_held_against_the_labels_of_its_own_attribute() {
    let counts = counted(OLD, NEW);
    let hold = counts.threshold(Attribute::Spam, Hold);
    // 0.82, 0.83, 0.88, 0.92 and 0.96 reach 0.8, though two of them are
    // rejected; the last has no label.
    assert_eq!(hold.fired.old, Outcome { right: 2, wrong: 2, unknown: 1, missed: 0 });
    assert_eq!(hold.fired.new, Outcome { right: 1, wrong: 1, unknown: 1, missed: 1 });
    assert_eq!((hold.stricter, hold.milder), (0, 2));
    let reject = counts.threshold(Attribute::Spam, Reject);
    assert_eq!(
        reject.fired,
        Side { old: Outcome { right: 1, wrong: 0, unknown: 1, missed: 1 }, new: Outcome::default() }
    );
    assert_eq!((reject.stricter, reject.milder), (0, 1));
    assert_eq!(counts.threshold(Attribute::Spam, Discard).stricter, 1);
    let flag = counts.threshold(Attribute::Insult, Flag);
    assert_eq!(
        flag.fired,
        Side { old: Outcome::default(), new: Outcome { right: 0, wrong: 3, unknown: 1, missed: 0 } }
    );
    assert_eq!((flag.stricter, flag.milder), (1, 0));
}

#[test]
fn a_missing_score_is_a_rule_of_its_own() {
    let counts = counted_actions(OLD, &format!("{OLD}\nmissing = {{ OFF_TOPIC = \"FLAG\" }}"));
    let missing = counts.missing(Attribute::OffTopic);
    assert_eq!(missing.fired.old.picked(), 0);
    assert_eq!(missing.fired.new, Outcome { right: 1, wrong: 0, unknown: 9, missed: 0 });
    // The three that were published; the others have a better reason.
    assert_eq!((missing.stricter, counts.stricter(), counts.milder()), (3, 3, 0));
}

fn counted_actions(old: &str, new: &str) -> Counts {
    let (old, new) = (policy(old), policy(new));
    let mut backtest = Backtest::new(old.site(""), new.site(""));
    for (scores, labels, ..) in comments() {
        backtest.replay(&scores, &scores, &labels);
    }
    backtest.into_counts()
}

#[test]
fn two_models_are_decided_each_on_its_own_scores() {
    let policy = policy(OLD);
    let mut backtest = Backtest::new(policy.site(""), policy.site(""));
    let verdicts = backtest.replay(&scores(0.1, 0.1), &scores(0.95, 0.1), &labels(&[("spam", 1.0)]));
    assert_eq!((verdicts.old.action, verdicts.new.action), (Publish, Reject));
    let held = *backtest.into_counts().held();
    assert_eq!((held.old.missed, held.new.right), (1, 1));
}

#[test]
fn parts_add_up_to_the_whole() {
    let (old, new) = (policy(OLD), policy(NEW));
    let mut sum = Counts::default();
    for part in comments().chunks(3) {
        let mut backtest = Backtest::new(old.site(""), new.site(""));
        for (scores, labels, ..) in part {
            backtest.replay(scores, scores, labels);
        }
        sum.merge(&backtest.into_counts());
    }
    assert_eq!(sum, counted(OLD, NEW));
}

#[test]
fn labels_are_counted_by_attribute() {
    let mut counts = LabelCounts::default();
    for (_, labels, ..) in comments() {
        counts.add(&labels);
    }
    assert_eq!((counts.comments, counts.bad, counts.unlabelled), (10, 4, 1));
    assert_eq!(counts.by_attribute[Attribute::Spam], (6, 2));
    assert_eq!(counts.by_attribute[Attribute::Threat], (1, 1));
    let mut twice = counts;
    twice.merge(&counts);
    assert_eq!((twice.comments, twice.by_attribute[Attribute::Insult]), (20, (8, 0)));
}

/// Thresholds that are lower for newcomers, a final rule, and what is missing.
const DECIDED: &str = r#"
SPAM = { flag = 0.5, hold = 0.8 }
OFF_TOPIC = { flag = 0.9 }
missing = { OFF_TOPIC = "FLAG" }
trust = { new_author_margin = 0.2 }
[[site.default.rules]]
name = "friends"
when = "author.approved_count > 5"
then = "PUBLISH"
final = true
"#;

#[test]
fn rules_count_what_they_decided() {
    let (old, new) = (policy(""), policy(DECIDED));
    let mut backtest = Backtest::new(old.site(""), new.site(""));
    for (spam, approved) in [(0.7, Some(0)), (0.7, None), (0.95, Some(9))] {
        let scores = scores(spam, 0.0);
        let author = Author { approved_count: approved, ..Author::default() };
        let claims = Claims { author, ..Claims::default() };
        let comment = Comment::new("text", 10).unwrap().with_context(claims.check().unwrap());
        backtest.replay_with(Side { old: &scores, new: &scores }, &labels(&[]), |policy, scores, verdict| {
            policy.decide_on(scores, &Facts::of_author(&comment, scores), verdict);
        });
    }
    let counts = backtest.into_counts();
    let reached = |action| counts.threshold(Attribute::Spam, action).fired.new.picked();
    // The newcomer is held below 0.8, and nobody asked about the friend.
    assert_eq!((reached(Flag), reached(Hold)), (2, 1));
    assert_eq!(counts.missing(Attribute::OffTopic).fired.new.picked(), 2);
    assert_eq!(counts.named()["friends"].fired.new.picked(), 1);
    let hold = counts.threshold(Attribute::Spam, Hold);
    assert_eq!((hold.stricter, hold.queued), (1, Side { old: 0, new: 1 }));
    assert_eq!(counts.queued().new, 2);
}

fn any_scores() -> impl Strategy<Value = Vec<Scores>> {
    let score = prop_oneof![
        8 => (0.0f32..=1.0).prop_map(|score| Ok(Score::saturating(score))),
        1 => Just(Err(Unscored::NoThread)),
    ];
    let one = prop::collection::vec(score, Attribute::COUNT);
    prop::collection::vec(one.prop_map(|all| Scores::from_fn(|a| all[a.index()])), 1..30)
}

/// Percentages from which each attribute is flagged, held and rejected.
type Limits = Vec<[u32; 3]>;

fn any_limits() -> impl Strategy<Value = Limits> {
    let sorted = prop::array::uniform3(0u32..=100).prop_map(|mut limits| {
        limits.sort_unstable();
        limits
    });
    prop::collection::vec(sorted, Attribute::COUNT)
}

fn written(limits: &Limits) -> Policies {
    let mut source = String::new();
    for (attribute, limits) in Attribute::ALL.into_iter().zip(limits) {
        let [flag, hold, reject] = limits.map(|percent| f64::from(percent) / 100.0);
        writeln!(source, "{attribute} = {{ flag = {flag}, hold = {hold}, reject = {reject} }}").unwrap();
    }
    policy(&source)
}

fn replayed(old: &Limits, new: &Limits, all: &[Scores]) -> Counts {
    let (old, new) = (written(old), written(new));
    let mut backtest = Backtest::new(old.site(""), new.site(""));
    for scores in all {
        backtest.replay(scores, scores, &Labels::default());
    }
    backtest.into_counts()
}

proptest! {
    #[test]
    fn a_policy_against_itself_changes_nothing(limits in any_limits(), all in any_scores()) {
        let counts = replayed(&limits, &limits, &all);
        prop_assert_eq!((counts.stricter(), counts.milder()), (0, 0));
        prop_assert_eq!(counts.comments(), all.len() as u64);
        prop_assert_eq!(counts.held().old, counts.held().new);
        for attribute in Attribute::ALL {
            for action in Action::ALL {
                let rule = counts.threshold(attribute, action);
                prop_assert_eq!(rule.fired.old, rule.fired.new);
                prop_assert_eq!((rule.stricter, rule.milder), (0, 0));
            }
        }
    }

    #[test]
    fn raising_a_threshold_never_makes_an_action_more_severe(
        limits in any_limits(),
        all in any_scores(),
        attribute in 0..Attribute::COUNT,
        which in 0usize..3,
        by in 1u32..=100,
    ) {
        let mut raised = limits.clone();
        // No further than to the next threshold, or the file would be refused.
        let ceiling = raised[attribute].get(which + 1).copied().unwrap_or(100);
        raised[attribute][which] = (raised[attribute][which] + by).min(ceiling);
        let up = replayed(&limits, &raised, &all);
        prop_assert_eq!(up.stricter(), 0);
        let down = replayed(&raised, &limits, &all);
        prop_assert_eq!((down.milder(), down.stricter()), (0, up.milder()));
        // Every comment to review has one first reason, which fired.
        let rules = || {
            let of = |a: &Attribute| Action::ALL.map(|action| *up.threshold(*a, action));
            Attribute::ALL.iter().flat_map(of).collect::<Vec<_>>()
        };
        let queued = |of: fn(&RuleCounts) -> u64| rules().iter().map(of).sum::<u64>();
        let all = Side { old: queued(|rule| rule.queued.old), new: queued(|rule| rule.queued.new) };
        prop_assert_eq!(all, up.queued());
        prop_assert!(rules().iter().all(|rule| rule.queued.new <= rule.fired.new.picked()));
        prop_assert!(rules().iter().all(|rule| rule.milder <= rule.fired.old.picked()));
        // Every change has one first reason.
        let milder = Attribute::ALL.iter().flat_map(|a| Action::ALL.map(|action| up.threshold(*a, action).milder));
        prop_assert_eq!(milder.sum::<u64>(), up.milder());
    }
}
