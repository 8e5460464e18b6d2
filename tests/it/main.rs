//! All integration tests, in one binary.

mod lab;
mod monitor;
mod sandbox;
mod spec;
mod support;
mod workload;
