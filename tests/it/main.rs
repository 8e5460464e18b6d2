//! All integration tests, in one binary.

mod lab;
mod monitor;
mod report;
mod sandbox;
mod score;
mod spec;
mod stats;
mod store;
mod support;
mod workload;
