//! Values that people write who know another language.

use super::shown;
use std::ops::Range;

/// What is written in the place of a value that people mean otherwise, `yes` or a
/// decimal comma, and where in the source; told by where reading stopped.
pub(super) fn slip(source: &str, at: usize) -> Option<(Range<usize>, String)> {
    let line_start = source.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = source[line_start..].lines().next()?;
    let before = line.get(..at - line_start).unwrap_or(line);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | ',' | '_' | '-' | '+');
    // Reading stops before the value, in it, or at what follows it.
    let is_at_value = line[before.len()..].starts_with(is_part) || before.ends_with(is_part);
    let before = if is_at_value { before } else { before.trim_end() };
    let start = before.trim_end_matches(is_part).len();
    // Only what stands as a value, not what a comment or a text says.
    if !before[..start].trim_end().ends_with('=') {
        return None;
    }
    let word = &line[start..];
    let word = word[..word.find(|c| !is_part(c)).unwrap_or(word.len())].trim_end_matches(',');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hint = match word.to_lowercase().as_str() {
        _ if matches!(word, "true" | "false") => return None,
        "yes" | "on" | "true" => format!("{} is no value; yes is written `true`", shown(word)),
        "no" | "off" | "false" => format!("{} is no value; no is written `false`", shown(word)),
        _ => {
            let (whole, part) = word.split_once(',')?;
            if !digits(whole.trim_start_matches(['-', '+'])) || !digits(part) {
                return None;
            }
            format!("decimals are written with a point: `{whole}.{part}`")
        }
    };
    let start = line_start + start;
    Some((start..start + word.len(), hint))
}

#[cfg(test)]
mod tests {
    use super::super::Document;

    #[test]
    fn values_that_are_meant_otherwise_are_told() {
        let told = |source: &str| {
            let (document, _) = Document::parse(source, "p.toml");
            let problems = document.finish().unwrap_err().to_string();
            assert_eq!(problems.lines().count(), 1, "{problems}");
            problems
        };
        for (source, message) in [
            ("enabled = no\n", "1:11: `no` is no value; no is written `false`"),
            ("enabled = yes # ours\n", "1:11: `yes` is no value; yes is written `true`"),
            ("a = 1\nenabled = off\n", "2:11: `off` is no value; no is written `false`"),
            ("enabled = True\n", "1:11: `True` is no value; yes is written `true`"),
            ("hold = 0,8\n", "1:8: decimals are written with a point: `0.8`"),
            ("SPAM = { hold = 0,8 }\n", "1:17: decimals are written with a point: `0.8`"),
            ("SPAM = { flag = 0,5, hold = 0.8 }\n", "1:17: decimals are written with a point: `0.5`"),
        ] {
            assert_eq!(told(source), format!("p.toml:{message}"), "{source}");
        }
    }
}
