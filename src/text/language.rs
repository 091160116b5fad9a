//! Which language a text is in: by script, and among languages in Latin
//! letters by their most frequent words (Grefenstette 1995, "Comparing two
//! language identification schemes").
//!
//! Short texts often hold no telling word; the answer is then `und`, never a
//! guess.

use super::{Document, TokenKind};
use xxhash_rust::xxh3::xxh3_64;

/// A language, by its BCP 47 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(&'static str);

impl Language {
    /// Not to be told.
    pub const UNDETERMINED: Language = Language("und");

    /// The BCP 47 code: `en`; `und` when it cannot be told.
    pub const fn code(self) -> &'static str {
        self.0
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::UNDETERMINED
    }
}

/// Frequent words of languages in Latin letters, chosen to be telling: words
/// that two languages share vote for both.
const FREQUENT: [(&str, &str); 14] = [
    (
        "en",
        "the be to of and a in that have it for not on with he as you do at this but his by from they we say her she or an will my one all would there their what so up out if about who get which go me when make can like time no just him know take people into year your good some could them see other than then now look only come its over think also back after use two how our work first well way even new want because any these give day most us is are was were been has had did does i i'm it's don't can't you're that's didn't won't isn't great thanks thank nice love please why here really very much more video article comment read here's lol u ur",
    ),
    (
        "de",
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde wenn ich wir ihr mir mich dich kann schon doch was kein keine gut danke warum hier diese dieser",
    ),
    (
        "fr",
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec mais comme ou si leur y dont cette nous vous je tu elle on être fait été même aussi bien tout merci c'est j'ai n'est très ça alors pourquoi ses son sa mon ma mes",
    ),
    (
        "es",
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había muy hasta desde está mi porque qué sólo han yo hay vez puede gracias bueno hola esto eso tú nada",
    ),
    (
        "pt",
        "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus você obrigado bom isto são",
    ),
    (
        "it",
        "di e il la che in un è per una non sono da si con i del le al come più anche ha lo alla ma della nel dei gli su questo se ci mi ho o delle cosa molto tutto perché era solo così quando essere c'è grazie bello dove fatto",
    ),
    (
        "nl",
        "de het een en van ik te dat die in je niet is op aan met als voor had er maar om hem dan zou of wat mijn men dit zo door over ze zich bij ook tot uit kan deze zijn heeft worden nog wel geen naar hij heb moet veel goed waar daar",
    ),
    (
        "pl",
        "i w na z się nie do to że jest o jak za od po co tak ale czy przez dla przy już tylko był być jego ten tego są ma może jako ich mnie sobie bardzo gdzie kiedy dobrze dziękuję",
    ),
    (
        "tr",
        "bir ve bu da de için ne o çok gibi daha var ben sen mi değil ama en kadar olarak sonra her ki olan şey yok biz onu diye ile ya evet hayır teşekkürler güzel",
    ),
    (
        "id",
        "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena tersebut bisa ada mereka lebih sudah atau saat oleh orang kita adalah kami jadi aja gak ga nya sama kalau lagi banget udah bang yg bgt jangan kak mau apa semoga terima kasih",
    ),
    (
        "sv",
        "och i att det som en på är av för med den till inte har de ett om jag var men så från kan nu hon han när skulle vi man eller mycket också bara vad sig efter ska hade tack bra varför",
    ),
    (
        "cs",
        "a v se na je že to s z do o i jako ve by si ale tak po za k byl jsem jsou pro které který nebo už jen když co aby jeho bylo má není jak od děkuji proč",
    ),
    (
        "ro",
        "și în de la cu a pe nu să un din o mai că este care pentru ce se sau dar fi am ai lui ca sunt fost când acest foarte după dacă între mulțumesc",
    ),
    (
        "vi",
        "và của là không có một cho được người trong những với các khi này để đã tôi rất nhiều bạn làm đi cũng như thì ở anh em gì lại",
    ),
];

/// Words longer than this (in bytes) are in no list.
const MAX_WORD_BYTES: usize = 13;
const SLOTS: usize = 4096;

/// The frequent words of all languages in one hash table: a word's hash, and
/// a bit for each language that has it.
#[derive(Debug)]
pub struct Detector {
    slots: Vec<(u64, u16)>,
}

impl Default for Detector {
    fn default() -> Self {
        let mut slots = vec![(0, 0); SLOTS];
        for (language, (_, words)) in FREQUENT.iter().enumerate() {
            for word in words.split(' ') {
                let hash = xxh3_64(word.as_bytes());
                let mut at = hash as usize % SLOTS;
                while slots[at].1 != 0 && slots[at].0 != hash {
                    at = (at + 1) % SLOTS;
                }
                slots[at] = (hash, slots[at].1 | 1 << language);
            }
        }
        Self { slots }
    }
}

impl Detector {
    fn languages_of(&self, word: &[u8]) -> u16 {
        let hash = xxh3_64(word);
        let mut at = hash as usize % SLOTS;
        while self.slots[at].1 != 0 {
            if self.slots[at].0 == hash {
                return self.slots[at].1;
            }
            at = (at + 1) % SLOTS;
        }
        0
    }

