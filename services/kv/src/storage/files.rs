//! Durable file operations.

use std::{fs::File, io::Write, os::fd::AsFd, path::Path};

use nix::fcntl::{FallocateFlags, fallocate};

use super::error::StoreError;

/// Makes the directory entries of `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", dir))
}

/// Replaces `path` by `bytes` in one step; durable when this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("tmp");
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(source) = written {
        // Half a file would only take space; it is also removed at the next start.
        let _ = std::fs::remove_file(&temporary);
        return Err(StoreError::io("write", &temporary)(source));
    }
    std::fs::rename(&temporary, path).map_err(StoreError::io("rename", &temporary))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Sets disk space aside for `file` up to `end` without changing its length. Returns whether the
/// space is there; a file system without this operation is taken at its word.
pub(crate) fn preallocate(file: &File, from: u64, end: u64) -> bool {
    let length = end.saturating_sub(from);
    let result = fallocate(file.as_fd(), FallocateFlags::FALLOC_FL_KEEP_SIZE, from.cast_signed(), length.cast_signed());
    !matches!(result, Err(nix::errno::Errno::ENOSPC | nix::errno::Errno::EDQUOT))
}
