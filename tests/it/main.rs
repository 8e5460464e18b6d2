//! The integration tests, one binary.

mod report;
mod stats;
mod store;
mod support;
