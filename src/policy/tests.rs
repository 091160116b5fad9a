use super::*;
use proptest::prelude::*;

fn score(value: f32) -> Score {
    Score::new(value).unwrap()
}

/// SPAM at all four, INSULT at two, a missing OFF_TOPIC held.
fn policy() -> SitePolicy {
    let mut thresholds = PerAttribute::<Thresholds>::default();
    thresholds[Attribute::Spam] = Thresholds {
        flag: Some(score(0.5)),
        hold: Some(score(0.8)),
        reject: Some(score(0.9)),
        discard: Some(score(0.99)),
    };
    thresholds[Attribute::Insult] =
        Thresholds { flag: Some(score(0.5)), reject: Some(score(0.9)), ..Thresholds::default() };
    let mut missing = PerAttribute::<Action>::default();
    missing[Attribute::OffTopic] = Action::Hold;
    SitePolicy::new(thresholds, missing)
}

fn scores(of: &[(Attribute, f32)]) -> Scores {
    let mut scores = Scores::from_fn(|_| Ok(score(0.0)));
    for (attribute, value) in of {
        scores[*attribute] = Ok(score(*value));
    }
    scores
}

fn decide(policy: &SitePolicy, scores: &Scores) -> Verdict {
    let mut verdict = Verdict::default();
    policy.decide(scores, &mut verdict);
    verdict
}

#[test]
fn the_threshold_itself_is_reached() {
    let cases = [
        (0.0, Action::Publish),
        (0.499_999, Action::Publish),
        (0.5, Action::Flag),
        (0.8, Action::Hold),
        (0.899, Action::Hold),
        (0.9, Action::Reject),
        (0.99, Action::Discard),
        (1.0, Action::Discard),
    ];
    for (value, action) in cases {
        let verdict = decide(&policy(), &scores(&[(Attribute::Spam, value)]));
        assert_eq!(verdict.action, action, "{value}");
        assert_eq!(verdict.reasons.len(), usize::from(action != Action::Publish), "{value}");
    }
    // INSULT has no HOLD.
    assert_eq!(decide(&policy(), &scores(&[(Attribute::Insult, 0.89)])).action, Action::Flag);
}

#[test]
fn each_attribute_gives_one_reason_the_most_severe_first() {
    let mut scores = scores(&[(Attribute::Spam, 0.6), (Attribute::Insult, 0.95)]);
    scores[Attribute::OffTopic] = Err(Unscored::NoThread);
    let verdict = decide(&policy(), &scores);
    assert_eq!(verdict.action, Action::Reject);
    let rules: Vec<String> = verdict.reasons.iter().map(|r| r.rule.to_string()).collect();
    assert_eq!(rules, ["INSULT.REJECT", "OFF_TOPIC.missing", "SPAM.FLAG"]);
    assert_eq!(verdict.reasons[0].score, Some(score(0.95)));
    assert_eq!(verdict.reasons[0].threshold, Some(score(0.9)));
    assert_eq!((verdict.reasons[1].score, verdict.reasons[1].threshold), (None, None));
}

#[test]
fn what_was_not_asked_for_is_not_missing() {
    for (why, action) in [
        (Unscored::NotRequested, Action::Publish),
        (Unscored::NoThread, Action::Hold),
        (Unscored::NotTrained, Action::Hold),
    ] {
        let mut scores = scores(&[]);
        scores[Attribute::OffTopic] = Err(why);
        assert_eq!(decide(&policy(), &scores).action, action, "{why}");
        // The policy names no action for SPAM without a score.
        scores[Attribute::OffTopic] = Ok(score(0.0));
        scores[Attribute::Spam] = Err(why);
        assert_eq!(decide(&policy(), &scores), Verdict::default(), "{why}");
    }
}

#[test]
fn nothing_of_an_earlier_verdict_is_left() {
    let mut verdict = decide(&policy(), &scores(&[(Attribute::Spam, 1.0), (Attribute::Insult, 1.0)]));
    for reason in &mut verdict.reasons {
        reason.spans.push(Span { begin: 0, end: 4, weight: 1.0 });
    }
    let next = scores(&[(Attribute::Insult, 0.6)]);
    policy().decide(&next, &mut verdict);
    assert_eq!(verdict, decide(&policy(), &next));
    policy().decide(&scores(&[]), &mut verdict);
    assert_eq!(verdict, Verdict::default());
}

