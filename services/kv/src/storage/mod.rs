//! Everything on disk: the log, the vote, the snapshots, the identity of the node.
//!
//! ```text
//! LOCK                    held while a process works on the directory
//! identity                who this node is: {"id":1,"name":"kv1"}
//! meta                    vote and purge mark, two slots overwritten in turn
//! log-<first index>.seg   log segments
//! snapshot-<index>.snap   the newest snapshot
//! ```
//!
//! Nothing here knows about the network. Nothing is acknowledged before it is durable.

mod error;
mod files;
mod identity;
mod log;
mod log_store;
mod machine;
mod meta;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use error::StoreError;
pub(crate) use identity::{Identity, lock};
pub(crate) use log_store::LogStore;
pub(crate) use machine::{Machine, StateMachine};
