//! Runtimes bring labs up and take them down.
//!
//! A [`Runtime`] makes a [`Lab`]: one private running instance of a subject. Everything that the
//! trial does to the subject goes through [`Lab`], so `chaos`, `workload`, `monitor` and `agent`
//! work alike on every runtime. Nothing in here knows variants, scenarios, tickets or keys.

#[doc(hidden)]
pub mod fake;
pub mod http;

use std::io;
use std::time::Duration;

pub mod process;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::model::event::{Actor, NodeAddress, NodeChange};

/// What brings labs up.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Its name in YAML.
    fn name(&self) -> &'static str;

    /// Whether this machine can run it: every requirement, met or not.
    async fn requirements(&self) -> Vec<Requirement>;

    /// Brings a lab up: all processes are started when it returns (not: ready).
    /// When it fails, or its future is dropped, nothing is left behind.
    async fn provision(&self, request: LabRequest) -> Result<Box<dyn Lab>, LabError>;
}

/// Something that a runtime needs of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Requirement {
    /// What, in a few words: `user namespaces`.
    pub name: String,
    /// Met, or what forbids it and what to do.
    pub result: Result<String, Unmet>,
}

/// Why a requirement is not met.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unmet {
    /// Which one, as in [`Requirement::name`].
    pub requirement: String,
    /// What was seen, and which setting forbids it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// What a lab consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabRequest {
    /// Nodes, in order.
    pub nodes: Vec<NodeRequest>,
}

/// One node of a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeRequest {
    /// Its name, a valid host name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// The port for probes and workload.
    pub port: u16,
    /// Program and arguments with placeholders as in the subject's YAML; see `spec::subject::ProcessRuntime`.
    pub command: Vec<String>,
    /// Additional environment variables.
    pub env: Vec<(String, String)>,
    /// Size of its data directory, bytes.
    pub data_bytes: u64,
}

/// A byte stream to a node, such as a TCP connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One running instance of a subject. All methods can be called at any time and from several tasks at once.
#[async_trait]
pub trait Lab: Send + Sync {
    /// The nodes and their addresses, in order.
    fn nodes(&self) -> &[NodeAddress];

    /// Connects to a port of a node from the client's place in the lab's network.
    /// No time limit of its own: the caller wraps it.
    async fn connect(&self, node: &str, port: u16) -> io::Result<Box<dyn Stream>>;

    /// The state of a node's process.
    async fn node_state(&self, node: &str) -> Result<NodeState, LabError>;

    /// Does something to a node's process and returns its state afterwards.
    async fn act(&self, node: &str, action: NodeAction) -> Result<NodeState, LabError>;

    /// Runs a shell command and waits for its end.
    /// At the time limit, or when the future is dropped, the command's whole process group is killed.
    async fn exec(&self, exec: Exec) -> Result<ExecOutput, LabError>;

    /// The last `lines` lines of a node's log (standard output and error).
    async fn logs(&self, node: &str, lines: usize) -> Result<String, LabError>;

    /// The rules on the links between nodes.
    async fn link_rules(&self) -> Result<Vec<LinkRule>, LabError>;

    /// Adds rules, all at once, and returns their ids.
    async fn add_link_rules(&self, rules: Vec<NewLinkRule>) -> Result<Vec<u32>, LabError>;

    /// Removes rules by id; ids that are no longer there are ignored. Returns how many were there.
    async fn remove_link_rules(&self, ids: Vec<u32>) -> Result<u32, LabError>;

    /// Sends one small datagram along each ordered pair of nodes, all at once, and says which arrived within `wait`.
    async fn reach(&self, pairs: Vec<(String, String)>, wait: Duration) -> Result<Vec<Reach>, LabError>;

    /// Ends every process that the operator started and proves that none is left.
    /// The operator's place is usable again afterwards.
    async fn freeze(&self) -> Result<Frozen, LabError>;

    /// The next thing that happened in the lab without this interface's doing or on behalf of the operator.
    /// `None` when the lab is gone. Only one task calls it.
    async fn next_change(&self) -> Option<LabChange>;

    /// Takes the lab down and looks for what is left. May be called more than once.
    async fn teardown(&self) -> Teardown;

    /// Ends everything at once without waiting; for the second Ctrl-C and for `Drop`.
    fn kill(&self);
}

/// The state of a node's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It runs.
    Running,
    /// It exists and is stopped by a signal.
    Paused,
    /// There is no process; how the last one ended.
    Down(String),
}

/// What can be done to a node's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeAction {
    /// Start it when it is down; else nothing.
    Start,
    /// SIGTERM (with SIGCONT), SIGKILL after a few seconds; waits for its end.
    Stop,
    /// Stop, then start.
    Restart,
    /// Send a signal, by name without SIG: KILL, STOP, CONT, TERM, …. With KILL, waits for its end.
    Signal(String),
}

/// A shell command to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exec {
    /// Where.
    pub place: Place,
    /// For `sh -c`.
    pub line: String,
    /// Time limit.
    pub timeout: Duration,
    /// Output beyond this many bytes is cut in the middle.
    pub max_output: u64,
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The operator's own place in the lab.
    Operator,
    /// A node: its network, its files.
    Node(String),
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutput {
    /// Exit code; absent when it was killed by a signal or the time limit.
    pub exit: Option<i32>,
    /// True when the time limit ended it.
    pub timed_out: bool,
    /// Standard output and error as they came, invalid UTF-8 replaced.
    pub output: String,
    /// Bytes that were cut from the middle of the output.
    pub cut_bytes: u64,
}

/// A rule on the link from one node to another, as the operator sees it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRule {
    /// Its id.
    pub id: u32,
    /// What it does.
    pub rule: NewLinkRule,
    /// Packets that it has matched.
    pub packets: u64,
}

/// A rule to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLinkRule {
    /// Sending node.
    pub from: String,
    /// Receiving node.
    pub to: String,
    /// What happens to the packets.
    pub action: LinkAction,
}

/// What happens to the packets of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkAction {
    /// They are dropped.
    Deny,
}

/// Whether a datagram arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Sending node.
    pub from: String,
    /// Receiving node.
    pub to: String,
    /// Microseconds on the way; absent when it did not arrive in time.
    pub took_us: Option<u64>,
}

/// What [`Lab::freeze`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Processes of the operator that were still there.
    pub ended: u32,
}

/// Something that happened in the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabChange {
    /// Which node.
    pub node: String,
    /// What.
    pub change: NodeChange,
    /// Who did it.
    pub by: Actor,
}

/// What [`Lab::teardown`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teardown {
    /// What was still there at the end; empty when clean.
    pub leftovers: Vec<String>,
}

/// Why something in a lab could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine does not allow it.
    #[error("{}\n  what to do: {}", .0.problem, .0.remedy)]
    Environment(Unmet),
    /// There is no such node.
    #[error("there is no node `{0}` in the lab")]
    NoSuchNode(String),
    /// The lab refused or failed to do it.
    #[error("{0}")]
    Failed(String),
    /// The lab is gone.
    #[error("the lab has ended: {0}")]
    Gone(String),
}
