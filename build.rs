//! Compiles the API's protos to Rust and writes their descriptor set, which
//! the reflection service serves. Needs no protoc.

use prost::Message;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Every proto file of the API, relative to `proto/`.
const PROTOS: [&str; 2] = ["thresher/v1/model.proto", "thresher/v1/moderation.proto"];

/// The messages that hold texts, or who wrote them, themselves. They get a
/// `Debug` of our own that leaves those out, in `src/server/pb.rs`.
const TEXTS: [&str; 6] = [
    ".thresher.v1.Author",
    ".thresher.v1.Client",
    ".thresher.v1.Comment",
    ".thresher.v1.ParentComment",
    ".thresher.v1.Reading",
    ".thresher.v1.Thread",
];

fn main() -> Result<(), Box<dyn Error>> {
    // tonic-prost-build prints no such lines for descriptor sets, and without
    // any, cargo would run this again after every change to any file.
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto");

    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("thresher.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .skip_debug(TEXTS)
        // Nearly all answers are responses: a box around them would save nothing.
        .enum_attribute(".thresher.v1.ModerateCommentAnswer.outcome", "#[allow(clippy::large_enum_variant)]")
        .compile_fds(descriptors)?;
    Ok(())
}
