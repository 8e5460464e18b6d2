//! Who a data directory belongs to.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{error::StoreError, files};

/// The node a data directory belongs to. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The id of the node, unique among all members the cluster ever had.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
}

impl Identity {
    /// Reads the identity; `None` for a fresh directory.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join("identity");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| StoreError::Corrupt {
            path,
            offset: 0,
            what: error.to_string(),
        })
    }

    /// Writes the identity; durable when this returns.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), StoreError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        files::replace(&dir.join("identity"), &text)
    }
}

/// Creates `dir` if needed, removes leftovers of interrupted writes and takes the lock, which lasts
/// as long as the returned file.
pub(crate) fn lock(dir: &Path) -> Result<File, StoreError> {
    std::fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    let path = dir.join("LOCK");
    let file =
        File::options().write(true).create(true).truncate(false).open(&path).map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", &path)(source)),
    }
    for item in std::fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let path = item.map_err(StoreError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
        }
    }
    Ok(file)
}
