//! The plots of one attribute, each with its table.

use super::figures::AttributeFigures;
use super::plot::{Frame, SCORES, SHARES, Tick, count, share};
use crate::metrics::curves::{Bin, HISTOGRAM_BINS, THRESHOLDS};
use maud::{Markup, html};

/// The size of the plots that stand two in a row.
const HALF: Frame = Frame::new(480.0, 300.0);

/// The size of the plot over all thresholds.
const WIDE: Frame = Frame::new(600.0, 300.0);

/// A plot with its heading, what it shows in a sentence, and its table.
struct Chart<'a> {
    id: String,
    title: &'a str,
    description: String,
    frame: Frame,
    drawing: Markup,
    head: &'a [&'a str],
    rows: Vec<Vec<String>>,
}

impl Chart<'_> {
    fn render(self) -> Markup {
        let Chart { id, title, description, frame, drawing, head, rows } = self;
        html! {
            figure id=(id) {
                figcaption { strong { (title) } " " (description) }
                (frame.svg(&id, title, &description, drawing))
                details {
                    summary { "As a table" }
                    table {
                        thead { tr { @for name in head { th scope="col" { (name) } } } }
                        tbody { @for row in &rows { tr { @for cell in row { td { (cell) } } } } }
                    }
                }
            }
        }
    }
}

/// The share of each class by score: positives upwards, negatives downwards.
pub fn distribution(of: &AttributeFigures, key: &str) -> Markup {
    const TICKS: [(f64, &str); 4] = [(0.05, "5 %"), (0.25, "25 %"), (0.5, "50 %"), (1.0, "100 %")];
    let classes = [(&of.histogram.positives, of.pooled.positives), (&of.histogram.negatives, of.negatives())];
    let part = |bin: usize, whole: usize| bin as f64 / whole.max(1) as f64;
    let most = classes.iter().flat_map(|(bins, whole)| bins.iter().map(move |&b| part(b, *whole)));
    let most = most.fold(0.0, f64::max);
    let top = TICKS.iter().map(|t| t.0).find(|&t| t >= most).unwrap_or(1.0);
    let height = |share: f64| (share / top).sqrt() / 2.0;
    let outline = |(bins, whole): (&Vec<usize>, usize), sign: f64| {
        let mut points = vec![(0.0, 0.5)];
        for (i, &bin) in bins.iter().enumerate() {
            let y = 0.5 + sign * height(part(bin, whole));
            points.push((i as f64 / HISTOGRAM_BINS as f64, y));
            points.push(((i + 1) as f64 / HISTOGRAM_BINS as f64, y));
        }
        points.push((1.0, 0.5));
        HALF.line(points) + "Z"
    };
    let ticks = TICKS.iter().filter(|t| t.0 <= top);
    let ticks: Vec<Tick> = ticks
        .flat_map(|&(value, label)| [(0.5 + height(value), label), (0.5 - height(value), label)])
        .collect();
    // Two bins a row of the table.
    let rows = (0..HISTOGRAM_BINS / 2).map(|i| {
        let edge = |i: usize| format!("{:.2}", i as f64 * 2.0 / HISTOGRAM_BINS as f64);
        let sum = |bins: &[usize]| count(bins[2 * i] + bins[2 * i + 1]);
        vec![
            format!("{} to {}", edge(i), edge(i + 1)),
            sum(&of.histogram.positives),
            sum(&of.histogram.negatives),
        ]
    });
    Chart {
        id: format!("{key}-distribution"),
        title: "Score distributions.",
        description: "Share of each class by score, on a square-root scale. The less they face each other, the \
                      better."
            .to_owned(),
        frame: HALF,
        drawing: html! {
            (HALF.x_axis(&SCORES, "score"))
            (HALF.y_axis(&ticks, "share of the class"))
            path class="area positive" d=(outline(classes[0], 1.0)) {}
            path class="area negative" d=(outline(classes[1], -1.0)) {}
            line class="frame" x1=(HALF.x.0) x2=(HALF.x.1) y1=(HALF.at_y(0.5)) y2=(HALF.at_y(0.5)) {}
            text class="name positive" x=(HALF.at_x(0.02)) y=(HALF.at_y(0.93)) { "positive" }
            text class="name negative" x=(HALF.at_x(0.98)) y=(HALF.at_y(0.03)) text-anchor="end" { "negative" }
            (cut(&HALF))
        },
        head: &["score", "positive", "negative"],
        rows: rows.collect(),
    }
    .render()
}

