//! Web addresses as people write them: with a scheme or without.

/// A web address taken apart. All parts are slices of the address given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The host, without user name and port.
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

/// Reads an address in lower case, with no blanks or punctuation around it.
pub fn parse(address: &str) -> Option<Link<'_>> {
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
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) => return None,
        None => authority,
    };
    let host = host.trim_end_matches('.');
    let sound = !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        });
    if !sound || (user && !has_scheme) {
        return None;
    }
    let registrable = psl::domain(host.as_bytes());
    let known = registrable.as_ref().is_some_and(|d| d.suffix().is_known());
    let domain = registrable
        .filter(|_| known)
        .and_then(|d| host.get(host.len() - d.as_bytes().len()..))
        .unwrap_or(host);
    let is_link = has_scheme
        || (known && host.starts_with("www."))
        || (known && path.len() > 1 && path.starts_with('/') && host.len() > 3)
        || (known && is_bare(host));
    is_link.then_some(Link { host, domain, path })
}

fn is_bare(host: &str) -> bool {
    let Some((name, tld)) = host.rsplit_once('.') else { return false };
    name.len() >= 2 && name.bytes().any(|b| b.is_ascii_alphabetic()) && BARE_TLDS.binary_search(&tld).is_ok()
}

/// Whether this is an e-mail address: `name@host.tld`, the host under a known
/// public suffix.
pub fn is_email(address: &str) -> bool {
    let address = address.strip_prefix("mailto:").unwrap_or(address);
    let Some((name, host)) = address.split_once('@') else { return false };
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "._%+-".contains(c))
        && host.contains('.')
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
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
        check("http://192.0.2.7/x", Some(("192.0.2.7", "192.0.2.7", "/x")));
        check("example.com", Some(("example.com", "example.com", "")));
        check("t.me/somebody", Some(("t.me", "t.me", "/somebody")));
        check("www.example.pl", Some(("www.example.pl", "example.pl", "")));
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
    fn bare_tlds_are_sorted() {
        assert!(BARE_TLDS.is_sorted());
    }

    #[test]
    fn emails_are_told_from_mentions() {
        assert!(is_email("reader@example.com"));
        assert!(is_email("mailto:a.b+c@mail.example.org"));
        for text in ["@reader", "reader@", "a@b", "reader@example"] {
            assert!(!is_email(text), "{text}");
        }
    }
}
