//! All integration tests, in one binary.

mod lab;
mod monitor;
mod sandbox;
mod support;
mod workload;
