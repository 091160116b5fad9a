//! `thresher moderate`: judges one comment or a file of them.

mod answer;
mod checks;
pub(super) mod context;
mod file;
pub(super) mod job;
pub(super) mod output;
mod readable;
pub(super) mod recall;
mod single;

use super::failure::Failure;
use super::sources::{self, Sources};
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use thresher::comment::Format;
use thresher::jsonl::MAX_LINE_BYTES;
use thresher::moderator::Moderator;
use thresher::overwrite::Inputs;
use thresher::policy::Policies;

/// The longest text of a comment in a file: files are past threads as often as
/// not, and were not held to the server's limit.
pub(super) const FILE_TEXT_BYTES: usize = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  thresher moderate --text \"Great read, thank you!\"
  thresher moderate --text \"Cheap watches here\" --title \"Growing roses\" --json
  thresher moderate --text \"Cheap watches here\" --policy policy.toml --explain
  thresher moderate --input comments.jsonl.gz --threads threads.jsonl --output answers.jsonl
  gunzip -c comments.jsonl.gz | thresher moderate --input - --site news | head

The form of the files is described in docs/data-format.md.";

/// Judges one comment, or a file of comments.
///
/// One comment (--text) gets an answer for people, or a JSON line with --json.
/// A file (--input) gets one JSON line for each comment, in the order of the
/// file.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("comments").args(["text", "input"]).required(true))]
pub struct Moderate {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    many: Many,
    /// The site whose policy applies; without it, the default one.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// The longest text of a comment, in bytes of UTF-8; without it, the
    /// configuration's for --text and 1048576 for --input.
    #[arg(long, value_name = "N", value_parser = max_text_bytes)]
    max_text_bytes: Option<usize>,
    /// Tell every rule that was looked at, what it saw and why it fired or did
    /// not; and in the answers of a file, why each score is what it is and what
    /// disguised words were read as.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    sources: Sources,
}

/// One comment.
#[derive(Args, Debug)]
struct One {
    /// The text of the comment.
    #[arg(long, allow_hyphen_values = true, conflicts_with = "input")]
    text: Option<String>,
    /// The headline of the thread the comment was posted to.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "input")]
    title: Option<String>,
    /// The article, the post or the question of the thread.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "input")]
    body: Option<String>,
    /// The text of the comment that this one answers.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "input")]
    parent: Option<String>,
    /// How the text is written.
    #[arg(long, value_enum, default_value_t, conflicts_with = "input")]
    format: TextFormat,
    /// Answer with a line of JSON.
    #[arg(long, conflicts_with = "input")]
    json: bool,
}

/// A file of comments.
#[derive(Args, Debug)]
struct Many {
    /// The comments: JSON Lines, plain or gzip; - for the standard input.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The threads that the comments were posted to: JSON Lines, plain or gzip.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    threads: Option<PathBuf>,
    /// Where the answers go; without it and for -, the standard output. A file
    /// appears when it is complete, or not at all.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    output: Option<PathBuf>,
    /// Report bad lines and go on with the next, and exit with 1 at the end.
    #[arg(long, conflicts_with = "text")]
    keep_going: bool,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum TextFormat {
    #[default]
    Plain,
    Html,
    Markdown,
}

impl From<TextFormat> for Format {
    fn from(format: TextFormat) -> Format {
        match format {
            TextFormat::Plain => Format::Plain,
            TextFormat::Html => Format::Html,
            TextFormat::Markdown => Format::Markdown,
        }
    }
}

/// What both kinds judge with.
struct Judge {
    moderator: Moderator,
    policies: Policies,
    site: String,
    max_text_bytes: usize,
    explain: bool,
}

impl Moderate {
    /// Judges and answers.
    pub fn run(&self) -> Result<(), Failure> {
        let stdin = |path: &Option<PathBuf>| path.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if stdin(&self.many.input) && stdin(&self.many.threads) {
            return Err(Failure::usage("--input and --threads cannot both be the standard input"));
        }
        let config = self.sources.config()?;
        let inputs = Inputs::default().and("--input", &self.many.input).and("--threads", &self.many.threads);
        let output = self.many.output.as_deref();
        inputs.spared("--output", output)?;
        self.sources.inputs(&config).spared("--output", output)?;
        let policies = sources::policies(config.policy.as_deref())?;
        Inputs::default().and(sources::LISTS, policies.list_files()).spared("--output", output)?;
        let site = self.site.clone().unwrap_or_default();
        if !site.is_empty() && !policies.has_site(&site) {
            super::failure::note(format_args!(
                "no policy of its own for site `{}`; the default one applies",
                site.escape_debug()
            ));
        }
        let moderator = sources::moderator(config.model.as_deref())?;
        let explain = self.explain;
        let limit = |default| self.max_text_bytes.unwrap_or(default);
        match (&self.one.text, &self.many.input) {
            (Some(text), _) => {
                let max_text_bytes = limit(config.limits.max_text_bytes);
                single::run(&self.one, text, &Judge { moderator, policies, site, max_text_bytes, explain })
            }
            (None, Some(input)) => {
                let max_text_bytes = limit(FILE_TEXT_BYTES);
                file::run(&self.many, input, Judge { moderator, policies, site, max_text_bytes, explain })
            }
            (None, None) => Err(Failure::usage("one of --text and --input is needed")),
        }
    }
}

/// Reads the argument of `--max-text-bytes`.
fn max_text_bytes(argument: &str) -> Result<usize, String> {
    let bytes = argument.parse().ok().filter(|bytes| (1..=MAX_LINE_BYTES).contains(bytes));
    bytes.ok_or_else(|| format!("must be a number in 1..={MAX_LINE_BYTES}"))
}
