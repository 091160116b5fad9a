//! Small models, quickly made, that differ in every score and in how they read
//! a thread.

use thresher::attribute::{Attribute, PerAttribute};
use thresher::features::Vectorizer;
use thresher::features::hashing::BUCKETS;
use thresher::model::artifact::serialize;
use thresher::model::classifier::Classifier;
use thresher::model::golden::GoldenComment;
use thresher::model::head::{Head, TEXT_INPUTS, THREAD_INPUTS};
use thresher::model::{Metadata, Model, Parts};
use thresher::moderator::Moderator;
use thresher::text::dictionary::Dictionary;

/// Every so many buckets are columns.
const STEP: usize = 64;

fn parts(seed: usize) -> Parts {
    let mut chosen = vec![0u8; BUCKETS / 8];
    for bucket in (seed % STEP..BUCKETS).step_by(STEP) {
        chosen[bucket / 8] |= 1 << (bucket % 8);
    }
    let columns = BUCKETS / STEP;
    let weight = |c: usize, k: usize| ((c * 31 + k * 17 + seed * 7) % 101) as f32 / 50.0 - 1.0;
    let weights = std::array::from_fn(|k| (0..columns).map(|c| weight(c, k)).collect());
    let head = |inputs: usize| Head {
        mean: vec![0.1; inputs],
        inverse_deviation: vec![1.0; inputs],
        weights: (0..inputs).map(|i| ((i + seed) % 5) as f32 * 0.1 - 0.2).collect(),
        intercept: seed as f32 * 0.3 - 1.0,
        platt: (-1.0, 0.0),
    };
    Parts {
        vectorizer: Vectorizer::new(
            &chosen,
            vec![40 + (seed % 100) as u8; columns].into(),
            Dictionary::default(),
        )
        .unwrap(),
        classifier: Classifier::quantize(&weights, [0.25; Attribute::TEXT_COUNT], columns),
        heads: PerAttribute::from_fn(|attribute| {
            Some(head(if attribute == Attribute::OffTopic { THREAD_INPUTS } else { TEXT_INPUTS }))
        }),
    }
}

/// A comment under a thread.
pub fn golden(text: &str) -> GoldenComment {
    GoldenComment {
        text: text.into(),
        title: "Garden show opens its gates".into(),
        body: "Growers bring roses, bulbs and old apple varieties to the park.".into(),
        ..GoldenComment::default()
    }
}

/// The bytes of a model file with golden comments, whose scores are changed by
/// so much.
pub fn model_off_by(name: &str, seed: usize, by: f32) -> Vec<u8> {
    let parts = parts(seed);
    let mut metadata = Metadata { name: name.into(), ..Metadata::default() };
    let plain = Model::from_bytes(&serialize(&parts, &metadata).unwrap(), name).unwrap();
    let moderator = Moderator::new(plain);
    metadata.golden = vec![golden("The roses were lovely."), golden("Fr33 pr1zes at www.prizes.example")];
    for golden in &mut metadata.golden {
        golden.scores = moderator.score_golden(golden).unwrap();
        golden.scores.values_mut().for_each(|score| *score += by);
    }
    serialize(&parts, &metadata).unwrap()
}

/// The bytes of a model file that passes its self-test.
pub fn model(name: &str, seed: usize) -> Vec<u8> {
    model_off_by(name, seed, 0.0)
}

/// The version of a model file.
pub fn version(bytes: &[u8]) -> String {
    Model::from_bytes(bytes, "a model").unwrap().version().to_owned()
}
