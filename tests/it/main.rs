//! All integration tests, in one binary.

mod agent;
mod chaos;
mod lab;
mod monitor;
mod runner;
mod sandbox;
mod spec;
mod support;
mod workload;
