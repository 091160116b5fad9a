//! Model files: what was written is read back, and nothing else is.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use thresher::attribute::PerAttribute;
use thresher::features::Vectorizer;
use thresher::features::hashing::BUCKETS;
use thresher::model::artifact::{deserialize, serialize};
use thresher::model::classifier::Classifier;
use thresher::model::golden::{GoldenComment, MAX_GOLDEN};
use thresher::model::head::{Head, TEXT_INPUTS};
use thresher::model::{ArtifactError, Metadata, Model, Parts};
use thresher::moderator::{GOLDEN_TOLERANCE, Moderator, SelfTestError};
use thresher::text::dictionary::Dictionary;

/// A small model with invented weights.
fn parts() -> Parts {
    let mut chosen = vec![0u8; BUCKETS / 8];
    (0..64).for_each(|i| chosen[i * 1_000] = 1 << (i % 8));
    let weights = std::array::from_fn(|k| (0..64).map(|c| (c as f32 - 30.0) * (k as f32 + 1.0)).collect());
    let head = Head {
        mean: vec![0.5; TEXT_INPUTS],
        inverse_deviation: vec![2.0; TEXT_INPUTS],
        weights: vec![0.1; TEXT_INPUTS],
        intercept: -1.0,
        platt: (-1.0, 0.25),
    };
    let dictionary =
        Dictionary::new(&[("barn", 4), ("don't", 30), ("straw", 0)], &["en"]).expect("words in order");
    Parts {
        vectorizer: Vectorizer::new(&chosen, vec![40; 64].into(), dictionary).expect("64 bits and 64 bytes"),
        classifier: Classifier::quantize(&weights, [0.25; 8], 64),
        heads: PerAttribute::from_fn(|a| (a.index() < 3).then(|| head.clone())),
    }
}

fn bytes() -> Vec<u8> {
    serialize(&parts(), &Metadata { name: "test".into(), ..Metadata::default() }).unwrap()
}

