//! Changes one thing in the text of a policy file; comments, blank lines and
//! the order stay as they are.

mod lines;

use super::{Action, DEFAULT_SITE};
use crate::attribute::Attribute;
use crate::config::document::{closest, shown};
use crate::whole_file;
use lines::kept;
use std::path::Path;
use std::str::FromStr;
use std::{fmt, io};
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value, value,
};

const THRESHOLDS: [Action; 4] = [Action::Flag, Action::Hold, Action::Reject, Action::Discard];
const TRUST: [&str; 4] = ["approved_count", "new_author_days", "new_author_margin", "staff"];
const FAIL: [&str; 3] = ["model", "context", "deadline_ms"];
const CALIBRATION: [&str; 2] = ["shift", "scale"];
const UNFAMILIAR: &str = "unfamiliar_language";
const RULE: [&str; 7] = ["when", "then", "because", "priority", "enabled", "mode", "final"];
/// What stands for taking a key out, so that the inherited value holds.
const INHERIT: &str = "inherit";

/// Why a policy cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such thing to change.
    #[error("{0}")]
    Key(String),
    /// The file has no such site.
    #[error("no site {shown} in the file{hint}", shown = shown(.site), hint = hint(.closest))]
    Site {
        /// The site asked for.
        site: String,
        /// The site that was most likely meant.
        closest: Option<String>,
    },
    /// The file has another shape there than the change needs.
    #[error("{0}")]
    Shape(String),
    /// The file is not TOML.
    #[error("{0}")]
    Syntax(String),
}

fn hint(closest: &Option<String>) -> String {
    closest.as_ref().map_or_else(String::new, |closest| format!("; did you mean `{closest}`?"))
}

/// What is to be changed in a site: `SPAM.HOLD`, `missing.SPAM`,
/// `trust.staff`, `fail.model`, `calibration.SPAM.shift`,
/// `unfamiliar_language`, `rules.NAME.enabled`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The tables below the site, then the key.
    path: Vec<String>,
    /// The rule whose key it is.
    rule: Option<String>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rules.{rule}.")?;
        }
        let path = self.path.join(".");
        // Actions are spelled as in answers.
        let is_threshold = Attribute::ALL.iter().any(|attribute| attribute.name() == self.path[0]);
        f.write_str(&if is_threshold { path.to_uppercase() } else { path })
    }
}

impl FromStr for Key {
    type Err = EditError;

    /// Reads a key; names of actions and attributes are spelled as in answers,
    /// in capitals or not.
    fn from_str(text: &str) -> Result<Key, EditError> {
        let parts: Vec<&str> = text.split('.').collect();
        let known = |part: &str, known: &[&str]| match known.contains(&part) {
            true => Ok(part.to_owned()),
            false => Err(unknown(text, part, known)),
        };
        let attribute = |part: &str| {
            let name = part.to_uppercase();
            known(&name, &Attribute::ALL.map(Attribute::name))
        };
        let (path, rule) = match parts.as_slice() {
            ["missing", name] => (vec!["missing".to_owned(), attribute(name)?], None),
            ["trust", key] => (vec!["trust".to_owned(), known(key, &TRUST)?], None),
            ["fail", key] => (vec!["fail".to_owned(), known(key, &FAIL)?], None),
            ["calibration", name, key] => {
                (vec!["calibration".to_owned(), attribute(name)?, known(key, &CALIBRATION)?], None)
            }
            [UNFAMILIAR] => (vec![UNFAMILIAR.to_owned()], None),
            ["rules", name, key] => (vec![known(key, &RULE)?], Some((*name).to_owned())),
            ["rules" | "trust" | "missing" | "fail" | "calibration" | UNFAMILIAR, ..] => {
                return Err(unshaped(text));
            }
            [name, action] => {
                let attribute = attribute(name)?;
                let action = known(&action.to_uppercase(), &THRESHOLDS.map(Action::name))?;
                (vec![attribute, action.to_lowercase()], None)
            }
            _ => return Err(unshaped(text)),
        };
        Ok(Key { path, rule })
    }
}

fn unshaped(text: &str) -> EditError {
    EditError::Key(format!(
        "{} is none of ATTRIBUTE.ACTION (SPAM.HOLD), missing.ATTRIBUTE, trust.KEY, fail.KEY, \
         calibration.ATTRIBUTE.KEY, unfamiliar_language and rules.NAME.KEY",
        shown(text)
    ))
}

fn unknown(text: &str, part: &str, known: &[&str]) -> EditError {
    let message = format!("unknown key {}: no {}", shown(text), shown(part));
    EditError::Key(match closest(part, known) {
        Some(candidate) => format!("{message}; did you mean `{candidate}`?"),
        None => format!("{message}; expected one of {}", known.join(", ")),
    })
}

