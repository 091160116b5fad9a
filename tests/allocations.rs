//! Scoring allocates nothing once its buffers are warm.

use thresher::comment::{Author, Claims, Client, Comment, Thread};
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Action, Policies};

const COMMENTS: [&str; 6] = [
    "I cycled past the closed footbridge again today and nobody was working on it at all.",
    "FREE gift cards!!! write me on +1 202 555 0143 or at win@example.com, www.example.com/claim?id=7 NOW",
    "you are an idiot and everyone here knows it, so shut up",
    "ｆｒｅｅ c\u{430}sino \u{200b}bonus 🎰🎰 f r e e m0n3y @winner #jackpot",
    "Ich fahre jeden Morgen über die Brücke. Что это за мост? 这座桥什么时候开放？",
    include_str!("../benches/comments/2400.txt"),
];

#[test]
fn a_warm_assessment_allocates_nothing() {
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies = Policies::embedded().unwrap();
    let policy = policies.site("");
    let mut scratch = Scratch::default();
    let recent = ["When will the bridge open?".to_owned(), "In May, they say.".to_owned()];
    let thread = Thread { title: "Footbridge closed", body: COMMENTS[5], recent_texts: &recent };
    let profile = moderator.profile(&thread, &mut scratch);
    let mut actions = Vec::with_capacity(100);
    let mut judge_all = |actions: &mut Vec<Action>| {
        for text in COMMENTS {
            let comment = Comment::new(text, 1 << 20).unwrap().with_parent(COMMENTS[0]);
            for thread in [None, profile.as_ref()] {
                let assessment = moderator.assess(&comment, thread, policy, Ask::default(), &mut scratch);
                actions.push(assessment.verdict.action);
            }
        }
    };
    // Whoever grows a buffer does so now.
    judge_all(&mut actions);
    assert!(
        actions.iter().any(|&a| a > Action::Publish),
        "a verdict with reasons is among them: {actions:?}"
    );
    actions.clear();
    let counted = allocation_counter::measure(|| judge_all(&mut actions));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// Rules and lists of every kind, of which none fires.
const RULES: &str = r#"
[lists.words]
kind = "words"
entries = ["sourdough starter", "rhubarb"]
[lists.keys]
kind = "substrings"
entries = ["rhubarb", "allow me", "rhub\u0430rb"]
allow = true
[lists.domains]
kind = "domains"
entries = ["rhubarb.example"]
[lists.mail]
kind = "email_domains"
entries = ["rhubarb.example"]
[lists.patterns]
kind = "patterns"
entries = ["rhu+barb"]
[lists.nets]
kind = "networks"
entries = ["198.51.100.0/24", "2001:db8::/32"]
[site.default]
SPAM = { flag = 0.5 }
[[site.default.rules]]
name = "quiet"
when = "list.words || hits.keys > 3 || list.domains || list.mail || list.patterns || list.nets"
then = "HOLD"
[[site.default.rules]]
name = "shadow"
when = "comment.text.matches('rhubarb') || author.name.startsWith('x') || comment.language in ['xx']"
then = "HOLD"
mode = "shadow"
"#;

#[test]
fn rules_and_lists_that_do_not_fire_allocate_nothing() {
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies = Policies::parse(RULES, "rules.toml").unwrap();
    let mut scratch = Scratch::default();
    let claims = Claims {
        author: Author {
            display_name: "Ann \u{416}. C4rter",
            url: "https://Example.org",
            ..Author::default()
        },
        client: Client { ip: "192.0.2.7", user_agent: "Mozilla/5.0 (\u{416})", ..Client::default() },
        ..Claims::default()
    };
    let context = claims.check().unwrap();
    let mut flagged = 0;
    let mut judge_all = |flagged: &mut usize| {
        for text in COMMENTS {
            let comment = Comment::new(text, 1 << 20).unwrap().with_context(context);
            let assessment =
                moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch);
            *flagged += assessment.verdict.reasons.len();
            assert!(assessment.verdict.action < Action::Hold);
        }
    };
    judge_all(&mut flagged);
    assert!(flagged > 0, "a threshold is reached");
    let counted = allocation_counter::measure(|| judge_all(&mut flagged));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!(counted.count_total, 1);
}
