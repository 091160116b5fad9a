//! The fuzz targets on their corpora: seeds, and whatever once broke something.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Feeds a target every file of its corpus, under the name of the file.
fn feed(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{name} has {} seeds", files.len());
    for file in files {
        eprintln!("{}", file.display());
        target(&fs::read(&file).unwrap());
    }
}

#[test]
fn texts() {
    feed("text", targets::text::run);
}

#[test]
fn artifacts() {
    feed("artifact", targets::artifact::run);
}

#[test]
fn policies() {
    feed("policy", targets::policy::run);
}

#[test]
fn json_lines() {
    feed("jsonl", targets::jsonl::run);
}

#[test]
fn markup() {
    feed("markup", targets::markup::run);
}

#[test]
fn requests() {
    feed("request", targets::request::run);
}
