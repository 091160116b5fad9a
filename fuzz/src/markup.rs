//! The reduction of HTML and Markdown to what readers see. The first byte
//! chooses the format.

use super::{choice_and_text, format};
use std::cell::RefCell;
use thresher::text::markup::Reduced;

thread_local! {
    /// Holds what the inputs before left.
    static USED: RefCell<Reduced> = RefCell::default();
}

pub fn run(data: &[u8]) {
    let Some((choice, source)) = choice_and_text(data) else { return };
    let format = format(choice);
    let mut reduced = Reduced::default();
    reduced.reduce(source, format);
    let text = reduced.text();
    // Every range that begins a step apart, so that long texts do not cost their
    // length squared.
    let step = 1 + text.len() / 256;
    for start in (0..=text.len() + 1).step_by(step) {
        for end in [start, start + 1, start + 7, text.len()] {
            let range = reduced.source_range(start..end);
            assert!(source.get(range.clone()).is_some(), "{start}..{end} gives {range:?}");
        }
    }
    USED.with_borrow_mut(|used| {
        used.reduce(source, format);
        assert_eq!(used.text(), text, "the text depends on what was reduced before");
        assert_eq!(used.disguised_links(), reduced.disguised_links());
    });
}
