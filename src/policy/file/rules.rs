//! The rules and the trust of a site in a policy file.

use super::super::expression::Expression;
use super::super::rule::{Mode, NamedRule, SiteRule};
use super::super::{Action, Trust};
use super::{Said, check_rule_name};
use crate::config::document::{Document, Value, shown};
use crate::signals::lists::Lists;
use crate::signals::pattern::Budget;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

const KEYS: [&str; 8] = ["name", "when", "then", "because", "priority", "enabled", "mode", "final"];
const TRUST_KEYS: [&str; 4] = ["approved_count", "new_author_days", "new_author_margin", "staff"];
/// The most rules that one site says.
const MAX_RULES: usize = 1_000;
/// The longest text for moderators, in bytes.
const MAX_BECAUSE_BYTES: usize = 1_024;
const PRIORITIES: RangeInclusive<i64> = -1_000_000..=1_000_000;
/// The longest time that makes an author new, in days: a hundred years.
const MAX_DAYS: f64 = 36_525.0;

/// Reads the rules of a site, in the order of the file.
pub(super) fn read_rules(
    document: &mut Document<'_>,
    site: usize,
    value: &Value<'_>,
    lists: &Lists,
    budget: &mut Budget,
) -> Vec<Said<SiteRule>> {
    let DeValue::Array(array) = value.get_ref() else {
        document.wrong_type::<()>("rules", value, "an array of tables, [[site.NAME.rules]]");
        return Vec::new();
    };
    if array.len() > MAX_RULES {
        document.report(&value.span(), format!("{} rules are over the limit of {MAX_RULES}", array.len()));
        return Vec::new();
    }
    let mut rules: Vec<Said<SiteRule>> = Vec::new();
    for value in array.iter() {
        let Some(table) = document.table("rules", value) else { continue };
        let Some((rule, name)) = read_rule(document, &value.span(), table, lists, budget) else { continue };
        if rules.iter().any(|other| other.value.rule.name == rule.rule.name) {
            document.report(&name, format!("duplicate rule {}", shown(&rule.rule.name)));
        }
        // Told where its name stands, which is what a table has no place for.
        rules.push(Said { value: rule, span: name, site });
    }
    rules
}

/// Reads a rule; with it comes the place of its name.
fn read_rule(
    document: &mut Document<'_>,
    span: &Range<usize>,
    table: &DeTable<'_>,
    lists: &Lists,
    budget: &mut Budget,
) -> Option<(SiteRule, Range<usize>)> {
    let (mut name, mut when, mut then) = (None, None, None);
    let (mut because, mut priority, mut enabled, mut mode, mut is_final) =
        (String::new(), 0, true, Mode::Act, false);
    let mut is_sound = true;
    for (key, value) in table {
        let key_name: &str = key.get_ref();
        let read = match key_name {
            "name" => document.string(key_name, value).map(|text| {
                check_rule_name(document, &value.span(), "rule", text);
                name = Some((text.to_owned(), value.span()));
            }),
            "when" => read_when(document, value, lists, budget).map(|expression| when = Some(expression)),
            "then" => read_action(document, value).map(|action| then = Some((action, value.span()))),
            "because" => read_because(document, value).map(|text| because = text),
            "priority" => read_priority(document, value).map(|number| priority = number),
            "enabled" => document.boolean(key_name, value).map(|value| enabled = value),
            "mode" => read_mode(document, value).map(|value| mode = value),
            "final" => document.boolean(key_name, value).map(|value| is_final = value),
            other => {
                document.report_unknown(&key.span(), "key", other, KEYS);
                Some(())
            }
        };
        // What could not be read is not missing.
        is_sound &= read.is_some();
    }
    let Some((name, name_span)) = name else {
        if is_sound {
            document.report(span, "a rule has no `name`");
        }
        return None;
    };
    if let Some((Action::Publish, span)) = then.as_ref().filter(|_| mode == Mode::Act && !is_final) {
        let message =
            "`then` is PUBLISH, which every other rule overrides, unless the rule is `final = true`";
        document.report(span, message);
    }
    // To switch an inherited rule off, its name is enough.
    let needed = [("when", when.is_none()), ("then", then.is_none())];
    for (key, is_missing) in needed {
        if is_missing && enabled && is_sound {
            document.report(span, format!("rule {} has no `{key}`", shown(&name)));
        }
    }
    if !is_sound || (enabled && (when.is_none() || then.is_none())) {
        return None;
    }
    let is_whole = when.is_some() && then.is_some();
    let never = || Expression::compile("false", lists, budget).ok().map(Arc::new);
    let action = then.map_or(Action::Publish, |(action, _)| action);
    let when = when.or_else(never)?;
    let rule = Arc::new(NamedRule { name, because, action });
    Some((SiteRule { rule, when, priority, mode, is_final, enabled, is_whole }, name_span))
}

