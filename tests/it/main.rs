//! All integration tests, in one binary.

mod report;
mod score;
mod spec;
mod stats;
mod store;
mod support;
