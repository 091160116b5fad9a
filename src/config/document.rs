//! A TOML document whose problems are gathered, each with its place, and told
//! all at once.

mod slip;

use slip::slip;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The longest name, in characters, that a message repeats.
const SHOWN_CHARS: usize = 64;
/// The most candidates that a message lists.
const LISTED: usize = 16;
/// The most problems that are told of one file. Of what is no file of ours at all
/// every line may be one.
const TOLD: usize = 100;

/// A key of the document and its place.
pub(crate) type Key<'s> = Spanned<DeString<'s>>;
/// A value of the document and its place.
pub(crate) type Value<'s> = Spanned<DeValue<'s>>;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// What is wrong with a file, in the order of its lines: everything, up to a
/// hundred, and how much more there is.
///
/// `Display` writes one line for each: `path:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    name: String,
    list: Vec<Problem>,
    /// How many more there are.
    more: usize,
}

impl Problems {
    /// The problems; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Problem { line, column, message }) in self.list.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}:{column}: {message}", self.name)?;
        }
        match self.more {
            0 => Ok(()),
            1 => write!(f, "\n{}: and 1 more problem", self.name),
            more => write!(f, "\n{}: and {more} more problems", self.name),
        }
    }
}

/// A document that is being read.
pub(crate) struct Document<'s> {
    name: &'s str,
    source: &'s str,
    problems: Vec<(Range<usize>, String)>,
    syntax_problems: usize,
    /// Problems that are counted and not kept.
    more: usize,
}

impl<'s> Document<'s> {
    /// Reads the source. What breaks the rules of TOML becomes a problem, and
    /// the rest is handed out, so that its problems can be told as well.
    pub fn parse(source: &'s str, name: &'s str) -> (Self, DeTable<'s>) {
        let (table, errors) = DeTable::parse_recoverable(source);
        let mut document = Document { name, source, problems: Vec::new(), syntax_problems: 0, more: 0 };
        // Behind a slip, what is said of the rest of its line is its echo.
        let mut slipped = 0..0;
        for error in errors {
            let mut span = error.span().unwrap_or(source.len()..source.len());
            if slipped.contains(&span.start) {
                continue;
            }
            let message = match error.message() {
                "duplicate key" => {
                    let key = source.get(span.clone()).unwrap_or_default();
                    format!("duplicate key {}", shown(key.trim_matches(['"', '\''])))
                }
                message => match slip(source, span.start) {
                    Some((value, hint)) => {
                        let rest = source[value.start..].find('\n').unwrap_or(source.len() - value.start);
                        slipped = value.start..value.start + rest + 1;
                        span = value;
                        hint
                    }
                    None => uncapitalized(message),
                },
            };
            document.report(&span, message);
        }
        document.syntax_problems = document.problems.len();
        (document, table.into_inner())
    }

    /// Whether all of the source could be read. Where it could not, what seems
    /// to be missing may just not have been seen.
    pub fn is_whole(&self) -> bool {
        self.syntax_problems == 0
    }

    /// Notes a problem with what stands at `span`.
    pub fn report(&mut self, span: &Range<usize>, message: impl Into<String>) {
        // Some are left out in the end.
        if self.problems.len() < 2 * TOLD {
            self.problems.push((span.clone(), message.into()));
        } else {
            self.more += 1;
        }
    }

