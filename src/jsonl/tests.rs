use super::*;
use crate::attribute::Attribute;
use crate::comment::Format;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;

fn lines(bytes: &[u8]) -> Lines {
    Lines::from_reader("c.jsonl", Cursor::new(bytes.to_vec()), None).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads comments to the end: the ids, and the messages of bad lines.
fn read(bytes: &[u8]) -> Vec<Result<String, String>> {
    let mut lines = lines(bytes);
    let mut all = Vec::new();
    while let Some(record) = lines.next_record::<CommentRecord>() {
        all.push(record.map(|r| r.id).map_err(|e| e.to_string()));
    }
    all
}

fn error_of(line: &str) -> String {
    read(line.as_bytes()).remove(0).unwrap_err()
}

#[test]
fn every_field_is_read_and_unknown_ones_are_ignored() {
    let line =
        r#"{"id": "a", "thread_id": "t", "parent_id": null, "author": "ann", "text": "Hi \ud83d\ude00",
        "lang": "en", "created_at": "2026-01-02", "labels": {"spam": 0, "insult": 0.25, "threat": null},
        "source": "s", "format": "html", "raw": {"votes": 3}, "split": "dev"}"#
            .replace('\n', " ");
    let record: CommentRecord = lines(line.as_bytes()).next_record().unwrap().unwrap();
    assert_eq!((record.id.as_str(), record.text.as_str()), ("a", "Hi 😀"));
    assert_eq!((record.thread_id.as_deref(), record.parent_id.as_deref()), (Some("t"), None));
    assert_eq!((record.author.as_deref(), record.lang.as_deref()), (Some("ann"), Some("en")));
    assert_eq!((record.created_at.as_deref(), record.source.as_deref()), (Some("2026-01-02"), Some("s")));
    assert_eq!(record.labels, [("insult".into(), 0.25), ("spam".into(), 0.0)].into());
    assert_eq!(record.format, Some(Format::Html));
    assert_eq!(record.raw, Some(serde_json::json!({"votes": 3})));
}

#[test]
fn the_documentation_is_right() {
    let document = include_str!("../../docs/data-format.md");
    let example = |beginning: &str| document.lines().find(|line| line.starts_with(beginning)).unwrap();
    let comment: CommentRecord =
        lines(example("{\"id\": \"c-2\"").as_bytes()).next_record().unwrap().unwrap();
    let thread: ThreadRecord = lines(example("{\"id\": \"t-1\"").as_bytes()).next_record().unwrap().unwrap();
    assert_eq!(comment.thread_id, Some(thread.id));
    for attribute in Attribute::ALL {
        let row = format!("| `{}` | `{attribute}` |", attribute.label());
        assert!(document.contains(&row), "{attribute}");
    }
}

