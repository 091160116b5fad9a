//! The order of rules and reasons, held against a model of what
//! `docs/policy.md` says of it.

use super::parse;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::fmt::Write;
use thresher::attribute::Attribute;
use thresher::policy::{Action, Verdict};
use thresher::score::{Score, Scores, Unscored};
use thresher::signals::{Facts, Field, Value};

/// What a rule's condition comes to: true, false, or nobody can say.
type Truth = Option<bool>;

/// A rule as it is written.
#[derive(Clone, Debug)]
struct Written {
    name: usize,
    truth: Truth,
    action: Action,
    priority: i32,
    enabled: bool,
    shadow: bool,
    is_final: bool,
}

/// Rules of a few names: one that comes again takes the place of the first.
fn rule() -> impl Strategy<Value = Written> {
    let truth = prop_oneof![4 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)];
    let switches = (prop::bool::weighted(0.85), prop::bool::weighted(0.25), prop::bool::weighted(0.3));
    (0..12usize, truth, 0..5usize, -2..3i32, switches).prop_map(
        |(name, truth, action, priority, (enabled, shadow, is_final))| {
            // What publishes without being final is no rule.
            let action = Action::ALL[if is_final { action } else { action.max(1) }];
            Written { name, truth, action, priority, enabled, shadow, is_final }
        },
    )
}

/// The rules of one site, each of another name.
fn rules() -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec(rule(), 0..10).prop_map(|mut rules| {
        let mut names = Vec::new();
        rules.retain(|rule| {
            !names.contains(&rule.name) && {
                names.push(rule.name);
                true
            }
        });
        rules
    })
}

/// Thresholds in tenths, mildest first, as far as there are any.
type Tenths = [Option<u8>; 4];

fn thresholds() -> impl Strategy<Value = Tenths> {
    (prop::array::uniform4(1..=10u8), prop::array::uniform4(any::<bool>())).prop_map(|(mut tenths, set)| {
        tenths.sort_unstable();
        std::array::from_fn(|i| set[i].then_some(tenths[i]))
    })
}

/// A policy, and all that is known of a comment.
#[derive(Clone, Debug)]
struct Case {
    inherited: Vec<Written>,
    own: Vec<Written>,
    spam: (Tenths, u8),
    insult: (Tenths, u8),
    /// What is done when nobody can say what the thread is about.
    no_thread: Action,
    /// Whether what nobody says is for people to look at.
    queues: bool,
    approved: bool,
    staff: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let scored = || (thresholds(), 0..=10u8);
    let rest = (0..3usize, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    (rules(), rules(), scored(), scored(), rest).prop_map(
        |(inherited, own, spam, insult, (no_thread, queues, approved, staff))| {
            let no_thread = Action::ALL[no_thread];
            Case { inherited, own, spam, insult, no_thread, queues, approved, staff }
        },
    )
}

impl Case {
    fn source(&self) -> String {
        let mut source = format!(
            "[site.default]\nfail.context = \"{}\"\ntrust.approved_count = 5\nmissing.OFF_TOPIC = \"{}\"\n",
            if self.queues { "queue" } else { "open" },
            self.no_thread
        );
        for (attribute, (tenths, _)) in [("SPAM", self.spam), ("INSULT", self.insult)] {
            for (action, tenths) in ["flag", "hold", "reject", "discard"].iter().zip(tenths) {
                if let Some(tenths) = tenths {
                    let _ = writeln!(source, "{attribute}.{action} = {:.1}", f32::from(tenths) / 10.0);
                }
            }
        }
        write_rules("default", &self.inherited, &mut source);
        source.push_str("[site.forum]\n");
        write_rules("forum", &self.own, &mut source);
        source
    }

    fn decide(&self) -> Verdict {
        let tenths = |tenths: u8| Ok(Score::saturating(f32::from(tenths) / 10.0));
        let scores = Scores::from_fn(|attribute| match attribute {
            Attribute::Spam => tenths(self.spam.1),
            Attribute::Insult => tenths(self.insult.1),
            Attribute::OffTopic => Err(Unscored::NoThread),
            _ => Err(Unscored::NotRequested),
        });
        let approved = Value::Number(if self.approved { 5.0 } else { 4.0 });
        let facts = Facts::of_scores(&scores)
            .with(Field::AuthorApprovedCount, approved)
            .with(Field::AuthorIsStaff, Value::Bool(self.staff));
        let mut verdict = Verdict::default();
        parse(&self.source()).site("forum").decide_on(&scores, &facts, &mut verdict);
        verdict
    }

