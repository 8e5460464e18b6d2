//! The log and the state machine against the Raft library's own suite, torn tails and damage.

use std::{path::Path, sync::Arc};

use openraft::{
    EntryPayload, LogId as RaftLogId,
    storage::{RaftLogStorage, RaftLogStorageExt},
    testing::{StoreBuilder, Suite},
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    LogStore, Machine, StateMachine, StoreError,
    log::{HEADROOM, LogFiles},
    record::HEADER,
    snapshot::State,
};
use crate::types::{Entry, Op, RaftStorageError, Request, TypeConfig, Value, Vote};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), RaftStorageError> {
        let dir = tempfile::tempdir().unwrap();
        let log = LogStore::open(dir.path(), Arc::default()).unwrap();
        let machine = StateMachine(Machine::open(dir.path()).unwrap());
        Ok((dir, log, machine))
    }
}

#[test]
fn the_library_suite_passes() {
    Suite::test_all(Builder).unwrap();
}

fn entry(index: u64, text: &str) -> Entry {
    let put = Op::Put { key: "k".into(), value: Value(text.to_owned().into()) };
    Entry {
        log_id: RaftLogId::new(openraft::CommittedLeaderId::new(1, 1), index),
        payload: EntryPayload::Normal(Request::Batch(vec![put])),
    }
}

fn payload(index: u64, text: &str) -> Vec<u8> {
    serde_json::to_vec(&entry(index, text)).unwrap()
}

/// Writes one entry per text; `synced` tells after which of them to sync.
fn write(dir: &Path, texts: &[String], synced: impl Fn(usize) -> bool) {
    let (mut log, found) = LogFiles::open(dir).unwrap();
    assert!(found.is_empty());
    for (position, text) in texts.iter().enumerate() {
        let index = position as u64;
        log.append(index, &payload(index, text)).unwrap();
        if synced(position) {
            log.sync().unwrap();
        }
    }
}

fn texts(dir: &Path) -> Result<Vec<String>, StoreError> {
    let (_, entries) = LogFiles::open(dir)?;
    Ok(entries.iter().map(|(entry, _)| text_of(entry)).collect())
}

fn text_of(entry: &Entry) -> String {
    match &entry.payload {
        EntryPayload::Normal(Request::Batch(ops)) => match &ops[0] {
            Op::Put { value, .. } => String::from_utf8(value.0.to_vec()).unwrap(),
            Op::Delete { .. } => unreachable!("only puts are written here"),
        },
        other => unreachable!("only batches are written here, not {other:?}"),
    }
}

fn segment(dir: &Path) -> std::path::PathBuf {
    dir.join(format!("log-{:020}.seg", 0))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

#[test]
fn a_log_cut_anywhere_loads_a_prefix_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let written = numbered(5);
    write(dir.path(), &written, |_| true);
    let path = segment(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let mut complete = Vec::new();
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (mut log, found) = LogFiles::open(dir.path()).unwrap();
        let count = found.len();
        assert!(found.iter().zip(&written).all(|((entry, _), text)| text_of(entry) == *text));
        complete.push(count);
        let next = found.len() as u64;
        log.append(next, &payload(next, "more")).unwrap();
        log.sync().unwrap();
        drop(log);
        let mut expected = written[..count].to_vec();
        expected.push("more".into());
        assert_eq!(texts(dir.path()).unwrap(), expected, "cut at {cut}");
    }
    assert!(complete.is_sorted());
    assert_eq!((complete[0], complete[whole.len()]), (0, 5));
}

