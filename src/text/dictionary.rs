//! The words that training saw often: what a word that is none of them is
//! taken for.

mod search;
mod shapes;

pub(super) use search::Search;

use super::people::names_people;
use shapes::Shapes;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// The longest word, in bytes.
pub const LONGEST: usize = 24;

/// The rarest word's rarity. The commonest has none.
pub const RAREST: u8 = 30;

/// Rarer words are no part of a run of words: most runs of letters can be cut
/// into rare ones.
const RAREST_PART: u8 = 25;

/// Parts of up to three letters have to be this common, and so has one part of
/// three or more: `cockburn`, `footbridge` and `analogous` are words of their own,
/// whatever words their letters make; `stopthisidiot` is three.
const COMMON: u8 = 6;

/// Shorter runs are left whole.
const SHORTEST_RUN: usize = 8;

/// What each part of a run costs beside its rarity, so that few long ones come
/// before many short ones.
const PART: u32 = 17;

/// The most parts that a run of letters is cut into.
const MOST_PARTS: usize = 6;

/// How many symbols words are made of: the letters and the apostrophe.
const SYMBOLS: u32 = 27;

/// A set of words in lower case, each with its rarity, as a trie.
///
/// Words are what stands in many comments, so that a model file holds nobody's
/// own words.
#[derive(Clone, PartialEq)]
pub struct Dictionary {
    /// Breadth first, the root first; the children of a node stand together, in
    /// the order of their symbols.
    nodes: Box<[Node]>,
    /// Three bits of one number for the hash of each word (a Bloom filter of
    /// blocks: Putze, Sanders and Singler 2007): nearly every word of a comment
    /// is known, and a walk through the trie to say so would be long.
    filter: Box<[u64]>,
    shapes: Shapes,
    words: usize,
    languages: Box<[String]>,
}

#[derive(Clone, Copy, Default, PartialEq)]
struct Node {
    /// A bit for each symbol that goes on from here, and above them one more
    /// than the rarity of the word that ends here.
    bits: u32,
    /// The first child.
    first: u32,
}

impl Node {
    #[inline]
    fn rarity(self) -> Option<u8> {
        ((self.bits >> SYMBOLS) as u8).checked_sub(1)
    }

    #[inline]
    fn child(self, symbol: u32) -> Option<usize> {
        let bit = 1 << symbol;
        (self.bits & bit != 0).then(|| self.first as usize + (self.bits & (bit - 1)).count_ones() as usize)
    }
}

/// The number of a letter or an apostrophe.
#[inline]
fn symbol(byte: u8) -> Option<u32> {
    match byte {
        b'a'..=b'z' => Some(u32::from(byte - b'a')),
        b'\'' => Some(26),
        _ => None,
    }
}

const fn byte(symbol: u32) -> u8 {
    if symbol == 26 { b'\'' } else { b'a' + symbol as u8 }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dictionary { words, languages, .. } = self;
        f.debug_struct("Dictionary")
            .field("words", words)
            .field("languages", languages)
            .finish_non_exhaustive()
    }
}

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary {
            nodes: [Node::default()].into(),
            filter: [0].into(),
            shapes: Shapes::default(),
            words: 0,
            languages: [].into(),
        }
    }
}

impl Dictionary {
    /// Words in ascending order, each with its rarity, and the languages that they
    /// are of (BCP 47). `None` when the words are not
    /// in order, not of ASCII letters in lower case and apostrophes, longer than
    /// [`LONGEST`], or rarer than [`RAREST`].
    pub fn new(words: &[(&str, u8)], languages: &[&str]) -> Option<Dictionary> {
        let is_word = |(word, rarity): &(&str, u8)| {
            (1..=LONGEST).contains(&word.len())
                && word.bytes().all(|b| symbol(b).is_some())
                && *rarity <= RAREST
        };
        if !words.iter().all(is_word) || !words.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        let mut nodes = vec![Node::default()];
        // The words below each node, and how many of their letters lead there.
        let mut level = vec![(0, 0..words.len())];
        for depth in 0..=LONGEST {
            let mut next = Vec::new();
            for (node, range) in level {
                let mut below = &words[range.clone()];
                let mut at = range.start;
                let mut bits = 0;
                // Sorted, the word that ends here is the first.
                if let Some((word, rarity)) = below.first()
                    && word.len() == depth
                {
                    bits = (u32::from(*rarity) + 1) << SYMBOLS;
                    (below, at) = (&below[1..], at + 1);
                }
                let mut children: Vec<_> = Vec::new();
                for part in below.chunk_by(|a, b| a.0.as_bytes()[depth] == b.0.as_bytes()[depth]) {
                    let symbol = symbol(part[0].0.as_bytes()[depth])?;
                    bits |= 1 << symbol;
                    children.push((symbol, at..at + part.len()));
                    at += part.len();
                }
                // The apostrophe sorts before the letters and is numbered behind.
                children.sort_by_key(|(symbol, _)| *symbol);
                let first = if children.is_empty() { 0 } else { nodes.len() as u32 };
                for (_, range) in children {
                    next.push((nodes.len(), range));
                    nodes.push(Node::default());
                }
                nodes[node] = Node { bits, first };
            }
            level = next;
        }
        let blocks = (words.len() / 4).next_power_of_two();
        let mut filter = vec![0; blocks];
        for (word, _) in words {
            let (at, bits) = place(word.as_bytes(), blocks);
            filter[at] |= bits;
        }
        let languages = languages.iter().map(|code| (*code).to_owned()).collect();
        let shapes = if words.is_empty() { Shapes::default() } else { Shapes::new(words) };
        Some(Dictionary { nodes: nodes.into(), filter: filter.into(), shapes, words: words.len(), languages })
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words
    }

