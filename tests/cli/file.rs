//! A file of comments.

use crate::support::{Folder, HOLD_ALL, answers, comment, comments, gzip, run, run_with_stdin, thresher};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

#[test]
fn every_comment_has_one_answer_in_order() {
    let folder = Folder::new();
    let file = comments(3_000);
    let input = folder.write("c.jsonl", &file);
    let ran = run(&["moderate", "--input", &input]);
    let expected: Vec<String> = (0..3_000).map(|i| i.to_string()).collect();
    assert_eq!(ran.succeeds().ids(), expected);
    // Equal texts get equal answers, wherever they stand and whoever judged.
    let mut all = ran.answers();
    for answer in &mut all {
        answer["id"].take();
    }
    for (i, answer) in all.iter().enumerate() {
        assert_eq!(answer, &all[i % 5], "{i}");
    }
    let keys =
        ["id", "action", "scores", "reasons", "unscored", "language_code", "model_version", "policy_version"];
    let line = ran.out.lines().next().unwrap();
    let at: Vec<usize> = keys.iter().map(|key| line.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(at.is_sorted() && line.starts_with("{\"id\":"), "{line}");
}

#[test]
fn plain_compressed_and_piped_files_give_the_same() {
    let folder = Folder::new();
    let file = comments(200);
    let plain = run(&["moderate", "--input", &folder.write("c.jsonl", &file)]);
    plain.succeeds();
    let packed = gzip(file.as_bytes());
    let (first, second) = file.split_at(file.len() / 2);
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    // The name does not matter.
    let as_file = run(&["moderate", "--input", &folder.write("c.data", &packed)]);
    assert_eq!(as_file.succeeds().out, plain.out);
    let as_members = run(&["moderate", "--input", &folder.write("m.gz", &members)]);
    assert_eq!(as_members.succeeds().out, plain.out);
    for stdin in [file.as_bytes(), &packed] {
        assert_eq!(run_with_stdin(&["moderate", "--input", "-"], stdin).succeeds().out, plain.out);
    }
}

#[test]
fn an_empty_file_has_no_answers() {
    for stdin in ["", "\n\n", " \r\n"] {
        assert_eq!(run_with_stdin(&["moderate", "--input", "-"], stdin.as_bytes()).succeeds().out, "");
    }
}

#[test]
fn a_thread_and_the_comments_before_are_what_a_comment_is_judged_beside() {
    let folder = Folder::new();
    let threads = [
        json!({"id": "roses", "title": "Pruning roses", "body": "Cut roses back in early spring.", "url": null}),
        json!({"id": "untitled", "title": null, "body": null}),
    ];
    let threads: String = threads.iter().map(|thread| format!("{thread}\n")).collect();
    let threads = folder.write("t.jsonl.gz", gzip(threads.as_bytes()));
    let of =
        |id: &str, thread: &str| json!({"id": id, "thread_id": thread, "text": "Cut them back in spring."});
    let file: String = [
        of("1", "roses"),
        of("2", "elsewhere"),
        of("3", "untitled"),
        of("4", "untitled"),
        json!({"id": "5", "text": "Cut them back in spring."}),
        json!({"id": "6", "thread_id": "roses", "parent_id": "1", "text": "Cut them back in spring."}),
    ]
    .iter()
    .map(|comment| format!("{comment}\n"))
    .collect();
    let input = folder.write("c.jsonl", &file);
    let ran = run(&["moderate", "--input", &input, "--threads", &threads]);
    let answers = ran.succeeds().answers();
    let scored: Vec<bool> = answers.iter().map(|a| a["scores"]["OFF_TOPIC"].is_number()).collect();
    // The fourth has the third to be compared with.
    assert_eq!(scored, [true, false, false, true, false, true]);
    assert_eq!(answers[1]["unscored"]["OFF_TOPIC"], "NO_THREAD");
    // The parent and the comment between are part of what the last is judged
    // beside.
    let off_topic = |i: usize| answers[i]["scores"]["OFF_TOPIC"].as_f64().unwrap();
    assert_ne!(off_topic(0), off_topic(5));

    // The same without a thread file: nothing to be compared with.
    let without = run(&["moderate", "--input", &input]);
    assert!(without.succeeds().answers().iter().all(|a| a["unscored"]["OFF_TOPIC"] == "NO_THREAD"));
    // What a comment gets does not depend on what follows it.
    let beginning: String = file.lines().take(4).map(|line| format!("{line}\n")).collect();
    let beginning =
        run_with_stdin(&["moderate", "--input", "-", "--threads", &threads], beginning.as_bytes());
    assert_eq!(ran.out.lines().take(4).collect::<Vec<_>>(), beginning.out.lines().collect::<Vec<_>>());
}

#[test]
fn one_comment_gets_the_same_scores_from_a_file_and_from_the_command_line() {
    let text = "Thanks, I pruned mine last week.";
    let one = run(&["moderate", "--json", "--text", text]);
    let many = run_with_stdin(&["moderate", "--input", "-"], comment("a", text).as_bytes());
    for key in ["action", "scores", "model_version", "policy_version", "language_code"] {
        assert_eq!(one.succeeds().answers()[0][key], many.succeeds().answers()[0][key], "{key}");
    }
}

#[test]
fn explained_reasons_have_spans_within_the_text() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", HOLD_ALL);
    let text = "Grüße! Cheap followers, visit http://followers.example now!!! Ünd so";
    let line = comment("a", text);
    let explained =
        run_with_stdin(&["moderate", "--input", "-", "--explain", "--policy", &policy], line.as_bytes());
    let reason = &explained.succeeds().answers()[0]["reasons"][0];
    assert_eq!((&reason["rule"], &reason["attribute"]), (&json!("SPAM.HOLD"), &json!("SPAM")));
    assert_eq!(reason["threshold"], json!(0.0));
    let spans = reason["spans"].as_array().unwrap();
    assert!(!spans.is_empty());
    for span in spans {
        let (begin, end) = (span["begin"].as_u64().unwrap(), span["end"].as_u64().unwrap());
        assert!(begin < end && end <= text.chars().count() as u64, "{span}");
    }
    let plain = run_with_stdin(&["moderate", "--input", "-", "--policy", &policy], line.as_bytes());
    assert!(plain.succeeds().answers()[0]["reasons"][0].get("spans").is_none());
    let open =
        run_with_stdin(&["moderate", "--input", "-", "--policy", &policy, "--site", "open"], line.as_bytes());
    assert_eq!(open.succeeds().answers()[0]["action"], "PUBLISH");
}

