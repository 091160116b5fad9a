//! The skeleton of a word: its consonants, those that sound alike written alike.
//! It is left when somebody leaves vowels out, swaps or doubles them, hides them
//! behind signs, or writes other letters for the same sound.

/// The longest word that has a skeleton, in bytes.
pub(super) const LONGEST: usize = 24;

/// Words of fewer letters have a skeleton only when they have no vowel.
const SHORTEST: usize = 4;

/// What each byte leaves of itself: nothing for vowels and signs, one letter for
/// consonants that sound alike.
const BONES: [u8; 256] = {
    let mut bones = [0; 256];
    let mut b = b'a';
    while b <= b'z' {
        bones[b as usize] = match b {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => 0,
            b'c' | b'q' => b'k',
            b'z' => b's',
            _ => b,
        };
        b += 1;
    }
    bones
};

/// Writes the skeleton of a word in lower case and returns its length; zero for
/// words without one: short, long, or not in ASCII letters alone.
#[inline]
pub(super) fn of(word: &[u8], bones: &mut [u8; LONGEST]) -> usize {
    if word.len() > LONGEST || word.len() < 2 {
        return 0;
    }
    // The first letter stays, whatever it is.
    let mut length = 0;
    let mut before = 0;
    let mut is_spoken = false;
    for (i, &b) in word.iter().enumerate() {
        if !b.is_ascii_lowercase() && b != b'\'' {
            return 0;
        }
        let next = word.get(i + 1).copied().unwrap_or_default();
        let bone = match b {
            _ if b == before => 0,
            b'p' if next == b'h' => b'f',
            b'h' if before == b'p' => 0,
            b'c' if next == b'k' => 0,
            // `fvck`
            b'v' if i > 0 && next != 0 && BONES[next as usize] != 0 => 0,
            _ if i == 0 && BONES[b as usize] == 0 => b,
            _ => BONES[b as usize],
        };
        bones[length] = bone;
        length += usize::from(bone != 0);
        is_spoken |= matches!(b, b'a' | b'e' | b'i' | b'o' | b'u');
        before = b;
    }
    if length < 2 || (word.len() < SHORTEST && is_spoken) { 0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: &str) {
        for word in words {
            let mut bones = [0; LONGEST];
            let length = of(word.as_bytes(), &mut bones);
            assert_eq!(std::str::from_utf8(&bones[..length]), Ok(expected), "{word}");
        }
    }

    #[test]
    fn disguises_leave_the_skeleton() {
        check(&["money", "mny", "mooney", "munny"], "mn");
        check(&["click", "klick", "clck", "cliq"], "klk");
        check(&["phone", "fone", "fvne", "fnoe"], "fn");
        check(&["prize", "prise", "prz"], "prs");
        check(&["apple", "aple", "aplle"], "apl");
    }

    #[test]
    fn short_long_and_foreign_words_have_none() {
        check(&["", "a", "the", "was", "über", "abc1", &"x".repeat(25), "aeiou"], "");
    }
}
