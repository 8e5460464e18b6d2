//! The thread that owns the log files. Appends that are waiting together share one fsync.

use std::{sync::Arc, time::Instant};

use openraft::storage::LogFlushed;
use tokio::sync::{mpsc, oneshot};

use super::{error::StoreError, log::LogFiles, meta::MetaFile};
use crate::{
    metrics::Metrics,
    types::{LogId, TypeConfig, Vote},
};

/// An entry ready to be written: its index and its record's payload.
pub(crate) type Encoded = (u64, Vec<u8>);

/// Where the outcome of a command goes.
type Done = oneshot::Sender<Result<(), StoreError>>;

/// What the thread can be asked for.
pub(crate) enum Command {
    /// Write entries and report once they are durable.
    Append(Vec<Encoded>, LogFlushed<TypeConfig>),
    /// Remove this entry and all later ones.
    Truncate(u64, Done),
    /// Forget everything up to this entry.
    Purge(LogId, Done),
    /// Save the vote.
    Vote(Vote, Done),
    /// Try again to set the headroom aside.
    Headroom,
}

/// Starts the thread. It ends when the last sender is gone.
pub(crate) fn spawn(
    mut log: LogFiles,
    mut meta: MetaFile,
    metrics: Arc<Metrics>,
) -> std::io::Result<mpsc::UnboundedSender<Command>> {
    let (commands, mut inbox) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("kv-log".into()).spawn(move || {
        let mut writer = Writer { waiting: Vec::new(), failed: false, metrics };
        while let Some(first) = inbox.blocking_recv() {
            writer.run(first, &mut log, &mut meta);
            while let Ok(next) = inbox.try_recv() {
                writer.run(next, &mut log, &mut meta);
            }
            writer.flush(&mut log);
        }
    })?;
    Ok(commands)
}

struct Writer {
    /// Appends that are written but not yet durable.
    waiting: Vec<LogFlushed<TypeConfig>>,
    /// After a failure the state of the files is unknown: nothing more is written.
    failed: bool,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(&mut self, command: Command, log: &mut LogFiles, meta: &mut MetaFile) {
        match command {
            Command::Append(entries, flushed) => {
                let written =
                    entries.iter().try_for_each(|(index, payload)| self.guard(|| log.append(*index, payload)));
                match written {
                    Ok(()) => self.waiting.push(flushed),
                    Err(error) => flushed.log_io_completed(Err(error.to_io())),
                }
            }
            Command::Truncate(since, done) => {
                self.flush(log);
                let _ = done.send(self.guard(|| log.truncate(since)));
            }
            Command::Purge(upto, done) => {
                self.flush(log);
                let mut next = meta.get().clone();
                next.purged = next.purged.max(Some(upto));
                let result = self.guard(|| meta.save(next).and_then(|()| log.purge(upto.index)));
                let _ = done.send(result);
            }
            Command::Vote(vote, done) => {
                self.flush(log);
                let mut next = meta.get().clone();
                next.vote = Some(vote);
                let _ = done.send(self.guard(|| meta.save(next)));
            }
            Command::Headroom => log.ensure_headroom(),
        }
    }

    fn flush(&mut self, log: &mut LogFiles) {
        if self.waiting.is_empty() {
            return;
        }
        let started = Instant::now();
        let result = self.guard(|| log.sync());
        self.metrics.fsync.observe(started.elapsed());
        for flushed in self.waiting.drain(..) {
            flushed.log_io_completed(match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(error.to_io()),
            });
        }
    }

    fn guard(&mut self, action: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Closed);
        }
        action().inspect_err(|error| {
            self.failed = true;
            tracing::error!(%error, "the log cannot be written");
        })
    }
}
