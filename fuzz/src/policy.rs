//! The parser of policies, rules and their conditions included, and decisions
//! under whatever it takes.

use super::{MODERATOR, comment};
use std::cell::RefCell;
use std::str;
use thresher::attribute::AttributeSet;
use thresher::comment::{Author, Claims, Client, Format, Thread, ThreadFacts, Time};
use thresher::moderator::{Ask, Scratch};
use thresher::policy::{Policies, SitePolicy};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

pub fn run(data: &[u8]) {
    let Ok(source) = str::from_utf8(data) else { return };
    let policies = match Policies::parse(source, "policy.toml") {
        Ok(policies) => policies,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let again = Policies::parse(source, "policy.toml").unwrap();
    for (name, policy) in policies.sites() {
        assert_eq!(policy.version(), again.site(name).version(), "a policy has two versions");
        decide(policy);
    }
}

/// Decides on a comment of which everything is known, and on one of which nothing
/// but its text is.
fn decide(policy: &SitePolicy) {
    let text = "You are an idiot. FREE gift cards at www.prizes.example/win, кликай сюда!";
    let author = Author {
        author_id: "a1",
        display_name: "Alex",
        url: "https://alex.example",
        email_domain: "mail.example",
        account_create_time: Time::from_unix_seconds(1_700_000_000),
        approved_count: Some(2),
        ..Author::default()
    };
    let known = Claims {
        create_time: Time::from_unix_seconds(1_700_000_600),
        edited: true,
        approved_text: "You are kind.",
        author,
        client: Client { ip: "192.0.2.7", user_agent: "browser", referrer: "" },
        thread: ThreadFacts { thread_id: "t1", ..ThreadFacts::default() },
    };
    let thread = Thread { title: "Roses", body: "Plant them in full sun.", recent_texts: &[] };
    SCRATCH.with_borrow_mut(|scratch| {
        let profile = MODERATOR.profile(&thread, scratch);
        for (claims, explain) in [(known, true), (Claims::default(), false)] {
            let Some(comment) = comment(text, Format::Plain) else { return };
            let comment = comment.with_context(claims.check().unwrap());
            let ask = Ask { attributes: AttributeSet::ALL, explain };
            let profile = profile.as_ref().filter(|_| explain);
            let assessment = MODERATOR.assess(&comment, profile, policy, ask, scratch);
            for reason in &assessment.verdict.reasons {
                assert!(!reason.to_string().is_empty());
            }
        }
    });
}
