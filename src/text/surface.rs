//! What the surface of a text shows: counts, before anything is read.

/// Counts over one text. All are numbers of occurrences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// Characters of the original, blanks and removed ones included.
    pub characters: u32,
    /// Letters of any script.
    pub letters: u32,
    /// Upper-case letters.
    pub uppercase: u32,
    /// Letters of scripts other than Latin.
    pub foreign_letters: u32,
    /// ASCII digits.
    pub digits: u32,
    /// Line breaks.
    pub lines: u32,
    /// Chunks of two letters or more, all upper-case.
    pub shouted: u32,
    /// Invisible characters removed: zero-width ones and soft hyphens.
    pub invisible: u32,
    /// Direction controls removed.
    pub bidi: u32,
    /// Combining marks removed from Latin letters.
    pub marks: u32,
    /// Styled letters read as plain ones (circled, squared, small capitals).
    pub styled: u32,
    /// Words that mix Latin with look-alikes of other scripts.
    pub mixed_words: u32,
    /// Words.
    pub words: u32,
    /// Numbers.
    pub numbers: u32,
    /// Punctuation characters.
    pub punctuation: u32,
    /// Exclamation marks.
    pub exclamations: u32,
    /// Question marks.
    pub questions: u32,
    /// Emoji.
    pub emoji: u32,
    /// `@name`s.
    pub mentions: u32,
    /// `#tag`s.
    pub tags: u32,
    /// Web addresses.
    pub links: u32,
    /// E-mail addresses.
    pub emails: u32,
    /// Telephone-like numbers.
    pub phones: u32,
    /// Currency signs beside a number.
    pub money: u32,
    /// Words that were read through letter-like digits or symbols.
    pub leet: u32,
    /// Words that were spelled with their letters apart.
    pub spaced: u32,
    /// Runs of one character four or more long.
    pub repeats: u32,
    /// Words that address the reader: you, your, u, ur.
    pub second_person: u32,
    /// Words that name a group of people.
    pub people: u32,
    /// The number of bytes of the longest word.
    pub longest_word: u32,
}
