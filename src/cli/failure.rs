//! How a command fails: what it says and the code it exits with.

use std::io::{self, Write};
use std::process::ExitCode;
use thresher::config::ConfigError;
use thresher::overwrite::Overwrites;
use thresher::policy::PolicyError;

/// The exit code for a wrong command line or configuration (`EX_USAGE`).
const USAGE: u8 = 64;
/// The exit code for everything else.
const FAILED: u8 = 1;

/// A command that did not go well.
#[derive(Debug)]
pub struct Failure {
    /// What is said, one line for each thing that is wrong; nothing when it
    /// was said already.
    lines: Vec<String>,
    code: u8,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub fn usage(message: impl ToString) -> Self {
        Self { lines: lines(message), code: USAGE }
    }

    /// Something else went wrong.
    pub fn failed(message: impl ToString) -> Self {
        Self { lines: lines(message), code: FAILED }
    }

    /// Something went wrong and was reported when it did.
    pub fn reported() -> Self {
        Self { lines: Vec::new(), code: FAILED }
    }

    /// Both; the code is that of the first.
    pub fn and(mut self, other: Failure) -> Self {
        self.lines.extend(other.lines);
        self
    }

    /// Writes to the standard error, one line for each thing that is wrong.
    pub fn report(&self) {
        for line in &self.lines {
            report(line);
        }
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

/// Writes one error to the standard error.
pub fn report(message: impl std::fmt::Display) {
    // Nobody is left to tell when the standard error is closed.
    let _ = writeln!(io::stderr(), "error: {message}");
}

/// Writes something worth knowing to the standard error.
pub fn note(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "note: {message}");
}

fn lines(message: impl ToString) -> Vec<String> {
    message.to_string().lines().map(str::to_owned).collect()
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::usage(error)
    }
}

impl From<Overwrites> for Failure {
    fn from(error: Overwrites) -> Self {
        Failure::usage(error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        Failure::usage(error)
    }
}
