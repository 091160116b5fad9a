//! HTML reduced to text.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;

use html5gum::emitters::ForwardingEmitter;
use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, Span, Tokenizer};

use super::address;
use super::map::{Mapped, whole_chars};

/// Appends what readers see of an HTML fragment, and counts the links that show
/// one domain and lead to another.
pub fn reduce(source: &str, out: &mut Mapped) -> u32 {
    let disguised = Cell::new(0);
    let mut emitter = CallbackEmitter::new(Writer::new(source, out, &disguised));
    // Says where scripts, styles and the like end.
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(source, Chunks { emitter, position: 0 }).finish();
    disguised.get()
}

/// Hands text to the [`Writer`] in the chunks that the tokenizer reads it in.
///
/// The callback emitter would join them, and the place of each decoded
/// character reference would be lost.
struct Chunks<'a> {
    emitter: CallbackEmitter<Writer<'a>, Infallible, usize>,
    position: usize,
}

impl ForwardingEmitter for Chunks<'_> {
    type Token = Infallible;

    fn inner(&mut self) -> &mut impl Emitter<Token = Infallible> {
        &mut self.emitter
    }

    fn move_position(&mut self, offset: isize) {
        self.position = self.position.saturating_add_signed(offset);
        self.emitter.move_position(offset);
    }

    fn emit_string(&mut self, chunk: &[u8]) {
        self.emitter.callback_mut().text(chunk, self.position);
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_eof(&mut self) {
        self.emitter.callback_mut().finish();
    }
}

/// A value of an attribute and its place in the source.
struct Value {
    text: String,
    source: Range<usize>,
}

/// A link whose label is being read.
struct Link {
    address: Value,
    /// Where the label starts in the text.
    label: usize,
}

struct Writer<'a> {
    source: &'a str,
    out: &'a mut Mapped,
    /// The end of what has been read and understood.
    cursor: usize,
    /// Text to copy. Gathered because a chunk may end within a character.
    run: Range<usize>,
    /// The source of the last decoded character reference.
    reference: Range<usize>,
    /// In an element whose content is not markup and not shown.
    in_raw: bool,
    /// How many templates are open.
    templates: usize,
    link: Option<Link>,
    /// Of the links that were read, addresses that their labels do not show.
    addresses: Vec<Value>,
    /// How many links show one domain and lead to another. The tokenizer does
    /// not hand the writer back, so the count lives outside.
    disguised: &'a Cell<u32>,
    // The start tag being read.
    tag: Vec<u8>,
    tag_start: usize,
    attribute: Option<Attribute>,
    values: [Option<Value>; 3],
}

/// The attributes that give text.
#[derive(Clone, Copy)]
enum Attribute {
    Href,
    Src,
    Alt,
}

impl Callback<Infallible, usize> for Writer<'_> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, span: Span<usize>) -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag.clear();
                self.tag.extend_from_slice(name);
                self.tag_start = span.start;
                self.values = [const { None }; 3];
            }
            CallbackEvent::AttributeName { name } => {
                self.attribute = match name {
                    b"href" | b"xlink:href" => Some(Attribute::Href),
                    b"src" => Some(Attribute::Src),
                    b"alt" => Some(Attribute::Alt),
                    _ => None,
                };
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some(attribute) = self.attribute.take() {
                    let text = String::from_utf8_lossy(value).into_owned();
                    let source = whole_chars(self.source, span.start..span.end);
                    // The first of several wins, as in a browser.
                    self.values[attribute as usize].get_or_insert(Value { text, source });
                }
            }
            CallbackEvent::CloseStartTag { .. } => {
                self.flush();
                self.start_tag(whole_chars(self.source, self.tag_start..span.end));
                self.cursor = span.end;
            }
            CallbackEvent::EndTag { name } => {
                self.flush();
                self.end_tag(name, whole_chars(self.source, span.start..span.end));
                self.cursor = span.end;
            }
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } => self.cursor = span.end,
            // Text comes through `Chunks`; errors are ignored as browsers do.
            CallbackEvent::String { .. } | CallbackEvent::Error(_) => {}
        }
        None
    }
}

impl<'a> Writer<'a> {
    fn new(source: &'a str, out: &'a mut Mapped, disguised: &'a Cell<u32>) -> Self {
        Self {
            source,
            out,
            cursor: 0,
            run: 0..0,
            reference: 0..0,
            in_raw: false,
            templates: 0,
            link: None,
            addresses: Vec::new(),
            disguised,
            tag: Vec::new(),
            tag_start: 0,
            attribute: None,
            values: [const { None }; 3],
        }
    }

    fn is_hidden(&self) -> bool {
        self.in_raw || self.templates > 0
    }

    /// Takes a chunk of text that ends at `end` in the source.
    fn text(&mut self, chunk: &[u8], end: usize) {
        let start = end.saturating_sub(chunk.len());
        let is_verbatim = start >= self.cursor && self.source.as_bytes().get(start..end) == Some(chunk);
        if self.is_hidden() {
            // Nothing of it is shown.
        } else if is_verbatim && start == self.run.end {
            self.run.end = end;
        } else if is_verbatim {
            self.flush();
            self.run = start..end;
        } else {
            self.flush();
            // A reference may stand for two characters, which come apart.
            if self.cursor < end {
                self.reference = whole_chars(self.source, self.cursor..end);
            }
            self.out.push_replaced(&String::from_utf8_lossy(chunk), self.reference.clone());
        }
        self.cursor = self.cursor.max(end);
    }

