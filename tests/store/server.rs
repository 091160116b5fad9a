//! A store of a test's own: Valkey or Redis, at a socket in a folder that goes
//! with it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thresher::server::{StoreFiles, StoreOptions};

/// Longer than any test runs; a wait that ends only when something is broken.
const FOR_EVER: Duration = Duration::from_secs(120);

pub struct StoreServer {
    program: PathBuf,
    folder: TempDir,
    running: Option<Child>,
}

impl StoreServer {
    /// A store that runs. `None`, with a message, where none is installed.
    pub fn start() -> Option<StoreServer> {
        let names = ["valkey-server", "redis-server"];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let mut found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let Some(program) = found.find(|path| path.is_file()) else {
            // Not by a macro, whose output is kept from view when a test passes.
            let message = format!("skipped: none of {} is on the PATH\n", names.join(", "));
            std::io::stderr().write_all(message.as_bytes()).unwrap();
            return None;
        };
        let mut store = StoreServer { program, folder: tempfile::tempdir().unwrap(), running: None };
        store.restart(&[]);
        Some(store)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("store.sock")
    }

    /// Starts it, empty, with more arguments; waits until it answers.
    pub fn restart(&mut self, arguments: &[&str]) {
        self.kill();
        let child = Command::new(&self.program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
        let begin = Instant::now();
        while self.try_connect().is_none() {
            assert!(begin.elapsed() < FOR_EVER, "the store does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a failing machine would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn try_connect(&self) -> Option<redis::Connection> {
        let mut connection = redis::Client::open(self.address()).unwrap().get_connection().ok()?;
        redis::cmd("PING").query::<String>(&mut connection).ok().map(|_| connection)
    }

    /// A way in beside the servers'.
    pub fn connect(&self) -> redis::Connection {
        self.try_connect().unwrap()
    }

    /// Every key with its value, its own seconds to live and the bytes it takes.
    pub fn entries(&self) -> Vec<Entry> {
        let mut connection = self.connect();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let entry = |key: Vec<u8>| {
            let ask = |commands: &[&str]| {
                let mut command = redis::cmd(commands[0]);
                command.arg(&commands[1..]).arg(&key);
                command
            };
            let (get, ttl, usage) = (ask(&["GET"]), ask(&["TTL"]), ask(&["MEMORY", "USAGE"]));
            Entry {
                value: get.query(&mut connection).unwrap(),
                ttl: ttl.query(&mut connection).unwrap(),
                bytes: usage.query(&mut connection).unwrap(),
                key,
            }
        };
        keys.into_iter().map(entry).collect()
    }

    /// What a server is told of the store, with the secret in a file.
    pub fn files(&self, secret: &str) -> StoreFiles {
        let file = self.folder.path().join(secret);
        std::fs::write(&file, format!("{secret} {secret} {secret}\n")).unwrap();
        StoreFiles {
            address: self.address(),
            password: None,
            secret: file,
            timeout: FOR_EVER,
            prefix: "thresher:".to_owned(),
        }
    }

    /// The same, read.
    pub fn options(&self) -> StoreOptions {
        StoreOptions::open(&self.files("a secret of tests")).unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An entry of a store.
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub ttl: i64,
    /// All that it takes, what the store needs beside it included.
    pub bytes: u64,
}
