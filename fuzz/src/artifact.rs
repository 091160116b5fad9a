//! The loader of model files. The first byte chooses what the rest is: a file,
//! the metadata of a small model's file, or changes to the bytes of that file
//! outside its large tables. A checksum that the change made wrong is put right,
//! or nothing behind it would be reached.

#[path = "../../tests/models/small.rs"]
#[allow(dead_code)]
mod small;

use super::{POLICIES, comment};
use safetensors::SafeTensors;
use std::collections::HashMap;
use std::sync::LazyLock;
use thresher::attribute::AttributeSet;
use thresher::comment::{Format, Thread};
use thresher::model::Model;
use thresher::model::artifact::ArtifactError;
use thresher::moderator::{Ask, Moderator, Scratch};

/// The key of our metadata in the header of the file.
const METADATA: &str = "thresher";
/// Tensors of this size or more are large.
const LARGE: usize = 4096;

static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| small::model("fuzzed", 1));

/// The places in [`FILE`] that changes may be made at.
static PLACES: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let header = 8 + usize::try_from(u64::from_le_bytes(FILE[..8].try_into().unwrap())).unwrap();
    let (_, known) = SafeTensors::read_metadata(&FILE).unwrap();
    let tensors = known.tensors();
    let small = tensors.values().map(|tensor| tensor.data_offsets).filter(|(from, to)| to - from < LARGE);
    (0..header).chain(small.flat_map(|(from, to)| header + from..header + to)).collect()
});

pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let file = match choice % 3 {
        0 => rest.to_vec(),
        1 => match std::str::from_utf8(rest) {
            Ok(document) => with_metadata(document),
            Err(_) => return,
        },
        _ => changed(rest),
    };
    match Model::from_bytes(&file, "model") {
        Ok(_) => judge(&file),
        Err(ArtifactError::Checksum { found, computed, .. }) if choice % 3 != 0 => {
            if let Some(file) = mended(file, &found, &computed) {
                judge(&file);
            }
        }
        Err(error) => assert!(error.to_string().contains("model")),
    }
}

/// The small model under another document.
fn with_metadata(document: &str) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(&FILE).unwrap();
    let wrapped = format!("{:032x} {document}", 0);
    safetensors::serialize(tensors.tensors(), Some(HashMap::from([(METADATA.to_owned(), wrapped)]))).unwrap()
}

/// The small model's file with one byte changed for every three of `edits`: two
/// for the place and one that is added to what is there.
fn changed(edits: &[u8]) -> Vec<u8> {
    let mut file = FILE.clone();
    for edit in edits.chunks_exact(3) {
        let at = PLACES[usize::from(u16::from_le_bytes([edit[0], edit[1]])) % PLACES.len()];
        file[at] = file[at].wrapping_add(edit[2]);
    }
    file
}

/// The file with another checksum, when it has the one that was found.
fn mended(mut file: Vec<u8>, found: &str, computed: &str) -> Option<Vec<u8>> {
    if found.len() != computed.len() {
        return None;
    }
    let at = file.windows(found.len()).position(|window| window == found.as_bytes())?;
    file[at..at + found.len()].copy_from_slice(computed.as_bytes());
    Some(file)
}

/// Whatever is accepted judges, with scores that are scores.
fn judge(file: &[u8]) {
    let load = || Model::from_bytes(file, "model");
    let Ok(model) = load() else { return };
    let thread = Thread { title: "Garden show", body: "Growers bring roses to the park.", recent_texts: &[] };
    if let Ok(moderator) = Moderator::tested(load().unwrap()) {
        assert_eq!(moderator.model().version(), model.version());
    }
    let moderator = Moderator::new(model);
    let mut scratch = Scratch::default();
    let profile = moderator.profile(&thread, &mut scratch);
    for text in ["The roses were lovely.", "Fr33 pr1zes at www.prizes.example, кликай!"] {
        let comment = comment(text, Format::Plain).unwrap();
        let ask = Ask { attributes: AttributeSet::ALL, explain: true };
        let assessment = moderator.assess(&comment, profile.as_ref(), POLICIES.site(""), ask, &mut scratch);
        for (attribute, score) in assessment.scores.iter() {
            let Ok(score) = score else { continue };
            assert!((0.0..=1.0).contains(&score.get()), "{attribute} is {}", score.get());
        }
    }
}
