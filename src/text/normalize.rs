//! Normalisation: NFKC (Unicode Standard Annex 15), lower case, invisible and
//! direction characters removed and counted, look-alikes folded, blanks
//! collapsed; with offsets back into the original.
//!
//! Done chunk by chunk (a chunk is what stands between blanks), since whether
//! a letter is a look-alike depends on the word it stands in.

use super::{Document, Offset};
use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_compatible, is_combining_mark,
};
use unicode_script::{Script, UnicodeScript};

/// Marks kept on one letter while it is composed; the rest are dropped. The
/// Stream-Safe Text Format of UAX 15 allows 30.
const MAX_MARKS: usize = 30;

pub(super) struct Normalizer<'d> {
    document: &'d mut Document,
    /// A starter and the marks on it, each with its place in the original.
    pending: [(char, u8, u32); MAX_MARKS + 1],
    pending_len: usize,
    has_latin: bool,
    has_look_alike: bool,
    fold: Fold,
}

/// What letters are read as that look like others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// As what they are.
    Nothing,
    /// As Latin ones.
    ToLatin,
    /// Latin ones as Cyrillic.
    ToCyrillic,
}

impl<'d> Normalizer<'d> {
    pub(super) fn new(document: &'d mut Document) -> Self {
        Self {
            document,
            pending: [('\0', 0, 0); MAX_MARKS + 1],
            pending_len: 0,
            has_latin: false,
            has_look_alike: false,
            fold: Fold::Nothing,
        }
    }

    pub(super) fn run(mut self, text: &str) {
        let bytes = text.as_bytes();
        self.push(' ', 0);
        let mut at = 0;
        while at < bytes.len() {
            let (blank_end, lines, characters) = blanks(text, at);
            self.document.surface.lines += lines;
            self.document.surface.characters += characters;
            if blank_end > at && self.document.text.len() > 1 {
                self.separate(at);
                if lines > 0 {
                    self.document.line_ends.push(self.document.text.len() as u32 - 1);
                }
            }
            at = blank_end;
            let start = at;
            while at < bytes.len() && bytes[at] > b' ' && bytes[at] < 0x7f {
                at += 1;
            }
            if at == bytes.len() || bytes[at] <= b' ' || bytes[at] == 0x7f {
                self.ascii_chunk(&text[start..at], start);
            } else {
                while let Some(c) = text[at..].chars().next().filter(|&c| !is_blank(c)) {
                    at += c.len_utf8();
                }
                self.unicode_chunk(&text[start..at], start);
            }
        }
        self.separate(text.len());
    }

    /// Ends a chunk with one blank, unless the text already ends with one.
    fn separate(&mut self, original: usize) {
        if !self.document.text.ends_with(' ') {
            self.push(' ', original);
        }
    }

    fn ascii_chunk(&mut self, chunk: &str, start: usize) {
        if chunk.is_empty() {
            return;
        }
        self.mark_offset(start);
        let (mut upper, mut letters, mut digits) = (0u32, 0u32, 0u32);
        for b in chunk.bytes() {
            upper += u32::from(b.is_ascii_uppercase());
            letters += u32::from(b.is_ascii_alphabetic());
            digits += u32::from(b.is_ascii_digit());
        }
        let text = &mut self.document.text;
        let from = text.len();
        text.push_str(chunk);
        if upper > 0 {
            text[from..].make_ascii_lowercase();
        }
        let surface = &mut self.document.surface;
        surface.characters += chunk.len() as u32;
        surface.letters += letters;
        surface.uppercase += upper;
        surface.digits += digits;
        surface.shouted += u32::from(upper >= 2 && upper == letters);
    }

    fn unicode_chunk(&mut self, chunk: &str, start: usize) {
        let (text_len, offsets_len, surface) =
            (self.document.text.len(), self.document.offsets.len(), self.document.surface);
        self.fold = Fold::Nothing;
        self.feed_chunk(chunk, start, false);
        if self.has_latin && self.has_look_alike {
            // Latin mixed with look-alikes: read it once more, folding them.
            self.document.text.truncate(text_len);
            self.document.offsets.truncate(offsets_len);
            self.document.surface = surface;
            self.feed_chunk(chunk, start, true);
        }
    }

