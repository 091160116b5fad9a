//! Normalised text into tokens, in one pass over its chunks.

use super::linkify::{Address, Addresses, is_wrapping};
use super::{Document, Surface, Token, TokenKind, disguise, people::names_people};

/// Folded spellings longer than this are no words.
pub(super) const MAX_FOLDED_BYTES: usize = 40;

pub(super) fn tokenize(document: &mut Document) {
    let mut text = std::mem::take(&mut document.text);
    let mut tokenizer =
        Tokenizer { text: &text, tokens: &mut document.tokens, surface: &mut document.surface };
    let bytes = text.as_bytes();
    let mut start = 1;
    for (i, &b) in bytes.iter().enumerate().skip(1) {
        if b == b' ' {
            if i > start {
                tokenizer.chunk(start, i);
            }
            start = i + 1;
        }
    }
    tokenizer.count_repeats();
    find_phones(&text, &mut document.tokens, &mut document.surface);
    fold_spaced(document, &mut text);
    fold_leet(&mut text, &mut document.tokens, &mut document.surface);
    disguise::fold_broken(&mut text, &mut document.tokens);
    disguise::fold_stretched(&mut text, &mut document.tokens);
    disguise::fold_foreign(&mut text, &mut document.tokens, &document.surface);
    let folded = document.tokens.iter().rev().take_while(|t| t.kind == TokenKind::Folded);
    let addressed = folded.filter(|t| is_second_person(&text.as_bytes()[t.range()])).count();
    document.surface.second_person += addressed as u32;
    document.text = text;
}

struct Tokenizer<'a> {
    text: &'a str,
    tokens: &'a mut Vec<Token>,
    surface: &'a mut Surface,
}

