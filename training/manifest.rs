//! Which files to read: paths, folders, or a manifest that names sets with
//! their licence and what they may be used for.

use crate::corpus::Set;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use thresher::jsonl::{comment_files, set_name, threads_beside};
use thresher::overwrite::Inputs;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dataset: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    comments: PathBuf,
    threads: Option<PathBuf>,
    #[serde(default)]
    licence: String,
    #[serde(default, rename = "use")]
    usage: String,
}

/// What the command line says about the data.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DataArgs {
    /// Comment files (JSON Lines, plain or .gz) or folders of them; threads
    /// are read from NAME.threads.jsonl beside NAME.jsonl
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub data: Vec<PathBuf>,
    /// A TOML file that lists sets with name, comments, threads, licence and
    /// use; without --data, all that it lists are read
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Only sets whose `use` in the manifest is this, such as "train"
    #[arg(long = "use", value_name = "USE", requires = "manifest")]
    pub usage: Option<String>,
    /// Leave a set out, by name
    #[arg(long, value_name = "NAME")]
    pub exclude: Vec<String>,
    /// What a set's rows weigh beside those of others (1 when not given), or
    /// with NAME:VARIANT those of its rows whose `raw.variant` is that
    #[arg(long, value_name = "NAME[:VARIANT]=WEIGHT", value_parser = weight)]
    pub weight: Vec<(String, f32)>,
}

fn weight(argument: &str) -> Result<(String, f32), String> {
    let (name, value) = argument.split_once('=').ok_or("expected NAME=WEIGHT or NAME:VARIANT=WEIGHT")?;
    let value: f32 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    if !(value.is_finite() && value > 0.0) {
        return Err(format!("the weight must be positive and finite, but is {value}"));
    }
    Ok((name.to_owned(), value))
}

impl DataArgs {
    /// The files that are read for these sets.
    pub fn inputs(&self, sets: &[Set]) -> Inputs {
        Inputs::default()
            .and("--manifest", &self.manifest)
            .and("the data", sets.iter().map(|set| &set.comments))
            .and("the threads", sets.iter().filter_map(|set| set.threads.as_ref()))
    }

    /// The sets that are meant, by name.
    pub fn sets(&self) -> Result<Vec<Set>> {
        let mut sets = Vec::new();
        match &self.manifest {
            Some(path) => self.read_manifest(path, &mut sets)?,
            None if self.data.is_empty() => bail!("nothing to read: give --data PATH or --manifest FILE"),
            None => {
                for path in comment_files(&self.data)? {
                    let threads = threads_beside(&path);
                    let name = set_name(&path);
                    sets.push(Set { name, comments: path, threads, weight: 1.0, ..Set::default() });
                }
            }
        }
        // A set may have a colon in its name, so that whole names come first.
        let weighed = self.weight.iter().map(|(name, weight)| match name.rsplit_once(':') {
            Some((set, variant)) if !sets.iter().any(|s| s.name == *name) => (set, Some(variant), *weight),
            _ => (name.as_str(), None, *weight),
        });
        let weighed: Vec<(&str, Option<&str>, f32)> = weighed.collect();
        for name in self.exclude.iter().map(String::as_str).chain(weighed.iter().map(|(name, ..)| *name)) {
            if !sets.iter().any(|s| s.name == name) {
                bail!("no set is named `{name}`");
            }
        }
        sets.retain(|s| !self.exclude.contains(&s.name));
        for (name, variant, weight) in weighed {
            for set in sets.iter_mut().filter(|s| s.name == name) {
                match variant {
                    Some(variant) => set.variant_weights.push((variant.to_owned(), weight)),
                    None => set.weight = weight,
                }
            }
        }
        if sets.is_empty() {
            bail!("no set is left to read");
        }
        Ok(sets)
    }

    fn read_manifest(&self, path: &Path, sets: &mut Vec<Set>) -> Result<()> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest =
            toml::from_str(&text).with_context(|| format!("{} is no manifest", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let wanted =
            comment_files(&self.data)?.into_iter().map(|p| p.canonicalize().unwrap_or(p)).collect::<Vec<_>>();
        for entry in manifest.dataset {
            let comments = folder.join(&entry.comments);
            let in_use = self.usage.as_ref().is_none_or(|usage| *usage == entry.usage);
            let named =
                wanted.is_empty() || wanted.contains(&comments.canonicalize().unwrap_or(comments.clone()));
            if in_use && named {
                sets.push(Set {
                    name: entry.name,
                    licence: entry.licence,
                    comments,
                    threads: entry.threads.map(|t| folder.join(t)),
                    weight: 1.0,
                    ..Set::default()
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_checked() {
        assert_eq!(weight("a=0.5"), Ok(("a".into(), 0.5)));
        for bad in ["a", "a=", "a=-1", "a=inf", "a=x"] {
            assert!(weight(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_are_of_sets_and_of_their_variants() {
        let folder = tempfile::tempdir().unwrap();
        let data: Vec<PathBuf> = ["a.jsonl", "b:c.jsonl"].map(|name| folder.path().join(name)).into();
        data.iter().for_each(|path| std::fs::write(path, "").unwrap());
        let weight = ["a=0.5", "a:lower=0.25", "b:c=2"].map(|w| weight(w).unwrap()).into();
        let args = DataArgs { data, weight, ..DataArgs::default() };
        let sets = args.sets().unwrap();
        assert_eq!(sets[0].weight, 0.5);
        assert_eq!(sets[0].variant_weights, [("lower".to_owned(), 0.25)]);
        assert_eq!((sets[1].weight, sets[1].variant_weights.len()), (2.0, 0));
    }

    #[test]
    fn unknown_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "").unwrap();
        let args = DataArgs { data: vec![path], exclude: vec!["b".into()], ..DataArgs::default() };
        assert!(args.sets().unwrap_err().to_string().contains("`b`"));
    }
}
