//! The client load: what users of the subject see.
//!
//! It is open loop: requests start at a set rate however slow the answers are, and latency is
//! counted from the intended start, so that a stalled subject cannot hide behind a stalled client.
//! Every write has a key and a value of its own; the [`Ledger`] knows what became of it and, at the
//! end, whether the store still has it.
//!
//! Neighbours: requests go through [`Lab::connect`](crate::runtime::Lab::connect) only; `monitor`
//! reads [`Figures`]; `runner` starts and stops it. It judges nothing.

mod check;
mod driver;
mod figures;
mod ledger;
mod pool;
mod request;

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::event::Body;
use crate::runtime::Lab;
use crate::spec::subject;

pub use figures::{Figures, Outcome};
pub use ledger::{Ledger, Write};

/// A running client load. When it is dropped, the load ends at once.
#[derive(Debug)]
pub struct Workload {
    figures: Figures,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
    driver: Mutex<Option<JoinHandle<()>>>,
    abort: tokio::task::AbortHandle,
}

impl Workload {
    /// Starts the load on the lab's nodes. Everything random is drawn from `seed`.
    /// `sink` gets [`Body::Load`] twice a second; it must not block.
    pub fn start(
        lab: &Arc<dyn Lab>,
        spec: &subject::Workload,
        seed: u64,
        sink: impl Fn(Body) + Send + Sync + 'static,
    ) -> Self {
        let subject::Workload::Http(spec) = spec;
        let figures = Figures::new(spec.ops.iter().map(|op| op.name.clone()));
        let ledger = Arc::new(Ledger::new(spec.clone(), seed));
        let stop = CancellationToken::new();
        let driver = driver::Driver::new(lab.clone(), spec, seed, figures.clone(), ledger.clone());
        let driver = tokio::spawn(driver.run(stop.clone(), sink));
        Self { figures, ledger, stop, abort: driver.abort_handle(), driver: Mutex::new(Some(driver)) }
    }

    /// Ends the load: no request starts any more; those on their way are waited for, which takes
    /// at most the workload's timeout. The last [`Body::Load`] has been reported when it returns.
    pub async fn stop(&self) {
        self.stop.cancel();
        if let Some(driver) = self.driver.lock().await.take() {
            // It ends by itself, or was aborted when the runtime shuts down.
            let _ = driver.await;
        }
    }

    /// The figures of the finished requests, for probes.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What became of the writes.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Whether a request of this operation has ever succeeded. One of which none ever did proves
    /// nothing about the subject, neither before the fault nor after it.
    pub fn succeeded_once(&self, op: &str) -> bool {
        self.figures.succeeded_once(op)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