impl Tokenizer<'_> {
    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        let source = (start as u32, end as u32);
        self.tokens.push(Token { kind, start: source.0, end: source.1, source, names_people: false });
    }

    fn chunk(&mut self, start: usize, end: usize) {
        let chunk = &self.text[start..end];
        let mut at = start;
        if chunk.len() > 3 && chunk.bytes().any(|b| matches!(b, b'.' | b'@' | b':')) {
            for Address { kind, start: from, end: to } in Addresses::of(chunk) {
                self.pieces(at, start + from, at == start);
                match kind {
                    TokenKind::Email => self.surface.emails += 1,
                    _ => self.surface.links += 1,
                }
                self.push(kind, start + from, start + to);
                at = start + to;
            }
        }
        self.pieces(at, end, at > start);
    }

    /// Reads what stands beside an address, or a chunk without one. What only
    /// sets an address off from the text says nothing.
    fn pieces(&mut self, start: usize, end: usize, beside: bool) {
        if beside && self.text[start..end].chars().all(is_wrapping) {
            return;
        }
        let mut at = start;
        while at < end {
            at = self.token(at, end);
        }
    }

    /// Reads the token at `at` and returns where it ends.
    fn token(&mut self, at: usize, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let b = bytes[at];
        if b.is_ascii_alphabetic() {
            return self.word(at, end);
        }
        if b.is_ascii_digit() {
            return self.number(at, end);
        }
        if b.is_ascii() {
            let next_is_name = at + 1 < end
                && (bytes[at + 1].is_ascii_alphanumeric()
                    || bytes[at + 1] == b'_'
                    || !bytes[at + 1].is_ascii());
            if next_is_name && (b == b'@' || b == b'#') && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            {
                return self.handle(b, at, end);
            }
            return self.punctuation(at, end);
        }
        match self.char_at(at) {
            Some(c) if is_ideograph(c) => {
                self.surface.words += 1;
                self.push(TokenKind::Word, at, at + c.len_utf8());
                at + c.len_utf8()
            }
            Some(c) if c.is_alphanumeric() => self.word(at, end),
            Some(c) if is_emoji(c) => {
                self.surface.emoji += 1;
                self.push(TokenKind::Emoji, at, at + c.len_utf8());
                at + c.len_utf8()
            }
            _ => self.punctuation(at, end),
        }
    }

    fn word(&mut self, at: usize, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut i = at;
        while i < end {
            let b = bytes[i];
            let apostrophe = || b == b'\'' && i > at && i + 1 < end && bytes[i + 1].is_ascii_alphabetic();
            if b.is_ascii_alphanumeric() || apostrophe() {
                i += 1;
            } else if b.is_ascii() {
                break;
            } else {
                match self.char_at(i) {
                    Some(c) if is_ideograph(c) || is_emoji(c) => break,
                    Some(c) if c.is_alphanumeric() || is_mark(c) => i += c.len_utf8(),
                    _ => break,
                }
            }
        }
        // Always at least the character that brought us here.
        let i = if i == at { at + self.char_at(at).map_or(1, char::len_utf8) } else { i };
        self.surface.words += 1;
        self.surface.longest_word = self.surface.longest_word.max((i - at) as u32);
        self.surface.second_person += u32::from(is_second_person(&bytes[at..i]));
        self.push(TokenKind::Word, at, i);
        if names_people(&bytes[at..i]) {
            self.surface.people += 1;
            self.tokens.last_mut().into_iter().for_each(|token| token.names_people = true);
        }
        i
    }

    fn number(&mut self, at: usize, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut i = at;
        while i < end
            && (bytes[i].is_ascii_digit()
                || (is_separator(bytes[i]) && i + 1 < end && bytes[i + 1].is_ascii_digit()))
        {
            i += 1;
        }
        // Letters right behind digits belong to them: 4th, 10pm, 100k.
        if i < end
            && (bytes[i].is_ascii_alphabetic()
                || self.char_at(i).is_some_and(|c| !c.is_ascii() && c.is_alphanumeric() && !is_ideograph(c)))
        {
            return self.word(at, end).max(i);
        }
        self.surface.numbers += 1;
        self.push(TokenKind::Number, at, i);
        i
    }

    fn handle(&mut self, sign: u8, at: usize, end: usize) -> usize {
        let name =
            self.text[at + 1..end].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == '-'));
        let stop = name.map_or(end, |len| at + 1 + len);
        let stop = at + self.text[at..stop].trim_end_matches(['.', '-']).len();
        let kind = if sign == b'@' {
            self.surface.mentions += 1;
            TokenKind::Mention
        } else {
            self.surface.tags += 1;
            TokenKind::Tag
        };
        self.push(kind, at, stop);
        stop
    }

    fn punctuation(&mut self, at: usize, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut i = at;
        while i < end {
            match self.char_at(i) {
                Some(c) if !c.is_alphanumeric() && !is_emoji(c) => {
                    self.surface.punctuation += 1;
                    match c {
                        '!' => self.surface.exclamations += 1,
                        '?' => self.surface.questions += 1,
                        '$' | '€' | '£' | '¥' | '₹' | '₿' | '₽' => {
                            let before = i > 0 && bytes[i - 1].is_ascii_digit();
                            let after = bytes.get(i + c.len_utf8()).is_some_and(u8::is_ascii_digit);
                            self.surface.money += u32::from(before || after);
                        }
                        _ => {}
                    }
                    i += c.len_utf8();
                    if matches!(bytes.get(i), Some(b'@' | b'#')) {
                        break;
                    }
                }
                _ => break,
            }
        }
        // Always at least the character that brought us here.
        let i = if i == at { at + self.char_at(at).map_or(1, char::len_utf8) } else { i };
        self.push(TokenKind::Punctuation, at, i);
        i
    }

    fn count_repeats(&mut self) {
        let (mut last, mut run) = (b' ', 0u32);
        for &b in self.text.as_bytes() {
            run = if b == last { run + 1 } else { 1 };
            self.surface.repeats += u32::from(run == 4);
            last = b;
        }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        let b = self.text.as_bytes()[at];
        if b.is_ascii() { Some(b as char) } else { self.text[at..].chars().next() }
    }
}

fn is_second_person(word: &[u8]) -> bool {
    matches!(word, b"you" | b"your" | b"u" | b"ur" | b"yours" | b"you're" | b"youre" | b"yourself" | b"ya")
}

