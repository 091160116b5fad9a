//! CommonMark rendered to HTML.
//!
//! Not the HTML of a page: only links, images and the author's own HTML are
//! markup, blocks are lines, and emphasis is gone.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::map::{Mapped, SegmentId};

/// Appends the HTML of a CommonMark text.
pub fn render(source: &str, out: &mut Mapped) {
    let mut writer = Writer { source, out, open: Vec::new(), cursor: 0 };
    for (event, range) in Parser::new_ext(source, Options::empty()).into_offset_iter() {
        writer.event(event, range);
    }
}

struct Writer<'a> {
    source: &'a str,
    out: &'a mut Mapped,
    /// The links and images being read, the innermost last.
    open: Vec<Target<'a>>,
    /// The end of the last piece read.
    cursor: usize,
}

struct Target<'a> {
    address: CowStr<'a>,
    /// Where a link's address was written; an image's comes at its end.
    written: Option<SegmentId>,
}

impl<'a> Writer<'a> {
    fn event(&mut self, event: Event<'a>, range: Range<usize>) {
        let (start, end) = (range.start, range.end);
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                self.out.push_replaced("<a href=\"", start..start);
                let written = self.push_address(&dest_url, start..end);
                self.out.push_replaced("\">", start..start);
                self.open.push(Target { address: dest_url, written });
                self.cursor = start;
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                // Keeps the description apart from the text before.
                self.out.push_replaced("<img>", start..start);
                self.open.push(Target { address: dest_url, written: None });
                self.cursor = start;
            }
            Event::Start(tag) => self.separate(&tag.to_end(), start),
            Event::End(tag @ (TagEnd::Link | TagEnd::Image)) => {
                self.close(&tag, range);
                self.cursor = end;
            }
            Event::End(tag) => {
                self.separate(&tag, end);
                self.cursor = end;
            }
            Event::Rule => self.out.separate('\n', range),
            Event::SoftBreak | Event::HardBreak => self.out.push_replaced("\n", range),
            Event::Html(html) | Event::InlineHtml(html) => {
                self.push_markup(&html, range);
                self.cursor = end;
            }
            Event::Code(code) => {
                self.push_code(&code, range);
                self.cursor = end;
            }
            Event::Text(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => {
                self.push_text(&text, range);
                self.cursor = end;
            }
            Event::TaskListMarker(_) => {}
        }
    }

    /// Keeps a block apart from the text around it.
    fn separate(&mut self, tag: &TagEnd, place: usize) {
        if !matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) {
            self.out.separate('\n', place..place);
        }
    }

    /// Ends the innermost link or image.
    fn close(&mut self, tag: &TagEnd, range: Range<usize>) {
        let Some(Target { address, written }) = self.open.pop() else { return };
        // The address stands behind the label or, in a link by reference,
        // elsewhere; then what is behind the label stands for it.
        let behind = self.cursor.clamp(range.start, range.end)..range.end;
        let place = self.find(&address, behind.clone()).unwrap_or(behind);
        let end = range.end..range.end;
        if let Some(written) = written {
            self.out.set_source(written, place);
        } else if *tag == TagEnd::Image {
            self.out.push_replaced("<img src=\"", end.clone());
            self.push_address(&address, place);
            self.out.push_replaced("\">", end.clone());
        }
        if *tag == TagEnd::Link {
            self.out.push_replaced("</a>", end);
        }
    }

    fn push_address(&mut self, address: &str, range: Range<usize>) -> Option<SegmentId> {
        self.out.push_replaced(&escape(address), range);
        // Without an address the last segment is the tag's.
        (!address.is_empty()).then(|| self.out.last_segment())
    }

    fn push_markup(&mut self, html: &str, range: Range<usize>) {
        if self.source.get(range.clone()) == Some(html) {
            self.out.push_verbatim(self.source, range);
        } else {
            self.out.push_replaced(html, range);
        }
    }

    fn push_text(&mut self, text: &str, range: Range<usize>) {
        if self.source.get(range.clone()) != Some(text) {
            self.out.push_replaced(&escape(text), range);
            return;
        }
        let mut copied = range.start;
        for (offset, special) in text.match_indices(SPECIAL) {
            let place = range.start + offset;
            self.out.push_verbatim(self.source, copied..place);
            self.out.push_replaced(reference(special), place..place + special.len());
            copied = place + special.len();
        }
        self.out.push_verbatim(self.source, copied..range.end);
    }

    fn push_code(&mut self, code: &str, range: Range<usize>) {
        let ticks =
            self.source.get(range.clone()).unwrap_or_default().bytes().take_while(|b| *b == b'`').count();
        let place = self.find(code, range.start + ticks..range.end);
        self.push_text(code, place.unwrap_or(range));
    }

    fn find(&self, text: &str, within: Range<usize>) -> Option<Range<usize>> {
        let start = within.start + self.source.get(within)?.find(text)?;
        Some(start..start + text.len())
    }
}

/// The characters that are markup in the text or in the attributes of HTML.
const SPECIAL: [char; 3] = ['<', '&', '"'];

fn reference(special: &str) -> &'static str {
    match special {
        "<" => "&lt;",
        "&" => "&amp;",
        _ => "&quot;",
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    let mut specials = text.match_indices(SPECIAL).peekable();
    if specials.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut copied = 0;
    for (offset, special) in specials {
        escaped.push_str(&text[copied..offset]);
        escaped.push_str(reference(special));
        copied = offset + special.len();
    }
    escaped.push_str(&text[copied..]);
    Cow::Owned(escaped)
}
