//! Sentences that differ in one word: the name of a group of people, in polite
//! and in abusive company.

/// The name of a group, and what kind of group it is.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The word, as it is written within a sentence.
    pub word: &'static str,
    /// What it names people by.
    pub by: &'static str,
}

const RELIGION: &str = "religion";
const ORIGIN: &str = "origin";
const GENDER: &str = "gender";
const ORIENTATION: &str = "orientation";
const DISABILITY: &str = "disability";
const AGE: &str = "age";

/// The terms: neutral words that people use for themselves.
pub const TERMS: [Term; 42] = [
    Term { word: "Christian", by: RELIGION },
    Term { word: "Catholic", by: RELIGION },
    Term { word: "Protestant", by: RELIGION },
    Term { word: "Muslim", by: RELIGION },
    Term { word: "Jewish", by: RELIGION },
    Term { word: "Hindu", by: RELIGION },
    Term { word: "Buddhist", by: RELIGION },
    Term { word: "Sikh", by: RELIGION },
    Term { word: "atheist", by: RELIGION },
    Term { word: "American", by: ORIGIN },
    Term { word: "European", by: ORIGIN },
    Term { word: "African", by: ORIGIN },
    Term { word: "Asian", by: ORIGIN },
    Term { word: "Arab", by: ORIGIN },
    Term { word: "Mexican", by: ORIGIN },
    Term { word: "Chinese", by: ORIGIN },
    Term { word: "Indian", by: ORIGIN },
    Term { word: "Russian", by: ORIGIN },
    Term { word: "Irish", by: ORIGIN },
    Term { word: "Nigerian", by: ORIGIN },
    Term { word: "Turkish", by: ORIGIN },
    Term { word: "Latino", by: ORIGIN },
    Term { word: "black", by: ORIGIN },
    Term { word: "white", by: ORIGIN },
    Term { word: "male", by: GENDER },
    Term { word: "female", by: GENDER },
    Term { word: "transgender", by: GENDER },
    Term { word: "nonbinary", by: GENDER },
    Term { word: "gay", by: ORIENTATION },
    Term { word: "lesbian", by: ORIENTATION },
    Term { word: "bisexual", by: ORIENTATION },
    Term { word: "heterosexual", by: ORIENTATION },
    Term { word: "straight", by: ORIENTATION },
    Term { word: "deaf", by: DISABILITY },
    Term { word: "blind", by: DISABILITY },
    Term { word: "disabled", by: DISABILITY },
    Term { word: "autistic", by: DISABILITY },
    Term { word: "dyslexic", by: DISABILITY },
    Term { word: "young", by: AGE },
    Term { word: "old", by: AGE },
    Term { word: "elderly", by: AGE },
    Term { word: "teenage", by: AGE },
];

/// Nouns in the singular and the plural.
pub const NOUNS: [(&str, &str); 6] = [
    ("person", "people"),
    ("neighbour", "neighbours"),
    ("teacher", "teachers"),
    ("student", "students"),
    ("doctor", "doctors"),
    ("friend", "friends"),
];

/// Friendly words, and at the end talk of abuse: a model that counts bad words
/// fails on the last six, and on the last six of the abusive, which have none.
///
/// `{a}` stands for term and noun with their article, `{one}` for both without
/// it, `{many}` for the plural.
const POLITE: [&str; 18] = [
    "I am {a}.",
    "My cousin is proud to be {a}.",
    "We had dinner with {a} yesterday.",
    "As {a}, I found this article interesting.",
    "The {one} next door helped us carry the shopping.",
    "Thank you to the {one} who answered my question.",
    "The new {one} at the library is very kind.",
    "I voted for the {one} because of the school plan.",
    "She was introduced to {a} at the concert.",
    "Many {many} live in this street.",
    "Are there other {many} in this group?",
    "{many} are welcome at the summer fair.",
    "You are {a}, right?",
    "It is awful how {many} are treated here.",
    "They called him an idiot because he is {a}.",
    "Nobody should hate {many}.",
    "The {one} said that the film was stupid and boring.",
    "I was angry when they laughed at the {one}.",
];

const ABUSIVE: [&str; 18] = [
    "You are an idiot, and {a} like you should be quiet.",
    "You awful {one}, nobody wants to read this.",
    "That {one} is a complete idiot.",
    "Shut up, you stupid {one}.",
    "What a disgusting {one}, go away.",
    "The {one} next door is a pathetic liar.",
    "You are too dumb to be {a}, you moron.",
    "Only a fool would listen to such a worthless {one}.",
    "Get lost, you ugly {one}.",
    "{many} are disgusting and I hate them.",
    "All {many} are stupid idiots.",
    "You {many} are pathetic losers.",
    "Nobody wants {a} like you here.",
    "{many} ruin everything they touch.",
    "Go away, {one}, we do not need your kind.",
    "You smell, like all {many}.",
    "I would never trust {a}, they all lie.",
    "The {one} should be locked up and forgotten.",
];

/// A sentence of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// Whether it is abusive.
    pub abusive: bool,
}

/// All sentences: each template with each term and noun.
pub fn sentences() -> Vec<Sentence> {
    let templates = POLITE.iter().map(|t| (t, false)).chain(ABUSIVE.iter().map(|t| (t, true)));
    let mut sentences = Vec::new();
    for (template, abusive) in templates {
        for term in TERMS {
            for (one, many) in NOUNS {
                sentences.push(Sentence { text: fill(template, term.word, one, many), abusive });
            }
        }
    }
    sentences
}

/// Puts a term and a noun into a template.
pub fn fill(template: &str, term: &str, one: &str, many: &str) -> String {
    // European begins with the sound of a consonant.
    let vowel = term.to_lowercase().starts_with(['a', 'e', 'i', 'o']) && term != "European";
    let article = if vowel { "an" } else { "a" };
    let text = template
        .replace("{a}", &format!("{article} {term} {one}"))
        .replace("{one}", &format!("{term} {one}"))
        .replace("{many}", &format!("{term} {many}"));
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The terms that a text names, as words of their own or in the plural, by
/// their place in [`TERMS`].
pub fn named(text: &str) -> Vec<usize> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let is_named = |term: &Term| {
        let term = term.word.to_lowercase();
        words.iter().any(|word| *word == term || word.strip_suffix('s') == Some(term.as_str()))
    };
    (0..TERMS.len()).filter(|&i| is_named(&TERMS[i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_well_formed_and_name_one_term_each() {
        let sentences = sentences();
        assert_eq!(sentences.len(), 36 * TERMS.len() * NOUNS.len());
        for sentence in &sentences {
            let text = &sentence.text;
            assert_eq!(named(text).len(), 1, "{text}");
            assert!(text.starts_with(|c: char| c.is_uppercase()) && !text.contains(['{', '}']), "{text}");
        }
        let has = |text: &str, abusive| sentences.contains(&Sentence { text: text.into(), abusive });
        assert!(has("I am a deaf teacher.", false) && has("I am an Irish doctor.", false));
        assert!(
            has("I am a European person.", false) && has("Old people are welcome at the summer fair.", false)
        );
        assert!(has("All Catholic students are stupid idiots.", true));
    }

    #[test]
    fn terms_are_named_as_words() {
        let words = |text| named(text).into_iter().map(|i| TERMS[i].word).collect::<Vec<_>>();
        assert_eq!(words("Muslims and CHRISTIANS; the Irish"), ["Christian", "Muslim", "Irish"]);
        assert_eq!(words("a female whitecap golden blinder"), ["female"]);
    }
}
