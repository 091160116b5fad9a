//! How a site takes the scores of the model: moved towards what its own
//! moderators decided, and with or without those in languages that the model
//! knows nothing of.

use crate::attribute::{AttributeSet, PerAttribute};
use crate::score::{Score, Scores, Unscored};
use std::ops::RangeInclusive;

/// How a site moves the scores of one attribute, on the scale of their
/// log-odds: times `scale`, plus `shift` (Platt 1999, for a calibrated score).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Above 1, scores become more decided; below, less. In
    /// [`SCALES`](Self::SCALES).
    pub scale: f32,
    /// Above 0, scores rise. In [`SHIFTS`](Self::SHIFTS).
    pub shift: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { scale: 1.0, shift: 0.0 }
    }
}

impl Calibration {
    /// The scales that a policy may name.
    pub const SCALES: RangeInclusive<f32> = 0.1..=10.0;

    /// The shifts that a policy may name.
    pub const SHIFTS: RangeInclusive<f32> = -10.0..=10.0;

    /// The score that the site has for a score of the model. Higher scores stay
    /// higher, and those that are certain stay certain.
    pub fn apply(self, score: Score) -> Score {
        let probability = f64::from(score.get());
        if self == Self::default() || probability <= 0.0 || probability >= 1.0 {
            return score;
        }
        let log_odds = (probability / (1.0 - probability)).ln();
        let moved = f64::from(self.scale) * log_odds + f64::from(self.shift);
        Score::saturating((1.0 / (1.0 + (-moved).exp())) as f32)
    }
}

/// What becomes of scores in a language of which the model learned nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnfamiliarLanguage {
    /// They count, and the answer says which they are.
    #[default]
    Score,
    /// There are none: [`Unscored::UnfamiliarLanguage`].
    Unscored,
}

impl UnfamiliarLanguage {
    /// Both, with their names in policy files.
    pub const NAMED: [(&str, UnfamiliarLanguage); 2] =
        [("SCORE", UnfamiliarLanguage::Score), ("UNSCORED", UnfamiliarLanguage::Unscored)];
}

/// How a site takes scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scoring {
    /// How those of each attribute are moved.
    pub calibration: PerAttribute<Calibration>,
    /// What becomes of those in an unfamiliar language.
    pub unfamiliar_language: UnfamiliarLanguage,
}

impl Scoring {
    /// The site's scores: those of the model, of which some are in a language
    /// that is unfamiliar.
    pub fn settle(&self, scores: &Scores, unfamiliar: AttributeSet) -> Scores {
        let is_unscored = self.unfamiliar_language == UnfamiliarLanguage::Unscored;
        PerAttribute::from_fn(|attribute| {
            let score = scores[attribute]?;
            if is_unscored && unfamiliar.contains(attribute) {
                return Err(Unscored::UnfamiliarLanguage);
            }
            Ok(self.calibration[attribute].apply(score))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute;
    use proptest::prelude::*;

    #[test]
    fn a_shift_moves_log_odds() {
        let score = Score::saturating(0.5);
        let moved = Calibration { scale: 1.0, shift: 1.0 }.apply(score).get();
        assert!((moved - 0.731_058_6).abs() < 1e-6, "{moved}");
        let sharper = Calibration { scale: 2.0, shift: 0.0 }.apply(Score::saturating(0.8)).get();
        assert!((sharper - 16.0 / 17.0).abs() < 1e-6, "{sharper}");
        for certain in [0.0, 1.0] {
            let certain = Score::saturating(certain);
            assert_eq!(Calibration { scale: 0.5, shift: 3.0 }.apply(certain), certain);
        }
    }

    #[test]
    fn scores_in_an_unfamiliar_language_count_unless_the_site_says_otherwise() {
        let scores = Scores::from_fn(|a| match a {
            Attribute::OffTopic => Err(Unscored::NoThread),
            _ => Ok(Score::saturating(0.5)),
        });
        let unfamiliar = [Attribute::Spam, Attribute::OffTopic].into_iter().collect();
        assert_eq!(Scoring::default().settle(&scores, unfamiliar), scores);
        let strict = Scoring { unfamiliar_language: UnfamiliarLanguage::Unscored, ..Scoring::default() };
        let settled = strict.settle(&scores, unfamiliar);
        assert_eq!(settled[Attribute::Spam], Err(Unscored::UnfamiliarLanguage));
        assert_eq!(settled[Attribute::OffTopic], Err(Unscored::NoThread));
        assert!(settled[Attribute::Insult].is_ok());
    }

    proptest! {
        #[test]
        fn the_order_of_scores_stays(a in 0f32..=1.0, b in 0f32..=1.0, scale in Calibration::SCALES, shift in Calibration::SHIFTS) {
            let moved = |score| Calibration { scale, shift }.apply(Score::saturating(score)).get();
            prop_assert!((0.0..=1.0).contains(&moved(a)));
            prop_assert!(a > b || moved(a) <= moved(b), "{} {}", moved(a), moved(b));
        }
    }
}