    /// Names the language of an analysed text.
    pub fn detect(&self, document: &Document) -> Language {
        let surface = document.surface();
        if surface.foreign_letters * 2 > surface.letters {
            return by_script(document.body());
        }
        let mut votes = [0u32; FREQUENT.len()];
        // A word of another language may be a name or a word of English too
        // (`hat`, `war`, `todo`): one alone tells nothing.
        let mut telling = [[0u64; 2]; FREQUENT.len()];
        let mut words = 0;
        let tokens = document.tokens();
        let is_letter =
            |at: usize| tokens.get(at).is_some_and(|t| t.kind == TokenKind::Word && t.range().len() == 1);
        for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == TokenKind::Word).take(200) {
            let text = document.token_text(token).as_bytes();
            // Letters apart and what stars leave of a word are no words, though
            // Slavic languages have words of a letter.
            if is_letter(at) {
                let is_broken = tokens.get(at + 1).is_some_and(|next| next.start == token.end)
                    || at > 0 && tokens[at - 1].end == token.start;
                if is_broken || is_letter(at + 1) || at > 0 && is_letter(at - 1) {
                    continue;
                }
            }
            words += 1;
            if text.len() > MAX_WORD_BYTES {
                continue;
            }
            let mut languages = self.languages_of(text);
            // Twelve is divisible by the numbers of languages that mostly share
            // a word; a word of one language alone tells most.
            let share = 12 / languages.count_ones().max(1);
            while languages != 0 {
                let language = languages.trailing_zeros() as usize;
                votes[language] += share;
                let hash = xxh3_64(text);
                match &mut telling[language] {
                    [first @ 0, _] => *first = hash,
                    [first, second @ 0] if *first != hash => *second = hash,
                    _ => {}
                }
                languages &= languages - 1;
            }
        }
        let (best, &most) =
            votes.iter().enumerate().max_by_key(|&(i, v)| (v, usize::MAX - i)).unwrap_or((0, &0));
        let next = votes.iter().enumerate().filter(|&(i, _)| i != best).map(|(_, &v)| v).max().unwrap_or(0);
        // At least one word of its own, a lead, and more than a stray word in a
        // long text of another language.
        let is_told = best == 0 || (telling[best][1] != 0 && most >= 18);
        if is_told && most >= 12 && most >= next + 6 && most >= words {
            Language(FREQUENT[best].0)
        } else {
            Language::UNDETERMINED
        }
    }
}

/// Languages that their script, or letters only they use, give away.
fn by_script(text: &str) -> Language {
    use unicode_script::{Script, UnicodeScript};
    let mut counts = [0u32; 14];
    let (mut ukrainian, mut persian) = (0, 0);
    for c in text.chars().filter(|c| !c.is_ascii()).take(2_000) {
        ukrainian += u32::from(matches!(c, 'і' | 'ї' | 'є' | 'ґ'));
        persian += u32::from(matches!(c, 'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی'));
        let at = match c.script() {
            Script::Cyrillic => 0,
            Script::Han => 1,
            Script::Hiragana | Script::Katakana => 2,
            Script::Hangul => 3,
            Script::Arabic => 4,
            Script::Hebrew => 5,
            Script::Greek => 6,
            Script::Thai => 7,
            Script::Devanagari => 8,
            Script::Bengali => 9,
            Script::Tamil => 10,
            Script::Telugu => 11,
            Script::Georgian => 12,
            Script::Armenian => 13,
            _ => continue,
        };
        counts[at] += 1;
    }
    let best = counts.iter().enumerate().max_by_key(|&(i, n)| (n, usize::MAX - i)).filter(|&(_, &n)| n > 0);
    let codes = ["ru", "zh", "ja", "ko", "ar", "he", "el", "th", "hi", "bn", "ta", "te", "ka", "hy"];
    match best {
        None => Language::UNDETERMINED,
        Some((0, _)) if ukrainian > 0 => Language("uk"),
        // Japanese mixes kana among its Han characters; Chinese has none.
        Some((1, &han)) if counts[2] * 10 > han => Language("ja"),
        Some((4, &arabic)) if persian * 20 > arabic => Language("fa"),
        Some((i, _)) => Language(codes[i]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::analyze;

    #[test]
    fn languages_are_told() {
        for (text, code) in [
            ("This is the best article I have read", "en"),
            ("thanks for the video", "en"),
            ("Das ist nicht der richtige Weg", "de"),
            ("je ne suis pas d'accord avec vous", "fr"),
            ("no estoy de acuerdo con el artículo pero gracias", "es"),
            ("non sono d'accordo con questo", "it"),
            ("yang ini bagus banget kak", "id"),
            ("мне понравилось видео", "ru"),
            ("мені дуже подобається це відео", "uk"),
            ("这个视频很好", "zh"),
            ("この動画はとても良い", "ja"),
            ("좋은 영상 감사합니다", "ko"),
            ("شكرا على الفيديو", "ar"),
        ] {
            assert_eq!(analyze(text).language().code(), code, "{text}");
        }
    }

    #[test]
    fn short_english_is_never_taken_for_another_language() {
        for text in [
            "war crimes",
            "nice hat",
            "Ben!",
            "todo list",
            "die in a fire",
            "till death",
            "solo",
            "hat trick",
            "gut feeling",
            "bra size",
            "Dan Brown",
            "hay bales",
            "no comment",
            "come on",
            "la la land",
            "tout court",
            "men in a bar",
            "so long",
            "mi casa",
            "pole dance",
            "data van",
            "main event",
            "an era",
            "brand new",
            "fast car",
            "per se",
            "vs them",
            "sin city",
            "ja",
            "a priori",
            "i die",
        ] {
            let code = analyze(text).language().code();
            assert!(matches!(code, "en" | "und"), "{text}: {code}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        for text in ["ok", "hm", "1234", "😀😀", "Nintendo Switch", "https://example.com"] {
            assert_eq!(analyze(text).language().code(), "und", "{text}");
        }
    }
}
