//! Attacks that write the letters of words otherwise.

use super::rewrite::words;
use crate::draw::Draws;

/// Shorter words are left as they are: nobody bothers, and readers would be
/// lost.
const SHORTEST: usize = 3;

/// Writes words anew letter by letter: of the letters for which `other` has
/// another spelling, one at random takes it for certain and the rest once in
/// `one_in`.
fn respell(
    text: &str,
    draws: &mut Draws,
    one_in: usize,
    other: impl Fn(char, usize, &mut Draws) -> Option<String>,
) -> String {
    words(text, |word, out| {
        let letters: Vec<char> = word.chars().collect();
        if letters.len() < SHORTEST {
            return out.push_str(word);
        }
        let mut spellings: Vec<Option<String>> =
            letters.iter().enumerate().map(|(i, &c)| other(c, i, draws)).collect();
        let possible: Vec<usize> = (0..letters.len()).filter(|&i| spellings[i].is_some()).collect();
        if !possible.is_empty() {
            let certain = draws.pick(&possible);
            for i in possible {
                if i != certain && !draws.one_in(one_in) {
                    spellings[i] = None;
                }
            }
        }
        for (letter, spelling) in letters.iter().zip(spellings) {
            match spelling {
                Some(spelling) => out.push_str(&spelling),
                None => out.push(*letter),
            }
        }
    })
}

/// Digits and signs for letters: `fr33 m0n3y`.
pub fn leet(text: &str, draws: &mut Draws) -> String {
    respell(text, draws, 2, |c, _, draws| {
        let signs: &[char] = match c.to_ascii_lowercase() {
            'a' => &['4', '@'],
            'b' => &['8'],
            'e' => &['3'],
            'g' => &['9'],
            'i' => &['1', '!'],
            'l' => &['1'],
            'o' => &['0'],
            's' => &['5', '$'],
            't' => &['7'],
            _ => return None,
        };
        Some(draws.pick(signs).to_string())
    })
}

