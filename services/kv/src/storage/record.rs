//! Records of a log segment.
//!
//! A segment starts with [`MAGIC`]; each record is
//!
//! ```text
//! length u32 | crc u32 | synced u64 | payload (JSON entry)      little endian
//! ```
//!
//! The checksum covers `synced` and the payload. `synced` is the number of bytes of this segment
//! that were known to be durable when the record was written. It tells a torn tail from damage: a
//! bad record may be dropped only if no later record vouches that it had been durable.

use crate::{crc::crc32, types::Entry};

/// First bytes of each segment.
pub(crate) const MAGIC: &[u8; 8] = b"KVLOG01\n";
/// Bytes before a record's payload.
pub(crate) const HEADER: usize = 16;
/// No record is larger; larger lengths are read as damage.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

/// Appends one record to `out`.
pub(crate) fn encode(payload: &[u8], synced: u64, out: &mut Vec<u8>) {
    let synced = synced.to_le_bytes();
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32(&[&synced, payload]).to_le_bytes());
    out.extend_from_slice(&synced);
    out.extend_from_slice(payload);
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The entries with the offset of each record and the length of its payload.
    pub(crate) entries: Vec<(Entry, u64, u32)>,
    /// Where the intact part ends; anything after it is a torn tail.
    pub(crate) valid: u64,
}

/// Damage that is not a torn tail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where, in bytes from the start of the segment.
    pub(crate) offset: u64,
    /// What does not fit.
    pub(crate) what: &'static str,
}

/// Reads a whole segment.
///
/// # Errors
///
/// [`Damage`] when bytes that had been durable are unreadable.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scan, Damage> {
    let mut scan = Scan { entries: Vec::new(), valid: 0 };
    if bytes.len() < MAGIC.len() {
        return Ok(scan);
    }
    if &bytes[..MAGIC.len()] != MAGIC {
        return Err(Damage { offset: 0, what: "not a log segment" });
    }
    let mut at = MAGIC.len();
    while let Some((payload, _)) = record_at(bytes, at) {
        let entry = serde_json::from_slice(payload)
            .map_err(|_| Damage { offset: at as u64, what: "the record is no log entry" })?;
        scan.entries.push((entry, at as u64, payload.len() as u32));
        at += HEADER + payload.len();
    }
    scan.valid = at as u64;
    if at < bytes.len() && vouched_for(bytes, at) {
        return Err(Damage { offset: at as u64, what: "the checksum of a record does not match" });
    }
    Ok(scan)
}

/// Payload and `synced` of the intact record at `at`, if there is one.
fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], u64)> {
    let header = bytes.get(at..at + HEADER)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header[4..8].try_into().ok()?);
    if length == 0 || length > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(at + HEADER..at + HEADER + length)?;
    // Entries are JSON objects. This cheap test keeps the search for survivors fast.
    if payload[0] != b'{' || crc32(&[&header[8..], payload]) != crc {
        return None;
    }
    Some((payload, u64::from_le_bytes(header[8..].try_into().ok()?)))
}

/// Whether an intact record after `bad` says that the byte at `bad` had been durable.
fn vouched_for(bytes: &[u8], bad: usize) -> bool {
    (bad + 1..bytes.len()).any(|at| record_at(bytes, at).is_some_and(|(_, synced)| synced > bad as u64))
}
