//! Which models were activated: a file in the registry's folder, so that a
//! restart changes nothing.
//!
//! ```toml
//! [sites]
//! default = ["mine@1a0dfabf3e68", "mine@5b0c1e77aa02"]   # the last one is active
//! "news.example" = ["news@77d0c2fe5b11"]
//! ```

use super::RegistryError;
use crate::stamp::regular;
use crate::whole_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The name of the file in the registry's folder.
pub(super) const FILE: &str = "activations.toml";

/// How many models a site can go back through, the active one included.
const MAX_HISTORY: usize = 16;
/// How many sites may have an activation of their own.
const MAX_SITES: usize = 1_000;

const HEAD: &str = "\
# Which models were activated, by site, the active one last; `default` is for all
# sites without a line. Changed by `thresher models` and ModelService; a running
# server notices.
";

/// The models that were activated for each site, the active one last. No list
/// is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activations {
    #[serde(default)]
    pub sites: BTreeMap<String, Vec<String>>,
}

impl Activations {
    /// Reads the file; there are none without it.
    ///
    /// # Errors
    /// When it cannot be read or says what no such file can say, with the place.
    pub fn open(path: &Path) -> Result<Activations, RegistryError> {
        let text = match regular(path).and_then(|()| fs::read_to_string(path)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Activations::default()),
            Err(error) => return Err(RegistryError::file(path, format!("cannot be read: {error}"))),
        };
        let mut read: Activations = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let (line, column) = (
                before.matches('\n').count() + 1,
                before.chars().rev().take_while(|&c| c != '\n').count() + 1,
            );
            let message = error.message().lines().next().unwrap_or_default();
            RegistryError::Activations(format!("{}:{line}:{column}: {message}", path.display()))
        })?;
        read.sites.retain(|_, models| !models.is_empty());
        Ok(read)
    }

    /// Changes the file, whole or not at all, and returns what it says then.
    ///
    /// # Errors
    /// When it cannot be read or written, or the change fails; the file is as it
    /// was then.
    pub fn edit(
        path: &Path,
        change: impl FnOnce(&mut Activations) -> Result<(), RegistryError>,
    ) -> Result<Activations, RegistryError> {
        let unwritten = |error| RegistryError::file(path, format!("cannot be written: {error}"));
        whole_file::change(path, 0o666, unwritten, |target| {
            let before = Activations::open(target)?;
            let mut after = before.clone();
            change(&mut after)?;
            Ok(((after != before).then(|| after.render()), after))
        })
    }

    fn render(&self) -> String {
        let sites = self.sites.iter().map(|(site, models)| {
            let models = models.iter().cloned().map(toml::Value::String).collect();
            (site.clone(), toml::Value::Array(models))
        });
        let table = toml::Table::from_iter([("sites".to_owned(), toml::Value::Table(sites.collect()))]);
        format!("{HEAD}\n{table}")
    }

    /// Makes a model the active one of a site.
    pub fn activate(&mut self, site: &str, version: &str) -> Result<(), RegistryError> {
        if !self.sites.contains_key(site) && self.sites.len() >= MAX_SITES {
            return Err(RegistryError::TooManySites(MAX_SITES));
        }
        let models = self.sites.entry(site.to_owned()).or_default();
        if models.last().is_some_and(|active| active == version) {
            return Ok(());
        }
        models.push(version.to_owned());
        let over = models.len().saturating_sub(MAX_HISTORY);
        models.drain(..over);
        Ok(())
    }

    /// Takes the active model of a site away, so that the one before it is.
    pub fn roll_back(&mut self, site: &str) -> Result<(), RegistryError> {
        let models = self.sites.get_mut(site).ok_or_else(|| RegistryError::NothingBefore(site.to_owned()))?;
        models.pop();
        if models.is_empty() {
            self.sites.remove(site);
        }
        Ok(())
    }

    /// The models activated for a site, the active one first.
    pub fn of(&self, site: &str) -> impl Iterator<Item = &str> {
        self.sites.get(site).into_iter().flatten().rev().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_whatever_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let written = Activations::edit(&path, |activations| {
            activations.activate("default", "a\"b = \u{7}\n@12")?;
            activations.activate("news.example", "b@34")?;
            activations.activate("news.example", "b@34")?;
            activations.activate("news.example", "c@56")
        });
        let written = written.unwrap();
        assert_eq!(Activations::open(&path).unwrap(), written);
        assert_eq!(written.of("news.example").collect::<Vec<_>>(), ["c@56", "b@34"]);
        assert!(fs::read_to_string(&path).unwrap().starts_with("# Which models"));
        for _ in 0..2 {
            Activations::edit(&path, |activations| activations.roll_back("news.example")).unwrap();
        }
        let error =
            Activations::edit(&path, |activations| activations.roll_back("news.example")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no model was activated for the site news.example, so that there is none to go back from"
        );
        assert_eq!(Activations::open(&path).unwrap().sites.len(), 1);
    }

    #[test]
    fn a_history_is_bounded() {
        let mut activations = Activations::default();
        for i in 0..100 {
            activations.activate("default", &format!("m@{i}")).unwrap();
        }
        assert_eq!(activations.of("default").count(), MAX_HISTORY);
        assert_eq!(activations.of("default").next(), Some("m@99"));
    }

    #[test]
    fn a_broken_file_is_told_with_its_place_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for (text, place) in
            [("[sites]\ndefault = 7\n", ":2:11: "), ("[site]\n", ":1:2: "), ("[sites\n", ":1:7: ")]
        {
            fs::write(&path, text).unwrap();
            let error = Activations::edit(&path, |activations| activations.activate("default", "m@1"));
            let line = error.unwrap_err().to_string();
            assert!(line.contains(place) && line.lines().count() == 1, "{line}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
