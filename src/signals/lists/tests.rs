use super::*;
use crate::comment::{Author, Claims, Client, Format};
use crate::text::Analyzer;
use proptest::prelude::*;

fn list(name: &str, kind: ListKind, entries: &[&str]) -> ListSource {
    ListSource {
        name: name.into(),
        kind,
        allow: name.starts_with("allow"),
        entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
    }
}

/// `list: entry` for each hit.
fn hits(lists: &Lists, text: &str, claims: Claims<'_>) -> Vec<String> {
    let comment = Comment::new(text, 1 << 20).unwrap().with_context(claims.check().unwrap());
    let (mut document, mut hits) = (Document::default(), ListHits::default());
    Analyzer::default().analyze(text, Format::Plain, &mut document);
    lists.find(&comment, &document, &mut hits);
    let ids = lists.names().map(|name| lists.find_list(name).unwrap());
    let found = ids.flat_map(|id| {
        let entries: Vec<_> = lists.hit_entries(id, &hits).collect();
        assert_eq!(hits.count(id) as usize, entries.len());
        entries.into_iter().map(move |entry| format!("{}: {entry}", lists.name(id)))
    });
    found.collect()
}

#[track_caller]
fn check(lists: &Lists, text: &str, expected: &[&str]) {
    assert_eq!(hits(lists, text, Claims::default()), expected, "{text}");
}

#[test]
fn words_are_whole_and_seen_through_disguises() {
    let lists = Lists::new(&[list("w", ListKind::Words, &["Free Money", "casino", "c++", "日本"])]).unwrap();
    check(&lists, "Get FREE   money at the CASINO!", &["w: Free Money", "w: casino"]);
    check(&lists, "fr33 m0ney", &["w: Free Money"]);
    check(&lists, "fr33 money, f r e e m0n3y", &["w: Free Money"]);
    check(&lists, "c\u{430}sin\u{43e} ｃａｓｉｎｏ", &["w: casino"]);
    check(&lists, "I write C++.", &["w: c++"]);
    check(&lists, "casinos and freemoney, carefree moneys", &[]);
}

#[test]
fn an_entry_that_is_a_disguise_finds_the_disguise_alone() {
    // Cyrillic letters among Latin ones, as block lists have them.
    let lists = Lists::new(&[list("s", ListKind::Substrings, &["\u{430}s"])]).unwrap();
    check(&lists, "as good as it gets", &[]);
    check(&lists, "B\u{430}s it is", &["s: \u{430}s"]);
}

#[test]
fn substrings_are_found_anywhere_also_with_the_author() {
    let lists = Lists::new(&[list("s", ListKind::Substrings, &["casino", "192.0.2."])]).unwrap();
    check(&lists, "supercasinos", &["s: casino"]);
    let mut claims = Claims::default();
    claims.author.display_name = "The CASINO man";
    claims.client.ip = "192.0.2.9";
    assert_eq!(hits(&lists, "hello", claims), ["s: casino", "s: 192.0.2."]);
}

#[test]
fn domains_include_their_subdomains() {
    let lists = Lists::new(&[
        list("d", ListKind::Domains, &["example.com", "*.prizes.example.org", "Example.NET"]),
        list("e", ListKind::EmailDomains, &["@mail.example"]),
    ])
    .unwrap();
    check(&lists, "see www.shop.example.com/a", &["d: example.com"]);
    check(&lists, "see https://notexample.com and example.org", &[]);
    check(&lists, "https://win.prizes.example.org", &["d: *.prizes.example.org"]);
    let author =
        Author { url: "HTTPS://Example.net/me", email_domain: "A.Mail.Example", ..Author::default() };
    let claims = Claims { author, ..Claims::default() };
    assert_eq!(hits(&lists, "hello", claims), ["d: Example.NET", "e: @mail.example"]);
}

#[test]
fn patterns_read_the_normalised_text() {
    let lists = Lists::new(&[list("p", ListKind::Patterns, &[r"\bwin \d+ dollars\b", "FREE"])]).unwrap();
    check(&lists, "Win   500 DOLLARS, fr33", &["p: \\bwin \\d+ dollars\\b", "p: FREE"]);
    check(&lists, "win many dollars", &[]);
}

