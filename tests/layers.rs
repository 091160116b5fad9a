//! What may depend on what.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Names of the network stack and of the generated code. That nothing else in
/// `src/` says them keeps everything but the server usable without one.
const OF_THE_SERVER: [&str; 5] = ["tonic::", "tokio::", "tokio_stream::", "redis::", "pb::"];

/// The files that may, by how their path below `src/` begins.
const SERVER: [&str; 2] = ["server", "cli/serve.rs"];

#[test]
fn tonic_and_tokio_are_named_by_the_server_alone() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut naming = 0;
    for path in files(&src) {
        let inside = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = code.flat_map(|line| OF_THE_SERVER.iter().find(|name| line.contains(*name))).next();
        if SERVER.iter().any(|prefix| inside.starts_with(prefix)) {
            naming += usize::from(named.is_some());
        } else {
            assert_eq!(named, None, "in src/{inside}");
        }
    }
    assert!(naming > 3, "the server itself is found to name them in {naming} files only");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
