//! Reads the ledger back after recovery: what was acknowledged must still be there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::ledger::{Ledger, Write};
use super::pool::Pool;
use super::request::{self, Ring};
use crate::model::event::LedgerCheck;
use crate::runtime::Lab;
use crate::spec::subject::{HttpOp, OpKind};

/// How many keys are read at the same time.
const READERS: usize = 16;
/// Most keys that are named.
const MAX_NAMED: usize = 20;
/// Pause after no node gave an answer that says something.
const PAUSE: Duration = Duration::from_millis(100);

/// What the store says about a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A node has it.
    Present,
    /// At least one node answered, and none that did has it.
    Absent,
    /// No node answered in time.
    Unreadable,
}

/// What readers share.
struct Reader {
    op: HttpOp,
    pool: Pool,
    ring: Ring,
    timeout: Duration,
    deadline: Instant,
    todo: Mutex<VecDeque<(Write, bool)>>,
}

impl Ledger {
    /// Reads every write back that is acknowledged or indeterminate, with the workload's first
    /// read operation, until the deadline. A key that one node does not have is asked of the
    /// others before it is called lost; one that no node answers is unreadable, not lost.
    pub async fn check(&self, lab: &Arc<dyn Lab>, deadline: Instant) -> LedgerCheck {
        let mut check = self.counts();
        let read = |op: &&HttpOp| op.kind == OpKind::Read && request::is_keyed(op);
        let Some(op) = self.spec.ops.iter().find(read) else {
            check.unreadable = check.acknowledged;
            return check;
        };
        let reader = Arc::new(Reader {
            op: op.clone(),
            ring: Ring::new(lab.nodes(), self.spec.role.as_deref()),
            pool: Pool::new(lab.clone()),
            timeout: self.spec.timeout.duration(),
            deadline,
            todo: Mutex::new(self.possible().into()),
        });
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            readers.spawn(reader.clone().work());
        }
        let mut lost = Vec::new();
        for (write, acknowledged, found) in readers.join_all().await.into_iter().flatten() {
            match (acknowledged, found) {
                (true, Found::Absent) => lost.push(write),
                (true, Found::Unreadable) => check.unreadable += 1,
                (false, Found::Present) => check.indeterminate_found += 1,
                _ => {}
            }
        }
        lost.sort_by_key(|write| write.number);
        check.lost = lost.len() as u64;
        let keys = lost.into_iter().take(MAX_NAMED).map(|write| write.key);
        check.lost_keys = keys.collect();
        check
    }
}

impl Reader {
    /// Reads keys until there are none left.
    async fn work(self: Arc<Self>) -> Vec<(Write, bool, Found)> {
        let mut done = Vec::new();
        while let Some((write, acknowledged)) = self.next() {
            let found = self.look_up(&write).await;
            done.push((write, acknowledged, found));
        }
        done
    }

    fn next(&self) -> Option<(Write, bool)> {
        let mut todo = self.todo.lock().unwrap_or_else(PoisonError::into_inner);
        todo.pop_front()
    }

    async fn look_up(&self, write: &Write) -> Found {
        let request = request::build(&self.op, Some(write));
        while Instant::now() < self.deadline {
            let mut answered = false;
            for node in self.ring.turn() {
                let deadline = self.deadline.min(Instant::now() + self.timeout);
                let Ok(answer) = self.pool.send(node, &request, deadline).await else {
                    continue;
                };
                let ok = self.op.ok.contains(&answer.status);
                if ok && answer.body == write.value {
                    return Found::Present;
                }
                answered |= ok || answer.status == 404;
            }
            if answered {
                return Found::Absent;
            }
            sleep(PAUSE).await;
        }
        Found::Unreadable
    }
}