/// Adds a token over each run of numbers that is grouped as telephone numbers
/// are: 9 to 15 digits, with a `+`, brackets, dashes, dots or blanks.
fn find_phones(text: &str, tokens: &mut Vec<Token>, surface: &mut Surface) {
    if surface.digits < 9 {
        return;
    }
    let count = tokens.len();
    let mut i = 0;
    while i < count {
        let (first, mut last, mut digits, mut groups) = (i, i, 0, 0);
        let mut grows = true;
        while i < count && grows {
            let token = tokens[i];
            let close = i == first || text[tokens[i - 1].end as usize..token.start as usize].len() <= 1;
            let joins = |b: u8| matches!(b, b'+' | b'-' | b'.' | b'(' | b')' | b'/');
            match token.kind {
                TokenKind::Number if close && !text[token.range()].contains(',') => {
                    digits += text[token.range()].bytes().filter(u8::is_ascii_digit).count();
                    groups += 1;
                    last = i;
                }
                TokenKind::Punctuation if close && text[token.range()].bytes().all(joins) => {}
                _ => grows = false,
            }
            i += 1;
        }
        let lead = tokens[first];
        let dated =
            lead.kind == TokenKind::Number && groups > 2 && matches!(&text[lead.range()], "19" | "20")
                || (groups > 1
                    && text[lead.range()].len() == 4
                    && (text[lead.range()].starts_with("20") || text[lead.range()].starts_with("19")));
        if (9..=15).contains(&digits) && !dated && groups <= 6 {
            surface.phones += 1;
            let range = (lead.start, tokens[last].end);
            tokens.push(Token {
                kind: TokenKind::Phone,
                start: range.0,
                end: range.1,
                source: range,
                names_people: false,
            });
        }
        // The token that ended the run may begin the next one.
        if !grows && i > first + 1 {
            i -= 1;
        }
    }
}

/// Adds a folded token for each run of three or more single letters that the
/// same stands between: `f r e e`, `l.o.a.n`. Wider blanks than those within
/// a word part words.
fn fold_spaced(document: &mut Document, text: &mut String) {
    let count = document.tokens.len();
    let mut i = 0;
    while i < count {
        let (first, mut last, mut letters, mut between) = (i, i, 0, None);
        while i < count {
            let token = document.tokens[i];
            // Telephone numbers stand last and begin before the token they follow.
            let gap = if i == first { 0 } else { token.start.saturating_sub(document.tokens[i - 1].end) };
            let piece = &text[token.range()];
            if gap <= 1 && token.kind == TokenKind::Word && is_single_letter(piece) {
                if letters > 0 {
                    let gap = document.tokens[last].end..token.start;
                    let original = document
                        .original_position(gap.end)
                        .saturating_sub(document.original_position(gap.start));
                    let this = (&text[gap.start as usize..gap.end as usize], original);
                    if *between.get_or_insert(this) != this {
                        break;
                    }
                }
                letters += 1;
                last = i;
            } else if gap > 1
                || letters == 0
                || token.kind != TokenKind::Punctuation
                || piece.chars().count() > 1
            {
                break;
            }
            i += 1;
        }
        if letters >= 3 {
            let start = text.len();
            for at in first..=last {
                let token = document.tokens[at];
                if token.kind == TokenKind::Word {
                    text.extend_from_within(token.range());
                }
            }
            let source = (document.tokens[first].start, document.tokens[last].end);
            push_folded(text, &mut document.tokens, start, source);
            document.surface.spaced += 1;
            // One word, not as many as it has letters.
            document.surface.words -= letters - 1;
        } else if letters == 2 {
            // The second letter may begin a run of its own.
            i = last;
        }
        i = i.max(first + 1);
    }
}

/// Adds a folded token for each word with letter-like digits or symbols among
/// its letters: `fr33`, `c@sh`, `$ale`.
fn fold_leet(text: &mut String, tokens: &mut Vec<Token>, surface: &mut Surface) {
    let count = tokens.len();
    let mut i = 0;
    while i < count {
        // Words, numbers and symbols that touch are read as one spelling.
        let first = i;
        let mut last = i;
        let joins = |t: Token, text: &str| match t.kind {
            TokenKind::Word | TokenKind::Number => true,
            TokenKind::Punctuation => {
                text[t.range()].bytes().all(|b| matches!(b, b'@' | b'$' | b'!' | b'|' | b'+'))
            }
            TokenKind::Mention => true,
            _ => false,
        };
        if joins(tokens[i], text) {
            while last + 1 < count
                && tokens[last + 1].start == tokens[last].end
                && tokens[last + 1].kind != TokenKind::Phone
                && joins(tokens[last + 1], text)
            {
                last += 1;
            }
        }
        i = last + 1;
        let range = (tokens[first].start, tokens[last].end);
        let plain = tokens[first].kind == TokenKind::Mention
            || (first == last && tokens[first].kind != TokenKind::Word)
            || range.1 - range.0 > MAX_FOLDED_BYTES as u32;
        if plain {
            continue;
        }
        let spelling = text[range.0 as usize..range.1 as usize].trim_end_matches('!');
        if let Some((folded, len)) = fold_spelling(spelling.as_bytes()) {
            let start = text.len();
            // Folding gives ASCII letters only.
            text.push_str(std::str::from_utf8(&folded[..len]).unwrap_or_default());
            push_folded(text, tokens, start, range);
            let begin = range.0 as usize;
            if text.as_bytes()[begin..begin + len].contains(&b'1') {
                // A one stands for an i or an l.
                let start = text.len();
                for (at, &letter) in folded[..len].iter().enumerate() {
                    let is_one = text.as_bytes()[begin + at] == b'1';
                    text.push(if is_one { 'l' } else { letter as char });
                }
                push_folded(text, tokens, start, range);
            }
            surface.leet += 1;
        }
    }
}

