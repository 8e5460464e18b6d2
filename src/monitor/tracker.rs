//! From observations to violations and the ticket. No I/O: it is told the time.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::condition::Observation;
use super::held::{Health, Sample};
use crate::model::event::Body;

/// What the operator is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number in the trial, from 1.
    pub number: u32,
    /// The invariant that opened it.
    pub invariant: String,
    /// An alert: what is wrong, since when; never why.
    pub summary: String,
    /// When it was opened.
    pub opened: Instant,
}

/// The state of all invariants.
#[derive(Debug)]
pub(super) struct Tracker {
    invariants: Vec<Track>,
    tickets: bool,
    ticket: Option<Ticket>,
}

/// The state of one invariant.
#[derive(Debug)]
struct Track {
    name: String,
    grace: Duration,
    last: Option<Sample>,
    detail: String,
    /// Holds without a break since then.
    ok_since: Option<Instant>,
    /// Broken without a break since then; an unknown sample is no break.
    broken_since: Option<Instant>,
    violated: bool,
}

impl Tracker {
    /// A tracker of invariants with these names and grace times.
    pub(super) fn new(invariants: impl IntoIterator<Item = (String, Duration)>) -> Self {
        let invariants = invariants.into_iter().map(|(name, grace)| Track {
            name,
            grace,
            last: None,
            detail: "not observed yet".to_owned(),
            ok_since: None,
            broken_since: None,
            violated: false,
        });
        Self { invariants: invariants.collect(), tickets: false, ticket: None }
    }

    /// From now on, violations open a ticket or are folded into it; or no longer.
    pub(super) fn open_tickets(&mut self, open: bool) {
        self.tickets = open;
    }

    pub(super) fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref()
    }

    /// Invariants in violation.
    pub(super) fn violated(&self) -> Vec<String> {
        let violated = self.invariants.iter().filter(|track| track.violated);
        violated.map(|track| track.name.clone()).collect()
    }

    /// Takes an observation of an invariant, by its place in the list, that began and ended at
    /// these times. Returns what is to be recorded, in order.
    pub(super) fn record(
        &mut self,
        index: usize,
        observation: Observation,
        began: Instant,
        ended: Instant,
    ) -> Vec<Body> {
        let Some(track) = self.invariants.get_mut(index) else {
            return Vec::new();
        };
        let Observation { ok, detail, value } = observation;
        let mut bodies = vec![Body::Probe {
            invariant: track.name.clone(),
            ok,
            detail: detail.clone(),
            value,
            took_us: u64::try_from((ended - began).as_micros()).unwrap_or(u64::MAX),
        }];
        track.last = Some(Sample { ok, began });
        track.detail = detail;
        match ok {
            Some(true) => {
                track.broken_since = None;
                track.ok_since.get_or_insert(ended);
                if std::mem::take(&mut track.violated) {
                    bodies.push(Body::ViolationEnded { invariant: track.name.clone() });
                }
            }
            // Nothing is known: it proves neither health nor recovery, and accuses nobody.
            None => track.ok_since = None,
            Some(false) => {
                track.ok_since = None;
                let broken = ended - *track.broken_since.get_or_insert(ended);
                if broken >= track.grace && !track.violated {
                    track.violated = true;
                    bodies.extend(self.violation(index, broken, ended));
                }
            }
        }
        bodies
    }

    fn violation(&mut self, index: usize, broken: Duration, now: Instant) -> Vec<Body> {
        let track = &self.invariants[index];
        let invariant = track.name.clone();
        let detail = track.detail.clone();
        let mut bodies = vec![Body::Violation { invariant: invariant.clone(), detail: detail.clone() }];
        if !self.tickets {
            return bodies;
        }
        if let Some(ticket) = &self.ticket {
            bodies.push(Body::TicketFolded { ticket: ticket.number, invariant, detail });
            return bodies;
        }
        let mut summary = format!("{invariant}: {detail}");
        if !broken.is_zero() {
            // Writing to a string does not fail.
            let _ = write!(summary, ", for {:.1} s", broken.as_secs_f64());
        }
        let ticket = Ticket { number: 1, invariant: invariant.clone(), summary: summary.clone(), opened: now };
        bodies.push(Body::TicketOpened { ticket: ticket.number, invariant, summary });
        self.ticket = Some(ticket);
        bodies
    }

    /// How all invariants are.
    pub(super) fn health(&self) -> Health {
        let holds = |track: &&Track| track.last.is_some_and(|last| last.ok == Some(true));
        let broken = self.invariants.iter().filter(|track| !holds(track));
        let broken: Vec<String> = broken.map(|track| format!("{}: {}", track.name, track.detail)).collect();
        let since = self.invariants.iter().filter_map(|track| track.ok_since);
        let samples = self.invariants.iter().filter_map(|track| track.last);
        Health {
            all_ok: broken.is_empty(),
            ok_since: since.max().filter(|_| broken.is_empty()),
            broken,
            oldest_sample: samples.map(|sample| sample.began).min(),
        }
    }
}
