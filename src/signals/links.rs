//! What the web addresses of a comment give away.

use crate::text::{Document, Token, TokenKind, link};
use unicode_script::{Script, UnicodeScript};

/// Domains that exist to shorten addresses, in order. Well known ones only:
/// lists of a policy name the rest.
const SHORTENERS: [&str; 32] = [
    "adf.ly",
    "bit.do",
    "bit.ly",
    "bitly.com",
    "buff.ly",
    "clck.ru",
    "cutt.ly",
    "dub.sh",
    "goo.gl",
    "is.gd",
    "j.mp",
    "lnkd.in",
    "ow.ly",
    "qr.ae",
    "rb.gy",
    "rebrand.ly",
    "reurl.cc",
    "s.id",
    "short.gy",
    "short.io",
    "shorturl.at",
    "snip.ly",
    "soo.gd",
    "surl.li",
    "t.co",
    "t.ly",
    "tiny.cc",
    "tiny.one",
    "tinyurl.com",
    "urlz.fr",
    "v.gd",
    "vk.cc",
];

/// Counts over the web addresses of one comment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Links {
    /// All of them.
    pub count: u32,
    /// Their share of the text by length, from 0 to 1.
    pub share: f64,
    /// Those that lead to a link shortener.
    pub shortened: u32,
    /// Those with a host in punycode.
    pub punycode: u32,
    /// Those with a label of Latin and look-alike letters.
    pub mixed_script: u32,
    /// Those with an IP address for a host, in any notation that browsers read.
    pub address: u32,
}

impl Links {
    /// Counts the links of an analysed comment; `text` is what its author
    /// wrote.
    pub fn of(text: &str, document: &Document) -> Links {
        let mut links = Links::default();
        let mut bytes = 0;
        for token in document.tokens().iter().filter(|token| token.kind == TokenKind::Link) {
            let Some(link) = link::parse(document.token_text(token)) else { continue };
            links.count += 1;
            bytes += token.range().len();
            let host = document.host(text, token);
            let domain = link::registrable(&host).unwrap_or_default();
            links.shortened += u32::from(SHORTENERS.binary_search(&domain).is_ok());
            links.punycode += u32::from(link::labels(link.host).any(|label| label.starts_with("xn--")));
            links.address += u32::from(link::ip_address(&host).is_some());
            // Normalised text has its look-alikes folded: they show before it.
            let written = document.unfolded(text, token.start, token.end);
            links.mixed_script += u32::from(link::labels(link::host(written)).any(mixes_scripts));
        }
        let length = document.body().trim().len();
        links.share = if length == 0 { 0.0 } else { (bytes as f64 / length as f64).min(1.0) };
        links
    }
}

/// How many links of an analysed text an earlier one does not have. Each counts
/// once for each time it is there. One to a look-alike of a host is another, and
/// so is one of another path, whose letters are told apart as servers do.
pub fn count_new((text, document): (&str, &Document), (before, earlier): (&str, &Document)) -> u32 {
    let is_new = |token: &&Token| {
        let (path, host) = (path(text, document, token), document.host(text, token));
        links(earlier)
            .all(|other| path != self::path(before, earlier, other) || host != earlier.host(before, other))
    };
    links(document).filter(is_new).count() as u32
}

/// What follows the host of a link, as its author wrote it.
fn path<'d>(text: &'d str, document: &'d Document, token: &Token) -> &'d str {
    let written = document.unfolded(text, token.start, token.end);
    let rest = written.split_once("://").map_or(written, |(_, rest)| rest);
    rest.find(['/', '?', '#', '\\']).map_or("", |at| &rest[at..])
}

fn links(document: &Document) -> impl Iterator<Item = &Token> {
    document.tokens().iter().filter(|token| token.kind == TokenKind::Link)
}

