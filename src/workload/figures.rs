//! Counts and latencies of finished requests: over sliding windows for probes, per slice for the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::model::event::OpLoad;
use crate::spec::subject::WorkloadFigure;

/// How long finished requests are remembered for sliding windows, and how many at most.
const KEPT_TIME: Duration = Duration::from_mins(10);
const KEPT_COUNT: usize = 1 << 20;
/// Longer latencies are counted as this one, microseconds.
const MAX_LATENCY_US: u64 = 3_600_000_000;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It certainly did nothing, or what it read was wrong.
    Failed,
    /// It may or may not have done something.
    Indeterminate,
}

/// Figures of the client load. Clones are the same figures.
#[derive(Debug, Clone)]
pub struct Figures {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    since: Instant,
    ops: Vec<Op>,
    finished: VecDeque<Finished>,
}

/// One operation: its current slice, and whether it ever succeeded.
#[derive(Debug)]
struct Op {
    name: String,
    succeeded_once: bool,
    failed: u32,
    indeterminate: u32,
    /// Latencies of the successful ones, microseconds. Its value range grows as needed.
    latencies: Histogram<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Finished {
    at: Instant,
    op: usize,
    outcome: Outcome,
    latency_us: u64,
}

impl Figures {
    /// Figures of operations with these names, from now on.
    pub fn new(ops: impl IntoIterator<Item = String>) -> Self {
        let ops = ops.into_iter().map(|name| Op {
            name,
            succeeded_once: false,
            failed: 0,
            indeterminate: 0,
            latencies: empty_histogram(),
        });
        Self {
            inner: Arc::new(Mutex::new(Inner { since: Instant::now(), ops: ops.collect(), finished: VecDeque::new() })),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that has finished just now. `op` is the operation's place in the list;
    /// `latency` is counted from the intended start.
    pub fn record(&self, op: usize, outcome: Outcome, latency: Duration) {
        let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let at = Instant::now();
        let mut inner = self.inner();
        let Some(slice) = inner.ops.get_mut(op) else {
            return;
        };
        match outcome {
            Outcome::Ok => {
                slice.succeeded_once = true;
                // It fails only for values that do not fit into memory; these are cut.
                let _ = slice.latencies.record(latency_us.min(MAX_LATENCY_US));
            }
            Outcome::Failed => slice.failed += 1,
            Outcome::Indeterminate => slice.indeterminate += 1,
        }
        inner.finished.push_back(Finished { at, op, outcome, latency_us });
        while inner.finished.len() > KEPT_COUNT
            || (inner.finished.front()).is_some_and(|oldest| at - oldest.at > KEPT_TIME)
        {
            inner.finished.pop_front();
        }
    }

    /// A figure of the requests that finished within the last `window`: of one operation, or of all.
    /// `None` when there was none, or none successful where only these count.
    /// Windows beyond ten minutes are taken for ten minutes.
    pub fn figure(&self, op: Option<&str>, figure: WorkloadFigure, window: Duration) -> Option<f64> {
        let now = Instant::now();
        let inner = self.inner();
        let op = match op {
            Some(name) => Some(inner.ops.iter().position(|op| op.name == name)?),
            None => None,
        };
        let recent = (inner.finished.iter().rev())
            .take_while(|request| now - request.at <= window)
            .filter(|request| op.is_none_or(|op| request.op == op));
        let mut all = 0_u32;
        let mut latencies = Vec::new();
        for request in recent {
            all += 1;
            if request.outcome == Outcome::Ok {
                latencies.push(request.latency_us);
            }
        }
        if all == 0 {
            return None;
        }
        match figure {
            WorkloadFigure::SuccessRate => Some(latencies.len() as f64 / f64::from(all)),
            WorkloadFigure::Throughput => {
                let time = window.min(KEPT_TIME).min(now - inner.since).as_secs_f64();
                (time > 0.0).then(|| latencies.len() as f64 / time)
            }
            WorkloadFigure::P50 => quantile_ms(latencies, 0.50),
            WorkloadFigure::P99 => quantile_ms(latencies, 0.99),
        }
    }

    /// Whether a request of this operation has ever succeeded.
    pub fn succeeded_once(&self, op: &str) -> bool {
        let inner = self.inner();
        inner.ops.iter().any(|each| each.name == op && each.succeeded_once)
    }

    /// Ends the current slice: the operations that finished a request in it.
    pub(super) fn take_slice(&self) -> Vec<OpLoad> {
        let mut inner = self.inner();
        inner.ops.iter_mut().filter_map(Op::take).collect()
    }
}

impl Op {
    fn take(&mut self) -> Option<OpLoad> {
        let ok = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        let load = OpLoad {
            op: self.name.clone(),
            ok,
            failed: std::mem::take(&mut self.failed),
            indeterminate: std::mem::take(&mut self.indeterminate),
            p50_us: self.latencies.value_at_quantile(0.50),
            p99_us: self.latencies.value_at_quantile(0.99),
            max_us: self.latencies.max(),
        };
        self.latencies.reset();
        (load.ok + load.failed + load.indeterminate > 0).then_some(load)
    }
}

/// The smallest value that at least the share `q` of all does not exceed, in milliseconds.
fn quantile_ms(mut latencies_us: Vec<u64>, q: f64) -> Option<f64> {
    let rank = (q * latencies_us.len() as f64).ceil() as usize;
    let index = rank.saturating_sub(1);
    if index >= latencies_us.len() {
        return None;
    }
    let (_, value, _) = latencies_us.select_nth_unstable(index);
    Some(*value as f64 / 1000.0)
}

/// Three significant figures, as many microseconds as needed.
fn empty_histogram() -> Histogram<u32> {
    #[expect(clippy::expect_used, reason = "3 is within the range that is allowed")]
    let mut histogram = Histogram::new(3).expect("3 significant figures are allowed");
    histogram.auto(true);
    histogram
}
