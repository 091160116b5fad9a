//! Rules, lists and trust of policy files: what they decide, in which order,
//! and what is wrong with them.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "rules/order.rs"]
mod order;

use proptest::prelude::*;
use std::fs;
use thresher::attribute::Attribute;
use thresher::policy::{Action, Policies, Verdict};
use thresher::score::{Score, Scores};
use thresher::signals::{Facts, Field, Value};

fn parse(source: &str) -> Policies {
    Policies::parse(source, "p.toml").unwrap_or_else(|error| panic!("{error}\n{source}"))
}

fn problems(source: &str) -> String {
    Policies::parse(source, "p.toml").unwrap_err().to_string()
}

/// SPAM as given, all else 0; the verdict of a site on it and on what is known.
fn decide(policies: &Policies, site: &str, spam: f32, known: &[(Field, f64)]) -> Verdict {
    let scores = Scores::from_fn(|attribute| {
        Ok(Score::saturating(if attribute == Attribute::Spam { spam } else { 0.0 }))
    });
    let facts = known.iter().fold(Facts::of_scores(&scores), |facts, (field, value)| {
        let is_bool = *field == Field::AuthorIsStaff;
        facts.with(*field, if is_bool { Value::Bool(*value > 0.0) } else { Value::Number(*value) })
    });
    let mut verdict = Verdict::default();
    policies.site(site).decide_on(&scores, &facts, &mut verdict);
    verdict
}

fn names(verdict: &Verdict) -> Vec<String> {
    verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect()
}

const RULES: &str = r#"
[site.default]
SPAM = { flag = 0.5, hold = 0.8 }

[[site.default.rules]]
name = "links"
when = "signal.links > 2"
then = "HOLD"
because = "many links"

[[site.default.rules]]
name = "trusted"
when = "author.approved_count > 100"
then = "PUBLISH"
final = true

[[site.default.rules]]
name = "flood"
when = "signal.links > 10"
then = "REJECT"
final = true
priority = 10

[[site.default.rules]]
name = "trial"
when = "score.spam > 0.1"
then = "DISCARD"
mode = "shadow"

[[site.default.rules]]
name = "off"
when = "true"
then = "DISCARD"
enabled = false

[site.forum]
[[site.forum.rules]]
name = "links"
enabled = false
[[site.forum.rules]]
name = "own"
when = "signal.links > 2"
then = "FLAG"
"#;

#[test]
fn the_most_severe_action_wins_unless_a_rule_is_final() {
    let policies = parse(RULES);
    let check = |spam, links: f64, approved: f64, action, expected: &[&str]| {
        let known = [(Field::Links, links), (Field::AuthorApprovedCount, approved)];
        let verdict = decide(&policies, "", spam, &known);
        assert_eq!(
            (verdict.action, names(&verdict)),
            (action, expected.iter().map(|n| (*n).into()).collect())
        );
    };
    check(0.0, 0.0, 0.0, Action::Publish, &[]);
    check(0.6, 3.0, 0.0, Action::Hold, &["links", "SPAM.FLAG"]);
    check(0.9, 3.0, 0.0, Action::Hold, &["SPAM.HOLD", "links"]);
    check(0.9, 3.0, 101.0, Action::Publish, &["trusted"]);
    // Of two that are final, the one of the higher priority.
    check(0.9, 11.0, 101.0, Action::Reject, &["flood"]);
}

#[test]
fn shadow_rules_are_reported_and_never_act() {
    let verdict = decide(&parse(RULES), "", 0.2, &[]);
    assert_eq!((verdict.action, verdict.reasons.len()), (Action::Publish, 0));
    assert_eq!(verdict.shadow_reasons[0].rule.to_string(), "trial");
    assert_eq!(verdict.shadow_reasons[0].rule.action(), Action::Discard);
    let verdict = decide(&parse(RULES), "", 0.9, &[(Field::AuthorApprovedCount, 101.0)]);
    assert_eq!((names(&verdict), verdict.shadow_reasons.len()), (vec!["trusted".to_owned()], 1));
}

#[test]
fn rules_are_inherited_and_replaced_by_name() {
    let policies = parse(RULES);
    let rules = |site: &str| -> Vec<String> {
        policies.site(site).rules().map(|(rule, _)| rule.name.clone()).collect()
    };
    assert_eq!(rules(""), ["flood", "links", "trusted", "trial"]);
    assert_eq!(rules("forum"), ["flood", "trusted", "trial", "own"]);
    assert_eq!(decide(&policies, "forum", 0.0, &[(Field::Links, 3.0)]).action, Action::Flag);
}

