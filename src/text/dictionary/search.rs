//! The word that a spelling most likely stands for.

use super::super::tokenize::stands_for;
use super::{Dictionary, LONGEST, Node, byte, symbol};

/// Costs are counted in fortieths of an error, since a step of rarity is worth
/// that much.
const SWAP: u32 = 40;
const INSERTED_VOWEL: u32 = 28;
const SIGN: u32 = 12;
const REPEATED: u32 = 10;
const JOINT: u32 = 4;
const HIDDEN_VOWEL: u32 = 12;
const HIDDEN_CONSONANT: u32 = 20;

/// What a spelling may cost at most, whatever its length: 2.2 errors.
const LIMIT: u32 = 88;

/// What a spelling may cost for each of its characters, and beside that.
const LIMIT_A_CHARACTER: u32 = 11;
const LIMIT_BESIDE: u32 = 12;

/// How many places of the trie a search looks at for each byte of a spelling. One
/// search in two hundred would need more; most of those are for stars.
const MOST_STEPS: u32 = 64;

/// Shorter spellings are near to too many words.
const SHORTEST: usize = 4;

/// Longer ones are near to none: so many letters, and of what costs something so
/// much as the limit allows.
const MOST_BYTES: usize = LONGEST + (LIMIT / JOINT) as usize;

const VOWELS: u32 = {
    let (vowels, mut bits, mut i) = (*b"aeiou", 0, 0);
    while i < vowels.len() {
        bits |= 1 << (vowels[i] - b'a');
        i += 1;
    }
    bits
};

/// What is written for a sound: what follows the first byte, the letter it stands
/// for, and what that costs.
type Sound = (&'static [u8], u8, u32);

/// The sounds that are written with a byte first.
fn sounds(first: u8) -> &'static [Sound] {
    match first {
        b'a' => &[(b"w", b'o', 24), (b"h", b'a', 20)],
        b'c' => &[(b"k", b'c', 20), (b"", b'k', 20)],
        b'e' => &[(b"e", b'e', 12), (b"e", b'i', 24), (b"e", b'y', 24)],
        b'i' => &[(b"", b'y', 20)],
        b'k' => &[(b"s", b'x', 20), (b"k", b'k', 12), (b"", b'c', 20)],
        b'o' => &[(b"o", b'u', 24), (b"h", b'o', 20)],
        b'p' => &[(b"h", b'f', 24)],
        b'q' => &[(b"", b'k', 20)],
        b's' => &[(b"s", b's', 12)],
        b'v' => &[(b"", b'u', 20)],
        b'y' => &[(b"", b'i', 20)],
        b'z' => &[(b"", b's', 16)],
        _ => &[],
    }
}

/// Looks for the known word that is the least errors away from a spelling.
///
/// What costs something: two neighbours that changed places, a vowel left out, a
/// letter repeated, a sound written otherwise, a sign for a letter, a star or a
/// dash that hides one, a sign between letters. The rarer a word, the better it
/// has to fit.
pub(in super::super) struct Search<'a> {
    nodes: &'a [Node],
    spelling: &'a [u8],
    /// The most that a word may cost, beside its rarity.
    limit: u32,
    /// What the best word costs, with its rarity.
    best: u32,
    word: [u8; LONGEST],
    len: usize,
    path: [u8; LONGEST],
    steps: u32,
}

