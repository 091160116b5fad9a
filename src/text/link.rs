//! Web addresses as people write them: with a scheme or without.

use super::is_unspaced;
use super::normalize::is_hidden;
use idna::punycode;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A web address taken apart. All parts are slices of the address given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The host, without user name and port, and of an IP address of version 6
    /// without its brackets.
    pub host: &'a str,
    /// The registrable domain by the Public Suffix List (`example.co.uk` of
    /// `www.example.co.uk`); the host itself where it has none (an IP address).
    pub domain: &'a str,
    /// What follows the host and port: path, query and fragment.
    pub path: &'a str,
}

/// Top-level domains under which a bare name without scheme, `www.` or path
/// counts as a link. Others are too often file names and missing blanks.
const BARE_TLDS: [&str; 42] = [
    "app", "biz", "br", "cc", "ch", "club", "cn", "co", "com", "de", "dev", "edu", "es", "eu", "fr", "gov",
    "icu", "id", "info", "io", "live", "ly", "me", "net", "nl", "online", "org", "pro", "ru", "shop", "site",
    "space", "store", "tk", "top", "tv", "uk", "us", "vip", "win", "xxx", "xyz",
];

/// Top-level domains under which files are named, so that no label is taken
/// for an address under them.
const FILE_TLDS: [&str; 10] = ["cab", "md", "mov", "pm", "ps", "py", "rs", "sh", "so", "zip"];

/// What browsers read as the dot between two labels of a host.
pub const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// Reads an address in lower case, with no blanks or punctuation around it.
pub fn parse(address: &str) -> Option<Link<'_>> {
    read(address, |tld| BARE_TLDS.binary_search(&tld).is_ok())
}

/// Reads the label of a link as [`parse`] does, but takes a bare name under any
/// public suffix for an address (`bank.example.pl`): that it is one is likelier
/// there than in running text.
pub fn parse_label(label: &str) -> Option<Link<'_>> {
    read(label, |tld| FILE_TLDS.binary_search(&tld).is_err())
}

fn read(address: &str, may_be_bare: impl Fn(&str) -> bool) -> Option<Link<'_>> {
    let (rest, has_scheme) = match address.split_once("://") {
        Some((scheme, rest)) => {
            let is_scheme =
                (2..=10).contains(&scheme.len()) && scheme.bytes().all(|b| b.is_ascii_alphabetic());
            if !is_scheme {
                return None;
            }
            (rest, true)
        }
        None => (address, false),
    };
    let authority_len = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_len);
    let (user, authority) = authority.rsplit_once('@').map_or((false, authority), |(_, host)| (true, host));
    let (mut host, mut port) = split_port(authority, if has_scheme { &DOTS } else { &DOTS[..1] });
    let mut path = path;
    if has_scheme && !authority.starts_with('[') {
        let length = sentence_start(host);
        if length < host.len() {
            let start = authority_len - authority.len() + length;
            (host, port, path) = (&host[..length], "", &rest[start..]);
        }
    }
    let is_port = |port: &str| port.strip_prefix(':').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    // Without a scheme, most characters are a sign of something else.
    let is_allowed = |c: char| if has_scheme { is_of_host(c) } else { is_plain(c) };
    let is_label = |label: &str| !label.is_empty() && label.chars().all(is_allowed);
    let sound = match authority.starts_with('[') {
        true => host.parse::<Ipv6Addr>().is_ok(),
        false if has_scheme => labels(host).all(is_label),
        false => host.split('.').all(is_label),
    };
    if !sound || !(port.is_empty() || is_port(port)) || (user && !has_scheme) {
        return None;
    }
    let registrable = registrable(host);
    let known = registrable.is_some();
    let domain = registrable.unwrap_or(host);
    let is_link = has_scheme
        || (known && host.starts_with("www."))
        || (known && path.len() > 1 && path.starts_with('/') && host.len() > 3)
        || (known && is_bare(host, may_be_bare));
    is_link.then_some(Link { host, domain, path })
}

/// Whether browsers open hosts with that character in them: all but the
/// [forbidden host code points](https://url.spec.whatwg.org/#forbidden-host-code-point)
/// of the URL Standard, controls and blanks. With `%`, by which a character is
/// written as its number.
pub fn is_of_host(c: char) -> bool {
    !c.is_control() && !c.is_whitespace() && !"#/:<>?@[\\]^|".contains(c)
}