#[test]
fn trust_spares_those_who_earned_it() {
    let policies = parse(
        r#"
        [site.default]
        SPAM = { hold = 0.8, reject = 0.95 }
        [site.default.trust]
        approved_count = 5
        new_author_days = 7
        new_author_margin = 0.2
        [[site.default.rules]]
        name = "never"
        when = "signal.links > 2"
        then = "HOLD"
        final = true
        [site.open]
        trust = { approved_count = false, staff = false }
        "#,
    );
    let action = |site: &str, spam, known: &[(Field, f64)]| {
        let verdict = decide(&policies, site, spam, known);
        (verdict.action, names(&verdict))
    };
    let own = |action, names: &[&str]| (action, names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    let approved = (Field::AuthorApprovedCount, 5.0);
    assert_eq!(action("", 0.9, &[]), own(Action::Hold, &["SPAM.HOLD"]));
    assert_eq!(action("", 0.9, &[approved]), own(Action::Flag, &["SPAM.HOLD", "trust.approved"]));
    assert_eq!(action("open", 0.9, &[approved]), own(Action::Hold, &["SPAM.HOLD"]));
    assert_eq!(action("", 0.9, &[(Field::AuthorApprovedCount, 4.0)]), own(Action::Hold, &["SPAM.HOLD"]));
    // Only what would be held, and not what a final rule says.
    assert_eq!(action("", 0.96, &[approved]).0, Action::Reject);
    assert_eq!(action("", 0.0, &[approved, (Field::Links, 3.0)]), own(Action::Hold, &["never"]));
    let staff = (Field::AuthorIsStaff, 1.0);
    for (spam, links) in [(0.9, 0.0), (0.99, 0.0), (0.0, 3.0)] {
        let (action, names) = action("", spam, &[staff, (Field::Links, links)]);
        assert_eq!((action, names.last().unwrap().as_str()), (Action::Flag, "trust.staff"));
    }
    assert_eq!(action("open", 0.99, &[staff]).0, Action::Reject);
    // New: by age, or by having had nothing approved yet.
    assert_eq!(action("", 0.65, &[]).0, Action::Publish);
    assert_eq!(action("", 0.65, &[(Field::AuthorAgeDays, 6.9)]).0, Action::Hold);
    assert_eq!(action("", 0.65, &[(Field::AuthorAgeDays, 7.0)]).0, Action::Publish);
    assert_eq!(action("", 0.65, &[(Field::AuthorApprovedCount, 0.0)]).0, Action::Hold);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let source = r#"
[lists.shops]
kind = "domain"
entries = ["example.com", 3]
[lists.words]
entries = ["a"]
file = "nowhere.txt"
[lists.nets]
kind = "networks"
entries = ["192.0.2.0/24", "here"]
[lists."a-b"]
kind = "words"
entries = ["a"]
[site.default]
[[site.default.rules]]
name = "one"
when = "score.spam > 0.5 && list.shop"
then = "HOULD"
[[site.default.rules]]
when = '''
true &&
  signal.links'''
then = "HOLD"
[[site.default.rules]]
name = "two words"
when = "true"
then = "PUBLISH"
priority = 1.5
[[site.default.rules]]
name = "three"
mode = "off"
whn = "true"
[[site.default.rules]]
name = "four"
[[site.default.rules]]
name = "five"
when = "author.agedays < 1"
then = "HOLD"
[[site.default.rules]]
name = "six"
when = "score.spam"
then = "HOLD"
[[site.default.rules]]
name = "seven"
when = "author.name != \"\u0041\" && score.spam == \"0.5\""
then = "HOLD"
[site.default.trust]
approved_count = -1
new_author_margin = 2
"#;
    assert_eq!(
        problems(source),
        "p.toml:3:8: unknown kind `domain`; did you mean `domains`?
p.toml:4:27: `entries` must be a string, not an integer
p.toml:5:8: list `words` has both `entries` and `file`, of which it needs one
p.toml:5:8: list `words` has no `kind`: one of words, substrings, domains, email_domains, patterns, networks
p.toml:10:28: an entry is no network, such as 192.0.2.0/24
p.toml:11:8: list name `a-b` must be 1 to 64 letters, digits, underscores, no digit or hyphen first
p.toml:17:29: unknown list `shop`; did you mean `shops`?
p.toml:18:8: unknown action `HOULD`; did you mean `HOLD`?
p.toml:21:6: `&&` takes two bools, not a bool and a number; compare it, such as `signal.links > 0`
p.toml:25:8: rule name `two words` must be 1 to 64 letters, digits, underscores or hyphens, no digit or hyphen first
p.toml:27:8: `then` is PUBLISH, which every other rule overrides, unless the rule is `final = true`
p.toml:28:12: `priority` must be a whole number, not a float
p.toml:31:8: unknown mode `off`; expected one of act, shadow
p.toml:32:1: unknown key `whn`; did you mean `when`?
p.toml:33:1: rule `four` has no `then`
p.toml:33:1: rule `four` has no `when`
p.toml:37:9: unknown field `author.agedays`; did you mean `author.age_days`?
p.toml:41:9: a condition must be true or false, not a number; compare it, such as `score.spam > 0.5`
p.toml:45:49: `==` takes values of one type, not a number and a text; numbers stand without quotes: `0.5`
p.toml:48:18: `approved_count` is -1, outside 1..=1000000000
p.toml:49:21: `new_author_margin` is 2, outside 0..=1"
    );
}

#[test]
fn bad_lines_of_a_list_file_are_told_the_first_few() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("p.toml");
    let source = "[lists.n]\nkind = \"networks\"\nfile = \"n.txt\"\n[site.default]\n";
    fs::write(&policy, source).unwrap();
    fs::write(folder.path().join("n.txt"), "\u{feff}# ours\n\n192.0.2.0/24\n10.0.0.0/8\r\n").unwrap();
    let policies = Policies::open(&policy).unwrap();
    assert_eq!(policies.list_files(), [folder.path().join("n.txt")]);
    fs::write(folder.path().join("n.txt"), format!("192.0.2.0/24\n{}", "bad\n".repeat(9))).unwrap();
    let told = Policies::open(&policy).unwrap_err().to_string();
    assert!(told.contains("n.txt:2: an entry is no network"), "{told}");
    assert!(told.contains("n.txt: and 4 more like that"), "{told}");
    assert_eq!(told.lines().count(), 6, "{told}");
    fs::write(folder.path().join("n.txt"), b"10.0.0.0/8\n# caf\xe9\n").unwrap();
    let told = Policies::open(&policy).unwrap_err().to_string();
    assert!(told.ends_with("n.txt: is not UTF-8 from byte 16 on, in line 2"), "{told}");
}

