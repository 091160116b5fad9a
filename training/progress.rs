//! Progress bars, drawn on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a number of steps. indicatif draws it on the standard error, and
/// not at all when that is no terminal.
pub fn bar(what: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:12} {bar:30} {pos}/{len} {eta:>4} {msg}");
    let bar = ProgressBar::new(steps).with_prefix(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
