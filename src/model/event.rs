//! The event log: everything that happens in a run, append-only.
//!
//! It is the truth from which scores, reports and views are made; they read nothing else.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::id::{RunId, TrialId};
use super::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};

/// One entry of the event log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// The trial; absent for events of the whole run.
    pub trial: Option<TrialId>,
    /// Microseconds on one monotonic clock since the trial began (since the run began, for events of the run).
    pub at_us: u64,
    /// Wall-clock time, for people.
    pub wall: jiff::Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// A run begins. The plan is kept beside it in the store.
    RunStarted {
        /// The campaign's name.
        campaign: String,
        /// Number of trials.
        trials: u32,
        /// How many run at the same time.
        parallel: u32,
    },
    /// A run has ended.
    RunEnded {
        /// True when the user stopped it.
        interrupted: bool,
    },
    /// A trial begins.
    TrialStarted {
        /// Which.
        key: TrialKey,
    },
    /// A step begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A step has ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// True when its time limit ended it.
        timed_out: bool,
    },
    /// The lab is up: all processes are started.
    LabUp {
        /// Its nodes.
        nodes: Vec<NodeAddress>,
        /// Microseconds that it took.
        took_us: u64,
    },
    /// A node's process was started, stopped, killed, or ended by itself.
    NodeChanged {
        /// Which node.
        node: String,
        /// What was done or seen.
        change: NodeChange,
        /// Who did it.
        by: Actor,
    },
    /// Subject state, recorded as it was answered.
    Snapshot {
        /// At which point of the trial.
        when: SnapshotPoint,
        /// The snapshot probe's name.
        name: String,
        /// Which node answered.
        node: String,
        /// The answer's body, or why there is none.
        result: Result<String, String>,
    },
    /// A fault has been given its targets.
    FaultPlanned {
        /// Its number in the scenario, from 0.
        fault: u32,
        /// Its name, as in YAML.
        kind: String,
        /// The nodes it concerns.
        targets: Vec<String>,
        /// In words of the runtime: what will be done.
        detail: String,
    },
    /// How to undo a fault; written before it is applied.
    FaultUndo {
        /// Its number.
        fault: u32,
        /// In words of the runtime: what undoes it.
        undo: String,
    },
    /// A fault was applied.
    FaultInjected {
        /// Its number.
        fault: u32,
    },
    /// The effect of a fault was measured.
    FaultProven {
        /// Its number.
        fault: u32,
        /// True when the effect is there, and only there.
        landed: bool,
        /// What was measured, a line each.
        evidence: Vec<String>,
        /// Microseconds from the decision to inject to the end of the measurement.
        took_us: u64,
    },
    /// A fault is no longer in effect, without the harness's doing.
    FaultGone {
        /// Its number.
        fault: u32,
        /// What was seen.
        detail: String,
    },
    /// A fault was removed by the harness, and that was measured.
    FaultHealed {
        /// Its number.
        fault: u32,
        /// True when its absence is proven.
        proven: bool,
        /// What was measured, a line each.
        evidence: Vec<String>,
    },
    /// An invariant was observed.
    Probe {
        /// Its name.
        invariant: String,
        /// Whether it held; absent when the probe itself could not run.
        ok: Option<bool>,
        /// What was seen, per node or in all; short.
        detail: String,
        /// A figure, where the probe has one.
        value: Option<f64>,
        /// Microseconds that the observation took.
        took_us: u64,
    },
    /// An invariant has been broken for longer than its grace time.
    Violation {
        /// Its name.
        invariant: String,
        /// What was seen.
        detail: String,
    },
    /// A violated invariant holds again.
    ViolationEnded {
        /// Its name.
        invariant: String,
    },
    /// A ticket was opened.
    TicketOpened {
        /// Its number in the trial, from 1.
        ticket: u32,
        /// The invariant that opened it.
        invariant: String,
        /// What the operator is told about it.
        summary: String,
    },
    /// A violation was folded into an open ticket.
    TicketFolded {
        /// The ticket.
        ticket: u32,
        /// The violated invariant.
        invariant: String,
        /// What was seen.
        detail: String,
    },
    /// What the client load saw in one slice of time.
    Load {
        /// Length of the slice, microseconds; it ends at the event's time.
        slice_us: u64,
        /// One entry per operation that finished a request in it.
        ops: Vec<OpLoad>,
    },
    /// A session begins.
    SessionStarted {
        /// The ticket it works on.
        ticket: u32,
        /// The kind of operator: `script`, `llm`, ….
        operator: String,
        /// What the operator was told, briefing and ticket.
        prompt: String,
    },
    /// Words of the operator.
    Message {
        /// Reasoning or answer.
        text: String,
    },
    /// The operator runs a shell command.
    CommandStarted {
        /// Its number in the session, from 1.
        command: u32,
        /// As given to `sh -c`.
        line: String,
        /// Why, in the operator's words.
        reasoning: String,
    },
    /// A shell command has ended.
    CommandEnded {
        /// Its number.
        command: u32,
        /// Exit code; absent when it was killed.
        exit: Option<i32>,
        /// True when its time limit ended it.
        timed_out: bool,
        /// Standard output and error, interleaved as they came; cut in the middle when too long.
        output: String,
        /// Bytes that are missing in `output`.
        cut_bytes: u64,
        /// Microseconds that it took.
        took_us: u64,
    },
    /// A session has ended.
    SessionEnded {
        /// How.
        end: SessionEnd,
        /// The operator's closing words, or why it was ended.
        summary: String,
        /// Microseconds of working time: wall time less waiting for rate limits.
        working_us: u64,
    },
    /// Every process that the operator had started is ended.
    Frozen {
        /// How many were still there.
        ended: u32,
        /// True when it is proven that none is left.
        proven: bool,
    },
    /// The recovery check has ended.
    Verified {
        /// Whether everything held through the hold window.
        recovered: bool,
        /// When it began to hold (same clock as `at_us`), if it recovered.
        since_us: Option<u64>,
        /// What did not hold, else empty.
        detail: String,
    },
    /// The ledger of writes was checked against the store.
    Ledger(LedgerCheck),
    /// The lab was taken down.
    TornDown {
        /// Microseconds that it took.
        took_us: u64,
        /// What was still there, empty when clean.
        leftovers: Vec<String>,
    },
    /// A trial has ended.
    TrialEnded {
        /// Did the harness do its job?
        status: Status,
        /// What became of the subject; only when completed.
        outcome: Option<Outcome>,
        /// How the session ended.
        session: SessionEnd,
        /// Why it was not completed, for people.
        reason: Option<String>,
        /// True when teardown left something behind.
        leaked: bool,
    },
}

