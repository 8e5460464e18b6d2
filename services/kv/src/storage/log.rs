//! The log on disk: segments that are appended to, cut at the end, and deleted from the front.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{
    error::StoreError,
    files,
    record::{self, HEADER, MAGIC},
    segment::{Segment, open_segment, segment_index},
};
use crate::types::Entry;

/// A segment is closed when it has grown to this many bytes.
const SEGMENT: u64 = 2 << 20;
/// Disk space that is set aside after the end of the log, so that the small entries of Raft itself
/// and the alarm about the full disk can be written when nothing else can.
pub(crate) const HEADROOM: u64 = 1 << 20;

/// Messages up to this many bytes count as small.
const SMALL: u64 = 4 << 10;

/// How much can be appended; shared with whoever admits writes.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// The disk refused to set the headroom aside.
    full: AtomicBool,
    /// Bytes that are set aside and not yet used.
    left: AtomicU64,
    /// Size of the log in bytes.
    size: AtomicU64,
}

impl Room {
    /// Whether the disk refused to give more room.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more of replicated data can be taken in. On a full disk the last part of the
    /// headroom is kept for the small entries without which there is no leader and no alarm.
    pub(crate) fn admits(&self, bytes: u64) -> bool {
        let kept = if bytes <= SMALL { 2 * SMALL } else { HEADROOM / 4 };
        !self.is_full() || self.left.load(Ordering::Relaxed) > bytes + kept
    }

    /// Bytes that are set aside and not yet used.
    pub(crate) fn headroom(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Size of the log in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }
}

/// The open log. All operations block.
#[derive(Debug)]
pub(crate) struct LogFiles {
    dir: PathBuf,
    segments: Vec<Segment>,
    room: Arc<Room>,
}

