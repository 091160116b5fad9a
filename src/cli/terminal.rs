//! Writing to the standard output for people and for pipes.

use super::failure::Failure;
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes to the standard output. A reader that has seen enough and closed it
/// is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// How to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Faint,
    Strong,
    Good,
    Doubtful,
    Bad,
}

/// Whether to write colours.
#[derive(Clone, Copy, Debug)]
pub struct Colours(bool);

impl Colours {
    /// Colours on a terminal, unless `NO_COLOR` is set and not empty.
    pub fn for_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(io::stdout().is_terminal() && !unwanted)
    }

    /// Whether there are any.
    pub fn on(self) -> bool {
        self.0
    }

    /// The text in a style, or as it is.
    pub fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Faint => "2",
            Style::Strong => "1",
            Style::Good => "1;32",
            Style::Doubtful => "1;33",
            Style::Bad => "1;31",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
impl Colours {
    pub const ON: Colours = Colours(true);
    pub const OFF: Colours = Colours(false);
}

/// A character of somebody's text as a terminal can show it without obeying
/// it: control characters and marks that turn the direction are spelled out.
pub fn push_harmless(text: &mut String, c: char) {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if turns || (c.is_control() && c != '\t') {
        text.extend(c.escape_unicode());
    } else {
        text.push(c);
    }
}
