//! The running monitor: one task per invariant, one tracker for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::condition::{Observation, observe};
use super::held::{self, Health};
use super::tracker::{Ticket, Tracker};
use crate::model::event::Body;
use crate::runtime::Lab;
use crate::spec::subject::{Condition, Invariant, Probe, Subject};
use crate::workload::Figures;

/// A running monitor. When it is dropped, it stops at once.
#[derive(Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
    /// Longest time between the beginnings of two observations of an invariant.
    longest_pause: Duration,
    probes: tokio::sync::Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    tracker: Mutex<Tracker>,
    health: watch::Sender<Health>,
    ticket: watch::Sender<Option<Ticket>>,
}

impl Shared {
    fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, index: usize, observation: Observation, began: Instant, sink: &impl Fn(Body)) {
        let mut tracker = self.tracker();
        // The lock is held so that the record has the order in which things were decided.
        for body in tracker.record(index, observation, began, Instant::now()) {
            sink(body);
        }
        self.health.send_replace(tracker.health());
        self.ticket.send_if_modified(|ticket| {
            let opened = ticket.is_none() && tracker.ticket().is_some();
            if opened {
                *ticket = tracker.ticket().cloned();
            }
            opened
        });
    }
}

impl Monitor {
    /// Starts to observe the subject's invariants, all at once and then each on its interval.
    /// `sink` gets [`Body::Probe`] for each observation, and violations and tickets; it must
    /// neither block nor call the monitor. No ticket is opened before [`Monitor::open_tickets`].
    pub fn start(
        lab: &Arc<dyn Lab>,
        subject: &Subject,
        figures: Option<&Figures>,
        sink: impl Fn(Body) + Send + Sync + 'static,
    ) -> Self {
        let invariants = &subject.invariants;
        let tracker = Tracker::new((invariants.iter()).map(|each| (each.name.clone(), each.grace.duration())));
        let shared = Arc::new(Shared {
            health: watch::Sender::new(tracker.health()),
            tracker: Mutex::new(tracker),
            ticket: watch::Sender::new(None),
        });
        let sink = Arc::new(sink);
        let mut probes = JoinSet::new();
        for (index, invariant) in invariants.iter().enumerate() {
            let (lab, figures, sink) = (lab.clone(), figures.cloned(), sink.clone());
            let (shared, invariant) = (shared.clone(), invariant.clone());
            probes.spawn(async move {
                let record = |observation, began| shared.record(index, observation, began, &*sink);
                keep_observing(&lab, figures.as_ref(), invariant, record).await;
            });
        }
        let pauses = invariants.iter().map(longest_pause);
        Self { shared, longest_pause: pauses.max().unwrap_or_default(), probes: tokio::sync::Mutex::new(probes) }
    }

    /// From now on, violations open a ticket or are folded into it; or no longer.
    /// One that has begun before does neither.
    pub fn open_tickets(&self, open: bool) {
        self.shared.tracker().open_tickets(open);
    }

    /// Waits for the first ticket.
    pub async fn ticket(&self) -> Ticket {
        let mut receiver = self.shared.ticket.subscribe();
        let opened = receiver.wait_for(Option::is_some).await.ok().and_then(|ticket| ticket.clone());
        match opened {
            Some(ticket) => ticket,
            // The sender lives as long as this monitor.
            None => std::future::pending().await,
        }
    }

    /// How all invariants are; changes with every observation.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// The invariants that are in violation now.
    pub fn violated(&self) -> Vec<String> {
        self.shared.tracker().violated()
    }

    /// Waits until all invariants have held without a break for `window`, all of it after this
    /// call, with at least one observation of each within the window (or within the longest
    /// interval of an invariant, when that is longer).
    ///
    /// Returns since when they hold, which may be before the call; at the deadline, what does not
    /// hold or how long it has held.
    pub async fn wait_held(&self, window: Duration, deadline: Instant) -> Result<Instant, String> {
        let fresh = window.max(self.longest_pause);
        held::wait_held(self.watch(), window, fresh, deadline).await
    }

    /// Stops observing. An observation that is on its way is given up and not recorded.
    pub async fn stop(&self) {
        self.probes.lock().await.shutdown().await;
    }
}

/// Observes an invariant on its interval; a late observation delays the next ones.
async fn keep_observing(
    lab: &Arc<dyn Lab>,
    figures: Option<&Figures>,
    invariant: Invariant,
    record: impl Fn(Observation, Instant),
) {
    let condition = Condition { probe: invariant.probe, expect: invariant.expect };
    let mut ticks = interval(invariant.every.duration().max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let observation = observe(lab, figures, &condition).await;
        record(observation, began);
    }
}

/// The interval, and what an observation can take.
fn longest_pause(invariant: &Invariant) -> Duration {
    let timeout = match &invariant.probe {
        Probe::Http(probe) => probe.timeout.duration(),
        Probe::Tcp(probe) => probe.timeout.duration(),
        Probe::Command(probe) => probe.timeout.duration(),
        Probe::Workload(_) => Duration::ZERO,
    };
    invariant.every.duration() + timeout
}
