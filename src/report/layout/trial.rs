//! One trial of a page.

use serde::Serialize;

use super::entry::{EntryRow, entry};
use super::outcome::{facts, result};
use crate::model::event::Actor;
use crate::report::format::{MISSING, duration_us};
use crate::report::svg;
use crate::report::text;
use crate::report::trial::{FaultView, TicketView, TrialView};

/// Output beyond this many bytes is left out of pages; `harness show` and the JSON report have all of it.
pub(super) const OUTPUT: usize = 6 * 1024;

/// A trial.
#[derive(Debug, Serialize)]
pub(in crate::report) struct TrialPage {
    pub(in crate::report) id: String,
    pub(in crate::report) number: u32,
    pub(in crate::report) scenario: String,
    pub(in crate::report) variant: String,
    pub(in crate::report) repeat: u32,
    /// How it ended, in words.
    pub(in crate::report) result: String,
    /// For its colour: `good`, `bad` or `none`.
    pub(in crate::report) tone: &'static str,
    pub(in crate::report) time: String,
    pub(in crate::report) session: String,
    pub(in crate::report) facts: Vec<(String, String)>,
    pub(in crate::report) faults: Vec<FaultRow>,
    pub(in crate::report) tickets: Vec<TicketRow>,
    pub(in crate::report) phases: Vec<(String, String)>,
    pub(in crate::report) moments: Vec<Moment>,
    pub(in crate::report) svg: String,
    pub(in crate::report) snapshots: Vec<SnapshotRow>,
    pub(in crate::report) transcript: Vec<EntryRow>,
}

/// A fault.
#[derive(Debug, Serialize)]
pub(in crate::report) struct FaultRow {
    pub(in crate::report) title: String,
    pub(in crate::report) lines: Vec<String>,
}

/// A ticket.
#[derive(Debug, Serialize)]
pub(in crate::report) struct TicketRow {
    pub(in crate::report) title: String,
    pub(in crate::report) summary: String,
    pub(in crate::report) folded: Vec<String>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Moment {
    #[serde(skip)]
    at_us: u64,
    pub(in crate::report) letter: String,
    pub(in crate::report) at: String,
    pub(in crate::report) label: String,
}

/// Subject state that is worth a look: a node's answers at several points.
#[derive(Debug, Serialize)]
pub(in crate::report) struct SnapshotRow {
    pub(in crate::report) title: String,
    pub(in crate::report) changed: bool,
    pub(in crate::report) answers: Vec<(&'static str, String)>,
}

/// Lays a trial out.
pub(in crate::report) fn page(trial: &TrialView, picture: bool) -> TrialPage {
    let key = &trial.row.key;
    let zero = trial.timeline.zero_us;
    let (result, tone) = result(trial);
    TrialPage {
        id: key.id.0.clone(),
        number: key.number,
        scenario: key.scenario.clone(),
        variant: key.variant.clone(),
        repeat: key.repeat,
        result,
        tone,
        time: trial.figures.time_to_recover_us.map_or_else(missing, duration_us),
        session: trial.row.session.map_or_else(missing, |end| end.to_string().replace('_', " ")),
        facts: facts(trial),
        faults: trial.faults.iter().map(|view| fault(view, zero)).collect(),
        tickets: trial.tickets.iter().map(|view| ticket(view, zero)).collect(),
        phases: trial
            .figures
            .phases
            .iter()
            .map(|time| {
                let limit = if time.timed_out { " (time limit)" } else { "" };
                (time.phase.to_string(), duration_us(time.took_us) + limit)
            })
            .collect(),
        moments: moments(trial),
        svg: if picture { svg::draw(trial) } else { String::new() },
        snapshots: snapshots(trial),
        transcript: trial.transcript.iter().map(|view| entry(view, zero)).collect(),
    }
}

pub(super) fn missing() -> String {
    MISSING.to_owned()
}

/// A moment, seconds from `zero`.
pub(super) fn since(at_us: u64, zero: u64) -> String {
    match at_us.checked_sub(zero) {
        Some(after) => format!("+{:.2}\u{a0}s", after as f64 / 1e6),
        None => format!("−{:.2}\u{a0}s", (zero - at_us) as f64 / 1e6),
    }
}

fn fault(fault: &FaultView, zero: u64) -> FaultRow {
    let mut lines = vec![fault.detail.clone()];
    let proof = match fault.landed {
        Some(true) => "landed",
        Some(false) => "did not land",
        None => "not proven",
    };
    let took = fault.took_us.map_or(String::new(), |us| format!(" ({})", duration_us(us)));
    lines.push(format!("{proof}{took}: {}", fault.evidence.join("; ")));
    if let Some((at_us, detail)) = &fault.gone {
        lines.push(format!("gone at {}: {detail}", since(*at_us, zero)));
    }
    if let Some(at_us) = fault.healed_us {
        let proof = if fault.heal_proven == Some(true) { "proven" } else { "not proven" };
        lines.push(format!("heal step at {} ({proof}): {}", since(at_us, zero), fault.heal_evidence.join("; ")));
    }
    FaultRow { title: format!("{} on {}", fault.kind, fault.targets.join(", ")), lines }
}

fn ticket(ticket: &TicketView, zero: u64) -> TicketRow {
    TicketRow {
        title: format!("Ticket {} at {}: {}", ticket.ticket, since(ticket.at_us, zero), ticket.invariant),
        summary: ticket.summary.clone(),
        folded: ticket.folded.clone(),
    }
}

fn moments(trial: &TrialView) -> Vec<Moment> {
    let line = &trial.timeline;
    let moment = |at_us, letter: String, label| Moment { at_us, at: since(at_us, line.zero_us), letter, label };
    let marks = line.marks.iter().map(|mark| moment(mark.at_us, mark.kind.letter().to_string(), mark.label.clone()));
    let nodes = line.nodes.iter().filter(|mark| mark.at_us >= line.start_us).map(|mark| {
        let by = match mark.by {
            Actor::Harness => "by the harness",
            Actor::Operator => "by the operator",
            Actor::Itself => "by itself",
        };
        moment(mark.at_us, String::new(), format!("{} {} {by}", mark.node, mark.what))
    });
    let mut moments: Vec<Moment> = marks.chain(nodes).collect();
    moments.sort_by_key(|moment| moment.at_us);
    moments
}

fn snapshots(trial: &TrialView) -> Vec<SnapshotRow> {
    trial
        .snapshots
        .iter()
        .map(|view| SnapshotRow {
            title: format!("{} of {}", view.name, view.node),
            changed: view.before != view.after,
            answers: [("before", &view.before), ("at detection", &view.detected), ("after", &view.after)]
                .into_iter()
                .filter_map(|(when, answer)| {
                    let answer = match answer.as_ref()? {
                        Ok(body) => text::shortened(body, OUTPUT / 4).0,
                        Err(why) => format!("no answer: {why}"),
                    };
                    Some((when, answer))
                })
                .collect(),
        })
        .collect()
}
