//! Where addresses stand in a chunk of normalised text: alone, or glued to what
//! was written around them (`Site:https://example.com`, `👉example.com`).

use super::{TokenKind, is_unspaced, link};
use unicode_normalization::char::is_combining_mark;

/// Schemes that are seen at the end of longer runs of letters.
const SCHEMES: [&str; 5] = ["hxxps", "https", "hxxp", "http", "ftp"];

/// Top-level domains under which a bare name counts as a link within a chunk,
/// too. Under others, what has signs on both sides is code as often
/// (`f(user.id)`).
const GLUED_TLDS: [&str; 13] =
    ["biz", "club", "com", "icu", "net", "online", "org", "ru", "shop", "site", "vip", "xxx", "xyz"];

/// In front of a scheme, these say that it is a part of the address before it.
const INNER: [char; 6] = ['/', '=', '?', '&', '#', '%'];

/// An address in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// [`TokenKind::Link`] or [`TokenKind::Email`].
    pub kind: TokenKind,
    /// Its first byte in the chunk.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// The addresses of a chunk, in order. Takes time linear in its length.
pub(super) struct Addresses<'a> {
    chunk: &'a str,
    /// What comes before was looked at.
    at: usize,
    /// The colon of the next scheme, from `at` on, once it was looked for.
    colon: Option<Option<usize>>,
    /// The chunk without what stands around words.
    inside: (usize, usize),
}

impl<'a> Addresses<'a> {
    pub fn of(chunk: &'a str) -> Self {
        let start = chunk.len() - chunk.trim_start_matches(is_wrapping).len();
        let end = start + link::unwrapped(chunk, is_wrapping).len();
        Self { chunk, at: 0, colon: None, inside: (start, end) }
    }

    /// The next `://` and where its scheme begins.
    fn scheme(&mut self) -> Option<(usize, usize)> {
        loop {
            let (chunk, at) = (self.chunk, self.at);
            let next = || chunk[at..].find("://").map(|colon| at + colon);
            let colon = (*self.colon.get_or_insert_with(next))?;
            if let Some(start) = scheme_start(&chunk[..colon], at) {
                return Some((start, colon));
            }
            self.colon = Some(find_from(chunk, colon + 3));
        }
    }

    /// The address behind a scheme, which ends where another begins.
    fn with_scheme(&mut self, (start, colon): (usize, usize)) -> Option<Address> {
        let rest = &self.chunk[colon + 3..];
        let authority = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        (self.at, self.colon) = (colon + 3, None);
        link::parse(&self.chunk[start..colon + 3 + authority])?;
        let mut end = self.chunk.len();
        while let Some(next) = find_from(self.chunk, self.at) {
            let inner = scheme_start(&self.chunk[..next], self.at);
            if let Some(inner) = inner.filter(|inner| !self.chunk[..*inner].ends_with(INNER)) {
                end = inner;
                break;
            }
            self.at = next + 3;
        }
        self.at = end;
        let mut core = link::unwrapped(&self.chunk[start..end], is_wrapping);
        if self.chunk[..start].ends_with('_') {
            core = core.trim_end_matches('_');
        }
        link::parse(core).map(|_| Address { kind: TokenKind::Link, start, end: start + core.len() })
    }

    /// The next address without a scheme that ends before `limit`.
    fn without_scheme(&mut self, limit: usize) -> Option<Address> {
        while self.at < limit {
            let (start, end) = self.run(limit);
            self.at = end;
            let run = &self.chunk[start..end];
            if !run.contains('.') {
                continue;
            }
            if run.contains('@') {
                if let Some(found) = self.email(start, end) {
                    self.at = found.end;
                    return Some(found);
                }
                continue;
            }
            let lead = run.len() - run.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
            let core = run[lead..].trim_end_matches(|c| is_wrapping(c) || matches!(c, '_' | '-'));
            let (start, end) = (start + lead, start + lead + core.len());
            let Some(found) = link::parse(core) else { continue };
            let tld = found.host.rsplit('.').next().unwrap_or_default();
            let is_sure = found.path.len() > 1 || found.host.starts_with("www.") || GLUED_TLDS.contains(&tld);
            if is_sure || self.stands_free(start, end) {
                return Some(Address { kind: TokenKind::Link, start, end });
            }
        }
        None
    }