/// Changes a policy file, whole or not at all; changes by several processes wait
/// for one another, on a lock beside the file with `.lock` after its name.
/// `change` reads the file that it is told, and says what it is to hold, none to
/// leave it; `unwritten` makes an error of what the system says.
///
/// # Errors
/// When the file cannot be written, or the change fails; the file is as it was
/// then.
pub fn in_file<T, E>(
    path: &Path,
    unwritten: impl Fn(io::Error) -> E,
    change: impl FnOnce(&Path) -> Result<(Option<String>, T), E>,
) -> Result<T, E> {
    whole_file::change(path, 0o666, unwritten, change)
}

/// The text of a policy file with one thing changed. `off` switches a threshold
/// or a piece of trust off, `inherit` takes the key out. Whether the result
/// makes a policy is for [`Policies::parse`](super::Policies::parse) to say.
///
/// # Errors
/// When there is no such site, unless `new_site` says that it may be made, or
/// the file says the same thing in a way that cannot be changed.
pub fn set(source: &str, site: &str, key: &Key, to: &str, new_site: bool) -> Result<String, EditError> {
    let rest = source.strip_prefix('\u{feff}').unwrap_or(source);
    let byte_order_mark = &source[..source.len() - rest.len()];
    let changed = set_plain(rest, site, key, to, new_site)?;
    // The lines end as the first one does.
    let crlf = rest.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    let changed = if crlf { changed.replace("\r\n", "\n").replace('\n', "\r\n") } else { changed };
    Ok(format!("{byte_order_mark}{changed}"))
}

fn set_plain(source: &str, site: &str, key: &Key, to: &str, new_site: bool) -> Result<String, EditError> {
    let mut document: DocumentMut =
        source.parse().map_err(|error: toml_edit::TomlError| EditError::Syntax(one_line(error.message())))?;
    let unchanged = document.to_string();
    let sites = document.entry("site").or_insert_with(implicit);
    let sites = sites.as_table_like_mut().ok_or_else(|| EditError::Shape("`site` is no table".into()))?;
    if !sites.contains_key(site) {
        if !new_site {
            let names: Vec<&str> = sites.iter().map(|(name, _)| name).collect();
            let closest = closest(site, &names).map(str::to_owned);
            return Err(EditError::Site { site: site.to_owned(), closest });
        }
        sites.insert(site, Item::Table(Table::new()));
    }
    let table = table_in(sites, site)?;
    let table = match &key.rule {
        Some(rule) => rule_in(table, site, rule, key, to)?,
        None => table,
    };
    if to == INHERIT {
        let mut mark = "taken out".to_owned();
        while source.contains(&mark) {
            mark.push('!');
        }
        take_path(table, &key.path, &mark);
        return Ok(kept(source, &unchanged, &without_line(document.to_string(), &mark)));
    }
    let (last, tables) = key.path.split_last().ok_or_else(|| unshaped(&key.to_string()))?;
    let mut at = table;
    for name in tables {
        at = table_in(at, name)?;
    }
    put(at, last, written(last, to));
    Ok(kept(source, &unchanged, &document.to_string()))
}

/// Takes out what a path leads to, and the tables that it leaves empty. What
/// has a comment beside it or above it is only marked, and a table with one
/// above its header stays, since comments are not ours.
fn take_path(table: &mut dyn TableLike, path: &[String], mark: &str) {
    let Some((key, rest)) = path.split_first() else { return };
    if let (false, Some(inner)) = (rest.is_empty(), table.get_mut(key).and_then(Item::as_table_like_mut)) {
        take_path(inner, rest, mark);
        if !inner.is_empty() {
            return;
        }
    }
    let is_comment =
        |text: Option<&RawString>| text.and_then(RawString::as_str).is_some_and(|t| t.contains('#'));
    let above = table.key(key).is_some_and(|key| is_comment(key.leaf_decor().prefix()));
    match table.get_mut(key) {
        Some(Item::Value(value)) if above || is_comment(value.decor().suffix()) => {
            let decor = value.decor().clone();
            *value = Value::from(mark);
            *value.decor_mut() = decor;
        }
        Some(Item::Table(table)) if is_comment(table.decor().prefix()) => {}
        _ => take_out(table, key),
    }
}

/// The text without the key that is marked; a comment behind it stays.
fn without_line(text: String, mark: &str) -> String {
    let marked = Value::from(mark).to_string();
    let kept = text.split_inclusive('\n').map(|line| match line.split_once(&marked) {
        Some((_, rest)) if rest.trim().is_empty() => "",
        Some((_, rest)) => rest.trim_start(),
        None => line,
    });
    kept.collect()
}