#[test]
fn networks_hold_their_addresses() {
    let lists = Lists::new(&[
        list("n", ListKind::Networks, &["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]),
        list("all", ListKind::Networks, &["0.0.0.0/0"]),
    ])
    .unwrap();
    let from = |ip| {
        let client = Client { ip, ..Client::default() };
        hits(&lists, "hello", Claims { client, ..Claims::default() })
    };
    assert_eq!(from("192.0.2.9"), ["n: 192.0.2.0/24", "all: 0.0.0.0/0"]);
    assert_eq!(from("198.51.100.7"), ["n: 198.51.100.7", "all: 0.0.0.0/0"]);
    assert_eq!(from("2001:db8:1::1"), ["n: 2001:db8::/32"]);
    assert_eq!(from("2001:db9::1"), [""; 0]);
}

#[test]
fn allow_lists_win() {
    let lists = Lists::new(&[
        list("w", ListKind::Words, &["county", "fair"]),
        list("allow_w", ListKind::Words, &["county council"]),
        list("d", ListKind::Domains, &["com", "example.com"]),
        list("allow_d", ListKind::Domains, &["good.example.com"]),
        list("n", ListKind::Networks, &["192.0.2.0/24"]),
        list("allow_n", ListKind::Networks, &["192.0.2.8/29"]),
    ])
    .unwrap();
    check(&lists, "the county council is fair", &["w: fair", "allow_w: county council"]);
    // Elsewhere in the same text it is not allowed.
    check(&lists, "the county council of the county", &["w: county", "allow_w: county council"]);
    check(&lists, "https://a.good.example.com", &["allow_d: good.example.com"]);
    check(&lists, "https://example.com", &["d: com", "d: example.com"]);
    let client = Client { ip: "192.0.2.9", ..Client::default() };
    assert_eq!(hits(&lists, "hello", Claims { client, ..Claims::default() }), ["allow_n: 192.0.2.8/29"]);
}

#[test]
fn an_entry_of_two_lists_is_a_hit_of_both() {
    for kind in [ListKind::Words, ListKind::Domains] {
        let lists =
            Lists::new(&[list("a", kind, &["example.com"]), list("b", kind, &["example.com"])]).unwrap();
        let mut found = hits(&lists, "example.com example.com", Claims::default());
        found.sort();
        assert_eq!(found, ["a: example.com", "b: example.com"]);
    }
}

#[test]
fn bad_entries_are_told_with_their_place() {
    let bad = Lists::new(&[
        list("d", ListKind::Domains, &["example.com", "a b", "https://example.com/"]),
        list("p", ListKind::Patterns, &["(", "a{1000}{1000}"]),
        list("n", ListKind::Networks, &["192.0.2.0/33"]),
        list("w", ListKind::Words, &["\u{200b}", " "]),
        list("allow_p", ListKind::Patterns, &["a"]),
    ])
    .unwrap_err();
    let told: Vec<_> = bad.iter().map(|bad| (bad.list, bad.entry)).collect();
    let expected = [
        (0, Some(1)),
        (0, Some(2)),
        (1, Some(0)),
        (1, Some(1)),
        (2, Some(0)),
        (3, Some(0)),
        (3, Some(1)),
        (4, None),
    ];
    assert_eq!(told, expected, "{bad:?}");
    assert!(bad.iter().all(|bad| !bad.what.contains('\n')), "{bad:?}");
}

#[test]
fn what_a_list_says_has_one_digest() {
    let digest = |kind, entries: &[&str]| {
        let lists = Lists::new(&[list("x", kind, entries)]).unwrap();
        lists.digest(lists.find_list("x").unwrap())
    };
    let words = digest(ListKind::Words, &["one", "two"]);
    assert_eq!(words, digest(ListKind::Words, &["TWO", " one"]));
    assert_ne!(words, digest(ListKind::Words, &["one"]));
    assert_ne!(words, digest(ListKind::Substrings, &["one", "two"]));
}

proptest! {
    /// Every text is searched, and a word that stands in it by itself is found.
    #[test]
    fn any_text_is_searched(text in "(.|[a-c0-9@#$.:/+!' -]|fr33|f r e e|\u{430}){0,40}", word in "[a-z]{3,8}") {
        // That one is allowed, which wins.
        prop_assume!(word != "abc");
        let sources = [
            list("w", ListKind::Words, &[&word]),
            list("s", ListKind::Substrings, &["a", "ab"]),
            list("allow_s", ListKind::Substrings, &["abc"]),
            list("p", ListKind::Patterns, &["[0-9]+"]),
            list("d", ListKind::Domains, &["com"]),
        ];
        let lists = Lists::new(&sources).unwrap();
        let whole = format!("{text} , {word} , x");
        let found = hits(&lists, &whole, Claims::default());
        let expected = format!("w: {word}");
        prop_assert!(found.contains(&expected), "{:?}", found);
    }
}
