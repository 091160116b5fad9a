//! What a backtest found, as one page that needs nothing else.

use super::report::{Report, SiteReport};
use super::tables::{self, Table};
use crate::cli::terminal::push_harmless;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "\
:root { color-scheme: light dark; --line: light-dark(#d5d7dc, #3a3d44); --faint: light-dark(#5d6470, #9aa1ad);
  --stricter: light-dark(#a3450b, #f0a268); --milder: light-dark(#1b6b3a, #7fd3a0); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: light-dark(#1c1f24, #e6e8eb); background: light-dark(#fff, #16181c); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
figure { margin: 1.5rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; white-space: pre; font-weight: 400; }
thead th { color: var(--faint); font-weight: 500; }
td.stricter { color: var(--stricter); font-weight: 600; } td.milder { color: var(--milder); font-weight: 600; }
figcaption, .faint { color: var(--faint); font-size: .875rem; }
ul { list-style: none; padding: 0; } li { padding: .5rem 0; border-bottom: 1px solid var(--line); }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
blockquote { margin: .25rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }";

/// The page.
pub fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing is loaded and nothing runs, whatever a comment says.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Thresher backtest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "What a change would do" }
                @for line in report.lines() { p.faint { (line) } }
                (table(&tables::labels(report), false))
                @for found in &report.sites { (site(report, found)) }
                h2 { "Data" }
                ul {
                    @for (comments, threads) in &report.files {
                        li {
                            code { (comments.display()) }
                            @if let Some(threads) = threads { " under " code { (threads.display()) } }
                        }
                    }
                    @for threads in &report.threads { li { "threads " code { (threads.display()) } } }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn site(report: &Report, site: &SiteReport) -> Markup {
    let [actions, summary, gain, rules] = tables::site(report, site);
    html! {
        h2 { (report.headline(site)) }
        (table(&actions, true))
        (table(&summary, false))
        @if !gain.rows.is_empty() { (table(&gain, false)) }
        (table(&rules, false))
        h3 { (report.list_title(site)) }
        ul {
            @for changed in &site.changed {
                li {
                    code { (harmless(&changed.id)) } " " strong { (changed.old.name()) " → " (changed.new.name()) }
                    br;
                    span.faint {
                        @if changed.new <= changed.old { "was: " }
                        (harmless(&changed.reason))
                    }
                    @if let Some(text) = &changed.text { blockquote dir="auto" { (harmless(text)) } }
                }
            }
        }
    }
}

/// Somebody's text as a page can show it: what controls, or turns what stands
/// beside it, is spelled out.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { shown.push(c) } else { push_harmless(&mut shown, c) }
    }
    shown
}

/// A table; in a matrix, what lies off the diagonal is marked.
fn table(table: &Table, matrix: bool) -> Markup {
    let class = |row: usize, column: usize, cell: &str| {
        let inside = matrix
            && cell != "-"
            && column > 0
            && row + 1 < table.rows.len()
            && column + 1 < table.head.len();
        match (row + 1).cmp(&column) {
            std::cmp::Ordering::Less if inside => Some("stricter"),
            std::cmp::Ordering::Greater if inside => Some("milder"),
            _ => None,
        }
    };
    if table.rows.is_empty() {
        return html! {};
    }
    html! {
        figure {
            table {
                caption { (table.title) }
                thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
                tbody {
                    @for (i, row) in table.rows.iter().enumerate() {
                        tr {
                            @for (j, cell) in row.iter().enumerate() {
                                @if j == 0 { th scope="row" { (cell) } }
                                @else { td class=[class(i, j, cell)] { (cell) } }
                            }
                        }
                    }
                }
            }
            figcaption { (table.note) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Changed, Show};
    use super::*;
    use thresher::attribute::{Attribute, PerAttribute};
    use thresher::backtest::{Backtest, LabelCounts, Labels, Side};
    use thresher::policy::{Action, Policies};
    use thresher::score::{Score, Scores};

    /// One comment, held for spam where it was published.
    fn report(id: &str, text: Option<&str>) -> Report {
        let policy =
            |limit: f32| Policies::parse(&format!("[site.default]\nSPAM = {{ hold = {limit} }}"), "p");
        let policies = Side { old: policy(0.9).unwrap(), new: policy(0.7).unwrap() };
        let mut scores: Scores = PerAttribute::from_fn(|_| Ok(Score::saturating(0.0)));
        scores[Attribute::Spam] = Ok(Score::saturating(0.8));
        let labels = Labels::new(&[("spam".to_owned(), 1.0)].into());
        let mut backtest = Backtest::new(policies.old.site(""), policies.new.site(""));
        backtest.replay(&scores, &scores, &labels);
        let counts = backtest.into_counts();
        let mut label_counts = LabelCounts::default();
        label_counts.add(&labels);
        let changed = Changed {
            id: id.to_owned(),
            old: Action::Publish,
            new: Action::Hold,
            reason: "a reason".to_owned(),
            text: text.map(str::to_owned),
        };
        Report {
            files: vec![("past.jsonl".into(), None)],
            threads: Vec::new(),
            policy_files: Side { old: None, new: Some("new.toml".into()) },
            policies,
            model_versions: Side { old: "m@1".into(), new: "m@1".into() },
            minutes_per_review: 0.5,
            labels: label_counts,
            show: Show::Changed,
            sites: vec![SiteReport { name: "default".into(), counts, changed: vec![changed] }],
        }
    }

    #[test]
    fn nothing_turns_what_stands_beside_it() {
        let page = page(&report("c\u{202e}1\u{0}", Some("one\ntwo\u{1b}[2J")));
        assert!(page.contains("c\\u{202e}1\\u{0}</code>") && page.contains("one\ntwo\\u{1b}[2J"), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{0}', '\u{1b}']));
    }

    #[test]
    fn the_page_has_the_tables_and_needs_nothing_else() {
        let page = page(&report("c1", None));
        assert!(page.contains("<td class=\"stricter\">1</td>"), "{page}");
        assert!(page.contains("<th scope=\"row\">SPAM.HOLD</th><td>0.9 → 0.7</td><td>0 → 1</td>"), "{page}");
        assert!(
            page.contains("<th scope=\"row\">recall</th><td>0.000</td><td>1.000</td><td>+1.000</td>"),
            "{page}"
        );
        for outside in ["http://", "https://", "src=", "href=", "url(", "<script", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("color-scheme: light dark") && !page.contains("<blockquote"));
    }

    #[test]
    fn what_people_wrote_is_text_and_nothing_else() {
        let page = page(&report("<b>", Some("<script>alert('x')</script> & <img src=x>")));
        let escaped = "<blockquote dir=\"auto\">&lt;script&gt;alert('x')&lt;/script&gt; &amp; &lt;img src=x&gt;</blockquote>";
        assert!(page.contains("<code>&lt;b&gt;</code>") && page.contains(escaped), "{page}");
    }
}
