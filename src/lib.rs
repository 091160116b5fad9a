//! Thresher scores reader comments for spam, toxicity and off-topic content
//! and answers with a moderation action and its reasons.
#![forbid(unsafe_code)]

mod aside;
pub mod attribute;
pub mod audit;
pub mod backtest;
pub mod comment;
pub mod config;
pub mod drift;
pub mod features;
pub mod jsonl;
pub mod keys;
pub mod metrics;
pub mod model;
pub mod moderator;
pub mod overwrite;
pub mod policy;
pub mod registry;
pub mod score;
pub mod server;
pub mod shadow;
pub mod signals;
mod source;
mod stamp;
pub mod state;
pub mod telemetry;
pub mod text;
mod whole_file;
