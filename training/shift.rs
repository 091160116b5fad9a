//! `shift`: how a site's scores are to be moved, from a handful of feedback.

use crate::corpus::Corpus;
use crate::manifest::DataArgs;
use crate::metrics::Scored;
use crate::thresholds::fragment;
use crate::{progress, scored, table};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use thresher::attribute::Attribute;
use thresher::policy::{Calibration, DEFAULT_SITE};

/// How far sites' shifts are taken to lie from zero, as a standard deviation,
/// before any feedback is seen: a unit of log-odds makes .5 of .27.
const SHIFT_SPREAD: f64 = 1.0;

/// The same for the logarithm of the scale.
const SCALE_SPREAD: f64 = 0.25;

/// Standard deviations on either side that cover 95 % of a normal distribution.
const SIDES: f64 = 1.959_964;

/// Arguments of `shift`.
#[derive(clap::Args)]
#[command(after_help = "The rows must be a fair sample of the site's comments, or of those that reached its
moderators and no threshold chose: feedback on held comments alone makes scores
look too low. With few rows, shifts stay near 0 and scales near 1.

Examples:
  thresher-train shift --data feedback.jsonl > fragment.toml
  thresher-train shift --data feedback.jsonl --site news.example --attribute SPAM")]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Only this attribute; may be given several times. Without it, all that
    /// have labels
    #[arg(long, value_name = "ATTRIBUTE", value_parser = crate::cross_validate::attribute)]
    attribute: Vec<Attribute>,
    /// The site that the fragment is for
    #[arg(long, default_value = DEFAULT_SITE)]
    site: String,
    /// Print JSON instead of the table and the fragment
    #[arg(long)]
    json: bool,
}

/// What was found for one attribute.
#[derive(Clone, Copy, Debug, Serialize)]
struct Found {
    rows: usize,
    positives: usize,
    shift: f64,
    /// The ends of the interval that the shift is in with 95 % probability.
    shift_low: f64,
    shift_high: f64,
    scale: f64,
    scale_low: f64,
    scale_high: f64,
    /// The mean logarithmic loss of the scores as the model gives them.
    loss_before: f64,
    /// The same after the shift, on the rows it was found on.
    loss_after: f64,
}

#[derive(Serialize)]
struct Line {
    attribute: &'static str,
    #[serde(flatten)]
    found: Found,
}

/// Prints a table for people on the standard error and the fragment of a
/// policy on the standard output.
pub fn run(args: &Args) -> Result<()> {
    let moderator = scored::moderator(args.model.as_deref())?;
    fragment::check("--site", &args.site, &fragment::header(&args.site))?;
    let sets = args.data.sets()?;
    let bar = progress::bar("reading", sets.len() as u64);
    let corpus = Corpus::read(sets, true, &bar)?;
    let rows = scored::labelled(&corpus);
    let scores = scored::score(&corpus, &moderator, &rows)?;
    let wanted = |a: &Attribute| args.attribute.is_empty() || args.attribute.contains(a);
    let lines: Vec<Line> = Attribute::ALL
        .into_iter()
        .filter(wanted)
        .filter_map(|attribute| {
            let judged = rows.iter().zip(&scores).filter_map(|(&row, scores)| {
                let label = corpus.rows[row as usize].labels[attribute]?;
                Some((log_odds(scores[attribute]?), f64::from(label)))
            });
            let judged: Vec<(f64, f64)> = judged.collect();
            (!judged.is_empty()).then(|| Line { attribute: attribute.name(), found: fit(&judged) })
        })
        .collect();
    if lines.is_empty() {
        bail!("no row has a label and a score for the attributes asked for");
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(());
    }
    eprintln!("{}", render_table(&lines));
    let text = render(args, moderator.model().version(), &lines);
    fragment::check("the fragment", &args.site, &text).context("what was found makes no policy")?;
    out!("{text}");
    Ok(())
}