    /// Reads a chunk; if it is `mixed`, each run of letters in it by what it is
    /// made of.
    fn feed_chunk(&mut self, chunk: &str, start: usize, mixed: bool) {
        self.has_latin = false;
        self.has_look_alike = false;
        let before = self.document.surface;
        let (mut run_end, mut is_mixed) = (0, false);
        for (i, c) in chunk.char_indices() {
            if mixed && i >= run_end {
                let run = run(&chunk[i..]);
                run_end = i + run.len().max(c.len_utf8());
                self.fold = fold_of(run);
                is_mixed |= self.fold != Fold::Nothing && run.chars().any(is_look_alike);
            }
            self.feed(c, (start + i) as u32);
        }
        self.flush();
        let surface = &mut self.document.surface;
        surface.mixed_words += u32::from(is_mixed);
        let upper = surface.uppercase - before.uppercase;
        surface.shouted += u32::from(upper >= 2 && upper == surface.letters - before.letters);
    }

    fn feed(&mut self, c: char, original: u32) {
        let surface = &mut self.document.surface;
        surface.characters += 1;
        if is_invisible(c) {
            surface.invisible += u32::from(!is_presentation(c));
            return;
        }
        if is_bidi(c) {
            surface.bidi += 1;
            return;
        }
        if c.is_ascii() {
            surface.digits += u32::from(c.is_ascii_digit());
            if c.is_ascii_alphabetic() {
                surface.letters += 1;
                surface.uppercase += u32::from(c.is_ascii_uppercase());
                self.has_latin = true;
            }
            let c = c.to_ascii_lowercase();
            let twin = if self.fold == Fold::ToCyrillic { cyrillic_twin(c) } else { None };
            self.compose_starter(twin.unwrap_or(c), original);
            return;
        }
        let c = typographic(c);
        if c.is_alphabetic() {
            surface.letters += 1;
            surface.uppercase += u32::from(c.is_uppercase());
            match c.script() {
                Script::Latin | Script::Common | Script::Inherited => {
                    self.has_latin |= c.script() == Script::Latin;
                }
                Script::Cyrillic | Script::Greek | Script::Armenian | Script::Cherokee | Script::Coptic => {
                    // A letter that is read as Latin is no sign of another
                    // language; the word counts as mixed.
                    surface.foreign_letters += u32::from(self.fold != Fold::ToLatin);
                    self.has_look_alike = true;
                }
                _ => surface.foreign_letters += 1,
            }
        }
        if ((self.fold == Fold::ToLatin && is_look_alike(c)) || is_styled(c))
            && let Some(plain) = fold(c)
        {
            self.document.surface.styled += u32::from(is_styled(c));
            for p in plain.as_str().chars() {
                self.compose_starter(p, original);
            }
            return;
        }
        let mut decomposed = ['\0'; 18];
        let mut len = 0;
        // The longest compatibility decomposition in Unicode is 18 characters.
        decompose_compatible(c, |d| {
            if len < decomposed.len() {
                decomposed[len] = d;
                len += 1;
            }
        });
        if len > 1 || decomposed[0] != c {
            self.document.surface.styled +=
                u32::from(!c.is_ascii() && decomposed[0].is_ascii_alphanumeric() && is_math(c));
            self.document.surface.digits += u32::from(decomposed[0].is_ascii_digit() && is_math(c));
        }
        for &d in &decomposed[..len] {
            // A final sigma is a sigma, as in capitals.
            for lower in d.to_lowercase().map(|c| if c == '\u{3c2}' { '\u{3c3}' } else { c }) {
                match canonical_combining_class(lower) {
                    // A compatibility decomposition may contain blanks, which
                    // separate chunks and nothing else.
                    0 if is_blank(lower) => {}
                    0 => self.compose_starter(lower, original),
                    class => self.hold_mark(lower, class, original),
                }
            }
        }
    }