    /// Writes the text gathered so far.
    fn flush(&mut self) {
        self.out.push_verbatim(self.source, self.run.clone());
        self.run = self.cursor..self.cursor;
    }

    fn start_tag(&mut self, source: Range<usize>) {
        if self.tag == b"template" {
            self.templates += 1;
        }
        if !self.is_hidden() {
            self.part(layout(&self.tag), source.clone());
            self.attributes(source);
        }
        self.in_raw |= is_raw(&self.tag);
    }

    /// Writes what the attributes of the start tag say.
    fn attributes(&mut self, source: Range<usize>) {
        let [href, src, alt] = std::mem::replace(&mut self.values, [const { None }; 3]);
        let shown = |value: Value| Some(Value { text: address::shown(&value.text)?.into_owned(), ..value });
        if layout(&self.tag) == Layout::Cell {
            if let Some(alt) = alt {
                if self.source.get(alt.source.clone()) == Some(&alt.text) {
                    self.out.push_verbatim(self.source, alt.source);
                } else {
                    self.out.push_replaced(&alt.text, alt.source);
                }
            }
            if let Some(src) = src.and_then(shown).filter(|src| is_web(&src.text)) {
                self.out.push_apart(&src.text, src.source);
            }
            self.part(Layout::Cell, source);
        }
        let href = href.and_then(shown);
        match (self.tag.as_slice(), href) {
            (b"a", address) => {
                // A link within a link ends the outer one.
                self.close_link();
                let label = self.out.text().len();
                self.link = address.map(|address| Link { address, label });
            }
            (b"area", Some(address)) => self.out.push_apart(&address.text, address.source),
            _ => {}
        }
    }

    fn end_tag(&mut self, name: &[u8], source: Range<usize>) {
        // Within an element of raw text there are no end tags but its own.
        self.in_raw = false;
        if name == b"template" {
            self.templates = self.templates.saturating_sub(1);
        }
        if self.is_hidden() {
            return;
        }
        if name == b"a" {
            self.close_link();
        }
        self.part(layout(name), source);
    }

    /// Keeps the text so far apart from the text to come.
    fn part(&mut self, layout: Layout, source: Range<usize>) {
        let separator = match layout {
            Layout::Inline => return,
            Layout::Cell => ' ',
            Layout::Block => '\n',
        };
        self.write_addresses();
        self.out.separate(separator, source);
    }

    /// Writes the addresses of the links so far: where a text ends that readers
    /// read on, since a link in a word or a phrase parts it for nobody. Not within
    /// a label, which they would look like.
    fn write_addresses(&mut self) {
        if self.link.is_none() {
            for address in self.addresses.drain(..) {
                self.out.push_apart(&address.text, address.source);
            }
        }
    }

    /// Ends the label of the open link.
    fn close_link(&mut self) {
        let Some(Link { address, label }) = self.link.take() else { return };
        let label = &self.out.text()[label..];
        self.disguised.set(self.disguised.get() + u32::from(address::disguises(label, &address.text)));
        if !address::shows(label, &address.text) {
            self.addresses.push(address);
        }
    }

    fn finish(&mut self) {
        self.flush();
        // What has been read but not understood is a tag without an end.
        if !self.is_hidden() {
            self.out.push_verbatim(self.source, self.cursor..self.source.len());
        }
        self.close_link();
        self.write_addresses();
    }
}

fn is_web(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Whether the content of an element is neither markup nor shown.
///
/// The head is not among them: whatever of it is not in one of these is moved
/// to the body by a browser, and shown.
fn is_raw(name: &[u8]) -> bool {
    matches!(name, b"iframe" | b"noembed" | b"noscript" | b"script" | b"style" | b"title")
}

/// How an element stands to the text around it.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Inline,
    /// Beside it.
    Cell,
    /// On lines of its own.
    Block,
}

#[rustfmt::skip]
fn layout(name: &[u8]) -> Layout {
    match name {
        b"address" | b"article" | b"aside" | b"blockquote" | b"body" | b"br" | b"caption" | b"center"
        | b"dd" | b"details" | b"dialog" | b"dir" | b"div" | b"dl" | b"dt" | b"fieldset" | b"figcaption"
        | b"figure" | b"footer" | b"form" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"head"
        | b"header" | b"hgroup" | b"hr" | b"html" | b"legend" | b"li" | b"listing" | b"main" | b"menu"
        | b"nav" | b"ol" | b"optgroup" | b"option" | b"p" | b"plaintext" | b"pre" | b"search" | b"section"
        | b"summary" | b"table" | b"tbody" | b"tfoot" | b"thead" | b"tr" | b"ul" | b"xmp" => Layout::Block,
        b"area" | b"audio" | b"button" | b"canvas" | b"embed" | b"iframe" | b"img" | b"input" | b"meter"
        | b"object" | b"progress" | b"select" | b"source" | b"svg" | b"td" | b"textarea" | b"th" | b"video" => Layout::Cell,
        _ => Layout::Inline,
    }
}