    /// The next run of what an address without a scheme is made of.
    fn run(&self, limit: usize) -> (usize, usize) {
        let part = &self.chunk[self.at..limit];
        let start = self.at + (part.len() - part.trim_start_matches(is_boundary).len());
        let mut last = None;
        let end = self.chunk[start..limit].char_indices().find(|&(_, c)| {
            let is_parted = last.replace(c).is_some_and(|last| parts(last, c));
            is_boundary(c) || is_parted
        });
        (start, end.map_or(limit, |(len, _)| start + len))
    }

    /// The first e-mail address of a run.
    fn email(&self, start: usize, end: usize) -> Option<Address> {
        let run = &self.chunk[start..end];
        for (at, _) in run.match_indices('@') {
            let name = run[..at].trim_end_matches(|c: char| c.is_alphanumeric() || "._%+-".contains(c));
            let host = run[at + 1..].find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'));
            let host = &run[at + 1..host.map_or(run.len(), |len| at + 1 + len)];
            let host = host.trim_end_matches(['.', '-']);
            let (from, to) = (name.len(), at + 1 + host.len());
            if link::is_email(&run[from..to]) {
                return Some(Address { kind: TokenKind::Email, start: start + from, end: start + to });
            }
        }
        None
    }

    /// Whether no sign of ASCII stands at either side of it, but for those that
    /// stand around words.
    fn stands_free(&self, start: usize, end: usize) -> bool {
        let is_free = |c: Option<char>| c.is_none_or(|c| !c.is_ascii());
        (start <= self.inside.0 || is_free(self.chunk[..start].chars().next_back()))
            && (end >= self.inside.1 || is_free(self.chunk[end..].chars().next()))
    }
}

impl Iterator for Addresses<'_> {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        if self.at == 0 {
            let core = &self.chunk[self.inside.0..self.inside.1];
            // The end of a sentence, mostly.
            if !core.bytes().any(|b| matches!(b, b'.' | b'@' | b':')) {
                return None;
            }
            if let Some(kind) = kind_of_whole(core) {
                self.at = self.chunk.len();
                return Some(Address { kind, start: self.inside.0, end: self.inside.1 });
            }
        }
        loop {
            let scheme = self.scheme();
            let limit = scheme.map_or(self.chunk.len(), |(start, _)| start);
            if let Some(found) = self.without_scheme(limit) {
                return Some(found);
            }
            if let Some(found) = self.with_scheme(scheme?) {
                return Some(found);
            }
        }
    }
}

/// What address a chunk is as a whole, but for what stands around words.
fn kind_of_whole(core: &str) -> Option<TokenKind> {
    if core.contains('@') && link::is_email(core) {
        return Some(TokenKind::Email);
    }
    let is_glued = match core.find("://") {
        Some(colon) => core[colon + 3..].contains("://") || scheme_start(&core[..colon], 0) != Some(0),
        // A name in Latin letters behind a sentence in others.
        None => core.split(['.', '/']).next().is_some_and(|label| {
            label.starts_with(is_unspaced) && label.contains(|c: char| c.is_ascii_alphanumeric())
        }),
    };
    (!is_glued && link::parse(core).is_some()).then_some(TokenKind::Link)
}

fn find_from(chunk: &str, at: usize) -> Option<usize> {
    chunk[at..].find("://").map(|colon| at + colon)
}

/// Where the scheme begins that a text ends with, not before `from`.
fn scheme_start(text: &str, from: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[from..];
    let letters = bytes.iter().rev().take(64).take_while(|b| b.is_ascii_alphabetic()).count();
    let letters = &text[text.len() - letters..];
    let known = SCHEMES.iter().find(|scheme| letters.ends_with(*scheme)).map(|scheme| scheme.len());
    let other = (2..=10).contains(&letters.len()).then_some(letters.len());
    Some(text.len() - known.or(other)?)
}

/// What ends an address without a scheme.
fn is_boundary(c: char) -> bool {
    match c.is_ascii() {
        true => "()[]{}<>\"',;|!*=:`^\\".contains(c),
        false => !c.is_alphanumeric() && !is_combining_mark(c),
    }
}

/// Whether one of two letters that touch belongs to a sentence without blanks.
fn parts(one: char, other: char) -> bool {
    is_unspaced(one) && other.is_ascii_alphanumeric() || one.is_ascii_alphanumeric() && is_unspaced(other)
}

