//! Words that name groups of people. A model that tells them apart learns which
//! groups are attacked most in its data, and punishes whoever belongs to them;
//! so features are made of one word that stands for all of them.

/// The words, in order. Neutral ones that people use for themselves; slurs are
/// not among them, since what they say of their author is to be learned.
const WORDS: [&str; 215] = [
    "aboriginal",
    "aborigines",
    "afghan",
    "afghans",
    "african",
    "africans",
    "albanian",
    "albanians",
    "algerian",
    "algerians",
    "american",
    "americans",
    "amish",
    "arab",
    "arabian",
    "arabs",
    "armenian",
    "armenians",
    "asexual",
    "asian",
    "asians",
    "atheist",
    "atheists",
    "australian",
    "australians",
    "autistic",
    "bangladeshi",
    "baptist",
    "baptists",
    "bisexual",
    "bisexuals",
    "black",
    "blacks",
    "blind",
    "brazilian",
    "brazilians",
    "british",
    "buddhist",
    "buddhists",
    "bulgarian",
    "bulgarians",
    "canadian",
    "canadians",
    "catholic",
    "catholics",
    "caucasian",
    "caucasians",
    "chinese",
    "christian",
    "christians",
    "cisgender",
    "colombian",
    "colombians",
    "congolese",
    "croatian",
    "croats",
    "cuban",
    "cubans",
    "deaf",
    "disabled",
    "dominican",
    "dutch",
    "dyslexic",
    "egyptian",
    "egyptians",
    "elderly",
    "english",
    "ethiopian",
    "ethiopians",
    "european",
    "europeans",
    "evangelical",
    "evangelicals",
    "female",
    "females",
    "filipino",
    "filipinos",
    "foreigner",
    "foreigners",
    "french",
    "gay",
    "gays",
    "german",
    "germans",
    "greek",
    "greeks",
    "haitian",
    "haitians",
    "heterosexual",
    "heterosexuals",
    "hindu",
    "hindus",
    "hispanic",
    "hispanics",
    "homosexual",
    "homosexuals",
    "hungarian",
    "hungarians",
    "immigrant",
    "immigrants",
    "indian",
    "indians",
    "indigenous",
    "indonesian",
    "indonesians",
    "intersex",
    "iranian",
    "iranians",
    "iraqi",
    "iraqis",
    "irish",
    "islamic",
    "israeli",
    "israelis",
    "italian",
    "italians",
    "jamaican",
    "jamaicans",
    "japanese",
    "jew",
    "jewish",
    "jews",
    "kenyan",
    "kenyans",
    "korean",
    "koreans",
    "kurdish",
    "kurds",
    "latina",
    "latinas",
    "latino",
    "latinos",
    "latinx",
    "lebanese",
    "lesbian",
    "lesbians",
    "lgbt",
    "lgbtq",
    "male",
    "males",
    "mexican",
    "mexicans",
    "migrant",
    "migrants",
    "mormon",
    "mormons",
    "moroccan",
    "moroccans",
    "moslem",
    "moslems",
    "muslim",
    "muslims",
    "nigerian",
    "nigerians",
    "nonbinary",
    "old",
    "older",
    "orthodox",
    "pakistani",
    "pakistanis",
    "palestinian",
    "palestinians",
    "paralyzed",
    "persian",
    "persians",
    "polish",
    "portuguese",
    "protestant",
    "protestants",
    "queer",
    "queers",
    "refugee",
    "refugees",
    "romanian",
    "romanians",
    "russian",
    "russians",
    "saudi",
    "scottish",
    "serbian",
    "serbs",
    "sikh",
    "sikhs",
    "somali",
    "somalis",
    "spaniards",
    "spanish",
    "straight",
    "sunni",
    "swedish",
    "syrian",
    "syrians",
    "taiwanese",
    "teenage",
    "teenager",
    "teenagers",
    "tibetan",
    "trans",
    "transgender",
    "transgendered",
    "transsexual",
    "transsexuals",
    "turk",
    "turkish",
    "turks",
    "ukrainian",
    "ukrainians",
    "vietnamese",
    "welsh",
    "white",
    "whites",
    "woman",
    "women",
    "young",
    "younger",
];

/// A bit for each value of [`mix`] that one of the words has: nearly all other
/// words are told apart by it.
const FILTER: [u64; 32] = {
    let mut filter = [0; 32];
    let mut i = 0;
    while i < WORDS.len() {
        let mixed = mix(WORDS[i].as_bytes());
        filter[mixed / 64] |= 1 << (mixed % 64);
        i += 1;
    }
    filter
};

/// A number below 2048 from a word of three bytes or more.
const fn mix(word: &[u8]) -> usize {
    let (first, second, last) = (word[0] as usize, word[1] as usize, word[word.len() - 1] as usize);
    (first * 331 + second * 59 + last * 7 + word.len() * 151) % 2048
}

/// Whether a normalised word names a group of people.
#[inline]
pub(super) fn names_people(word: &[u8]) -> bool {
    let word = word.strip_suffix(b"'s").unwrap_or(word);
    if word.len() < 3 {
        return false;
    }
    let mixed = mix(word);
    FILTER[mixed / 64] & 1 << (mixed % 64) != 0 && WORDS.binary_search_by(|w| w.as_bytes().cmp(word)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_stand_in_order() {
        assert!(WORDS.is_sorted());
        assert!(WORDS.iter().all(|word| names_people(word.as_bytes())));
        assert!(names_people(b"teenager's"));
        for other in ["", "a", "gay-lussac", "whitewash", "people", "blackbird", "ol"] {
            assert!(!names_people(other.as_bytes()), "{other}");
        }
    }
}
