//! The fragment of a policy file that sets the thresholds found.

use super::choice::Wish;
use super::{Args, Found, Line};
use std::fmt::Write;
use thresher::policy::{Action, DEFAULT_SITE, Policies, PolicyError, SitePolicy};
use thresher::score::Score;
use toml::{Table, Value};

/// The line that opens a site.
pub fn header(site: &str) -> String {
    table(&["site", site])
}

/// The line that opens a table.
pub fn table(keys: &[&str]) -> String {
    // The toml crate quotes and escapes the names where it must.
    let within = |value: Table, key: &&str| Table::from_iter([((*key).to_owned(), Value::Table(value))]);
    keys.iter().rev().fold(Table::new(), within).to_string()
}

/// The fragment: one line for each attribute that has a threshold, complete
/// with the site's other thresholds, so that it can replace the line of the
/// policy file; a comment for each that has none.
pub(super) fn render(args: &Args, model: &str, wish: Wish, site: &SitePolicy, lines: &[Line]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# Thresholds of {} for {wish}, by the scores of model {model},", args.action);
    let _ = writeln!(
        text,
        "# with bootstrap intervals of {} %. These lines replace those of the policy file.",
        args.confidence * 100.0
    );
    text.push_str(&header(&args.site));
    for line in lines {
        match &line.found {
            Found::Nothing { unsupported } => {
                let _ = writeln!(text, "\n# {}: none for {wish}: {unsupported}.", line.attribute);
            }
            Found::Threshold { threshold, precision, recall, queue, .. } => {
                let shares = [("precision", precision), ("recall", recall), ("queue", queue)];
                let shares =
                    shares.iter().filter_map(|(name, share)| Some(format!("{name} {}", share.as_ref()?)));
                let shares = shares.collect::<Vec<_>>().join(", ");
                let _ = writeln!(text, "\n# {}: {shares}.", line.attribute);
                let (limits, off) = limits(site, line, args.action, *threshold);
                if !off.is_empty() {
                    let _ = writeln!(text, "# Off, since it does not fit: {}.", off.join(", "));
                }
                let _ = writeln!(text, "{} = {{ {} }}", line.attribute, limits.join(", "));
            }
        }
    }
    text
}

/// The thresholds of an attribute with the new one among them, mildest first;
/// and those that are switched off because the new one has passed them.
fn limits(site: &SitePolicy, line: &Line, action: Action, threshold: f32) -> (Vec<String>, Vec<String>) {
    let new = Score::saturating(threshold);
    let (mut limits, mut off) = (Vec::new(), Vec::new());
    for (other, present) in site.thresholds(line.attribute).descending().into_iter().rev() {
        let key = other.name().to_lowercase();
        match present {
            _ if other == action => limits.push(format!("{key} = {new}")),
            None => {}
            Some(present) if (other < action) == (present <= new) || present == new => {
                limits.push(format!("{key} = {present}"));
            }
            Some(present) => {
                limits.push(format!("{key} = false"));
                off.push(format!("{key} {present}"));
            }
        }
    }
    (limits, off)
}

/// Has the policy parser read a fragment for a site, under a default site
/// where it is for another one. `name` stands for it in messages.
pub fn check(name: &str, site: &str, fragment: &str) -> Result<(), PolicyError> {
    let above = if site == DEFAULT_SITE { String::new() } else { header(DEFAULT_SITE) };
    Policies::parse(&format!("{above}{fragment}"), name).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::attribute::Attribute;

    fn limits_of(action: Action, threshold: f32) -> (String, String) {
        let policies =
            Policies::parse("[site.default]\nSPAM = { flag = 0.5, hold = 0.8, discard = 0.99 }", "p")
                .unwrap();
        let found = Found::Nothing { unsupported: String::new() };
        let line = Line { attribute: Attribute::Spam, rows: 0, labelled: 0, positives: 0, found };
        let (limits, off) = limits(policies.site(""), &line, action, threshold);
        (limits.join(", "), off.join(", "))
    }

    #[test]
    fn a_line_keeps_the_thresholds_that_fit() {
        let both = |limits: &str, off: &str| (limits.to_owned(), off.to_owned());
        assert_eq!(limits_of(Action::Hold, 0.7), both("flag = 0.5, hold = 0.7, discard = 0.99", ""));
        assert_eq!(
            limits_of(Action::Hold, 0.4),
            both("flag = false, hold = 0.4, discard = 0.99", "flag 0.5")
        );
        assert_eq!(limits_of(Action::Flag, 0.8), both("flag = 0.8, hold = 0.8, discard = 0.99", ""));
        assert_eq!(
            limits_of(Action::Reject, 0.995),
            both("flag = 0.5, hold = 0.8, reject = 0.995, discard = false", "discard 0.99")
        );
    }

    #[test]
    fn names_are_quoted_as_toml_wants_them() {
        assert_eq!(header("news.example"), "[site.\"news.example\"]\n");
        assert_eq!(header("news"), "[site.news]\n");
        assert!(check("f", "news.example", &header("news.example")).is_ok());
        let error = check("f", "two\nlines", &header("two\nlines")).unwrap_err().to_string();
        assert!(error.contains("site name") && !error.contains('\n'), "{error}");
    }
}
