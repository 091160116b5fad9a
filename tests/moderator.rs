//! The whole pipeline with the shipped model: total, deterministic, and able to
//! say why.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use proptest::prelude::*;
use std::sync::LazyLock;
use thresher::attribute::{Attribute, AttributeSet};
use thresher::comment::{Comment, Format, Thread};
use thresher::model::Model;
use thresher::moderator::{Ask, Assessment, Explanation, Moderator, Scratch};
use thresher::policy::{Action, Policies, Preset};
use thresher::score::Unscored;

static MODERATOR: LazyLock<Moderator> = LazyLock::new(|| Moderator::new(Model::shipped().unwrap()));
static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().unwrap());

const EXPLAIN: Ask = Ask { attributes: AttributeSet::ALL, explain: true };

const THREAD: Thread<'_> = Thread {
    title: "Footbridge over the river stays closed",
    body: "The council said on Monday that the footbridge will not open before May. An inspection had found rust in \
           the bearings. Walkers and cyclists are asked to use the road bridge by the station until then.",
    recent_texts: &[],
};

fn assess(text: &str, format: Format, in_thread: bool, scratch: &mut Scratch) -> Assessment {
    let comment = Comment::new(text, 1 << 20).unwrap().with_format(format);
    let profile = if in_thread { MODERATOR.profile(&THREAD, scratch) } else { None };
    MODERATOR.assess(&comment, profile.as_ref(), POLICIES.site(""), EXPLAIN, scratch).clone()
}

fn plain(text: &str) -> Assessment {
    assess(text, Format::Plain, false, &mut Scratch::default())
}

fn score(assessment: &Assessment, attribute: Attribute) -> f32 {
    assessment.scores[attribute].unwrap().get()
}

#[test]
fn ordinary_comments_are_published() {
    for text in [
        "Thanks for the article, I learned a lot about how bearings are measured.",
        "I disagree: the council had a year to plan for this and did nothing.",
        "Use `kill -9` only when the child process ignores every other signal.",
        "Does anyone know whether the allotment path is open for prams?",
    ] {
        assert_eq!(plain(text).verdict.action, Action::Publish, "{text}: {:?}", plain(text).verdict);
    }
}

#[test]
fn spam_and_abuse_are_withheld_with_reasons() {
    for (text, attribute) in [
        (
            "FREE gift cards!!! Claim yours NOW at www.prizes.example.com/win?id=77 or text +1 202 555 0143",
            Attribute::Spam,
        ),
        ("You are a pathetic idiot and everybody here hates you, shut up", Attribute::Toxicity),
    ] {
        let verdict = plain(text).verdict;
        assert!(verdict.action >= Action::Hold, "{text}: {verdict:?}");
        let reason = verdict.reasons.iter().find(|r| r.rule.attribute() == Some(attribute)).unwrap();
        assert!(!reason.spans.is_empty() && reason.spans[0].weight > 0.0, "{reason:?}");
    }
}

#[test]
fn spans_point_at_what_the_author_wrote() {
    // The insult stands behind characters of several bytes, and in markup.
    for (text, format) in [
        ("Für dich, né, 😀😀: you are an idiot.", Format::Plain),
        ("<p>F&uuml;r dich: you are an <b>idi</b>ot.</p>", Format::Html),
        ("Für *dich*: you are an **idiot**.", Format::Markdown),
    ] {
        let assessment = assess(text, format, false, &mut Scratch::default());
        let characters: Vec<char> = text.chars().collect();
        let spans = assessment.verdict.reasons.iter().flat_map(|r| &r.spans);
        let shown: Vec<String> =
            spans.map(|s| characters[s.begin as usize..s.end as usize].iter().collect()).collect();
        assert!(shown.iter().any(|s| s.contains("idi") && s.contains("ot")), "{text}: {shown:?}");
    }
}

/// The parts of an explanation add up to the log-odds of the score.
fn check_sums(assessment: &Assessment) -> Result<(), TestCaseError> {
    let scored = assessment.scores.iter().filter(|(_, score)| score.is_ok()).map(|(attribute, _)| attribute);
    let explained: Vec<Attribute> = assessment.explanations.iter().map(|e| e.attribute).collect();
    prop_assert_eq!(&explained, &scored.collect::<Vec<_>>());
    for explanation in &assessment.explanations {
        let Explanation { margin, base, surface, thread, elsewhere, .. } = *explanation;
        let parts = || explanation.spans.iter().map(|s| s.weight).chain([base, surface, thread, elsewhere]);
        let (sum, size) = (parts().sum::<f32>(), parts().map(f32::abs).sum::<f32>());
        prop_assert!((sum - margin).abs() <= 1e-4 * (1.0 + size), "{} of {:?}", sum, explanation);
        let probability = 1.0 / (1.0 + (-f64::from(margin)).exp());
        let score = f64::from(score(assessment, explanation.attribute));
        prop_assert!((probability - score).abs() <= 1e-4, "{} of {:?}", score, explanation);
    }
    Ok(())
}