#[test]
fn the_memory_of_a_verdict_is_reused() {
    let mut verdict = decide(&policy(), &scores(&[(Attribute::Spam, 1.0)]));
    let at = verdict.reasons.as_ptr();
    let every = Scores::from_fn(|_| Ok(score(1.0)));
    let mut strict = policy();
    strict.thresholds = PerAttribute::from_fn(|_| strict.thresholds[Attribute::Spam]);
    strict.decide(&every, &mut verdict);
    assert_eq!(verdict.reasons.len(), Attribute::COUNT);
    assert_eq!(verdict.reasons.as_ptr(), at);
}

#[test]
fn the_version_follows_what_is_decided() {
    let mut other = policy();
    other.thresholds[Attribute::Threat].hold = Some(score(0.7));
    let mut third = policy();
    third.missing[Attribute::OffTopic] = Action::Flag;
    let versions = [policy(), other, third].map(|p| version(&p));
    assert!(versions[0] != versions[1] && versions[0] != versions[2] && versions[1] != versions[2]);
    // Pinned: operators compare versions across servers and releases.
    assert_eq!(versions[0], "c59751157a0c");
}

fn any_score() -> impl Strategy<Value = Score> {
    prop_oneof![0.0f32..=1.0, Just(0.0), Just(1.0)].prop_map(Score::saturating)
}

fn any_result() -> impl Strategy<Value = Result<Score, Unscored>> {
    prop_oneof![
        4 => any_score().prop_map(Ok),
        1 => Just(Err(Unscored::NotRequested)),
        1 => Just(Err(Unscored::NoThread)),
        1 => Just(Err(Unscored::NotTrained)),
    ]
}

prop_compose! {
    fn any_scores()(all in prop::collection::vec(any_result(), Attribute::COUNT)) -> Scores {
        Scores::from_fn(|a| all[a.index()])
    }
}

prop_compose! {
    fn any_policy()(
        limits in prop::collection::vec(prop::array::uniform4(prop::option::of(any_score())), Attribute::COUNT),
        missing in prop::collection::vec(prop::sample::select(&Action::ALL[..]), Attribute::COUNT),
    ) -> SitePolicy {
        let thresholds = PerAttribute::from_fn(|a: Attribute| {
            let mut sorted = limits[a.index()];
            sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let [flag, hold, reject, discard] = sorted;
            Thresholds { flag, hold, reject, discard }
        });
        SitePolicy::new(thresholds, PerAttribute::from_fn(|a: Attribute| missing[a.index()]))
    }
}

proptest! {
    #[test]
    fn every_scores_get_a_verdict_that_its_reasons_explain(policy in any_policy(), scores in any_scores()) {
        let verdict = decide(&policy, &scores);
        let actions: Vec<Action> = verdict.reasons.iter().map(|r| r.rule.action()).collect();
        prop_assert!(actions.is_sorted_by(|a, b| a >= b));
        prop_assert_eq!(verdict.action, actions.first().copied().unwrap_or_default());
        prop_assert!(!actions.contains(&Action::Publish));
        for reason in &verdict.reasons {
            if let (Some(score), Some(threshold)) = (reason.score, reason.threshold) {
                prop_assert!(score >= threshold);
                prop_assert_eq!(scores[reason.rule.attribute().unwrap()], Ok(score));
            }
        }
        for (attribute, _) in scores.iter() {
            prop_assert!(verdict.reasons.iter().filter(|r| r.rule.attribute() == Some(attribute)).count() <= 1);
        }
    }

    #[test]
    fn raising_a_score_never_makes_the_action_milder(
        policy in any_policy(),
        scores in any_scores(),
        which in 0..Attribute::COUNT,
        raised in any_score(),
    ) {
        let attribute = Attribute::ALL[which];
        let mut higher = scores;
        if let Ok(score) = scores[attribute] {
            prop_assume!(raised >= score);
            higher[attribute] = Ok(raised);
        }
        prop_assert!(decide(&policy, &higher).action >= decide(&policy, &scores).action);
    }
}
