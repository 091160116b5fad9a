//! The form of a keys file: TOML with a table for each key.
//!
//! ```toml
//! [[key]]
//! id = "3f9a1c20"                  # the eight digits after `thr_`
//! site = "news.example"            # or "*" for every site
//! role = "moderate"                # or "feedback" or "admin"
//! created = 2026-01-31T12:00:00Z
//! expires = 2026-02-01T12:00:00Z   # only when it was rotated
//! sha256 = "..."                   # of the whole key, 64 digits
//! ```

use super::secret::{Digest, PREFIX};
use super::{Key, KeyId, Keys, MAX_KEYS, Role, Scope};
use crate::config::Problems;
use crate::config::document::{Document, Value};
use humantime::{format_rfc3339_seconds, parse_rfc3339};
use std::fmt::Write;
use std::ops::Range;
use std::str::FromStr;
use std::time::SystemTime;
use toml::de::{DeTable, DeValue};

const HEAD: &str = "\
# Thresher's API keys, as SHA-256 digests: the keys themselves are not here and
# cannot be told from this. Changed by `thresher keys`; a running server notices.
";
const FIELDS: [&str; 6] = ["id", "site", "role", "created", "expires", "sha256"];

pub(super) fn render(keys: &Keys) -> String {
    let mut text = HEAD.to_owned();
    for key in keys.iter() {
        let Key { id, scope, role, created, expires, digest } = key;
        // Writing to a string cannot fail. No value has a character to escape.
        let _ = write!(text, "\n[[key]]\nid = \"{id}\"\nsite = \"{scope}\"\nrole = \"{role}\"\n");
        let _ = writeln!(text, "created = {}", format_rfc3339_seconds(*created));
        if let Some(expires) = expires {
            let _ = writeln!(text, "expires = {}", format_rfc3339_seconds(*expires));
        }
        let _ = writeln!(text, "sha256 = \"{}\"", digest.to_hex());
    }
    text
}

pub(super) fn parse(source: &str, name: &str) -> Result<Keys, Problems> {
    let (mut document, root) = Document::parse(source, name);
    let mut keys = Keys::default();
    for (key, value) in &root {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("key", DeValue::Array(entries)) => {
                for entry in entries.iter() {
                    read_entry(&mut document, &mut keys, entry);
                }
            }
            ("key", _) => {
                document.wrong_type::<()>("key", value, "a list of tables, each under [[key]]");
            }
            (other, _) => report_unknown(&mut document, &key.span(), other, &["key"]),
        }
    }
    if keys.by_id.len() > MAX_KEYS {
        document
            .report(&(0..0), format!("there are {} keys, over the limit of {MAX_KEYS}", keys.by_id.len()));
    }
    document.finish().map(|()| keys)
}

fn read_entry(document: &mut Document<'_>, keys: &mut Keys, entry: &Value<'_>) {
    let Some(table) = document.table("key", entry) else { return };
    for field in table.keys().filter(|field| !FIELDS.contains(&field.get_ref().as_ref())) {
        report_unknown(document, &field.span(), field.get_ref(), &FIELDS);
    }
    let place = entry.span();
    let id = read_string(document, table, &place, "id", KeyId::from_str);
    let scope = read_string(document, table, &place, "site", Scope::from_str);
    let role = read_string(document, table, &place, "role", |text| {
        let role = Role::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| format!("must be one of {}", Role::ALL.map(Role::name).join(", ")))
    });
    let digest = read_string(document, table, &place, "sha256", |text| {
        Digest::from_hex(text).ok_or_else(|| "must have 64 digits of 0-9 and a-f".to_owned())
    });
    let created = read_time(document, table, &place, "created", true);
    let expires = read_time(document, table, &place, "expires", false);
    let (Some(id), Some(scope), Some(role), Some(digest), Some(created)) = (id, scope, role, digest, created)
    else {
        return;
    };
    if keys.by_id.insert(id, Key { id, scope, role, created, expires, digest }).is_some() {
        document.report(&place, format!("the id {id} is there twice"));
    }
}

/// Notes a name that is none of `known`, unless it may be an API key that was
/// put in the wrong place, which must not be repeated.
fn report_unknown(document: &mut Document<'_>, place: &Range<usize>, name: &str, known: &[&str]) {
    if name.contains(PREFIX) {
        document.report(place, "an API key does not belong here");
    } else {
        document.report_unknown(place, "key", name, known.iter().copied());
    }
}

/// A string of which something is made, which must be there.
fn read_string<T>(
    document: &mut Document<'_>,
    table: &DeTable<'_>,
    place: &Range<usize>,
    field: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some(value) = table.get(field) else {
        document.report(place, format!("this key has no `{field}`"));
        return None;
    };
    // Whoever put a key where something else belongs must not find it in a log.
    let read = read(document.string(field, value)?);
    read.map_err(|problem| document.report(&value.span(), format!("`{field}`: {problem}"))).ok()
}

fn read_time(
    document: &mut Document<'_>,
    table: &DeTable<'_>,
    place: &Range<usize>,
    field: &str,
    required: bool,
) -> Option<SystemTime> {
    let Some(value) = table.get(field) else {
        if required {
            document.report(place, format!("this key has no `{field}`"));
        }
        return None;
    };
    let time = match value.get_ref() {
        DeValue::Datetime(time) => parse_rfc3339(&time.to_string()).ok(),
        _ => None,
    };
    if time.is_none() {
        document.report(&value.span(), format!("`{field}` must be a time such as 2026-01-31T12:00:00Z"));
    }
    time
}