/// Takes a key out. The blank before a closing brace belongs to the last
/// value, whichever that is.
fn take_out(table: &mut dyn TableLike, key: &str) {
    let suffix = |table: &dyn TableLike, key: &str| {
        let value = table.get(key).and_then(Item::as_value)?;
        value.decor().suffix().and_then(|suffix| suffix.as_str()).map(str::to_owned)
    };
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let end = keys.last().filter(|last| *last == key).and_then(|last| suffix(table, last));
    table.remove(key);
    let (Some(end), Some(before)) = (end, keys.len().checked_sub(2)) else { return };
    // After a comment of a table's line comes nothing that it belongs to.
    if let (true, Some(value)) =
        (end.trim().is_empty(), table.get_mut(&keys[before]).and_then(Item::as_value_mut))
        && value.decor().suffix().and_then(|suffix| suffix.as_str()).is_none_or(str::is_empty)
    {
        value.decor_mut().set_suffix(end);
    }
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// The table of that name, made where there is none.
fn table_in<'t>(within: &'t mut dyn TableLike, name: &str) -> Result<&'t mut dyn TableLike, EditError> {
    if !within.contains_key(name) {
        put(within, name, Value::InlineTable(InlineTable::new()));
    }
    let item = within.get_mut(name).and_then(Item::as_table_like_mut);
    item.ok_or_else(|| EditError::Shape(format!("{} is no table", shown(name))))
}

/// The rule of a site by its name; one that is inherited gets an entry of its
/// own to be switched off.
fn rule_in<'t>(
    site: &'t mut dyn TableLike,
    site_name: &str,
    name: &str,
    key: &Key,
    to: &str,
) -> Result<&'t mut dyn TableLike, EditError> {
    let is_named = |table: &dyn TableLike| table.get("name").and_then(Item::as_str) == Some(name);
    let can_make = site_name != DEFAULT_SITE && key.path == ["enabled"] && to == "false";
    if !site.contains_key("rules") && can_make {
        site.insert("rules", Item::ArrayOfTables(ArrayOfTables::new()));
        // Within braces only an array can stand, which that has become.
        if site.get("rules").is_some_and(Item::is_value) {
            site.remove("rules");
            put(site, "rules", Value::Array(Array::new()));
        }
    }
    let missing = || EditError::Key(format!("site {} says no rule {} itself", shown(site_name), shown(name)));
    match site.get_mut("rules") {
        Some(Item::ArrayOfTables(rules)) => {
            if !rules.iter().any(|table| is_named(table)) && can_make {
                let mut table = Table::new();
                table.insert("name", value(name));
                rules.push(table);
            }
            let found = rules.iter_mut().find(|table| is_named(*table));
            found.map(|table| table as &mut dyn TableLike).ok_or_else(missing)
        }
        Some(Item::Value(Value::Array(rules))) => {
            let is_rule = |value: &Value| value.as_inline_table().is_some_and(|table| is_named(table));
            if !rules.iter().any(is_rule) && can_make {
                let mut table = InlineTable::new();
                table.insert("name", Value::from(name));
                rules.push(table);
            }
            let mut tables = rules.iter_mut().filter_map(Value::as_inline_table_mut);
            let found = tables.find(|table| is_named(*table));
            found.map(|table| table as &mut dyn TableLike).ok_or_else(missing)
        }
        _ => Err(missing()),
    }
}

/// Puts a value where the old one stood, with the blanks and comments that
/// were around it.
fn put(table: &mut dyn TableLike, key: &str, mut new: Value) {
    if let Some(old) = table.get_mut(key).and_then(Item::as_value_mut) {
        *new.decor_mut() = old.decor().clone();
        *old = new;
        return;
    }
    // The blank before the closing brace belongs to the last value.
    let mut last = None;
    for (_, item) in table.iter() {
        last = item.as_value().map(|value| value.decor().clone());
    }
    table.insert(key, Item::Value(new));
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let is_inline = last.as_ref().and_then(|decor| decor.suffix()).is_some_and(|suffix| {
        // Only within braces is the suffix a mere blank.
        suffix.as_str().is_some_and(|suffix| !suffix.is_empty() && suffix.trim().is_empty())
    });
    if let (true, Some(before)) = (is_inline, keys.len().checked_sub(2)) {
        if let Some(old) = table.get_mut(&keys[before]).and_then(Item::as_value_mut) {
            old.decor_mut().set_suffix("");
        }
        if let Some(new) = table.get_mut(key).and_then(Item::as_value_mut) {
            new.decor_mut().set_suffix(" ");
        }
    }
}

/// What was asked for, in TOML: numbers, true and false as they are, `off` as
/// false, anything else as a text.
fn written(key: &str, to: &str) -> Value {
    if to == "off" && key != "mode" {
        return Value::from(false);
    }
    let is_text = matches!(key, "when" | "then" | "because" | "mode");
    match to.parse::<Value>() {
        Ok(value @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) if !is_text => value,
        _ => Value::from(to),
    }
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