pub(super) fn push_folded(text: &mut String, tokens: &mut Vec<Token>, start: usize, source: (u32, u32)) {
    let end = text.len();
    text.push(' ');
    let names_people = names_people(&text.as_bytes()[start..end]);
    tokens.push(Token {
        kind: TokenKind::Folded,
        start: start as u32,
        end: end as u32,
        source,
        names_people,
    });
}

/// The letters that a spelling stands for, if every character stands for one
/// and the digits and symbols are among the letters, not behind them as in
/// `mp3` (but for one behind a longer word: `hell0`), nor a number in front as
/// in `4th`.
fn fold_spelling(spelling: &[u8]) -> Option<([u8; MAX_FOLDED_BYTES], usize)> {
    if spelling.len() < 3 || spelling.iter().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let letters = spelling.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let last_letter = spelling.iter().rposition(|b| b.is_ascii_alphabetic())?;
    let (begin, tail) = (spelling.len() - letters, &spelling[last_letter + 1..]);
    let counted = spelling[0].is_ascii_digit()
        && letters <= 2
        && spelling[begin..].iter().all(|b| b.is_ascii_alphabetic())
        && is_unit(spelling[begin - 1], &spelling[begin..]);
    let hidden = spelling[..last_letter].iter().any(|b| !b.is_ascii_alphabetic())
        || (tail.len() == 2 && tail[0] == tail[1])
        || (tail.len() == 1 && tail[0].is_ascii_digit() && letters >= 3)
        || tail.iter().any(|b| matches!(b, b'$' | b'@'));
    if counted || !hidden {
        return None;
    }
    let mut folded = [0; MAX_FOLDED_BYTES];
    for (to, &from) in folded.iter_mut().zip(spelling) {
        *to = if from.is_ascii_lowercase() { from } else { *stands_for(from).first()? };
    }
    Some((folded, spelling.len()))
}

/// The letters that a digit or sign is written for, the likelier first.
pub(super) fn stands_for(sign: u8) -> &'static [u8] {
    match sign {
        b'0' => b"o",
        b'1' | b'!' | b'|' => b"il",
        b'3' => b"e",
        b'4' | b'@' => b"a",
        b'5' | b'$' => b"s",
        b'7' | b'+' => b"t",
        b'8' => b"b",
        b'9' => b"g",
        _ => b"",
    }
}

/// Whether one or two letters behind a digit say what is counted, or make an
/// ordinal number of it.
fn is_unit(digit: u8, letters: &[u8]) -> bool {
    match letters {
        [_] => true,
        b"st" => digit == b'1',
        b"nd" => digit == b'2',
        b"rd" => digit == b'3',
        b"th" | b"am" | b"pm" | b"kg" | b"mg" | b"km" | b"cm" | b"mm" | b"ft" | b"in" | b"yd" | b"lb"
        | b"oz" | b"ml" | b"kb" | b"mb" | b"gb" | b"tb" | b"px" | b"hz" | b"hr" | b"yr" | b"ms" | b"bn"
        | b"mn" | b"kw" | b"mp" => true,
        _ => false,
    }
}

fn is_single_letter(piece: &str) -> bool {
    let mut chars = piece.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() && !is_ideograph(c)) && chars.next().is_none()
}

fn is_separator(b: u8) -> bool {
    b == b'.' || b == b','
}

