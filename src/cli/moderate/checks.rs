//! Everything that a policy looked at for one comment, in JSON and for people.

use crate::cli::terminal::{Colours, Style, push_harmless};
use console::measure_text_width;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Write;
use thresher::policy::{Check, Outcome, Seen};

/// Checks as an array of objects, keys that say nothing left out.
pub struct Checks<'a>(pub &'a [Check]);

impl Checks<'_> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(One))
    }
}

struct One<'a>(&'a Check);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let check = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", &check.rule)?;
        map.serialize_entry("outcome", check.outcome.name())?;
        if let Some(action) = check.action {
            map.serialize_entry("action", action.name())?;
        }
        map.serialize_entry("message", &check.message)?;
        if let Some(attribute) = check.attribute {
            map.serialize_entry("attribute", attribute.name())?;
        }
        if let Some(score) = check.score {
            map.serialize_entry("score", &score.get())?;
        }
        if let Some(threshold) = check.threshold {
            map.serialize_entry("threshold", &threshold.get())?;
        }
        if let Some(condition) = &check.condition {
            map.serialize_entry("condition", condition)?;
            map.serialize_entry("condition_value", &check.holds)?;
        }
        if !check.values.is_empty() {
            map.serialize_entry("field_values", &Values(&check.values))?;
        }
        if !check.held_back.is_empty() {
            let hits = check.held_back.iter();
            let hits: Vec<_> =
                hits.map(|hit| serde_json::json!({ "list": hit.list, "entry": hit.entry })).collect();
            map.serialize_entry("allowed_list_hits", &hits)?;
        }
        map.end()
    }
}

/// Fields with their values; null for what is unknown, and a text other than
/// the language as an object with its length.
struct Values<'a>(&'a [(String, Seen)]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, seen) in self.0 {
            match seen {
                Seen::Unknown => map.serialize_entry(field, &()),
                Seen::Bool(value) => map.serialize_entry(field, value),
                Seen::Number(value) => map.serialize_entry(field, value),
                Seen::Language(code) => map.serialize_entry(field, code),
                Seen::Text(characters) => {
                    map.serialize_entry(field, &serde_json::json!({ "text_length": characters }))
                }
            }?;
        }
        map.end()
    }
}

/// Writes a table: what became of each rule, what it asks for, its name and
/// why; under a rule, its condition and what it read.
pub fn write(out: &mut String, checks: &[Check], colours: Colours) {
    let widest = checks.iter().map(|check| measure_text_width(&check.rule)).max().unwrap_or_default();
    for check in checks {
        let (word, style) = shown(check.outcome);
        let action = check.action.map_or("", |action| action.name());
        let mut message = String::new();
        check.message.chars().for_each(|c| push_harmless(&mut message, c));
        // Writing to a string cannot fail.
        let word = colours.paint(style, &format!("{word:<11}"));
        let _ = writeln!(out, "  {word}  {action:<7}  {:<widest$}  {message}", check.rule);
        let indent = 2 + 11 + 2 + 7 + 2 + widest + 2;
        let mut detail = |text: &str| {
            let mut line = String::new();
            text.chars().for_each(|c| push_harmless(&mut line, c));
            let _ = writeln!(out, "{:indent$}{}", "", colours.paint(Style::Faint, &line));
        };
        if let Some(condition) = &check.condition {
            detail(&format!("when {condition}"));
        }
        if !check.values.is_empty() {
            let values: Vec<String> =
                check.values.iter().map(|(field, seen)| format!("{field} = {seen}")).collect();
            detail(&values.join(", "));
        }
    }
}

fn shown(outcome: Outcome) -> (&'static str, Style) {
    match outcome {
        Outcome::Fired => ("fired", Style::Strong),
        Outcome::FiredInShadow => ("in shadow", Style::Doubtful),
        Outcome::NotMet => ("not met", Style::Faint),
        Outcome::Unknown => ("unknown", Style::Doubtful),
        Outcome::Settled => ("settled", Style::Faint),
        Outcome::Disabled => ("disabled", Style::Faint),
    }
}
