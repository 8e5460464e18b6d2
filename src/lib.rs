//! `harness` measures how well an operator keeps a distributed system alive under injected faults.
//!
//! `docs/ARCHITECTURE.md` shows how the modules fit together and what the life of a trial is.

pub mod agent;
pub mod chaos;
pub mod cli;
pub mod model;
pub mod monitor;
pub mod report;
pub mod runner;
pub mod runtime;
pub mod score;
pub mod spec;
pub mod stats;
pub mod store;
pub mod workload;
