//! The text of a condition before it is parsed, and where it cannot be.

use super::Fault;
use super::compile::{MAX_DEPTH, MAX_NODES};
use cel::parser::ParseError;

/// What a back slash in a text can stand before, but for numbers.
const ESCAPED: [char; 12] = ['a', 'b', 'f', 'n', 'r', 't', 'v', '"', '\'', '\\', '?', '`'];

/// What people write who know another language, and what is written here.
const SLIPS: [(&str, &str); 24] = [
    ("=", "equality is written `==`"),
    ("===", "equality is written `==`"),
    ("is", "equality is written `==`"),
    ("!==", "what is not equal is written `!=`"),
    ("<>", "what is not equal is written `!=`"),
    ("≠", "what is not equal is written `!=`"),
    ("=>", "at least is written `>=`"),
    ("≥", "at least is written `>=`"),
    ("=<", "at most is written `<=`"),
    ("≤", "at most is written `<=`"),
    ("and", "`and` is written `&&`"),
    ("&", "`and` is written `&&`"),
    ("or", "`or` is written `||`"),
    ("|", "`or` is written `||`"),
    ("not", "`not` is written `!`, before brackets or a name"),
    ("“", "texts stand in straight quotes, such as \"a\""),
    ("”", "texts stand in straight quotes, such as \"a\""),
    ("„", "texts stand in straight quotes, such as \"a\""),
    ("’", "texts stand in straight quotes, such as 'a'"),
    ("%", "shares are written as numbers up to 1, such as 0.8 for 80 percent"),
    ("contains", "it is written `FIELD.contains(\"a\")`"),
    ("startsWith", "it is written `FIELD.startsWith(\"a\")`"),
    ("endsWith", "it is written `FIELD.endsWith(\"a\")`"),
    ("matches", "it is written `FIELD.matches(\"a\")`"),
];

/// Where brackets go too deep, or chains too far, for a parser that calls itself,
/// and looks ahead so too. Those in texts and comments are passed over, until
/// something stands there that the parser might read otherwise: then all of them
/// count.
pub(super) fn too_deep(source: &str) -> Option<Fault> {
    let (mut depth, mut signs, mut at, mut is_clear) = (0, 0, 0, true);
    while let Some(&byte) = source.as_bytes().get(at) {
        match byte {
            b'(' | b'{' => depth += 1,
            b'[' => (depth, signs) = (depth + 1, signs + 1),
            b')' | b']' | b'}' => depth = u16::saturating_sub(depth, 1),
            b'`' => is_clear = false,
            b'\'' | b'"' | b'/' if is_clear && (byte != b'/' || source[at..].starts_with("//")) => {
                match passed_over(source, at) {
                    Some(len) => {
                        at += len;
                        continue;
                    }
                    None => is_clear = false,
                }
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' | b'&' | b'|' | b'?' | b'.' => {
                signs += 1
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(Fault { at, message: format!("brackets stand more than {MAX_DEPTH} deep") });
        }
        // An operation or a value has two at most.
        if signs > 2 * MAX_NODES {
            return Some(Fault { at, message: format!("over the limit of {MAX_NODES} operations") });
        }
        at += 1;
    }
    None
}

/// The length of the text or the comment that begins at a byte of a condition.
fn passed_over(source: &str, at: usize) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = source[..at].trim_end_matches(is_name);
    let (word, rest) = (&source[before.len()..at], &source[at..]);
    if !before.is_empty() && !before.ends_with([' ', '\t', '\n', '\r', '(', '[', ',']) {
        return None;
    }
    if rest.starts_with("//") && word.is_empty() {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    let is_raw = word.eq_ignore_ascii_case("r");
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| rest.starts_with(quotes))?;
    let mut inside = &rest[quotes.len()..];
    while !inside.starts_with(quotes) {
        let len = match inside.chars().next()? {
            '\n' | '\r' if quotes.len() == 1 => return None,
            // Of escapes, those by one character.
            '\\' if !is_raw => inside[1..].starts_with(ESCAPED).then_some(2)?,
            c => c.len_utf8(),
        };
        inside = &inside[len..];
    }
    (is_raw || word.is_empty()).then(|| rest.len() - inside.len() + quotes.len())
}

/// The byte of a line and a column, which the parser counts from 1.
pub(super) fn place(source: &str, (line, column): (isize, isize)) -> usize {
    let line_start: usize =
        source.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or_default()).map(str::len).sum();
    let rest = &source[line_start.min(source.len())..];
    let characters = usize::try_from(column - 1).unwrap_or_default();
    line_start + rest.chars().take(characters).map(char::len_utf8).sum::<usize>()
}

/// What is wrong with a condition that the parser cannot read: the first slip that
/// people are known to make, or else what the parser says.
pub(super) fn faults(source: &str, errors: &[ParseError]) -> Vec<Fault> {
    if let Some((at, hint)) = slip(source) {
        return vec![Fault { at, message: format!("not a condition: {hint}") }];
    }
    errors.iter().map(|error| fault(source, error)).collect()
}

/// The first slip outside of texts and comments.
fn slip(source: &str) -> Option<(usize, &'static str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_sign = |c: char| "=<>!&|".contains(c);
    let (mut at, mut lists) = (0, 0_usize);
    while let Some(first) = source[at..].chars().next() {
        let is_text = matches!(first, '"' | '\'') || source[at..].starts_with("//");
        if let Some(len) = is_text.then(|| passed_over(source, at)).flatten() {
            at += len;
            continue;
        }
        let run = |is_part: &dyn Fn(char) -> bool| source[at..].find(|c| !is_part(c));
        let len = match first {
            c if is_word(c) => run(&is_word),
            c if is_sign(c) => run(&is_sign),
            c => Some(c.len_utf8()),
        };
        let end = len.map_or(source.len(), |len| at + len);
        match first {
            '[' => lists += 1,
            ']' => lists = lists.saturating_sub(1),
            _ => {}
        }
        // In a list of values a comma parts them.
        let is_digit = |c: char| c.is_ascii_digit();
        let goes_on = source[end..].strip_prefix(',').is_some_and(|rest| rest.starts_with(is_digit));
        if lists == 0 && goes_on && source[at..end].chars().all(is_digit) {
            return Some((at, "decimals are written with a point, such as 0.8"));
        }
        let is_named = source[..at].ends_with('.');
        let slip = SLIPS.iter().find(|(slip, _)| slip.eq_ignore_ascii_case(&source[at..end]));
        if let Some((_, hint)) = slip.filter(|_| !is_named) {
            return Some((at, hint));
        }
        at = end;
    }
    None
}

/// What the parser says, in our place and on one line.
fn fault(source: &str, error: &ParseError) -> Fault {
    let message = error.msg.trim_start_matches("Syntax error: ").lines().next().unwrap_or_default();
    // The parser lists every token it could have gone on with.
    let message = message.split(" expecting ").next().unwrap_or_default().replace("<EOF>", "its end");
    Fault { at: place(source, error.pos), message: format!("not a condition: {message}") }
}