#[test]
fn damage_to_what_was_durable_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let written = numbered(4);
    write(dir.path(), &written, |_| true);
    let path = segment(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let last = whole.len() - HEADER - payload(3, &written[3]).len();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        match texts(dir.path()) {
            Err(StoreError::Corrupt { .. }) => assert!(at < last, "byte {at}"),
            // Nothing after the last record tells whether it had been durable.
            Ok(found) => {
                assert!(at >= last, "byte {at}");
                assert_eq!(found, written[..3]);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_hole_in_a_batch_that_was_never_durable_is_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    // The last three were written together and the power failed before the sync.
    write(dir.path(), &numbered(5), |position| position == 1);
    let path = segment(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let third = 8 + 2 * (HEADER + payload(0, "text 0").len());
    bytes[third + HEADER + 5] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(texts(dir.path()).unwrap(), numbered(2));
}

#[test]
fn a_missing_segment_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let big = "x".repeat(700 << 10);
    write(dir.path(), &vec![big; 12], |_| true);
    let mut segments: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().path()).collect();
    segments.sort();
    assert!(segments.len() > 2);
    std::fs::remove_file(&segments[1]).unwrap();
    assert!(matches!(texts(dir.path()), Err(StoreError::Corrupt { .. })));
}

#[test]
fn truncating_and_purging_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let big = "x".repeat(700 << 10);
    write(dir.path(), &vec![big.clone(); 12], |_| true);
    let (mut log, _) = LogFiles::open(dir.path()).unwrap();
    log.truncate(9).unwrap();
    log.purge(4).unwrap();
    log.append(9, &payload(9, "new")).unwrap();
    log.sync().unwrap();
    let room = log.room();
    assert!(!room.is_full() && room.admits(1 << 20));
    drop(log);
    let (_, found) = LogFiles::open(dir.path()).unwrap();
    let indexes: Vec<_> = found.iter().map(|(entry, _)| entry.log_id.index).collect();
    // Whole segments are deleted, so some purged entries may remain.
    assert!(indexes[0] > 0 && indexes[0] <= 5, "{indexes:?}");
    assert_eq!(indexes.last(), Some(&9));
    assert_eq!(text_of(&found.last().unwrap().0), "new");
}

#[test]
fn space_is_set_aside_behind_the_end_of_the_log() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = LogFiles::open(dir.path()).unwrap();
    log.append(0, &payload(0, "text")).unwrap();
    log.sync().unwrap();
    let metadata = segment(dir.path()).metadata().unwrap();
    assert!(metadata.len() < 1000);
    assert!(metadata.blocks() * 512 >= HEADROOM / 2, "file systems without it are rare");
}

#[test]
fn a_restarted_node_remembers_vote_log_and_purge_mark() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let open = || LogStore::open(dir.path(), Arc::default()).unwrap();
    runtime.block_on(async {
        let mut log = open();
        assert!(log.is_pristine());
        let entries: Vec<_> = (0..10).map(|index| entry(index, "x")).collect();
        log.blocking_append(entries).await.unwrap();
        log.save_vote(&Vote::new_committed(3, 1)).await.unwrap();
        log.purge(entry(4, "").log_id).await.unwrap();
        drop(log);
        let mut log = open();
        assert!(!log.is_pristine());
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_purged_log_id.map(|id| id.index), Some(4));
        assert_eq!(state.last_log_id.map(|id| id.index), Some(9));
        // A leader that restarts has to win again.
        assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(3, 1)));
        // As after a snapshot that is ahead of the whole log.
        log.purge(entry(20, "").log_id).await.unwrap();
        drop(log);
        let mut log = open();
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_log_id.map(|id| id.index), Some(20));
        log.blocking_append([entry(21, "y")]).await.unwrap();
        drop(log);
        let state = open().get_log_state().await.unwrap();
        assert_eq!(state.last_log_id.map(|id| id.index), Some(21));
    });
}

#[test]
fn a_damaged_snapshot_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = State::default();
    state.keys.insert("key".into(), "value".into());
    let bytes = state.encode();
    assert_eq!(State::decode(&bytes).unwrap().keys, state.keys);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(State::decode(&damaged).is_err(), "byte {at}");
        assert!(State::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    std::fs::write(dir.path().join(format!("snapshot-{:020}.snap", 7)), &bytes[1..]).unwrap();
    assert!(matches!(Machine::open(dir.path()), Err(StoreError::Corrupt { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_tail_of_garbage_leaves_the_durable_entries(
        written in prop::collection::vec(".{0,40}", 1..8),
        cut in 0.0..1.0f64,
        garbage in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &written, |position| position + 1 == written.len());
        let path = segment(dir.path());
        let mut bytes = std::fs::read(&path).unwrap();
        let keep = 8 + ((bytes.len() - 8) as f64 * cut) as usize;
        bytes.truncate(keep);
        bytes.extend(garbage);
        std::fs::write(&path, &bytes).unwrap();
        let found = texts(dir.path()).unwrap();
        prop_assert!(found.len() <= written.len());
        prop_assert_eq!(&found[..], &written[..found.len()]);
    }
}
