//! The command line: what can be asked for, and how a command fails.

mod backtest;
mod check_config;
mod drift;
mod failure;
mod keys;
mod lists;
mod models;
mod moderate;
mod pipeline;
mod policy;
mod serve;
mod shadow;
mod sources;
mod status;
mod terminal;

pub use failure::Failure;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  thresher serve
  thresher moderate --text \"Great read, thank you!\"
  thresher moderate --input comments.jsonl.gz --threads threads.jsonl --output answers.jsonl
  thresher backtest --policy new.toml --data past.jsonl.gz
  thresher check-config --config thresher.toml
  thresher policy set news SPAM.HOLD 0.8 --policy policy.toml

Exit codes: 0 when all went well, 64 for a wrong command line or configuration, 1 otherwise.";

/// Scores reader comments for spam, toxicity and off-topic content and answers
/// with a moderation action and its reasons.
#[derive(Debug, Parser)]
#[command(name = "thresher", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Moderate(Box<moderate::Moderate>),
    Backtest(Box<backtest::Backtest>),
    CheckConfig(check_config::CheckConfig),
    Policy(policy::PolicyCommand),
    Lists(lists::ListsCommand),
    Shadow(shadow::ShadowCommand),
    Keys(keys::KeysCommand),
    Models(models::ModelsCommand),
    Status(status::StatusCommand),
    Drift(drift::Drift),
}

/// Does what the arguments, the program's name first, ask for.
///
/// # Errors
/// When that does not go well; the caller reports it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match Cli::try_parse_from(&arguments) {
        Ok(Cli { command: Command::Serve(serve) }) => serve.run(),
        Ok(Cli { command: Command::Moderate(moderate) }) => moderate.run(),
        Ok(Cli { command: Command::Backtest(backtest) }) => backtest.run(),
        Ok(Cli { command: Command::CheckConfig(check_config) }) => check_config.run(),
        Ok(Cli { command: Command::Policy(policy) }) => policy.run(),
        Ok(Cli { command: Command::Lists(lists) }) => lists.run(),
        Ok(Cli { command: Command::Shadow(shadow) }) => shadow.run(),
        Ok(Cli { command: Command::Keys(keys) }) => keys.run(),
        Ok(Cli { command: Command::Models(models) }) => models.run(),
        Ok(Cli { command: Command::Status(status) }) => status.run(),
        Ok(Cli { command: Command::Drift(drift) }) => drift.run(),
        // Help and the version were asked for; clap treats them as errors.
        Err(error) if !error.use_stderr() => {
            // A closed standard output is no reason to complain.
            let _ = error.print();
            Ok(())
        }
        // Without a command, clap's error is the whole help.
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage(match arguments.get(1).and_then(|first| first.to_str()) {
                Some("keys") => "an action is needed: create, list, revoke or rotate (see keys --help)",
                Some("models") => "an action is needed: list, activate or rollback (see models --help)",
                Some("lists") => "an action is needed: import (see lists --help)",
                Some("shadow") => "an action is needed: report (see shadow --help)",
                Some("policy") => "an action is needed: show, set or diff (see policy --help)",
                _ => {
                    "a command is needed: serve, moderate, backtest, check-config, policy, lists, shadow, keys, models, status or drift (see --help)"
                }
            }))
        }
        Err(error) => Err(Failure::usage(one_line(&error))),
    }
}

/// clap's message without the usage that follows it, on one line.
fn one_line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let mut line = String::new();
    for paragraph in rendered.split("\n\n") {
        if paragraph.starts_with("Usage:") || paragraph.starts_with("For more") {
            continue;
        }
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.trim_start_matches("error: ");
        line.push_str(if line.is_empty() || words.is_empty() { "" } else { "; " });
        line.push_str(words);
    }
    line.push_str(" (see --help)");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
        }
    }

    #[test]
    fn usage_errors_are_one_line() {
        for arguments in [
            &["thresher", "moderate", "--inptu", "x"][..],
            &["thresher", "moderate"],
            &["thresher", "srve"],
            &["thresher", "moderate", "--text", "a", "--format", "pdf"],
        ] {
            let error = Cli::try_parse_from(arguments).unwrap_err();
            let line = one_line(&error);
            assert!(line.len() > 20 && !line.contains(['\n', '\u{1b}']), "{line}");
        }
    }
}
