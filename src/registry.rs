//! The model registry: which models there are, which of them judges which
//! site, and how that changes while comments are judged.
//!
//! There is always a base model: that of a file, or the one inside the binary.
//! With a folder of model files, another may be activated, for one site or for
//! all that have none of their own, and taken back; the configuration may pin a
//! site to a model. Every model is known by its version, passes its self-test
//! before it judges anything, and leaves the last good one in its place when it
//! cannot be used.

mod activations;
mod error;
mod folder;
mod serving;
mod store;

pub use error::RegistryError;
pub use folder::{Entry, Summary};
pub use serving::Serving;
pub use store::{Assignment, ModelStore, Refreshed, Sources};