#[test]
fn patterns_over_a_bound_are_told_by_file_line_and_limit() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("p.toml");
    fs::write(&policy, "[lists.p]\nkind = \"patterns\"\nfile = \"p.txt\"\n[site.default]\n").unwrap();
    fs::write(folder.path().join("p.txt"), "# ours\na+\n(?:a?){200000}\n").unwrap();
    let told = Policies::open(&policy).unwrap_err().to_string();
    let expected = "p.txt:3: a pattern takes more than 1048576 bytes once it is compiled";
    assert!(told.contains(":3:8: ") && told.ends_with(expected), "{told}");
    // Those of rules have a bound of their own, over all sites.
    let rule = |site: usize, i: usize| {
        format!(
            "[[site.s{site}.rules]]\nname = \"r{i}\"\nwhen = \"comment.text.matches('a')\"\nthen = \"HOLD\"\n"
        )
    };
    let rules = (0..1_001).map(|i| rule(i / 600, i)).collect::<String>();
    let source = format!("[site.default]\n{rules}");
    assert_eq!(problems(&source), "p.toml:4004:30: over the limit of 1000 patterns together");
}

#[test]
fn a_list_is_kept_in_a_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("p.toml");
    let mut others = vec![folder.path().to_path_buf()];
    if cfg!(unix) {
        // One has no end, the other nothing in it.
        others.extend(["/dev/zero", "/dev/null"].map(Into::into));
    }
    for other in others {
        let source = format!("[lists.n]\nkind = \"words\"\nfile = {:?}\n[site.default]\n", other.display());
        fs::write(&policy, source).unwrap();
        let told = Policies::open(&policy).unwrap_err().to_string();
        assert_eq!(told, format!("{}:3:8: {}: is no regular file", policy.display(), other.display()));
    }
}

