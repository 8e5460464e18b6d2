//! Ids of runs and trials.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Id of a run: `YYYYMMDD-HHMMSS-xxxx` in UTC, so that ids sort by time; the last part is random.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

/// Id of a trial: its run's id, a dot, and its number in the run's schedule from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialId(pub String);

impl RunId {
    /// Makes an id from a UTC time and 16 random bits.
    pub fn new(now: jiff::Timestamp, random: u16) -> Self {
        Self(format!("{}-{random:04x}", now.strftime("%Y%m%d-%H%M%S")))
    }

    /// The id of this run's `number`-th trial, counted from 1.
    pub fn trial(&self, number: u32) -> TrialId {
        TrialId(format!("{}.{number}", self.0))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
