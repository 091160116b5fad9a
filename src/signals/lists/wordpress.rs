//! WordPress's disallowed comment keys as lists.
//!
//! WordPress takes each line of the setting as a key and sends a comment to
//! the trash when any key stands anywhere, within words too, in the text, the
//! author's name, e-mail address or web address, the IP address or the browser
//! (`wp_check_comment_disallowed_list` in
//! <https://developer.wordpress.org/reference/functions/wp_check_comment_disallowed_list/>).
//! That is what a list of [`ListKind::Substrings`] does, with two exceptions:
//! of an author's e-mail address only the domain is known here, and texts are
//! normalised before they are looked into.

use super::{ListKind, ListSource, Lists};
use std::collections::{BTreeMap, HashSet};

/// Keys of fewer characters stand within so many words that they are told.
const SHORT_CHARS: usize = 3;

/// What became of a file of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// For a list of [`ListKind::Substrings`], in the order of the file.
    pub substrings: Vec<String>,
    /// For a list of [`ListKind::EmailDomains`], in the order of the file.
    pub email_domains: Vec<String>,
    /// Keys that are left out, by their line, and why.
    pub left_out: BTreeMap<usize, String>,
    /// Keys that match other things than in WordPress, by their line, and how.
    pub differs: BTreeMap<usize, String>,
    /// How many lines repeat one before, upper and lower case alike.
    pub repeats: usize,
}

/// Translates the keys, one a line.
pub fn import(keys: &str) -> Imported {
    let mut imported = Imported::default();
    let mut seen = HashSet::new();
    let mut lines = Vec::new();
    for (at, key) in keys.trim_start_matches('\u{feff}').lines().enumerate() {
        let (line, key) = (at + 1, key.trim());
        if key.is_empty() {
            continue;
        }
        if !seen.insert(key.to_lowercase()) {
            imported.repeats += 1;
            continue;
        }
        lines.push((line, key));
    }
    for (line, key) in lines {
        if key.starts_with('#') {
            let why = "begins with #, which makes it a comment in a file of entries";
            imported.left_out.insert(line, why.into());
            continue;
        }
        if let Some(why) = refused(ListKind::Substrings, key) {
            imported.left_out.insert(line, why);
            continue;
        }
        imported.substrings.push(key.to_owned());
        match key.rsplit_once('@') {
            Some(("", domain))
                if domain.contains('.') && refused(ListKind::EmailDomains, domain).is_none() =>
            {
                imported.email_domains.push(domain.to_owned());
            }
            _ if key.contains(['<', '>']) || key.contains("href=") => {
                let how = "is looked for in what readers see, where a comment in HTML has no tags any more";
                imported.differs.insert(line, how.into());
            }
            Some(_) => {
                let how = "is looked for in texts; of an author's e-mail address the domain alone is known";
                imported.differs.insert(line, how.into());
            }
            None if key.chars().count() < SHORT_CHARS => {
                imported.differs.insert(line, "is so short that it stands within many words".into());
            }
            None => {}
        }
    }
    imported
}

/// Why a list cannot have the entry, if it cannot.
fn refused(kind: ListKind, entry: &str) -> Option<String> {
    let source = ListSource { name: "keys".into(), kind, allow: false, entries: vec![entry.to_owned()] };
    Lists::new(&[source]).err().map(|bad| bad.into_iter().map(|bad| bad.what).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::{Author, Claims, Client, Comment};
    use crate::signals::lists::ListHits;
    use crate::text::{Analyzer, Document};

    #[test]
    fn keys_made_of_markup_are_told() {
        let imported = import("<a \nhref=\ncheap > free\nplain\n");
        assert_eq!(imported.substrings, ["<a", "href=", "cheap > free", "plain"]);
        assert_eq!(imported.differs.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn each_key_is_taken_or_told() {
        let imported = import(
            "\u{feff}casino\r\n\n  Cheap Pills \nCASINO\n192.0.2.\n@mail.example\nbob@post.example\n#top\nzz\n",
        );
        assert_eq!(
            imported.substrings,
            ["casino", "Cheap Pills", "192.0.2.", "@mail.example", "bob@post.example", "zz"]
        );
        assert_eq!(imported.email_domains, ["mail.example"]);
        assert_eq!(imported.left_out.keys().copied().collect::<Vec<_>>(), [8]);
        assert_eq!(imported.differs.keys().copied().collect::<Vec<_>>(), [7, 9]);
        assert_eq!(imported.repeats, 1);
        let long = "a".repeat(2_000);
        assert!(import(&long).left_out[&1].contains("over the limit of 1024"));
        assert_eq!(import("\n \n"), Imported::default());
    }

    #[test]
    fn what_wordpress_finds_is_found() {
        let imported = import("casino\n192.0.2.\n@mail.example\nspam.example/pills\nBadBot\n");
        let source = |kind, entries: &[String]| ListSource {
            name: "keys".into(),
            kind,
            allow: false,
            entries: entries.to_vec(),
        };
        let lists = Lists::new(&[
            source(ListKind::Substrings, &imported.substrings),
            ListSource { name: "email".into(), ..source(ListKind::EmailDomains, &imported.email_domains) },
        ])
        .unwrap();
        let found = |text: &str, author: Author<'_>, client: Client<'_>| {
            let context = Claims { author, client, ..Claims::default() }.check().unwrap();
            let comment = Comment::new(text, 1_000).unwrap().with_context(context);
            let (mut document, mut hits) = (Document::default(), ListHits::default());
            Analyzer::default().analyze(comment.text(), comment.format(), &mut document);
            lists.find(&comment, &document, &mut hits);
            lists.names().any(|name| lists.find_list(name).is_some_and(|list| hits.count(list) > 0))
        };
        let (author, client) = (Author::default(), Client::default());
        // Inside words, as WordPress has it.
        assert!(found("Our supercasinos are open.", author, client));
        assert!(found("See http://spam.example/pills today", author, client));
        assert!(found("Hello.", Author { display_name: "CasinoKing", ..author }, client));
        assert!(found("Hello.", Author { email_domain: "mail.example", ..author }, client));
        assert!(found("Hello.", author, Client { ip: "192.0.2.77", ..client }));
        assert!(found("Hello.", author, Client { user_agent: "badbot/1.0", ..client }));
        assert!(!found("Hello.", Author { email_domain: "post.example", ..author }, client));
    }
}
