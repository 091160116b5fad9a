//! Regular expressions within bounds, for lists and for conditions.
//!
//! Matching one takes time linear in the text and in the compiled pattern,
//! whatever either says (<https://docs.rs/regex/1/regex/#untrusted-input>), so
//! that a bound on sizes is one on time.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// The most patterns of all lists together, and of all conditions together.
pub(crate) const MAX_PATTERNS: usize = 1_000;
/// The largest pattern once it is compiled, in bytes.
const PATTERN_BYTES: usize = 256 << 10;
/// The most that they may take together.
const TOGETHER_BYTES: usize = 64 << 20;
/// The least that a pattern is charged.
const LEAST_BYTES: usize = 4 << 10;
/// What an automaton may grow to while it matches, for each thread. When there
/// is not room enough, matching goes on without, and slower.
const CACHE_BYTES: usize = 2 << 20;

/// What is left of the bounds.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    patterns: usize,
    bytes: usize,
}

impl Budget {
    /// Compiles a pattern; without `cased`, upper and lower case are alike.
    ///
    /// # Errors
    /// What is wrong with it, on one line, and which limit it is over.
    pub fn compile(&mut self, pattern: &str, cased: bool) -> Result<Regex, String> {
        if self.patterns >= MAX_PATTERNS {
            return Err(format!("over the limit of {MAX_PATTERNS} patterns together"));
        }
        // The library does not tell the size: a pattern is charged the power of
        // two that it fits into.
        let mut size = LEAST_BYTES;
        let regex = loop {
            let mut builder = RegexBuilder::new(pattern);
            builder.case_insensitive(!cased).size_limit(size).dfa_size_limit(CACHE_BYTES);
            match builder.build() {
                Err(regex::Error::CompiledTooBig(_)) if size < PATTERN_BYTES => size *= 2,
                result => break result.map_err(|error| told(&error))?,
            }
        };
        if self.bytes + size > TOGETHER_BYTES {
            return Err(format!(
                "patterns take more than {TOGETHER_BYTES} bytes together once they are compiled"
            ));
        }
        self.patterns += 1;
        self.bytes += size;
        Ok(regex)
    }
}

/// All patterns in one automaton, upper and lower case alike; each was compiled
/// within one budget.
///
/// # Errors
/// What the library says.
pub(crate) fn set(patterns: &[String]) -> Result<RegexSet, String> {
    let mut builder = RegexSetBuilder::new(patterns);
    builder.case_insensitive(true).size_limit(TOGETHER_BYTES).dfa_size_limit(CACHE_BYTES);
    builder.build().map_err(|error| told(&error))
}

/// What is wrong with a pattern, on one line.
fn told(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("a pattern takes more than {limit} bytes once it is compiled")
        }
        error => {
            let told = error.to_string();
            let cause = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("not a regular expression: {cause}")
        }
    }
}
