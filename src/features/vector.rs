//! A document as numbers: which features it has, and what they weigh together.

use super::Group;
use super::gathered::Run;

/// A document's distinct features that a [`Vectorizer`](super::Vectorizer) knows, group by group,
/// with each group's Euclidean norm. Term frequency is binary: measured equal
/// to sublinear counts on comments, and cheaper.
///
/// The words and characters of a long text stand apart by [passage](super::passage), too.
#[derive(Debug, Default)]
pub struct SparseVec {
    pub(super) columns: Vec<u32>,
    pub(super) ends: [usize; Group::COUNT],
    pub(super) norms: [f32; Group::COUNT],
    /// Where passages end in the normalised text, all but the last.
    pub(super) boundaries: Vec<u32>,
    /// The passages of each group; of a text of one passage there are none.
    pub(super) parts: [Vec<Part>; Group::PASSAGES],
    /// What a passage has that one before it had, too.
    pub(super) repeated: Vec<u32>,
    pub(super) buckets: Vec<u32>,
    pub(super) runs: Vec<Run>,
    pub(super) seen: Vec<u64>,
}

/// What a group has of one passage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Where the columns end that this passage is the first to have.
    pub end: usize,
    /// Where the repeated ones end.
    pub repeated_end: usize,
    /// The Euclidean norm of both.
    pub norm: f32,
}

impl SparseVec {
    /// The distinct columns of a group.
    pub fn columns(&self, group: Group) -> &[u32] {
        &self.columns[self.start(group)..self.ends[group as usize]]
    }

    fn start(&self, group: Group) -> usize {
        if group == Group::Word { 0 } else { self.ends[group as usize - 1] }
    }

    /// What a feature's idf is multiplied with to give its value: the group's
    /// [`length`](Group::length) over its norm; zero for an empty group.
    pub fn scale(&self, group: Group) -> f32 {
        scale(group, self.norms[group as usize])
    }

    /// Where passages end in the normalised text, all but the last: nowhere in a
    /// text of one passage.
    pub fn boundaries(&self) -> &[u32] {
        &self.boundaries
    }

    /// The distinct columns that a group has of each passage, those first that no
    /// passage before it has, then the others; and the scale that they would have
    /// if the passage were the whole text. Empty for a text of one passage, and
    /// for groups that do not stand apart.
    pub fn passages(&self, group: Group) -> impl Iterator<Item = (&[u32], &[u32], f32)> {
        let mut begin = self.start(group);
        let mut repeated_begin =
            match (group as usize).checked_sub(1).and_then(|before| self.parts.get(before)) {
                Some(before) => before.last().map_or(0, |part| part.repeated_end),
                None => 0,
            };
        self.parts.get(group as usize).into_iter().flatten().map(move |part| {
            let first = &self.columns[begin..part.end];
            let repeated = &self.repeated[repeated_begin..part.repeated_end];
            (begin, repeated_begin) = (part.end, part.repeated_end);
            (first, repeated, scale(group, part.norm))
        })
    }

    /// The sum over the group of the squared idf.
    pub fn squared_norm(&self, group: Group) -> f32 {
        self.norms[group as usize] * self.norms[group as usize]
    }
}

fn scale(group: Group, norm: f32) -> f32 {
    if norm > 0.0 { group.length() / norm } else { 0.0 }
}
