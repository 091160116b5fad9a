//! The golden comments that every model file carries: mild, invented texts
//! that lead through all of the text path, so that a program that reads any of
//! it otherwise is told apart.

use anyhow::Result;
use thresher::model::golden::{GoldenComment, GoldenFormat};
use thresher::model::{Metadata, Model, Parts, artifact};
use thresher::moderator::Moderator;

use GoldenFormat::{Html, Markdown, Plain};

/// The text, how it is written, the title and the body of its thread, and what
/// it answers.
type Row = (&'static str, GoldenFormat, &'static str, &'static str, &'static str);

const TITLE: &str = "Garden show opens its gates on Saturday";
const BODY: &str = "Growers from forty towns bring roses, bulbs and old apple varieties to the park. \
                    Trams run every ten minutes, and children get in free.";

const ROWS: [Row; 16] = [
    // Languages and scripts; the language is told and the words are cut otherwise in each.
    ("What a lovely show, the old apple varieties were the best part!", Plain, TITLE, BODY, ""),
    ("Die Straßenbahn war pünktlich, und die Rosen haben uns sehr gefallen.", Plain, TITLE, BODY, ""),
    ("Les enfants ont adoré, mais où sont passées les tulipes de l'an dernier ?", Plain, TITLE, BODY, ""),
    ("Очень красивые розы, спасибо садовникам за их работу.", Plain, TITLE, BODY, ""),
    ("バラがとてもきれいでした。来年も行きます。", Plain, "", "", ""),
    ("كانت الحديقة جميلة جدا هذا العام", Plain, "", "", ""),
    // Disguises: leet, spaced and stretched words, look-alikes, styled and invisible characters.
    ("Y0u ar3 such a f00l, r e a d the article firrrrst, you d-u-n-c-e", Plain, TITLE, BODY, "Nice roses."),
    (
        "Fr33 pr\u{456}zes t\u{43e}day, сl\u{456}ck h\u{435}re for a f\u{200b}ree ph\u{200b}one",
        Plain,
        "",
        "",
        "",
    ),
    ("𝐅𝐑𝐄𝐄 ⓖⓘⓕⓣ cards, mon🔥ey for ＥＶＥＲＹＢＯＤＹ!!! 🎁🎁🎁", Plain, TITLE, "", ""),
    // Links and markup.
    (
        "Cheap watches at https://shop.example/w?x=1 and www.prizes.example or mail a@b.example",
        Plain,
        "",
        "",
        "",
    ),
    (
        "<p>Visit <a href=\"http://192.0.2.7/win\">our page</a>, it is <b>fr</b>ee &amp; easy</p>",
        Html,
        "",
        "",
        "",
    ),
    (
        "**Thanks!** See [the map](https://maps.example/park) and `tram 4`\n\n> children get in free",
        Markdown,
        TITLE,
        BODY,
        "",
    ),
    // Next to nothing.
    (".", Plain, "", "", ""),
    ("👍", Plain, TITLE, "", "The roses were lovely."),
    // Tone in plain words, and an answer to another comment.
    (
        "You are an idiot and nobody wants to read your stupid opinion.",
        Plain,
        TITLE,
        BODY,
        "I liked the tulips.",
    ),
    // The last one is repeated to make a long text.
    ("My uncle bought 300 coins on Monday and had 9,700 by Friday; ask me how. ", Plain, TITLE, BODY, ""),
];

/// How often the last text is repeated.
const LONG: usize = 50;

/// The golden comments, without scores.
fn comments() -> Vec<GoldenComment> {
    let comment = |(i, row): (usize, &Row)| {
        let &(text, format, title, body, parent) = row;
        let text = if i + 1 == ROWS.len() { text.repeat(LONG) } else { text.to_owned() };
        let (title, body, parent) = (title.to_owned(), body.to_owned(), parent.to_owned());
        GoldenComment { text, format, title, body, parent, ..GoldenComment::default() }
    };
    ROWS.iter().enumerate().map(comment).collect()
}

/// The bytes of a model file, with golden comments and the scores they have
/// with this very model. What is returned loads and passes its self-test:
/// better to hear of it now.
pub fn seal(parts: &Parts, mut metadata: Metadata) -> Result<Vec<u8>> {
    let name = "the new model";
    let plain = artifact::serialize(parts, &metadata)?;
    // Scored as a server will, through the file.
    let moderator = Moderator::new(Model::from_bytes(&plain, name)?);
    metadata.golden = comments();
    for golden in &mut metadata.golden {
        golden.scores = moderator.score_golden(golden)?;
    }
    let sealed = artifact::serialize(parts, &metadata)?;
    Moderator::tested(Model::from_bytes(&sealed, name)?)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use thresher::model::golden::{MAX_GOLDEN, MAX_GOLDEN_BYTES};

    #[test]
    fn there_are_many_and_each_is_a_comment_of_its_own() {
        let comments = comments();
        assert!(comments.len() <= MAX_GOLDEN);
        let texts: HashSet<_> = comments.iter().map(|golden| golden.text.as_str()).collect();
        assert_eq!(texts.len(), ROWS.len());
        assert!(texts.iter().all(|text| !text.trim().is_empty() && text.len() <= MAX_GOLDEN_BYTES));
        assert!(texts.iter().any(|text| text.len() > 3_000));
        for format in [Plain, Html, Markdown] {
            assert!(comments.iter().any(|golden| golden.format == format));
        }
    }
}
