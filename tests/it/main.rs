//! All integration tests, in one binary.

mod agent;
mod chaos;
mod cleanup;
mod cli;
mod doctor;
mod lab;
mod monitor;
mod report;
mod runner;
mod sandbox;
mod score;
mod spec;
mod stats;
mod store;
mod support;
mod workload;
