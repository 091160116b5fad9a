//! The `thresher` command as people and scripts run it: the real binary with
//! the shipped model.

mod config;
mod file;
mod serve;
mod support;
mod text;