/// Moves the scores of some rows of a site as feedback on others of its rows
/// asks for.
pub fn moved(feedback: &[Scored], rest: &mut [Scored]) {
    let label = |row: &Scored| f64::from(u8::from(row.positive));
    let judged: Vec<(f64, f64)> = feedback.iter().map(|row| (log_odds(row.score), label(row))).collect();
    let Found { shift, scale, .. } = fit(&judged);
    for row in rest {
        row.score = sigmoid(scale * log_odds(row.score) + shift) as f32;
    }
}

/// The log-odds of a score; those of scores that are all but certain are
/// bounded.
fn log_odds(score: f32) -> f64 {
    let probability = f64::from(score).clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
}

fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The most probable shift and scale under a normal prior on the shift and on
/// the logarithm of the scale, by Newton's method with Fisher's information,
/// and intervals from the normal approximation around them (Laplace; Bishop
/// 2006, "Pattern Recognition and Machine Learning", section 4.5).
fn fit(judged: &[(f64, f64)]) -> Found {
    let (mut shift, mut log_scale) = (0.0, 0.0);
    let priors = [SHIFT_SPREAD.powi(-2), SCALE_SPREAD.powi(-2)];
    let cost = |shift: f64, log_scale: f64| {
        let loss: f64 = judged.iter().map(|&(x, y)| loss(log_scale.exp() * x + shift, y)).sum();
        loss + (priors[0] * shift * shift + priors[1] * log_scale * log_scale) / 2.0
    };
    let mut information = [priors[0], 0.0, priors[1]];
    for _ in 0..100 {
        let mut slopes = [priors[0] * shift, priors[1] * log_scale];
        information = [priors[0], 0.0, priors[1]];
        for &(x, y) in judged {
            let turned = log_scale.exp() * x;
            let probability = sigmoid(turned + shift);
            let weight = probability * (1.0 - probability);
            slopes[0] += probability - y;
            slopes[1] += (probability - y) * turned;
            information[0] += weight;
            information[1] += weight * turned;
            information[2] += weight * turned * turned;
        }
        let [a, b, c] = information;
        let determinant = a * c - b * b;
        let step =
            [(c * slopes[0] - b * slopes[1]) / determinant, (a * slopes[1] - b * slopes[0]) / determinant];
        // Half a step as long as a whole one would lead too far.
        let here = cost(shift, log_scale);
        let mut part = 1.0;
        while part > 1e-6 && cost(shift - part * step[0], log_scale - part * step[1]) > here {
            part /= 2.0;
        }
        shift -= part * step[0];
        log_scale -= part * step[1];
        if part * step[0].abs().max(step[1].abs()) < 1e-9 {
            break;
        }
    }
    let [a, b, c] = information;
    let determinant = a * c - b * b;
    let sides = [SIDES * (c / determinant).sqrt(), SIDES * (a / determinant).sqrt()];
    let within = |value: f64, range: std::ops::RangeInclusive<f32>| {
        value.clamp(f64::from(*range.start()), f64::from(*range.end()))
    };
    let scale = within(log_scale.exp(), Calibration::SCALES);
    let shift = within(shift, Calibration::SHIFTS);
    let mean = |of: &dyn Fn(f64) -> f64| {
        judged.iter().map(|&(x, y)| loss(of(x), y)).sum::<f64>() / judged.len().max(1) as f64
    };
    Found {
        rows: judged.len(),
        positives: judged.iter().filter(|(_, y)| *y >= 0.5).count(),
        shift,
        shift_low: shift - sides[0],
        shift_high: shift + sides[0],
        scale,
        scale_low: (log_scale - sides[1]).exp(),
        scale_high: (log_scale + sides[1]).exp(),
        loss_before: mean(&|x| x),
        loss_after: mean(&|x| scale * x + shift),
    }
}

/// The logarithmic loss of log-odds for a label.
fn loss(log_odds: f64, label: f64) -> f64 {
    log_odds.max(0.0) + (-log_odds.abs()).exp().ln_1p() - label * log_odds
}

