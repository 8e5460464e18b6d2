//! The integration tests, one binary.

mod report;
mod score;
mod stats;
mod store;
mod support;
