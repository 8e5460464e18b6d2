//! What clients saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::event::{Body, Event};

/// A second in which a smaller share of the finished requests succeeded is a bad one.
pub const BAD_SECOND: f64 = 0.99;

/// Client requests over a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Requests that finished.
    pub total: u64,
    /// Of those, the ones that did not succeed (failed or of unknown fate).
    pub bad: u64,
    /// Seconds, counted from the span's start, in which requests finished.
    pub seconds: u64,
    /// Of those, the ones in which less than 99 % succeeded.
    pub bad_seconds: u64,
}

impl Requests {
    /// Share of bad requests, 0 to 1.
    pub fn bad_share(&self) -> f64 {
        self.bad as f64 / self.total as f64
    }
}

/// Counts the requests of all slices that end in `(from_us, until_us]`; a slice belongs to the second
/// that its middle lies in. `None` when no request finished.
pub(super) fn requests(events: &[Event], from_us: u64, until_us: u64) -> Option<Requests> {
    let mut sum = Requests::default();
    let mut seconds: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for event in events {
        let Body::Load { slice_us, ops } = &event.body else {
            continue;
        };
        if event.at_us <= from_us || event.at_us > until_us {
            continue;
        }
        let ok: u64 = ops.iter().map(|op| u64::from(op.ok)).sum();
        let bad: u64 = ops.iter().map(|op| u64::from(op.failed) + u64::from(op.indeterminate)).sum();
        let middle = (event.at_us - slice_us.min(&event.at_us) / 2).max(from_us);
        let second = seconds.entry((middle - from_us) / 1_000_000).or_default();
        second.0 += ok;
        second.1 += bad;
        sum.total += ok + bad;
        sum.bad += bad;
    }
    for (ok, bad) in seconds.into_values().filter(|(ok, bad)| ok + bad > 0) {
        sum.seconds += 1;
        sum.bad_seconds += u64::from((ok as f64) < BAD_SECOND * (ok + bad) as f64);
    }
    (sum.total > 0).then_some(sum)
}
