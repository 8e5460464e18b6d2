//! How long the steps of a trial took.

use serde::{Deserialize, Serialize};

use crate::model::event::{Body, Event};
use crate::model::trial::Phase;

/// A step of a trial that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Which.
    pub phase: Phase,
    /// Its start on the trial's clock, microseconds.
    pub start_us: u64,
    /// How long it took, microseconds.
    pub took_us: u64,
    /// True when its time limit ended it.
    pub timed_out: bool,
}

/// The steps that have ended, by start.
pub(super) fn phases(events: &[Event]) -> Vec<PhaseTime> {
    let mut open: Vec<(Phase, u64)> = Vec::new();
    let mut phases = Vec::new();
    for event in events {
        match event.body {
            Body::PhaseStarted { phase } => open.push((phase, event.at_us)),
            Body::PhaseEnded { phase, timed_out } => {
                if let Some(index) = open.iter().rposition(|(open, _)| *open == phase) {
                    let (_, start_us) = open.remove(index);
                    phases.push(PhaseTime {
                        phase,
                        start_us,
                        took_us: event.at_us.saturating_sub(start_us),
                        timed_out,
                    });
                }
            }
            _ => {}
        }
    }
    phases.sort_by_key(|phase| phase.start_us);
    phases
}

/// The whole trial, microseconds; `None` unless its end is recorded.
pub(super) fn total(events: &[Event]) -> Option<u64> {
    let end = events.iter().rfind(|event| matches!(event.body, Body::TrialEnded { .. }))?;
    Some(end.at_us.saturating_sub(events.first()?.at_us))
}

/// What of `total_us` is the harness's own: neither a fixed window, nor waiting for the monitor, the
/// operator or recovery.
pub(super) fn overhead(phases: &[PhaseTime], total_us: u64) -> u64 {
    let others: u64 = phases
        .iter()
        .filter(|time| matches!(time.phase, Phase::Healthy | Phase::Detect | Phase::Operate | Phase::Verify))
        .map(|time| time.took_us)
        .sum();
    total_us.saturating_sub(others)
}