    /// Notes a name that is none of `known`; `what` says what it should name.
    pub fn report_unknown<'k>(
        &mut self,
        span: &Range<usize>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let name_shown = shown(name);
        self.report(
            span,
            match closest(name, &known) {
                Some(candidate) => format!("unknown {what} {name_shown}; did you mean `{candidate}`?"),
                None if (1..=LISTED).contains(&known.len()) => {
                    format!("unknown {what} {name_shown}; expected one of {}", known.join(", "))
                }
                None => format!("unknown {what} {name_shown}"),
            },
        );
    }

    /// The value as a table.
    pub fn table<'v, 'd>(&mut self, key: &str, value: &'v Value<'d>) -> Option<&'v DeTable<'d>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => self.wrong_type(key, value, "a table"),
        }
    }

    /// The value as a string.
    pub fn string<'v>(&mut self, key: &str, value: &'v Value<'_>) -> Option<&'v str> {
        match value.get_ref() {
            DeValue::String(string) => Some(string),
            _ => self.wrong_type(key, value, "a string"),
        }
    }

    /// The value as a boolean.
    pub fn boolean(&mut self, key: &str, value: &Value<'_>) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => self.wrong_type(key, value, "true or false"),
        }
    }

    /// The value as a whole number within a range.
    pub fn integer(&mut self, key: &str, value: &Value<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(key, value, "a whole number");
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.report(&value.span(), format!("`{key}` is {integer}, outside {low}..={high}"));
        }
        number
    }

    /// Where a byte of a string's text stands in the source.
    pub fn place_in_string(&self, value: &Value<'_>, at: usize) -> Range<usize> {
        let span = value.span();
        match (value.get_ref(), self.source.get(span.clone())) {
            (DeValue::String(text), Some(raw)) => {
                let start = span.start + place_in_raw(raw, text, at);
                start..start
            }
            _ => span,
        }
    }

    /// Notes a value of another type than `expected`.
    pub fn wrong_type<T>(&mut self, key: &str, value: &Value<'_>, expected: &str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.report(&value.span(), format!("{} must be {expected}, not {found}", shown(key)));
        None
    }

    /// Ends the reading with everything that was wrong.
    ///
    /// # Errors
    /// When anything was.
    pub fn finish(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let places = Places::of(self.source);
        let mut problems: Vec<((usize, usize), String)> =
            self.problems.into_iter().map(|(span, message)| (places.find(span.start), message)).collect();
        // What follows a break in the same line is mostly its echo.
        let syntax = problems.drain(..self.syntax_problems).collect::<Vec<_>>();
        let broken: BTreeSet<usize> = syntax.iter().map(|((line, _), _)| *line).collect();
        problems.retain(|((line, _), _)| !broken.contains(line));
        problems.extend(syntax);
        problems.sort();
        problems.dedup();
        let more = self.more + problems.len().saturating_sub(TOLD);
        problems.truncate(TOLD);
        let list =
            problems.into_iter().map(|((line, column), message)| Problem { line, column, message }).collect();
        Err(Problems { name: self.name.to_owned(), list, more })
    }
}

/// Where a byte of a text stands in the string that TOML writes it as, with
/// quotes and escapes.
fn place_in_raw(raw: &str, text: &str, at: usize) -> usize {
    let has_escapes = raw.starts_with('"');
    let is_long = raw.starts_with("\"\"\"") || raw.starts_with("'''");
    let mut rest = raw.get(if is_long { 3 } else { 1 }..).unwrap_or_default();
    // A line break right behind three quotes is not of the text.
    if is_long {
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    }
    // A back slash at the end of a line takes the blanks behind it along.
    let is_joined = |blanks: &&str| blanks.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
    let mut characters = text.char_indices().take_while(|(start, _)| *start < at);
    loop {
        let after = rest.strip_prefix('\\').filter(|_| has_escapes && is_long).filter(is_joined);
        if let Some(blanks) = after {
            rest = blanks.trim_start_matches([' ', '\t', '\n', '\r']);
            continue;
        }
        let Some((_, c)) = characters.next() else { break };
        let len = match rest.as_bytes() {
            [b'\\', b'x', ..] if has_escapes => 4,
            [b'\\', b'u', ..] if has_escapes => 6,
            [b'\\', b'U', ..] if has_escapes => 10,
            [b'\\', ..] if has_escapes => 2,
            // One line break, however it is written.
            [b'\r', b'\n', ..] if c == '\n' => 2,
            _ => c.len_utf8(),
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    raw.len() - rest.len()
}

/// A name in a message: short, in backquotes, and without control characters.
pub(crate) fn shown(name: &str) -> String {
    let mut short: String = name.chars().take(SHOWN_CHARS).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug())
}

/// The candidate that `name` was most likely meant to be: one that differs by a
/// character (`signal.link`: `signal.links`), or else one that goes on where the
/// name ends (`author.age`: `author.age_days`), or else the most alike.
pub(crate) fn closest<'k>(name: &str, candidates: &[&'k str]) -> Option<&'k str> {
    let length = name.chars().count();
    if length > SHOWN_CHARS {
        return None;
    }
    let name = name.to_lowercase();
    let goes_on = |candidate: &&&str| {
        let rest = candidate.to_lowercase().strip_prefix(&name).map(|rest| rest.starts_with('_'));
        rest.unwrap_or_default()
    };
    let alike = candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= length.max(candidate.len()).div_ceil(3).min(4))
        .min_by_key(|(distance, _)| *distance);
    let longer = || candidates.iter().find(goes_on).map(|candidate| (0, *candidate));
    alike.filter(|(distance, _)| *distance <= 1).or_else(longer).or(alike).map(|(_, candidate)| candidate)
}

