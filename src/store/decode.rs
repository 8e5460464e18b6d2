//! From rows of the database to types.

use std::time::Duration;

use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::rows::{RunRow, RunState, TrialRow};
use crate::model::event::Event;
use crate::model::id::{RunId, TrialId};
use crate::model::trial::TrialKey;

/// A run whose writer has been silent for this long has lost it.
const SILENCE: Duration = Duration::from_secs(15);

/// Reads `seq, run, trial, at_us, wall, body`.
pub(super) fn event(row: &Row<'_>) -> Result<(i64, Event), StoreError> {
    let trial: Option<String> = row.get(2)?;
    let event = Event {
        run: RunId(row.get(1)?),
        trial: trial.map(TrialId),
        at_us: unsigned(row.get(3)?),
        wall: time("events.wall", &row.get::<_, String>(4)?)?,
        body: serde_json::from_str(&row.get::<_, String>(5)?)?,
    };
    Ok((row.get(0)?, event))
}

/// Reads a row of runs; a run whose writer has long been silent is aborted.
pub(super) fn run(row: &Row<'_>) -> Result<RunRow, StoreError> {
    let state = match row.get::<_, String>(6)?.as_str() {
        "created" => RunState::Created,
        "running" => RunState::Running,
        "ended" => RunState::Ended,
        "interrupted" => RunState::Interrupted,
        other => {
            return Err(StoreError::Value { what: "runs.state", value: other.to_owned() });
        }
    };
    let heartbeat = time("runs.heartbeat", &row.get::<_, String>(11)?)?;
    let silent = jiff::Timestamp::now().duration_since(heartbeat).unsigned_abs() > SILENCE;
    let optional_time = |what, index| -> Result<Option<jiff::Timestamp>, StoreError> {
        let text: Option<String> = row.get(index)?;
        text.map(|text| time(what, &text)).transpose()
    };
    Ok(RunRow {
        id: RunId(row.get(0)?),
        campaign: row.get(1)?,
        plan: serde_json::from_str(&row.get::<_, String>(2)?)?,
        sources: serde_json::from_str(&row.get::<_, String>(3)?)?,
        version: row.get(4)?,
        host: serde_json::from_str(&row.get::<_, String>(5)?)?,
        state: match state {
            RunState::Created | RunState::Running if silent => RunState::Aborted,
            state => state,
        },
        trials: row.get(7)?,
        parallel: row.get(8)?,
        started: optional_time("runs.started", 9)?,
        ended: optional_time("runs.ended", 10)?,
    })
}

/// Reads a row of trials.
pub(super) fn trial(row: &Row<'_>) -> Result<TrialRow, StoreError> {
    let seed: String = row.get(6)?;
    let ended: Option<String> = row.get(9)?;
    let took: Option<i64> = row.get(10)?;
    Ok(TrialRow {
        key: TrialKey {
            id: TrialId(row.get(0)?),
            number: row.get(2)?,
            scenario: row.get(3)?,
            variant: row.get(4)?,
            repeat: row.get(5)?,
            seed: seed.parse().map_err(|_| StoreError::Value { what: "trials.seed", value: seed.clone() })?,
        },
        run: RunId(row.get(1)?),
        phase: word("trials.phase", row.get(8)?)?,
        status: word("trials.status", row.get(11)?)?,
        outcome: word("trials.outcome", row.get(12)?)?,
        session: word("trials.session", row.get(13)?)?,
        reason: row.get(14)?,
        leaked: row.get::<_, Option<bool>>(15)?.unwrap_or_default(),
        started: time("trials.started", &row.get::<_, String>(7)?)?,
        ended: ended.map(|text| time("trials.ended", &text)).transpose()?,
        took_us: took.map(unsigned),
    })
}

/// Reads the name of a unit variant.
fn word<T: DeserializeOwned>(what: &'static str, word: Option<String>) -> Result<Option<T>, StoreError> {
    word.map(|value| {
        serde_json::from_value(serde_json::Value::String(value.clone())).map_err(|_| StoreError::Value { what, value })
    })
    .transpose()
}

fn time(what: &'static str, text: &str) -> Result<jiff::Timestamp, StoreError> {
    text.parse().map_err(|_| StoreError::Value { what, value: text.to_owned() })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
