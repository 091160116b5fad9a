//! `thresher lists`: lists of other programs, for a policy.

use super::failure::{Failure, note};
use super::moderate::output::Output;
use super::terminal;
use clap::{Args, Subcommand, ValueEnum};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use thresher::overwrite::Inputs;
use thresher::policy::{Action, Policies, check_list_name};
use thresher::signals::lists::wordpress::{self, Imported};

const EXAMPLES: &str = "\
Examples:
  thresher lists import --wordpress disallowed_keys.txt --output disallowed.txt
  wp option get disallowed_keys > keys.txt && thresher lists import --wordpress keys.txt \\
    --output disallowed.txt --then HOLD >> policy.toml";

/// Takes over lists of other programs.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ListsCommand {
    #[command(subcommand)]
    action: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Import(Import),
}

/// Writes a list for a policy, and on the standard output the lines that the
/// policy needs to use it.
///
/// What could not be taken over, or matches other things than before, is told
/// on the standard error.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct Import {
    /// WordPress's disallowed comment keys, or its moderation keys: one a line.
    #[arg(long, value_name = "FILE")]
    wordpress: PathBuf,
    /// Where the entries go. Keys that name an e-mail domain (@mail.example) go
    /// beside it too, with -email before the ending.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// What the list is called in rules.
    #[arg(long, value_name = "NAME", default_value = "disallowed")]
    name: String,
    /// What the rule asks for; WordPress puts such comments into the trash.
    #[arg(long, value_enum, default_value_t = Then::Reject, ignore_case = true)]
    then: Then,
    /// The site whose rule it is.
    #[arg(long, value_name = "NAME", default_value = thresher::policy::DEFAULT_SITE)]
    site: String,
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Then {
    Flag,
    Hold,
    Reject,
    Discard,
}

impl From<Then> for Action {
    fn from(then: Then) -> Action {
        match then {
            Then::Flag => Action::Flag,
            Then::Hold => Action::Hold,
            Then::Reject => Action::Reject,
            Then::Discard => Action::Discard,
        }
    }
}

impl ListsCommand {
    /// Does what was asked for.
    pub fn run(&self) -> Result<(), Failure> {
        let What::Import(import) = &self.action;
        import.run()
    }
}

impl Import {
    fn run(&self) -> Result<(), Failure> {
        if self.output.as_os_str() == "-" {
            return Err(Failure::usage("--output needs a file: the standard output has the policy's lines"));
        }
        check_list_name(&self.name).map_err(|what| Failure::usage(format!("--name: {what}")))?;
        let keys = Inputs::default().and("--wordpress", [&self.wordpress]);
        keys.spared("--output", Some(&self.output))?;
        keys.spared("the e-mail domains of --output", Some(&beside(&self.output)))?;
        let name = self.wordpress.display();
        let bytes = fs::read(&self.wordpress)
            .map_err(|error| Failure::failed(format!("{name}: cannot be read: {error}")))?;
        let keys = String::from_utf8(bytes).map_err(|error| {
            Failure::failed(format!("{name}: is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
        })?;
        let imported = wordpress::import(&keys);
        if imported.substrings.is_empty() {
            return Err(Failure::failed(format!("{name}: holds no key that could be taken over")));
        }
        let email = (!imported.email_domains.is_empty()).then(|| beside(&self.output));
        let fragment = self.fragment(email.as_deref());
        // Before anything is written: the names are the caller's.
        let shape = self.fragment_with(
            &[
                "kind = \"substrings\"\nentries = [\"a\"]".to_owned(),
                "kind = \"email_domains\"\nentries = [\"a.example\"]".to_owned(),
            ],
            email.is_some(),
        );
        let base = if self.site == thresher::policy::DEFAULT_SITE { "" } else { "[site.default]\n" };
        Policies::parse(&format!("{base}[site.{:?}]\n{shape}", self.site), "--name or --site")?;

        write(&self.output, &imported.substrings, &self.wordpress)?;
        if let Some(email) = &email {
            write(email, &imported.email_domains, &self.wordpress)?;
        }
        tell(&self.wordpress, &imported);
        terminal::print(&fragment)
    }

    fn fragment(&self, email: Option<&Path>) -> String {
        let file = |kind: &str, path: &Path| {
            let path = toml_edit::Value::from(from_policy(path).display().to_string());
            format!("kind = \"{kind}\"\nfile = {path}")
        };
        let bodies = [
            file("substrings", &self.output),
            email.map_or_else(String::new, |email| file("email_domains", email)),
        ];
        self.fragment_with(&bodies, email.is_some())
    }

    /// The lists and their rule, for the end of a policy file.
    fn fragment_with(&self, [substrings, email]: &[String; 2], has_email: bool) -> String {
        let Self { name, site, then, .. } = self;
        let mut text = format!("\n[lists.{name}]\n{substrings}\n");
        let mut when = format!("list.{name}");
        // Writing to a string cannot fail.
        if has_email {
            let _ = write!(text, "\n[lists.{name}_email]\n{email}\n");
            let _ = write!(when, " || list.{name}_email");
        }
        let site = toml_edit::Key::new(site);
        let then = Action::from(*then);
        let _ = write!(
            text,
            "\n[[site.{site}.rules]]\nname = \"{name}\"\nwhen = \"{when}\"\nthen = \"{then}\"\n\
             because = \"A disallowed key.\"\n"
        );
        text
    }
}

/// The same name with `-email` before its ending.
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
    path.with_file_name(format!("{stem}-email{ending}"))
}

/// A file as a policy names it, which is read from the policy's own folder: a
/// bare name is one beside the policy, and any other is written in full.
fn from_policy(path: &Path) -> PathBuf {
    let is_bare = path.parent().is_some_and(|parent| parent.as_os_str().is_empty());
    let full = if is_bare { None } else { std::path::absolute(path).ok() };
    full.unwrap_or_else(|| path.to_owned())
}

fn write(path: &Path, entries: &[String], from: &Path) -> Result<(), Failure> {
    let unwritable = |error| Failure::failed(format!("{}: cannot be written: {error}", path.display()));
    let from = from.file_name().unwrap_or_default().to_string_lossy();
    let text = format!("# From {}.\n{}\n", from.escape_debug(), entries.join("\n"));
    let mut output = Output::open(Some(path)).map_err(unwritable)?;
    output.write(text.as_bytes()).and_then(|()| output.finish()).map_err(unwritable)
}

/// Says what became of the keys, by their lines: the keys themselves are not
/// repeated.
fn tell(from: &Path, imported: &Imported) {
    let Imported { substrings, email_domains, left_out, differs, repeats } = imported;
    let name = from.display();
    for (line, what) in left_out {
        note(format_args!("{name}:{line}: left out: {what}"));
    }
    for (line, what) in differs {
        note(format_args!("{name}:{line}: {what}"));
    }
    note(format_args!(
        "{name}: {} keys taken over, {} of them as e-mail domains too; {} left out, {repeats} repeated",
        substrings.len(),
        email_domains.len(),
        left_out.len()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_so_that_any_policy_finds_it() {
        assert_eq!(from_policy(Path::new("keys.txt")), Path::new("keys.txt"));
        let full = from_policy(Path::new("lists/keys.txt"));
        assert!(full.is_absolute() && full.ends_with("lists/keys.txt"), "{full:?}");
        assert_eq!(from_policy(&full), full);
    }
}
