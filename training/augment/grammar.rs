//! Grammars of sentences: of `[this|that]` one is drawn, `<name>` stands for
//! what the grammar says of the name, and both may hold one another.

use crate::draw::Draws;
use std::collections::HashMap;

/// What the names of a grammar stand for.
pub type Names = HashMap<&'static str, &'static str>;

/// Names may stand for names so many times over.
const DEPTH: usize = 16;

/// A template with one of each choice drawn. What is no choice and no known
/// name stays as it is.
pub fn drawn(template: &str, names: &Names, draws: &mut Draws) -> String {
    let mut text = String::with_capacity(template.len());
    draw(template, names, draws, DEPTH, &mut text);
    text
}

fn draw(template: &str, names: &Names, draws: &mut Draws, depth: usize, text: &mut String) {
    let mut rest = template;
    while let Some(at) = rest.find(['[', '<']) {
        text.push_str(&rest[..at]);
        let (inner, after) = (&rest[at + 1..], rest);
        rest = if after[at..].starts_with('[') {
            let (choices, after) = choices(inner);
            draw(choices[draws.below(choices.len())], names, draws, depth, text);
            after
        } else if let Some((meaning, after)) = meaning(inner, names).filter(|_| depth > 0) {
            draw(meaning, names, draws, depth - 1, text);
            after
        } else {
            text.push('<');
            inner
        };
    }
    text.push_str(rest);
}

/// What can be drawn up to the bracket that closes, and what follows it.
fn choices(inner: &str) -> (Vec<&str>, &str) {
    let (mut choices, mut start, mut open) = (Vec::new(), 0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '[' => open += 1,
            ']' if open > 0 => open -= 1,
            '|' if open == 0 => {
                choices.push(&inner[start..at]);
                start = at + 1;
            }
            ']' => {
                choices.push(&inner[start..at]);
                return (choices, &inner[at + 1..]);
            }
            _ => {}
        }
    }
    choices.push(&inner[start..]);
    (choices, "")
}

/// What a name stands for, and what follows it.
fn meaning<'a>(inner: &'a str, names: &Names) -> Option<(&'static str, &'a str)> {
    let (name, after) = inner.split_once('>')?;
    Some((names.get(name)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all(template: &str) -> BTreeSet<String> {
        let names = Names::from([("who", "[a|<whom> and]"), ("whom", "b"), ("loop", "x<loop>")]);
        let mut draws = Draws::new(1, 1);
        (0..200).map(|_| drawn(template, &names, &mut draws)).collect()
    }

    #[test]
    fn choices_and_names_hold_one_another() {
        let expected = ["a!", "b and!", "c d!", "c!", "c e!"].map(str::to_owned);
        assert_eq!(all("[<who>|c[| d| e]]!"), BTreeSet::from(expected));
        assert_eq!(all("nothing to draw"), BTreeSet::from(["nothing to draw".to_owned()]));
    }

    #[test]
    fn what_is_no_name_stays_and_every_template_ends() {
        assert_eq!(all("1 < 2 <nobody>"), BTreeSet::from(["1 < 2 <nobody>".to_owned()]));
        assert_eq!(all("<loop>"), BTreeSet::from([format!("{}<loop>", "x".repeat(DEPTH))]));
        assert_eq!(all("[open"), BTreeSet::from(["open".to_owned()]));
    }
}