/// Stars for letters within words: for the vowels, or for all but the first
/// and the last.
pub fn starred(text: &str, draws: &mut Draws) -> String {
    words(text, |word, out| {
        let count = word.chars().count();
        if count < SHORTEST {
            return out.push_str(word);
        }
        let all = draws.one_in(3);
        let sign = if draws.one_in(5) { '-' } else { '*' };
        let inner = |i: usize| i > 0 && i + 1 < count;
        let is_hidden = |i: usize, c: char| {
            inner(i) && (all || matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u'))
        };
        out.extend(word.chars().enumerate().map(|(i, c)| if is_hidden(i, c) { sign } else { c }));
    })
}

/// Two neighbours within words that change places.
pub fn swapped(text: &str, draws: &mut Draws) -> String {
    words(text, |word, out| {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() > SHORTEST {
            let at = 1 + draws.below(letters.len() - 2);
            letters.swap(at, at + 1);
        }
        out.extend(letters);
    })
}

/// Letters that sound like others: `phree`, `klick`, `winz`.
pub fn sound_alikes(text: &str, draws: &mut Draws) -> String {
    respell(text, draws, 2, |c, i, draws| {
        let sounds: &[&str] = match c {
            'f' => &["ph"],
            'c' => &["k", "ck"],
            'k' => &["c", "q", "kk"],
            's' if i > 0 => &["z", "ss"],
            'x' => &["ks"],
            'u' => &["v", "oo"],
            'o' => &["oh", "aw"],
            'e' => &["ee"],
            'i' => &["y", "ee"],
            'a' => &["ah"],
            'y' => &["i", "ee"],
            _ => return None,
        };
        Some(draws.pick(sounds).to_string())
    })
}

/// Letters of other scripts that look the same.
const LOOK_ALIKES: [(char, &[char]); 32] = [
    ('a', &['а', 'α']),
    ('b', &['Ь']),
    ('c', &['с', 'ϲ']),
    ('d', &['ԁ']),
    ('e', &['е']),
    ('h', &['һ']),
    ('i', &['і', 'ι']),
    ('j', &['ј']),
    ('k', &['κ']),
    ('l', &['ӏ']),
    ('n', &['ո']),
    ('o', &['о', 'ο', 'օ']),
    ('p', &['р', 'ρ']),
    ('q', &['ԛ']),
    ('s', &['ѕ']),
    ('t', &['т', 'τ']),
    ('u', &['υ', 'ս']),
    ('v', &['ν', 'ѵ']),
    ('w', &['ԝ']),
    ('x', &['х']),
    ('y', &['у', 'γ']),
    ('A', &['А', 'Α']),
    ('B', &['В', 'Β']),
    ('C', &['С']),
    ('E', &['Е', 'Ε']),
    ('H', &['Н', 'Η']),
    ('I', &['І', 'Ι']),
    ('M', &['М', 'Μ']),
    ('O', &['О', 'Ο']),
    ('P', &['Р', 'Ρ']),
    ('T', &['Т', 'Τ']),
    ('X', &['Х', 'Χ']),
];

/// Cyrillic, Greek and Armenian letters for Latin ones.
pub fn homoglyphs(text: &str, draws: &mut Draws) -> String {
    respell(text, draws, 2, |c, _, draws| {
        let (_, others) = LOOK_ALIKES.iter().find(|(latin, _)| *latin == c)?;
        Some(draws.pick(others).to_string())
    })
}

/// Alphabets drawn in another style, by the code points of their A and a.
/// NFKC reads the first seven as plain letters.
const ALPHABETS: [(u32, u32); 11] = [
    (0x1d400, 0x1d41a), // mathematical bold
    (0x1d468, 0x1d482), // mathematical bold italic
    (0x1d4d0, 0x1d4ea), // mathematical bold script
    (0x1d56c, 0x1d586), // mathematical bold Fraktur
    (0x1d5d4, 0x1d5ee), // mathematical sans-serif bold
    (0x1d670, 0x1d68a), // mathematical monospace
    (0xff21, 0xff41),   // full width
    (0x24b6, 0x24d0),   // circled
    (0x1f130, 0x1f130), // squared, capitals only
    (0x1f150, 0x1f150), // negative circled, capitals only
    (0x1f170, 0x1f170), // negative squared, capitals only
];

/// Small capitals, which have no block of their own.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀsᴛᴜᴠᴡxʏᴢ";

/// All letters in one of the styled alphabets.
pub fn styled(text: &str, draws: &mut Draws) -> String {
    let alphabet = ALPHABETS.get(draws.below(ALPHABETS.len() + 1)).copied();
    let style = |c: char| match (alphabet, c) {
        (None, 'a'..='z' | 'A'..='Z') => {
            SMALL_CAPITALS.chars().nth((c.to_ascii_lowercase() as u8 - b'a') as usize)
        }
        (Some((upper, _)), 'A'..='Z') => char::from_u32(upper + c as u32 - 'A' as u32),
        (Some((_, lower)), 'a'..='z') => char::from_u32(lower + c as u32 - 'a' as u32),
        _ => None,
    };
    words(text, |word, out| out.extend(word.chars().map(|c| style(c).unwrap_or(c))))
}

/// Every letter struck through with a combining mark.
pub fn marks(text: &str, _: &mut Draws) -> String {
    words(text, |word, out| out.extend(word.chars().flat_map(|c| [c, '\u{336}'])))
}

/// Some letters two to four times: `frreee monney`.
pub fn doubled(text: &str, draws: &mut Draws) -> String {
    respell(text, draws, 4, |c, _, draws| Some(String::from_iter(vec![c; 2 + draws.below(3)])))
}

/// Words without some of their inner vowels: `mny`.
pub fn dropped_vowels(text: &str, draws: &mut Draws) -> String {
    respell(text, draws, 2, |c, i, _| (i > 0 && "aeiouAEIOU".contains(c)).then(String::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    const TEXT: &str = "Claim your free money, it is a SPLENDID offer!";

    fn draws(seed: u64) -> Draws {
        Draws::new(seed, 0)
    }

    #[test]
    fn leet_reads_as_before() {
        for seed in 0..20 {
            let rewritten = leet(TEXT, &mut draws(seed));
            let unread: String = rewritten
                .chars()
                .zip(TEXT.chars())
                .map(|(c, was)| match (c, was.to_ascii_lowercase()) {
                    ('4' | '@', 'a') | ('8', 'b') | ('3', 'e') | ('9', 'g') | ('1' | '!', 'i') => was,
                    ('1', 'l') | ('0', 'o') | ('5' | '$', 's') | ('7', 't') => was,
                    _ => c,
                })
                .collect();
            assert_eq!(unread, TEXT, "{rewritten}");
            for (word, was) in rewritten.split(' ').zip(TEXT.split(' ')) {
                assert!(was.len() < 3 || word != was, "{word} stayed in {rewritten}");
            }
        }
    }

    #[test]
    fn homoglyphs_are_of_other_scripts_and_in_place() {
        let rewritten = homoglyphs(TEXT, &mut draws(1));
        assert_eq!(rewritten.chars().count(), TEXT.chars().count());
        let changed = rewritten.chars().zip(TEXT.chars()).filter(|(c, was)| c != was);
        let changed: Vec<_> = changed.collect();
        assert!(changed.len() > 6 && changed.iter().all(|(c, _)| !c.is_ascii()), "{changed:?}");
        for (c, was) in changed {
            assert!(LOOK_ALIKES.iter().any(|(latin, others)| *latin == was && others.contains(&c)));
        }
    }

    #[test]
    fn styled_letters_are_plain_by_nfkc_or_known_otherwise() {
        let seen: std::collections::BTreeSet<String> =
            (0..100).map(|seed| styled("Free money", &mut draws(seed))).collect();
        assert_eq!(seen.len(), ALPHABETS.len() + 1, "every alphabet comes up");
        assert!(seen.contains("ꜰʀᴇᴇ ᴍᴏɴᴇʏ"));
        let plain = seen.iter().filter(|s| s.nfkc().collect::<String>().eq_ignore_ascii_case("free money"));
        assert_eq!(plain.count(), 9, "NFKC reads seven, the circled and the squared");
    }

    #[test]
    fn marks_stand_on_every_letter() {
        assert_eq!(marks("ab, 1", &mut draws(1)), "a\u{336}b\u{336}, 1");
    }

    #[test]
    fn doubled_letters_are_the_same_letters() {
        let once = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.dedup();
            letters
        };
        let rewritten = doubled(TEXT, &mut draws(1));
        assert_eq!(once(&rewritten), once(TEXT), "{rewritten}");
        assert!(rewritten.len() > TEXT.len() + 6, "{rewritten}");
    }

    #[test]
    fn only_inner_vowels_are_dropped() {
        let consonants = |text: &str| text.chars().filter(|c| !"aeiouAEIOU".contains(*c)).collect::<String>();
        let rewritten = dropped_vowels(TEXT, &mut draws(1));
        assert_eq!(consonants(&rewritten), consonants(TEXT));
        assert!(rewritten.len() < TEXT.len() && rewritten.contains(", it is a "), "{rewritten}");
        assert!(rewritten.ends_with("r!") && rewritten.contains(" o"), "{rewritten}");
    }
}
