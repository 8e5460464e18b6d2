//! `subjects/NAME.yaml`: a system under test.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::FaultKind;
pub use super::probe::{CommandProbe, Expect, HttpProbe, NodeSelect, Probe, TcpProbe, WorkloadFigure, WorkloadProbe};
use crate::model::units::{Bytes, Millis, PerSecond};

/// A system under test: how it starts, its nodes and roles, its probes, its workload, and what the operator is told.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Unique name: lower-case letters, digits and dashes. The same as the file's name.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Groups of like nodes, by role.
    #[schemars(extend("minProperties" = 1))]
    pub nodes: IndexMap<String, NodeGroup>,
    /// How the subject starts on each runtime; the first is the default.
    pub runtimes: Runtimes,
    /// Conditions that must all hold before the healthy window begins.
    #[schemars(length(min = 1))]
    pub ready: Vec<Condition>,
    /// Conditions that must hold all the time; a broken one is a violation and opens a ticket.
    #[schemars(length(min = 1))]
    pub invariants: Vec<Invariant>,
    /// How to tell which node leads; needed for `pick: leader` and `pick: follower`.
    #[serde(default)]
    pub leader: Option<LeaderProbe>,
    /// The client load that runs during the whole trial.
    pub workload: Workload,
    /// Subject state that is recorded before the fault, at detection and after recovery.
    #[serde(default)]
    pub snapshot: Vec<SnapshotProbe>,
    /// What the operator is told: topology and tools, never the fault. `{nodes}` stands for the node names.
    #[schemars(length(min = 1))]
    pub briefing: String,
    /// For each fault, the shell commands that repair it from inside the lab (the `oracle` control).
    /// `{target}` is one target's name (the command is repeated for each target).
    #[serde(default)]
    pub remedies: IndexMap<FaultKind, Vec<String>>,
}

/// Some like nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeGroup {
    /// How many.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 32))]
    pub count: u32,
    /// Node name; `{i}` counts from 1 and is required when `count` is above 1.
    pub name: String,
    /// The TCP port that HTTP probes and the workload talk to.
    #[schemars(range(min = 1))]
    pub port: u16,
}

/// The runtimes that can bring the subject up.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Runtimes {
    /// Linux namespaces, no Docker, no root.
    #[serde(default)]
    pub process: Option<ProcessRuntime>,
    /// Docker Compose.
    #[serde(default)]
    pub compose: Option<ComposeRuntime>,
}

/// Each node is a process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessRuntime {
    /// Program and arguments of every node. A first word `harness` is this very program.
    /// `{node}`, `{address}`, `{port}`, `{data}` and `{nodes}` (names of all nodes of the role, comma-separated) are replaced.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Size of each node's data directory.
    pub data: Bytes,
    /// Additional environment variables.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// Other settings for the nodes of some roles.
    #[serde(default)]
    pub roles: IndexMap<String, ProcessRole>,
}

/// What differs for the nodes of one role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessRole {
    /// Instead of the common command.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// Instead of the common size.
    #[serde(default)]
    pub data: Option<Bytes>,
}

/// The subject's own Compose file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComposeRuntime {
    /// Path of the Compose file, relative to this YAML file.
    pub file: String,
}

/// A probe and what it must see.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is observed.
    pub probe: Probe,
    /// What must be seen.
    #[serde(default)]
    pub expect: Expect,
}

/// A condition that must hold all the time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invariant {
    /// Unique name within the subject; tickets carry it.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// What is observed.
    pub probe: Probe,
    /// What must be seen.
    #[serde(default)]
    pub expect: Expect,
    /// Grace time: how long it must be broken without a break before it is a violation.
    #[serde(default = "grace", rename = "for")]
    pub grace: Millis,
    /// Time between two observations.
    #[serde(default = "interval")]
    pub every: Millis,
}

/// Finds the leader: the node whose answer has a certain value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaderProbe {
    /// Asked of each node.
    pub http: HttpProbe,
    /// A `JSONPath` into the answer.
    pub json: String,
    /// The value that the leader shows. When several nodes show it, the one with the greatest `term` wins.
    pub equals: serde_json::Value,
    /// A `JSONPath` of a number that grows with each election.
    #[serde(default)]
    pub term: Option<String>,
}

/// State that is recorded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotProbe {
    /// Name in the record.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// What is asked; the answer's body is kept.
    pub http: HttpProbe,
}

/// The client load.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// HTTP requests.
    Http(HttpWorkload),
}

/// Open-loop HTTP load: requests start at a set rate however slow the answers are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpWorkload {
    /// Requests per second, over all operations.
    pub rate: PerSecond,
    /// Longest wait for an answer.
    pub timeout: Millis,
    /// Nodes of this role get the requests, in turn; all roles when absent.
    #[serde(default)]
    pub role: Option<String>,
    /// How many nodes a request is tried on when a connection is refused.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// What is requested.
    #[schemars(length(min = 1))]
    pub ops: Vec<HttpOp>,
}

/// One kind of request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpOp {
    /// Name in probes and reports.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// What it means for the ledger of acknowledged writes.
    pub kind: OpKind,
    /// Share among the operations.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub weight: u32,
    /// HTTP method.
    pub method: HttpMethod,
    /// Path; `{key}` is replaced.
    pub path: String,
    /// Body; `{key}` and `{value}` are replaced.
    #[serde(default)]
    pub body: Option<String>,
    /// Statuses that mean success (an acknowledged write).
    #[serde(default = "ok_statuses")]
    #[schemars(length(min = 1), inner(range(min = 100, max = 599)))]
    pub ok: Vec<u16>,
    /// Statuses that mean: certainly not done. Any other answer to a write leaves it indeterminate.
    #[serde(default)]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub failed: Vec<u16>,
}

/// What an operation means for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// Writes a new unique `{key}`; an acknowledged one must never be lost.
    Write,
    /// Reads an acknowledged `{key}`; the body must be the value written. Also used to check the ledger at the end.
    Read,
}

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET
    Get,
    /// PUT
    Put,
    /// POST
    Post,
    /// DELETE
    Delete,
}

fn one() -> u32 {
    1
}
fn grace() -> Millis {
    Millis(0)
}
fn interval() -> Millis {
    Millis(500)
}
fn ok_statuses() -> Vec<u16> {
    vec![200]
}
