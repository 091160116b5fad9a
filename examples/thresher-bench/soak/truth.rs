//! What every answer has to be: two policies that decide every comment
//! differently, two models that score every comment differently, and for each
//! pair of a model and a comment the scores, worked out beforehand.

use crate::comments::texts;
use crate::ratios::LENGTH;
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use thresher::attribute::Attribute;
use thresher::model::artifact::{deserialize, serialize};
use thresher::model::golden::GoldenComment;
use thresher::model::{Metadata, Model};
use thresher::moderator::Moderator;
use thresher::policy::Policies;
use thresher::server::pb;

pub const POLICIES: [(&str, pb::Action); 2] = [
    ("[site.default]\nSPAM = { flag = 0.0 }\n", pb::Action::Flag),
    ("[site.default]\nSPAM = { hold = 0.0 }\n", pb::Action::Hold),
];

/// A model file.
pub struct File {
    pub bytes: Vec<u8>,
    pub version: String,
}

/// The shipped model, and one that is twice as sure of everything.
pub fn models() -> Result<[File; 2]> {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors");
    let bytes = std::fs::read(shipped).with_context(|| format!("cannot read {shipped}"))?;
    let (mut parts, metadata, _) = deserialize(&bytes, shipped)?;
    let first = Model::from_bytes(&bytes, "one")?.version().to_owned();
    for attribute in Attribute::ALL {
        if let Some(head) = &mut parts.heads[attribute] {
            head.platt = (2.0 * head.platt.0, 2.0 * head.platt.1);
        }
    }
    let mut metadata = Metadata { name: "surer".into(), ..metadata };
    let moderator = Moderator::new(Model::from_bytes(&serialize(&parts, &metadata)?, "surer")?);
    for golden in &mut metadata.golden {
        golden.scores = moderator.score_golden(golden)?;
    }
    let surer = serialize(&parts, &metadata)?;
    let second = Model::from_bytes(&surer, "surer")?.version().to_owned();
    Ok([File { bytes, version: first }, File { bytes: surer, version: second }])
}

/// The scores of one comment, by the number of the attribute.
type Scores = Vec<(i32, f32)>;

pub struct Truth {
    actions: HashMap<String, (pb::Action, AtomicU64)>,
    /// For each of [`texts`].
    scores: HashMap<String, (Vec<Scores>, AtomicU64)>,
}

impl Truth {
    pub fn new(models: &[File]) -> Result<Truth> {
        let mut actions = HashMap::new();
        for (source, action) in POLICIES {
            let version = Policies::parse(source, "p.toml")?.site("").version().to_owned();
            actions.insert(version, (action, AtomicU64::new(0)));
        }
        let mut scores = HashMap::new();
        for file in models {
            let moderator = Moderator::new(Model::from_bytes(&file.bytes, &file.version)?);
            let of = |text: String| -> Result<Scores> {
                let golden = GoldenComment { text, ..GoldenComment::default() };
                let named = moderator.score_golden(&golden)?.into_iter();
                let number = |name: &str| pb::Attribute::from_str_name(&format!("ATTRIBUTE_{name}"));
                named
                    .map(|(name, s)| Ok((number(&name).context("an unknown attribute")?.into(), s)))
                    .collect()
            };
            let all = texts(LENGTH).into_iter().map(of).collect::<Result<_>>()?;
            scores.insert(file.version.clone(), (all, AtomicU64::new(0)));
        }
        Ok(Truth { actions, scores })
    }

    /// Whether an answer to the text of that number is wholly of one model and
    /// one policy, those that it names.
    pub fn check(&self, text: usize, answer: &pb::ModerateCommentResponse) -> Result<()> {
        let (action, decided) = self.actions.get(&answer.policy_version).context("an unknown policy")?;
        ensure!(answer.action() == *action, "{:?} under {}", answer.action(), answer.policy_version);
        ensure!(answer.comment_id == "c-1234567", "an answer is for another comment");
        let (scores, scored) = self.scores.get(&answer.model_version).context("an unknown model")?;
        let mut found: Scores = answer.scores.iter().map(|s| (s.attribute, s.score)).collect();
        found.sort_by_key(|(attribute, _)| *attribute);
        let mut expected = scores[text].clone();
        expected.sort_by_key(|(attribute, _)| *attribute);
        ensure!(found == expected, "scores that {} does not give", answer.model_version);
        decided.fetch_add(1, Relaxed);
        scored.fetch_add(1, Relaxed);
        Ok(())
    }

    /// The least answers that any policy, and any model, has given.
    pub fn least(&self) -> (u64, u64) {
        let actions = self.actions.values().map(|(_, count)| count.load(Relaxed)).min();
        let scores = self.scores.values().map(|(_, count)| count.load(Relaxed)).min();
        (actions.unwrap_or(0), scores.unwrap_or(0))
    }
}