    /// Whether there are none, so that nothing is read otherwise than it stands.
    pub fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// The languages that the words are of.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Whether texts of a language are read by these words: those whose language
    /// cannot be told (`und`) are, too. In another, every word would be strange.
    pub fn is_of(&self, language: &str) -> bool {
        !self.is_empty() && (language == "und" || self.languages.iter().any(|code| code == language))
    }

    /// The words in ascending order, each with its rarity, as [`new`](Self::new)
    /// takes them.
    pub fn words(&self) -> Vec<(String, u8)> {
        let mut found = Vec::with_capacity(self.words);
        let mut open = vec![(0, String::new())];
        while let Some((node, word)) = open.pop() {
            let node = self.nodes[node];
            for symbol in (0..SYMBOLS).filter(|&s| node.bits & 1 << s != 0) {
                let child = node.child(symbol);
                open.extend(child.map(|child| (child, format!("{word}{}", byte(symbol) as char))));
            }
            found.extend(node.rarity().map(|rarity| (word, rarity)));
        }
        found.sort_unstable();
        found
    }

    /// Whether a word is known; of words that are not, one in two hundred is
    /// taken for known.
    #[inline]
    pub fn knows(&self, word: &[u8]) -> bool {
        let (at, bits) = place(word, self.filter.len());
        self.filter[at] & bits == bits
    }

    /// How rare a word is; nothing for words that are not known.
    pub fn rarity(&self, word: &[u8]) -> Option<u8> {
        let mut node = self.nodes[0];
        for &b in word {
            node = self.nodes[node.child(symbol(b)?)?];
        }
        node.rarity()
    }

    /// Says which words people hide by stars, by how much each weighs: a spelling
    /// with stars is read as the weightiest before the commonest.
    pub fn hide(&mut self, weight: impl Fn(&str) -> Option<f32>) {
        self.shapes.hide(weight);
    }

    /// The word of a spelling in which stars or dashes stand for letters; one that
    /// people hide before others, a common one before a rare one.
    pub(super) fn uncover(&self, spelling: &[u8]) -> Option<&[u8]> {
        self.shapes.find(spelling)
    }

    /// Cuts a run of letters into words: where each begins, and how many there
    /// are; none when it cannot be cut into few words that are not rare.
    pub(super) fn cut(&self, run: &[u8]) -> Option<([u8; MOST_PARTS], usize)> {
        const LIMIT: usize = 40;
        if run.len() < SHORTEST_RUN || run.len() > LIMIT || !run.iter().all(u8::is_ascii_lowercase) {
            return None;
        }
        // The least cost of each beginning of the run, the number of its parts,
        // and where the last of them begins.
        let mut best = [(u32::MAX, 0u8, 0u8); LIMIT + 1];
        best[0].0 = 0;
        for begin in 0..run.len() {
            let (cost, parts, _) = best[begin];
            if cost == u32::MAX || usize::from(parts) == MOST_PARTS {
                continue;
            }
            let mut node = self.nodes[0];
            for (at, &b) in run.iter().enumerate().skip(begin).take(LONGEST) {
                let Some(child) = symbol(b).and_then(|symbol| node.child(symbol)) else { break };
                node = self.nodes[child];
                let Some(rarity) = node.rarity() else { continue };
                let cost = cost + u32::from(rarity) + PART;
                if is_part(&run[begin..=at], rarity) && cost < best[at + 1].0 {
                    best[at + 1] = (cost, parts + 1, begin as u8);
                }
            }
        }
        let (cost, parts, _) = best[run.len()];
        let count = usize::from(parts);
        // Many short words are no words, but letters that happen to be some.
        if cost == u32::MAX || run.len() * 2 < count * 5 {
            return None;
        }
        let mut begins = [0; MOST_PARTS];
        let mut end = run.len();
        let mut is_common = false;
        for slot in begins[..count].iter_mut().rev() {
            *slot = best[end].2;
            let part = &run[usize::from(*slot)..end];
            is_common |= part.len() > 2 && self.rarity(part).is_some_and(|rarity| rarity <= COMMON);
            end = usize::from(*slot);
        }
        is_common.then_some((begins, count))
    }