    /// Takes a character that starts a new letter, unless it completes the
    /// one before it (as Hangul vowels and finals do).
    fn compose_starter(&mut self, c: char, original: u32) {
        if self.pending_len > 0 {
            if !c.is_ascii() {
                self.compose_marks();
                if self.pending_len == 1
                    && let Some(composed) = compose(self.pending[0].0, c)
                {
                    self.pending[0].0 = composed;
                    return;
                }
            }
            self.flush();
        }
        self.pending[0] = (c, 0, original);
        self.pending_len = 1;
    }

    /// Takes a mark, keeping marks in canonical order.
    fn hold_mark(&mut self, c: char, class: u8, original: u32) {
        if self.pending_len > MAX_MARKS {
            self.document.surface.marks += 1;
            return;
        }
        let mut at = self.pending_len;
        while at > 1 && self.pending[at - 1].1 > class {
            self.pending[at] = self.pending[at - 1];
            at -= 1;
        }
        self.pending[at] = (c, class, original);
        self.pending_len += 1;
    }

    /// Composes the pending marks with their starter (UAX 15, D117).
    fn compose_marks(&mut self) {
        let (mut kept, mut last_class) = (1, 0);
        for i in 1..self.pending_len {
            let (mark, class, _) = self.pending[i];
            match compose(self.pending[0].0, mark) {
                Some(composed) if last_class < class || kept == 1 => self.pending[0].0 = composed,
                _ => {
                    self.pending[kept] = self.pending[i];
                    last_class = class;
                    kept += 1;
                }
            }
        }
        self.pending_len = kept.min(self.pending_len);
    }

    fn flush(&mut self) {
        if self.pending_len == 0 {
            return;
        }
        self.compose_marks();
        let starter = self.pending[0].0;
        // Marks that compose with no Latin letter only decorate or hide it.
        let bare = starter.is_ascii() || starter.script() == Script::Latin;
        self.push(starter, self.pending[0].2 as usize);
        for i in 1..self.pending_len {
            if bare {
                self.document.surface.marks += 1;
            } else {
                self.push(self.pending[i].0, self.pending[i].2 as usize);
            }
        }
        self.pending_len = 0;
    }

    fn push(&mut self, c: char, original: usize) {
        self.mark_offset(original);
        self.document.text.push(c);
    }

    /// Notes where the next normalised byte was read from, if that does not
    /// follow from the last note.
    fn mark_offset(&mut self, original: usize) {
        let normalized = self.document.text.len() as u32;
        let original = original as u32;
        let follows = self.document.offsets.last().is_some_and(|last| {
            original.wrapping_sub(last.original) == normalized.wrapping_sub(last.normalized)
        });
        if !follows {
            self.document.offsets.push(Offset { normalized, original });
        }
    }
}

/// The end of the run of blanks at `at`, with its line breaks and characters.
fn blanks(text: &str, at: usize) -> (usize, u32, u32) {
    let (mut end, mut lines, mut characters) = (at, 0, 0);
    let bytes = text.as_bytes();
    while end < bytes.len() {
        if bytes[end] == b' ' {
            end += 1;
        } else if bytes[end] < 0x80 {
            if !is_blank(bytes[end] as char) {
                break;
            }
            lines += u32::from(bytes[end] == b'\n');
            end += 1;
        } else {
            match text[end..].chars().next().filter(|&c| is_blank(c)) {
                Some(c) => end += c.len_utf8(),
                None => break,
            }
        }
        characters += 1;
    }
    (end, lines, characters)
}

