//! Words and phrases that begin with a letter or digit, of a script that sets
//! words apart, by the first word of each: in a text they can begin only where a
//! word does, so that a text with none of the first words takes one look into a
//! filter a word, however many entries there are. An automaton of 100,000 entries
//! takes tens of megabytes, of which every letter touches other parts.

use super::Piece;
use super::find::stands_alone;
use super::keyed::{Keyed, Place};
use crate::text::is_unspaced;

/// So many words of a text are looked up at once: what the filter has of one is
/// seldom in a near cache, and is fetched while others are.
const AT_ONCE: usize = 32;

/// How many entries may begin with the same word. All of them are compared where
/// it stands, so that more would make a text of that word alone a long one.
const MAX_OF_ONE: usize = 16;

/// Words and phrases, and the entries they are.
#[derive(Default)]
pub(super) struct Words {
    by_first: Keyed<Vec<(Box<str>, u32)>>,
}

impl Words {
    /// Takes an entry in; none if it does not begin with such a letter or digit.
    pub fn add(&mut self, key: &str, entry: u32) -> Option<()> {
        let first = runs(key).next().filter(|(start, _)| *start == 0)?;
        let first = &key.as_bytes()[..first.1];
        self.by_first.values_mut().entry(first.into()).or_default().push((key.into(), entry));
        Some(())
    }

    /// Makes the filter, once all entries are in. Returns those of which too many
    /// begin alike: they are left to others.
    pub fn finish(&mut self) -> Vec<(Box<str>, u32)> {
        let by_first = self.by_first.values_mut();
        let crowded = by_first.extract_if(|_, words| words.len() > MAX_OF_ONE);
        let mut left: Vec<_> = crowded.flat_map(|(_, words)| words).collect();
        left.sort_unstable_by_key(|(_, entry)| *entry);
        by_first.values_mut().for_each(Vec::shrink_to_fit);
        self.by_first.finish();
        left
    }

    pub fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// Every entry that stands alone in a text, with its place.
    pub fn find(&self, text: &str, mut found: impl FnMut(Piece)) {
        if self.is_empty() {
            return;
        }
        let mut runs = runs(text);
        loop {
            let mut words = [Run::default(); AT_ONCE];
            let mut count = 0;
            for (word, (start, end)) in words.iter_mut().zip(runs.by_ref()) {
                *word = Run { start, end, place: self.by_first.place(&text.as_bytes()[start..end]) };
                count += 1;
            }
            // Without a branch, so that no lookup waits for the one before it.
            let mut passed = 0_u32;
            for (i, word) in words[..count].iter().enumerate() {
                passed |= u32::from(self.by_first.may_hold(word.place)) << i;
            }
            while passed != 0 {
                let Run { start, end, .. } = words[passed.trailing_zeros() as usize];
                passed &= passed - 1;
                self.find_from(text, start, end, &mut found);
            }
            if count < AT_ONCE {
                break;
            }
        }
    }

    /// The entries that begin with a certain word of a text.
    fn find_from(&self, text: &str, start: usize, end: usize, found: &mut impl FnMut(Piece)) {
        for (key, entry) in self.by_first.get(&text.as_bytes()[start..end]).into_iter().flatten() {
            let end = start + key.len();
            if text[start..].starts_with(&**key) && stands_alone(text, start, end) {
                found(Piece { start, end, entry: *entry });
            }
        }
    }
}

/// A word of a text, and where the filter has its bits.
#[derive(Clone, Copy, Default)]
struct Run {
    start: usize,
    end: usize,
    place: Place,
}

/// Whether it is a letter or digit of a script that sets words apart by blanks.
pub(super) fn is_spaced(c: char) -> bool {
    c.is_alphanumeric() && !is_unspaced(c)
}

/// The longest runs of letters and digits that blanks set apart.
fn runs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = edge(text, at, true);
        at = edge(text, start, false);
        (start < at).then_some((start, at))
    })
}

/// Where, from a place on, a letter or digit of such a script stands, or anything
/// else; most of a text is ASCII, of which every byte tells by itself.
fn edge(text: &str, mut at: usize, spaced: bool) -> usize {
    while let Some(byte) = text.as_bytes().get(at) {
        let (is, length) = if byte.is_ascii() {
            (byte.is_ascii_alphanumeric(), 1)
        } else {
            text[at..].chars().next().map_or((false, 1), |c| (is_spaced(c), c.len_utf8()))
        };
        if is == spaced {
            break;
        }
        at += length;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(words: &Words, text: &str) -> Vec<(usize, usize, u32)> {
        let mut found = Vec::new();
        words.find(text, |piece| found.push((piece.start, piece.end, piece.entry)));
        found.sort_unstable();
        found
    }

    #[test]
    fn what_begins_with_no_letter_or_digit_is_left_to_others() {
        let mut words = Words::default();
        assert!(["$$$", " a", "", "-", "日本", "日a"].iter().all(|key| words.add(key, 0).is_none()));
        assert!(words.is_empty());
        assert!(words.finish().is_empty());
        assert!(all(&words, "$$$ a").is_empty());
        assert_eq!(words.add("é!", 1), Some(()));
    }

    #[test]
    fn words_that_too_many_begin_with_are_left_to_others() {
        let mut words = Words::default();
        let many = u32::try_from(MAX_OF_ONE).unwrap() + 1;
        (0..many).for_each(|i| words.add(&format!("buy {i}"), i).unwrap());
        words.add("sell", many).unwrap();
        let left = words.finish();
        assert_eq!(left.len(), MAX_OF_ONE + 1);
        assert_eq!(&*left[3].0, "buy 3");
        assert_eq!(all(&words, "buy 3 sell"), [(6, 10, many)]);
    }

    proptest! {
        #[test]
        fn what_stands_alone_is_found_where_it_stands(
            keys in prop::collection::vec("[ab1é][ab1é日 .-]{0,5}", 0..8),
            text in "[ab1é日 .-]{0,200}",
        ) {
            let mut words = Words::default();
            for (entry, key) in (0..).zip(&keys) {
                words.add(key, entry).unwrap();
            }
            prop_assert!(words.finish().is_empty());
            let mut expected = Vec::new();
            for (entry, key) in (0..).zip(&keys) {
                for (start, _) in text.char_indices() {
                    let end = start + key.len();
                    if text[start..].starts_with(&**key) && stands_alone(&text, start, end) {
                        expected.push((start, end, entry));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(all(&words, &text), expected);
        }
    }
}
