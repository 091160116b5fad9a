use super::*;
use Format::{Html, Markdown, Plain};
use proptest::prelude::*;

fn reduce(source: &str, format: Format) -> Reduced {
    let mut reduced = Reduced::default();
    reduced.reduce(source, format);
    reduced
}

#[track_caller]
fn check(format: Format, table: &[(&str, &str, &str)]) {
    for (name, source, expected) in table {
        assert_eq!(reduce(source, format).text(), *expected, "{name}: {source:?}");
    }
}

#[test]
fn html_gives_what_readers_see() {
    check(
        Html,
        &[
            ("empty", "", ""),
            ("plain text", "just words", "just words"),
            ("inline tags join", "fr<b>e</b><i>e</i> <em>tea</em>", "free tea"),
            ("unknown tags join", "fr<x-y>ee</x-y>", "free"),
            ("paragraphs part", "<p>one</p><p>two</p>", "one\ntwo"),
            ("breaks part", "one<br>two<br/>three", "one\ntwo\nthree"),
            ("no break is doubled", "<p>one</p>\n<p>two</p>", "one\ntwo"),
            ("list", "<ul><li>one<li>two</ul>three", "one\ntwo\nthree"),
            ("table", "<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
            ("references", "a &amp; b &lt;c&gt; caf&eacute; &#33; &#x1F600;", "a & b <c> café ! 😀"),
            ("references without end", "x &ampy &copy z &nope; &", "x &y © z &nope; &"),
            ("a reference of two characters", "a&NotEqualTilde;b", "a\u{2242}\u{338}b"),
            ("comment", "fr<!-- not a word -->ee", "free"),
            ("open comment", "words<!-- never ends", "words"),
            ("doctype", "<!DOCTYPE html>words", "words"),
            ("script", "a<script>var x = '<b>bold</b>';</script>b", "ab"),
            ("style", "a<style>p { color: red }</style>b", "ab"),
            ("noscript", "a<noscript><p>hidden</p></noscript>b", "ab"),
            (
                "nested templates",
                "a<template>x<template>y</template><a href=//z.example>z</a></template>b",
                "ab",
            ),
            ("head", "<head><title>x</title><style>y</style></head><body>words</body>", "words"),
            ("what a browser moves out of the head", "<head>words", "words"),
            ("text area", "<textarea><b>words</b></textarea>", "<b>words</b>"),
            ("line ends", "one\r\ntwo\rthree", "one\ntwo\nthree"),
            ("less than", "I <3 you, 1 < 2", "I <3 you, 1 < 2"),
            ("an open tag is text", "if a <b and c", "if a <b and c"),
            ("an open value is text", "one <a href=\"two", "one <a href=\"two"),
            ("stray end tags", "</p></b>words</div>", "words"),
        ],
    );
}

#[test]
fn html_links_are_kept() {
    check(
        Html,
        &[
            ("hidden", "<a href=\"https://x.example/a\">here</a>, now", "here, now https://x.example/a"),
            ("shown", "<a href=\"https://x.example/\">X.example</a>!", "X.example!"),
            (
                "shown among words",
                "<a href='http://x.example'>see (http://x.example)</a>",
                "see (http://x.example)",
            ),
            (
                "another one shown",
                "<a href='http://x.example'>http://y.example</a>",
                "http://y.example http://x.example",
            ),
            (
                "one that starts alike",
                "<a href='http://x.example'>x.example.org</a>",
                "x.example.org http://x.example",
            ),
            ("no label", "a<a href=http://x.example></a>b", "ab http://x.example"),
            ("not closed", "<a href=http://x.example>label", "label http://x.example"),
            (
                "nested",
                "<a href=//x.example>a<a href=//y.example>b</a>",
                "ab https://x.example https://y.example",
            ),
            ("within a word", "fr<a href=http://x.example>ee</a>ly", "freely http://x.example"),
            (
                "within words",
                "c<a href=/x>a</a>s<a href=/y>i</a>no <b><a href=/z>free</a></b> tea<p>too</p>",
                "casino free tea /x /y /z\ntoo",
            ),
            (
                "a block within a link",
                "<a href=//x.example>a</a><a href=//y.example><p>b</p></a>",
                "a\nb\nhttps://x.example https://y.example",
            ),
            ("no scheme", "<a href=x.example/a>a</a>", "a x.example/a"),
            ("references", "<a href='http://x.example/?a&amp;b'>a</a>", "a http://x.example/?a&b"),
            ("as browsers read it", "<a href=' HTTP:\\\\x.exa\nmple/a b'>a</a>", "a http://x.example/a%20b"),
            ("mail", "<a href='mailto:me@x.example?subject=Hi'>me</a>", "me me@x.example"),
            ("script", "<a href='java\tscript:alert(1)'>a</a>", "a javascript:"),
            ("data", "<a href='data:text/html,words'>a</a>", "a data:"),
            ("the same page", "<a href='#top'>a</a> <a href=''>b</a> <a name=c>c</a>", "a b c"),
            ("the first of two", "<a href=//x.example href=//y.example>a</a>", "a https://x.example"),
            ("in a block", "<li><a href=//x.example>a</a></li>b", "a https://x.example\nb"),
            ("in a script", "<script><a href=//x.example>a</a></script>", ""),
            ("map", "<area href=//x.example>", "https://x.example"),
            ("image", "a<img alt='a cat' src='http://x.example/c.png'>b", "a a cat http://x.example/c.png b"),
            ("image of this site", "<img src=/c.png alt='2 &gt; 1'>", "2 > 1"),
            ("no image", "fr<b alt=x src=//x.example>ee</b>", "free"),
            ("frame", "<iframe src=//x.example>words</iframe>", "https://x.example"),
            ("image as label", "<a href=//x.example><img alt=cat></a>", "cat https://x.example"),
        ],
    );
}

#[test]
fn commonmark_gives_what_readers_see() {
    check(
        Markdown,
        &[
            ("empty", "", ""),
            ("plain text", "just words", "just words"),
            ("emphasis joins", "fr**e**e *tea*", "free tea"),
            ("blocks", "# Title\n\none\ntwo\n\n- a\n- b\n\n> quote", "Title\none\ntwo\na\nb\nquote"),
            ("hard break", "one  \ntwo\\\nthree", "one\ntwo\nthree"),
            ("rule", "one\n\n---\n\ntwo", "one\ntwo"),
            ("code", "run `a <b> &amp;` now", "run a <b> &amp; now"),
            ("code block", "```rust\nlet a = 1 < 2;\n```\nend", "let a = 1 < 2;\nend"),
            ("indented code", "    a\n    b", "a\nb"),
            ("escapes and references", r"\*a\* &amp; &lt;b> \<c>", "*a* & <b> <c>"),
            ("inline HTML", "fr<b>ee</b><br>tea", "free\ntea"),
            ("HTML block", "<div>one\n</div>\n\ntwo", "one\n\ntwo"),
            ("HTML in a quote", "> <p\n> class=x>one</p>", "one"),
            ("script", "one\n\n<script>\nhidden\n</script>\n\ntwo", "one\n\ntwo"),
            ("comment", "fr<!-- no -->ee", "free"),
            ("link", "[here](https://x.example/a \"title\"), now", "here, now https://x.example/a"),
            ("shown", "[x.example](https://x.example)", "x.example"),
            ("autolink", "<https://x.example> <me@x.example>", "https://x.example me@x.example"),
            (
                "reference",
                "[a] [b][a]\n\n[a]: http://x.example/?a&b",
                "a b http://x.example/?a&b http://x.example/?a&b",
            ),
            ("not a link", "[a] (b) [c]", "[a] (b) [c]"),
            ("script link", "[a](javascript:alert(1))", "a javascript:"),
            ("no address", "[a]() b", "a b"),
            ("quotes in it", "[a](http://x.example/\">b)", "a http://x.example/\">b"),
            ("image", "a![cat](http://x.example/c.png)b", "a cat http://x.example/c.png b"),
            (
                "image as label",
                "[![cat](http://x.example/c.png)](http://y.example)",
                "cat http://x.example/c.png http://y.example",
            ),
            ("HTML link", "<a href=\"//x.example\">a *b*</a>", "a b https://x.example"),
        ],
    );
}

#[test]
fn plain_text_is_kept() {
    check(Plain, &[("markup", "a <b>c</b> &amp; *d*", "a <b>c</b> &amp; *d*")]);
}

#[test]
fn text_leads_back_to_its_source() {
    let table = [
        (Plain, "one two", "two", "two"),
        (Html, "<p>one <b>two</b></p>", "two", "two"),
        (Html, "<b>fr</b>ee tea", "free", "fr</b>ee"),
        (Html, "a &amp; caf&eacute; tea", "café", "caf&eacute;"),
        (Html, "a &amp; b", "&", "&amp;"),
        (Html, "a&NotEqualTilde;b", "\u{338}", "&NotEqualTilde;"),
        (Html, "one\r\n<br>two", "two", "two"),
        (
            Html,
            "é <a href=' http://x.example/&amp; '>é</a>.",
            "http://x.example/&",
            " http://x.example/&amp; ",
        ),
        (Html, "<img alt='a cat' src=http://x.example>", "cat", "cat"),
        (Html, "<p>one</p><p>two", "\n", "</p>"),
        (Markdown, "one *two* three", "three", "three"),
        (Markdown, "fr**ee** tea", "free", "fr**ee"),
        (Markdown, "> one\n> two &lt; `three`", "three", "three"),
        (Markdown, "a &amp; b", "&", "&amp;"),
        (Markdown, "é [label](http://x.example/é) é", "http://x.example/é", "http://x.example/é"),
        (Markdown, "[a [b](c)][d]\n\n[d]: e", "c", "c"),
        (Markdown, "[label][x] tea\n\n[x]: http://x.example", "http://x.example", "][x]"),
        (Markdown, "![cat](http://x.example)", "http://x.example", "http://x.example"),
        (Markdown, "one <b title='x'>two</b> <!-- no --> three", "three", "three"),
    ];
    for (format, source, word, expected) in table {
        let reduced = reduce(source, format);
        let start =
            reduced.text().find(word).unwrap_or_else(|| panic!("no {word:?} in {:?}", reduced.text()));
        let range = reduced.source_range(start..start + word.len());
        assert_eq!(&source[range], expected, "{word:?} of {source:?}");
    }
}

#[test]
fn ranges_are_cut_and_widened() {
    let reduced = reduce("<b>né</b>", Html);
    assert_eq!(reduced.text(), "né");
    #[expect(clippy::reversed_empty_ranges, reason = "any range is answered")]
    let reversed = 3..1;
    let table = [
        (0..2, 3..6),
        (2..3, 4..6),
        (0..99, 3..6),
        (2..2, 4..4),
        (3..3, 6..6),
        (50..99, 6..6),
        (reversed, 6..6),
    ];
    for (range, expected) in table {
        assert_eq!(reduced.source_range(range.clone()), expected, "{range:?}");
    }
    assert_eq!(Reduced::default().source_range(3..9), 0..0);
}

#[test]
fn a_buffer_forgets_the_text_before() {
    let mut reduced = reduce("[a](http://x.example) <p", Markdown);
    reduced.reduce("<p>b", Html);
    assert_eq!((reduced.text(), reduced.source_range(0..1)), ("b", 3..4));
    reduced.clear();
    assert_eq!((reduced.text(), reduced.source_range(0..1)), ("", 0..0));
}

#[test]
fn debug_output_has_no_text() {
    assert!(!format!("{:?}", reduce("*canary*", Markdown)).contains("canary"));
}

/// Markup nested or repeated beyond sense ends, and in no more than a few
/// times its length.
#[test]
fn hostile_markup_gives_text() {
    let repeated = [
        "<",
        "<a ",
        "<a href=",
        "</",
        "<!",
        "<!--",
        "<div>",
        "<a href=//x>",
        "<template>",
        "&",
        "&amp",
        "&#",
        "[",
        "![",
        "]",
        "[a](",
        "[a](b)",
        "![a](b",
        "*",
        "*a ",
        "_a_",
        "`",
        "`a",
        "> ",
        "- ",
        "1. ",
        "\\",
        "\n<",
        "<b\n",
        "[a]: b\n",
        "\0",
        "\r",
        "\"",
        "é<",
    ];
    for unit in repeated {
        for format in [Html, Markdown] {
            let source = unit.repeat(20_000 / unit.len());
            let reduced = reduce(&source, format);
            assert!(reduced.text().len() <= 8 * source.len(), "{unit:?}");
            assert!(reduced.source_range(0..reduced.text().len()).end <= source.len(), "{unit:?}");
        }
    }
    let nested = [
        ("> ", ""),
        ("[", "](a)"),
        ("![", "](a)"),
        ("*", "*"),
        ("<div>", "</div>"),
        ("<a href=//x>", "</a>"),
    ];
    for (open, close) in nested {
        for format in [Html, Markdown] {
            let source = format!("{}word{}", open.repeat(10_000), close.repeat(10_000));
            assert!(reduce(&source, format).text().contains("word"), "{open:?}");
        }
    }
}

/// Texts dense in markup, which random characters seldom are.
fn markup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<",
        ">",
        "</",
        "<a href=",
        "<a href=\"",
        "\"",
        "'",
        "</a>",
        "<p>",
        "<br>",
        "<b>",
        "</b>",
        "<img alt='x' src=",
        "http://x.example/",
        "&amp;",
        "&am",
        "&#233;",
        "&NotEqualTilde;",
        "&",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<template>",
        "</template>",
        "<title>",
        "</title>",
        "<textarea>",
        "[",
        "](",
        ")",
        "![",
        "*",
        "**",
        "_",
        "`",
        "> ",
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "- ",
        "# ",
        "    ",
        "\\",
        "[a]: ",
        "é",
        "😀",
        "word",
        " ",
        "\0",
        "\t",
        "\u{a0}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Plain, Html, Markdown])
}

