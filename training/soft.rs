//! Soft labels: what other models (teachers) say of a comment, as targets to
//! train on beside people's labels (Hinton, Vinyals and Dean 2015, "Distilling
//! the Knowledge in a Neural Network").

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use thresher::attribute::{Attribute, PerAttribute};
use thresher::jsonl::Lines;
use xxhash_rust::xxh3::xxh3_64;

/// The attributes of a teacher's numbers, in their order.
pub const ORDER: [Attribute; 6] = [
    Attribute::Toxicity,
    Attribute::SevereToxicity,
    Attribute::Profanity,
    Attribute::Threat,
    Attribute::Insult,
    Attribute::IdentityAttack,
];

/// The mean of all teachers, in [`ORDER`].
pub type Soft = [f32; ORDER.len()];

/// What the command line says about soft labels.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SoftArgs {
    /// What teachers say of the comments (JSON Lines, plain or .gz): an id,
    /// and for each teacher six probabilities
    #[arg(long, value_name = "FILE")]
    pub soft_labels: Vec<PathBuf>,
    /// What the teachers' mean weighs beside a label, 0 to 1, for all
    /// attributes or one [default: 0.5]
    #[arg(long, value_name = "[ATTRIBUTE=]WEIGHT", value_parser = weight, requires = "soft_labels")]
    pub soft_weight: Vec<(Option<Attribute>, f32)>,
}

fn weight(argument: &str) -> Result<(Option<Attribute>, f32), String> {
    let (attribute, value) = match argument.split_once('=') {
        Some((name, value)) => (Some(crate::cross_validate::attribute(name)?), value),
        None => (None, argument),
    };
    match value.parse() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => Ok((attribute, weight)),
        _ => Err(format!("`{value}` is no number from 0 to 1")),
    }
}

impl SoftArgs {
    /// The weight of the teachers for each attribute; zero for those they say
    /// nothing of.
    pub fn weights(&self) -> PerAttribute<f32> {
        PerAttribute::from_fn(|attribute| {
            let named = |of: Option<Attribute>| self.soft_weight.iter().rfind(|(a, _)| *a == of);
            let weight = named(Some(attribute)).or_else(|| named(None)).map_or(0.5, |(_, weight)| *weight);
            if self.soft_labels.is_empty() || !ORDER.contains(&attribute) { 0.0 } else { weight }
        })
    }

    /// Reads the files.
    pub fn read(&self) -> Result<SoftLabels> {
        let mut labels = SoftLabels::default();
        for path in &self.soft_labels {
            labels.read(path)?;
        }
        Ok(labels)
    }
}

/// The teachers' means by the comment's id.
#[derive(Default)]
pub struct SoftLabels {
    by_id: HashMap<u64, Soft>,
    /// Their names.
    pub teachers: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(flatten)]
    teachers: BTreeMap<String, [f32; ORDER.len()]>,
}

impl SoftLabels {
    /// What the teachers say of a comment.
    pub fn get(&self, id: &str) -> Option<Soft> {
        self.by_id.get(&xxh3_64(id.as_bytes())).copied()
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let mut lines = Lines::open(path)?;
        while let Some(record) = lines.next_record::<Record>() {
            let record = record?;
            let mut mean = [0.0; ORDER.len()];
            for (teacher, numbers) in &record.teachers {
                if !self.teachers.contains(teacher) {
                    self.teachers.insert(teacher.clone());
                }
                for (mean, number) in mean.iter_mut().zip(numbers) {
                    // Some teachers miss the bounds by a little.
                    if !(-0.1..=1.1).contains(number) {
                        bail!("{}: a probability of {number}, outside 0..=1", path.display());
                    }
                    *mean += number.clamp(0.0, 1.0) / record.teachers.len() as f32;
                }
            }
            if !record.teachers.is_empty() {
                self.by_id.insert(xxh3_64(record.id.as_bytes()), mean);
            }
        }
        if self.by_id.is_empty() {
            return Err(anyhow::anyhow!("no soft label")).with_context(|| path.display().to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teachers_are_averaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soft.jsonl");
        let lines = r#"{"id":"a","one":[0.2,0,0,0,0.5,1],"two":[0.4,0,0,0,0.5,0]}
{"id":"b","one":[1,1,1,1,1,1]}"#;
        std::fs::write(&path, lines).unwrap();
        let args = SoftArgs { soft_labels: vec![path.clone()], ..SoftArgs::default() };
        let soft = args.read().unwrap();
        assert!((soft.get("a").unwrap()[0] - 0.3).abs() < 1e-6);
        assert_eq!(soft.get("a").unwrap()[5], 0.5);
        assert_eq!(soft.get("b"), Some([1.0; 6]));
        assert_eq!(soft.get("c"), None);
        for bad in ["", r#"{"id":"a","one":[2,0,0,0,0,0]}"#, r#"{"id":"a","one":[0.2]}"#] {
            std::fs::write(&path, bad).unwrap();
            assert!(args.read().is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_are_for_all_or_for_one() {
        let args = SoftArgs {
            soft_labels: vec!["x".into()],
            soft_weight: vec![weight("0.7").unwrap(), weight("insult=0.2").unwrap()],
        };
        let weights = args.weights();
        assert_eq!(weights[Attribute::Insult], 0.2);
        assert_eq!(weights[Attribute::Toxicity], 0.7);
        assert_eq!(weights[Attribute::Spam], 0.0);
        assert_eq!(SoftArgs::default().weights()[Attribute::Toxicity], 0.0);
        assert!(weight("1.5").is_err() && weight("spite=0.5").is_err());
    }
}
