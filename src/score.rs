//! Margins and scores: what a classifier says, before and after calibration.

use crate::attribute::PerAttribute;
use std::fmt;

/// A calibrated probability in `0.0..=1.0`: of the comments scored 0.8, eight
/// in ten would be labelled so by moderators.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Score(f32);

impl Score {
    /// The score, if `value` is a number in `0.0..=1.0`.
    pub fn new(value: f32) -> Option<Score> {
        (0.0..=1.0).contains(&value).then_some(Score(value))
    }

    /// The nearest score: values outside the range are clamped to it, and
    /// what is not a number becomes 0.5, the score that says nothing.
    pub fn saturating(value: f32) -> Score {
        if value.is_nan() { Score(0.5) } else { Score(value.clamp(0.0, 1.0)) }
    }

    /// The value, in `0.0..=1.0`.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why an attribute has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unscored {
    /// The caller asked for other attributes only.
    NotRequested,
    /// The attribute is judged against the thread, and none was given.
    NoThread,
    /// The model was not trained for the attribute.
    NotTrained,
    /// The model learned nothing of the attribute in the comment's language,
    /// and the site wants no such scores.
    UnfamiliarLanguage,
    /// There is no model.
    NoModel,
    /// The site's deadline had passed.
    Late,
}

impl Unscored {
    /// The word used in answers: `NO_THREAD`.
    pub const fn name(self) -> &'static str {
        match self {
            Unscored::NotRequested => "NOT_REQUESTED",
            Unscored::NoThread => "NO_THREAD",
            Unscored::NotTrained => "NOT_TRAINED",
            Unscored::UnfamiliarLanguage => "UNFAMILIAR_LANGUAGE",
            Unscored::NoModel => "NO_MODEL",
            Unscored::Late => "DEADLINE_PASSED",
        }
    }
}

impl fmt::Display for Unscored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A score, or the reason there is none, for each attribute.
pub type Scores = PerAttribute<Result<Score, Unscored>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_are_scores() {
        for value in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert_eq!(Score::new(value), None, "{value}");
        }
        assert_eq!(Score::new(0.0).map(Score::get), Some(0.0));
        assert_eq!(Score::new(1.0).map(Score::get), Some(1.0));
        assert_eq!(Score::saturating(7.0).get(), 1.0);
        assert_eq!(Score::saturating(f32::NAN).get(), 0.5);
    }
}
