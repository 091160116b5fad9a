//! `thresher keys`: makes, lists, revokes and rotates API keys.

use super::failure::{Failure, note};
use super::terminal;
use clap::{Args, Subcommand, ValueEnum};
use humantime::{format_rfc3339_seconds, parse_duration};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use thresher::config::Config;
use thresher::keys::{KeyId, Keys, KeysError, Missing, Role, Scope, Secret, edit};

const EXAMPLES: &str = "\
Examples:
  thresher keys create --site news.example --role moderate --file keys.toml
  thresher keys create --site '*' --role admin --config /etc/thresher/thresher.toml
  thresher keys list --file keys.toml
  thresher keys rotate 3f9a1c20 --overlap 24h --file keys.toml
  thresher keys revoke 3f9a1c20 --file keys.toml

A running server notices a change within a second or two.";

/// Makes, lists, revokes and rotates API keys.
///
/// The file holds SHA-256 digests of the keys, so that a lost key cannot be
/// found again, only replaced.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KeysCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a key and writes it to the standard output, this once.
    Create {
        /// The site it is for, `default` for requests that name none, or `*`
        /// for every site.
        #[arg(long, value_name = "SITE")]
        site: Scope,
        /// What it may be used for: to have comments judged, to report what
        /// moderators decided, or for everything.
        #[arg(long, value_name = "ROLE")]
        role: RoleName,
        #[command(flatten)]
        place: Place,
    },
    /// Lists the keys, by their ids.
    List {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Takes a key away: it is refused from now on.
    Revoke {
        /// The id of the key: the eight digits after `thr_`. The whole key will do.
        #[arg(value_parser = id)]
        id: KeyId,
        #[command(flatten)]
        place: Place,
    },
    /// Makes a key in the place of another, which goes on for a while.
    Rotate {
        /// The id of the old key: the eight digits after `thr_`. The whole key will
        /// do.
        #[arg(value_parser = id)]
        id: KeyId,
        /// How long the old key goes on, such as 30m, 24h or 7days.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
        overlap: Duration,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the keys are.
#[derive(Args, Debug)]
struct Place {
    /// The keys file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The configuration whose `[keys] file` it is, without --file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn path(self) -> Result<PathBuf, Failure> {
        if let Some(file) = self.file {
            return Ok(file);
        }
        let config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::open)?;
        config.keys.ok_or_else(|| {
            Failure::usage(
                "which file? name it with --file, or in [keys] of a configuration named with --config",
            )
        })
    }
}

/// The roles as the command line knows them.
#[derive(Clone, Copy, Debug)]
struct RoleName(Role);

impl ValueEnum for RoleName {
    fn value_variants<'a>() -> &'a [Self] {
        const { &[RoleName(Role::Moderate), RoleName(Role::Feedback), RoleName(Role::Admin)] }
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

impl KeysCommand {
    /// Does what is asked for.
    pub fn run(self) -> Result<(), Failure> {
        let now = SystemTime::now();
        match self.action {
            Action::Create { site, role: RoleName(role), place } => {
                let secret = Secret::generate()?;
                let shown = format!("for site {site} in role {role}");
                edit(&place.path()?, Missing::Create, |keys| keys.add(&secret, site, role, now))?;
                reveal(&secret, &shown)
            }
            Action::List { json, place } => {
                let keys = Keys::open(&place.path()?)?;
                terminal::print(&if json { as_json(&keys, now) } else { as_table(&keys, now) })
            }
            Action::Revoke { id, place } => {
                let key = edit(&place.path()?, Missing::Refuse, |keys| keys.revoke(id))?;
                terminal::print(&format!("revoked {id}, for site {} in role {}\n", key.scope, key.role))
            }
            Action::Rotate { id, overlap, place } => {
                let secret = Secret::generate()?;
                let old = edit(&place.path()?, Missing::Refuse, |keys| {
                    keys.rotate(id, &secret, now, overlap).cloned()
                })?;
                let end = old.expires.unwrap_or(now);
                let shown = format!(
                    "for site {} in role {}; the old one, {id}, ends at {}",
                    old.scope,
                    old.role,
                    format_rfc3339_seconds(end)
                );
                reveal(&secret, &shown)
            }
        }
    }
}

/// An id, or that of a whole key: whoever found a lost one has that.
fn id(text: &str) -> Result<KeyId, String> {
    KeyId::of(text).map_or_else(|| text.parse(), Ok)
}

/// The key to the standard output, alone, so that a script can take it from
/// there; what it is to the standard error.
fn reveal(secret: &Secret, shown: &str) -> Result<(), Failure> {
    terminal::print(&format!("{}\n", secret.reveal()))?;
    note(format!("key {} {shown}; it is not shown again", secret.id()));
    Ok(())
}

fn as_table(keys: &Keys, now: SystemTime) -> String {
    let width = keys.iter().map(|key| key.scope.to_string().len()).max().unwrap_or(0).max("site".len());
    let mut text = format!("{:<8}  {:<width$}  {:<8}  {:<20}  expires\n", "id", "site", "role", "created");
    for key in keys.iter() {
        let (id, scope, role) = (key.id, &key.scope, key.role);
        let created = format_rfc3339_seconds(key.created);
        let expires = match key.expires {
            Some(time) if key.expired(now) => format!("{}, over", format_rfc3339_seconds(time)),
            Some(time) => format_rfc3339_seconds(time).to_string(),
            None => "-".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{id}  {scope:<width$}  {role:<8}  {created}  {expires}");
    }
    text
}

fn as_json(keys: &Keys, now: SystemTime) -> String {
    let list: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id.to_string(),
                "site": key.scope.to_string(),
                "role": key.role.name(),
                "created": format_rfc3339_seconds(key.created).to_string(),
                "expires": key.expires.map(|time| format_rfc3339_seconds(time).to_string()),
                "expired": key.expired(now),
            })
        })
        .collect();
    format!("{}\n", serde_json::Value::Array(list))
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Read { .. } | KeysError::Invalid(_) => Failure::usage(error),
            _ => Failure::failed(error),
        }
    }
}