/// Whether a label has Latin letters beside those of a script that has letters
/// like them.
fn mixes_scripts(label: &str) -> bool {
    let has = |wanted: &[Script]| label.chars().any(|c| wanted.contains(&c.script()));
    !label.is_ascii()
        && has(&[Script::Latin])
        && has(&[Script::Cyrillic, Script::Greek, Script::Armenian, Script::Cherokee])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Format;
    use crate::text::Analyzer;

    fn links(text: &str, format: Format) -> (Links, u32) {
        let mut document = Document::default();
        Analyzer::default().analyze(text, format, &mut document);
        (Links::of(text, &document), document.disguised_links())
    }

    #[test]
    fn shorteners_are_sorted() {
        assert!(SHORTENERS.is_sorted());
    }

    #[test]
    fn links_are_told_apart() {
        let (found, _) = links(
            "see https://b%69t.ly/x, http://192.0.2.7/a http://3221225991 and http://xn--pypal-4ve.com/ or \
             https://p\u{430}ypal.com/login and https://example.org",
            Format::Plain,
        );
        assert_eq!((found.count, found.shortened, found.address), (6, 1, 2));
        assert_eq!((found.punycode, found.mixed_script), (1, 1));
        assert!(found.share > 0.5 && found.share < 1.0, "{found:?}");
        // In brackets, and the numbers that browsers read: hexadecimal, octal,
        // and fewer than four.
        let (found, _) = links(
            "http://[2001:db8::1]/ (http://[2001:db8::2]) http://0x7f000001 http://0177.0.0.1/a http://127.%31 \
             http://127.0.0.1.example.com http://0x7g/",
            Format::Plain,
        );
        assert_eq!((found.count, found.address), (7, 5));
        // Without a scheme they are numbers, times and version numbers.
        let (found, _) =
            links("0x7f000001 127.1 127.0.0.1 [2001:db8::1] ::1 12:30 1.2.3 2130706433", Format::Plain);
        assert_eq!(found.count, 0);
        assert_eq!(links("<a href='http://[2001:db8::1]/a'>here</a>", Format::Html).0.address, 1);
        assert_eq!(links("no links here", Format::Plain).0, Links::default());
        assert_eq!(links("https://example.org", Format::Plain).0.share, 1.0);
        // A domain of one script is no disguise.
        assert_eq!(
            links("https://\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.com", Format::Plain).0.mixed_script,
            0
        );
    }

    #[test]
    fn no_character_that_browsers_open_hides_a_link() {
        for host in ["a~b.spam.com", "\u{1f4a9}.la", "spam\u{3002}com", "spam\u{ff61}com", "a'b.spam.com"] {
            let html = format!("<a href=\"http://{host}/\">here</a>");
            assert_eq!(links(&html, Format::Html).0.count, 1, "{host}");
            assert_eq!(links(&format!("see http://{host}/"), Format::Plain).0.count, 1, "{host}");
        }
        let (found, _) = links(
            "http://b%69t\u{3002}ly/x http://a\u{3002}xn--pypal-4ve\u{ff61}com/ \
             http://p\u{440}i\u{3002}com http://\u{43f}\u{440}\u{438}\u{3002}com http://127\u{ff61}1/",
            Format::Plain,
        );
        assert_eq!((found.count, found.shortened, found.punycode), (5, 1, 1), "{found:?}");
        assert_eq!((found.mixed_script, found.address), (1, 1), "{found:?}");
        // Without a scheme a sentence is a sentence.
        let prose =
            "so~so.com, a+b.com! yes\u{3002}com no\u{ff61}net 1\u{1f525}.com and http://... or http://";
        assert_eq!(links(prose, Format::Plain).0.count, 0);
        let shown = "<a href='http://www.spam\u{3002}com/'>www.spam.com</a>";
        assert_eq!(links(shown, Format::Html).1, 0);
        let hidden = "<a href='http://a~b.evil.com/'>www.bank.com</a>";
        assert_eq!(links(hidden, Format::Html).1, 1);
    }

    #[test]
    fn labels_that_name_another_domain_are_counted() {
        let html = r#"<a href="https://evil.example.com/">www.bank.example.org</a>
            <a href="https://www.bank.example.org/a">bank.example.org</a> <a href="https://example.com">here</a>"#;
        let (found, disguised) = links(html, Format::Html);
        assert_eq!(disguised, 1, "{found:?}");
        assert_eq!(links("[https://one.example.com](https://two.example.net/)", Format::Markdown).1, 1);
        assert_eq!(links("[one](https://two.example.net/)", Format::Markdown).1, 0);
        let disguised =
            |label: &str, address: &str| links(&format!("<a href='{address}'>{label}</a>"), Format::Html).1;
        assert_eq!(disguised("mybank.pl", "https://evil.example.com/"), 1);
        assert_eq!(disguised("http://[2001:db8::1]", "http://[2001:db8::2]"), 1);
        for label in [
            "g\u{200b}ood.com",
            "\u{1d5f4}\u{1d5fc}\u{1d5fc}\u{1d5f1}.\u{1d5f0}\u{1d5fc}\u{1d5fa}",
            "good\u{ff0e}com",
            "good\u{2024}com",
            "\u{201c}good.com\u{201d}",
            "\u{bb}good.com\u{ab}",
            "\u{1f449}good.com",
            "good.com\u{2026}",
            "good.com|login",
            "Login:good.com",
            "https:\u{200b}//good.com",
            "my bank (https://good.com)",
        ] {
            assert_eq!(disguised(label, "https://evil.com/x"), 1, "{label}");
            assert_eq!(disguised(label, "https://www.good.com/x"), 0, "{label}");
        }
        let two = "<a href='//a.com'>x</a> <a href='//b.com'><p>y</p></a>";
        assert_eq!(links(two, Format::Html), (Links { count: 2, ..links(two, Format::Html).0 }, 0));
        for (label, address) in [
            ("mybank.pl", "https://www.mybank.pl/"),
            ("b\u{fc}cher.de", "https://xn--bcher-kva.de/"),
            // A file, a missing blank, a name.
            ("README.md", "https://example.com/"),
            ("as I said.It works", "https://example.com/"),
            ("Node.js", "https://example.com/"),
            ("example.Then", "https://example.com/"),
        ] {
            assert_eq!(disguised(label, address), 0, "{label}");
        }
    }

    #[test]
    fn links_that_an_edit_brings_are_counted() {
        let analyzed = |text: &str| {
            let mut document = Document::default();
            Analyzer::default().analyze(text, Format::Plain, &mut document);
            document
        };
        let new =
            |text: &str, earlier: &str| count_new((text, &analyzed(text)), (earlier, &analyzed(earlier)));
        assert_eq!(new("see https://one.example.com/a", "See HTTPS://one.example.com/a now"), 0);
        assert_eq!(
            new("https://one.example.com/a https://one.example.com/b", "https://one.example.com/a"),
            1
        );
        assert_eq!(new("https://p\u{430}ypal.com/a", "https://paypal.com/a"), 1);
        assert_eq!(new("https://P\u{410}ypal.com/a", "https://p\u{430}ypal.com/a"), 0);
        for path in ["aBcD", "abcd", "AbC\u{ff24}", "\u{410}bCD"] {
            assert_eq!(
                new(&format!("https://one.example.com/{path}"), "https://one.example.com/AbCd"),
                1,
                "{path}"
            );
        }
        assert_eq!(new("see:https://one.example.com/b", "https://one.example.com/a"), 1);
        assert_eq!(new("https://one.example.com", "nothing yet"), 1);
        assert_eq!(new("nothing any more", "https://one.example.com"), 0);
    }

    #[test]
    fn look_alikes_behind_markup_are_seen() {
        let html = "<a href=\"https://p&#1072;ypal.com/\">pay here</a>";
        assert_eq!(links(html, Format::Html).0.mixed_script, 1);
    }
}
