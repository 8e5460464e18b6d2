//! What progress knows of one trial.

use std::fmt::Write as _;

use crate::model::event::{Body, Event};
use crate::model::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};

/// One trial, as its events have told so far.
#[derive(Debug, Clone)]
pub(super) struct TrialView {
    pub key: TrialKey,
    pub phase: Option<Phase>,
    injected_us: Option<u64>,
    ticket_us: Option<u64>,
    since_us: Option<u64>,
    lost: u64,
}

impl TrialView {
    pub(super) fn new(key: TrialKey) -> Self {
        Self { key, phase: None, injected_us: None, ticket_us: None, since_us: None, lost: 0 }
    }

    /// `leader-killed x oracle #2`
    pub(super) fn name(&self) -> String {
        format!("{} x {} #{}", self.key.scenario, self.key.variant, self.key.repeat)
    }

    /// Takes an event in. At the trial's end, the line that tells of it.
    pub(super) fn take(&mut self, event: &Event) -> Option<String> {
        match &event.body {
            Body::PhaseStarted { phase } => self.phase = Some(*phase),
            Body::FaultInjected { .. } => {
                self.injected_us.get_or_insert(event.at_us);
            }
            Body::TicketOpened { .. } => {
                self.ticket_us.get_or_insert(event.at_us);
            }
            Body::Verified { since_us, .. } => self.since_us = *since_us,
            Body::Ledger(check) => self.lost = check.lost,
            Body::TrialEnded { status, outcome, session, reason, leaked } => {
                return Some(self.end_line(*status, *outcome, *session, reason.as_deref(), *leaked));
            }
            _ => {}
        }
        None
    }

    fn end_line(
        &self,
        status: Status,
        outcome: Option<Outcome>,
        session: SessionEnd,
        reason: Option<&str>,
        leaked: bool,
    ) -> String {
        let mut line = match outcome {
            Some(Outcome::Recovered) => "recovered".to_owned(),
            Some(Outcome::NotRecovered) => "not recovered".to_owned(),
            None => status.to_string(),
        };
        let after = |moment: Option<u64>| Some(moment?.saturating_sub(self.injected_us?) as f64 / 1e6);
        if let Some(seconds) = after(self.since_us) {
            let _ = write!(line, " after {seconds:.1} s");
        }
        match after(self.ticket_us) {
            Some(seconds) => drop(write!(line, ", detected after {seconds:.1} s")),
            None if outcome.is_some() => line.push_str(", not detected"),
            None => {}
        }
        if outcome == Some(Outcome::NotRecovered) && session == SessionEnd::Resolved {
            line.push_str(", said resolved");
        }
        if self.lost > 0 {
            let _ = write!(line, ", {} ACKNOWLEDGED WRITES LOST", self.lost);
        }
        if let Some(reason) = reason {
            let _ = write!(line, ": {reason}");
        }
        if leaked {
            line.push_str(", LEFT SOMETHING BEHIND");
        }
        line
    }
}

/// The step that a trial is in, for people.
pub(super) fn phase_text(phase: Option<Phase>) -> &'static str {
    match phase {
        None | Some(Phase::Provision) => "provision",
        Some(Phase::Ready) => "ready",
        Some(Phase::Healthy) => "healthy window",
        Some(Phase::Inject) => "inject",
        Some(Phase::Detect) => "detect",
        Some(Phase::Operate) => "operate",
        Some(Phase::Freeze) => "freeze",
        Some(Phase::Verify) => "verify",
        Some(Phase::Heal) => "heal",
        Some(Phase::Teardown) => "teardown",
    }
}
