//! What a trial is and how it can end.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::TrialId;

/// One scenario, one variant, one repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialKey {
    /// Unique over all runs.
    pub id: TrialId,
    /// Its number in the run's schedule, from 1.
    pub number: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The variant's name.
    pub variant: String,
    /// From 1 to the campaign's `repeats`.
    pub repeat: u32,
    /// Drawn from the campaign's seed, the scenario and the repeat: the same for every variant.
    pub seed: u64,
}

/// Did the harness do its job?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The trial ran to its end and counts.
    Completed,
    /// The fault did not land, or the subject was not well before it; never scored.
    Void,
    /// The harness failed; never scored.
    Error,
    /// The user stopped it; never scored.
    Interrupted,
}

/// What became of the subject in a completed trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Invariants and workload held through the hold window.
    Recovered,
    /// They did not.
    NotRecovered,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The operator says that it is repaired.
    Resolved,
    /// The operator gives up and calls for a person.
    Escalated,
    /// A limit of time or commands was reached.
    OutOfBudget,
    /// The operator itself failed.
    Crashed,
    /// There was no session: nobody operates (baseline), or nothing was detected.
    None,
}

/// The steps of a trial, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The lab comes up.
    Provision,
    /// Waiting for the subject's `ready` conditions.
    Ready,
    /// All must be well for a while.
    Healthy,
    /// The faults are injected and proven.
    Inject,
    /// Waiting for the monitor's ticket.
    Detect,
    /// The session.
    Operate,
    /// The operator's processes are ended.
    Freeze,
    /// Waiting for recovery, and the hold window.
    Verify,
    /// The faults are removed, and the ledger is checked.
    Heal,
    /// The lab is taken down.
    Teardown,
}

macro_rules! display_as_serde {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}
display_as_serde!(Status, Outcome, SessionEnd, Phase);
