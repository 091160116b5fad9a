use super::*;
use crate::comment::{Author, Claims, Client, Format, ThreadFacts};
use crate::text::Analyzer;
use proptest::prelude::*;

const KEY: [u8; 16] = [3; 16];
const STANDING: Standing<'static> = Standing { site: "s", comment_id: "" };

fn traces_of(text: &str, format: Format, claims: Claims<'_>, expected: &[&str]) -> Traces {
    let comment = Comment::new(text, 1 << 20).unwrap().with_format(format);
    let comment = comment.with_context(claims.check().unwrap());
    let mut document = Document::default();
    Analyzer::default().analyze(text, format, &mut document);
    let key = HashKey::new(KEY);
    let expects = |word: &str| expected.contains(&word);
    Traces::of(STANDING, &comment, &document, &key, expects, &mut TraceScratch::default())
}

fn traces(text: &str) -> Traces {
    traces_of(text, Format::Plain, Claims::default(), &[])
}

/// How many bands two texts share.
fn shared(one: &str, other: &str) -> usize {
    let (one, other) = (traces(one).bands, traces(other).bands);
    one.iter().zip(other).filter(|(one, other)| **one == *other && *other != 0).count()
}

#[test]
fn disguises_are_copies_of_what_they_hide() {
    let plain = traces("Get your free casino bonus now, all you need is a card").text;
    assert_ne!(plain, 0);
    for disguised in [
        "GET your  FREE casino bonus now - all you need is a card!!!",
        "Get your fr33 c\u{430}sino bonus n\u{200b}ow, all you need is a card 🎰🎰",
        "Get your f r e e casino bonus now, all you need is a card",
        "𝓖𝓮𝓽 your ｆｒｅｅ casino bonus now, all you need is a card",
    ] {
        assert_eq!(traces(disguised).text, plain, "{disguised}");
    }
    let html = "<p>Get your <b>free</b> casino bonus now, all you need is a card</p>";
    assert_eq!(traces_of(html, Format::Html, Claims::default(), &[]).text, plain);
    assert_ne!(traces("Get your free casino bonus now, all you need is a bike").text, plain);
}

#[test]
fn what_everybody_says_is_no_copy() {
    for short in [
        "nice",
        "first!",
        "lol lol lol",
        "Thank you so much!",
        "🔥🔥🔥🔥🔥🔥🔥🔥🔥",
        "好的谢谢",
        "!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
    ] {
        assert_eq!((traces(short).text, traces(short).bands), (0, [0; BANDS]), "{short}");
    }
    // What leads somewhere matters however short it is.
    assert_ne!(traces("t.me/somebody").text, 0);
    assert_ne!(traces("加微信领取免费课程资料").text, 0);
}

#[test]
fn nearly_the_same_shares_most_bands_and_another_text_few() {
    let text =
        "My aunt was tired of her old phone and then she found this shop where everything is half the price";
    let with = |from: &str, to: &str| text.replace(from, to);
    assert_eq!(shared(text, text), BANDS);
    assert!(shared(text, &with("aunt", "uncle")) >= 4);
    assert!(shared(text, &format!("{text} today, 24 hours")) >= 4);
    let numbered =
        |n: u32| format!("{text}, call +1 202 555 {n:04} or look at https://shop{n}.example.com/a");
    assert_eq!(shared(&numbered(143), &numbered(9_981)), BANDS);
    let other =
        "I planted mine in spring and they flower until October when the first cold nights come along";
    assert!(shared(text, other) <= 1);
    // Of few words, one other makes another text.
    assert_eq!(traces("A comment of exactly seven words here").bands, [0; BANDS]);
}

#[test]
fn ways_to_reach_somebody_are_found_however_they_are_written() {
    let contacts = |text| traces(text).contacts;
    let one = |text| {
        let found = contacts(text);
        assert_eq!((found[0] != 0, found[1]), (true, 0), "{text}");
        found[0]
    };
    assert_eq!(one("see https://www.example.com/a/#top"), one("example.com/a is good"));
    assert_eq!(one("ring +1 (202) 555-0143"), one("+1 202 555 0143!"));
    assert_eq!(one("I wrote to @coach_ann at once"), one("thanks to @Coach_Ann!"));
    assert_eq!(one("mail ann@example.com"), one("ANN@example.com please"));
    assert_eq!(contacts("@ann @bob you are both right"), [0; MARKS]);
    assert_eq!(contacts("no way at all in 2026"), [0; MARKS]);
    assert_ne!(one("see example.com/a"), one("see example.com/b"));
}

#[test]
fn names_are_of_their_thread_and_no_surprise_is_none() {
    let under = |thread_id| Claims {
        thread: ThreadFacts { thread_id, ..ThreadFacts::default() },
        ..Claims::default()
    };
    let names =
        |text, thread, expected: &[&str]| traces_of(text, Format::Plain, under(thread), expected).names;
    let named = names("I owe it all to Anna Berg, my coach", "t", &[]);
    assert_ne!(named[0], 0);
    assert_eq!(named[1], 0);
    assert_eq!(names("ANNA who? Anna Berg helped me too", "t", &[])[0], named[0]);
    assert_ne!(names("Anna Berg", "u", &[])[0], named[0]);
    for (text, thread, expected) in [
        ("Anna Berg", "", &[][..]),
        ("Anna Berg", "t", &["anna", "berg"]),
        ("anna berg", "t", &[]),
        ("ANNA BERG", "t", &[]),
        ("Anna. Berg", "t", &[]),
        ("I saw A B", "t", &[]),
    ] {
        assert_eq!(names(text, thread, expected), [0; MARKS], "{text}");
    }
}

#[test]
fn networks_are_prefixes_and_people_are_of_their_site() {
    let from = |ip| {
        traces_of(
            "x",
            Format::Plain,
            Claims { client: Client { ip, ..Client::default() }, ..Claims::default() },
            &[],
        )
    };
    assert_eq!(from("192.0.2.7").network, from("192.0.2.200").network);
    assert_ne!(from("192.0.2.7").address, from("192.0.2.200").address);
    assert_ne!(from("192.0.2.7").network, from("192.0.3.7").network);
    assert_eq!(from("2001:db8:0:1::7").address, from("2001:db8:0:1:ffff::").address);
    assert_ne!(from("2001:db8:0:1::7").network, from("2001:db8:0:2::7").network);
    assert_eq!(from("").network, 0);
    let author = Author { author_id: "ann", ..Author::default() };
    let by = traces_of("x", Format::Plain, Claims { author, ..Claims::default() }, &[]);
    assert_ne!(by.author, 0);
    let comment =
        Comment::new("x", 10).unwrap().with_context(Claims { author, ..Claims::default() }.check().unwrap());
    let elsewhere = |site, key| {
        let standing = Standing { site, comment_id: "" };
        Traces::of(
            standing,
            &comment,
            &Document::default(),
            &HashKey::new(key),
            |_| false,
            &mut TraceScratch::default(),
        )
    };
    assert_eq!(elsewhere("s", KEY).author, by.author);
    assert_ne!(elsewhere("t", KEY).author, by.author);
    assert_ne!(elsewhere("s", [4; 16]).author, by.author);
}

proptest! {
    #[test]
    fn any_text_leaves_traces_and_the_same_ones_again(text in "(.|[a-z]{1,9} |[A-Z][a-z]+ |@|[0-9]|\\.com/|[\u{4e00}-\u{4fff}]){1,80}") {
        if !text.trim().is_empty() {
            prop_assert_eq!(traces(&text), traces(&text));
        }
    }
}