/// What may stand around a word.
pub(super) fn is_wrapping(c: char) -> bool {
    "()[]{}<>\"'.,!?;:*~`".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(chunk: &str) -> Vec<(TokenKind, &str)> {
        Addresses::of(chunk).map(|found| (found.kind, &chunk[found.start..found.end])).collect()
    }

    #[track_caller]
    fn check(chunk: &str, links: &[&str]) {
        let expected: Vec<_> = links.iter().map(|link| (TokenKind::Link, *link)).collect();
        assert_eq!(found(chunk), expected, "{chunk}");
    }

    #[test]
    fn addresses_are_found_where_they_stand_alone() {
        check("(https://example.com/a).", &["https://example.com/a"]);
        check("www.example.pl", &["www.example.pl"]);
        check("(user.id),", &["user.id"]);
        check("[http://[2001:db8::1]/],", &["http://[2001:db8::1]/"]);
        check("http://\u{6dd8}\u{5b9d}.com", &["http://\u{6dd8}\u{5b9d}.com"]);
        assert_eq!(found("<me@example.com>,"), [(TokenKind::Email, "me@example.com")]);
    }

    #[test]
    fn what_touches_an_address_does_not_hide_it() {
        for lead in [
            "website:",
            "\u{8bbf}\u{95ee}",
            "\u{1f449}",
            "-",
            "\u{2014}",
            "\u{2022}",
            "\u{ab}",
            "=",
            "text(",
            "[url]",
            "seeourwebsite",
            "see",
        ] {
            check(&format!("{lead}https://evil.com/x"), &["https://evil.com/x"]);
        }
        check("[url]https://evil.com[/url]", &["https://evil.com[/url"]);
        check("_https://evil.com_", &["https://evil.com"]);
        for glued in [
            "\u{1f449}evil.com",
            "\u{1f449}evil.io",
            "evil.com's",
            "site:evil.com",
            "text(evil.com)b",
            "\u{770b}evil.com\u{770b}",
            "a=www.evil.io",
        ] {
            let name = if glued.contains(".io") { "evil.io" } else { "evil.com" };
            let links = found(glued);
            assert!(links.len() == 1 && links[0].1.ends_with(name), "{glued}: {links:?}");
        }
        check("\u{770b}evil.com/x", &["evil.com/x"]);
        check("earn:t.me/abc", &["t.me/abc"]);
        check("(page=https://192.0.2.7/x)", &["https://192.0.2.7/x"]);
    }

    #[test]
    fn addresses_that_touch_are_told_apart() {
        check("https://good.com/a,https://evil.com/b", &["https://good.com/a", "https://evil.com/b"]);
        check("https://good.comhttps://evil.com/b", &["https://good.com", "https://evil.com/b"]);
        check("www.good.com,www.evil.com", &["www.good.com", "www.evil.com"]);
        // One that leads on to another is one.
        for one in
            ["https://archive.example.org/web/https://example.com/", "https://a.example.com/?u=http://b.com"]
        {
            check(one, &[one]);
        }
        let both = [(TokenKind::Email, "a@evil.com"), (TokenKind::Email, "b@evil.com")];
        assert_eq!(found("a@evil.com,b@evil.com"), both);
        assert_eq!(found("email:bob@evil.com"), [(TokenKind::Email, "bob@evil.com")]);
    }

    #[test]
    fn prose_and_code_are_no_addresses() {
        for chunk in [
            "f(user.id)",
            "x=console.log(a.me,b.co)",
            "so~so.com",
            "a+b.com!",
            "1\u{1f525}.com",
            "@evil.com",
            "std::io",
            "12:30.",
            "http://",
            "://",
            "e.g.",
            "end.start",
            "don't.",
            "a://b@",
            "\u{770b}.com\u{770b}",
        ] {
            check(chunk, &[]);
        }
    }

    proptest! {
        #[test]
        fn any_chunk_gives_addresses_in_order_that_can_be_read(
            chunk in "(https?://|www\\.|\\.com|@|[a-c.:/,=()\u{770b}\u{1f449}\u{430}_-]){0,40}",
        ) {
            let mut at = 0;
            for found in Addresses::of(&chunk) {
                prop_assert!(at <= found.start && found.start < found.end);
                at = found.end;
                let text = chunk.get(found.start..found.end).unwrap_or_default();
                match found.kind {
                    TokenKind::Email => prop_assert!(link::is_email(text)),
                    _ => prop_assert!(link::parse(text).is_some()),
                }
            }
        }
    }

    /// Would take minutes if it were quadratic.
    #[test]
    fn long_chunks_take_no_long_time() {
        for link in [
            "http:///=",
            "ab://",
            "a.b,",
            "a@b.",
            "http://a.com,",
            "a.com,",
            "\u{1f449}a.io",
            "https",
            "://",
            "a@",
            "@.",
            "a.",
        ] {
            let chunk = link.repeat(400_000 / link.len());
            let _ = Addresses::of(&chunk).count();
        }
    }
}
