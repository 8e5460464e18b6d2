//! From waiting client requests to the consensus engine: writes share log entries, reads share
//! confirmations of leadership.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use openraft::ServerState;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    node::Node,
    types::{Op, Raft, Request},
};

/// Entries that may be on their way at the same time.
const IN_FLIGHT: usize = 4;
/// A shared entry is closed at this size.
const BATCH_BYTES: usize = 256 << 10;
/// A shared entry is closed at this many operations.
const BATCH_OPS: usize = 512;

/// A write that waits to be proposed.
pub(crate) struct Write {
    /// The operation.
    pub(crate) op: Op,
    /// Where the outcome goes.
    pub(crate) done: oneshot::Sender<Result<Written, Refusal>>,
}

/// A committed and applied write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its log index.
    pub(crate) index: u64,
    /// The term it was proposed in.
    pub(crate) term: u64,
    /// Whether the key existed before.
    pub(crate) existed: bool,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This node does not lead; nothing was proposed.
    NotLeader,
    /// There is no room for it in the log; nothing was proposed.
    NoSpace,
    /// It was proposed, but whether it took or will take effect is unknown.
    Unknown(String),
}

/// A read that waits for this node's leadership to be confirmed.
pub(crate) type Read = oneshot::Sender<Result<(), Refusal>>;

/// Proposes the writes from `queue`.
pub(crate) async fn write(node: Arc<Node>, raft: Raft, mut queue: mpsc::Receiver<Write>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    let room = node.log.room();
    while let Some(first) = queue.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let mut weight = 0;
        let mut ops = Vec::new();
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(write) = next {
            // Whoever gave up while waiting does not want the write any more.
            if !write.done.is_closed() {
                weight += write.op.weight();
                ops.push(write.op);
                waiting.push(write.done);
            }
            let full = weight >= BATCH_BYTES || ops.len() >= BATCH_OPS;
            next = if full { None } else { queue.try_recv().ok() };
        }
        let refusal = if raft.metrics().borrow().state != ServerState::Leader {
            Some(Refusal::NotLeader)
        } else if !room.admits(2 * weight as u64) {
            Some(Refusal::NoSpace)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            for done in waiting {
                let _ = done.send(Err(refusal.clone()));
            }
            continue;
        }
        if ops.is_empty() {
            continue;
        }
        // Handing over keeps the order; waiting for the outcome must not hold up the next batch.
        let handed_over = raft.client_write_ff(Request::Batch(ops)).await;
        let metrics = Arc::clone(&node.metrics);
        node.spawn(async move {
            let outcome = match handed_over {
                Ok(outcome) => match outcome.await {
                    Ok(Ok(response)) => Ok(response),
                    Ok(Err(error)) => Err(Refusal::Unknown(error.to_string())),
                    Err(_) => Err(Refusal::Unknown("the node is stopping".into())),
                },
                Err(error) => Err(Refusal::Unknown(error.to_string())),
            };
            let counter = match &outcome {
                Ok(_) => &metrics.proposals_ok,
                Err(_) => &metrics.proposals_failed,
            };
            counter.fetch_add(waiting.len() as u64, Ordering::Relaxed);
            for (position, done) in waiting.into_iter().enumerate() {
                let _ = done.send(match &outcome {
                    Ok(response) => Ok(Written {
                        index: response.log_id.index,
                        term: response.log_id.leader_id.term,
                        existed: response.data.existed.get(position).is_some_and(|x| *x),
                    }),
                    Err(refusal) => Err(refusal.clone()),
                });
            }
            drop(slot);
        });
    }
}

/// Confirms, for the reads from `queue`, that this node leads and has applied everything that had
/// been committed when they arrived.
pub(crate) async fn confirm(node: Arc<Node>, raft: Raft, mut queue: mpsc::Receiver<Read>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    while let Some(first) = queue.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let mut waiting = vec![first];
        while let Ok(next) = queue.try_recv() {
            waiting.push(next);
        }
        let raft = raft.clone();
        let bound = node.args.request_timeout + Duration::from_secs(1);
        node.spawn(async move {
            let outcome = match tokio::time::timeout(bound, raft.ensure_linearizable()).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Refusal::NotLeader),
                Err(_) => Err(Refusal::Unknown("the log is not being applied".into())),
            };
            for done in waiting {
                let _ = done.send(outcome.clone());
            }
            drop(slot);
        });
    }
}
