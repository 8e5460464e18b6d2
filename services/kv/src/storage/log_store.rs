//! The log as the Raft library sees it: entries in memory, each durable before it is acknowledged.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    ops::RangeBounds,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openraft::{
    AnyError, LogState, OptionalSend, RaftLogReader, StorageIOError,
    storage::{LogFlushed, RaftLogStorage},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    error::StoreError,
    log::{LogFiles, Room},
    meta::MetaFile,
    writer::{self, Command},
};
use crate::{
    metrics::Metrics,
    types::{Entry, LogId, RaftStorageError, TypeConfig, Vote},
};

/// One message to a follower carries about this many bytes of entries, but at least one entry.
const MESSAGE_BYTES: u64 = 512 << 10;

/// The log and the vote. Clones share the same log.
#[derive(Debug, Clone)]
pub(crate) struct LogStore {
    shared: Arc<Mutex<Shared>>,
    commands: mpsc::UnboundedSender<Command>,
    room: Arc<Room>,
}

#[derive(Debug, Default)]
struct Shared {
    /// All entries after `purged`, with the size of each on disk.
    entries: BTreeMap<u64, (Entry, u32)>,
    purged: Option<LogId>,
    vote: Option<Vote>,
}

impl LogStore {
    /// Opens the log in `dir` and starts its writer thread.
    pub(crate) fn open(dir: &Path, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let meta = MetaFile::open(dir)?;
        let (mut log, entries) = LogFiles::open(dir)?;
        let purged = meta.get().purged;
        let after = purged.map_or(0, |id| id.index + 1);
        let entries: BTreeMap<_, _> = entries
            .into_iter()
            .filter(|(entry, _)| entry.log_id.index >= after)
            .map(|(entry, size)| (entry.log_id.index, (entry, size)))
            .collect();
        if let Some((&first, _)) = entries.first_key_value()
            && first != after
        {
            return Err(StoreError::Corrupt {
                path: dir.to_owned(),
                offset: 0,
                what: format!("the log starts at entry {first} instead of {after}"),
            });
        }
        if let Some(purged) = purged {
            log.purge(purged.index)?;
        }
        log.ensure_headroom();
        // A vote remembers whether it was won. Forgetting that makes a restarted leader campaign
        // again instead of leading on: it no longer knows what it had committed.
        let vote = meta.get().vote.map(|vote| Vote { committed: false, ..vote });
        let room = log.room();
        let commands = writer::spawn(log, meta, metrics).map_err(StoreError::io("start a thread for", dir))?;
        Ok(Self { shared: Arc::new(Mutex::new(Shared { entries, purged, vote })), commands, room })
    }

    /// How much can still be appended.
    pub(crate) fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// Has the writer try again to set headroom aside.
    pub(crate) fn retry_headroom(&self) {
        let _ = self.commands.send(Command::Headroom);
    }

    /// Whether nothing was ever written: no vote, no entry, nothing purged.
    pub(crate) fn is_pristine(&self) -> bool {
        let shared = self.shared();
        shared.entries.is_empty() && shared.purged.is_none() && shared.vote.is_none()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Command,
    ) -> Result<(), StoreError> {
        let (done, outcome) = oneshot::channel();
        self.commands.send(command(done)).map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, RaftStorageError> {
        let shared = self.shared();
        let entries = shared.entries.range(range);
        Ok(entries.map(|(_, (entry, _))| entry.clone()).collect())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, RaftStorageError> {
        let mut bytes = 0;
        let shared = self.shared();
        Ok(shared
            .entries
            .range(start..end)
            .take_while(|(_, (_, size))| {
                let fits = bytes == 0 || bytes + u64::from(*size) <= MESSAGE_BYTES;
                bytes += u64::from(*size).max(1);
                fits
            })
            .map(|(_, (entry, _))| entry.clone())
            .collect())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, RaftStorageError> {
        let shared = self.shared();
        let last = shared.entries.last_key_value();
        Ok(LogState {
            last_purged_log_id: shared.purged,
            last_log_id: last.map(|(_, (entry, _))| entry.log_id).or(shared.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), RaftStorageError> {
        self.ask(|done| Command::Vote(*vote, done))
            .await
            .map_err(|error| StorageIOError::write_vote(AnyError::new(&error)))?;
        self.shared().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, RaftStorageError> {
        Ok(self.shared().vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), RaftStorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut encoded = Vec::new();
        {
            let mut shared = self.shared();
            for entry in entries {
                let payload = serde_json::to_vec(&entry)
                    .map_err(|error| StorageIOError::write_log_entry(entry.log_id, AnyError::new(&error)))?;
                let index = entry.log_id.index;
                shared.entries.insert(index, (entry, payload.len() as u32));
                encoded.push((index, payload));
            }
        }
        self.commands
            .send(Command::Append(encoded, callback))
            .map_err(|_| StorageIOError::write_logs(AnyError::new(&StoreError::Closed)).into())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), RaftStorageError> {
        self.ask(|done| Command::Truncate(log_id.index, done))
            .await
            .map_err(|error| StorageIOError::write_logs(AnyError::new(&error)))?;
        self.shared().entries.split_off(&log_id.index);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), RaftStorageError> {
        self.ask(|done| Command::Purge(log_id, done))
            .await
            .map_err(|error| StorageIOError::write_logs(AnyError::new(&error)))?;
        let mut shared = self.shared();
        shared.purged = shared.purged.max(Some(log_id));
        let kept = shared.entries.split_off(&(log_id.index + 1));
        shared.entries = kept;
        Ok(())
    }
}
