//! Words by their first letter and their length, for spellings of which only
//! some letters are left.

use super::LONGEST;

/// The shortest word that is more likely hidden than others: `a*s` is a product,
/// too.
const SHORTEST_HIDDEN: usize = 4;

/// Words of one length, those of one first letter together, the commonest first.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Shapes {
    /// For each length: where the words of each first letter begin, and the
    /// letters of all words.
    lengths: Vec<([u32; 27], Box<[u8]>)>,
    /// For each length: the letters of the words that people hide, the likeliest
    /// first.
    hidden: Vec<Vec<u8>>,
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
        Shapes { lengths: (1..=LONGEST).map(of_length).collect(), hidden: Vec::new() }
    }

    /// Takes words for those that people hide, by how much each weighs.
    pub fn hide(&mut self, weight: impl Fn(&str) -> Option<f32>) {
        let of_length = |(length, (_, letters)): (usize, &([u32; 27], Box<[u8]>))| {
            let words = letters.chunks_exact(length).filter(|word| word.len() >= SHORTEST_HIDDEN);
            let mut words: Vec<_> =
                words.filter_map(|word| Some((weight(str::from_utf8(word).ok()?)?, word))).collect();
            words.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            words.iter().flat_map(|(_, word)| *word).copied().collect()
        };
        self.hidden = (1..).zip(&self.lengths).map(of_length).collect();
    }

    /// The word that has the letters of a spelling in their places, and any others
    /// where it has stars or dashes; vowels, if there is such a word. Where half of
    /// the letters are left, a word that people hide; otherwise the commonest.
    pub fn find(&self, spelling: &[u8]) -> Option<&[u8]> {
        let &first = spelling.first().filter(|b| b.is_ascii_lowercase())?;
        let (starts, letters) = self.lengths.get(spelling.len() - 1)?;
        let letter = usize::from(first - b'a');
        let words = &letters[starts[letter] as usize..starts[letter + 1] as usize];
        let left = spelling.iter().filter(|b| b.is_ascii_lowercase()).count();
        let hidden = self.hidden.get(spelling.len() - 1).filter(|_| left >= spelling.len() / 2);
        hidden.and_then(|words| first_of(words, spelling)).or_else(|| first_of(words, spelling))
    }
}

/// The first of words of one length that a spelling may stand for; vowels for its
/// signs, if there is such a word.
fn first_of<'a>(words: &'a [u8], spelling: &[u8]) -> Option<&'a [u8]> {
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

    #[test]
    fn a_word_that_people_hide_comes_before_commoner_ones() {
        let words = [("crab", 3), ("crap", 9), ("cup", 1), ("darn", 12), ("dawn", 2), ("drat", 3)];
        let mut shapes = Shapes::new(&words);
        let weights = [("crap", 0.7), ("darn", 0.6), ("drat", 0.5), ("cup", 0.9)];
        shapes.hide(|word| weights.iter().find(|(hidden, _)| *hidden == word).map(|(_, weight)| *weight));
        let find =
            |spelling: &str| shapes.find(spelling.as_bytes()).map(|word| std::str::from_utf8(word).unwrap());
        assert_eq!(find("cra*"), Some("crap"));
        assert_eq!(find("d**n"), Some("darn"));
        assert_eq!(find("d*wn"), Some("dawn"));
        // Three letters, and too few left to tell.
        assert_eq!(find("c*p"), Some("cup"));
        assert_eq!(find("d***"), Some("dawn"));
    }
}
