//! The vote and the purge mark: two slots of one small file, written in turn.
//!
//! The file is fully written when it is created and only overwritten in place afterwards, so that
//! a vote can be saved on a full disk. Each slot carries a sequence number and a checksum; the
//! newest intact slot counts, so a write that was cut short leaves the previous state.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{error::StoreError, files};
use crate::{
    crc::crc32,
    types::{LogId, Vote},
};

const SLOT: usize = 4096;
const HEADER: usize = 16;

/// What the file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The vote of this node.
    pub(crate) vote: Option<Vote>,
    /// The last entry that was purged from the log.
    pub(crate) purged: Option<LogId>,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct MetaFile {
    path: PathBuf,
    file: File,
    sequence: u64,
    meta: Meta,
}

impl MetaFile {
    /// Opens or creates `dir/meta`.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("meta");
        if !path.exists() {
            let mut blank = slot(1, &Meta::default());
            blank.extend(slot(2, &Meta::default()));
            files::replace(&path, &blank)?;
        }
        let file = File::options().read(true).write(true).open(&path).map_err(StoreError::io("open", &path))?;
        let bytes = std::fs::read(&path).map_err(StoreError::io("read", &path))?;
        let newest = bytes.chunks_exact(SLOT).filter_map(parse).max_by_key(|(sequence, _)| *sequence);
        let Some((sequence, meta)) = newest else {
            return Err(StoreError::Corrupt { path, offset: 0, what: "no slot has a matching checksum".into() });
        };
        Ok(Self { path, file, sequence, meta })
    }

    /// What was saved last.
    pub(crate) fn get(&self) -> &Meta {
        &self.meta
    }

    /// Saves `meta`; durable when this returns.
    pub(crate) fn save(&mut self, meta: Meta) -> Result<(), StoreError> {
        let sequence = self.sequence + 1;
        let offset = (sequence % 2) * SLOT as u64;
        // Slot 1 of a fresh file holds sequence 1, slot 2 holds 2: the older one is overwritten.
        let offset = SLOT as u64 - offset;
        self.file
            .write_all_at(&slot(sequence, &meta), offset)
            .and_then(|()| self.file.sync_data())
            .map_err(StoreError::io("write", &self.path))?;
        self.sequence = sequence;
        self.meta = meta;
        Ok(())
    }
}

fn slot(sequence: u64, meta: &Meta) -> Vec<u8> {
    // A vote and a log id are a few numbers: far less than a slot, and they always serialize.
    let payload = serde_json::to_vec(meta).unwrap_or_default();
    let sequence = sequence.to_le_bytes();
    let length = (payload.len() as u32).to_le_bytes();
    let mut slot = Vec::with_capacity(SLOT);
    slot.extend_from_slice(&crc32(&[&length, &sequence, &payload]).to_le_bytes());
    slot.extend_from_slice(&length);
    slot.extend_from_slice(&sequence);
    slot.extend_from_slice(&payload);
    slot.resize(SLOT, 0);
    slot
}

fn parse(slot: &[u8]) -> Option<(u64, Meta)> {
    let crc = u32::from_le_bytes(slot[..4].try_into().ok()?);
    let length = u32::from_le_bytes(slot[4..8].try_into().ok()?) as usize;
    let payload = slot.get(HEADER..HEADER.checked_add(length)?)?;
    if crc32(&[&slot[4..8], &slot[8..16], payload]) != crc {
        return None;
    }
    let sequence = u64::from_le_bytes(slot[8..16].try_into().ok()?);
    Some((sequence, serde_json::from_slice(payload).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_term(term: u64) -> Meta {
        Meta { vote: Some(Vote::new(term, 1)), purged: None }
    }

    #[test]
    fn a_write_cut_short_leaves_the_previous_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta");
        let mut file = MetaFile::open(dir.path()).unwrap();
        for term in 1..6 {
            let before = std::fs::read(&path).unwrap();
            let previous = file.get().clone();
            file.save(with_term(term)).unwrap();
            let after = std::fs::read(&path).unwrap();
            assert_eq!(MetaFile::open(dir.path()).unwrap().get(), &with_term(term));
            // The rest of each slot is zeros.
            for cut in (0..200).chain(SLOT..SLOT + 200) {
                let torn = [&after[..cut], &before[cut..]].concat();
                std::fs::write(&path, torn).unwrap();
                let seen = MetaFile::open(dir.path()).unwrap().get().clone();
                assert!(seen == previous || seen == with_term(term), "cut at {cut}");
            }
            std::fs::write(&path, after).unwrap();
        }
    }

    #[test]
    fn damage_of_both_slots_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        MetaFile::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("meta"), vec![7; 2 * SLOT]).unwrap();
        assert!(matches!(MetaFile::open(dir.path()), Err(StoreError::Corrupt { .. })));
    }
}