    /// The site's rules that are switched on: those inherited, each replaced in
    /// its place by the site's own of its name, then the rest of its own; by
    /// priority, and of one priority in that order.
    fn in_order(&self) -> Vec<&Written> {
        let own = |name| self.own.iter().find(|own| own.name == name);
        let first = self.inherited.iter().map(|rule| own(rule.name).unwrap_or(rule));
        let is_new = |own: &&Written| self.inherited.iter().all(|rule| rule.name != own.name);
        let all = first.chain(self.own.iter().filter(is_new));
        let mut all: Vec<&Written> = all.filter(|rule| rule.enabled).collect();
        all.sort_by_key(|rule| Reverse(rule.priority));
        all
    }

    fn expected(&self) -> Expected {
        let rules = self.in_order();
        let named = |rule: &Written| (format!("r{}", rule.name), rule.action);
        let is_true = |rule: &&Written| rule.truth == Some(true);
        let shadows = rules.iter().copied().filter(|rule| rule.shadow).filter(is_true).map(named).collect();
        let acting: Vec<&Written> = rules.into_iter().filter(|rule| !rule.shadow).collect();

        let settling = acting.iter().copied().filter(|rule| rule.is_final).find(is_true);
        let mut reasons: Vec<(String, Action)> = match settling {
            Some(rule) => vec![named(rule)],
            None => {
                let fired = acting.iter().copied().filter(|rule| !rule.is_final).filter(is_true);
                let missing = (self.no_thread > Action::Publish)
                    .then(|| ("OFF_TOPIC.missing".to_owned(), self.no_thread));
                let lacks = self.queues && acting.iter().any(|rule| rule.truth.is_none());
                let failed = lacks.then(|| ("fail.context".to_owned(), Action::Hold));
                let scored = [("SPAM", self.spam), ("INSULT", self.insult)];
                scored
                    .into_iter()
                    .filter_map(|(attribute, scored)| reached(attribute, scored))
                    .chain(missing)
                    .chain(fired.map(named))
                    .chain(failed)
                    .collect()
            }
        };
        // Of one action they stay as they are.
        reasons.sort_by_key(|(_, action)| Reverse(*action));
        let mut action = reasons.first().map_or(Action::Publish, |(_, action)| *action);
        let spares = |by: &str| Some((format!("trust.{by}"), Action::Flag));
        let spared = match () {
            () if self.staff && action > Action::Flag => spares("staff"),
            () if self.approved && action == Action::Hold && settling.is_none() => spares("approved"),
            () => None,
        };
        if let Some(spared) = spared {
            action = spared.1;
            reasons.push(spared);
        }
        Expected { action, reasons, shadows }
    }
}

#[derive(Debug, PartialEq)]
struct Expected {
    action: Action,
    reasons: Vec<(String, Action)>,
    shadows: Vec<(String, Action)>,
}

/// The most severe threshold that a score reaches.
fn reached(attribute: &str, (tenths, score): (Tenths, u8)) -> Option<(String, Action)> {
    let actions = Action::ALL[1..].iter().zip(tenths).rev();
    let mut reached = actions.filter(|(_, tenths)| tenths.is_some_and(|tenths| tenths <= score));
    reached.next().map(|(action, _)| (format!("{attribute}.{action}"), *action))
}

fn write_rules(site: &str, rules: &[Written], source: &mut String) {
    for rule in rules {
        let Written { name, truth, action, priority, enabled, shadow, is_final } = rule;
        let when = match truth {
            Some(truth) => format!("score.spam < 0.0 || {truth}"),
            None => "author.age_days < 1".to_owned(),
        };
        let mode = if *shadow { "shadow" } else { "act" };
        let _ = writeln!(
            source,
            "[[site.{site}.rules]]\nname = \"r{name}\"\nwhen = \"{when}\"\nthen = \"{action}\"\n\
             priority = {priority}\nenabled = {enabled}\nmode = \"{mode}\"\nfinal = {is_final}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Final rules first, then all that fires; most severe first, thresholds
    /// before rules, these by priority and file, and what is missing behind them.
    #[test]
    fn order_and_priorities_are_as_documented(case in case()) {
        let verdict = case.decide();
        let told = |reasons: &[thresher::policy::Reason]| {
            reasons.iter().map(|reason| (reason.rule.to_string(), reason.rule.action())).collect()
        };
        let found = Expected {
            action: verdict.action,
            reasons: told(&verdict.reasons),
            shadows: told(&verdict.shadow_reasons),
        };
        prop_assert_eq!(found, case.expected(), "{}", case.source());
    }
}