/// Where the lines of a source begin.
struct Places<'s> {
    source: &'s str,
    line_starts: Vec<usize>,
}

impl<'s> Places<'s> {
    fn of(source: &'s str) -> Self {
        let starts = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { source, line_starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The line and the character in it, both counted from 1.
    fn find(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.source.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let before = &self.source.as_bytes()[self.line_starts[line - 1]..offset];
        (line, 1 + String::from_utf8_lossy(before).chars().count())
    }
}

fn uncapitalized(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_candidate_is_found() {
        let known = ["max_text_bytes", "max_thread_bytes", "TOXICITY", "hold"];
        assert_eq!(closest("max_text_byte", &known), Some("max_text_bytes"));
        assert_eq!(closest("toxcity", &known), Some("TOXICITY"));
        assert_eq!(closest("HOLD", &known), Some("hold"));
        assert_eq!(closest("colour", &known), None);
        let fields = ["signal.link_share", "signal.links", "author.age_days", "author.name"];
        assert_eq!(closest("signal.link", &fields), Some("signal.links"));
        assert_eq!(closest("author.age", &fields), Some("author.age_days"));
        assert_eq!(closest(&"x".repeat(100_000), &known), None);
    }

    #[test]
    fn places_count_lines_and_characters() {
        assert_eq!(Places::of("").find(0), (1, 1));
        assert_eq!(Places::of("é = 1").find(5), (1, 5));
        assert_eq!(Places::of("a = 1\nbc").find(7), (2, 2));
        assert_eq!(Places::of("a\n").find(99), (2, 1));
    }

    #[test]
    fn places_in_strings_are_found_whatever_the_spelling() {
        for raw in [
            "\"é\\t\\\"\\u00e9\\x41\\U0001f600 X\"",
            "'é X'",
            "\"\"\"\na\\\n   b X\"\"\"",
            "\"\"\"\\\n  X\"\"\"",
            "\"\"\"a \\  \r\n\r\n  \\\n X\"\"\"",
            "'''\na\n\\ X'''",
            "'''\r\na\r\nb\\ X'''",
        ] {
            let source = format!("k = {raw}\n");
            let (document, table) = Document::parse(&source, "");
            let value = table.get("k").unwrap();
            let DeValue::String(text) = value.get_ref() else { panic!("{raw}") };
            let place = document.place_in_string(value, text.find('X').unwrap_or_else(|| panic!("{raw}")));
            assert_eq!(source[place.start..].chars().next(), Some('X'), "{raw}");
            // The end of the text is the end of the string.
            let end = document.place_in_string(value, text.len()).start;
            assert_eq!(source[end..].trim_end().trim_matches(['"', '\'']), "", "{raw}");
        }
    }

    #[test]
    fn names_are_shown_short_and_harmless() {
        assert_eq!(shown("a\u{1b}b"), "`a\\u{1b}b`");
        assert_eq!(shown(&"é".repeat(65)), format!("`{}…`", "é".repeat(64)));
    }
}
