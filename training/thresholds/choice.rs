//! Which threshold holds a wish on some scored rows.

use std::fmt;

/// Fewer labelled positives or negatives, or fewer positives found, than this
/// are too few to choose a threshold by.
pub const FEWEST: usize = 10;

/// What is wanted of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// Of the comments that reach it, at least this share is positive; the
    /// lowest such threshold is chosen.
    Precision(f64),
    /// Of the positive comments, at least this share reaches it; the highest
    /// such threshold is chosen.
    Recall(f64),
    /// Of all comments, at most this share reaches it; the lowest such
    /// threshold is chosen.
    Queue(f64),
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Precision(share) => write!(f, "a precision of at least {share}"),
            Wish::Recall(share) => write!(f, "a recall of at least {share}"),
            Wish::Queue(share) => write!(f, "at most {share} of all comments"),
        }
    }
}

/// A row's score, and its label where it has one.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The score.
    pub score: f32,
    /// Whether the row is labelled positive; `None` without a label.
    pub positive: Option<bool>,
}

/// The threshold that holds the wish on these rows, in 0..=1; or why there is
/// none.
pub fn choose(rows: &[Judged], wish: Wish) -> Result<f32, String> {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    let positives = rows.iter().filter(|r| r.positive == Some(true)).count();
    let negatives = rows.iter().filter(|r| r.positive == Some(false)).count();
    for (count, class) in [(positives, "positive"), (negatives, "negative")] {
        if count < FEWEST && !matches!(wish, Wish::Queue(_)) {
            return Err(format!("{count} rows are labelled {class}; at least {FEWEST} are needed"));
        }
    }
    let score = match wish {
        Wish::Precision(share) => by_precision(&sorted, share),
        Wish::Recall(share) => by_recall(&sorted, positives as f64, share),
        Wish::Queue(share) => by_queue(&sorted, share),
    }?;
    let below = sorted.iter().map(|r| r.score).find(|&s| s < score);
    Ok(between(below, score))
}

/// Runs of equal scores with the positives and negatives down to their end.
fn cumulated(sorted: &[Judged]) -> impl Iterator<Item = (f32, usize, usize)> {
    let (mut positives, mut negatives) = (0, 0);
    sorted.chunk_by(|a, b| a.score == b.score).map(move |tie| {
        positives += tie.iter().filter(|r| r.positive == Some(true)).count();
        negatives += tie.iter().filter(|r| r.positive == Some(false)).count();
        (tie[0].score, positives, negatives)
    })
}

fn by_precision(sorted: &[Judged], share: f64) -> Result<f32, String> {
    let precision = |positives: usize, negatives: usize| positives as f64 / (positives + negatives) as f64;
    let enough = || cumulated(sorted).filter(|&(_, positives, _)| positives >= FEWEST);
    let holds = |&(_, positives, negatives): &(f32, usize, usize)| precision(positives, negatives) >= share;
    enough().filter(holds).last().map(|(score, ..)| score).ok_or_else(|| {
        let best = enough().map(|(_, p, n)| precision(p, n)).fold(0.0, f64::max);
        format!("the precision is {best:.3} at best where {FEWEST} or more positives are found")
    })
}

fn by_recall(sorted: &[Judged], positives: f64, share: f64) -> Result<f32, String> {
    let holds = |&(_, found, _): &(f32, usize, usize)| found as f64 / positives >= share;
    cumulated(sorted).find(holds).map(|(score, ..)| score).ok_or_else(|| "no score is low enough".to_owned())
}

fn by_queue(sorted: &[Judged], share: f64) -> Result<f32, String> {
    let allowed = sorted.len() as f64 * share;
    let mut seen = 0;
    let ties = sorted.chunk_by(|a, b| a.score == b.score).map(|tie| {
        seen += tie.len();
        (tie[0].score, seen)
    });
    let chosen = ties.take_while(|&(_, seen)| seen as f64 <= allowed).last();
    chosen.map(|(score, _)| score).ok_or_else(|| match allowed < 1.0 {
        true => format!("{share} of {} rows is less than one row", sorted.len()),
        false => "more rows than that share the highest score".to_owned(),
    })
}