/// Whether names are registered with that character in them.
pub fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// The labels of a host.
pub fn labels(host: &str) -> impl Iterator<Item = &str> {
    host.split(DOTS)
}

/// Where a host ends whose last label goes on with what no top-level domain has
/// (`example.com🔥`, `example.com,and`, or in Latin letters with those of a script
/// without blanks): that is the sentence around it.
fn sentence_start(host: &str) -> usize {
    let last = host.rfind(DOTS).map_or("", |dot| host[dot..].trim_start_matches(DOTS));
    let is_latin = last.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_of_name = |c: char| {
        (is_plain(c) || c == '%' || is_combining_mark(c) || is_hidden(c)) && !(is_latin && is_unspaced(c))
    };
    let length = last.find(|c| !is_of_name(c)).filter(|length| *length > 0).unwrap_or(last.len());
    host.len() - last.len() + length
}

/// The registrable domain of a host under a known public suffix, in lower case.
pub fn registrable(host: &str) -> Option<&str> {
    let domain = psl::domain(host.as_bytes()).filter(|domain| domain.suffix().is_known())?;
    host.get(host.len() - domain.as_bytes().len()..)
}

/// The host, without its brackets and closing dots, and what follows it.
fn split_port<'a>(authority: &'a str, dots: &[char]) -> (&'a str, &'a str) {
    if let Some((host, port)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, port);
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    (host.trim_end_matches(dots), port)
}

/// The host of an address that need not be a sound one, or the host itself.
pub fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    if authority.parse::<Ipv6Addr>().is_ok() {
        return authority;
    }
    let host = split_port(authority, &DOTS).0;
    if authority.starts_with('[') { host } else { &host[..sentence_start(host)] }
}

/// The host of an address or of an e-mail address, as its author wrote it, in
/// the one form in which hosts are compared: where a browser is led by it. That
/// is with `%61` read as `a`, in lower case and NFKC, with punycode (RFC 3492) for
/// labels in other letters, so that a look-alike of a letter is not that letter;
/// and one notation for numbers. What is in that form already is not copied.
///
/// This is the mapping of Unicode Technical Standard 46, without its check of
/// what may be registered: it makes no two hosts one that are two.
pub fn canonical_host(address: &str) -> Cow<'_, str> {
    let written = host(address);
    match written.contains('%') {
        true => Cow::Owned(mapped(&percent_decode_str(written).decode_utf8_lossy()).into_owned()),
        false => mapped(address),
    }
}

fn mapped(address: &str) -> Cow<'_, str> {
    if address.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return one_notation(host(address));
    }
    let shown = address.chars().filter(|&c| !is_hidden(c)).nfkc().flat_map(char::to_lowercase);
    let read: String = shown.map(|c| if c == '\u{3002}' { '.' } else { c }).collect();
    let label = |label: &str| match label.is_ascii() {
        true => label.to_owned(),
        false => punycode::encode_str(label).map_or_else(|| label.to_owned(), |code| format!("xn--{code}")),
    };
    let labels: Vec<String> = host(&read).split('.').map(label).collect();
    Cow::Owned(one_notation(&labels.join(".")).into_owned())
}

fn one_notation(host: &str) -> Cow<'_, str> {
    ip_address(host).map_or(Cow::Borrowed(host), |address| Cow::Owned(address.to_string()))
}

/// The IP address that a browser is led to by a host: of version 6, or of
/// version 4 as up to four numbers, decimal, octal (`0177`) or hexadecimal
/// (`0x7f`), of which the last one stands for all bytes that are left.
///
/// After the IPv4 parser of the [URL Standard](https://url.spec.whatwg.org/#concept-ipv4-parser).
pub fn ip_address(host: &str) -> Option<IpAddr> {
    if host.contains(':') {
        return host.parse().map(|address| IpAddr::V6(address).to_canonical()).ok();
    }
    let count = host.split('.').count();
    let mut address = 0;
    for (place, part) in host.split('.').enumerate() {
        let bits = if place + 1 == count { 8 * 5usize.checked_sub(count)? } else { 8 };
        let number = number(part).filter(|number| number >> bits == 0)?;
        address = (address << bits) | number;
    }
    u32::try_from(address).ok().map(|address| IpAddr::V4(Ipv4Addr::from_bits(address)))
}

fn number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.as_bytes() {
        [b'0', b'x' | b'X'] => return Some(0),
        [b'0', b'x' | b'X', ..] => (&part[2..], 16),
        [b'0', _, ..] => (&part[1..], 8),
        _ => (part, 10),
    };
    // The library would take a sign before the digits.
    u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