proptest! {
    #[test]
    fn every_text_is_reduced(source in prop_oneof![any::<String>(), markup()], format in any_format()) {
        let reduced = reduce(&source, format);
        let text = reduced.text();
        for start in 0..=text.len() + 1 {
            for end in [start, start + 1, start + 7, text.len()] {
                let range = reduced.source_range(start..end);
                prop_assert!(source.get(range.clone()).is_some(), "{start}..{end} gives {range:?}");
            }
        }
    }

    #[test]
    fn verbatim_pieces_are_verbatim_and_in_order(source in markup(), format in any_format()) {
        let reduced = reduce(&source, format);
        let html = reduced.html.text();
        let steps = match format {
            Markdown => vec![(&reduced.html, source.as_str()), (&reduced.text, html)],
            Plain | Html => vec![(&reduced.text, source.as_str())],
        };
        for (step, source) in steps {
            let mut last = 0;
            for (to, from) in step.verbatim() {
                prop_assert_eq!(&step.text()[to], &source[from.clone()]);
                prop_assert!(last <= from.start);
                last = from.end;
            }
        }
    }

    #[test]
    fn words_without_markup_are_kept(source in "[a-zé ,.!?]{0,60}") {
        let reduced = reduce(&source, Html);
        prop_assert_eq!(reduced.text(), &source);
        prop_assert_eq!(reduced.text.verbatim().len(), usize::from(!source.is_empty()));
    }
}
