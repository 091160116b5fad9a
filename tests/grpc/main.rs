//! The API over a real server on a free port, with the generated client, the
//! shipped model and the embedded policies.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod agreement;
mod batch;
mod drain;
mod explain;
mod fail;
mod faults;
mod give_way;
mod health;
mod keys;
mod limits;
mod logs;
mod metrics;
mod models;
mod newcomers;
mod overload;
mod reflection;
mod reload;
mod repeats;
mod shadow;
mod store;
mod stream;
mod support;
mod tls;
mod unary;
mod undecodable;
