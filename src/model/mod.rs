//! Plain data that every other module speaks: ids, units, trials, events, verdicts.
//!
//! Nothing here does I/O, spawns a task or reads a clock. `spec` fills plans with these types,
//! `runner` and its helpers emit [`event::Event`]s, and `store`, `score`, `report` read them.

pub mod event;
pub mod id;
pub mod trial;
pub mod units;