/// A node's place in the lab's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Its address in the lab.
    pub address: Ipv4Addr,
    /// The port for probes and workload.
    pub port: u16,
}

/// What happened to a node's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// Started.
    Started,
    /// Told to end, and ended.
    Stopped,
    /// Ended with a signal from outside.
    Killed,
    /// Given another signal, such as STOP or CONT.
    Signalled {
        /// The signal's name without SIG.
        signal: String,
    },
    /// Ended by itself or by something inside the lab.
    Exited {
        /// Exit code or signal, for people.
        how: String,
    },
    /// Some access or shaping rules of its network links were removed.
    RulesRemoved {
        /// How many.
        count: u32,
    },
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The harness.
    Harness,
    /// The operator under test.
    Operator,
    /// The process itself.
    Itself,
}

/// Points of a trial at which subject state is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotPoint {
    /// Before the fault.
    Before,
    /// When the ticket was opened.
    Detected,
    /// After the recovery check.
    After,
}

/// Requests of one operation that finished in one slice of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpLoad {
    /// The operation's name.
    pub op: String,
    /// Requests that succeeded.
    pub ok: u32,
    /// Requests that certainly did nothing.
    pub failed: u32,
    /// Requests that may or may not have done something.
    pub indeterminate: u32,
    /// Median latency of the successful ones, microseconds, from the intended start; 0 when there was none.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// Greatest.
    pub max_us: u64,
}

/// What became of the writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCheck {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes that certainly failed.
    pub failed: u64,
    /// Writes whose fate was unknown to the client.
    pub indeterminate: u64,
    /// Of the indeterminate ones, found in the store.
    pub indeterminate_found: u64,
    /// Acknowledged writes that the store no longer has, or has with another value.
    pub lost: u64,
    /// Some keys of lost writes (20 at most).
    pub lost_keys: Vec<String>,
    /// Acknowledged writes that could not be read back: unknown, neither lost nor there.
    pub unreadable: u64,
    /// Reads during the load that did not show an acknowledged write.
    pub wrong_reads: u64,
}

/// Takes what happens in a trial, in order; stamps it with the time. Must not block.
pub type Emit = std::sync::Arc<dyn Fn(Body) + Send + Sync>;
