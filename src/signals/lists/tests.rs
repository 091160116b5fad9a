use super::find::MAX_PLACES;
use super::*;
use crate::comment::{Author, Claims, Client, Comment, Format};
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
fn the_authors_name_is_read_as_the_text_is() {
    let entries = ["\u{43a}\u{430}\u{437}\u{438}\u{43d}\u{43e}", "casino", "p\u{430}ypal"];
    let lists = Lists::new(&[
        list("s", ListKind::Substrings, &entries),
        // Words are looked for in texts alone.
        list("w", ListKind::Words, &["casino"]),
    ])
    .unwrap();
    let [russian, plain, disguise] = entries.map(|entry| format!("s: {entry}"));
    for (name, expected) in [
        ("\u{41a}\u{410}\u{417}\u{418}\u{41d}\u{41e}", &russian),
        ("c4sin0 c a s i n o", &plain),
        ("\u{ff23}\u{ff21}\u{ff33}\u{ff29}\u{ff2e}\u{ff2f}", &plain),
        ("Ca\u{200b}sino", &plain),
        ("P\u{410}YPAL", &disguise),
    ] {
        let author = Author { display_name: name, ..Author::default() };
        assert_eq!(
            hits(&lists, "hello", Claims { author, ..Claims::default() }),
            [expected.as_str()],
            "{name}"
        );
    }
    // Of an address and a browser the letters are folded, and no more.
    let url = |url| Claims { author: Author { url, ..Author::default() }, ..Claims::default() };
    assert_eq!(
        hits(&lists, "hello", url("https://\u{41a}\u{410}\u{417}\u{418}\u{41d}\u{41e}.example")),
        [russian]
    );
    assert_eq!(hits(&lists, "hello", url("https://c4sin0.example")), [""; 0]);
    let user_agent = "P\u{410}YPAL/1.0 (c4sin0)";
    let claims = Claims { client: Client { user_agent, ..Client::default() }, ..Claims::default() };
    assert_eq!(hits(&lists, "hello", claims), [disguise]);
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
fn email_domains_have_letters_of_any_script() {
    let entries = ["b\u{fc}cher.de", "xn--e1afmkfd.com"];
    let lists = Lists::new(&[list("e", ListKind::EmailDomains, &entries)]).unwrap();
    check(&lists, "write to Bob@B\u{dc}cher.de, please", &["e: b\u{fc}cher.de"]);
    check(&lists, "bob@xn--bcher-kva.de", &["e: b\u{fc}cher.de"]);
    check(&lists, "a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.com", &["e: xn--e1afmkfd.com"]);
    check(&lists, "bob@bucher.de", &[]);
}

#[test]
fn domains_have_what_browsers_open() {
    let lists = Lists::new(&[
        list("d", ListKind::Domains, &["\u{1f4a9}.la", "i\u{2764}.ws", "spam.com", "a~b.example.org"]),
        list("puny", ListKind::Domains, &["xn--ls8h.la"]),
    ])
    .unwrap();
    check(&lists, "http://\u{1f4a9}.la/x", &["d: \u{1f4a9}.la", "puny: xn--ls8h.la"]);
    check(&lists, "http://xn--ls8h.la", &["d: \u{1f4a9}.la", "puny: xn--ls8h.la"]);
    check(&lists, "http://i\u{2764}\u{fe0f}.ws/", &["d: i\u{2764}.ws"]);
    check(&lists, "http://a~b.example.org", &["d: a~b.example.org"]);
    let addresses =
        ["a~b.spam.com", "a'b.spam.com/x", "spam\u{3002}com", "www.spam\u{ff61}com", "spam.com\u{1f525}"];
    for address in addresses {
        check(&lists, &format!("http://{address}"), &["d: spam.com"]);
    }
    for entry in ["a*b.com", "example.com,", "a^b.com", "a%62.com", "a..com", "a\u{3002}.com", "*"] {
        assert!(Lists::new(&[list("d", ListKind::Domains, &[entry])]).is_err(), "{entry}");
    }
}

#[test]
fn a_look_alike_of_a_domain_is_another_domain() {
    let homograph = "p\u{430}ypal.com";
    let lists = Lists::new(&[
        list("allow_d", ListKind::Domains, &["paypal.com", "b\u{fc}cher.example"]),
        list("d", ListKind::Domains, &["com", "example", "xn--e1afmkfd.example"]),
        list("e", ListKind::EmailDomains, &["paypal.com"]),
        list("ip", ListKind::Domains, &["192.0.2.7", "2001:db8::1"]),
    ])
    .unwrap();
    check(&lists, "https://paypal.com/a", &["allow_d: paypal.com"]);
    check(&lists, "https://www.PAYPAL.com/a", &["allow_d: paypal.com"]);
    check(&lists, &format!("https://{homograph}/a"), &["d: com"]);
    // In capitals the Cyrillic letter is the same one; full width is plain.
    check(&lists, "https://P\u{410}YPAL.COM/a", &["d: com"]);
    check(&lists, "https://\u{ff50}aypal.com/a", &["allow_d: paypal.com"]);
    check(&lists, "https://xn--pypal-4ve.com/a", &["d: com"]);
    check(&lists, "https://p%61ypal.com/a", &["allow_d: paypal.com"]);
    check(&lists, "write to me@paypal.com", &["e: paypal.com"]);
    check(&lists, &format!("write to me@{homograph}"), &[]);
    // In either form.
    check(&lists, "https://xn--bcher-kva.example/", &["allow_d: b\u{fc}cher.example"]);
    check(&lists, "https://BU\u{308}CHER.example/", &["allow_d: b\u{fc}cher.example"]);
    let russian = "https://\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example";
    check(&lists, russian, &["d: example", "d: xn--e1afmkfd.example"]);
    check(&lists, "http://0xc0000207/ http://[2001:DB8:0::1]", &["ip: 192.0.2.7", "ip: 2001:db8::1"]);
    // An entry that is a homograph is that and nothing else.
    let lists = Lists::new(&[list("d", ListKind::Domains, &[homograph])]).unwrap();
    check(&lists, &format!("https://{homograph}/a"), &["d: p\u{430}ypal.com"]);
    check(&lists, "https://xn--pypal-4ve.com/", &["d: p\u{430}ypal.com"]);
    check(&lists, "https://paypal.com/", &[]);
    let author = |url| Claims { author: Author { url, ..Author::default() }, ..Claims::default() };
    assert_eq!(hits(&lists, "hello", author("https://P\u{430}ypal.com/me")), ["d: p\u{430}ypal.com"]);
    assert_eq!(hits(&lists, "hello", author("https://paypal.com/me")), [""; 0]);
}

#[test]
fn patterns_are_held_back_where_all_they_match_is_allowed() {
    let lists = Lists::new(&[
        list("p", ListKind::Patterns, &[r"cou\w+", r"\bfair\b", r"the county council is"]),
        list("allow_w", ListKind::Words, &["county council"]),
    ])
    .unwrap();
    check(&lists, "the county council", &["allow_w: county council"]);
    check(&lists, "a county council is fair", &["p: \\bfair\\b", "allow_w: county council"]);
    // Elsewhere in the text, or wider than what is allowed, it counts.
    check(&lists, "the county council of the county", &["p: cou\\w+", "allow_w: county council"]);
    check(&lists, "the county council is here", &["p: the county council is", "allow_w: county council"]);
    // A limit on how many places are looked at errs on the side of a hit.
    check(&lists, &"county council ".repeat(MAX_PLACES / 2), &["allow_w: county council"]);
    check(&lists, &"county council ".repeat(MAX_PLACES / 2 + 1), &["p: cou\\w+", "allow_w: county council"]);
    // It is one for all patterns: here two places of one and one of the other.
    let two = Lists::new(&[
        list("p", ListKind::Patterns, &[r"coun\w+", "ty"]),
        list("allow_w", ListKind::Words, &["county council"]),
    ])
    .unwrap();
    check(&two, &"county council ".repeat(MAX_PLACES / 3), &["allow_w: county council"]);
    check(&two, &"county council ".repeat(MAX_PLACES / 3 + 1), &["p: ty", "allow_w: county council"]);
    // So it does when nothing allowed is in the text.
    check(&lists, "a county", &["p: cou\\w+"]);
}

#[test]
fn patterns_are_bounded_one_by_one_and_together() {
    let bad = |entries: Vec<String>| {
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        let bad = Lists::new(&[list("p", ListKind::Patterns, &entries)]).unwrap_err();
        bad.into_iter().map(|bad| (bad.entry.unwrap(), bad.what)).collect::<Vec<_>>()
    };
    let large = "a pattern takes more than 1048576 bytes once it is compiled".to_owned();
    assert_eq!(bad(vec!["a".into(), r"\w{100}".into()]), [(1, large)]);
    let wide =
        "a pattern can be in 2004 states at once, over the limit of 1000; let it repeat less".to_owned();
    assert_eq!(bad(vec!["a".into(), "(?:a?){1000}b".into()]), [(1, wide)]);
    let many = "over the limit of 1000 patterns together".to_owned();
    assert_eq!(bad((0..1_001).map(|i| format!("a{i}")).collect()), [(1_000, many)]);
    let wide = "patterns can be in more than 4000 states at once together".to_owned();
    // The states of one and of the other are behind different letters.
    let of = |letter: char, count| (0..count).map(move |i| format!("{letter}{{400}}{i}"));
    assert_eq!(bad(of('a', 10).chain(of('c', 9)).collect()), [(9, wide)]);
}

#[test]
fn patterns_read_the_normalised_text() {
    let lists = Lists::new(&[list("p", ListKind::Patterns, &[r"\bwin \d+ dollars\b", "FREE"])]).unwrap();
    check(&lists, "Win   500 DOLLARS, fr33", &["p: \\bwin \\d+ dollars\\b", "p: FREE"]);
    check(&lists, "win many dollars", &[]);
}

#[test]
fn anchored_patterns_match_where_the_text_begins_and_ends() {
    let entries = ["^buy", "now$", "^free", r"^\S+$"];
    let lists = Lists::new(&[
        list("p", ListKind::Patterns, &entries),
        list("allow_w", ListKind::Words, &["buy nothing", "not now"]),
    ])
    .unwrap();
    check(&lists, "  Buy this\n", &["p: ^buy"]);
    check(&lists, "you can buy", &[]);
    check(&lists, "Come NOW ", &["p: now$"]);
    check(&lists, "now or never", &[]);
    check(&lists, "fr33 for you", &["p: ^free"]);
    check(&lists, "one", &["p: ^\\S+$"]);
    // What is allowed stands where the pattern matches.
    check(&lists, "buy nothing, not now", &["allow_w: buy nothing", "allow_w: not now"]);
}

#[test]
fn what_is_allowed_is_not_read_through() {
    let lists = Lists::new(&[
        list("w", ListKind::Words, &["ass", "free"]),
        list("p", ListKind::Patterns, &["^ass", "ass$"]),
        list("allow_w", ListKind::Words, &["a55", "the c0de"]),
    ])
    .unwrap();
    check(&lists, "The Samsung A55 is a good phone", &["allow_w: a55"]);
    check(&lists, "a55", &["allow_w: a55"]);
    // Other spellings are, also beside it and around it.
    check(&lists, "a fr33 a55", &["w: free", "allow_w: a55"]);
    check(&lists, "a55 and a5s", &["w: ass", "p: ass$", "allow_w: a55"]);
    check(&lists, "fr33 the c0de", &["w: free", "allow_w: the c0de"]);
    check(&lists, "a5s", &["w: ass", "p: ^ass", "p: ass$"]);
}

#[test]
fn entries_within_one_another_are_each_noted_once() {
    let nested: Vec<String> = (1..=200).map(|length| "a".repeat(length)).collect();
    let nested: Vec<&str> = nested.iter().map(String::as_str).collect();
    let text = format!("{} b", "a".repeat(5_000));
    let analyzed = |sources: &[ListSource]| {
        let lists = Lists::new(sources).unwrap();
        let (mut document, mut found) = (Document::default(), ListHits::default());
        Analyzer::default().analyze(&text, Format::Plain, &mut document);
        let comment = Comment::new(&text, 1 << 20).unwrap();
        for _ in 0..2 {
            lists.find(&comment, &document, &mut found);
        }
        // What is kept grows with the entries and the text, and not with how
        // often they match, which is nearly a million times.
        assert!(found.found.entries.capacity() <= 1_024, "{}", found.found.entries.capacity());
        assert!(found.held_back.entries.capacity() <= 1_024, "{}", found.held_back.entries.capacity());
        assert!(found.allowed.capacity() <= 4 * text.len(), "{}", found.allowed.capacity());
        (found.found.entries.len(), found.held_back.entries.len())
    };
    let substrings = list("s", ListKind::Substrings, &nested);
    assert_eq!(analyzed(std::slice::from_ref(&substrings)), (200, 0));
    let allow = list("allow_s", ListKind::Substrings, &nested);
    assert_eq!(analyzed(&[substrings.clone(), allow]), (200, 200));
    let allow = list("allow_b", ListKind::Substrings, &["b"]);
    assert_eq!(analyzed(&[substrings, allow]), (201, 0));
}

#[test]
fn words_of_scripts_without_blanks_are_found_within_a_text() {
    // Chinese, Japanese, Korean and Thai for a casino, and a Latin word.
    let [chinese, japanese, korean, thai] = ["赌场", "カジノ", "카지노", "คาสิโน"];
    let entries = [chinese, japanese, korean, thai, "casino", "vip赌场"];
    let lists = Lists::new(&[list("w", ListKind::Words, &entries)]).unwrap();
    check(&lists, "去赌场玩", &["w: 赌场"]);
    check(&lists, "オンラインカジノで遊ぶ", &["w: カジノ"]);
    check(&lists, "카지노에서", &["w: 카지노"]);
    check(&lists, "เล่นคาสิโนออนไลน์", &["w: คาสิโน"]);
    check(&lists, "去casino玩", &["w: casino"]);
    check(&lists, "去vip赌场玩", &["w: 赌场", "w: vip赌场"]);
    check(&lists, "去svip赌场玩, 去casinos玩", &["w: 赌场"]);
    let allow = list("allow_w", ListKind::Words, &["赌场街"]);
    let lists = Lists::new(&[list("w", ListKind::Words, &[chinese]), allow]).unwrap();
    check(&lists, "我住在赌场街上", &["allow_w: 赌场街"]);
    check(&lists, "我住在赌场街上, 去赌场玩", &["w: 赌场", "allow_w: 赌场街"]);
}

#[test]
fn networks_hold_their_addresses() {
    let lists = Lists::new(&[
        list("n", ListKind::Networks, &["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]),
        list("all", ListKind::Networks, &["0.0.0.0/0"]),
        list("six", ListKind::Networks, &["::ffff:203.0.113.128/121", "::ffff:203.0.113.9", "::/95"]),
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
    // Addresses of version 4 written as ones of version 6 are what they are.
    for ip in ["203.0.113.129", "::ffff:203.0.113.129"] {
        assert_eq!(from(ip), ["all: 0.0.0.0/0", "six: ::ffff:203.0.113.128/121"]);
    }
    assert_eq!(from("203.0.113.9"), ["all: 0.0.0.0/0", "six: ::ffff:203.0.113.9"]);
    assert_eq!(from("203.0.113.10"), ["all: 0.0.0.0/0"]);
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

/// The first spelling is the one that is told.
#[test]
fn an_entry_counts_once_in_all_its_spellings() {
    let client = Client { ip: "192.0.2.9", ..Client::default() };
    let text = "v1agra is AT shop.com, or from me@shop.com; c: viagr\u{430}";
    for (kind, spellings) in [
        (ListKind::Words, &["Viagra", "viagra", " VIAGRA ", "\u{ff36}iagra"][..]),
        (ListKind::Words, &["c", "C"]),
        (ListKind::Substrings, &["iagra", "IAGRA"]),
        (ListKind::Substrings, &["gr\u{430}", "GR\u{410}"]),
        (ListKind::Domains, &["shop.com", "SHOP.com", "shop.com.", "*.shop.com"]),
        (ListKind::EmailDomains, &["@shop.com", "Shop.com"]),
        (ListKind::Patterns, &["vi.gra", "vi.gra "]),
        (ListKind::Networks, &["192.0.2.0/24", "192.0.2.9/24", "::ffff:192.0.2.0/120"]),
    ] {
        let both = Lists::new(&[list("a", kind, spellings), list("b", kind, &spellings[1..])]).unwrap();
        let found = hits(&both, text, Claims { client, ..Claims::default() });
        let expected = [format!("a: {}", spellings[0]), format!("b: {}", spellings[1])];
        assert_eq!(found, expected.map(|hit| hit.trim_end().to_owned()), "{kind:?}");
        let once = Lists::new(&[list("a", kind, &spellings[..1])]).unwrap();
        let id = once.find_list("a").unwrap();
        assert_eq!(both.entries(id).collect::<Vec<_>>(), once.entries(id).collect::<Vec<_>>());
        assert_eq!(both.own_digest(id), once.own_digest(id));
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

#[test]
fn phrases_that_begin_alike_are_all_found() {
    let phrases: Vec<String> = (0..100).map(|i| format!("buy {i}")).collect();
    let phrases: Vec<&str> = phrases.iter().map(String::as_str).collect();
    let lists = Lists::new(&[list("w", ListKind::Words, &phrases)]).unwrap();
    let found = hits(&lists, "Buy 7, rebuy 8, buy 9x or buy 99", Claims::default());
    assert_eq!(found, ["w: buy 7", "w: buy 99"]);
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
