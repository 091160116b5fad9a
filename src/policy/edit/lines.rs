//! The lines of a policy file that a change leaves alone.

/// The changed text with the lines of the source where nothing has changed:
/// `unchanged` is the source as it would be written anew, which spells the names
/// of tables and ends lines in one way. What is put before all else stands behind
/// the comment at the head of the file.
pub(super) fn kept(source: &str, unchanged: &str, changed: &str) -> String {
    let [source, unchanged, changed] =
        [source, unchanged, changed].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    if source.len() != unchanged.len() {
        return changed.concat();
    }
    let is_same = |(a, b): &(&&str, &&str)| a == b;
    let before = unchanged.iter().zip(&changed).take_while(is_same).count();
    let rest = unchanged[before..].iter().rev().zip(changed[before..].iter().rev());
    let after = rest.take_while(is_same).count();
    let new = &changed[before..changed.len() - after];
    let is_in_front = before == 0 && after == source.len() && !new.is_empty();
    let head = if is_in_front { head(&source) } else { before };
    let gap = ["\n"].into_iter().filter(|_| is_in_front && after > 0);
    let rest = &source[if is_in_front { head } else { source.len() - after }..];
    let lines: Vec<&str> =
        source[..head].iter().chain(new).copied().chain(gap).chain(rest.iter().copied()).collect();
    let mut text = String::new();
    for line in lines {
        // The last line of a file need not end in one.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}

/// How many lines the comment at the head has: up to the last blank line before
/// the first that says something.
fn head(lines: &[&str]) -> usize {
    let says_nothing = |line: &&&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let comments = lines.iter().take_while(says_nothing).count();
    lines[..comments].iter().rposition(|line| line.trim().is_empty()).map_or(0, |blank| blank + 1)
}
