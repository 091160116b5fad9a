//! The lists of a policy file, and the files that they are kept in.

use super::check_rule_name;
use crate::config::document::{Document, Key, Value, shown};
use crate::signals::lists::{ListKind, ListSource, Lists};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

const KEYS: [&str; 4] = ["kind", "entries", "file", "allow"];
/// The largest file of a list, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// How many bad entries of one file are told.
const TOLD: usize = 5;

/// Where the entries of a list stand.
enum Place {
    /// In the policy, each at its place.
    Inline(Vec<Range<usize>>),
    /// In a file, each in its line; and where the policy names the file.
    File { name: String, lines: Vec<usize>, span: Range<usize> },
}

/// The lists of a policy file.
#[derive(Default)]
pub(super) struct Read {
    pub lists: Arc<Lists>,
    /// The files that they are kept in, those that cannot be read included.
    pub files: Vec<PathBuf>,
    /// Where each begins, and its kind, by its name.
    pub places: BTreeMap<String, (Range<usize>, ListKind)>,
}

/// Reads every list.
pub(super) fn read(document: &mut Document<'_>, root: &DeTable<'_>, folder: &Path) -> Read {
    let mut files = Vec::new();
    let Some(value) = root.get("lists") else { return Default::default() };
    let Some(table) = document.table("lists", value) else { return Default::default() };
    let mut entries: Vec<(&Key<'_>, &Value<'_>)> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let (mut sources, mut places, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for (key, value) in entries {
        let name: &str = key.get_ref();
        check_rule_name(document, &key.span(), "list", name);
        let Some(table) = document.table(name, value) else { continue };
        if let Some((source, place)) = read_list(document, key, table, folder, &mut files) {
            sources.push(source);
            places.push(place);
            spans.push(key.span());
        }
    }
    let lists = Lists::new(&sources).unwrap_or_else(|bad| {
        let mut told = vec![0; places.len()];
        for bad in bad {
            match (&places[bad.list], bad.entry) {
                (Place::Inline(at), Some(entry)) => document.report(&at[entry], bad.what),
                (Place::File { name, lines, span }, Some(entry)) => {
                    told[bad.list] += 1;
                    if told[bad.list] <= TOLD {
                        document.report(span, format!("{name}:{}: {}", lines[entry], bad.what));
                    }
                }
                (_, None) => document.report(&spans[bad.list], bad.what),
            }
        }
        for (place, told) in places.iter().zip(told) {
            if let (Place::File { name, span, .. }, true) = (place, told > TOLD) {
                document.report(span, format!("{name}: and {} more like that", told - TOLD));
            }
        }
        // So that rules can name them all the same.
        sources.iter_mut().for_each(|source| {
            source.entries.clear();
            source.allow = false;
        });
        Lists::new(&sources).unwrap_or_default()
    });
    let place = |(source, span): (ListSource, _)| (source.name, (span, source.kind));
    let places = sources.into_iter().zip(spans).map(place).collect();
    Read { lists: Arc::new(lists), files, places }
}

fn read_list(
    document: &mut Document<'_>,
    name: &Key<'_>,
    table: &DeTable<'_>,
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Option<(ListSource, Place)> {
    let (mut kind, mut found, mut allow) = (None, Vec::new(), false);
    let has_both = table.contains_key("entries") && table.contains_key("file");
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "kind" => kind = Some(read_kind(document, value)),
            // Which of the two is meant cannot be told, so that neither is read.
            "entries" | "file" if has_both => {}
            "entries" => found.push(read_entries(document, value)),
            "file" => found.push(read_file(document, value, folder, files)),
            "allow" => allow = document.boolean("allow", value).unwrap_or_default(),
            other => document.report_unknown(&key.span(), "key", other, KEYS),
        }
    }
    let span = name.span();
    if kind.is_none() {
        let known = ListKind::ALL.map(ListKind::name).join(", ");
        document.report(&span, format!("list {} has no `kind`: one of {known}", shown(name.get_ref())));
    }
    if found.is_empty() {
        let wrong = if has_both {
            "has both `entries` and `file`, of which it needs one"
        } else {
            "needs either `entries` or `file`"
        };
        let message = format!("list {} {wrong}", shown(name.get_ref()));
        document.report(&span, message);
    }
    // A list with a problem is empty, so that rules can name it all the same.
    let (entries, place) =
        found.into_iter().flatten().next().unwrap_or((Vec::new(), Place::Inline(Vec::new())));
    let kind = kind.flatten().unwrap_or(ListKind::Words);
    Some((ListSource { name: name.get_ref().to_string(), kind, allow, entries }, place))
}

fn read_kind(document: &mut Document<'_>, value: &Value<'_>) -> Option<ListKind> {
    let name = document.string("kind", value)?;
    let kind = ListKind::from_name(name);
    if kind.is_none() {
        document.report_unknown(&value.span(), "kind", name, ListKind::ALL.map(ListKind::name));
    }
    kind
}

fn read_entries(document: &mut Document<'_>, value: &Value<'_>) -> Option<(Vec<String>, Place)> {
    let DeValue::Array(array) = value.get_ref() else {
        return document.wrong_type("entries", value, "an array of strings");
    };
    let strings = array.iter().filter_map(|entry| Some((document.string("entries", entry)?, entry.span())));
    let (entries, spans) = strings.map(|(entry, span)| (entry.to_owned(), span)).unzip();
    Some((entries, Place::Inline(spans)))
}

/// Reads a file with one entry a line. Blank lines, and lines that begin with
/// `#`, are none.
fn read_file(
    document: &mut Document<'_>,
    value: &Value<'_>,
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Option<(Vec<String>, Place)> {
    let path = folder.join(document.string("file", value)?);
    let (name, span) = (path.display().to_string(), value.span());
    files.push(path.clone());
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(why) => {
            document.report(&span, format!("{name}: {why}"));
            return None;
        }
    };
    let text = text.trim_start_matches('\u{feff}');
    let numbered = text.lines().enumerate().map(|(at, line)| (line.trim(), at + 1));
    let (entries, lines) = numbered
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, at)| (line.to_owned(), at))
        .unzip();
    Some((entries, Place::File { name, lines, span }))
}

/// The text of a file, or why there is none.
fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error| format!("cannot be read: {error}");
    let metadata = fs::metadata(path).map_err(cannot)?;
    // A device has no length to hold it to and perhaps no end, and opening a
    // pipe waits for whoever writes to it.
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!("is over the limit of {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(fs::read(path).map_err(cannot)?).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        format!("is not UTF-8 from byte {good} on, in line {line}")
    })
}
