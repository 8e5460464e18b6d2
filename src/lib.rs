//! harness

pub mod cli;
pub mod model;
pub mod spec;
