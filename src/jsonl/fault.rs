//! From a line to a record or to what is wrong with it, without quoting it.

use super::JsonlError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// The longest name of a field or a label that a message repeats.
const SHOWN_BYTES: usize = 64;

/// Reads one line, which is not blank.
pub(super) fn parse<T: DeserializeOwned>(name: &str, line: u64, bytes: &[u8]) -> Result<T, JsonlError> {
    let name = || name.to_owned();
    let text = std::str::from_utf8(bytes).map_err(|error| JsonlError::NotUtf8 {
        name: name(),
        line,
        column: error.valid_up_to() + 1,
    })?;
    // Asked here, since serde takes a list of values for a record as well.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(JsonlError::NotAnObject { name: name(), line });
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Syntax | Category::Eof => {
            JsonlError::Syntax { name: name(), line, column: error.column(), what: syntax(&error) }
        }
        Category::Data | Category::Io => JsonlError::Record { name: name(), line, what: data(&error, bytes) },
    })
}

/// The name of a field or a label as messages may show it: what looks like a
/// name is shown, anything else could be a piece of text.
pub(super) fn shown(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.len() <= SHOWN_BYTES && name.chars().all(plain) { name } else { "?" }
}

/// The message without the place, which is told apart from it.
fn message(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    message
}

/// serde_json's own messages about syntax are fixed texts.
fn syntax(error: &serde_json::Error) -> String {
    let message = message(error);
    match message.as_str() {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "a lone surrogate in a \\u escape is no character".into()
        }
        "expected ident" | "expected value" => "expected a value".into(),
        _ => match message.strip_prefix("EOF while parsing ") {
            Some(what) => format!("the line ends inside {what}"),
            None => message,
        },
    }
}

/// What is wrong with a record. serde's messages quote the value that it did
/// not expect, so only the kind of that value is taken from them.
fn data(error: &serde_json::Error, bytes: &[u8]) -> String {
    let message = message(error);
    let names_only = ["missing field `", "duplicate field `", "label `"];
    if names_only.iter().any(|start| message.starts_with(start)) {
        return message;
    }
    // The value may contain these words too; what serde expects comes last.
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| match expected {
        "f64" | "f32" => "a number",
        "i64" => "a whole number",
        "a map" => "an object",
        "a sequence" => "an array",
        other => other,
    });
    let found = message.strip_prefix("invalid type: ").map(|found| {
        let kinds = [
            ("string", "a string"),
            ("integer", "a number"),
            ("floating point", "a decimal number"),
            ("boolean", "a boolean"),
            ("map", "an object"),
            ("sequence", "an array"),
            ("null", "null"),
        ];
        kinds.iter().find(|(word, _)| found.starts_with(word)).map_or("another type", |(_, kind)| kind)
    });
    let field = field_at(bytes, error.column());
    match (expected, found) {
        (Some(expected), Some(found)) => format!("field `{field}`: expected {expected}, found {found}"),
        (Some(expected), None) => format!("field `{field}`: expected {expected}"),
        (None, _) => format!("field `{field}` has a value that it cannot have"),
    }
}

/// The path of the field whose value stands at the byte `column`, such as
/// `labels.spam`.
fn field_at(bytes: &[u8], column: usize) -> String {
    let mut path: Vec<&[u8]> = Vec::new();
    let mut string: Option<usize> = None;
    let mut last: &[u8] = b"";
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate().take(column) {
        match (string, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(begin), b'"') => {
                last = &bytes[begin..at];
                string = None;
            }
            (Some(_), _) => {}
            (None, b'"') => string = Some(at + 1),
            // A level for each bracket, holding the key that is being read.
            (None, b'{' | b'[') => path.push(b""),
            (None, b'}' | b']') => drop(path.pop()),
            (None, b':') => {
                if let Some(key) = path.last_mut() {
                    *key = last;
                }
            }
            _ => {}
        }
    }
    let keys: Vec<&str> = path
        .iter()
        .filter(|key| !key.is_empty())
        .map(|key| std::str::from_utf8(key).map_or("?", shown))
        .collect();
    keys.join(".")
}
