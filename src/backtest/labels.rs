//! What people said of a comment, as yes or no.

use crate::attribute::{Attribute, PerAttribute};
use std::collections::BTreeMap;

/// The label from which a comment is bad: at least half of the annotators said
/// so.
const BAD: f64 = 0.5;

/// For each attribute whether people called the comment so; `None` where they
/// were not asked, which is no `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels(PerAttribute<Option<bool>>);

impl Labels {
    /// The labels of a record, each in `0.0..=1.0`, by the names of
    /// [`Attribute::label`]. Other names are passed over.
    pub fn new(labels: &BTreeMap<String, f64>) -> Labels {
        Labels(PerAttribute::from_fn(|attribute| labels.get(attribute.label()).map(|label| *label >= BAD)))
    }

    /// What was said of one attribute.
    pub fn get(&self, attribute: Attribute) -> Option<bool> {
        self.0[attribute]
    }

    /// Whether people said anything of the comment.
    pub fn is_known(&self) -> bool {
        self.0.iter().any(|(_, label)| label.is_some())
    }

    /// Whether people called the comment bad in any respect.
    pub fn is_bad(&self) -> bool {
        self.0.iter().any(|(_, label)| *label == Some(true))
    }
}

/// How many comments have which labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// Comments.
    pub comments: u64,
    /// Comments that were called bad in any respect.
    pub bad: u64,
    /// Comments with no label of any attribute.
    pub unlabelled: u64,
    /// For each attribute the comments with a label, and those called so.
    pub by_attribute: PerAttribute<(u64, u64)>,
}

impl LabelCounts {
    /// Counts one comment.
    pub fn add(&mut self, labels: &Labels) {
        self.comments += 1;
        self.bad += u64::from(labels.is_bad());
        self.unlabelled += u64::from(*labels == Labels::default());
        for attribute in Attribute::ALL {
            let (labelled, bad) = &mut self.by_attribute[attribute];
            *labelled += u64::from(labels.get(attribute).is_some());
            *bad += u64::from(labels.get(attribute) == Some(true));
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &LabelCounts) {
        self.comments += other.comments;
        self.bad += other.bad;
        self.unlabelled += other.unlabelled;
        for attribute in Attribute::ALL {
            let (labelled, bad) = &mut self.by_attribute[attribute];
            *labelled += other.by_attribute[attribute].0;
            *bad += other.by_attribute[attribute].1;
        }
    }
}
