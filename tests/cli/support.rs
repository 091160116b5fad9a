//! Runs the binary and reads its answers.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The command with these arguments.
pub fn thresher(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresher"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub fn run(arguments: &[&str]) -> Ran {
    finished(thresher(arguments).output().unwrap())
}

/// Runs the command with a standard input.
pub fn run_with_stdin(arguments: &[&str], stdin: &[u8]) -> Ran {
    let mut child = thresher(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // Beside the reading of the answers, or both sides could wait for ever. A
    // command that stops early closes its end.
    let writer = std::thread::spawn(move || {
        let _ = input.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    finished(output)
}

/// Ends a command by a signal while it reads comments and has a file of its own
/// in the folder, beside the one that it is to write.
#[cfg(unix)]
#[track_caller]
pub fn interrupted(arguments: &[&str], signal: &str, folder: &Folder) {
    use std::os::unix::process::ExitStatusExt;
    let mut child = thresher(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: once they are taken, they are being read.
    stdin.write_all(comments(20_000).as_bytes()).unwrap();
    assert!(folder.names().iter().any(|name| name.starts_with(".thresher-")), "{:?}", folder.names());
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    let number = match signal {
        "HUP" => 1,
        "INT" => 2,
        _ => 15,
    };
    assert_eq!(child.wait().unwrap().signal(), Some(number));
}

/// What a run left behind; it exited, and no panic was seen.
pub fn finished(output: Output) -> Ran {
    let ran = Ran {
        code: output.status.code().expect("the command exits and is not killed"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{ran:?}");
    ran
}

impl Ran {
    /// All went well, and nothing was complained about.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }

    /// Failed with this code and exactly this one line.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> &Self {
        assert_eq!((self.code, self.err.as_str()), (code, format!("error: {line}\n").as_str()));
        self
    }

    /// Failed with this code and one line that begins so.
    #[track_caller]
    pub fn fails_like(&self, code: i32, beginning: &str) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with(&format!("error: {beginning}")), "{self:?}");
        assert!(self.err.ends_with('\n') && self.err.lines().count() == 1, "{self:?}");
        self
    }

    /// The answers: whole lines of JSON.
    #[track_caller]
    pub fn answers(&self) -> Vec<Value> {
        assert!(self.out.is_empty() || self.out.ends_with('\n'), "{self:?}");
        answers(&self.out)
    }

    /// The ids of the answers.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.answers().iter().map(|answer| answer["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Answers in a file.
pub fn answers(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder for the files of one test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file that need not be there.
    pub fn file(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and says its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The names of the files in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A line for a comment.
pub fn comment(id: &str, text: &str) -> String {
    json!({ "id": id, "text": text }).to_string() + "\n"
}

/// Comments with the ids 0, 1, 2 and so on, and texts that repeat.
pub fn comments(count: usize) -> String {
    let texts = [
        "I planted mine in spring and they grew well.",
        "Cheap followers, visit http://followers.example now!!!",
        "You are wrong about that, and rude too.",
        "Спасибо, очень полезно.",
        "👍",
    ];
    (0..count).map(|i| comment(&i.to_string(), texts[i % texts.len()])).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A policy that decides alike whatever the model says: every comment is held
/// as spam, except on the site `open`.
pub const HOLD_ALL: &str = "[site.default]\nSPAM = { hold = 0 }\n[site.open]\nSPAM = { hold = false }\n";
