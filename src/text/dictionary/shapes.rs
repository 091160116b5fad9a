//! Words by their first letter and their length, for spellings of which only
//! some letters are left.

use super::LONGEST;

/// Words of one length, those of one first letter together, the commonest first.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Shapes {
    /// For each length: where the words of each first letter begin, and the
    /// letters of all words.
    lengths: Vec<([u32; 27], Box<[u8]>)>,
}

impl Shapes {
    pub fn new(words: &[(&str, u8)]) -> Shapes {
        let of_length = |length: usize| {
            let is_plain = |word: &str| word.len() == length && word.bytes().all(|b| b.is_ascii_lowercase());
            let mut words: Vec<(&[u8], u8)> = words
                .iter()
                .filter(|(word, _)| is_plain(word))
                .map(|(word, r)| (word.as_bytes(), *r))
                .collect();
            words.sort_by_key(|(word, rarity)| (word[0], *rarity));
            let mut starts = [0; 27];
            for (word, _) in &words {
                starts[usize::from(word[0] - b'a') + 1] += length as u32;
            }
            for i in 1..27 {
                starts[i] += starts[i - 1];
            }
            (starts, words.iter().flat_map(|(word, _)| *word).copied().collect())
        };
        Shapes { lengths: (1..=LONGEST).map(of_length).collect() }
    }

    /// The commonest word that has the letters of a spelling in their places, and
    /// any others where it has stars or dashes; vowels, if there is such a word.
    pub fn find(&self, spelling: &[u8]) -> Option<&[u8]> {
        let &first = spelling.first().filter(|b| b.is_ascii_lowercase())?;
        let (starts, letters) = self.lengths.get(spelling.len() - 1)?;
        let letter = usize::from(first - b'a');
        let words = &letters[starts[letter] as usize..starts[letter + 1] as usize];
        let fits = |word: &[u8], hidden: fn(u8) -> bool| {
            std::iter::zip(word, spelling).all(|(&letter, &sign)| match sign {
                b'*' | b'-' => hidden(letter),
                _ => letter == sign,
            })
        };
        let is_vowel = |letter| matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u');
        let of = |hidden| words.chunks_exact(spelling.len()).find(|word| fits(word, hidden));
        of(is_vowel).or_else(|| of(|_| true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_word_that_fits_is_found() {
        let shapes =
            Shapes::new(&[("sand", 8), ("send", 6), ("shod", 20), ("sold", 5), ("stand", 1), ("tend", 0)]);
        let find =
            |spelling: &str| shapes.find(spelling.as_bytes()).map(|word| std::str::from_utf8(word).unwrap());
        assert_eq!(find("s*nd"), Some("send"));
        assert_eq!(find("s**d"), Some("sold"));
        assert_eq!(find("sh-d"), Some("shod"));
        assert_eq!(find("s***d"), Some("stand"));
        for spelling in ["", "*and", "s*xd", "s*****d", "S*nd", "s", "é*"] {
            assert_eq!(find(spelling), None, "{spelling}");
        }
    }
}