#[test]
fn the_version_covers_rules_trust_and_lists() {
    let lists = "[lists.a]\nkind = \"words\"\nentries = [\"one\"]\n[lists.b]\nkind = \"words\"\nentries = [\"two\"]\n";
    let base = format!(
        "{lists}[site.default]\n[[site.default.rules]]\nname = \"r\"\nwhen = \"list.a\"\nthen = \"HOLD\"\n"
    );
    let version = |source: &str| parse(source).site("").version().to_owned();
    let first = version(&base);
    for (from, to) in [
        ("HOLD", "FLAG"),
        ("list.a", "list.b"),
        ("[\"one\"]", "[\"three\"]"),
        ("\"r\"", "\"s\""),
        ("then = ", "priority = 1\nthen = "),
        ("then = ", "because = \"so\"\nthen = "),
        ("then = ", "mode = \"shadow\"\nthen = "),
        ("[[site", "trust.approved_count = 3\n[[site"),
    ] {
        assert_ne!(version(&base.replacen(from, to, 1)), first, "{from} -> {to}");
    }
    // What decides alike is alike: how it is written, and a list that no rule names.
    assert_eq!(version(&base.replace("\"list.a\"", "' (list.a) '")), first);
    assert_eq!(version(&base.replace("[\"two\"]", "[\"three\"]")), first);
    assert_eq!(version("[site.default]\ntrust = { staff = true }"), version("[site.default]"));
}

/// What the documents show is real.
#[test]
fn the_examples_and_presets_work() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shops.txt"), "shop.example\n").unwrap();
    let file = folder.path().join("policy.toml");
    let manual = include_str!("../docs/policy.md");
    let blocks = manual.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    fs::write(&file, format!("{}{}", Policies::EMBEDDED, blocks.collect::<String>())).unwrap();
    let policies = Policies::open(&file).unwrap();
    assert_eq!(policies.site("").rules().count(), 7);

    let shown = Policies::EMBEDDED.lines().skip_while(|line| *line != "#     [lists.shops]");
    let shown: String = shown
        .take_while(|line| line.starts_with("#     ") || *line == "#")
        .map(|line| line.trim_start_matches('#').to_owned() + "\n")
        .collect();
    let policies = parse(&format!("{}{shown}", Policies::EMBEDDED));
    assert_eq!(policies.site("").rules().count(), 1);
    assert_eq!(policies.site("").trust().approved_count, Some(10));

    let preset = |source| parse(source).site("").thresholds(Attribute::Spam).hold.unwrap();
    let strict = preset(include_str!("../config/presets/strict.toml"));
    let balanced = preset(include_str!("../config/presets/balanced.toml"));
    assert!(strict < balanced && balanced < preset(include_str!("../config/presets/lenient.toml")));
}

proptest! {
    /// Thresholds and trust alone never make a higher score's action milder.
    #[test]
    fn raising_a_score_never_makes_the_action_milder_under_trust(
        low in 0.0f32..=1.0, high in 0.0f32..=1.0,
        margin in 0.0f64..=1.0, approved in 0u32..20, days in 0.0f64..20.0, staff in any::<bool>(),
    ) {
        let policies = parse(&format!(
            "[site.default]\nSPAM = {{ flag = 0.3, hold = 0.6, reject = 0.9 }}\n\
             trust = {{ approved_count = 10, new_author_days = 7, new_author_margin = {margin} }}"
        ));
        let known = [
            (Field::AuthorApprovedCount, f64::from(approved)),
            (Field::AuthorAgeDays, days),
            (Field::AuthorIsStaff, f64::from(u8::from(staff))),
        ];
        let (low, high) = (low.min(high), low.max(high));
        let action = |spam| decide(&policies, "", spam, &known).action;
        prop_assert!(action(high) >= action(low));
        prop_assert!(!staff || action(high) <= Action::Flag);
    }
}

#[test]
fn a_list_with_both_kinds_of_entries_is_one_mistake() {
    let list = "[lists.shops]\nkind = \"domains\"\nentries = [\"not a domain\"]\nfile = \"nowhere.txt\"\n[site.default]\n";
    assert_eq!(
        problems(list),
        "p.toml:1:8: list `shops` has both `entries` and `file`, of which it needs one"
    );
}
