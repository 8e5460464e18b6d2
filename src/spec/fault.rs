//! The fault catalogue as YAML sees it: kinds, targets, timing.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::units::Millis;

/// One fault of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chaos {
    /// Ends a node's process with SIGKILL; it stays down until it is started.
    NodeKill(NodeFault),
    /// Stops a node's process (SIGSTOP): it keeps its memory and sockets and does nothing.
    NodePause(NodeFault),
    /// Cuts the network between the targets and other nodes.
    Partition(Partition),
}

/// Names of the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// See [`Chaos::NodeKill`].
    NodeKill,
    /// See [`Chaos::NodePause`].
    NodePause,
    /// See [`Chaos::Partition`].
    Partition,
}

impl FaultKind {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; 3] = [Self::NodeKill, Self::NodePause, Self::Partition];

    /// Its name in YAML.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeKill => "node_kill",
            Self::NodePause => "node_pause",
            Self::Partition => "partition",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// By hand: the derived schema of an enum whose variants have docs loses its names where the enum is the
// key of a map.
impl JsonSchema for FaultKind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FaultKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::name) })
    }
}

impl Chaos {
    /// Which fault it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NodeKill(_) => FaultKind::NodeKill,
            Self::NodePause(_) => FaultKind::NodePause,
            Self::Partition(_) => FaultKind::Partition,
        }
    }

    /// The nodes that the fault is done to.
    pub fn target(&self) -> &Target {
        match self {
            Self::NodeKill(fault) | Self::NodePause(fault) => &fault.target,
            Self::Partition(fault) => &fault.target,
        }
    }

    /// Its start, counted from the end of the healthy window.
    pub fn after(&self) -> Millis {
        match self {
            Self::NodeKill(fault) | Self::NodePause(fault) => fault.after,
            Self::Partition(fault) => fault.after,
        }
    }

    /// How long it lasts; until the trial's heal step when none.
    pub fn duration(&self) -> Option<Millis> {
        match self {
            Self::NodeKill(fault) | Self::NodePause(fault) => fault.duration,
            Self::Partition(fault) => fault.duration,
        }
    }
}

/// A fault of whole nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeFault {
    /// Which nodes.
    pub target: Target,
    /// Start, counted from the end of the healthy window.
    #[serde(default)]
    pub after: Millis,
    /// End, counted from its start; until the trial's heal step when absent.
    #[serde(default)]
    pub duration: Option<Millis>,
}

/// A cut between two groups of nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// One side.
    pub target: Target,
    /// The other side: `others` (all nodes that are not targets) or a target of its own.
    pub from: From,
    /// Which packets are lost, seen from the target.
    #[serde(default)]
    pub direction: Direction,
    /// Start, counted from the end of the healthy window.
    #[serde(default)]
    pub after: Millis,
    /// End, counted from its start; until the trial's heal step when absent.
    #[serde(default)]
    pub duration: Option<Millis>,
}

/// The far side of a partition.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// All nodes that are not targets.
    Others,
    /// These nodes.
    #[serde(untagged)]
    Nodes(Target),
}

/// Which way packets are lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Packets to the target are lost.
    In,
    /// Packets from the target are lost.
    Out,
}

/// Which nodes: by `node`, or by `role` and `pick`. At least one of `node`, `role`, `pick` is given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// These nodes, by name.
    #[serde(default)]
    pub node: Option<OneOrMany>,
    /// Only nodes of this role.
    #[serde(default)]
    pub role: Option<String>,
    /// Which of them: `leader`, `follower` (one, at random), `random` (one), `all` (default), or a number (so many, at random).
    #[serde(default)]
    pub pick: Option<Pick>,
}

/// A name or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Which of the candidate nodes; random ones are drawn from the trial's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The leader.
    Leader,
    /// One that does not lead, at random.
    Follower,
    /// One, at random.
    Random,
    /// All.
    All,
    /// So many, at random.
    #[serde(untagged)]
    Count(std::num::NonZeroU32),
}
