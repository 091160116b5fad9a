//! From a [`Document`](crate::text::Document) to numbers: hashed n-grams and surface features,
//! weighted by TF-IDF, for training and serving alike.

mod company;
mod gathered;
pub mod hashing;
pub mod ngram;
pub mod passage;
mod skeleton;
pub mod surface;
pub mod thread;
mod vector;
mod vectorizer;

pub use vector::SparseVec;
pub use vectorizer::Vectorizer;

/// The families of hashed features. Each is brought to a length of its
/// own, so that a long text's many n-grams do not drown its few links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Group {
    /// Words and pairs of words.
    Word,
    /// Character n-grams within chunks.
    Character,
    /// Links and what the surface shows.
    Surface,
}

impl Group {
    /// How many groups there are.
    pub const COUNT: usize = 3;

    /// Every group, in the order in which features are emitted.
    pub const ALL: [Group; Self::COUNT] = [Group::Word, Group::Character, Group::Surface];

    /// So many groups, the first ones, stand apart by passage: what the surface
    /// shows is of the text as a whole.
    pub const PASSAGES: usize = 2;

    /// The length that the group is brought to. The surface carries over to
    /// unknown sources best and says least about known ones; 0.2 loses little
    /// of either.
    pub const fn length(self) -> f32 {
        match self {
            Group::Word | Group::Character => 1.0,
            Group::Surface => 0.2,
        }
    }
}

/// One occurrence of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The family.
    pub group: Group,
    /// The bucket it hashes to, below [`BUCKETS`](hashing::BUCKETS).
    pub bucket: u32,
    /// What it was read from, as bytes of the document's normalised text:
    /// begin and end. Empty for features of the text as a whole.
    pub source: (u32, u32),
}