/// Blanks and control characters separate chunks.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Characters without a shape of their own.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Invisible characters that emoji and many scripts need: no sign of evasion.
fn is_presentation(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// Characters that nobody sees and that change nothing in a name.
pub(super) fn is_hidden(c: char) -> bool {
    is_invisible(c) || is_bidi(c)
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Typographic quotes, dashes and stops as the keyboard has them.
fn typographic(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    }
}

/// Letters drawn in another style that NFKC leaves as they are: enclosed
/// alphanumerics, small capitals, phonetic and turned letters.
fn is_styled(c: char) -> bool {
    matches!(c, '\u{1f110}'..='\u{1f16b}' | '\u{1f170}'..='\u{1f18a}' | '\u{1d00}'..='\u{1d2b}'
        | '\u{250}'..='\u{2af}' | '\u{a730}' | '\u{a731}')
}

/// Mathematical, full-width and enclosed letters, which NFKC reads as plain.
fn is_math(c: char) -> bool {
    matches!(c, '\u{1d400}'..='\u{1d7ff}' | '\u{ff01}'..='\u{ff5e}' | '\u{2460}'..='\u{24ff}' | '\u{1f100}'..='\u{1f1e5}')
}

/// Letters of the scripts that have look-alikes of Latin letters.
fn is_look_alike(c: char) -> bool {
    matches!(
        c.script(),
        Script::Cyrillic | Script::Greek | Script::Armenian | Script::Cherokee | Script::Coptic
    )
}

/// The letters at the start of a text that stand together, with the digits, marks
/// and hidden characters among them; empty where it starts with no letter.
fn run(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || is_combining_mark(c) || is_hidden(c);
    &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())]
}

/// How the letters of a run are read that stands in a chunk with Latin letters and
/// look-alikes of them. A run of other letters alone is a word of its language
/// (`казино-online`) unless it is so short that it may be a piece of one (`с.а.s.h`);
/// one that is mostly Cyrillic, with some letters that no Latin one looks like, and
/// of which every Latin letter looks like a Cyrillic one, is Cyrillic (`стaвка`).
fn fold_of(run: &str) -> Fold {
    let (mut latin, mut twins, mut others, mut distinct) = (0, 0, 0, false);
    for c in run.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphabetic() || (c.is_alphabetic() && c.script() == Script::Latin) {
            latin += 1;
            twins += u32::from(cyrillic_twin(c).is_some());
        } else if is_look_alike(c) {
            others += 1;
            distinct |= matches!(
                c,
                'б' | 'в'
                    | 'г'
                    | 'д'
                    | 'ж'
                    | 'з'
                    | 'и'
                    | 'й'
                    | 'к'
                    | 'л'
                    | 'м'
                    | 'н'
                    | 'п'
                    | 'т'
                    | 'ф'
                    | 'ц'..='ю' | 'я'
            );
        }
    }
    match (latin, others) {
        (0, 0..=2) => Fold::ToLatin,
        (0, _) => Fold::Nothing,
        _ if distinct && others > latin && twins == latin => Fold::ToCyrillic,
        _ => Fold::ToLatin,
    }
}

/// The Cyrillic letter that a small Latin letter, or its capital, looks like.
fn cyrillic_twin(c: char) -> Option<char> {
    Some(match c {
        'a' => 'а',
        'b' => 'в',
        'c' => 'с',
        'e' => 'е',
        'h' => 'н',
        'i' => 'і',
        'k' => 'к',
        'm' => 'м',
        'o' => 'о',
        'p' => 'р',
        't' => 'т',
        'x' => 'х',
        'y' => 'у',
        _ => return None,
    })
}

/// The plain letters that a character looks like, where there are any.
fn fold(c: char) -> Option<Folded> {
    // The palochka is drawn as a small l; decancer reads the capital alone.
    if c == '\u{4cf}' {
        return Some(Folded { text: *b"l\0\0\0", len: 1 });
    }
    match decancer::cure_char(c, decancer::Options::default()) {
        decancer::Translation::Character(plain) if plain.is_ascii_alphanumeric() => {
            let mut text = [0; 4];
            let len = plain.encode_utf8(&mut text).len();
            Some(Folded { text, len })
        }
        decancer::Translation::String(plain) => {
            let plain: &str = &plain;
            let mut text = [0; 4];
            let letters = plain.len() <= text.len() && plain.bytes().all(|b| b.is_ascii_alphanumeric());
            text.get_mut(..plain.len()).filter(|_| letters)?.copy_from_slice(plain.as_bytes());
            Some(Folded { text, len: plain.len() })
        }
        _ => None,
    }
}

