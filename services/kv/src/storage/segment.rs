//! One file of the log.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{error::StoreError, files, record};
use crate::types::Entry;

/// One file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    /// Its file.
    pub(super) path: PathBuf,
    /// The same, open for writing.
    pub(super) file: File,
    /// Index of its first entry.
    pub(super) first: u64,
    /// Offset of each entry's record.
    pub(super) offsets: Vec<u64>,
    /// Bytes written.
    pub(super) length: u64,
    /// Bytes known to be durable.
    pub(super) synced: u64,
    /// Up to where disk space is set aside.
    pub(super) allocated: u64,
}

impl Segment {
    /// Index after its last entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    /// Sets space aside after `end`: all of `headroom` or as much as there is. Returns whether it
    /// was at least half.
    pub(super) fn reserve(&mut self, end: u64, headroom: u64) -> bool {
        for share in [1, 2, 4, 8, 16] {
            let goal = end + headroom / share;
            if goal <= self.allocated || files::preallocate(&self.file, self.allocated, goal) {
                self.allocated = self.allocated.max(goal);
                break;
            }
        }
        self.allocated >= end + headroom / 2
    }
}

/// The first index in the name of a segment; `None` for other files.
pub(super) fn segment_index(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("log-")?.strip_suffix(".seg")?.parse().ok()
}

/// An opened segment and its entries with their payload lengths.
pub(super) type Opened = (Segment, Vec<(Entry, u32)>);

/// Opens a segment and reads it. Only the last one may have a torn tail, which is cut off.
pub(super) fn open_segment(path: PathBuf, first: u64, is_last: bool) -> Result<Opened, StoreError> {
    let file = File::options().read(true).write(true).open(&path).map_err(StoreError::io("open", &path))?;
    let bytes = std::fs::read(&path).map_err(StoreError::io("read", &path))?;
    let corrupt = |offset: u64, what: &str| StoreError::Corrupt { path: path.clone(), offset, what: what.to_owned() };
    let scan = record::scan(&bytes).map_err(|damage| corrupt(damage.offset, damage.what))?;
    if scan.valid < bytes.len() as u64 || bytes.is_empty() {
        if !is_last {
            // A segment is complete and durable before the next one is begun.
            return Err(corrupt(scan.valid, "the record is incomplete"));
        }
        tracing::warn!(
            file = %path.display(),
            kept = scan.valid,
            dropped = bytes.len() as u64 - scan.valid,
            "cut off an incomplete record at the end of the log"
        );
        file.set_len(scan.valid).and_then(|()| file.sync_data()).map_err(StoreError::io("cut", &path))?;
    }
    let mut offsets = Vec::with_capacity(scan.entries.len());
    let mut entries = Vec::with_capacity(scan.entries.len());
    for (index, (entry, offset, length)) in (first..).zip(scan.entries) {
        if entry.log_id.index != index {
            return Err(corrupt(offset, "the record is out of order"));
        }
        offsets.push(offset);
        entries.push((entry, length));
    }
    let segment = Segment { path, file, first, offsets, length: scan.valid, synced: scan.valid, allocated: scan.valid };
    Ok((segment, entries))
}