#[test]
fn most_fields_may_be_missing() {
    let record: CommentRecord = lines(br#"{"id":"a","text":"b"}"#).next_record().unwrap().unwrap();
    assert!(record.labels.is_empty() && record.format.is_none() && record.raw.is_none());
    let thread: ThreadRecord = lines(br#"{"id":"a","title":null}"#).next_record().unwrap().unwrap();
    assert_eq!((thread.title, thread.body), (None, None));
}

#[test]
fn blank_lines_and_a_byte_order_mark_are_skipped() {
    let file = "\u{feff}{\"id\":\"1\",\"text\":\"x\"}\r\n\n  \r\n{\"id\":\"2\",\"text\":\"x\"}";
    let mut lines = lines(file.as_bytes());
    assert_eq!(lines.line_number(), 0);
    assert_eq!(lines.next_record::<CommentRecord>().unwrap().unwrap().id, "1");
    assert_eq!(lines.line_number(), 1);
    assert_eq!(lines.next_record::<CommentRecord>().unwrap().unwrap().id, "2");
    assert_eq!(lines.line_number(), 4);
    assert!(lines.next_record::<CommentRecord>().is_none());
    assert!(lines.next_record::<CommentRecord>().is_none());
    assert_eq!(lines.compressed_bytes_read(), file.len() as u64);
}

#[test]
fn a_bad_line_names_file_line_and_what_and_the_next_one_is_read() {
    let cases: [(&[u8], &str); 19] = [
        (b"[1]", "c.jsonl:1: not a JSON object"),
        (b"canary", "c.jsonl:1: not a JSON object"),
        (b"{\"id\":\"a\",\"text\":\"canary\xff\"}", "c.jsonl:1:25: invalid UTF-8"),
        (br#"{"id":"a","text":"\ud800"}"#, "c.jsonl:1:25: a lone surrogate in a \\u escape is no character"),
        (
            br#"{"id":"a","text":"\udc00 canary"}"#,
            "c.jsonl:1:24: a lone surrogate in a \\u escape is no character",
        ),
        (
            br#"{"id":"a","text":"\ud800\ud800"}"#,
            "c.jsonl:1:30: a lone surrogate in a \\u escape is no character",
        ),
        (br#"{"id":"a","text":"canary"#, "c.jsonl:1:24: the line ends inside a string"),
        (br#"{"id":"a","text":"canary",}"#, "c.jsonl:1:27: trailing comma"),
        (br#"{"id":"a","text":"canary"} canary"#, "c.jsonl:1:28: trailing characters"),
        (br#"{"id":"a"}"#, "c.jsonl:1: missing field `text`"),
        (br#"{"id":"a","id":"b","text":"canary"}"#, "c.jsonl:1: duplicate field `id`"),
        (br#"{"id":7,"text":"canary"}"#, "c.jsonl:1: field `id`: expected a string, found a number"),
        (br#"{"id":"a","text":null}"#, "c.jsonl:1: field `text`: expected a string, found null"),
        (br#"{"id":"a","text":{"canary":1}}"#, "c.jsonl:1: field `text`: expected a string, found an object"),
        (
            br#"{"id":"a","text":"b","labels":"canary, expected nothing"}"#,
            "c.jsonl:1: field `labels`: expected an object, found a string",
        ),
        (
            br#"{"raw":{"k":[{"l":"\""}]},"labels":{"spam":"canary"}}"#,
            "c.jsonl:1: field `labels.spam`: expected a number, found a string",
        ),
        (br#"{"id":"a","text":"b","labels":{"spam":1.5}}"#, "c.jsonl:1: label `spam` is 1.5, outside 0..=1"),
        (br#"{"id":"a","text":"b","labels":{"a canary":-1}}"#, "c.jsonl:1: label `?` is -1, outside 0..=1"),
        (br#"{"format":"canary"}"#, "c.jsonl:1: field `format`: expected one of `plain`, `html`, `markdown`"),
    ];
    for (line, message) in cases {
        let file = [line, b"\n{\"id\":\"next\",\"text\":\"b\"}\n"].concat();
        assert_eq!(read(&file), [Err(message.to_owned()), Ok("next".to_owned())]);
    }
}

#[test]
fn a_line_over_the_limit_is_an_error_and_is_passed_over() {
    let mut file = vec![b'x'; MAX_LINE_BYTES + 1];
    file.extend_from_slice(b"\n{\"id\":\"next\",\"text\":\"b\"}");
    let message = "c.jsonl:1: the line is over the limit of 16777216 bytes".to_owned();
    assert_eq!(read(&file), [Err(message), Ok("next".to_owned())]);

    let mut longest = br#"{"id":"a","text":""#.to_vec();
    longest.resize(MAX_LINE_BYTES - 2, b'x');
    longest.extend_from_slice(b"\"}\n");
    assert_eq!(read(&longest), [Ok("a".to_owned())]);
}

#[test]
fn gzip_of_several_members_is_read_whole() {
    let file = [gzip(b"{\"id\":\"1\",\"text\":\"x\"}\n{\"id\":"), gzip(b"\"2\",\"text\":\"x\"}\n")].concat();
    assert_eq!(read(&file), [Ok("1".to_owned()), Ok("2".to_owned())]);
}

#[test]
fn truncated_and_broken_gzip_is_an_error_and_the_end() {
    let file: String = (0..2_000).map(|i| format!("{{\"id\":\"{i}\",\"text\":\"x {}\"}}\n", i * i)).collect();
    let packed = gzip(file.as_bytes());
    for length in [3, 12, packed.len() / 2, packed.len() - 1] {
        let read = read(&packed[..length]);
        let (last, whole) = read.split_last().unwrap();
        let message = format!("c.jsonl:{}: truncated gzip: the file ends too soon", whole.len() + 1);
        assert_eq!(last.as_ref().unwrap_err(), &message, "{length}");
        assert!(whole.iter().all(Result::is_ok));
    }
    let mut broken = packed.clone();
    let at = broken.len() - 5;
    broken[at] ^= 1;
    let message = read(&broken).pop().unwrap().unwrap_err();
    assert!(message.starts_with("c.jsonl:2001: cannot be read: "), "{message}");
}

#[test]
fn a_file_that_is_not_there_and_a_folder_are_errors() {
    let error = Lines::open(Path::new("no/such/file.jsonl")).err().unwrap().to_string();
    assert!(error.starts_with("no/such/file.jsonl: cannot be opened: "), "{error}");
    assert!(Lines::open(&std::env::temp_dir()).is_err());
}

#[test]
fn debug_output_has_no_text_and_no_author() {
    let line = br#"{"id":"7","text":"canary","author":"canary","title":"canary","body":"canary"}"#;
    let comment: CommentRecord = lines(line).next_record().unwrap().unwrap();
    let thread: ThreadRecord = lines(line).next_record().unwrap().unwrap();
    let debug = format!("{comment:?} {thread:?}");
    assert!(debug.contains('7') && !debug.contains("canary"));
}

#[test]
fn what_stands_beside_the_text_is_read() {
    let line = br#"{"id":"7","text":"x","author":"ann","created_at":"2026-05-03T09:12:00+02:00","edited":true,
        "author_details":{"account_created_at":"2026-05-01T07:12:00Z","approved_count":3,"role":"staff","url":null},
        "client":{"ip":"192.0.2.7"}}"#
        .map(|byte| if byte == b'\n' { b' ' } else { byte });
    let comment: CommentRecord = lines(&line).next_record().unwrap().unwrap();
    let thread = br#"{"id":"t","created_at":"2026-05-03T00:00:00Z","published_count":4}"#;
    let thread: ThreadRecord = lines(thread).next_record().unwrap().unwrap();
    let context = comment.claims(thread.facts()).check().unwrap();
    assert_eq!((context.author_age_days(), context.thread_age_hours()), (Some(2.0), Some(7.2)));
    assert_eq!((context.author().author_id, context.author().approved_count), ("ann", Some(3)));
    assert!(context.edited() && context.author().role == crate::comment::Role::Staff);
    assert_eq!((context.thread().published_count, context.client().ip), (Some(4), "192.0.2.7"));
    // The thread is named by the comment where nothing else is known of it.
    let comment = br#"{"id":"7","text":"x","thread_id":"u"}"#;
    let comment: CommentRecord = lines(comment).next_record().unwrap().unwrap();
    let named = |facts| comment.claims(facts).thread.thread_id;
    assert_eq!((named(crate::comment::ThreadFacts::default()), named(thread.facts())), ("u", "t"));
    // As the source says it, which need not be a time.
    let comment = br#"{"id":"7","text":"x","created_at":"yesterday"}"#;
    let comment: CommentRecord = lines(comment).next_record().unwrap().unwrap();
    assert_eq!(comment.claims(thread.facts()).create_time, None);
}

#[test]
fn a_fault_inside_an_object_names_the_key_and_what_is_expected() {
    for (fields, what) in [
        (r#""author_details":["canary"]"#, "`author_details`: expected an object, found an array"),
        (r#""client":["192.0.2.7","canary"]"#, "`client`: expected an object, found an array"),
        (r#""client":"canary""#, "`client`: expected an object, found a string"),
        (
            r#""author_details":{"account_created_at":"canary"}"#,
            "`author_details.account_created_at`: expected a time as RFC 3339 has it",
        ),
        (
            r#""author_details":{"account_created_at":7,"url":"canary"}"#,
            "`author_details.account_created_at`: expected a time as RFC 3339 has it, found a number",
        ),
        (
            r#""author_details":{"approved_count":"canary"}"#,
            "`author_details.approved_count`: expected a whole number, found a string",
        ),
        (
            r#""author_details":{"rejected_count":0.5}"#,
            "`author_details.rejected_count`: expected a whole number, found a decimal number",
        ),
        (r#""author_details":{"role":"canary"}"#, "`author_details.role`: expected `reader` or `staff`"),
    ] {
        let line = format!(r#"{{"id":"7","text":"x",{fields}}}"#);
        assert_eq!(error_of(&line), format!("c.jsonl:1: field {what}"));
    }
    let line = r#"{"id":"7","text":"x","author_details":null,"client":null}"#;
    assert_eq!(read(line.as_bytes()), [Ok("7".to_owned())]);
}

#[test]
fn an_overlong_field_name_is_not_repeated() {
    let line = format!(r#"{{"labels":{{"{}":"x"}}}}"#, "n".repeat(65));
    assert_eq!(error_of(&line), "c.jsonl:1: field `labels.?`: expected a number, found a string");
}

proptest! {
    /// Whatever the bytes, reading ends, counts lines and quotes nothing.
    #[test]
    fn any_bytes_are_read_to_the_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut lines = lines(&bytes);
        let mut count = 0;
        while let Some(record) = lines.next_record::<CommentRecord>() {
            prop_assert!(lines.line_number() >= count);
            drop(record);
            count += 1;
        }
        prop_assert!(count <= bytes.len() as u64);
    }

    /// A value of the wrong type never shows in the message.
    #[test]
    fn no_message_quotes_a_value(text in "canary[ -~]{0,40}", field in "id|text|labels|format|raw") {
        let value = serde_json::json!({ field: { "deep": [text.as_str(), { "canary": text }] } });
        let message = error_of(&value.to_string());
        prop_assert!(!message.contains("canary"), "{}", message);
    }
}
