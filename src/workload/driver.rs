//! The pace: starts requests when they are due and reports slices.

use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::figures::{Figures, Outcome};
use super::ledger::{Ledger, Write};
use super::pool::Pool;
use super::request::{self, Meaning, Ring};
use crate::model::event::Body;
use crate::runtime::Lab;
use crate::spec::subject::{HttpWorkload, OpKind};

/// Length of a slice.
const SLICE: Duration = Duration::from_millis(500);
/// Further ahead than any trial lasts.
const FAR: Duration = Duration::from_hours(24 * 365);

/// What requests share.
struct Context {
    spec: HttpWorkload,
    pool: Pool,
    ring: Ring,
    figures: Figures,
    ledger: Arc<Ledger>,
}

/// Starts requests until it is stopped.
pub(super) struct Driver {
    context: Arc<Context>,
    rng: ChaCha8Rng,
    in_flight: JoinSet<()>,
    /// Most requests on their way; beyond it they are counted as failed.
    limit: usize,
}

impl Driver {
    pub(super) fn new(
        lab: Arc<dyn Lab>,
        spec: &HttpWorkload,
        seed: u64,
        figures: Figures,
        ledger: Arc<Ledger>,
    ) -> Self {
        // All requests of twice the timeout: more are on their way only when the machine cannot keep up.
        let limit = spec.rate.0 * spec.timeout.duration().as_secs_f64() * 2.0;
        let ring = Ring::new(lab.nodes(), spec.role.as_deref());
        Self {
            context: Arc::new(Context { spec: spec.clone(), pool: Pool::new(lab), ring, figures, ledger }),
            rng: ChaCha8Rng::seed_from_u64(seed),
            in_flight: JoinSet::new(),
            limit: (limit.ceil() as usize).max(1),
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken, sink: impl Fn(Body)) {
        let began = Instant::now();
        let mut slice_began = began;
        let mut slices = interval_at(began + SLICE, SLICE);
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut report = |now: Instant| {
            let slice = now - std::mem::replace(&mut slice_began, now);
            sink(Body::Load {
                slice_us: u64::try_from(slice.as_micros()).unwrap_or(u64::MAX),
                ops: self.context.figures.take_slice(),
            });
        };
        let mut number = 0_u64;
        loop {
            let due = due(began, number, self.context.spec.rate.0);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                now = slices.tick() => report(now),
                () = sleep_until(due) => {
                    while self.in_flight.try_join_next().is_some() {}
                    Self::begin(&self.context, &mut self.rng, &mut self.in_flight, self.limit, due);
                    number += 1;
                }
            }
        }
        let mut waiting = true;
        while waiting {
            tokio::select! {
                biased;
                now = slices.tick() => report(now),
                finished = self.in_flight.join_next() => waiting = finished.is_some(),
            }
        }
        report(Instant::now());
    }

    /// Starts one request. When its time is already up, because the client itself was held up, or
    /// when too many are on their way, it is not sent and counts as failed.
    fn begin(context: &Arc<Context>, rng: &mut ChaCha8Rng, in_flight: &mut JoinSet<()>, limit: usize, due: Instant) {
        let (op, write) = context.choose(rng);
        let is_late = Instant::now() >= due + context.spec.timeout.duration();
        if in_flight.len() < limit && !is_late {
            in_flight.spawn(context.clone().perform(op, write, due));
        } else {
            context.finish(op, write.as_ref(), Meaning::Plain(Outcome::Failed), due);
        }
    }
}

/// When the request of this number is to start.
fn due(began: Instant, number: u64, rate: f64) -> Instant {
    let after = Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX);
    began + after.min(FAR)
}

impl Context {
    /// Draws an operation by weight and, when it is about a key, which one. As long as there is
    /// nothing to read, the first write stands in for a read.
    fn choose(&self, rng: &mut ChaCha8Rng) -> (usize, Option<Write>) {
        let ops = &self.spec.ops;
        let total: u64 = ops.iter().map(|op| u64::from(op.weight)).sum();
        let mut ticket = rng.random_range(0..total.max(1));
        let mut chosen = 0;
        for (index, op) in ops.iter().enumerate() {
            if ticket < u64::from(op.weight) {
                chosen = index;
                break;
            }
            ticket -= u64::from(op.weight);
        }
        if !request::is_keyed(&ops[chosen]) {
            return (chosen, None);
        }
        if ops[chosen].kind == OpKind::Read {
            if let Some(write) = self.ledger.draw(rng) {
                return (chosen, Some(write));
            }
            let write = ops.iter().position(|op| op.kind == OpKind::Write);
            let Some(index) = write else {
                return (chosen, None);
            };
            chosen = index;
        }
        (chosen, Some(self.ledger.begin()))
    }

    async fn perform(self: Arc<Self>, op: usize, write: Option<Write>, due: Instant) {
        let spec = &self.spec.ops[op];
        let deadline = due + self.spec.timeout.duration();
        let request = request::build(spec, write.as_ref());
        let attempts = self.spec.attempts;
        let result = request::send(&self.pool, &self.ring, attempts, &request, deadline).await;
        let expected = write.as_ref().map(|write| write.value.as_str());
        let meaning = request::meaning(spec, &result, expected);
        self.finish(op, write.as_ref(), meaning, due);
    }

    fn finish(&self, op: usize, write: Option<&Write>, meaning: Meaning, due: Instant) {
        let outcome = match meaning {
            Meaning::Plain(outcome) => outcome,
            Meaning::WrongRead => {
                self.ledger.wrong_read();
                Outcome::Failed
            }
        };
        self.figures.record(op, outcome, due.elapsed());
        if let (OpKind::Write, Some(write)) = (self.spec.ops[op].kind, write) {
            self.ledger.settle(write.number, outcome);
        }
    }
}