impl LogFiles {
    /// Opens the log in `dir` and reads all entries, each with the length of its record's payload.
    /// A torn tail is cut off.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Vec<(Entry, u32)>), StoreError> {
        let mut paths: Vec<(u64, PathBuf)> = Vec::new();
        for item in std::fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
            let path = item.map_err(StoreError::io("list", dir))?.path();
            if let Some(first) = segment_index(&path) {
                paths.push((first, path));
            }
        }
        paths.sort_unstable();
        let mut log = Self { dir: dir.to_owned(), segments: Vec::new(), room: Arc::default() };
        let mut all: Vec<(Entry, u32)> = Vec::new();
        let last = paths.len().saturating_sub(1);
        for (position, (first, path)) in paths.into_iter().enumerate() {
            let (segment, entries) = open_segment(path, first, position == last)?;
            if let Some((previous, _)) = all.last()
                && first != previous.log_id.index + 1
            {
                return Err(StoreError::Corrupt {
                    path: segment.path,
                    offset: 0,
                    what: format!("entries after {} are missing", previous.log_id.index),
                });
            }
            all.extend(entries);
            log.segments.push(segment);
        }
        // A segment whose first record was torn holds nothing: start over with a fresh one.
        if log.segments.last().is_some_and(|s| s.offsets.is_empty()) {
            log.drop_last()?;
        }
        log.report();
        Ok((log, all))
    }

    /// The shared account of free room.
    pub(crate) fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// Writes the entry `index`. Not durable before [`LogFiles::sync`].
    pub(crate) fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), StoreError> {
        if self.segments.last().is_none_or(|s| s.length >= SEGMENT) {
            self.rotate(index)?;
        }
        let Some(segment) = self.segments.last_mut() else {
            return Err(StoreError::Closed);
        };
        if segment.next() != index {
            return Err(StoreError::Corrupt {
                path: segment.path.clone(),
                offset: segment.length,
                what: format!("entry {index} does not follow entry {}", segment.next()),
            });
        }
        let end = segment.length + (HEADER + payload.len()) as u64;
        if end + HEADROOM / 2 > segment.allocated {
            let granted = segment.reserve(end, HEADROOM);
            self.room.full.store(!granted, Ordering::Relaxed);
        }
        let mut record = Vec::with_capacity(HEADER + payload.len());
        record::encode(payload, segment.synced, &mut record);
        if let Err(source) = segment.file.write_all_at(&record, segment.length) {
            // Leave no half record behind. If even this fails, the next start cuts the tail.
            let _ = segment.file.set_len(segment.length);
            return Err(StoreError::io("append to", &segment.path)(source));
        }
        segment.offsets.push(segment.length);
        segment.length = end;
        self.report();
        Ok(())
    }

    /// Makes everything appended so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        if let Some(segment) = self.segments.last_mut()
            && segment.synced < segment.length
        {
            segment.file.sync_data().map_err(StoreError::io("sync", &segment.path))?;
            segment.synced = segment.length;
        }
        Ok(())
    }

    /// Removes the entry `since` and all later ones; durable when this returns.
    pub(crate) fn truncate(&mut self, since: u64) -> Result<(), StoreError> {
        while self.segments.last().is_some_and(|s| s.first >= since) {
            self.drop_last()?;
        }
        if let Some(segment) = self.segments.last_mut()
            && segment.next() > since
        {
            let keep = (since - segment.first) as usize;
            let length = segment.offsets[keep];
            segment
                .file
                .set_len(length)
                .and_then(|()| segment.file.sync_data())
                .map_err(StoreError::io("cut", &segment.path))?;
            segment.offsets.truncate(keep);
            segment.length = length;
            segment.synced = length;
            // Cutting a file also gives back what was set aside after its end.
            segment.allocated = length;
        }
        self.ensure_headroom();
        self.report();
        Ok(())
    }

    /// Deletes the segments that hold nothing after `upto`.
    pub(crate) fn purge(&mut self, upto: u64) -> Result<(), StoreError> {
        let mut deleted = false;
        while self.segments.first().is_some_and(|s| s.next() <= upto + 1) {
            // The segment being written to goes only if it is worth it: it holds the headroom.
            let only = self.segments.len() == 1;
            if only && self.segments[0].next() == upto + 1 && self.segments[0].length < SEGMENT {
                break;
            }
            let segment = self.segments.remove(0);
            std::fs::remove_file(&segment.path).map_err(StoreError::io("delete", &segment.path))?;
            deleted = true;
        }
        if deleted {
            files::sync_dir(&self.dir)?;
        }
        self.ensure_headroom();
        self.report();
        Ok(())
    }

    /// Tries again to set the headroom aside, after space may have become free.
    pub(crate) fn ensure_headroom(&mut self) {
        if let Some(segment) = self.segments.last_mut() {
            let granted =
                segment.allocated >= segment.length + HEADROOM / 2 || segment.reserve(segment.length, HEADROOM);
            self.room.full.store(!granted, Ordering::Relaxed);
        } else {
            self.room.full.store(false, Ordering::Relaxed);
        }
        self.report();
    }

    fn rotate(&mut self, first: u64) -> Result<(), StoreError> {
        self.sync()?;
        let path = self.dir.join(format!("log-{first:020}.seg"));
        let created = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(StoreError::io("create", &path))
            .and_then(|file| {
                if !files::preallocate(&file, 0, HEADROOM) {
                    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                    return Err(StoreError::io("set space aside for", &path)(source));
                }
                file.write_all_at(MAGIC, 0).and_then(|()| file.sync_all()).map_err(StoreError::io("write", &path))?;
                files::sync_dir(&self.dir)?;
                Ok(file)
            });
        let file = match created {
            Ok(file) => file,
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                if self.segments.is_empty() {
                    return Err(error);
                }
                // No room for another segment: go on in the old one, which has headroom left.
                self.room.full.store(true, Ordering::Relaxed);
                return Ok(());
            }
        };
        if let Some(previous) = self.segments.last_mut() {
            // Give back what was set aside after the end of the closed segment.
            let _ = previous.file.set_len(previous.length);
            previous.allocated = previous.length;
        }
        self.segments.push(Segment {
            path,
            file,
            first,
            offsets: Vec::new(),
            length: MAGIC.len() as u64,
            synced: MAGIC.len() as u64,
            allocated: HEADROOM,
        });
        Ok(())
    }

    fn drop_last(&mut self) -> Result<(), StoreError> {
        if let Some(segment) = self.segments.pop() {
            std::fs::remove_file(&segment.path).map_err(StoreError::io("delete", &segment.path))?;
            files::sync_dir(&self.dir)?;
        }
        Ok(())
    }

    fn report(&self) {
        let left = self.segments.last().map_or(0, |s| s.allocated.saturating_sub(s.length));
        let size = self.segments.iter().map(|s| s.length).sum();
        self.room.left.store(left, Ordering::Relaxed);
        self.room.size.store(size, Ordering::Relaxed);
    }
}
