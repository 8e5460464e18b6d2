//! Integration tests, one binary.

mod monitor;
mod workload;
