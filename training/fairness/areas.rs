//! Three areas under the ROC curve that say how a model treats comments that
//! name a group of people (Borkan, Dixon, Sorensen, Thain and Vasserman 2019,
//! "Nuanced Metrics for Measuring Unintended Bias with Real Data for Text
//! Classification", section 3).

use crate::metrics::{Scored, roc_auc};
use serde::Serialize;

/// Fewer positives or negatives than this give no area.
pub const FEWEST: usize = 10;

/// The three areas of one term; `None` where rows are too few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Areas {
    /// Positives against negatives among the rows that name the term: low
    /// where the model cannot tell abuse when the term is named.
    pub subgroup: Option<f64>,
    /// Positives that do not name it against negatives that do: low where
    /// harmless rows that name it score high.
    pub bpsn: Option<f64>,
    /// Negatives that do not name it against positives that do: low where
    /// abusive rows that name it score low.
    pub bnsp: Option<f64>,
}

impl Areas {
    /// The areas of the rows that name a term, the first, against the others.
    pub fn new(subgroup: &[Scored], background: &[Scored]) -> Areas {
        Areas {
            subgroup: area(subgroup, subgroup),
            bpsn: area(background, subgroup),
            bnsp: area(subgroup, background),
        }
    }

    /// The mean of each area over those that have it.
    pub fn mean(of: &[Areas]) -> Areas {
        let mean = |area: fn(&Areas) -> Option<f64>| {
            let known: Vec<f64> = of.iter().filter_map(area).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Areas { subgroup: mean(|a| a.subgroup), bpsn: mean(|a| a.bpsn), bnsp: mean(|a| a.bnsp) }
    }
}

/// The area of the positives of one part against the negatives of another.
fn area(positives: &[Scored], negatives: &[Scored]) -> Option<f64> {
    let of = |rows: &[Scored], positive: bool| -> Vec<Scored> {
        rows.iter().copied().filter(|s| s.positive == positive).collect()
    };
    let (mut both, negatives) = (of(positives, true), of(negatives, false));
    if both.len() < FEWEST || negatives.len() < FEWEST {
        return None;
    }
    both.extend(negatives);
    Some(roc_auc(&both))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every score ten times, so that there are rows enough; areas are of
    /// pairs and stay the same.
    fn rows(scores: &[(f32, u8)]) -> Vec<Scored> {
        let row = |&(score, positive): &(f32, u8)| Scored { score, positive: positive == 1 };
        scores.iter().flat_map(|s| vec![row(s); FEWEST]).collect()
    }

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|f| (f - expected).abs() < 1e-9), "{found:?} is not {expected}");
    }

    /// By hand. Subgroup: positives .9 .5, negatives .6 .4; background:
    /// positives .8 .7, negatives .3 .5. Within the subgroup 3 of 4 pairs are
    /// in order. Background positives exceed both subgroup negatives: 4 of 4.
    /// Subgroup positives against background negatives: .9 exceeds both, .5
    /// exceeds .3 and ties with .5: 3.5 of 4.
    #[test]
    fn areas_are_counted_as_by_hand() {
        let subgroup = rows(&[(0.9, 1), (0.5, 1), (0.6, 0), (0.4, 0)]);
        let background = rows(&[(0.8, 1), (0.7, 1), (0.3, 0), (0.5, 0)]);
        let areas = Areas::new(&subgroup, &background);
        close(areas.subgroup, 0.75);
        close(areas.bpsn, 1.0);
        close(areas.bnsp, 0.875);
    }

    /// A model that takes the term itself for abuse: within the subgroup it
    /// ranks perfectly, and only the background shows what is wrong.
    #[test]
    fn a_term_taken_for_abuse_shows_in_bpsn_alone() {
        let subgroup = rows(&[(0.9, 1), (0.8, 0)]);
        let background = rows(&[(0.7, 1), (0.1, 0)]);
        let areas = Areas::new(&subgroup, &background);
        close(areas.subgroup, 1.0);
        close(areas.bpsn, 0.0);
        close(areas.bnsp, 1.0);
    }

    #[test]
    fn few_rows_give_no_area_and_none_of_the_mean() {
        let few = [Scored { score: 0.5, positive: true }; FEWEST - 1];
        let areas = Areas::new(&few, &rows(&[(0.5, 1), (0.4, 0)]));
        assert_eq!(areas, Areas::default());
        let known = Areas { bpsn: Some(0.5), ..Areas::default() };
        let mean = Areas::mean(&[areas, known, Areas { bpsn: Some(1.0), ..known }]);
        assert_eq!(mean, Areas { bpsn: Some(0.75), ..Areas::default() });
    }
}
