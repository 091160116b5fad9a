//! What all plots share: a frame with axes, paths, and figures in words.

use maud::{Markup, html};
use std::fmt::Write;

/// Where the unit square of a plot stands in its view box.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Width and height of the view box.
    pub size: (f64, f64),
    /// The view box's x at 0 and at 1.
    pub x: (f64, f64),
    /// The view box's y at 0 and at 1.
    pub y: (f64, f64),
}

/// A value from 0 to 1 and what is written at it.
pub type Tick = (f64, &'static str);

/// Ticks of a score.
pub const SCORES: [Tick; 6] =
    [(0.0, "0"), (0.2, "0.2"), (0.4, "0.4"), (0.6, "0.6"), (0.8, "0.8"), (1.0, "1")];

/// Ticks of a share.
pub const SHARES: [Tick; 5] = [(0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")];

impl Frame {
    /// A plot that leaves room for ticks and titles on the left and below.
    pub const fn new(width: f64, height: f64) -> Frame {
        Frame { size: (width, height), x: (52.0, width - 20.0), y: (height - 44.0, 12.0) }
    }

    /// Where a value from 0 to 1 stands from the left.
    pub fn at_x(&self, value: f64) -> f64 {
        tenth(self.x.0 + (self.x.1 - self.x.0) * value)
    }

    /// Where a value from 0 to 1 stands from the top.
    pub fn at_y(&self, value: f64) -> f64 {
        tenth(self.y.0 + (self.y.1 - self.y.0) * value)
    }

    /// The horizontal axis with its ticks, a line of the grid at each, and its
    /// title below.
    pub fn x_axis(&self, ticks: &[Tick], title: &str) -> Markup {
        html! {
            @for &(value, label) in ticks {
                @let x = self.at_x(value);
                line class="grid" x1=(x) x2=(x) y1=(self.y.0) y2=(self.y.1) {}
                text class="tick" x=(x) y=(self.y.0 + 17.0) text-anchor="middle" { (label) }
            }
            text class="axis" x=(self.at_x(0.5)) y=(self.size.1 - 6.0) text-anchor="middle" { (title) }
        }
    }

    /// The vertical axis with its ticks, a line of the grid at each, and its
    /// title on the left.
    pub fn y_axis(&self, ticks: &[Tick], title: &str) -> Markup {
        let middle = self.at_y(0.5);
        html! {
            @for &(value, label) in ticks {
                @let y = self.at_y(value);
                line class="grid" x1=(self.x.0) x2=(self.x.1) y1=(y) y2=(y) {}
                text class="tick" x=(self.x.0 - 7.0) y=(y + 4.0) text-anchor="end" { (label) }
            }
            text class="axis" x="11" y=(middle) text-anchor="middle" transform={ "rotate(-90 11 " (middle) ")" } {
                (title)
            }
        }
    }

    /// The path through some points of the unit square.
    pub fn line(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            let command = if path.is_empty() { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(path, "{command}{} {}", self.at_x(x), self.at_y(y));
        }
        path
    }

    /// The drawing, named and described for those who do not see it. `mapping`
    /// lets the script find a point of the unit square.
    pub fn svg(&self, id: &str, title: &str, description: &str, drawing: Markup) -> Markup {
        html! {
            svg viewBox={ "0 0 " (self.size.0) " " (self.size.1) } role="img"
                aria-labelledby={ (id) "-title " (id) "-about" }
                data-x={ (self.x.0) " " (self.x.1) } data-y={ (self.y.0) " " (self.y.1) } {
                title id={ (id) "-title" } { (title) }
                desc id={ (id) "-about" } { (description) }
                (drawing)
            }
        }
    }
}

/// Rounded to a tenth of a unit of the view box, which nobody can see.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A share in per cent, or a dash for what cannot be computed.
pub fn share(part: usize, whole: usize) -> String {
    if whole == 0 { DASH.to_owned() } else { format!("{:.1} %", part as f64 / whole as f64 * 100.0) }
}

/// A figure with four places, or a dash for what cannot be computed.
pub fn figure(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { DASH.to_owned() }
}

/// Stands for what cannot be computed.
const DASH: &str = "–";

/// A whole number with a comma at each thousand.
pub fn count(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (value, expected) in [(0u64, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), expected);
        }
    }

    #[test]
    fn the_unit_square_is_mapped_upwards() {
        let frame = Frame::new(200.0, 100.0);
        assert_eq!(frame.line([(0.0, 0.0), (1.0, 1.0)]), "M52 56L180 12");
    }

    #[test]
    fn what_cannot_be_computed_is_a_dash() {
        assert_eq!((share(1, 0), share(1, 8)), (DASH.to_owned(), "12.5 %".to_owned()));
        assert_eq!((figure(f64::NAN), figure(0.5)), (DASH.to_owned(), "0.5000".to_owned()));
    }
}