/// The same file with one piece of text for another of the same length.
fn altered(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes();
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("the text is in the file");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn what_was_written_is_read_back() {
    let (read, metadata, _) = deserialize(&bytes(), "test").unwrap();
    let written = parts();
    assert_eq!(read.vectorizer, written.vectorizer);
    assert_eq!(read.classifier.rows(), written.classifier.rows());
    assert_eq!(read.classifier.scales(), written.classifier.scales());
    assert_eq!(read.heads, written.heads);
    assert_eq!(metadata.name, "test");
    let model = Model::from_bytes(&bytes(), "test").unwrap();
    assert!(model.version().starts_with("test@"), "{}", model.version());
}

#[test]
fn the_same_parts_give_the_same_bytes() {
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let bytes = bytes();
    for cut in [0, 1, 7, 8, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = deserialize(&bytes[..cut], "cut.safetensors").unwrap_err();
        assert!(error.to_string().starts_with("cut.safetensors "), "{cut}: {error}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let whole = bytes();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    // Every bit of the header's first bytes, and one of each stretch of data.
    let places = (0..header.min(400)).chain((header..whole.len()).step_by(997)).chain([whole.len() - 1]);
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        assert!(deserialize(&bytes, "flipped").is_err(), "bit {} of byte {place}", place % 8);
    }
    let mut bytes = whole.clone();
    bytes[header + 10] ^= 4;
    let error = deserialize(&bytes, "flipped").unwrap_err();
    assert!(matches!(error, ArtifactError::Checksum { .. }), "{error}");
}

#[test]
fn another_format_or_feature_space_is_named() {
    let error = deserialize(&altered("thresher-model/1", "thresher-model/9"), "old").unwrap_err().to_string();
    assert!(error.contains("format \"thresher-model/9\"") && error.contains("thresher-model/1"), "{error}");
    let error = deserialize(&altered("xxh3-22/words", "xxh3-18/words"), "old").unwrap_err().to_string();
    assert!(error.contains("feature space \"xxh3-18") && error.contains("this version reads"), "{error}");
}

#[test]
fn a_number_that_is_none_is_refused() {
    let mut parts = parts();
    if let Some(head) = &mut parts.heads[thresher::attribute::Attribute::Spam] {
        head.weights[3] = f32::NAN;
    }
    let bytes = serialize(&parts, &Metadata::default()).unwrap();
    let error = deserialize(&bytes, "nan").unwrap_err().to_string();
    assert!(error.contains("head.spam.weights") && error.contains("finite"), "{error}");
}

#[test]
fn a_dictionary_out_of_order_is_refused() {
    let parts = parts();
    let bytes = serialize(&parts, &Metadata::default()).unwrap();
    let (read, metadata, _) = deserialize(&bytes, "test").unwrap();
    assert_eq!(read.vectorizer.dictionary().words(), parts.vectorizer.dictionary().words());
    assert_eq!(metadata.dictionary_languages, ["en"]);
    // With a right checksum, so that the words themselves are looked at.
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let at = tensors.tensor("dictionary.words").unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    for (from, to) in [("barn", "zarn"), ("straw", "str\nw"), ("don't", "don-t")] {
        let mut words = b"barn\ndon't\nstraw".to_vec();
        let place = words.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        words[place..place + to.len()].copy_from_slice(to.as_bytes());
        let mut altered = bytes.clone();
        altered[at..at + words.len()].copy_from_slice(&words);
        let error = deserialize(&altered, "test").unwrap_err();
        let ArtifactError::Checksum { found, computed, .. } = error else { panic!("{error}") };
        let place = altered.windows(32).position(|w| w == found.as_bytes()).unwrap();
        altered[place..place + 32].copy_from_slice(computed.as_bytes());
        let error = deserialize(&altered, "test").unwrap_err().to_string();
        assert!(error.contains("dictionary"), "{from}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Model::open("no/such/model.safetensors".as_ref()).unwrap_err().to_string();
    assert!(error.contains("no/such/model.safetensors"), "{error}");
}

#[test]
fn a_file_that_is_far_too_long_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    // It takes no room on the disk.
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = Model::open(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("long.safetensors is not a usable model: it is over the limit of 67108864 bytes"),
        "{error}"
    );
}

#[test]
fn the_shipped_model_is_small_and_whole() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors");
    let size = std::fs::metadata(path).unwrap().len();
    assert!(size <= 5_000_000, "{size} bytes");
    let model = Model::shipped().unwrap();
    assert!(model.heads().iter().all(|(_, head)| head.is_some()), "all nine attributes are trained");
    assert_eq!(model.version(), Model::open(path.as_ref()).unwrap().version());
    let card = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/models/MODEL_CARD.md")).unwrap();
    assert!(card.contains(model.version()), "the card is of another model");
}

/// The small model with golden comments of the test's own, scored by itself
/// and then changed.
fn golden(change: impl Fn(usize, &mut GoldenComment)) -> Result<Moderator, SelfTestError> {
    let comment = |text: &str, title: &str| GoldenComment {
        text: text.into(),
        title: title.into(),
        ..GoldenComment::default()
    };
    let mut metadata = Metadata { name: "test".into(), ..Metadata::default() };
    metadata.golden = vec![comment("The roses were lovely.", ""), comment("Fr33 pr1zes!", "Garden show")];
    let moderator = Moderator::new(Model::from_bytes(&bytes(), "test").unwrap());
    for (i, golden) in metadata.golden.iter_mut().enumerate() {
        golden.scores = moderator.score_golden(golden).unwrap();
        assert_eq!(golden.scores.len(), 3, "the small model has three attributes");
        change(i, golden);
    }
    let bytes = serialize(&parts(), &metadata).unwrap();
    let model = Model::from_bytes(&bytes, "test").unwrap();
    assert_eq!(model.metadata().golden, metadata.golden, "scores are read back to the bit");
    Moderator::tested(model)
}

#[test]
fn a_model_serves_only_if_its_golden_comments_score_as_recorded() {
    assert!(golden(|_, _| {}).is_ok());
    let refused = |change: fn(usize, &mut GoldenComment)| {
        let line = golden(change).unwrap_err().to_string();
        assert!(line.starts_with("the model test@") && line.lines().count() == 1, "{line}");
        // What the comments say is nobody's business here.
        assert!(!line.contains("roses") && !line.contains("Fr33"), "{line}");
        line
    };
    // Less than the tolerance is no difference.
    let nudged = |by: f32| {
        move |_: usize, golden: &mut GoldenComment| {
            golden.scores.values_mut().for_each(|score| *score += by);
        }
    };
    assert!(golden(nudged(GOLDEN_TOLERANCE / 4.0)).is_ok());
    assert!(golden(nudged(GOLDEN_TOLERANCE * 4.0)).is_err());
    let line = refused(|i, golden| {
        if i == 1 {
            golden.scores.insert("SPAM".into(), 0.25);
        }
    });
    assert!(line.contains("SPAM of golden comment 2 is 0.") && line.ends_with("recorded is 0.25"), "{line}");
    let line = refused(|_, golden| {
        golden.scores.remove("SPAM");
    });
    assert!(line.ends_with("recorded is unscored"), "{line}");
    let line = refused(|_, golden| {
        golden.scores.insert("OFF_TOPIC".into(), 0.5);
    });
    assert!(line.contains("OFF_TOPIC of golden comment 1 is unscored, recorded is 0.5"), "{line}");
    let line = refused(|_, golden| golden.text = " ".into());
    assert!(line.ends_with("golden comment 1 must not be empty or blank"), "{line}");
}

#[test]
fn too_many_golden_comments_are_no_model() {
    let metadata = Metadata { golden: vec![GoldenComment::default(); MAX_GOLDEN + 1], ..Metadata::default() };
    let error = deserialize(&serialize(&parts(), &metadata).unwrap(), "many").unwrap_err().to_string();
    assert_eq!(error, "many is not a usable model: it has 65 golden comments, over the limit of 64");
}

#[test]
fn the_shipped_model_passes_its_self_test() {
    let moderator = Moderator::tested(Model::shipped().unwrap()).unwrap();
    let golden = &moderator.model().metadata().golden;
    assert_eq!(golden.len(), 16);
    for golden in golden {
        assert_eq!(moderator.score_golden(golden).unwrap(), golden.scores, "the same to the bit");
        assert!(golden.scores.len() >= 8, "all attributes but OFF_TOPIC have a score without a thread");
    }
}
