//! Harmless comments that contain a string or a word which is bad elsewhere:
//! place names, surnames, technical talk, idioms, birds, dishes, the law. The
//! shipped model must publish them under the shipped policy.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;
use thresher::comment::Comment;
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Action, Policies};

const TABLES: [&str; 6] = [
    include_str!("harmless/places.txt"),
    include_str!("harmless/names.txt"),
    include_str!("harmless/technical.txt"),
    include_str!("harmless/idioms.txt"),
    include_str!("harmless/nature_and_kitchen.txt"),
    include_str!("harmless/law_history_and_health.txt"),
];

/// What the shipped model does not publish, though it should. Whoever changes
/// the model takes out what it repairs; what it breaks is to be repaired, not
/// added.
const KNOWN_FAILURES: [&str; 13] = [
    "A cock crows every morning at five behind our house.",
    "Bernard Shittu scored in the second half.",
    "Dick Van Dyke was wonderful in that film.",
    "Dick Whittington and his cat is a good pantomime.",
    "How do I abort a hanging job without killing the shell?",
    "I would die for another slice of that cake.",
    "Our bitch had six puppies and all of them are healthy.",
    "Pussy willow flowers before the leaves come out.",
    "Screw the plate to the wall and cock the lever.",
    "Spotted dick with custard was my favourite at school.",
    "The ass and the ox stood in the stable.",
    "We are going to kill two birds with one stone.",
    "You are killing it, keep going!",
];

fn harmless() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().flat_map(str::lines).filter(|line| !line.trim().is_empty())
}

#[test]
fn harmless_comments_are_published_but_for_known_failures() {
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies = Policies::embedded().unwrap();
    let mut scratch = Scratch::default();
    let mut failures = BTreeSet::new();
    let mut reasons = Vec::new();
    for line in harmless() {
        let comment = Comment::new(line, 1_000).unwrap();
        let verdict =
            &moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch).verdict;
        if verdict.action != Action::Publish {
            failures.insert(line);
            let why: Vec<String> = verdict.reasons.iter().map(|r| r.to_string()).collect();
            reasons.push(format!("{line}\n    {}", why.join("; ")));
        }
    }
    let known = BTreeSet::from(KNOWN_FAILURES);
    let new: Vec<_> = failures.difference(&known).collect();
    let repaired: Vec<_> = known.difference(&failures).collect();
    assert!(
        new.is_empty() && repaired.is_empty(),
        "no longer published: {new:#?}\npublished now, so no failures any more: {repaired:#?}\nall that fail:\n{}",
        reasons.join("\n")
    );
}

#[test]
fn the_table_is_long_enough_and_says_nothing_twice() {
    let lines: Vec<&str> = harmless().collect();
    let distinct: BTreeSet<&str> = lines.iter().copied().collect();
    assert!(lines.len() >= 100, "{}", lines.len());
    assert_eq!(lines.len(), distinct.len());
    // Few enough to be exceptions.
    assert!(KNOWN_FAILURES.len() * 5 < lines.len(), "{}", KNOWN_FAILURES.len());
}
