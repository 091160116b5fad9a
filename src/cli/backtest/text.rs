//! What a backtest found, for a terminal.

use super::report::{Changed, Report, SiteReport};
use super::tables::{self, Table};
use crate::cli::terminal::{Colours, Style, push_harmless};
use console::{Term, measure_text_width, pad_str, truncate_str};
use std::fmt::Write;

/// How wide lines are where nobody says.
const WIDTH: usize = 100;

/// How many columns the standard output has.
pub fn width() -> usize {
    Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns))
}

/// Writes the tables, and the comments that were asked for.
pub fn write(report: &Report, listed: bool, width: usize, colours: Colours) -> String {
    let mut out = String::new();
    for line in report.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{line}");
    }
    if report.labels.unlabelled < report.labels.comments {
        write_table(&mut out, &tables::labels(report), width, colours);
    }
    for site in &report.sites {
        let _ = writeln!(out, "\n{}", colours.paint(Style::Strong, &report.headline(site)));
        for table in tables::site(report, site).iter().filter(|table| !table.rows.is_empty()) {
            write_table(&mut out, table, width, colours);
        }
        if listed {
            write_listed(&mut out, report, site, width, colours);
        }
    }
    out
}

fn write_table(out: &mut String, table: &Table, width: usize, colours: Colours) {
    let rows = || std::iter::once(&table.head).chain(&table.rows);
    let columns: Vec<usize> = (0..table.head.len())
        .map(|column| rows().map(|row| measure_text_width(&row[column])).max().unwrap_or_default())
        .collect();
    let _ = writeln!(out, "\n{}", colours.paint(Style::Strong, table.title));
    for (i, row) in rows().enumerate() {
        let mut line = String::from("  ");
        for (column, (cell, width)) in row.iter().zip(&columns).enumerate() {
            let (gap, side) = match column {
                0 => ("", console::Alignment::Left),
                _ => ("  ", console::Alignment::Right),
            };
            line.push_str(gap);
            line.push_str(&pad_str(cell, *width, side, None));
        }
        let style =
            if i == 0 { colours.paint(Style::Faint, line.trim_end()) } else { line.trim_end().to_owned() };
        let _ = writeln!(out, "{style}");
    }
    for line in wrapped(table.note, width.saturating_sub(2)) {
        let _ = writeln!(out, "  {}", colours.paint(Style::Faint, &line));
    }
}

fn write_listed(out: &mut String, report: &Report, site: &SiteReport, width: usize, colours: Colours) {
    let _ = writeln!(out, "\n{}", colours.paint(Style::Strong, &report.list_title(site)));
    for Changed { id, old, new, reason, text } in &site.changed {
        let id = harmless(id);
        let tense = if new > old { "" } else { "was: " };
        let _ = writeln!(out, "  {id}  {old} → {new}  {tense}{reason}");
        if let Some(text) = text {
            let text = harmless(text);
            let _ = writeln!(out, "    {}", colours.paint(Style::Faint, &clipped(&text, width)));
        }
    }
}

/// A text on what is left of a line.
fn clipped(text: &str, width: usize) -> String {
    truncate_str(text, width.saturating_sub(4).max(1), "…").into_owned()
}

/// Somebody's text on one line, without what a terminal would obey.
fn harmless(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        word.chars().for_each(|c| push_harmless(&mut shown, c));
    }
    shown
}

/// The words in lines of at most `width` columns.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_notes_wrapped() {
        let table = Table {
            title: "T",
            note: "one two three",
            head: vec!["a".into(), "figures".into()],
            rows: vec![vec!["longer".into(), "1".into()], vec!["x".into(), "0.8 → 0.95".into()]],
        };
        let mut out = String::new();
        write_table(&mut out, &table, 11, Colours::OFF);
        let expected =
            "\nT\n  a          figures\n  longer           1\n  x       0.8 → 0.95\n  one two\n  three\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn texts_are_one_line_as_wide_as_the_terminal_and_cannot_steer_it() {
        let text = harmless("Grüße,\r\n\tan\u{1b}[2J alle\u{202e} und mehr");
        assert_eq!(text, "Grüße, an\\u{1b}[2J alle\\u{202e} und mehr");
        assert_eq!(clipped(&text, 14), "Grüße, an…");
        // A wide character takes two columns.
        assert_eq!(clipped("漢字漢字", 10), "漢字…");
        assert_eq!(clipped("short", 100), "short");
    }
}