/// Scripts written without blanks: each character stands as a word.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Pictures. Letters in pictures (enclosed alphanumerics) are letters.
fn is_emoji(c: char) -> bool {
    !c.is_alphanumeric()
        && matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{2300}'..='\u{23ff}')
}

#[cfg(test)]
mod tests {
    use super::super::tests::analyze;
    use super::TokenKind::{self, *};

    #[track_caller]
    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        let document = analyze(text);
        let tokens: Vec<_> = document.tokens().iter().map(|t| (t.kind, document.token_text(t))).collect();
        assert_eq!(tokens, expected, "{text:?}");
    }

    #[test]
    fn texts_fall_into_tokens() {
        check("Don't stop!!", &[(Word, "don't"), (Word, "stop"), (Punctuation, "!!")]);
        check(
            "at 10pm, 3.5 km",
            &[(Word, "at"), (Word, "10pm"), (Punctuation, ","), (Number, "3.5"), (Word, "km")],
        );
        check("@Reader_1 #Free", &[(Mention, "@reader_1"), (Tag, "#free")]);
        check("so good😀😀", &[(Word, "so"), (Word, "good"), (Emoji, "😀"), (Emoji, "😀")]);
        check("(see www.example.com).", &[(Punctuation, "("), (Word, "see"), (Link, "www.example.com")]);
        check("mail me@example.com!", &[(Word, "mail"), (Email, "me@example.com")]);
        check("漢字", &[(Word, "漢"), (Word, "字")]);
        check("naïve привет", &[(Word, "naïve"), (Word, "привет")]);
    }

    #[test]
    fn phones_are_found_over_their_numbers() {
        let phones = |text: &str| analyze(text).surface().phones;
        for text in [
            "+1 202 555 0143",
            "call (202) 555-0143 now",
            "07700900123",
            "+44 7700-900123",
            "ring +15550100199",
            "ring +1.5550100199",
            "\u{ff0b}\u{ff11}\u{ff15}\u{ff15}\u{ff15}\u{ff10}\u{ff11}\u{ff10}\u{ff10}\u{ff11}\u{ff19}\u{ff19} a",
        ] {
            assert_eq!(phones(text), 1, "{text}");
        }
        for text in ["in 1999, 2005 and 2012", "2024-10-12 12", "1,000,000,000", "12345", "a 123 b 456 c 789"]
        {
            assert_eq!(phones(text), 0, "{text}");
        }
    }

    #[test]
    fn hidden_spellings_are_folded_beside_the_original() {
        let folded = |text: &str| {
            let document = analyze(text);
            let folded = document.tokens().iter().filter(|t| t.kind == Folded);
            folded.map(|t| document.token_text(t).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(folded("fr33 c@sh"), ["free", "cash"]);
        assert_eq!(folded("$ale h3ll0"), ["sale", "hello"]);
        assert_eq!(folded("1oan"), ["ioan", "loan"]);
        assert_eq!(folded("hell0 4nd 0ld a5$"), ["hello", "and", "old", "ass"]);
        assert_eq!(folded("get f r e e stuff"), ["free"]);
        assert_eq!(folded("a l.o.a.n"), ["loan"]);
        assert_eq!(folded("f r e e  m o n e y"), ["free", "money"]);
        assert_eq!(folded("f-r-e-e m-o-n-e-y"), ["free", "money"]);
        assert_eq!(folded("f . r . e . e"), ["free"]);
        assert_eq!(folded("f\u{b7}r\u{b7}e\u{b7}e c\u{2022}a\u{2022}s\u{2022}h"), ["free", "cash"]);
        assert!(folded("202 555 0143 a").is_empty());
        assert_eq!(folded("202 555 0143 f r e e"), ["free"]);
        for text in ["mp3 4th 10am covid19 b2b", "hello world", "a b", "you! me!", "2024", "x+y"] {
            assert!(folded(text).is_empty() || text == "x+y", "{text}: {:?}", folded(text));
        }
    }

    #[test]
    fn the_surface_is_counted() {
        let document = analyze("WOW!! You win $500 free?? aaaaaargh");
        let surface = document.surface();
        assert_eq!((surface.exclamations, surface.questions, surface.money), (2, 2, 1));
        assert_eq!((surface.repeats, surface.second_person, surface.shouted), (1, 1, 1));
        for text in ["y0u are", "y-ou are", "youuu are"] {
            assert_eq!(analyze(text).surface().second_person, 1, "{text}");
        }
    }
}
