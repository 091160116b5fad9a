//! Policy files: what they say, what they inherit, and what is wrong with them.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use proptest::prelude::*;
use thresher::attribute::Attribute;
use thresher::policy::{Action, Calibration, Policies, Preset, SitePolicy, Thresholds, UnfamiliarLanguage};
use thresher::score::{Score, Scores};

fn parse(source: &str) -> Policies {
    Policies::parse(source, "p.toml").unwrap_or_else(|error| panic!("{error}\n{source}"))
}

fn problems(source: &str) -> String {
    Policies::parse(source, "p.toml").unwrap_err().to_string()
}

fn threshold(policy: &SitePolicy, attribute: Attribute, action: Action) -> Option<f32> {
    let limits = policy.thresholds(attribute).descending();
    limits.into_iter().find(|(a, _)| *a == action).and_then(|(_, score)| score).map(Score::get)
}

#[test]
fn the_embedded_policy_covers_every_attribute_and_every_key() {
    let policies = Policies::embedded().unwrap();
    let default = policies.site("");
    for attribute in Attribute::ALL {
        let source = Policies::EMBEDDED;
        assert!(source.contains(&format!("\n{attribute} = {{ flag = ")), "{attribute} is not documented");
        assert!(threshold(default, attribute, Action::Flag).is_some(), "{attribute}");
    }
    for word in [
        "flag ",
        "hold ",
        "reject ",
        "discard ",
        "inherits",
        "missing",
        "false",
        "[site.default]",
        "rules]]",
        ".trust]",
        "[lists.",
        ".calibration]",
        "unfamiliar_language",
    ] {
        assert!(Policies::EMBEDDED.contains(word), "{word} is not documented");
    }
    for action in Action::ALL {
        assert!(Policies::EMBEDDED.contains(action.name()), "{action} is not documented");
    }
    assert_eq!(policies.sites().count(), 1);
}

#[test]
fn the_embedded_policy_refuses_nothing_for_weak_evidence() {
    let policies = Policies::embedded().unwrap();
    for attribute in [Attribute::OffTopic, Attribute::SexuallyExplicit] {
        for action in [Action::Reject, Action::Discard] {
            assert_eq!(threshold(policies.site(""), attribute, action), None, "{attribute}");
        }
    }
}

/// The commented examples of the shipped file are real.
#[test]
fn the_examples_in_the_embedded_policy_work() {
    let examples: String = Policies::EMBEDDED
        .lines()
        .skip_while(|line| *line != "#     [site.news]")
        .map(|line| line.trim_start_matches('#').to_owned() + "\n")
        .collect();
    let policies = parse(&format!("{}{examples}", Policies::EMBEDDED));
    let (news, local) = (policies.site("news"), policies.site("news.example"));
    assert_eq!(threshold(news, Attribute::Toxicity, Action::Hold), Some(0.75));
    assert_eq!(threshold(local, Attribute::Toxicity, Action::Hold), Some(0.75));
    assert_eq!(threshold(local, Attribute::Spam, Action::Discard), None);
    assert_eq!(local.missing(Attribute::OffTopic), Action::Flag);
    assert_eq!(news.missing(Attribute::OffTopic), Action::Publish);
}

