//! The API over a real server on a free port, with the generated client, the
//! shipped model and the embedded policies.

mod batch;
mod drain;
mod health;
mod logs;
mod reflection;
mod stream;
mod support;
mod unary;