/// Recall against the false positive rate.
pub fn roc(of: &AttributeFigures, key: &str) -> Markup {
    let points = &of.curves.roc;
    let path = |points: &[[f64; 2]]| HALF.line(points.iter().map(|p| (p[0], p[1])));
    let marks = [(0.01, of.pooled.recall_at_1), (0.05, of.pooled.recall_at_5)];
    let marks = marks.into_iter().filter(|(_, recall)| recall.is_finite());
    let at = |limit: f64| points.iter().rev().find(|p| p[0] <= limit).map_or(0.0, |p| p[1]);
    let limits = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0];
    let rows = limits.into_iter().filter(|_| !points.is_empty());
    Chart {
        id: format!("{key}-roc"),
        title: "ROC curve.",
        description: format!(
            "Of the positives, the share found, against the share of negatives taken for positive. All rows pooled: \
             area {}. Rings: 1 % and 5 % false positives.{}",
            super::plot::figure(of.pooled.roc_auc),
            if of.sources.len() > 1 { " Thin: each source." } else { "" }
        ),
        frame: HALF,
        drawing: html! {
            (HALF.x_axis(&SHARES, "false positive rate"))
            (HALF.y_axis(&SHARES, "recall"))
            path class="chance" d=(HALF.line([(0.0, 0.0), (1.0, 1.0)])) {}
            @for source in of.sources.iter().filter(|s| !s.roc.is_empty()) {
                path class="source" d=(path(&source.roc)) { title { (source.set) } }
            }
            path class="curve" d=(path(points)) {}
            @for (limit, recall) in marks {
                circle class="ring" r="5" cx=(HALF.at_x(limit)) cy=(HALF.at_y(recall)) {}
            }
            (now(&HALF, "roc"))
        },
        head: &["false positive rate at most", "recall"],
        rows: rows.map(|limit| vec![format!("{:.1} %", limit * 100.0), percent(at(limit))]).collect(),
    }
    .render()
}

/// Precision against recall.
pub fn precision_recall(of: &AttributeFigures, key: &str) -> Markup {
    let points = &of.curves.precision_recall;
    let mut steps = Vec::with_capacity(2 * points.len());
    let mut from = 0.0;
    for &[recall, precision] in points {
        steps.push((from, precision));
        steps.push((recall, precision));
        from = recall;
    }
    let base = of.pooled.positives as f64 / of.pooled.rows.max(1) as f64;
    let at = |least: f64| points.iter().find(|p| p[0] >= least).map_or(f64::NAN, |p| p[1]);
    let rows = (1..=10).filter(|_| !points.is_empty()).map(|i| f64::from(i) / 10.0);
    Chart {
        id: format!("{key}-precision-recall"),
        title: "Precision and recall.",
        description: format!(
            "Of the rows above a threshold, the share that is positive, against the share of positives found. All \
             rows pooled: average precision {}. Dashed: the share of positives, {}.",
            super::plot::figure(of.pooled.average_precision),
            share(of.pooled.positives, of.pooled.rows)
        ),
        frame: HALF,
        drawing: html! {
            (HALF.x_axis(&SHARES, "recall"))
            (HALF.y_axis(&SHARES, "precision"))
            path class="chance" d=(HALF.line([(0.0, base), (1.0, base)])) {}
            path class="curve" d=(HALF.line(steps)) {}
            (now(&HALF, "precision-recall"))
        },
        head: &["recall at least", "precision"],
        rows: rows.map(|recall| vec![format!("{:.0} %", recall * 100.0), percent(at(recall))]).collect(),
    }
    .render()
}

