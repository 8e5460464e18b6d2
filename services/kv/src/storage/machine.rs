//! The replicated state in memory and its snapshots on disk.

use std::{
    io::Cursor,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use openraft::{
    AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, StorageIOError, storage::RaftStateMachine,
};

use super::{
    error::StoreError,
    snapshot::{Head, SnapshotFile, State},
};
use crate::types::{Entry, LogId, Membership, Op, RaftStorageError, Request, Response, SnapshotMeta, TypeConfig};

/// The state shared by the Raft library, which changes it, and the readers.
#[derive(Debug)]
pub(crate) struct Machine {
    state: RwLock<State>,
    files: SnapshotFile,
    /// What the newest snapshot on disk contains. Also held while a snapshot is written.
    snapshot: Mutex<Option<SnapshotMeta>>,
}

impl Machine {
    /// Restores the newest snapshot in `dir`; what the log has after it is applied again as soon as
    /// a leader confirms it.
    pub(crate) fn open(dir: &Path) -> Result<Arc<Self>, StoreError> {
        let files = SnapshotFile::new(dir);
        let loaded = files.load()?.map(|(state, _)| state);
        let snapshot = loaded.as_ref().map(|state| meta_of(&state.head));
        Ok(Arc::new(Self { state: RwLock::new(loaded.unwrap_or_default()), files, snapshot: Mutex::new(snapshot) }))
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        self.read().keys.get(key).cloned()
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.read().keys.len()
    }

    /// Everything besides the keys.
    pub(crate) fn head(&self) -> Head {
        self.read().head.clone()
    }

    /// Whether a NOSPACE alarm is active anywhere in the cluster.
    pub(crate) fn has_alarm(&self) -> bool {
        !self.read().head.alarms.is_empty()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a snapshot of the present state. When the disk is full the previous snapshot stays
    /// current: the log then simply is not purged.
    fn take_snapshot(&self) -> Result<Snapshot<TypeConfig>, StoreError> {
        let mut current = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.read().clone();
        let applied = state.head.applied;
        let taken = current.as_ref().and_then(|meta| meta.last_log_id);
        if applied > taken
            && let Some(applied) = applied
        {
            let bytes = state.encode();
            match self.files.save(applied.index, &bytes) {
                Ok(()) => {
                    let meta = meta_of(&state.head);
                    *current = Some(meta.clone());
                    tracing::info!(
                        index = applied.index,
                        bytes = bytes.len(),
                        keys = state.keys.len(),
                        "wrote a snapshot"
                    );
                    return Ok(snapshot(meta, bytes));
                }
                Err(error) if is_full(&error) => {
                    tracing::warn!(%error, "no room for a snapshot, keeping the log");
                }
                Err(error) => return Err(error),
            }
        }
        match current.clone() {
            Some(meta) => Ok(snapshot(meta, self.files.read()?.unwrap_or_default())),
            None => Ok(snapshot(SnapshotMeta::default(), Vec::new())),
        }
    }

    fn install(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let state = State::decode(bytes).map_err(|what| StoreError::Corrupt {
            path: "received snapshot".into(),
            offset: 0,
            what: what.into(),
        })?;
        let mut current = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let index = state.head.applied.map_or(0, |id| id.index);
        self.files.save(index, bytes)?;
        *current = Some(meta_of(&state.head));
        tracing::info!(index, bytes = bytes.len(), keys = state.keys.len(), "installed a snapshot");
        *self.write() = state;
        Ok(())
    }

    fn current(&self) -> Result<Option<Snapshot<TypeConfig>>, StoreError> {
        let current = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        match current.clone() {
            Some(meta) => Ok(self.files.read()?.map(|bytes| snapshot(meta, bytes))),
            None => Ok(None),
        }
    }
}

fn is_full(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Io { source, .. } if matches!(
            source.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        )
    )
}

fn snapshot(meta: SnapshotMeta, bytes: Vec<u8>) -> Snapshot<TypeConfig> {
    Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }
}

fn meta_of(head: &Head) -> SnapshotMeta {
    SnapshotMeta {
        last_log_id: head.applied,
        last_membership: head.membership.clone(),
        snapshot_id: head.applied.map_or_else(String::new, |id| format!("{}-{}", id.leader_id.term, id.index)),
    }
}

impl State {
    fn apply(&mut self, entry: Entry) -> Response {
        self.head.applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Response::default(),
            EntryPayload::Normal(Request::Batch(ops)) => Response {
                existed: ops
                    .into_iter()
                    .map(|op| match op {
                        Op::Put { key, value } => self.keys.insert(key, value.0).is_some(),
                        Op::Delete { key } => self.keys.remove(&key).is_some(),
                    })
                    .collect(),
            },
            EntryPayload::Normal(Request::AlarmRaise { node }) => {
                let members = self.head.membership.membership();
                if members.get_node(&node).is_some() {
                    self.head.alarms.insert(node);
                }
                Response::default()
            }
            EntryPayload::Normal(Request::AlarmClear { nodes }) => {
                for node in nodes {
                    self.head.alarms.remove(&node);
                }
                Response::default()
            }
            EntryPayload::Membership(membership) => {
                let head = &mut self.head;
                head.membership = Membership::new(Some(entry.log_id), membership);
                let ids: Vec<u64> = head.membership.nodes().map(|(id, _)| *id).collect();
                head.max_node_id = ids.iter().copied().fold(head.max_node_id, u64::max);
                // The alarm of a member ends with its membership.
                head.alarms.retain(|node| ids.contains(node));
                Response::default()
            }
        }
    }
}

/// The state machine as the Raft library sees it.
#[derive(Debug, Clone)]
pub(crate) struct StateMachine(pub(crate) Arc<Machine>);

impl StateMachine {
    /// Runs `action`, which blocks, off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Machine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RaftStorageError> {
        let machine = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || action(&machine)).await {
            Ok(result) => result.map_err(|e| StorageIOError::write_snapshot(None, AnyError::new(&e)).into()),
            Err(e) => Err(StorageIOError::write_snapshot(None, AnyError::new(&e)).into()),
        }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, RaftStorageError> {
        self.blocking(Machine::take_snapshot).await
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), RaftStorageError> {
        let head = self.0.head();
        Ok((head.applied, head.membership))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Response>, RaftStorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut state = self.0.write();
        Ok(entries.into_iter().map(|entry| state.apply(entry)).collect())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, RaftStorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), RaftStorageError> {
        self.blocking(move |machine| machine.install(snapshot.get_ref())).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, RaftStorageError> {
        self.blocking(Machine::current).await
    }
}