#[test]
fn every_part_of_a_long_or_hostile_text_counts_in_its_explanation() {
    let links = "www.example.com/win?id=7 +1 202 555 0143 ".repeat(200);
    let passages = "You are an idiot, whatever they say. Thanks for the article, from an idiot like you.\n\
        What do they say of it? Fr33 m0ney is wh4t I want, and i d i o t s want it, too!";
    for text in [
        "you are an idiot. thanks for the article, idiot",
        "!!! ... ?",
        "сколько стоит мост",
        passages,
        &links,
    ] {
        for format in [Format::Plain, Format::Markdown] {
            check_sums(&assess(text, format, true, &mut Scratch::default())).unwrap();
        }
    }
}

#[test]
fn pieces_pull_both_ways() {
    let assessment = plain("Thanks for the article, I learned a lot about bearings. You are an idiot.");
    let insult = assessment.explanations.iter().find(|e| e.attribute == Attribute::Insult).unwrap();
    assert!(insult.spans.first().unwrap().weight > 1.0, "{insult:?}");
    assert!(insult.spans.is_sorted_by(|a, b| a.weight >= b.weight), "{insult:?}");
    assert!(insult.spans.last().unwrap().weight < 0.0, "{insult:?}");
}

#[test]
fn disguised_words_tell_what_they_were_read_as() {
    let text = "née fr33 m0ney, c\u{430}sino, i d i o t and don’t";
    let characters: Vec<char> = text.chars().collect();
    let readings = plain(text).readings;
    let shown: Vec<(String, &str)> = readings
        .iter()
        .map(|r| (characters[r.begin as usize..r.end as usize].iter().collect(), r.read_as.as_str()))
        .collect();
    let shown: Vec<(&str, &str)> = shown.iter().map(|(written, read)| (written.as_str(), *read)).collect();
    let expected = [("fr33", "free"), ("m0ney", "money"), ("c\u{430}sino", "casino"), ("i d i o t", "idiot")];
    assert_eq!(shown, expected);
    assert!(!format!("{readings:?}").contains("money"), "Debug output has no text");
    assert!(plain("Thanks for the article, isn't it great? See the mp3 of the 4th.").readings.is_empty());
}

#[test]
fn stars_hide_what_people_hide() {
    let read = |text: &str| plain(text).readings.into_iter().map(|r| r.read_as).collect::<Vec<_>>();
    assert_eq!(read("This s*cks, cr*p and d**n it."), ["sucks", "crap", "damn"]);
    // Nobody hides words like these, but that is what the letters leave.
    assert_eq!(read("Sit d*wn, th*nk and c**k dinner."), ["down", "think", "cock"]);
    // Products, and names of which too little is left.
    assert!(read("F = m*a and E = a*s or b*m").iter().all(|read| read.len() < 4));
    assert_ne!(read("Thanks to d***"), ["damn"]);
}

#[test]
fn a_disguise_changes_little_and_proves_nothing() {
    let bad = "You are an idiot and should be ashamed of yourself.";
    let good = "The children should have stopped at the bridge and waited.";
    let disguises: [(&str, &str); 8] = [
        (
            "Y0u are an id1ot 4nd sh0uld be ashamed of y0urself.",
            "The ch1ldren sh0uld have st0pped at the bridg3 and wa1ted.",
        ),
        (
            "You are an id*ot and sh**ld be ash*med of yours*lf.",
            "The ch*ldr*n sh**ld have st*pped at the br*dge and w**ted.",
        ),
        (
            "You are an iidot and shuold be ashmaed of yuorself.",
            "The chlidren shuold have stpoped at the brigde and watied.",
        ),
        (
            "You are an idot and shold be ashmed of yorself.",
            "The childrn shold have stpped at the bridg and wated.",
        ),
        (
            "You are an i-d-i-o-t and should be a-s-h-a-m-e-d of yourself.",
            "The c-h-i-l-d-r-e-n should have stopped at the b-r-i-d-g-e and waited.",
        ),
        (
            "You are an id iot and sho uld be asha med of yours elf.",
            "The child ren sho uld have stop ped at the bri dge and wai ted.",
        ),
        (
            "You are an \u{ef}d\u{ef}\u{f6}t and sh\u{f4}uld be \u{e1}shamed of yourself.",
            "The ch\u{ee}ldr\u{e9}n should have st\u{f6}pped at the br\u{ee}dge and w\u{e4}ited.",
        ),
        (
            "You are an idiooot and shhouuld be ashaaamed of yourself.",
            "The chilllldren shouuuld have stoooped at the briiidge and waiiited.",
        ),
    ];
    let toxicity = |text| score(&plain(text), Attribute::Toxicity);
    assert!(toxicity(bad) > 0.95 && toxicity(good) < 0.2);
    for (bad, good) in disguises {
        assert!(toxicity(bad) > 0.9, "{bad}: {}", toxicity(bad));
        assert!(toxicity(good) < 0.35, "{good}: {}", toxicity(good));
        assert!(plain(good).verdict.action == Action::Publish, "{good}");
    }
}

