//! `campaigns/NAME.yaml`: scenarios x variants x repeats.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{Chaos, FaultKind};
use crate::model::units::Millis;

/// Scenarios x variants x repeats.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Unique name: lower-case letters, digits and dashes.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Name of a file in `subjects/` (without `.yaml`), or a path that ends in `.yaml`.
    pub subject: String,
    /// The runtime; the subject's first when absent.
    #[serde(default)]
    pub runtime: Option<RuntimeKind>,
    /// What the operators are faced with.
    #[schemars(length(min = 1))]
    pub scenarios: Vec<Scenario>,
    /// Names of files in `variants/` (without `.yaml`), or paths that end in `.yaml`.
    #[schemars(length(min = 1))]
    pub variants: Vec<String>,
    /// How often each scenario is run with each variant.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// How many trials run at the same time.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub parallel: u32,
    /// Everything random is drawn from it.
    #[serde(default)]
    pub seed: u64,
    /// Longest time of each phase.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Lengths of the fixed windows.
    #[serde(default)]
    pub windows: Windows,
    /// What must hold for the run to exit with success.
    #[serde(default)]
    pub gates: Vec<Gate>,
}

/// What brings a subject up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// Linux namespaces, no Docker, no root.
    Process,
    /// Docker Compose.
    Compose,
}

impl RuntimeKind {
    /// Its name in YAML.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Compose => "compose",
        }
    }

    /// Whether this version can inject the fault on this runtime.
    pub const fn supports(self, fault: FaultKind) -> bool {
        match (self, fault) {
            (Self::Process, FaultKind::NodeKill | FaultKind::NodePause | FaultKind::Partition) => true,
            (Self::Compose, _) => false,
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the operator is faced with.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique name within the campaign.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The faults. The operator is called when all of them are there.
    #[schemars(length(min = 1))]
    pub chaos: Vec<Chaos>,
}

/// Longest time of each phase; a phase that exceeds it ends the trial (or, for `detect` and `operate`, the phase).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From nothing to a lab with all processes started.
    pub provision: Millis,
    /// Until all `ready` conditions hold.
    pub ready: Millis,
    /// Until the monitor has opened a ticket.
    pub detect: Millis,
    /// The session.
    pub operate: Millis,
    /// From the session's end until the invariants have held for the hold window.
    pub verify: Millis,
    /// Removing the fault and coming back to ready.
    pub heal: Millis,
    /// Taking the lab down.
    pub teardown: Millis,
}

/// Lengths of the fixed windows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// How long all must be well before the fault.
    pub healthy: Millis,
    /// How long all must be well to count as recovered.
    pub hold: Millis,
}

/// A condition on a figure of the run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The variant; all variants when absent.
    #[serde(default)]
    pub variant: Option<String>,
    /// The scenario; all scenarios when absent.
    #[serde(default)]
    pub scenario: Option<String>,
    /// The figure.
    pub metric: Metric,
    /// Least value.
    #[serde(default)]
    pub min: Option<f64>,
    /// Greatest value.
    #[serde(default)]
    pub max: Option<f64>,
}

/// Figures that a gate can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of completed trials that recovered, 0 to 1.
    Recovered,
    /// Share of completed trials in which the monitor opened a ticket, 0 to 1.
    Detected,
    /// Share of completed trials with a session that said `resolved` while the subject was not recovered, 0 to 1.
    FalseResolution,
    /// Acknowledged writes lost, sum over all trials.
    WritesLost,
    /// Median time from the fault to the ticket, milliseconds.
    TimeToDetect,
    /// Median time from the fault to recovery, milliseconds, over the trials that recovered.
    TimeToRecover,
    /// Share of bad client requests from the fault to the trial's end, mean over trials, 0 to 1.
    BadRequests,
    /// Trials that were not completed (void, error, interrupted), a count.
    NotCompleted,
}

fn one() -> u32 {
    1
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            provision: Millis(30_000),
            ready: Millis(60_000),
            detect: Millis(60_000),
            operate: Millis(600_000),
            verify: Millis(60_000),
            heal: Millis(60_000),
            teardown: Millis(30_000),
        }
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self { healthy: Millis(5_000), hold: Millis(5_000) }
    }
}
