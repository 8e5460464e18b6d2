//! Probes: what is observed, where, and what must be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::units::Millis;

/// One observation of the subject.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// An HTTP GET.
    Http(HttpProbe),
    /// A TCP connection that must be accepted.
    Tcp(TcpProbe),
    /// A shell command in the lab that must exit 0.
    Command(CommandProbe),
    /// A figure of the client load.
    Workload(WorkloadProbe),
}

/// An HTTP GET of one or several nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// `each` node, `any` node, or one node's name.
    pub node: NodeSelect,
    /// Only nodes of this role.
    #[serde(default)]
    pub role: Option<String>,
    /// Path and query.
    pub path: String,
    /// Other than the node group's port.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Longest wait for the whole answer.
    #[serde(default = "probe_timeout")]
    pub timeout: Millis,
}

/// A TCP connection.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// `each` node, `any` node, or one node's name.
    pub node: NodeSelect,
    /// Only nodes of this role.
    #[serde(default)]
    pub role: Option<String>,
    /// Other than the node group's port.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Longest wait for the connection.
    #[serde(default = "probe_timeout")]
    pub timeout: Millis,
}

/// A shell command, run on a node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    /// `each` node, `any` node, or one node's name.
    pub node: NodeSelect,
    /// Only nodes of this role.
    #[serde(default)]
    pub role: Option<String>,
    /// The command, for `sh -c`.
    #[schemars(length(min = 1))]
    pub run: String,
    /// Longest run time.
    #[serde(default = "probe_timeout")]
    pub timeout: Millis,
}

/// A figure of the client load over a sliding window.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadProbe {
    /// Name of a workload operation; all of them when absent.
    #[serde(default)]
    pub op: Option<String>,
    /// Which figure.
    pub figure: WorkloadFigure,
    /// The last so much time.
    pub window: Millis,
}

/// A figure of the client load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadFigure {
    /// Successful requests / all finished requests, 0 to 1.
    SuccessRate,
    /// Median latency of successful requests, milliseconds.
    P50,
    /// 99th percentile latency of successful requests, milliseconds.
    P99,
    /// Successful requests per second.
    Throughput,
}

/// What a probe must see. An empty one means: HTTP 200, connection accepted, exit code 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// HTTP status.
    #[serde(default)]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// A `JSONPath` into the answer's body; with `equals`.
    #[serde(default)]
    pub json: Option<String>,
    /// The value at `json`.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
    /// Text that the body or the output contains.
    #[serde(default)]
    pub contains: Option<String>,
    /// Exit code of a command.
    #[serde(default)]
    pub exit: Option<i32>,
    /// Least value of a figure.
    #[serde(default)]
    pub min: Option<f64>,
    /// Greatest value of a figure.
    #[serde(default)]
    pub max: Option<f64>,
}

/// `each`, `any`, or a node's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeSelect {
    /// Every node; the condition must hold on all.
    Each,
    /// At least one node.
    Any,
    /// This node.
    #[serde(untagged)]
    Named(String),
}

fn probe_timeout() -> Millis {
    Millis(1000)
}