fn render_table(lines: &[Line]) -> String {
    let mut out =
        table::new(["attribute", "rows", "positive", "shift", "95 %", "scale", "95 %", "log loss", "after"]);
    for Line { attribute, found: f } in lines {
        out.add_row([
            (*attribute).to_owned(),
            f.rows.to_string(),
            f.positives.to_string(),
            format!("{:+.3}", f.shift),
            format!("{:+.2} to {:+.2}", f.shift_low, f.shift_high),
            format!("{:.3}", f.scale),
            format!("{:.2} to {:.2}", f.scale_low, f.scale_high),
            table::figure(f.loss_before),
            table::figure(f.loss_after),
        ]);
    }
    out.to_string()
}

fn render(args: &Args, model: &str, lines: &[Line]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# How the scores of model {model} are moved for this site, from its feedback.");
    let _ = writeln!(text, "# They are of this model: after another one was trained, find them anew.");
    text.push_str(&fragment::table(&["site", &args.site, "calibration"]));
    for Line { attribute, found: f } in lines {
        let _ = writeln!(
            text,
            "# {attribute}: {} rows, {} positive; shift {:+.2} to {:+.2}, scale {:.2} to {:.2} (95 %).",
            f.rows, f.positives, f.shift_low, f.shift_high, f.scale_low, f.scale_high
        );
        let _ = writeln!(text, "{attribute} = {{ shift = {:.3}, scale = {:.3} }}", f.shift, f.scale);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draws;

    /// Rows of a site where the odds are those of the scores moved so.
    fn rows(count: u64, shift: f64, scale: f64) -> Vec<(f64, f64)> {
        let mut draws = Draws::new(1, 7);
        let mut draw = || draws.below(1_000_000) as f64 / 1e6;
        let row = |_| {
            let x = 8.0 * draw() - 4.0;
            (x, f64::from(u8::from(draw() < sigmoid(scale * x + shift))))
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn many_rows_find_the_shift_and_the_scale() {
        let found = fit(&rows(20_000, 0.8, 1.3));
        assert!((found.shift - 0.8).abs() < 0.1 && (found.scale - 1.3).abs() < 0.1, "{found:?}");
        assert!(found.shift_low < 0.8 && 0.8 < found.shift_high, "{found:?}");
        assert!(found.shift_high - found.shift_low < 0.2 && found.loss_after < found.loss_before);
    }

    /// Scores of a site where everything is likelier than the model thinks.
    #[test]
    fn feedback_calibrates_the_rest() {
        let scored = |count, stream| {
            let mut draws = Draws::new(stream, 0);
            let rows = (0..count).map(|_| {
                let score = draws.below(1_000) as f32 / 1_000.0;
                let truth = sigmoid(log_odds(score) + 1.5);
                Scored { score, positive: (draws.below(1_000_000) as f64) < truth * 1e6 }
            });
            rows.collect::<Vec<_>>()
        };
        let mut rest = scored(5_000, 2);
        let error = |rows: &[Scored]| crate::metrics::Figures::new(rows).calibration_error;
        let before = error(&rest);
        moved(&scored(100, 1), &mut rest);
        assert!(before > 0.2 && error(&rest) < 0.06, "{before} {}", error(&rest));
    }

    #[test]
    fn few_rows_move_little_and_say_how_little_is_known() {
        let nothing = fit(&[]);
        assert_eq!((nothing.shift, nothing.scale), (0.0, 1.0));
        assert!((nothing.shift_high - SIDES).abs() < 1e-9, "the prior alone: {nothing:?}");
        // All three look as if every score were far too low.
        let few = fit(&[(-4.0, 1.0), (-3.0, 1.0), (-4.0, 1.0)]);
        assert!((0.0..2.5).contains(&few.shift) && few.scale > 0.4, "{few:?}");
        let more = fit(&rows(40, 2.0, 1.0));
        assert!((0.3..2.0).contains(&more.shift) && more.shift_low > 0.0, "{more:?}");
        assert!(more.shift_high - more.shift_low < nothing.shift_high - nothing.shift_low);
    }

    #[test]
    fn rows_that_contradict_nothing_move_nothing_far() {
        let same: Vec<(f64, f64)> = vec![(12.0, 1.0); 5_000];
        let found = fit(&same);
        assert!(found.shift.is_finite() && found.shift.abs() < 1.0 && found.scale < 2.0, "{found:?}");
    }
}
