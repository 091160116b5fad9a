//! Reduces HTML and CommonMark to the text that readers see, with a map back.
//!
//! Both formats go through the tokenizer of the HTML standard: CommonMark is
//! rendered to HTML first, so that the HTML in it means what it means to a
//! browser. Every step is linear in the text and total on any text.

mod address;
mod html;
mod map;
mod markdown;

pub(crate) use address::shown;

use std::fmt;
use std::ops::Range;

use crate::comment::Format;
use map::Mapped;

/// Text reduced from markup, with a map back to the source.
///
/// Made to be reused: [`Reduced::reduce`] forgets the text before.
#[derive(Default)]
pub struct Reduced {
    text: Mapped,
    /// The HTML between the source and the text, if the source is CommonMark.
    html: Mapped,
    format: Format,
    disguised_links: u32,
}

impl Reduced {
    /// The text that readers see, and the addresses of the links in it.
    pub fn text(&self) -> &str {
        self.text.text()
    }

    /// How many links show one domain in their label and lead to another.
    pub fn disguised_links(&self) -> u32 {
        self.disguised_links
    }

    /// Forgets the text.
    pub fn clear(&mut self) {
        self.text.clear();
        self.html.clear();
        self.format = Format::Plain;
        self.disguised_links = 0;
    }

    /// Replaces the text by that of `source`.
    ///
    /// A link gives its label and, at the end of the block that it stands in, its
    /// address, unless the label shows the address already; an image gives its description and its address.
    /// Comments, scripts, styles and whatever else a browser hides by itself
    /// give nothing, except that a tag cut short by the end of the source is
    /// text.
    pub fn reduce(&mut self, source: &str, format: Format) {
        self.clear();
        self.format = format;
        match format {
            Format::Plain => self.text.push_verbatim(source, 0..source.len()),
            Format::Html => self.disguised_links = html::reduce(source, &mut self.text),
            Format::Markdown => {
                markdown::render(source, &mut self.html);
                self.disguised_links = html::reduce(self.html.text(), &mut self.text);
            }
        }
    }

    /// The bytes of the source that a range of bytes of the text came from.
    ///
    /// Any range is answered: it is cut to the text and widened to whole
    /// characters. A character reference, an address and a line break are one
    /// piece each, which is answered whole.
    pub fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let range = self.text.source_range(range);
        match self.format {
            Format::Markdown => self.html.source_range(range),
            Format::Plain | Format::Html => range,
        }
    }
}

/// Leaves the text out, so that no log line can carry it.
impl fmt::Debug for Reduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reduced").field("text_bytes", &self.text().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