/// The share of positives against the mean score, tenth by tenth, above the
/// number of rows in each tenth.
pub fn reliability(of: &AttributeFigures, key: &str) -> Markup {
    let (frame, strip) = (Frame { y: (196.0, 12.0), ..HALF }, Frame { y: (256.0, 212.0), ..HALF });
    let filled: Vec<(usize, &Bin)> = of.calibration.iter().enumerate().filter(|(_, b)| b.rows > 0).collect();
    let most = of.calibration.iter().map(|b| b.rows).max().unwrap_or(0).max(1) as f64;
    let mean = |bin: &Bin| bin.scores / bin.rows as f64;
    let found = |bin: &Bin| bin.positives as f64 / bin.rows as f64;
    let bar = |i: usize, bin: &Bin| {
        let (left, right) = (i as f64 / 10.0 + 0.006, (i + 1) as f64 / 10.0 - 0.006);
        let top = (bin.rows as f64 / most).sqrt() * 0.72;
        strip.line([(left, 0.0), (left, top), (right, top), (right, 0.0)]) + "Z"
    };
    let rows = filled.iter().map(|(i, bin)| {
        let (low, high) = wilson(bin.positives, bin.rows);
        vec![
            format!("{:.1} to {:.1}", *i as f64 / 10.0, (i + 1) as f64 / 10.0),
            count(bin.rows),
            format!("{:.3}", mean(bin)),
            percent(found(bin)),
            format!("{} to {}", percent(low), percent(high)),
        ]
    });
    Chart {
        id: format!("{key}-reliability"),
        title: "Reliability.",
        description: format!(
            "Of the rows scored about 0.8, eight in ten are to be positive: on the dashed line. Bars: 95 % intervals \
             (Wilson). Below: rows by tenth, on a square-root scale. All rows pooled: calibration error {}.",
            super::plot::figure(of.pooled.calibration_error)
        ),
        frame: HALF,
        drawing: html! {
            (frame.y_axis(&SHARES, "positive"))
            @for (value, _) in SCORES {
                line class="grid" x1=(frame.at_x(value)) x2=(frame.at_x(value)) y1=(frame.y.0) y2=(frame.y.1) {}
            }
            path class="chance" d=(frame.line([(0.0, 0.0), (1.0, 1.0)])) {}
            @for (_, bin) in &filled {
                @let (low, high) = wilson(bin.positives, bin.rows);
                path class="whisker" d=(frame.line([(mean(bin), low), (mean(bin), high)])) {}
            }
            path class="curve thin" d=(frame.line(filled.iter().map(|(_, bin)| (mean(bin), found(bin))))) {}
            @for (_, bin) in &filled {
                circle class="dot" r="4" cx=(frame.at_x(mean(bin))) cy=(frame.at_y(found(bin))) {}
            }
            @for (i, bin) in &filled {
                path class="bin" d=(bar(*i, bin)) {}
                text class="tick" x=(strip.at_x((*i as f64 + 0.5) / 10.0)) text-anchor="middle"
                    y=(strip.at_y((bin.rows as f64 / most).sqrt() * 0.72) - 3.0) { (count(bin.rows)) }
            }
            line class="frame" x1=(strip.x.0) x2=(strip.x.1) y1=(strip.y.0) y2=(strip.y.0) {}
            @for (value, label) in SCORES {
                text class="tick" x=(strip.at_x(value)) y=(strip.y.0 + 17.0) text-anchor="middle" { (label) }
            }
            text class="axis" x=(strip.at_x(0.5)) y=(HALF.size.1 - 6.0) text-anchor="middle" { "score" }
            text class="axis" x="11" y=(strip.at_y(0.5)) text-anchor="middle"
                transform={ "rotate(-90 11 " (strip.at_y(0.5)) ")" } { "rows" }
        },
        head: &["score", "rows", "mean score", "positive", "95 % interval"],
        rows: rows.collect(),
    }
    .render()
}

/// Queue share, precision, recall and false positive rate against the
/// threshold. The table of thresholds stands beside it.
pub fn thresholds(of: &AttributeFigures, key: &str) -> Markup {
    let (rows, positives, negatives) = (of.pooled.rows, of.pooled.positives, of.negatives());
    let counts = &of.counts;
    let line = |value: &dyn Fn(usize, usize) -> (usize, usize)| {
        let points = (0..THRESHOLDS).filter_map(|i| {
            let (part, whole) = value(counts.true_positives[i], counts.false_positives[i]);
            (whole > 0).then(|| (f64::from(counts.threshold[i]), part as f64 / whole as f64))
        });
        WIDE.line(points)
    };
    let title = "Thresholds.";
    let description = "What reaches each threshold: the share of all comments that moderators would be shown, and \
                       how right that would be.";
    let id = format!("{key}-thresholds");
    html! {
        figure id=(id) {
            figcaption { strong { (title) } " " (description) }
            ul class="legend" {
                li { span class="swatch queue" {} "queue" }
                li { span class="swatch precision" {} "precision" }
                li { span class="swatch recall" {} "recall" }
                li { span class="swatch wrong" {} "false positive rate" }
            }
            (WIDE.svg(&id, title, description, html! {
                (WIDE.x_axis(&SCORES, "threshold"))
                (WIDE.y_axis(&SHARES, "share"))
                path class="series wrong" d=(line(&|_, wrong| (wrong, negatives))) {}
                path class="series queue" d=(line(&|found, wrong| (found + wrong, rows))) {}
                path class="series precision" d=(line(&|found, wrong| (found, found + wrong))) {}
                path class="series recall" d=(line(&|found, _| (found, positives))) {}
                (cut(&WIDE))
            }))
        }
    }
}

/// The line that the slider moves, at one half until it is moved.
fn cut(frame: &Frame) -> Markup {
    let x = frame.at_x(0.5);
    html! { line class="cut" x1=(x) x2=(x) y1=(frame.y.0) y2=(frame.y.1) {} }
}

/// The dot that the slider moves; hidden until a script places it.
fn now(frame: &Frame, plot: &str) -> Markup {
    html! { circle class="now" data-plot=(plot) r="5" cx=(frame.x.0) cy=(frame.y.0) visibility="hidden" {} }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The 95 % interval of a share (Wilson 1927), which stays between 0 and 1.
fn wilson(part: usize, whole: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    let n = whole as f64;
    let p = part as f64 / n;
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Newcombe 1998, "Two-sided confidence intervals for the
    /// single proportion": 81 of 263.
    #[test]
    fn wilson_intervals_are_those_of_the_literature() {
        let (low, high) = wilson(81, 263);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        assert!(wilson(0, 3).0 == 0.0 && wilson(3, 3).1 == 1.0);
    }
}