/// The shortest number of at least three decimal places that the score
/// reaches and the next lower one does not, so that both fall on the same
/// side as by the score itself.
fn between(below: Option<f32>, score: f32) -> f32 {
    (3..=8)
        .flat_map(|places| {
            let scale = 10f64.powi(places);
            let scaled = f64::from(score) * scale;
            [scaled.round(), scaled.floor()].map(|s| (s / scale) as f32)
        })
        .find(|&rounded| rounded <= score && below.is_none_or(|below| below < rounded))
        .unwrap_or(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve positives at the top, then one negative before each further
    /// positive, then negatives.
    fn rows() -> Vec<Judged> {
        let mut rows = Vec::new();
        let mut put = |score: f32, positive| rows.push(Judged { score, positive });
        for i in 0..12 {
            put(0.9 + i as f32 / 1000.0, Some(true));
        }
        for i in 0..4 {
            put(0.8 - i as f32 / 100.0, Some(false));
            put(0.795 - i as f32 / 100.0, Some(true));
        }
        for i in 0..20 {
            put(0.3 - i as f32 / 100.0, Some(false));
        }
        rows
    }

    /// By hand: 13 of 14, 14 of 16 and 15 of 18 are positive where a positive
    /// ends each pair.
    #[test]
    fn precision_takes_the_lowest_threshold_that_holds_it() {
        assert_eq!(choose(&rows(), Wish::Precision(1.0)), Ok(0.9));
        assert_eq!(choose(&rows(), Wish::Precision(13.0 / 14.0)), Ok(0.795));
        assert_eq!(choose(&rows(), Wish::Precision(0.87)), Ok(0.785));
        let noise: Vec<Judged> = (0..60)
            .map(|i| Judged { score: i as f32 / 60.0, positive: Some(i % 2 == 0 && i < 55) })
            .collect();
        let error = choose(&noise, Wish::Precision(0.9)).unwrap_err();
        assert!(error.starts_with("the precision is 0."), "{error}");
    }

    /// By hand: 14 of 16 positives are .875.
    #[test]
    fn recall_takes_the_highest_threshold_that_holds_it() {
        assert_eq!(choose(&rows(), Wish::Recall(0.8)), Ok(0.795));
        assert_eq!(choose(&rows(), Wish::Recall(0.87)), Ok(0.785));
        assert_eq!(choose(&rows(), Wish::Recall(1.0)), Ok(0.765));
    }

    /// By hand: 4 of 40 rows are a tenth.
    #[test]
    fn the_queue_counts_rows_with_and_without_labels() {
        assert_eq!(choose(&rows(), Wish::Queue(0.1)), Ok(0.908));
        let unlabelled: Vec<Judged> = rows().iter().map(|r| Judged { positive: None, ..*r }).collect();
        assert_eq!(choose(&unlabelled, Wish::Queue(0.1)), Ok(0.908));
        assert!(choose(&unlabelled, Wish::Queue(0.01)).unwrap_err().contains("less than one"));
        let equal = vec![Judged { score: 0.5, positive: None }; 50];
        assert!(choose(&equal, Wish::Queue(0.1)).unwrap_err().contains("highest score"));
    }

    #[test]
    fn too_few_labels_choose_nothing() {
        for (keep, class) in [(true, "negative"), (false, "positive")] {
            let one: Vec<Judged> = rows().into_iter().filter(|r| r.positive == Some(keep)).collect();
            for wish in [Wish::Precision(0.9), Wish::Recall(0.5)] {
                let error = choose(&one, wish).unwrap_err();
                assert_eq!(error, format!("0 rows are labelled {class}; at least 10 are needed"));
            }
        }
    }

    #[test]
    fn thresholds_are_short_and_part_what_the_scores_part() {
        assert_eq!(between(None, 0.712_345_6), 0.712);
        assert_eq!(between(Some(0.712_1), 0.712_345_6), 0.7123);
        assert_eq!(between(Some(0.3), 0.5), 0.5);
        let (below, score) = (0.5f32, 0.5f32.next_up());
        assert_eq!(between(Some(below), score), score);
    }
}