#[test]
fn off_topic_needs_a_thread_and_tells_subjects_apart() {
    let alone = plain("When will the footbridge open again?");
    assert_eq!(alone.scores[Attribute::OffTopic], Err(Unscored::NoThread));
    let of =
        |text: &str| score(&assess(text, Format::Plain, true, &mut Scratch::default()), Attribute::OffTopic);
    let on =
        of("The inspection found rust in the bearings months ago, so why is the footbridge closed only now?");
    let off = of("Feed the sourdough starter twice a day and keep the flour and water at the same weight.");
    // One comment in ten is taken to stray: these are clearly above and below.
    assert!(off > 0.15 && on < 0.05, "{off} {on}");
}

#[test]
fn only_what_was_asked_for_is_scored() {
    let mut scratch = Scratch::default();
    let comment = Comment::new("hello there", 100).unwrap();
    let ask = Ask { attributes: [Attribute::Threat].into_iter().collect(), explain: false };
    let assessment = MODERATOR.assess(&comment, None, POLICIES.site(""), ask, &mut scratch);
    for (attribute, score) in assessment.scores.iter() {
        match attribute {
            Attribute::Threat => assert!(score.is_ok()),
            _ => assert_eq!(*score, Err(Unscored::NotRequested)),
        }
    }
}

#[test]
fn what_was_read_is_as_good_as_the_text_for_another_moderator() {
    let (other, strict) =
        (Moderator::new(Model::shipped().unwrap()), Preset::Strict.open().unwrap().policies);
    let strict = strict.site("");
    let [mut read, mut again, mut fresh] = [(); 3].map(|()| Scratch::default());
    for text in
        ["Lovely roses.", "W\u{430}tch my channel at http://bit.ly/2x, text 0155 010 0199", "You idiot!"]
    {
        let comment = Comment::new(text, 1 << 20).unwrap();
        for profile in [None, MODERATOR.profile(&THREAD, &mut fresh)] {
            let thread = profile.as_ref();
            let before = MODERATOR.assess(&comment, thread, POLICIES.site(""), EXPLAIN, &mut read).clone();
            let found = other.assess_again(&comment, thread, strict, EXPLAIN, &mut read, &mut again);
            let expected = other.assess(&comment, thread, strict, EXPLAIN, &mut fresh);
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{text}");
            // What had been read is there as before.
            let mut verdict = Default::default();
            MODERATOR.decide(&comment, &before.scores, POLICIES.site(""), &mut read, &mut verdict);
            assert_eq!(verdict.action, before.verdict.action);
        }
    }
}

#[test]
fn disguises_change_little() {
    let clear = score(&plain("you are an idiot and a moron"), Attribute::Insult);
    for text in [
        "you are an \u{200b}id\u{200b}iot and a mo\u{200d}ron",
        "you are an ｉｄｉｏｔ and a 𝐦𝐨𝐫𝐨𝐧",
        "you are an idi\u{43e}t and a m\u{43e}r\u{43e}n",
    ] {
        let disguised = score(&plain(text), Attribute::Insult);
        assert!((clear - disguised).abs() < 0.15, "{text}: {disguised}, but {clear} in clear");
    }
}

#[test]
fn hostile_lengths_are_answered() {
    for text in [
        "a".repeat(20_480),
        format!("e{}", "\u{301}".repeat(10_000)),
        "http://a.example.com/b ".repeat(890),
        "😀".repeat(5_000),
        "@#$%^&*()!".repeat(2_000),
        "\u{200b}".repeat(6_000) + ".",
        "1 ".repeat(10_000),
        "a ".repeat(10_000),
    ] {
        let assessment = plain(&text);
        for attribute in Attribute::TEXT {
            assert!((0.0..=1.0).contains(&score(&assessment, attribute)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_answered_and_the_same_every_time(text in any::<String>(), other in any::<String>(), format in 0..3usize) {
        prop_assume!(!text.trim().is_empty() && !other.trim().is_empty());
        let format = [Format::Plain, Format::Html, Format::Markdown][format];
        let mut used = Scratch::default();
        assess(&other, format, true, &mut used);
        let first = assess(&text, format, true, &mut Scratch::default());
        let second = assess(&text, format, true, &mut used);
        prop_assert_eq!(first.scores, second.scores);
        prop_assert_eq!(&first.verdict, &second.verdict);
        prop_assert!(first.scores.iter().all(|(_, score)| score.is_ok()));
        check_sums(&first)?;
        prop_assert_eq!(&first.explanations, &second.explanations);
        prop_assert_eq!(&first.readings, &second.readings);
        let length = text.chars().count() as u32;
        for reading in &first.readings {
            prop_assert!(reading.begin <= reading.end && reading.end <= length, "{:?} of {}", reading, length);
        }
        for span in first.verdict.reasons.iter().flat_map(|r| &r.spans) {
            prop_assert!(span.begin <= span.end && span.end <= length, "{:?} of {}", span, length);
        }
    }
}
