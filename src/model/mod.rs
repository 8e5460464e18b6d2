//! Plain data shared by all parts: quantities, ids, events. No I/O here.

pub mod units;
