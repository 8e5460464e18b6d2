//! What the tables hold, as types.

use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::model::id::RunId;
use crate::model::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};

/// A run that is about to begin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The campaign's name.
    pub campaign: String,
    /// The resolved plan (`spec::Plan` as JSON).
    pub plan: serde_json::Value,
    /// The files it was read from.
    pub sources: Vec<SourceFile>,
    /// This program's version.
    pub version: String,
    /// The machine.
    pub host: Host,
}

/// A file that a plan was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path as given or found.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The campaign's name.
    pub campaign: String,
    /// The resolved plan (`spec::Plan` as JSON).
    #[serde(skip)]
    pub plan: serde_json::Value,
    /// The files it was read from.
    #[serde(skip)]
    pub sources: Vec<SourceFile>,
    /// The version of the program that made it.
    pub version: String,
    /// The machine.
    pub host: Host,
    /// How far it got.
    pub state: RunState,
    /// Number of planned trials.
    pub trials: u32,
    /// How many trials were run at the same time.
    pub parallel: u32,
    /// When it began.
    pub started: Option<jiff::Timestamp>,
    /// When it ended.
    pub ended: Option<jiff::Timestamp>,
}

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is in the database and no trial has begun.
    Created,
    /// A writer is alive.
    Running,
    /// All trials are over.
    Ended,
    /// The user stopped it.
    Interrupted,
    /// Its process ended without a word: killed, or the machine went down.
    Aborted,
}

/// A trial.
#[derive(Debug, Clone, Serialize)]
pub struct TrialRow {
    /// Which.
    #[serde(flatten)]
    pub key: TrialKey,
    /// Its run.
    pub run: RunId,
    /// The step that it is in, or was in last.
    pub phase: Option<Phase>,
    /// How it ended; absent while it runs. A trial that its run left unfinished is `interrupted`.
    pub status: Option<Status>,
    /// What became of the subject.
    pub outcome: Option<Outcome>,
    /// How the session ended.
    pub session: Option<SessionEnd>,
    /// Why it was not completed.
    pub reason: Option<String>,
    /// True when teardown left something behind.
    pub leaked: bool,
    /// When it began.
    pub started: jiff::Timestamp,
    /// When it ended.
    pub ended: Option<jiff::Timestamp>,
    /// Microseconds from begin to end; absent when it has none.
    pub took_us: Option<u64>,
}
