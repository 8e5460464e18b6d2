//! How much space the data directory has.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Space of the data directory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// Size of the file system, or the quota if that is less.
    #[serde(rename = "total_bytes")]
    pub(crate) total: u64,
    /// What is taken.
    #[serde(rename = "used_bytes")]
    pub(crate) used: u64,
    /// What can still be written.
    #[serde(rename = "free_bytes")]
    pub(crate) free: u64,
}

/// Where to look and what limits apply.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    quota: Option<u64>,
    /// Free space under which the disk counts as full, in bytes.
    pub(crate) reserve: u64,
}

impl Disk {
    /// Watches `dir`.
    pub(crate) fn new(dir: &Path, quota: Option<u64>, reserve: u64) -> Self {
        Self { dir: dir.to_owned(), quota, reserve }
    }

    /// Measures. An unreadable file system counts as having no space.
    pub(crate) fn usage(&self) -> Usage {
        let Ok(stat) = nix::sys::statvfs::statvfs(&self.dir) else {
            return Usage::default();
        };
        let block = stat.fragment_size();
        let total = block.saturating_mul(stat.blocks());
        let free = block.saturating_mul(stat.blocks_available());
        let Some(quota) = self.quota.filter(|quota| *quota < total) else {
            return Usage { total, used: total.saturating_sub(block.saturating_mul(stat.blocks_free())), free };
        };
        let used = directory_size(&self.dir);
        Usage { total: quota, used, free: free.min(quota.saturating_sub(used)) }
    }
}

/// Size of the files directly in `dir`, in bytes.
fn directory_size(dir: &Path) -> u64 {
    let Ok(items) = std::fs::read_dir(dir) else {
        return 0;
    };
    items
        .flatten()
        .filter_map(|item| item.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_limits_the_free_space() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("filler"), vec![0; 3000]).unwrap();
        let usage = Disk::new(dir.path(), Some(4096), 0).usage();
        assert_eq!((usage.total, usage.used, usage.free), (4096, 3000, 1096));
        let unlimited = Disk::new(dir.path(), None, 0).usage();
        assert!(unlimited.total > 4096 && unlimited.used > 0);
    }
}
