//! From an event to the rows that follow from it. Pure: no clock, no database.

mod session;
mod trial;

use rusqlite::Connection;
use rusqlite::types::Value;
use serde::Serialize;

use crate::model::event::{Body, Event};

/// One statement with its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    sql: &'static str,
    values: Vec<Value>,
}

impl Row {
    /// Runs the statement.
    pub(super) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(self.sql)?.execute(rusqlite::params_from_iter(&self.values)).map(drop)
    }
}

/// What an event changes in the projections.
pub(super) fn rows(seq: i64, event: &Event) -> Vec<Row> {
    match (&event.trial, &event.body) {
        (_, Body::RunStarted { .. } | Body::RunEnded { .. }) => run(event),
        (Some(trial), _) => Of { seq, trial: &trial.0, event }.rows(),
        (None, _) => Vec::new(),
    }
}

/// Keeps what the scorer said about a trial.
pub(super) fn score(trial: &str, score: &str) -> Row {
    row(
        "INSERT INTO scores (trial, score) VALUES (?, ?)
         ON CONFLICT (trial) DO UPDATE SET score = excluded.score",
        [text(trial), text(score)],
    )
}

fn run(event: &Event) -> Vec<Row> {
    let wall = text(&event.wall.to_string());
    let id = text(&event.run.0);
    match &event.body {
        Body::RunStarted { trials, parallel, .. } => vec![row(
            "UPDATE runs SET state = 'running', trials = ?, parallel = ?,
                 started = coalesce(started, ?), ended = NULL WHERE id = ?",
            [(*trials).into(), (*parallel).into(), wall, id],
        )],
        Body::RunEnded { interrupted } => {
            let state = if *interrupted { "interrupted" } else { "ended" };
            vec![row("UPDATE runs SET state = ?, ended = ? WHERE id = ?", [text(state), wall, id])]
        }
        _ => Vec::new(),
    }
}

/// An event of a trial.
struct Of<'a> {
    seq: i64,
    trial: &'a str,
    event: &'a Event,
}

impl Of<'_> {
    fn rows(&self) -> Vec<Row> {
        match &self.event.body {
            Body::TrialStarted { key } => self.started(key),
            Body::PhaseStarted { .. } | Body::PhaseEnded { .. } | Body::TrialEnded { .. } => self.progress(),
            Body::FaultPlanned { .. }
            | Body::FaultUndo { .. }
            | Body::FaultInjected { .. }
            | Body::FaultProven { .. }
            | Body::FaultGone { .. }
            | Body::FaultHealed { .. } => self.fault().into_iter().collect(),
            Body::Probe { .. } | Body::Load { .. } => self.samples(),
            Body::TicketOpened { .. } | Body::TicketFolded { .. } => self.ticket().into_iter().collect(),
            Body::SessionStarted { .. } => self.said("prompt", self.session()),
            Body::SessionEnded { .. } => self.said("end", self.session()),
            Body::Message { .. } => self.said("message", None),
            Body::CommandStarted { .. } => self.said("command", self.command()),
            Body::CommandEnded { .. } => self.said("result", self.command()),
            // These are read from the log itself.
            Body::RunStarted { .. }
            | Body::RunEnded { .. }
            | Body::LabUp { .. }
            | Body::NodeChanged { .. }
            | Body::Snapshot { .. }
            | Body::Violation { .. }
            | Body::ViolationEnded { .. }
            | Body::Frozen { .. }
            | Body::Verified { .. }
            | Body::Ledger(_)
            | Body::TornDown { .. } => Vec::new(),
        }
    }

    fn trial(&self) -> Value {
        text(self.trial)
    }

    fn at(&self) -> Value {
        int(self.event.at_us)
    }

    fn wall(&self) -> Value {
        text(&self.event.wall.to_string())
    }
}

fn row<const N: usize>(sql: &'static str, values: [Value; N]) -> Row {
    Row { sql, values: values.into() }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn flag(flag: bool) -> Value {
    Value::Integer(flag.into())
}

/// The database's integers are signed; microseconds reach their end after 292 000 years.
fn int(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A unit variant by the name that YAML and JSON give it.
fn word(value: &impl std::fmt::Display) -> Value {
    Value::Text(value.to_string())
}

fn json(value: &impl Serialize) -> Value {
    Value::Text(serde_json::to_string(value).unwrap_or_default())
}