/// Appends the plain letters that a letter of another script looks like; false
/// where there are none.
pub(super) fn fold_look_alike(c: char, text: &mut String) -> bool {
    let plain = if is_look_alike(c) { fold(c) } else { None };
    plain.inspect(|plain| text.push_str(plain.as_str())).is_some()
}

/// Up to four ASCII characters.
struct Folded {
    text: [u8; 4],
    len: usize,
}

impl Folded {
    fn as_str(&self) -> &str {
        // Only ASCII is ever put in, so this cannot fail.
        std::str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::analyze;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    #[track_caller]
    fn check(text: &str, normalized: &str) {
        assert_eq!(analyze(text).body().trim(), normalized, "{text:?}");
    }

    #[test]
    fn texts_are_normalised() {
        check("Hello,  WORLD\n!", "hello, world !");
        check("ｆｕｌｌ ⓦⓘⓓⓔ 𝓼𝓬𝓻𝓲𝓹𝓽 ﬁne", "full wide script fine");
        check("z\u{200b}e\u{2060}ro w\u{ad}idth \u{202e}bidi", "zero width bidi");
        check("caf\u{65}\u{301} CAFÉ", "café café");
        check("h\u{336}i\u{336} z\u{35c}\u{321}a\u{30d}", "hi za");
        check("“it’s” – fine…", "\"it's\" - fine...");
        check("🅵🆁🅴🅴 sᴍᴀʟʟ", "free small");
        check("한국어 \u{1112}\u{1161}\u{11ab}", "한국어 한");
    }

    #[test]
    fn look_alikes_are_folded_only_beside_latin() {
        check("p\u{430}yp\u{430}l", "paypal");
        check("he\u{4cf}\u{4cf}o", "hello");
        check("привет мир", "привет мир");
        check("Ελλάδα", "ελλάδα");
        check("ΣΑΣ σας", "σασ σασ");
    }

    #[test]
    fn words_of_another_language_stay_so_beside_latin_ones() {
        check("казино-online online-казино", "казино-online online-казино");
        check(
            "\"казино\"VIP казино/slots iPhone-чехол δωρεάν-bonus",
            "\"казино\"vip казино/slots iphone-чехол δωρεάν-bonus",
        );
        check("ст\u{61}вка з\u{61}раб\u{6f}ток", "ставка заработок");
        check("\u{441}.\u{430}.s.h p\u{430}yp\u{430}l-\u{43e}k", "c.a.s.h paypal-ok");
        check("cas\u{456}n\u{43e} f\u{44f}ee", "casino free");
        let document = analyze("казино-online ст\u{61}вка p\u{430}y");
        assert_eq!((document.surface().mixed_words, document.surface().foreign_letters), (2, 11));
    }

    #[test]
    fn what_was_removed_is_counted() {
        let document = analyze("z\u{200b}e\u{200b}ro \u{202e}x h\u{336}i p\u{430}y WOW 👍\u{fe0f}");
        let surface = document.surface();
        assert_eq!((surface.invisible, surface.bidi, surface.marks), (2, 1, 1));
        assert_eq!((surface.mixed_words, surface.shouted, surface.foreign_letters), (1, 1, 0));
        assert_eq!(analyze("мир p\u{430}y").surface().foreign_letters, 3);
    }

    proptest! {
        /// Against the reference implementation, on text that has nothing to
        /// remove or fold.
        #[test]
        fn agrees_with_nfkc(text in "[a-z0-9à-ÿ가-힣あ-ん漢字ⅷ½ﬁ ]{0,40}") {
            let expected: String = text.nfkc().collect::<String>().to_lowercase();
            let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
            let document = analyze(&text);
            prop_assert_eq!(document.body().trim(), expected);
        }
    }
}
