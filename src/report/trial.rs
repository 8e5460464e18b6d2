//! One trial of a report.

use serde::Serialize;

use super::timeline::{Timeline, timeline};
use crate::model::event::{Body, Event, NodeAddress, SnapshotPoint};
use crate::score::{Figures, Score, Verdict};
use crate::store::{Entry, TrialRow};

/// A trial.
#[derive(Debug, Clone, Serialize)]
pub struct TrialView {
    /// What it is and how it ended.
    #[serde(flatten)]
    pub row: TrialRow,
    /// Pass, fail or unscored.
    pub verdict: Verdict,
    /// What was measured.
    pub figures: Figures,
    /// The lab's nodes.
    pub nodes: Vec<NodeAddress>,
    /// Its faults.
    pub faults: Vec<FaultView>,
    /// Its tickets.
    pub tickets: Vec<TicketView>,
    /// What did not hold in the recovery check; empty when everything did.
    pub not_held: String,
    /// Processes that the operator had left running; absent when that was not looked at.
    pub frozen: Option<u32>,
    /// What teardown left behind.
    pub leftovers: Vec<String>,
    /// What happened when.
    pub timeline: Timeline,
    /// Subject state at several points.
    pub snapshots: Vec<SnapshotView>,
    /// The session.
    pub transcript: Vec<Entry>,
}

/// A fault of a trial. Times are microseconds on the trial's clock.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FaultView {
    /// Its number in the scenario.
    pub fault: u32,
    /// Its name in YAML.
    pub kind: String,
    /// The nodes it concerns.
    pub targets: Vec<String>,
    /// What was done.
    pub detail: String,
    /// What undoes it.
    pub undo: Option<String>,
    /// When it was applied.
    pub injected_us: Option<u64>,
    /// Whether its effect was measured; absent when that was not looked at.
    pub landed: Option<bool>,
    /// What was measured.
    pub evidence: Vec<String>,
    /// How long it took from the decision to the end of the measurement.
    pub took_us: Option<u64>,
    /// When it was found to be no longer in effect without the harness's doing, and what was seen.
    pub gone: Option<(u64, String)>,
    /// When the harness removed it.
    pub healed_us: Option<u64>,
    /// Whether its absence was measured.
    pub heal_proven: Option<bool>,
    /// What was measured then.
    pub heal_evidence: Vec<String>,
}

/// A ticket.
#[derive(Debug, Clone, Serialize)]
pub struct TicketView {
    /// Its number.
    pub ticket: u32,
    /// When it was opened.
    pub at_us: u64,
    /// The invariant that opened it.
    pub invariant: String,
    /// What the operator is told.
    pub summary: String,
    /// Violations that were folded into it.
    pub folded: Vec<String>,
}

/// Answers of one node to one snapshot probe.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotView {
    /// The probe.
    pub name: String,
    /// The node.
    pub node: String,
    /// Before the fault; absent when it was not asked.
    pub before: Option<Result<String, String>>,
    /// When the ticket was opened.
    pub detected: Option<Result<String, String>>,
    /// After the recovery check.
    pub after: Option<Result<String, String>>,
}

/// Puts a trial together from its row, its score and its events.
pub(super) fn trial(row: TrialRow, score: Score, events: &[Event]) -> TrialView {
    let mut view = TrialView {
        row,
        timeline: timeline(events, &score.figures),
        verdict: score.verdict,
        figures: score.figures,
        nodes: Vec::new(),
        faults: Vec::new(),
        tickets: Vec::new(),
        not_held: String::new(),
        frozen: None,
        leftovers: Vec::new(),
        snapshots: Vec::new(),
        transcript: Entry::from_events(events),
    };
    for event in events {
        view.take(event);
    }
    view
}

impl TrialView {
    fn take(&mut self, event: &Event) {
        match &event.body {
            Body::LabUp { nodes, .. } => self.nodes.clone_from(nodes),
            Body::Frozen { ended, .. } => self.frozen = Some(*ended),
            Body::Verified { detail, .. } => self.not_held.clone_from(detail),
            Body::TornDown { leftovers, .. } => self.leftovers.clone_from(leftovers),
            Body::TicketOpened { ticket, invariant, summary } => self.tickets.push(TicketView {
                ticket: *ticket,
                at_us: event.at_us,
                invariant: invariant.clone(),
                summary: summary.clone(),
                folded: Vec::new(),
            }),
            Body::TicketFolded { ticket, invariant, detail } => {
                if let Some(open) = self.tickets.iter_mut().find(|open| open.ticket == *ticket) {
                    open.folded.push(format!("{invariant}: {detail}"));
                }
            }
            Body::Snapshot { when, name, node, result } => {
                let slot = self.snapshot(name, node);
                *match when {
                    SnapshotPoint::Before => &mut slot.before,
                    SnapshotPoint::Detected => &mut slot.detected,
                    SnapshotPoint::After => &mut slot.after,
                } = Some(result.clone());
            }
            _ => self.take_fault(event),
        }
    }

    fn take_fault(&mut self, event: &Event) {
        if let Body::FaultPlanned { fault, kind, targets, detail } = &event.body {
            self.faults.push(FaultView {
                fault: *fault,
                kind: kind.clone(),
                targets: targets.clone(),
                detail: detail.clone(),
                ..FaultView::default()
            });
            return;
        }
        let (Body::FaultUndo { fault, .. }
        | Body::FaultInjected { fault }
        | Body::FaultProven { fault, .. }
        | Body::FaultGone { fault, .. }
        | Body::FaultHealed { fault, .. }) = &event.body
        else {
            return;
        };
        let Some(view) = self.faults.iter_mut().find(|view| view.fault == *fault) else {
            return;
        };
        match &event.body {
            Body::FaultUndo { undo, .. } => view.undo = Some(undo.clone()),
            Body::FaultInjected { .. } => view.injected_us = Some(event.at_us),
            Body::FaultProven { landed, evidence, took_us, .. } => {
                view.landed = Some(*landed);
                view.evidence.clone_from(evidence);
                view.took_us = Some(*took_us);
            }
            Body::FaultGone { detail, .. } => {
                view.gone.get_or_insert((event.at_us, detail.clone()));
            }
            Body::FaultHealed { proven, evidence, .. } => {
                view.healed_us = Some(event.at_us);
                view.heal_proven = Some(*proven);
                view.heal_evidence.clone_from(evidence);
            }
            _ => {}
        }
    }

    fn snapshot(&mut self, name: &str, node: &str) -> &mut SnapshotView {
        let found = self.snapshots.iter().position(|view| view.name == name && view.node == node);
        let index = found.unwrap_or_else(|| {
            self.snapshots.push(SnapshotView {
                name: name.to_owned(),
                node: node.to_owned(),
                before: None,
                detected: None,
                after: None,
            });
            self.snapshots.len() - 1
        });
        &mut self.snapshots[index]
    }
}