/// Lines that are no comments, and what is said of them after `file:line`.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let over = comment("x", &"a".repeat((1 << 20) + 1));
    [
        (&b"[1, 2]"[..], ": not a JSON object"),
        (b"\"canary\"", ": not a JSON object"),
        (b"{\"id\":\"x\",\"text\":\"canary\xff\"}", ":25: invalid UTF-8"),
        (br#"{"id":"x","text":"canary \ud800"}"#, ":32: a lone surrogate in a \\u escape is no character"),
        (br#"{"id":"x","text":"canary"#, ":24: the line ends inside a string"),
        (br#"{"id":"x"}"#, ": missing field `text`"),
        (br#"{"text":"canary"}"#, ": missing field `id`"),
        (br#"{"id":"x","text":["canary"]}"#, ": field `text`: expected a string, found an array"),
        (br#"{"id":"x","text":"canary","labels":{"spam":1.5}}"#, ": label `spam` is 1.5, outside 0..=1"),
        (br#"{"id":"x","text":""}"#, ": field `text` must not be empty or blank"),
        (br#"{"id":"x","text":" \n\u3000"}"#, ": field `text` must not be empty or blank"),
        (
            br#"{"id":"x","text":"a","created_at":"canary"}"#,
            ": field `created_at` must be a time as RFC 3339 has it, such as 2026-05-03T09:12:00Z",
        ),
        (
            br#"{"id":"x","text":"a","created_at":"2026-02-30"}"#,
            ": field `created_at` must be a time as RFC 3339 has it, such as 2026-05-03T09:12:00Z",
        ),
        (
            br#"{"id":"x","text":"a","created_at":""}"#,
            ": field `created_at` must be a time as RFC 3339 has it, such as 2026-05-03T09:12:00Z",
        ),
        (over.as_bytes(), ": field `text` is 1048577 bytes of UTF-8, over the limit of 1048576"),
    ]
    .into_iter()
    .map(|(line, what)| (line.trim_ascii_end().to_vec(), what))
    .collect()
}

#[test]
fn a_bad_line_stops_with_its_place_after_whole_answers() {
    for (line, what) in bad_lines() {
        let file = [comments(70).as_bytes(), &line, b"\n", comments(3).as_bytes()].concat();
        let ran = run_with_stdin(&["moderate", "--input", "-"], &file);
        ran.fails(1, &format!("stdin:71{what}"));
        assert_eq!(ran.ids().len(), 70);
    }
}

#[test]
fn a_bad_line_leaves_no_output_file_and_keeps_an_old_one() {
    let folder = Folder::new();
    let input = folder.write("c.jsonl", comments(200) + "[]\n");
    let output = folder.file("answers.jsonl");
    let message = format!("{input}:201: not a JSON object");
    run(&["moderate", "--input", &input, "--output", &output]).fails(1, &message);
    assert_eq!(folder.names(), ["c.jsonl"]);

    folder.write("answers.jsonl", "the old answers\n");
    run(&["moderate", "--input", &input, "--output", &output]).fails(1, &message);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "the old answers\n");
    assert_eq!(folder.names(), ["answers.jsonl", "c.jsonl"]);

    let input = folder.write("c.jsonl", comments(200));
    assert_eq!(run(&["moderate", "--input", &input, "--output", &output]).succeeds().out, "");
    assert_eq!(answers(&std::fs::read_to_string(&output).unwrap()).len(), 200);
    assert_eq!(folder.names(), ["answers.jsonl", "c.jsonl"]);
}

#[test]
fn keep_going_reports_every_bad_line_and_answers_the_rest() {
    let folder = Folder::new();
    let mut file = Vec::new();
    let mut expected = String::new();
    let path = folder.file("c.jsonl");
    for (i, (line, what)) in bad_lines().into_iter().enumerate() {
        expected.push_str(&format!("error: {path}:{}{what}\n", 2 * i + 2));
        file.extend_from_slice(comment(&i.to_string(), "Hello").as_bytes());
        file.extend_from_slice(&line);
        file.push(b'\n');
    }
    folder.write("c.jsonl", &file);
    let output = folder.file("answers.jsonl");
    let ran = run(&["moderate", "--input", &path, "--output", &output, "--keep-going"]);
    assert_eq!((ran.code, ran.err), (1, expected));
    assert_eq!(answers(&std::fs::read_to_string(&output).unwrap()).len(), bad_lines().len());
    let good = run_with_stdin(&["moderate", "--input", "-", "--keep-going"], comments(3).as_bytes());
    assert_eq!(good.succeeds().ids(), ["0", "1", "2"]);
}

#[test]
fn a_truncated_gzip_file_is_named() {
    let folder = Folder::new();
    let packed = gzip(comments(3_000).as_bytes());
    let input = folder.write("c.jsonl.gz", &packed[..packed.len() / 2]);
    for more in [&[][..], &["--keep-going"]] {
        let ran = run(&[&["moderate", "--input", &input], more].concat());
        let line = ran.ids().len() + 1;
        let message = format!("{input}:{line}: truncated gzip: the file ends too soon");
        ran.fails(1, &message);
        assert!(line > 1);
    }
}

#[test]
fn bad_threads_are_told_before_anything_is_judged() {
    let folder = Folder::new();
    let threads = folder.write("t.jsonl", "{\"id\":\"a\"}\n{\"id\":\"a\"}\n{\"title\":\"canary\"}\n");
    let input = folder.write("c.jsonl", comments(2));
    let ran = run(&["moderate", "--input", &input, "--threads", &threads]);
    ran.fails(1, &format!("{threads}:2: field `id`: an earlier thread has the same"));
    assert_eq!(ran.out, "");
    let ran = run(&["moderate", "--input", &input, "--threads", &threads, "--keep-going"]);
    assert_eq!(
        ran.err,
        format!(
            "error: {threads}:2: field `id`: an earlier thread has the same\n\
             error: {threads}:3: missing field `id`\n"
        )
    );
    assert_eq!((ran.code, ran.ids().len()), (1, 2));
    let threads = folder.write("t.jsonl", "{\"id\":\"a\",\"created_at\":\"canary\"}\n");
    run(&["moderate", "--input", &input, "--threads", &threads])
        .fails_like(1, &format!("{threads}:1: field `created_at` must be a time as RFC 3339 has it"));
    // Past ones are as their source has them.
    run(&["backtest", "--policy", "strict", "--data", &input, "--threads", &threads]).succeeds();
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let folder = Folder::new();
    let input = folder.write("c.jsonl", comments(2));
    let nowhere = folder.file("nowhere/x.jsonl");
    run(&["moderate", "--input", &nowhere]).fails_like(1, &format!("{nowhere}: cannot be opened: "));
    run(&["moderate", "--input", &input, "--threads", &nowhere])
        .fails_like(1, &format!("{nowhere}: cannot be opened: "));
    let ran = run(&["moderate", "--input", &input, "--output", &nowhere]);
    ran.fails_like(1, &format!("{nowhere}: cannot be written: "));
    assert!(!ran.err.contains(".thresher-"), "{}", ran.err);
    let here = folder.file(".");
    run(&["moderate", "--input", &input, "--output", &here])
        .fails_like(1, &format!("{here}: cannot be written: "));
}

#[test]
fn texts_made_to_hurt_are_judged() {
    let file = [
        comment("letter", &"z".repeat(20_480)),
        comment("marks", &format!("a{}", "\u{301}".repeat(10_239))),
        comment("links", &"http://a.example/b ".repeat(5_000)),
        json!({"id": "html", "format": "html", "text": "<div>".repeat(20_000)}).to_string() + "\n",
        json!({"id": "markdown", "format": "markdown", "text": "> ".repeat(20_000)}).to_string() + "\n",
    ]
    .concat();
    let explained = run_with_stdin(&["moderate", "--input", "-", "--explain"], file.as_bytes());
    assert_eq!(explained.succeeds().ids(), ["letter", "marks", "links", "html", "markdown"]);
    let longest = comment("longest", &"word ".repeat((1 << 20) / 5));
    assert_eq!(
        run_with_stdin(&["moderate", "--input", "-"], longest.as_bytes()).succeeds().ids(),
        ["longest"]
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let folder = Folder::new();
    let input = folder.write("c.jsonl", comments(3_000));
    let mut child = thresher(&["moderate", "--input", &input])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"id\":\"0\""), "{first}");
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

/// The end does not wait for a standard input that stays open.
#[test]
fn a_bad_line_ends_it_though_more_could_come() {
    let mut child = thresher(&["moderate", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all((comments(2) + "[]\n").as_bytes()).unwrap();
    stdin.flush().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(err, "error: stdin:3: not a JSON object\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(stdin);
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_nothing_beside_the_output() {
    for signal in ["INT", "TERM", "HUP"] {
        let folder = Folder::new();
        let output = folder.file("answers.jsonl");
        crate::support::interrupted(&["moderate", "--input", "-", "--output", &output], signal, &folder);
        assert_eq!(folder.names(), [""; 0], "{signal}");
        folder.write("answers.jsonl", "older");
        crate::support::interrupted(&["moderate", "--input", "-", "--output", &output], signal, &folder);
        assert_eq!(folder.names(), ["answers.jsonl"], "{signal}");
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "older");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn under_nohup_a_command_outlives_its_terminal() {
    let folder = Folder::new();
    let output = folder.file("answers.jsonl");
    let arguments = ["moderate", "--input", "-", "--output", &output];
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_thresher")])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds, so that it has begun.
    stdin.write_all(comments(20_000).as_bytes()).unwrap();
    assert!(Command::new("kill").args(["-s", "HUP", &child.id().to_string()]).status().unwrap().success());
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.names(), ["answers.jsonl"]);
}
