//! Snapshot files.
//!
//! ```text
//! "KVSNAP1\n" | header length u32 | header (JSON) | { key length u32, key, value length u32, value }* | crc u32
//! ```
//!
//! The checksum covers everything before it. The same bytes travel to a peer that lags behind.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{error::StoreError, files};
use crate::{
    crc::crc32,
    types::{LogId, Membership},
};

const MAGIC: &[u8; 8] = b"KVSNAP1\n";

/// The replicated state at one position of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The keys and their values.
    pub(crate) keys: BTreeMap<String, Bytes>,
    /// Everything that is small.
    pub(crate) head: Head,
}

/// The state besides the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The last entry that is part of the state.
    pub(crate) applied: Option<LogId>,
    /// The members.
    pub(crate) membership: Membership,
    /// Members with an active NOSPACE alarm.
    pub(crate) alarms: std::collections::BTreeSet<u64>,
    /// The largest node id ever used, so that ids are never used twice.
    pub(crate) max_node_id: u64,
    /// Number of keys that follow.
    keys: u64,
}

impl State {
    /// The whole state as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let head = Head { keys: self.keys.len() as u64, ..self.head.clone() };
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut out = Vec::from(MAGIC.as_slice());
        push(&mut out, &head);
        for (key, value) in &self.keys {
            push(&mut out, key.as_bytes());
            push(&mut out, value);
        }
        let crc = crc32(&[&out]);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The state in `bytes`, or what does not fit.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or("the file is too short")?;
        if crc32(&[body]) != u32::from_le_bytes(*crc) {
            return Err("the checksum does not match");
        }
        let mut rest = body.strip_prefix(MAGIC).ok_or("not a snapshot")?;
        let head: Head = serde_json::from_slice(pull(&mut rest)?).map_err(|_| "the header is unreadable")?;
        let mut keys = BTreeMap::new();
        for _ in 0..head.keys {
            let key = std::str::from_utf8(pull(&mut rest)?).map_err(|_| "a key is no text")?;
            let value = Bytes::copy_from_slice(pull(&mut rest)?);
            keys.insert(key.to_owned(), value);
        }
        Ok(Self { keys, head })
    }
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn pull<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or("the file ends too early")?;
    let (bytes, after) =
        after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("the file ends too early")?;
    *rest = after;
    Ok(bytes)
}

/// The snapshot files of one directory.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    dir: PathBuf,
}

impl SnapshotFile {
    /// The snapshots in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Reads the newest snapshot and checks it. Older ones are left behind by a crash between
    /// writing the newest and deleting them; they are deleted here.
    pub(crate) fn load(&self) -> Result<Option<(State, Vec<u8>)>, StoreError> {
        let Some(path) = self.list()?.pop() else {
            return Ok(None);
        };
        let bytes = std::fs::read(&path).map_err(StoreError::io("read", &path))?;
        let state = State::decode(&bytes).map_err(|what| StoreError::Corrupt {
            path: path.clone(),
            offset: 0,
            what: what.into(),
        })?;
        self.delete_older(&path)?;
        Ok(Some((state, bytes)))
    }

    /// Makes `bytes` the newest snapshot; durable when this returns.
    pub(crate) fn save(&self, index: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(format!("snapshot-{index:020}.snap"));
        files::replace(&path, bytes)?;
        self.delete_older(&path)
    }

    /// The newest snapshot as it is on disk.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.list()?.pop() {
            Some(path) => Ok(Some(std::fs::read(&path).map_err(StoreError::io("read", &path))?)),
            None => Ok(None),
        }
    }

    fn delete_older(&self, newest: &Path) -> Result<(), StoreError> {
        for path in self.list()? {
            if path != newest {
                std::fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut found = Vec::new();
        for item in std::fs::read_dir(&self.dir).map_err(StoreError::io("list", &self.dir))? {
            let path = item.map_err(StoreError::io("list", &self.dir))?.path();
            if path.extension().is_some_and(|extension| extension == "snap") {
                found.push(path);
            }
        }
        // Indexes are zero-padded: the order of names is the order of positions.
        found.sort_unstable();
        Ok(found)
    }
}