#[test]
fn sites_override_single_thresholds() {
    let policies = parse(
        r#"
        [site.grandchild]
        inherits = "child"
        SPAM = { hold = false }
        [site.child]
        SPAM.hold = 0.7
        missing = { SPAM = "HOLD" }
        [site.default]
        SPAM = { flag = 0.5, hold = 0.8, reject = 1 }
        missing = { OFF_TOPIC = "FLAG" }
        "#,
    );
    let at = |site: &str| {
        let policy = policies.site(site);
        [Action::Flag, Action::Hold, Action::Reject, Action::Discard]
            .map(|action| threshold(policy, Attribute::Spam, action))
    };
    assert_eq!(at("default"), [Some(0.5), Some(0.8), Some(1.0), None]);
    assert_eq!(at("child"), [Some(0.5), Some(0.7), Some(1.0), None]);
    assert_eq!(at("grandchild"), [Some(0.5), None, Some(1.0), None]);
    assert_eq!(at("elsewhere"), at("default"));
    assert_eq!(at(""), at("default"));
    let missing = |site: &str, attribute| policies.site(site).missing(attribute);
    assert_eq!(missing("default", Attribute::Spam), Action::Publish);
    assert_eq!(missing("grandchild", Attribute::Spam), Action::Hold);
    assert_eq!(missing("grandchild", Attribute::OffTopic), Action::Flag);
    let names: Vec<&str> = policies.sites().map(|(name, _)| name).collect();
    assert_eq!(names, ["default", "child", "grandchild"]);
    assert!(policies.has_site("child") && policies.has_site("default") && !policies.has_site("elsewhere"));
}

