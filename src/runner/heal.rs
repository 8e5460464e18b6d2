//! After the steps: faults are removed in any case, and the ledger is checked if it has not been.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::steps::Steps;
use super::trial::Unfinished;
use crate::model::event::Body;
use crate::model::trial::Phase;
use crate::monitor;
use crate::runtime::{NodeAction, NodeState};
use crate::workload::Workload;

/// How long the last requests of the load, and the tasks that serve it, may take to end after their time limit.
const GRACE: Duration = Duration::from_secs(5);

impl Steps<'_> {
    /// Removes the faults whatever happened. For a trial that counts, also brings the subject back and checks the
    /// ledger, if that has not been done; the user can stop that, but not the removal.
    pub(super) async fn heal(&self, counts: bool, stop: &CancellationToken) -> Result<(), Unfinished> {
        if let Some(monitor) = self.monitor.get() {
            monitor.stop().await;
        }
        let limit = self.plan.timeouts.heal.duration();
        self.phase(Phase::Heal, async {
            let deadline = Instant::now() + limit;
            let healed = timeout(limit, self.chaos.heal()).await;
            let settle = async {
                let Some(workload) = self.workload.get() else { return };
                if counts && self.checked.get().is_none() {
                    self.revive_all().await;
                    // What cannot be read shows in the check.
                    let _ = monitor::ready(self.lab, &self.plan.subject.ready, deadline).await;
                    self.check_ledger(workload, deadline).await;
                } else if counts {
                    workload.stop().await;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled(), if counts && self.checked.get().is_none() => {
                    (Err(Unfinished::Interrupted), healed.is_err())
                }
                settled = timeout_at(deadline + GRACE, settle) => (Ok(()), healed.is_err() || settled.is_err()),
            }
        })
        .await
    }

    /// Ends the load and reads its writes back, until the deadline.
    pub(super) async fn check_ledger(&self, workload: &Workload, deadline: Instant) {
        workload.stop().await;
        let check = workload.ledger().check(self.lab, deadline).await;
        // Set before the event, so that a second check is not even begun.
        let _ = self.checked.set(());
        self.log.emit(Body::Ledger(check));
    }

    /// Brings back what the operator or a crash left down, so that the ledger can be read.
    async fn revive_all(&self) {
        for node in self.lab.nodes() {
            let action = match self.lab.node_state(&node.name).await {
                Ok(NodeState::Down(_)) => NodeAction::Start,
                Ok(NodeState::Paused) => NodeAction::Signal("CONT".into()),
                Ok(NodeState::Running) | Err(_) => continue,
            };
            // A node that does not start shows in the check.
            let _ = self.lab.act(&node.name, action).await;
        }
    }
}