impl Search<'_> {
    /// The word that a spelling in lower case most likely stands for; none when
    /// no word is near. Bytes that are not ASCII count as signs between letters.
    pub fn run<'b>(
        dictionary: &Dictionary,
        spelling: &[u8],
        word: &'b mut [u8; LONGEST],
    ) -> Option<&'b [u8]> {
        if !(SHORTEST..=MOST_BYTES).contains(&spelling.len()) {
            return None;
        }
        let limit = LIMIT.min(LIMIT_BESIDE + LIMIT_A_CHARACTER * spelling.len() as u32);
        let mut search = Search {
            nodes: &dictionary.nodes,
            spelling,
            limit,
            best: u32::MAX,
            word: [0; LONGEST],
            len: 0,
            path: [0; LONGEST],
            steps: MOST_STEPS * spelling.len() as u32,
        };
        search.go(0, 0, 0, 0);
        *word = search.word;
        (search.len > 0).then(|| &word[..search.len])
    }

    /// Goes on from a node: `at` is the next byte of the spelling, `depth` how
    /// many letters lead to the node.
    fn go(&mut self, at: usize, node: usize, cost: u32, depth: usize) {
        if cost > self.limit || cost >= self.best || self.steps == 0 {
            return;
        }
        self.steps -= 1;
        let here = self.nodes[node];
        let rest = &self.spelling[at..];
        let Some(&b) = rest.first() else {
            if let Some(rarity) = here.rarity()
                && cost + u32::from(rarity) < self.best
            {
                self.best = cost + u32::from(rarity);
                self.word = self.path;
                self.len = depth;
            }
            return self.insert_vowels(here, at, cost, depth);
        };
        // What may be spent yet: what costs more need not be looked at.
        let left = self.limit.min(self.best - 1) - cost;
        self.take(here, b, at + 1, cost, depth);
        if left < JOINT {
            return;
        }
        if depth > 0 && b == self.path[depth - 1] {
            self.go(at + 1, node, cost + REPEATED, depth);
        }
        for &letter in stands_for(b) {
            self.take(here, letter, at + 1, cost + SIGN, depth);
        }
        if at > 0 && !b.is_ascii_alphanumeric() {
            match b {
                b'.' | b'-' | b'_' | b'/' | b'|' | b'~' | b',' | b'\\' | b'^' | b'!' | b' ' | 0x80.. => {
                    self.go(at + 1, node, cost + JOINT, depth);
                }
                // `s'tupid`, but not `anna's`.
                b'\'' if rest.len() > 2 => self.go(at + 1, node, cost + JOINT, depth),
                _ => {}
            }
            if b == b'*' || b == b'-' {
                for symbol in children(here, u32::MAX) {
                    let price = if VOWELS & 1 << symbol != 0 { HIDDEN_VOWEL } else { HIDDEN_CONSONANT };
                    self.take(here, byte(symbol), at + 1, cost + price, depth);
                }
            }
        }
        if left >= SWAP
            && let [_, next, ..] = *rest
            && at > 0
            && next != b
            && depth < LONGEST
            && let Some(first) = symbol(next).and_then(|next| here.child(next))
        {
            self.path[depth] = next;
            let first = self.nodes[first];
            self.take(first, b, at + 2, cost + SWAP, depth + 1);
        }
        for &(follows, letter, price) in sounds(b) {
            if rest[1..].starts_with(follows) && (at > 0 || b != b'z') {
                self.take(here, letter, at + 1 + follows.len(), cost + price, depth);
            }
        }
        if at > 0 {
            self.insert_vowels(here, at, cost, depth);
        }
    }

    fn insert_vowels(&mut self, from: Node, at: usize, cost: u32, depth: usize) {
        if cost + INSERTED_VOWEL > self.limit {
            return;
        }
        for symbol in children(from, VOWELS) {
            self.take(from, byte(symbol), at, cost + INSERTED_VOWEL, depth);
        }
    }

    /// Goes on to a child.
    fn take(&mut self, from: Node, letter: u8, at: usize, cost: u32, depth: usize) {
        if depth == LONGEST || cost > self.limit || cost >= self.best {
            return;
        }
        if let Some(child) = symbol(letter).and_then(|symbol| from.child(symbol)) {
            self.path[depth] = letter;
            self.go(at, child, cost, depth + 1);
        }
    }
}

/// The letters, of some, that go on from a node.
fn children(node: Node, among: u32) -> impl Iterator<Item = u32> {
    const LETTERS: u32 = (1 << 26) - 1;
    let mut bits = node.bits & among & LETTERS;
    std::iter::from_fn(move || {
        let symbol = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (symbol < u32::BITS).then_some(symbol)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dictionary() -> Dictionary {
        Dictionary::new(
            &[
                ("click", 6),
                ("free", 3),
                ("free's", 20),
                ("from", 1),
                ("idiot", 9),
                ("money", 5),
                ("phone", 6),
                ("profile", 8),
                ("stupid", 7),
                ("you", 0),
                ("young", 5),
            ],
            &["en"],
        )
        .unwrap()
    }

    #[track_caller]
    fn check(spelling: &str, expected: Option<&str>) {
        let mut word = [0; LONGEST];
        let found = Search::run(&dictionary(), spelling.as_bytes(), &mut word);
        assert_eq!(found.map(|w| std::str::from_utf8(w).unwrap()), expected, "{spelling}");
    }

    #[test]
    fn words_are_found_behind_disguises() {
        for (spelling, word) in [
            ("m0n3y", "money"),
            ("c1ick", "click"),
            ("$tup!d", "stupid"),
            ("mnoey", "money"),
            ("moenyy", "money"),
            ("iidot", "idiot"),
            ("mony", "money"),
            ("profle", "profile"),
            ("freeee", "free"),
            ("sstuppidd", "stupid"),
            ("klick", "click"),
            ("phree", "free"),
            ("prophile", "profile"),
            ("s****d", "stupid"),
            ("m*n*y", "money"),
            ("m-n-y", "money"),
            ("m.o.n.e.y", "money"),
            ("f r e e", "free"),
            ("fr\u{1f525}ee", "free"),
        ] {
            check(spelling, Some(word));
        }
    }

    #[test]
    fn what_is_far_from_every_word_stands_for_none() {
        for spelling in [
            "",
            "x",
            "zebra",
            "mp3",
            "monday",
            "idaho",
            "12345",
            "yyyyyyyyyyyyyyyyyy",
            "******",
            "mny",
            "mone's",
        ] {
            check(spelling, None);
        }
    }

    proptest! {
        #[test]
        fn any_spelling_is_searched_for(spelling in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut word = [0; LONGEST];
            if let Some(found) = Search::run(&dictionary(), &spelling, &mut word) {
                prop_assert!(dictionary().rarity(found).is_some());
            }
        }

        #[test]
        fn a_known_word_stands_for_itself(at in 0..10_usize) {
            let mut words = dictionary().words();
            words.retain(|(word, _)| word.len() >= SHORTEST);
            let mut word = [0; LONGEST];
            let found = Search::run(&dictionary(), words[at].0.as_bytes(), &mut word);
            prop_assert_eq!(found, Some(words[at].0.as_bytes()));
        }
    }
}