/// A word without what `is_wrapping` says may stand around it. The bracket that
/// ends a host of version 6 is its own.
pub fn unwrapped(word: &str, is_wrapping: impl Fn(char) -> bool + Copy) -> &str {
    let start = word.trim_start_matches(is_wrapping);
    let core = start.trim_end_matches(is_wrapping);
    let is_cut = core.contains("://[") && !core.contains(']') && start[core.len()..].starts_with(']');
    if is_cut { &start[..=core.len()] } else { core }
}

fn is_bare(host: &str, may_be_bare: impl Fn(&str) -> bool) -> bool {
    let Some((name, tld)) = host.rsplit_once('.') else { return false };
    name.len() >= 2 && name.bytes().any(|b| b.is_ascii_alphabetic()) && may_be_bare(tld)
}

/// Whether this is an e-mail address: `name@host.tld`, the host under a known
/// public suffix.
pub fn is_email(address: &str) -> bool {
    let address = address.strip_prefix("mailto:").unwrap_or(address);
    let Some((name, host)) = address.split_once('@') else { return false };
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "._%+-".contains(c))
        && host.contains('.')
        && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        && psl::domain(host.as_bytes()).is_some_and(|d| d.suffix().is_known())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, &str, &str)>) {
        let expected = expected.map(|(host, domain, path)| Link { host, domain, path });
        assert_eq!(parse(address), expected, "{address}");
    }

    #[test]
    fn addresses_are_taken_apart() {
        check("https://www.example.co.uk/a?b#c", Some(("www.example.co.uk", "example.co.uk", "/a?b#c")));
        check("http://example.com:8080", Some(("example.com", "example.com", "")));
        check("http://user@example.com/x", Some(("example.com", "example.com", "/x")));
        check("http://ex%61mple.com/x", Some(("ex%61mple.com", "ex%61mple.com", "/x")));
        check("ex%61mple.com/x", None);
        check("http://192.0.2.7/x", Some(("192.0.2.7", "192.0.2.7", "/x")));
        check("example.com", Some(("example.com", "example.com", "")));
        check("t.me/somebody", Some(("t.me", "t.me", "/somebody")));
        check("www.example.pl", Some(("www.example.pl", "example.pl", "")));
    }

    #[test]
    fn addresses_of_version_6_are_taken_apart() {
        check("http://[2001:db8::1]", Some(("2001:db8::1", "2001:db8::1", "")));
        check("https://a@[2001:db8::1]:8443/x", Some(("2001:db8::1", "2001:db8::1", "/x")));
        check("http://[::ffff:192.0.2.7]/", Some(("::ffff:192.0.2.7", "::ffff:192.0.2.7", "/")));
        for text in ["[2001:db8::1]", "[::1]/x", "2001:db8::1", "http://2001:db8::1/", "http://[2001:db8::1"]
        {
            check(text, None);
        }
        for text in ["http://[]/", "http://[example.com]/", "http://[::1]a/", "http://[::1]:a/", "12:30"] {
            check(text, None);
        }
        let is_wrapping = |c: char| "()[].,".contains(c);
        for (word, core) in [
            ("(http://[::1]).", "http://[::1]"),
            ("[http://[::1]/],", "http://[::1]/"),
            ("[http://example.com]", "http://example.com"),
            ("[[a]]", "a"),
        ] {
            assert_eq!(unwrapped(word, is_wrapping), core);
        }
    }

    #[test]
    fn behind_a_scheme_a_host_has_what_browsers_open() {
        for host in [
            "a~b.spam.com",
            "a!b.spam.com",
            "a$b.spam.com",
            "a'b.spam.com",
            "a+b.spam.com",
            "a*b.spam.com",
            "(a,b;c=d&e).spam.com",
            "\u{1f4a9}.la",
            "i\u{2764}.ws",
            "\u{1f4a9}",
        ] {
            assert_eq!(parse(&format!("http://{host}/x")).map(|link| link.host), Some(host));
            check(&format!("{host}/x"), None);
        }
        for dot in DOTS {
            let host = format!("www.spam{dot}com");
            assert_eq!(parse(&format!("http://{host}{dot}/x")).map(|link| link.host), Some(host.as_str()));
            assert_eq!(canonical_host(&format!("http://{host}{dot}/x")), "www.spam.com");
        }
        for host in ["a^b.com", "a|b.com", "a<b.com", "a..com", "a\u{3002}.com", "\u{3002}", "..."] {
            check(&format!("http://{host}/x"), None);
        }
        for text in ["spam\u{3002}com/x", "www.spam\u{3002}com", "spam.com\u{3002}/x", "spam.com\u{1f525}"] {
            check(text, None);
        }
        // No top-level domain goes on like this: the sentence does.
        for (address, path) in [
            ("http://spam.com\u{1f525}\u{1f525}", "\u{1f525}\u{1f525}"),
            ("http://spam.com\u{1f525}:80/x", "\u{1f525}:80/x"),
            ("http://me@spam.com,http://example.com/", ",http://example.com/"),
        ] {
            check(address, Some(("spam.com", "spam.com", path)));
            assert_eq!(canonical_host(address), "spam.com", "{address}");
        }
    }

    #[test]
    fn numbers_are_read_as_browsers_read_them() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
        ] {
            assert_eq!(ip_address(host), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), "{host}");
        }
        assert_eq!(ip_address("0x"), Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        assert_eq!(ip_address("255.255.255.255"), Some(IpAddr::V4(Ipv4Addr::BROADCAST)));
        assert_eq!(ip_address("4294967295"), Some(IpAddr::V4(Ipv4Addr::BROADCAST)));
        assert_eq!(ip_address("2001:db8::1"), "2001:db8::1".parse().ok());
        for host in [
            "",
            "a",
            "example.com",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.256.1.1",
            "1.2.3.256",
            "1.16777216",
            "4294967296",
            "08.1.1.1",
            "0x7g",
            "+1",
            "1.+2",
            "1..2",
            "99999999999999999999",
            "1.2.3.a",
        ] {
            assert_eq!(ip_address(host), None, "{host}");
        }
    }

    #[test]
    fn a_host_has_one_form() {
        for (address, expected) in [
            ("https://user@Example.COM:8080/a@b", "example.com"),
            ("example.com.", "example.com"),
            ("https://b\u{fc}cher.example/", "xn--bcher-kva.example"),
            ("https://BU\u{308}CHER.example/", "xn--bcher-kva.example"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
            ("http://\u{1f4a9}.la", "xn--ls8h.la"),
            ("http://i\u{2764}\u{fe0f}.ws/", "xn--i-7iq.ws"),
            ("http://127\u{3002}1", "127.0.0.1"),
            ("https://p\u{430}ypal.com", "xn--pypal-4ve.com"),
            ("\u{ff48}ttps\u{ff1a}\u{ff0f}\u{ff0f}ex\u{200b}ample\u{3002}com\u{ff0f}a", "example.com"),
            ("https://p%61yp%41l.com/%2f", "paypal.com"),
            ("https://p%d0%b0ypal.com/", "xn--pypal-4ve.com"),
            ("https://100%/", "100%"),
            ("https://%2525/", "%25"),
            ("http://%30x7f.1/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://[2001:DB8:0::1]/", "2001:db8::1"),
            ("2001:db8:0::1", "2001:db8::1"),
            ("somebody@Mail.Example", "mail.example"),
        ] {
            assert_eq!(canonical_host(address), expected, "{address}");
        }
        assert!(matches!(canonical_host("https://example.com/a"), Cow::Borrowed("example.com")));
    }

    #[test]
    fn labels_are_addresses_under_any_suffix() {
        for label in ["mybank.pl", "bank.co.jp", "my-bank.museum", "example.com"] {
            assert_eq!(parse_label(label).map(|link| link.host), Some(label));
        }
        assert_eq!(parse("mybank.pl"), None);
        for label in ["node.js", "readme.md", "example.then", "a.pl", "1.5", "main.rs", "setup.py", "e.g"] {
            assert_eq!(parse_label(label), None, "{label}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for text in
            ["hello", "end.start", "main.rs", "readme.md", "e.g", "1.5", "and/or", "http://", "a://b c"]
        {
            check(text, None);
        }
    }

    #[test]
    fn tlds_are_sorted() {
        assert!(BARE_TLDS.is_sorted() && FILE_TLDS.is_sorted());
    }

    #[test]
    fn emails_are_told_from_mentions() {
        assert!(is_email("reader@example.com"));
        assert!(is_email("mailto:a.b+c@mail.example.org"));
        assert!(is_email("reader@b\u{fc}cher.de"));
        for text in ["@reader", "reader@", "a@b", "reader@example", "a@\u{1f4a9}.la", "a@b_c.com"] {
            assert!(!is_email(text), "{text}");
        }
    }
}
