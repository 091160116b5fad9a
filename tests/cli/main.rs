//! The `thresher` command as people and scripts run it: the real binary with
//! the shipped model.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod backtest;
mod canary;
#[cfg(target_os = "linux")]
mod clock;
mod config;
mod drift;
mod every_field;
mod faults;
mod file;
mod keys;
mod lists;
mod models;
mod overwrite;
mod policy;
#[cfg(unix)]
mod reload;
mod remembered;
mod serve;
mod shadow;
#[cfg(unix)]
mod socket;
mod status;
mod support;
mod text;
#[cfg(unix)]
mod traces;
