//! The addresses of links as text.

use crate::text::linkify::Addresses;
use crate::text::normalize::is_hidden;
use crate::text::{TokenKind, link};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// What the text shows of an address, or nothing if it leads nowhere.
///
/// The address is cleaned as a browser does before it follows it, so that no
/// stray tab, blank or back slash hides where it leads.
pub fn shown(address: &str) -> Option<Cow<'_, str>> {
    let address = address.trim_matches(|c| c <= ' ');
    // Most need no cleaning.
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(SLASHES))
        && !address.contains(char::is_whitespace)
    {
        return Some(Cow::Borrowed(address));
    }
    cleaned(address).map(Cow::Owned)
}

fn cleaned(address: &str) -> Option<String> {
    let mut clean = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '\t' | '\n' | '\r' => {}
            // A blank would end the link for whoever looks for links.
            c if c.is_whitespace() => clean.push_str("%20"),
            c => clean.push(c),
        }
    }
    let (scheme, rest) = split_scheme(&clean);
    match scheme.to_ascii_lowercase().as_str() {
        scheme @ ("http" | "https") => host(rest).map(|host| format!("{scheme}://{host}")),
        // Code and inline data are no places, and may be long.
        scheme @ ("javascript" | "vbscript" | "data") => Some(format!("{scheme}:")),
        "mailto" => rest.split('?').next().filter(|to| !to.is_empty()).map(str::to_owned),
        // Two slashes keep the scheme of the page.
        "" if clean.len() - clean.trim_start_matches(SLASHES).len() >= 2 => {
            host(&clean).map(|host| format!("https://{host}"))
        }
        // A place in the same page is no link to speak of.
        "" if clean.is_empty() || clean.starts_with('#') => None,
        _ => Some(clean),
    }
}

const SLASHES: [char; 2] = ['/', '\\'];

fn host(rest: &str) -> Option<&str> {
    Some(rest.trim_start_matches(SLASHES)).filter(|host| !host.is_empty())
}

/// The scheme of an address, empty if it has none, and what follows the colon.
fn split_scheme(address: &str) -> (&str, &str) {
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    address.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", address))
}

/// Whether a word of the label is the address itself.
pub fn shows(label: &str, address: &str) -> bool {
    let address = bare(address);
    label
        .split_whitespace()
        .map(|word| bare(word.trim_matches(WRAPPING)))
        .any(|word| !word.is_empty() && word.eq_ignore_ascii_case(address))
}

/// Whether the label shows an address of another domain than the one that the
/// link leads to. It is read as people see it: without what is hidden, and styled
/// letters and dots as plain ones.
pub fn disguises(label: &str, address: &str) -> bool {
    if label.is_ascii() && !label.contains(['.', ':']) {
        return false;
    }
    let address = address.to_lowercase();
    let Some(target) = link::parse(&address) else { return false };
    let target = domain(target.host);
    let seen = label.chars().filter(|&c| !is_hidden(c)).nfkc().flat_map(char::to_lowercase);
    let seen: String = seen.collect();
    let mut words = seen.split_whitespace().peekable();
    // A label that is one word is an address sooner than a word of a sentence.
    let only = words.next().filter(|_| words.peek().is_none());
    let only = only.and_then(|word| link::parse_label(link::unwrapped(word, |c| WRAPPING.contains(&c))));
    let shows_another = |host: &str| domain(host) != target;
    only.is_some_and(|shown| shows_another(shown.host))
        || seen.split_whitespace().any(|word| {
            let mut shown = Addresses::of(word).filter(|found| found.kind == TokenKind::Link);
            shown.any(|found| shows_another(link::host(&word[found.start..found.end])))
        })
}

/// The registrable domain of a host, or the host itself where there is none.
fn domain(host: &str) -> String {
    let host = link::canonical_host(host);
    link::registrable(&host).map_or_else(|| host.to_string(), str::to_owned)
}

/// What may stand around an address in a label.
const WRAPPING: [char; 11] = ['(', ')', '[', ']', '<', '>', '"', '\'', '.', ',', ';'];

/// An address without what people leave out when they write it.
fn bare(address: &str) -> &str {
    let (scheme, rest) = split_scheme(address);
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let rest = if is_web { rest.trim_start_matches('/') } else { address };
    rest.trim_end_matches('/')
}