    /// Whether a word is known and not so rare that letters which happen to stand
    /// together may make it.
    pub(super) fn is_likely(&self, word: &[u8]) -> bool {
        self.rarity(word).is_some_and(|rarity| rarity <= RAREST_PART)
    }

    /// Whether a word may be taken for another: of ASCII letters and apostrophes,
    /// or some digits among more letters, not known, and no name of a group of
    /// people.
    pub(super) fn is_strange(&self, word: &[u8]) -> bool {
        if !(2..=LONGEST).contains(&word.len()) || self.knows(word) || names_people(word) {
            return false;
        }
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        let letters = word.iter().filter(|&&b| symbol(b).is_some()).count();
        // `mp3`, `ps4` and `7days` are what they are.
        let is_spelled = word.len() > 3 && digits < letters && !word[0].is_ascii_digit();
        digits + letters == word.len() && (digits == 0 || is_spelled)
    }
}

fn is_part(word: &[u8], rarity: u8) -> bool {
    match word {
        [letter] => matches!(letter, b'a' | b'i'),
        [_, _] | [_, _, _] => rarity <= COMMON,
        _ => rarity <= RAREST_PART,
    }
}

/// The block of the filter that has the bits of a word, and these.
#[inline]
fn place(word: &[u8], blocks: usize) -> (usize, u64) {
    let hash = xxh3_64(word);
    let bits = 1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63);
    ((hash >> 18) as usize & (blocks - 1), bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dictionary(words: &[(&str, u8)]) -> Dictionary {
        Dictionary::new(words, &["en"]).unwrap()
    }

    #[test]
    fn only_sorted_words_of_letters_are_taken() {
        for words in [
            &[("b", 0), ("a", 0)][..],
            &[("a", 0), ("a", 0)],
            &[("", 0)],
            &[("B", 0)],
            &[("1", 0)],
            &[("a", RAREST + 1)],
            &[("aaaaaaaaaaaaaaaaaaaaaaaaa", 0)],
        ] {
            assert_eq!(Dictionary::new(words, &[]), None, "{words:?}");
        }
        assert_eq!(Dictionary::new(&[], &[]), Some(Dictionary::default()));
        assert!(Dictionary::default().is_empty() && !Dictionary::default().knows(b"a"));
    }

    #[test]
    fn runs_are_cut_into_words_that_are_not_rare() {
        let known = dictionary(&[
            ("a", 1),
            ("al", 12),
            ("an", 2),
            ("and", 1),
            ("idiot", 9),
            ("ot", 28),
            ("should", 8),
            ("straw", 9),
            ("you", 0),
            ("your", 2),
            ("zygote", 30),
        ]);
        let cut = |run: &str| {
            let (begins, count) = known.cut(run.as_bytes())?;
            let ends = begins[1..count].iter().map(|&b| b as usize).chain([run.len()]);
            let parts = begins[..count].iter().zip(ends).map(|(&b, end)| run[b as usize..end].to_owned());
            Some(parts.collect::<Vec<_>>())
        };
        assert_eq!(cut("youridiot").unwrap(), ["your", "idiot"]);
        assert_eq!(cut("idiotandstraw").unwrap(), ["idiot", "and", "straw"]);
        assert_eq!(cut("anidiotandshould").unwrap(), ["an", "idiot", "and", "should"]);
        for run in [
            "strawidiot",
            "andstrawal",
            "anidiot",
            "anidiotan",
            "",
            "youx",
            "youzygote",
            "aaaa",
            "anan",
            "idi ot",
            &"you".repeat(7),
            &"idiot".repeat(9),
        ] {
            assert_eq!(cut(run), None, "{run}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_found_as_in_a_map(
            words in prop::collection::btree_map("[a-c']{1,4}", 0..=RAREST, 0..20),
            asked in "[a-c']{0,4}",
        ) {
            let sorted: Vec<(&str, u8)> = words.iter().map(|(word, rarity)| (word.as_str(), *rarity)).collect();
            let known = dictionary(&sorted);
            prop_assert_eq!(known.len(), words.len());
            prop_assert_eq!(known.words(), words.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(known.rarity(asked.as_bytes()), words.get(&asked).copied());
            for word in words.keys() {
                prop_assert!(known.knows(word.as_bytes()));
            }
        }
    }
}
