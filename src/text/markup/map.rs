//! Text built of pieces that each know where they came from.

use std::ops::Range;

/// Text and the place in a source of each piece of it.
#[derive(Default)]
pub struct Mapped {
    text: String,
    /// In the order of the text, without gaps, the first at 0.
    segments: Vec<Segment>,
    /// A blank or a line break owed before the next piece, and its source.
    separator: Option<(char, Range<usize>)>,
}

/// A piece of text, which reaches to the start of the next one.
struct Segment {
    /// The offset of the first byte in the text.
    start: usize,
    source: Range<usize>,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    /// The same bytes as in the source.
    Verbatim,
    /// Other bytes, which stand for the whole piece of the source.
    Replaced,
}

impl Mapped {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.segments.clear();
        self.separator = None;
    }

    /// Appends bytes of the source; `range` is cut to it and widened to whole
    /// characters.
    pub fn push_verbatim(&mut self, source: &str, range: Range<usize>) {
        let range = whole_chars(source, range);
        let piece = &source[range.clone()];
        if !piece.is_empty() {
            self.settle(piece);
            self.extend(piece, range, Kind::Verbatim);
        }
    }

    /// Appends text that stands for a piece of the source, whose bounds must
    /// lie between characters.
    pub fn push_replaced(&mut self, text: &str, source: Range<usize>) {
        if !text.is_empty() {
            self.settle(text);
            self.extend(text, source, Kind::Replaced);
        }
    }

    /// Appends text like [`Mapped::push_replaced`], kept apart from the text
    /// on both sides.
    pub fn push_apart(&mut self, text: &str, source: Range<usize>) {
        self.separate(' ', source.clone());
        self.push_replaced(text, source.clone());
        self.separate(' ', source);
    }

    /// Keeps the text so far apart from the text to come, if there is any, by
    /// a blank or, which wins over a blank, a line break.
    pub fn separate(&mut self, separator: char, source: Range<usize>) {
        if self.separator.as_ref().is_none_or(|(owed, _)| *owed != '\n') {
            self.separator = Some((separator, source));
        }
    }

    /// Says where a piece came from, once that is known.
    pub fn set_source(&mut self, segment: SegmentId, source: Range<usize>) {
        if let Some(segment) = self.segments.get_mut(segment.0) {
            segment.source = source;
        }
    }

    /// The piece appended last.
    pub fn last_segment(&self) -> SegmentId {
        SegmentId(self.segments.len().saturating_sub(1))
    }

    /// Writes the separator that is owed, unless the text has one.
    fn settle(&mut self, next: &str) {
        let Some((separator, source)) = self.separator.take() else { return };
        let serves = |c: char| if separator == '\n' { c == '\n' } else { c.is_whitespace() };
        if !self.text.is_empty() && !self.text.ends_with(serves) && !next.starts_with(serves) {
            let mut bytes = [0; 4];
            self.extend(separator.encode_utf8(&mut bytes), source, Kind::Replaced);
        }
    }

    fn extend(&mut self, text: &str, source: Range<usize>, kind: Kind) {
        let joins = |last: &Segment| {
            kind == Kind::Verbatim && last.kind == Kind::Verbatim && last.source.end == source.start
        };
        match self.segments.last_mut() {
            Some(last) if joins(last) => last.source.end = source.end,
            _ => self.segments.push(Segment { start: self.text.len(), source, kind }),
        }
        self.text.push_str(text);
    }

    /// The piece of the source that `range`, cut to the text and widened to
    /// whole characters, came from.
    pub fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let range = whole_chars(&self.text, range);
        // The first segment starts at 0, so there is one before the partition
        // point whenever there is any.
        let first = self.segments.partition_point(|s| s.start <= range.start).saturating_sub(1);
        let mut pieces = self.segments[first..]
            .iter()
            .take_while(|s| s.start < range.end || s.start <= range.start)
            .map(|s| s.piece(&range));
        let Some(mut whole) = pieces.next() else { return 0..0 };
        for piece in pieces {
            whole = whole.start.min(piece.start)..whole.end.max(piece.end);
        }
        whole
    }

    /// The verbatim pieces: their place in the text and in the source.
    #[cfg(test)]
    pub fn verbatim(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let place = |s: &Segment| (s.start..s.start + s.source.len(), s.source.clone());
        self.segments.iter().filter(|s| s.kind == Kind::Verbatim).map(place).collect()
    }
}

/// Names a piece of a [`Mapped`] until it is cleared.
pub struct SegmentId(usize);

impl Segment {
    /// The part of the source under `range`, which reaches into this segment.
    fn piece(&self, range: &Range<usize>) -> Range<usize> {
        let place = |offset: usize| {
            let within = offset.saturating_sub(self.start);
            (self.source.start + within).min(self.source.end)
        };
        match self.kind {
            Kind::Verbatim => place(range.start)..place(range.end),
            Kind::Replaced if !range.is_empty() => self.source.clone(),
            Kind::Replaced if range.start == self.start => self.source.start..self.source.start,
            Kind::Replaced => self.source.end..self.source.end,
        }
    }
}

/// Cuts a range to the text and widens it to whole characters. An empty range
/// stays empty.
pub fn whole_chars(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    if range.is_empty() {
        return start..start;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
