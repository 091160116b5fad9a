//! The ways in which people rewrite a text so that readers understand it and
//! machines do not.

use super::{padding, spacing, spelling};
use crate::draw::Draws;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use xxhash_rust::xxh3::xxh3_64;

/// One way to rewrite a text.
pub struct Attack {
    /// What it is called on the command line and in tables.
    pub name: &'static str,
    /// What it does, by example.
    pub example: &'static str,
    function: fn(&str, &mut Draws) -> String,
}

impl Attack {
    /// Rewrites a text. The same text and seed give the same.
    pub fn rewrite(&self, text: &str, seed: u64) -> String {
        (self.function)(text, &mut Draws::new(seed, xxh3_64(text.as_bytes())))
    }

    /// Rewrites a text to train on: what an attack adds is of some sentences, other
    /// than those that are measured with.
    pub fn practise(&self, text: &str, sentences: &[&str], seed: u64) -> String {
        let mut draws = Draws::new(seed, xxh3_64(text.as_bytes()));
        match self.name {
            "padding-before" => padding::with(text, sentences, true, &mut draws),
            "padding-after" => padding::with(text, sentences, false, &mut draws),
            _ => (self.function)(text, &mut draws),
        }
    }
}

/// Every attack.
pub const ALL: [Attack; 17] = [
    Attack { name: "leet", example: "fr33 m0n3y", function: spelling::leet },
    Attack {
        name: "homoglyphs",
        example: "frее mоney with Cyrillic letters",
        function: spelling::homoglyphs,
    },
    Attack { name: "styled", example: "𝓯𝓻𝓮𝓮 𝓶𝓸𝓷𝓮𝔂", function: spelling::styled },
    Attack { name: "marks", example: "f̶r̶e̶e̶ m̶o̶n̶e̶y̶", function: spelling::marks },
    Attack { name: "doubled-letters", example: "frreee monney", function: spelling::doubled },
    Attack { name: "dropped-vowels", example: "fre mny", function: spelling::dropped_vowels },
    Attack { name: "starred-letters", example: "fr** m*ney", function: spelling::starred },
    Attack { name: "swapped-letters", example: "fere moeny", function: spelling::swapped },
    Attack { name: "sound-alikes", example: "phree monney, klick", function: spelling::sound_alikes },
    Attack {
        name: "zero-width",
        example: "free money with invisible characters",
        function: spacing::zero_width,
    },
    Attack { name: "spaced-letters", example: "f r e e  m.o.n.e.y", function: spacing::spaced },
    Attack { name: "split-words", example: "fr ee mon-ey", function: spacing::split },
    Attack { name: "joined-words", example: "freemoney", function: spacing::joined },
    Attack { name: "emoji", example: "fr🔥ee m💰oney", function: spacing::emoji },
    Attack {
        name: "padding-before",
        example: "harmless sentences, then the text",
        function: padding::before,
    },
    Attack { name: "padding-after", example: "the text, then harmless sentences", function: padding::after },
    Attack { name: "shortened-links", example: "bit.ly/3xYzQ for every link", function: padding::shorteners },
];

/// Reads the name of an attack from the command line.
pub fn parser() -> impl TypedValueParser<Value = &'static Attack> {
    static ATTACKS: [Attack; ALL.len()] = ALL;
    let values = ALL.map(|attack| PossibleValue::new(attack.name).help(attack.example));
    // Every value that is possible is the name of an attack.
    PossibleValuesParser::new(values)
        .map(|name| ATTACKS.iter().find(|a| a.name == name).unwrap_or(&ATTACKS[0]))
}

/// Writes a text anew, word by word (a word is a run of letters). What stands
/// between words stays, and so do addresses, which have to work.
pub fn words(text: &str, mut word: impl FnMut(&str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for chunk in text.split_inclusive(char::is_whitespace) {
        if is_address(chunk) {
            out.push_str(chunk);
            continue;
        }
        let mut rest = chunk;
        while let Some(c) = rest.chars().next() {
            let is_letter = c.is_alphabetic();
            let end = rest.find(|c: char| c.is_alphabetic() != is_letter).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            if is_letter {
                word(run, &mut out)
            } else {
                out.push_str(run)
            }
            rest = after;
        }
    }
    out
}

/// Whether a chunk looks like a web or e-mail address, a mention or a tag.
pub fn is_address(chunk: &str) -> bool {
    let inner = chunk.trim().trim_end_matches(|c: char| c.is_ascii_punctuation());
    let bytes = inner.as_bytes();
    let dotted =
        bytes.windows(3).any(|w| w[1] == b'.' && w[0].is_ascii_alphanumeric() && w[2].is_ascii_lowercase());
    inner.starts_with(['@', '#']) || inner.contains("://") || inner.contains("www.") || dotted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader of spam and one of abuse may meet, in mild words.
    const TEXT: &str =
        "Claim your free money today at https://prizes.example/win before it ends, you silly goose";

    #[test]
    fn every_attack_changes_the_text_and_only_shorteners_its_links() {
        for attack in &ALL {
            let rewritten = attack.rewrite(TEXT, 1);
            assert_ne!(rewritten, TEXT, "{}", attack.name);
            let keeps = attack.name != "shortened-links";
            assert_eq!(
                rewritten.contains("https://prizes.example/win"),
                keeps,
                "{}: {rewritten}",
                attack.name
            );
        }
    }

    #[test]
    fn the_seed_decides() {
        for attack in &ALL {
            assert_eq!(attack.rewrite(TEXT, 1), attack.rewrite(TEXT, 1), "{}", attack.name);
            let others: Vec<String> = (2..10).map(|seed| attack.rewrite(TEXT, seed)).collect();
            // Striking through leaves nothing to chance.
            assert!(attack.name == "marks" || others.iter().any(|o| *o != others[0]), "{}", attack.name);
        }
    }

    #[test]
    fn addresses_are_known_by_their_shape() {
        for chunk in ["www.example.com", "example.org!", "http://a", "me@example.com", "@name", "#tag "] {
            assert!(is_address(chunk), "{chunk}");
        }
        for chunk in ["word", "end.", "well...ok", "End.Start", "3.5", "(see"] {
            assert!(!is_address(chunk), "{chunk}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_rewritten(text in any::<String>(), seed in any::<u64>()) {
            for attack in &ALL {
                attack.rewrite(&text, seed);
            }
        }
    }
}
