//! The thread that writes events.

use std::collections::HashSet;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::project;
use super::queue::{Queue, Refused};
use super::rows::NewRun;
use crate::model::event::{Body, Event};
use crate::model::id::{RunId, TrialId};

/// Events that may wait to be written.
const LIMIT: usize = 16_384;

/// How long [`Writer::emit`] waits for room. Room is missing only when the disk has stalled.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a run's row says that its writer is alive.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Writes events in a thread of its own; clones share it.
///
/// What is waiting goes to disk in one transaction as soon as the one before it is done, so an event
/// is there some milliseconds after it was emitted, and survives the death of this process from then on.
/// After a failed write nothing more is accepted: [`Writer::failed`] tells, and so do
/// [`Writer::flush`] and [`Writer::close`]. The thread ends with `close` or with the last clone.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Queue<Job>,
    failed: OnceLock<Arc<StoreError>>,
}

type Reply = Sender<Result<(), StoreError>>;

#[derive(Debug)]
enum Job {
    Event(Box<Event>),
    Begin(Box<NewRun>, Reply),
    Score { trial: TrialId, score: String },
    Flush(Reply),
}

impl Writer {
    pub(super) fn start(conn: Connection) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared { queue: Queue::new(LIMIT), failed: OnceLock::new() });
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write(conn, &shared)
            })
            .map_err(|error| StoreError::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
        Ok(Self(Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) })))
    }

    /// Puts a run into the database; its events can follow. Returns when it is on disk.
    pub fn begin_run(&self, run: NewRun) -> Result<(), StoreError> {
        self.ask(|reply| Job::Begin(Box::new(run), reply))
    }

    /// Hands an event to the thread. Returns at once unless the disk has stalled.
    /// A trial's first event must be its `TrialStarted`.
    pub fn emit(&self, event: Event) {
        self.push(Job::Event(Box::new(event)));
    }

    /// Keeps what the scorer said about a trial, as JSON.
    pub fn put_score(&self, trial: &TrialId, score: String) {
        self.push(Job::Score { trial: trial.clone(), score });
    }

    /// Returns when everything emitted so far is on disk. Blocks: not for async code.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.ask(Job::Flush)
    }

    /// What went wrong, if anything did: the run must stop then, for nothing is recorded any more.
    pub fn failed(&self) -> Option<Arc<StoreError>> {
        self.0.shared.failed.get().cloned()
    }

    /// Writes what is waiting and ends the thread. Further events are refused and make [`Writer::failed`] tell.
    pub fn close(&self) -> Result<(), StoreError> {
        self.0.end();
        self.failed().map_or(Ok(()), |error| Err(StoreError::Failed(error)))
    }

    fn push(&self, job: Job) {
        let shared = &self.0.shared;
        if let Err(refused) = shared.queue.push(job, PATIENCE) {
            shared.fail(match refused {
                Refused::Full => StoreError::Behind { waiting: shared.queue.len() },
                Refused::Closed => StoreError::Closed,
            });
        }
    }

    fn ask(&self, job: impl FnOnce(Reply) -> Job) -> Result<(), StoreError> {
        let (reply, answer) = mpsc::channel();
        self.push(job(reply));
        match answer.recv() {
            Ok(result) => result,
            Err(_) => Err(self.failed().map_or(StoreError::Closed, StoreError::Failed)),
        }
    }
}

impl Handle {
    fn end(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.shared.fail(StoreError::Closed);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Remembers the first failure and lets nothing more in.
    fn fail(&self, error: StoreError) {
        let _ = self.failed.set(Arc::new(error));
        self.queue.close();
    }
}

/// The thread: until the queue is closed and empty, or a write fails.
fn write(mut conn: Connection, shared: &Shared) {
    let mut runs = HashSet::new();
    let mut beat = Instant::now() + HEARTBEAT;
    while let Some(jobs) = shared.queue.take(beat) {
        let mut replies = Vec::new();
        let due = Instant::now() >= beat;
        if jobs.is_empty() && !due {
            continue;
        }
        let written = transaction(&mut conn, |tx| {
            for job in &jobs {
                match job {
                    Job::Event(event) => {
                        insert(tx, event)?;
                        // A resumed run is not begun again, only started.
                        if matches!(event.body, Body::RunStarted { .. }) {
                            runs.insert(event.run.clone());
                            heartbeat(tx, &runs)?;
                        }
                    }
                    Job::Score { trial, score } => project::score(&trial.0, score).write(tx)?,
                    Job::Flush(reply) => replies.push((reply.clone(), Ok(()))),
                    Job::Begin(run, reply) => {
                        let begun = begin(tx, run)?;
                        runs.insert(run.id.clone());
                        replies.push((reply.clone(), begun));
                    }
                }
            }
            if due { heartbeat(tx, &runs) } else { Ok(()) }
        });
        if due {
            beat = Instant::now() + HEARTBEAT;
        }
        if let Err(error) = written {
            shared.fail(error);
            // Only now may replies be dropped, which tells those who wait to look at the failure:
            // those of this batch at the return, those of the queue here.
            while shared.queue.take(Instant::now()).is_some() {}
            return;
        }
        for (reply, answer) in replies {
            let _ = reply.send(answer);
        }
    }
}

fn transaction(
    conn: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    work(&tx)?;
    Ok(tx.commit()?)
}

/// Appends an event and writes what follows from it.
fn insert(tx: &Transaction<'_>, event: &Event) -> Result<(), StoreError> {
    let body = serde_json::to_value(&event.body)?;
    let kind = body["type"].as_str().unwrap_or_default();
    tx.prepare_cached("INSERT INTO events (run, trial, at_us, wall, type, body) VALUES (?, ?, ?, ?, ?, ?)")?.execute(
        params![
            event.run.0,
            event.trial.as_ref().map(|trial| &trial.0),
            i64::try_from(event.at_us).unwrap_or(i64::MAX),
            event.wall.to_string(),
            kind,
            body.to_string(),
        ],
    )?;
    for row in project::rows(tx.last_insert_rowid(), event) {
        row.write(tx)?;
    }
    Ok(())
}

/// Puts a run in, unless there is one with its id: that is the inner error.
fn begin(tx: &Transaction<'_>, run: &NewRun) -> Result<Result<(), StoreError>, StoreError> {
    let there = tx.query_row("SELECT 1 FROM runs WHERE id = ?", [&run.id.0], |_| Ok(())).optional()?;
    if there.is_some() {
        return Ok(Err(StoreError::RunExists(run.id.0.clone())));
    }
    let now = jiff::Timestamp::now().to_string();
    tx.execute(
        "INSERT INTO runs (id, campaign, plan, sources, version, host, created, heartbeat)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            run.id.0,
            run.campaign,
            run.plan.to_string(),
            serde_json::to_string(&run.sources)?,
            run.version,
            serde_json::to_string(&run.host)?,
            now,
            now,
        ],
    )?;
    Ok(Ok(()))
}

fn heartbeat(tx: &Transaction<'_>, runs: &HashSet<RunId>) -> Result<(), StoreError> {
    let now = jiff::Timestamp::now().to_string();
    for run in runs {
        tx.execute("UPDATE runs SET heartbeat = ? WHERE id = ?", params![now, run.0])?;
    }
    Ok(())
}