/// Reads a condition; what is wrong with it is told at its place in the file.
fn read_when(
    document: &mut Document<'_>,
    value: &Value<'_>,
    lists: &Lists,
    budget: &mut Budget,
) -> Option<Arc<Expression>> {
    let source = document.string("when", value)?;
    match Expression::compile(source, lists, budget) {
        Ok(expression) => Some(Arc::new(expression)),
        Err(faults) => {
            for fault in faults {
                let at = document.place_in_string(value, fault.at);
                document.report(&at, fault.message);
            }
            None
        }
    }
}

fn read_action(document: &mut Document<'_>, value: &Value<'_>) -> Option<Action> {
    let name = document.string("then", value)?;
    let action = Action::from_name(name);
    if action.is_none() {
        document.report_unknown(&value.span(), "action", name, Action::ALL.map(Action::name));
    }
    action
}

fn read_because(document: &mut Document<'_>, value: &Value<'_>) -> Option<String> {
    let text = document.string("because", value)?;
    if text.len() > MAX_BECAUSE_BYTES || text.chars().any(char::is_control) {
        let message = format!("`because` must be one line of at most {MAX_BECAUSE_BYTES} bytes");
        document.report(&value.span(), message);
        return None;
    }
    Some(text.to_owned())
}

fn read_priority(document: &mut Document<'_>, value: &Value<'_>) -> Option<i32> {
    let DeValue::Integer(integer) = value.get_ref() else {
        return document.wrong_type("priority", value, "a whole number");
    };
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let number = number.filter(|number| PRIORITIES.contains(number)).and_then(|n| i32::try_from(n).ok());
    if number.is_none() {
        let (low, high) = (PRIORITIES.start(), PRIORITIES.end());
        document.report(&value.span(), format!("`priority` is {integer}, outside {low}..={high}"));
    }
    number
}

fn read_mode(document: &mut Document<'_>, value: &Value<'_>) -> Option<Mode> {
    let name = document.string("mode", value)?;
    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
    if mode.is_none() {
        document.report_unknown(&value.span(), "mode", name, Mode::ALL.map(Mode::name));
    }
    mode
}

/// What a site says about trust; the rest is inherited.
#[derive(Clone, Default)]
pub(super) struct TrustSettings {
    /// Inner `None` switches it off.
    pub approved_count: Option<Said<Option<u32>>>,
    pub new_author_days: Option<Said<Option<f64>>>,
    pub new_author_margin: Option<Said<f32>>,
    pub staff: Option<Said<bool>>,
}

impl TrustSettings {
    /// Takes over what `site` says.
    pub fn override_with(&mut self, site: &TrustSettings) {
        Said::inherit(&mut self.approved_count, &site.approved_count);
        Said::inherit(&mut self.new_author_days, &site.new_author_days);
        Said::inherit(&mut self.new_author_margin, &site.new_author_margin);
        Said::inherit(&mut self.staff, &site.staff);
    }

    /// With the defaults for what nobody says.
    pub fn to_trust(&self) -> Trust {
        let default = Trust::default();
        Trust {
            approved_count: Said::or(&self.approved_count, default.approved_count),
            new_author_days: Said::or(&self.new_author_days, default.new_author_days),
            new_author_margin: Said::or(&self.new_author_margin, default.new_author_margin),
            staff: Said::or(&self.staff, default.staff),
        }
    }
}

/// Reads the trust of a site.
pub(super) fn read_trust(document: &mut Document<'_>, site: usize, value: &Value<'_>) -> TrustSettings {
    let mut trust = TrustSettings::default();
    let Some(table) = document.table("trust", value) else { return trust };
    for (key, value) in table {
        let is_off = matches!(value.get_ref(), DeValue::Boolean(false));
        match key.get_ref().as_ref() {
            "approved_count" if is_off => trust.approved_count = Some(Said::at(None, value, site)),
            "approved_count" => {
                let count = document.integer("approved_count", value, 1..=1_000_000_000);
                trust.approved_count = count.map(|count| Said::at(u32::try_from(count).ok(), value, site));
            }
            "new_author_days" if is_off => trust.new_author_days = Some(Said::at(None, value, site)),
            "new_author_days" => {
                let days = number(document, "new_author_days", value, MAX_DAYS);
                trust.new_author_days = days.map(|days| Said::at(Some(days), value, site));
            }
            "new_author_margin" => {
                let margin = number(document, "new_author_margin", value, 1.0);
                trust.new_author_margin = margin.map(|margin| Said::at(margin as f32, value, site));
            }
            "staff" => {
                trust.staff = document.boolean("staff", value).map(|staff| Said::at(staff, value, site));
            }
            other => document.report_unknown(&key.span(), "key", other, TRUST_KEYS),
        }
    }
    trust
}

/// A number from 0 to a limit.
fn number(document: &mut Document<'_>, key: &str, value: &Value<'_>, limit: f64) -> Option<f64> {
    let number: f64 = match value.get_ref() {
        DeValue::Float(float) => float.as_str().parse().unwrap_or(f64::NAN),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().unwrap_or(f64::NAN),
        _ => return document.wrong_type(key, value, "a number"),
    };
    let sound = (0.0..=limit).contains(&number);
    if !sound {
        document.report(&value.span(), format!("`{key}` is {number}, outside 0..={limit}"));
    }
    sound.then_some(number)
}
