//! The checked, resolved plan: what the runner works from. No reference in it is unresolved.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Gate, RuntimeKind, Scenario, Timeouts, Windows};
use super::subject::Subject;
use super::variant::Variant;

/// A campaign with everything it refers to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The campaign's name.
    pub name: String,
    /// The campaign's description.
    pub description: Option<String>,
    /// The subject.
    pub subject: Subject,
    /// The runtime.
    pub runtime: RuntimeKind,
    /// At least one, names unique.
    pub scenarios: Vec<Scenario>,
    /// At least one, names unique.
    pub variants: Vec<Variant>,
    /// At least 1.
    pub repeats: u32,
    /// At least 1.
    pub parallel: u32,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// Longest time of each phase.
    pub timeouts: Timeouts,
    /// Lengths of the fixed windows.
    pub windows: Windows,
    /// What must hold for the run to exit with success.
    pub gates: Vec<Gate>,
    /// The files it was read from, as they were: path and text, campaign first.
    pub sources: Vec<Source>,
}

impl Plan {
    /// A checked campaign together with what its names refer to.
    pub(super) fn new(
        campaign: Campaign,
        subject: Subject,
        variants: Vec<Variant>,
        runtime: RuntimeKind,
        sources: Vec<Source>,
    ) -> Self {
        Self {
            name: campaign.name,
            description: campaign.description,
            subject,
            runtime,
            scenarios: campaign.scenarios,
            variants,
            repeats: campaign.repeats,
            parallel: campaign.parallel,
            seed: campaign.seed,
            timeouts: campaign.timeouts,
            windows: campaign.windows,
            gates: campaign.gates,
            sources,
        }
    }
}

/// A file that a plan was read from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// Path as given or found.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// One node of the subject, from its node groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Unique name, a valid host name.
    pub name: String,
    /// Its group's role.
    pub role: String,
    /// The TCP port for HTTP probes and the workload.
    pub port: u16,
}
