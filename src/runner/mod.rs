//! Runs campaigns: which trial when (`dispatch`), and each trial from nothing to nothing (`trial`).
//!
//! Everything that happens is an [`Event`](crate::model::event::Event) given to an [`EventSink`]. The runner prints
//! nothing and reads no database; cleanup runs whatever happened before it, and each step has a time limit.

mod dispatch;
mod heal;
mod operator;
mod recorder;
mod schedule;
mod steps;
mod trial;

pub use dispatch::{RunOptions, RunSummary, run};
pub use recorder::{Broadcast, EventSink};
pub use schedule::{schedule, trial_seed};
