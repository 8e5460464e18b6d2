//! All figures of one trial.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::load::{self, Requests};
use super::operator::{self, Commands};
use super::phases::{self, PhaseTime};
use crate::model::event::{Body, Event, LedgerCheck};
use crate::model::trial::{Outcome, Phase, SessionEnd, Status};

/// What was measured in one trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When the first fault was injected (trial clock), microseconds.
    pub injected_at_us: Option<u64>,
    /// When the recovery check ended (trial clock), microseconds.
    pub verified_at_us: Option<u64>,
    /// Whether the monitor opened a ticket after the fault; absent unless it was given the time to.
    pub detected: Option<bool>,
    /// Whether the subject recovered; absent unless the trial is completed.
    pub recovered: Option<bool>,
    /// From the first fault to the first ticket, microseconds.
    pub time_to_detect_us: Option<u64>,
    /// From the first fault to the operator's first command, microseconds.
    pub time_to_first_action_us: Option<u64>,
    /// From the first fault to the moment since which everything held, microseconds. Absent when it did
    /// not recover, and when nothing had been broken after the fault.
    pub time_to_recover_us: Option<u64>,
    /// Client requests from the first fault to the end of the recovery check.
    pub requests: Option<Requests>,
    /// The ledger of writes.
    pub writes: Option<Writes>,
    /// The operator's commands; absent when there was no session.
    pub commands: Option<Commands>,
    /// Nodes that the operator stopped, killed or signalled; absent when there was no session.
    pub touched: Option<BTreeSet<String>>,
    /// Those of them that no fault concerned.
    pub collateral: Option<BTreeSet<String>>,
    /// Whether the operator said `resolved` while the subject was not recovered; absent when there
    /// was no session, or the trial is not completed.
    pub false_resolution: Option<bool>,
    /// Wall time of the session, microseconds.
    pub session_us: Option<u64>,
    /// Working time of the session: wall time less waiting for rate limits, microseconds.
    pub working_us: Option<u64>,
    /// The phases that have ended, in order.
    pub phases: Vec<PhaseTime>,
    /// From the trial's first event to its last, microseconds.
    pub total_us: Option<u64>,
    /// The harness's own share of that: all time outside the healthy window, detection, session and
    /// recovery check, microseconds.
    pub overhead_us: Option<u64>,
}

/// What became of the writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    /// Acknowledged to the client.
    pub acknowledged: u64,
    /// Certainly failed.
    pub failed: u64,
    /// Of unknown fate.
    pub indeterminate: u64,
    /// Acknowledged, and gone from the store or changed. Absent when unknown: some could not be read
    /// back and none is known to be lost.
    pub lost: Option<u64>,
    /// Some keys of lost writes.
    pub lost_keys: Vec<String>,
    /// Acknowledged, and not readable at the end.
    pub unreadable: u64,
    /// Reads that did not show an acknowledged write.
    pub wrong_reads: u64,
}

impl From<&LedgerCheck> for Writes {
    fn from(ledger: &LedgerCheck) -> Self {
        Self {
            acknowledged: ledger.acknowledged,
            failed: ledger.failed,
            indeterminate: ledger.indeterminate,
            lost: (ledger.lost > 0 || ledger.unreadable == 0).then_some(ledger.lost),
            lost_keys: ledger.lost_keys.clone(),
            unreadable: ledger.unreadable,
            wrong_reads: ledger.wrong_reads,
        }
    }
}

/// Computes the figures of a trial from its events, in order.
pub fn figures(events: &[Event]) -> Figures {
    let injected =
        events.iter().find(|event| matches!(event.body, Body::FaultInjected { .. })).map(|event| event.at_us);
    let since_fault = |at_us: u64| at_us.checked_sub(injected?);
    let verified = last(events, |event| match &event.body {
        Body::Verified { recovered, since_us, .. } => Some((event.at_us, *recovered, *since_us)),
        _ => None,
    });
    let end = last(events, |event| match &event.body {
        Body::TrialEnded { status, outcome, session, .. } => Some((*status, *outcome, *session)),
        _ => None,
    });
    let recovered = match end {
        Some((Status::Completed, outcome, _)) => outcome.map(|outcome| outcome == Outcome::Recovered),
        _ => None,
    };
    let ticket = events
        .iter()
        .filter(|event| matches!(event.body, Body::TicketOpened { .. }))
        .find_map(|event| since_fault(event.at_us));
    let watched = events.iter().any(|event| matches!(event.body, Body::PhaseEnded { phase: Phase::Detect, .. }));
    let session = operator::session(events);
    let touched = session.is_some().then(|| operator::touched(events));
    let targets = operator::targets(events);
    let phases = phases::phases(events);
    let total = phases::total(events);
    let until = verified.map(|(at_us, ..)| at_us);

    Figures {
        injected_at_us: injected,
        verified_at_us: until,
        detected: (ticket.is_some() || watched).then_some(ticket.is_some()),
        recovered,
        time_to_detect_us: ticket,
        time_to_first_action_us: events
            .iter()
            .filter(|event| matches!(event.body, Body::CommandStarted { .. }))
            .find_map(|event| since_fault(event.at_us)),
        time_to_recover_us: match verified {
            Some((_, true, Some(since))) if recovered == Some(true) => since_fault(since),
            _ => None,
        },
        requests: injected.zip(until).and_then(|(from, until)| load::requests(events, from, until)),
        writes: last(events, |event| match &event.body {
            Body::Ledger(ledger) => Some(Writes::from(ledger)),
            _ => None,
        }),
        commands: session.is_some().then(|| operator::commands(events)),
        collateral: touched.as_ref().map(|touched| touched.difference(&targets).cloned().collect()),
        touched,
        false_resolution: match (session.is_some(), recovered, end) {
            (true, Some(recovered), Some((_, _, how))) => Some(how == SessionEnd::Resolved && !recovered),
            _ => None,
        },
        session_us: session.as_ref().and_then(|session| session.took_us),
        working_us: session.and_then(|session| session.working_us),
        overhead_us: total.map(|total| phases::overhead(&phases, total)),
        total_us: total,
        phases,
    }
}

/// The last event that `pick` wants.
fn last<T>(events: &[Event], pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(pick)
}
