//! Texts changed a little, as the next comment of the same kind might be.

/// Random numbers from a seed (SplitMix64; Steele, Lea and Flood 2014).
pub struct Draws(u64);

impl Draws {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Draws {
        Draws(seed)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }
}

/// The text with a change for every eight words and one more: words left out,
/// swapped and misspelled, numbers put in and other numbers for those there.
pub fn noisy(text: &str, draws: &mut Draws) -> String {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    for _ in 0..1 + words.len() / 8 {
        let at = draws.below(words.len().max(1));
        match draws.below(6) {
            0 if words.len() > 3 => drop(words.remove(at)),
            1 if at + 1 < words.len() => words.swap(at, at + 1),
            2 if words.get(at).is_some_and(|word| word.bytes().any(|b| b.is_ascii_digit())) => {
                let digit =
                    |c: char| if c.is_ascii_digit() { char::from(b'0' + draws.below(10) as u8) } else { c };
                words[at] = words[at].chars().map(digit).collect();
            }
            3 => words.insert(at, (1 + draws.below(9_999)).to_string()),
            _ if at < words.len() => misspell(&mut words[at], draws),
            _ => {}
        }
    }
    words.join(" ")
}

/// Swaps two letters, doubles one or leaves one out.
fn misspell(word: &mut String, draws: &mut Draws) {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return word.push(char::from(b'a' + draws.below(26) as u8));
    }
    let at = draws.below(letters.len() - 1);
    match draws.below(3) {
        0 => letters.swap(at, at + 1),
        1 => letters.insert(at, letters[at]),
        _ => drop(letters.remove(at)),
    }
    *word = letters.into_iter().collect();
}
