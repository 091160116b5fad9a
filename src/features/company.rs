//! Words by the company they keep: near a word that names a group of people,
//! near one that addresses the reader, behind one that denies, and within
//! quotation marks. "Hate" says little; who or what is hated, and whether the
//! sentence denies it, says much.

use super::hashing;

/// How many words before and after one that names somebody are tied to it, and
/// how many behind a denial are denied.
const NEAR: u8 = 4;

/// What ties a word to its company. Part of the feature space.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Tie {
    BeforePeople = 1,
    AfterPeople,
    BeforeReader,
    AfterReader,
    Denied,
    DeniedNearPeople,
    Quoted,
}

/// The words before the one at hand, and what is still in force.
#[derive(Default)]
pub(super) struct Company {
    /// The hashes and places of the last words of the sentence, in a ring.
    last: [(u64, (u32, u32)); NEAR as usize],
    count: u8,
    people: u8,
    reader: u8,
    denied: u8,
    quoted: bool,
}

impl Company {
    /// Takes the next word of a text: its hash, its characters, where it was
    /// read from, and whether it names a group of people. Emits hash and place
    /// of what ties it to its company.
    #[inline(always)]
    pub(super) fn word(
        &mut self,
        hash: u64,
        word: &[u8],
        source: (u32, u32),
        names_people: bool,
        mut emit: impl FnMut(u64, (u32, u32)),
    ) {
        let mut tie = |tie: Tie, hash: u64, source| emit(hashing::pair(TIES + tie as u64, hash), source);
        if self.people > 0 {
            self.people -= 1;
            tie(Tie::AfterPeople, hash, source);
        }
        if self.reader > 0 {
            self.reader -= 1;
            tie(Tie::AfterReader, hash, source);
        }
        if self.denied > 0 {
            self.denied -= 1;
            tie(if self.people > 0 { Tie::DeniedNearPeople } else { Tie::Denied }, hash, source);
        }
        if self.quoted {
            tie(Tie::Quoted, hash, source);
        }
        let names_reader = names_reader(word);
        if names_people || names_reader {
            let before = if names_people { Tie::BeforePeople } else { Tie::BeforeReader };
            let known = usize::from(self.count.min(NEAR));
            self.last[..known].iter().for_each(|&(hash, source)| tie(before, hash, source));
            *(if names_people { &mut self.people } else { &mut self.reader }) = NEAR;
        } else if denies(word) {
            self.denied = NEAR;
        }
        self.last[usize::from(self.count % NEAR)] = (hash, source);
        // Once it is full, the ring stays so.
        self.count = if self.count >= 2 * NEAR - 1 { NEAR } else { self.count + 1 };
    }

    /// Takes punctuation: the end of a sentence parts its words from the next.
    #[inline]
    pub(super) fn punctuation(&mut self, signs: &str) {
        let signs = signs.as_bytes();
        if signs.iter().any(|b| matches!(b, b'.' | b'!' | b'?' | b';')) {
            *self = Company { quoted: self.quoted, ..Company::default() };
        }
        // Curly marks have the bytes E2 80 9C and E2 80 9D.
        let straight = signs.iter().filter(|b| **b == b'"').count();
        let curly = signs.windows(2).filter(|w| matches!(w, [0x80, 0x9c | 0x9d])).count();
        self.quoted ^= (straight + curly) % 2 == 1;
    }
}

/// In front of the numbers of ties, to keep them apart from the hashes of words.
const TIES: u64 = 0x7468_7265_7368_0100;

fn names_reader(word: &[u8]) -> bool {
    matches!(word, b"you" | b"your" | b"u" | b"ur" | b"yours" | b"you're" | b"youre" | b"yourself" | b"ya")
}

fn denies(word: &[u8]) -> bool {
    word.ends_with(b"n't")
        || matches!(
            word,
            b"not"
                | b"no"
                | b"never"
                | b"nobody"
                | b"none"
                | b"nothing"
                | b"neither"
                | b"nor"
                | b"without"
                | b"against"
                | b"stop"
                | b"cannot"
                | b"cant"
                | b"dont"
                | b"doesnt"
                | b"didnt"
                | b"isnt"
                | b"arent"
                | b"wont"
                | b"wouldnt"
                | b"shouldnt"
        )
}