#[test]
fn the_version_is_that_of_the_effective_policy() {
    let one = parse("[site.default]\nSPAM = { flag = 0.5, hold = 0.8 }\nTHREAT = { hold = 0.9 }");
    let same = parse(
        r#"
        [site.other]
        THREAT.hold = 9e-1 # the same number
        SPAM.hold = 0.80
        SPAM.flag = 0.5
        INSULT = { flag = false }
        missing = { SPAM = "PUBLISH" }
        [site.default]
        THREAT = { hold = 0.1 }
        "#,
    );
    assert_eq!(one.site("").version(), same.site("other").version());
    assert_ne!(same.site("").version(), same.site("other").version());
    let version = one.site("").version();
    assert!(version.len() == 12 && version.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
}

#[test]
fn every_problem_is_told_with_its_place() {
    let source = r#"
[sites.default]
[site.default]
SPAM = { flag = 0.5, hold = 1.5, reject = -0.1, discrd = 0.9 }
TOXCITY = { hold = 0.9 }
TOXICITY = 0.9
INSULT = { hold = "0.9", flag = true, reject = nan, discard = 1979-05-27 }
THREAT = { hold = 0.9, reject = 0.8 }
inherits = "news"
missing = { SPAM = "DROP", OFF_TOPIC = "publish", SPM = "HOLD", INSULT = 1 }
colour = "red"

[site.news]
inherits = "defualt"
missing = "HOLD"
[site."a b"]
[site.example.com]
SPAM = { hold = 0.9 }
"#;
    assert_eq!(
        problems(source),
        r#"p.toml:2:2: unknown key `sites`; did you mean `site`?
p.toml:4:29: `hold` is 1.5, outside 0..=1
p.toml:4:43: `reject` is -0.1, outside 0..=1
p.toml:4:49: unknown action `discrd`; did you mean `discard`?
p.toml:5:1: unknown attribute `TOXCITY`; did you mean `TOXICITY`?
p.toml:6:12: `TOXICITY` must be a table, not a float
p.toml:7:19: `hold` must be a score in 0..=1, or false for none, not a string
p.toml:7:33: `flag` must be a score in 0..=1, or false for none, not a boolean
p.toml:7:48: `reject` is NaN, outside 0..=1
p.toml:7:63: `discard` must be a score in 0..=1, or false for none, not a date
p.toml:8:33: THREAT: `hold` 0.9 is above `reject` 0.8
p.toml:9:12: `default` is what sites inherit in the end; it inherits nothing
p.toml:10:20: unknown action `DROP`; expected one of PUBLISH, FLAG, HOLD, REJECT, DISCARD
p.toml:10:40: unknown action `publish`; did you mean `PUBLISH`?
p.toml:10:51: unknown attribute `SPM`; did you mean `SPAM`?
p.toml:10:74: `INSULT` must be a string, not an integer
p.toml:11:1: unknown key `colour`; expected one of SPAM, TOXICITY, SEVERE_TOXICITY, INSULT, PROFANITY, THREAT, IDENTITY_ATTACK, SEXUALLY_EXPLICIT, OFF_TOPIC, fail, inherits, missing, rules, trust, calibration, unfamiliar_language
p.toml:14:12: unknown site `defualt`; did you mean `default`?
p.toml:15:11: `missing` must be a table, not a string
p.toml:16:7: site name `a b` must be 1 to 128 letters, digits, dots, hyphens or underscores
p.toml:17:15: unknown attribute `com`; a site's name with dots is written [site."example.…"]"#
    );
}

#[test]
fn what_is_switched_off_by_its_name_is_inherited() {
    let source = r#"
[[site.default.rules]]
name = "flood"
when = "true"
then = "HOLD"
[[site.news.rules]]
name = "floood"
enabled = false
[[site.forum.rules]]
name = "flood"
enabled = false
[[site.blog.rules]]
name = "not-yet"
when = "true"
then = "HOLD"
enabled = false
"#;
    assert_eq!(problems(source), "p.toml:7:8: unknown rule to switch off `floood`; did you mean `flood`?");
}

#[test]
fn thresholds_are_ordered_after_inheritance() {
    let source = r#"
[site.default]
SPAM = { flag = 0.5, hold = 0.8, reject = 0.9 }
[site.strict]
SPAM = { hold = 0.95 }
[site.lenient]
SPAM = { flag = 0.85, hold = false }
[site.below]
inherits = "lenient"
SPAM = { hold = 0.8 }
[site.equal]
SPAM = { flag = 0.8, hold = 0.8 }
"#;
    assert_eq!(
        problems(source),
        "p.toml:5:17: SPAM: `hold` 0.95 is above `reject` 0.9 (inherited from `default`)\n\
         p.toml:10:17: SPAM: `flag` 0.85 (inherited from `lenient`) is above `hold` 0.8"
    );
}

#[test]
fn circles_of_inheritance_are_told_once() {
    let source = r#"
[site.default]
[site.a]
inherits = "b"
[site.b]
inherits = "c"
[site.c]
inherits = "b"
[site.self]
inherits = "self"
"#;
    assert_eq!(
        problems(source),
        "p.toml:6:12: site `b` inherits from itself: b -> c -> b\n\
         p.toml:10:12: site `self` inherits from itself: self -> self"
    );
}

#[test]
fn a_policy_without_a_default_site_is_refused() {
    for source in ["", "[site]", "[site.news]\nSPAM = { hold = 0.5 }"] {
        let message = "p.toml:1:1: no [site.default], from which every other site inherits";
        assert_eq!(problems(source), message, "{source}");
    }
}

#[test]
fn duplicates_are_told_with_everything_else() {
    let source = "[site.default]\nSPAM = { hold = 0.9, hold = 0.8 }\nINSULT = {}\nINSULT = {}\n\
                  [site.news]\n[site.news]\nTHREAT = { hold = 2.0 }\n";
    assert_eq!(
        problems(source),
        "p.toml:2:22: duplicate key `hold`\n\
         p.toml:4:1: duplicate key `INSULT`\n\
         p.toml:6:7: duplicate key `news`\n\
         p.toml:7:19: `hold` is 2, outside 0..=1"
    );
}

#[test]
fn broken_toml_hides_no_other_problem_and_invents_none() {
    let source = "[site.news]\ninherits = \"default\"\nSPAM = { hold = }\nTHREAT = { hold = 2.0 }\n\
                  [site.default\nSPAM = { hold = 0.9 }\n";
    let problems = problems(source);
    assert!(problems.contains("p.toml:3:"), "{problems}");
    assert!(problems.contains("p.toml:4:19: `hold` is 2, outside 0..=1"), "{problems}");
    assert!(problems.contains("p.toml:5:"), "{problems}");
    assert!(!problems.contains("unknown site") && !problems.contains("no [site"), "{problems}");
}

#[test]
fn names_are_checked_and_never_break_the_message() {
    let long = "x".repeat(129);
    let source =
        format!("[site.default]\n[site.{long}]\n[site.\"\\u001b\"]\n[site.\"\"]\n[site.{}]", "y".repeat(128));
    let problems = problems(&source);
    assert_eq!(problems.lines().count(), 3, "{problems}");
    assert!(!problems.contains('\u{1b}') && !problems.contains(&long), "{problems}");
}

#[test]
fn long_chains_are_resolved() {
    let mut source = String::from("[site.default]\nSPAM = { hold = 0.5 }\n[site.s0]\n");
    for i in 1..2_000 {
        source.push_str(&format!("[site.s{i}]\ninherits = \"s{}\"\n", i - 1));
    }
    assert_eq!(threshold(parse(&source).site("s1999"), Attribute::Spam, Action::Hold), Some(0.5));
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    for written in [false, true] {
        if written {
            std::fs::write(&file, b"\xff").unwrap();
        }
        let error = Policies::open(&file).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: cannot be read: ", file.display())), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

proptest! {
    /// The order of keys and sites and how a value is inherited change nothing.
    #[test]
    fn the_version_does_not_depend_on_the_way_it_is_written(
        limits in prop::collection::vec(0u32..=1000, Attribute::COUNT),
        order in Just((0..Attribute::COUNT).collect::<Vec<_>>()).prop_shuffle(),
        inherited in prop::collection::vec(any::<bool>(), Attribute::COUNT),
    ) {
        let line = |i: usize| format!("{} = {{ hold = {} }}\n", Attribute::ALL[i], f64::from(limits[i]) / 1000.0);
        let plain: String = (0..Attribute::COUNT).map(line).collect();
        let plain = parse(&format!("[site.default]\n{plain}"));
        let (up, own): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|i| inherited[*i]);
        let up: String = up.into_iter().map(line).collect();
        let own: String = own.into_iter().map(line).collect();
        let split = parse(&format!("[site.child] # c\n{own}\n[site.default]\n\n{up}"));
        prop_assert_eq!(plain.site("").version(), split.site("child").version());
        let scores = Scores::from_fn(|_| Ok(Score::saturating(0.5)));
        let (mut a, mut b) = Default::default();
        plain.site("").decide(&scores, &mut a);
        split.site("child").decide(&scores, &mut b);
        prop_assert_eq!(a, b);
    }

    /// Whatever the text, the answer is a policy or problems that lie in it.
    #[test]
    fn any_text_is_answered(source in "(\\[site\\.(default|a|\"b\")\\]\n|SPAM = |\\{|\\}|hold = |0\\.5|2|,|\n|inherits = \"a\"|'|\"|=|\\[|#|é){0,30}") {
        if let Err(error) = Policies::parse(&source, "p.toml") {
            let lines = source.lines().count() + 1;
            for line in error.to_string().lines() {
                let at: usize = line.split(':').nth(1).and_then(|n| n.parse().ok()).unwrap();
                prop_assert!((1..=lines).contains(&at), "{}", line);
            }
        }
    }
}

#[test]
fn scores_are_moved_as_the_site_says_and_sites_inherit_that() {
    let source = r#"
[site.default]
SPAM = { flag = 0.5 }
unfamiliar_language = "UNSCORED"
[site.default.calibration]
SPAM = { shift = 1.5 }
INSULT = { shift = -1, scale = 0.5 }
[site.news]
unfamiliar_language = "SCORE"
[site.news.calibration]
INSULT = { scale = 2 }
"#;
    let policies = Policies::parse(source, "p.toml").unwrap();
    let news = policies.site("news").scoring();
    assert_eq!(news.calibration[Attribute::Spam], Calibration { scale: 1.0, shift: 1.5 });
    assert_eq!(news.calibration[Attribute::Insult], Calibration { scale: 2.0, shift: 0.0 });
    assert_eq!(news.unfamiliar_language, UnfamiliarLanguage::Score);
    let default = policies.site("").scoring();
    assert_eq!(default.calibration[Attribute::Insult], Calibration { scale: 0.5, shift: -1.0 });
    assert_eq!(default.unfamiliar_language, UnfamiliarLanguage::Unscored);
    assert_ne!(policies.site("news").version(), policies.site("").version());
    // What says the defaults has the version of what says nothing.
    let of = |text: &str| {
        Policies::parse(&format!("[site.default]\n{text}"), "p").unwrap().site("").version().to_owned()
    };
    assert_eq!(
        of(""),
        of("unfamiliar_language = \"SCORE\"\ncalibration = { SPAM = { shift = 0, scale = 1 } }")
    );
    assert_ne!(of(""), of("calibration = { SPAM = { shift = 0.1 } }"));
}

#[test]
fn what_cannot_move_scores_is_told_at_once() {
    let source = "[site.default]\nunfamiliar_language = \"SCORES\"\n[site.default.calibration]\nSPAMM = {}\nSPAM = { shift = 11, scal = 1 }\nINSULT = { scale = 0 }\nTHREAT = { shift = \"a\" }\n";
    let problems = problems(source);
    for part in [
        "p.toml:2:",
        "`SCORE`",
        "p.toml:4:",
        "`SPAM`",
        "outside -10..=10",
        "`scale`",
        "outside 0.1..=10",
        "p.toml:7:",
    ] {
        assert!(problems.contains(part), "no {part} in {problems}");
    }
    assert_eq!(problems.lines().count(), 6, "{problems}");
}

/// The figures at the head of a preset are those of the README, rounded.
#[test]
fn presets_state_the_figures_of_the_readme() {
    let read = |path: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    let number = |text: &str| text.trim().trim_end_matches(" %").parse::<f64>().unwrap();
    let readme = read("README.md");
    for name in ["strict", "balanced", "lenient"] {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {name} | "))).unwrap();
        let cells: Vec<&str> = row.split('|').collect();
        let preset = read(&format!("config/presets/{name}.toml"));
        let stated = |beginning: &str| {
            let line = preset.lines().find(|line| line.contains(beginning)).unwrap();
            let (precision, review) = line.rsplit_once(": ").unwrap().1.split_once(", ").unwrap();
            let precision = precision.rsplit(' ').next().unwrap();
            (number(precision), number(review.split(" go ").next().unwrap()))
        };
        // The columns: held, precision, recall and review, of spam and then of news.
        for (beginning, first) in [("labelled for spam", 2), ("news, labelled for", 6)] {
            let (precision, review) = stated(beginning);
            let (exact, queue) = (number(cells[first + 1]), number(cells[first + 3]));
            assert!((precision - exact).abs() < 0.0051, "{name}, {beginning}: {precision} is not {exact}");
            assert!((review - queue).abs() < 0.51, "{name}, {beginning}: {review} % is not {queue} %");
        }
    }
}

/// Behind each threshold of a preset stand the figures of the shipped model's
/// card: the precision of what is withheld, and the share that goes to review.
#[test]
fn presets_state_the_figures_of_the_model_card() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let card = std::fs::read_to_string(root.join("models/MODEL_CARD.md")).unwrap();
    for preset in [Preset::Strict, Preset::Balanced, Preset::Lenient] {
        let policies = Policies::parse(preset.source(), preset.name()).unwrap();
        let attributes = Attribute::ALL.into_iter().filter(|a| *a != Attribute::OffTopic);
        for attribute in attributes.filter(|a| *policies.site("").thresholds(*a) != Thresholds::default()) {
            let name = attribute.name();
            let row = format!("| {name} | {} | ", preset.name());
            let row = card.lines().find(|line| line.starts_with(&row)).unwrap();
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let expected = match (cells[4], cells[6]) {
                ("-", review) => format!("# review {review}"),
                (precision, review) => format!("# precision {precision}, review {review}"),
            };
            let key = format!("{name} = {{ ");
            let line = preset.source().lines().find(|line| line.starts_with(&key)).unwrap();
            assert!(line.ends_with(&expected), "{}: {line}\nis not as in the card: {row}", preset.name());
        }
    }
}
