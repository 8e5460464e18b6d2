//! Reading the database: for reports, views and re-scoring.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::decode::{event, run, trial};
use super::error::StoreError;
use super::rows::{RunRow, RunState, TrialRow};
use super::schema::{SCHEMA_VERSION, Store, connect};
use super::transcript::Entry;
use crate::model::event::Event;
use crate::model::id::{RunId, TrialId};
use crate::model::trial::Status;

const RUN: &str = "SELECT id, campaign, plan, sources, version, host, state, trials, parallel, started,
    ended, heartbeat FROM runs";

/// A read-only connection. Writers go on beside it.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
}

/// What an id names.
#[derive(Debug)]
pub enum Found {
    /// A run.
    Run(Box<RunRow>),
    /// A trial.
    Trial(Box<TrialRow>),
}

impl Reader {
    /// Opens a database that is there; an older schema is brought up to date first.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let read = || connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let conn = read()?;
        let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == SCHEMA_VERSION {
            return Ok(Self { conn });
        }
        drop(conn);
        drop(Store::open(path)?);
        Ok(Self { conn: read()? })
    }

    /// All runs, latest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut select = self.conn.prepare_cached(&format!("{RUN} ORDER BY id DESC"))?;
        let mut rows = select.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            runs.push(run(row)?);
        }
        Ok(runs)
    }

    /// The run whose id is, or begins with, `prefix`; `latest` is the latest one.
    pub fn run(&self, prefix: &str) -> Result<RunRow, StoreError> {
        let id = self.run_id(prefix)?;
        let mut select = self.conn.prepare_cached(&format!("{RUN} WHERE id = ?"))?;
        let mut rows = select.query([&id])?;
        match rows.next()? {
            Some(row) => run(row),
            None => Err(StoreError::Unknown(prefix.to_owned())),
        }
    }

    /// The trials of a run that have begun, in the order of its schedule.
    pub fn trials(&self, run: &RunId) -> Result<Vec<TrialRow>, StoreError> {
        let state = self.run(&run.0)?.state;
        let over = !matches!(state, RunState::Running | RunState::Created);
        let mut select = self.conn.prepare_cached(
            "SELECT id, run, number, scenario, variant, repeat, seed, started, phase, ended, took_us,
                 status, outcome, session, reason, leaked FROM trials WHERE run = ? ORDER BY number",
        )?;
        let mut rows = select.query([&run.0])?;
        let mut trials = Vec::new();
        while let Some(row) = rows.next()? {
            let mut trial = trial(row)?;
            if trial.status.is_none() && over {
                trial.status = Some(Status::Interrupted);
                trial.reason = Some("the run ended before the trial did".to_owned());
            }
            trials.push(trial);
        }
        Ok(trials)
    }

    /// The trial `RUN.NUMBER`, where the run may be a prefix or `latest`.
    pub fn trial(&self, id: &str) -> Result<TrialRow, StoreError> {
        let unknown = || StoreError::Unknown(id.to_owned());
        let (run, number) = id.rsplit_once('.').ok_or_else(unknown)?;
        let number: u32 = number.parse().map_err(|_| unknown())?;
        let run = RunId(self.run_id(run)?);
        self.trials(&run)?.into_iter().find(|trial| trial.key.number == number).ok_or_else(unknown)
    }

    /// What an id or a prefix of one names: with a dot a trial, else a run.
    pub fn find(&self, id: &str) -> Result<Found, StoreError> {
        if id.contains('.') {
            self.trial(id).map(|trial| Found::Trial(Box::new(trial)))
        } else {
            self.run(id).map(|run| Found::Run(Box::new(run)))
        }
    }

    /// A trial's events in order; when it was begun again in a resumed run, those of its last attempt.
    pub fn events(&self, trial: &TrialId) -> Result<Vec<Event>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT seq, run, trial, at_us, wall, body FROM events
             WHERE trial = ?1 AND seq >= coalesce((SELECT first_seq FROM trials WHERE id = ?1), 0)
             ORDER BY seq",
        )?;
        let mut rows = select.query([&trial.0])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?.1);
        }
        Ok(events)
    }

    /// The events of a run and its trials after `seq`, at most `limit`, each with its `seq`. For live views.
    pub fn events_after(&self, run: &RunId, seq: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT seq, run, trial, at_us, wall, body FROM events
             WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
        )?;
        let mut rows = select.query(rusqlite::params![run.0, seq, limit])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?);
        }
        Ok(events)
    }

    /// What was said and done in a trial's session.
    pub fn transcript(&self, trial: &TrialId) -> Result<Vec<Entry>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT e.seq, e.run, e.trial, e.at_us, e.wall, e.body
             FROM log_entries l JOIN events e ON e.seq = l.seq WHERE l.trial = ? ORDER BY l.seq",
        )?;
        let mut rows = select.query([&trial.0])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?.1);
        }
        Ok(Entry::from_events(&events))
    }

    /// What the scorer said last about a trial, as JSON.
    pub fn score(&self, trial: &TrialId) -> Result<Option<String>, StoreError> {
        Ok(self.conn.query_row("SELECT score FROM scores WHERE trial = ?", [&trial.0], |row| row.get(0)).optional()?)
    }

    fn run_id(&self, prefix: &str) -> Result<String, StoreError> {
        let unknown = || StoreError::Unknown(prefix.to_owned());
        if prefix == "latest" {
            return self
                .conn
                .query_row("SELECT id FROM runs ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
                .optional()?
                .ok_or_else(unknown);
        }
        if prefix.is_empty() {
            return Err(unknown());
        }
        let mut select =
            self.conn.prepare_cached("SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id")?;
        let mut candidates =
            select.query_map([prefix], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        match candidates.len() {
            0 => Err(unknown()),
            1 => Ok(candidates.remove(0)),
            _ if candidates.iter().any(|id| id == prefix) => Ok(prefix.to_owned()),
            _ => Err(StoreError::Ambiguous { prefix: prefix.to_owned(), candidates }),
        }
    }
}
