//! One trial of a page.

use serde::Serialize;

use crate::model::event::Actor;
use crate::model::trial::{Outcome, Status};
use crate::report::format::{MISSING, count, duration_us, percent_fine};
use crate::report::svg;
use crate::report::text;
use crate::report::trial::{FaultView, TicketView, TrialView};
use crate::score::Verdict;
use crate::store::{CommandResult, Entry, Said};

/// Output beyond this many bytes is left out of pages; `harness show` and the JSON report have all of it.
const OUTPUT: usize = 6 * 1024;

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

/// An entry of the transcript.
#[derive(Debug, Default, Serialize)]
pub(in crate::report) struct EntryRow {
    pub(in crate::report) at: String,
    /// `prompt`, `message`, `command` or `end`.
    pub(in crate::report) kind: &'static str,
    pub(in crate::report) title: String,
    pub(in crate::report) text: String,
    pub(in crate::report) output: String,
    pub(in crate::report) outcome: String,
    pub(in crate::report) failed: bool,
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
        time: trial
            .figures
            .time_to_recover_us
            .map_or_else(missing, duration_us),
        session: trial
            .row
            .session
            .map_or_else(missing, |end| end.to_string().replace('_', " ")),
        facts: facts(trial),
        faults: trial.faults.iter().map(|view| fault(view, zero)).collect(),
        tickets: trial
            .tickets
            .iter()
            .map(|view| ticket(view, zero))
            .collect(),
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
        svg: if picture {
            svg::draw(trial)
        } else {
            String::new()
        },
        snapshots: snapshots(trial),
        transcript: trial
            .transcript
            .iter()
            .map(|view| entry(view, zero))
            .collect(),
    }
}

fn missing() -> String {
    MISSING.to_owned()
}

/// How a trial ended, and its colour.
pub(in crate::report) fn result(trial: &TrialView) -> (String, &'static str) {
    match (trial.row.status, trial.row.outcome, &trial.verdict) {
        (None, ..) => ("running".to_owned(), "none"),
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Pass) => {
            ("recovered".to_owned(), "good")
        }
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Fail(_)) => {
            ("recovered, writes lost".to_owned(), "bad")
        }
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Unscored(_)) => {
            ("recovered, loss unknown".to_owned(), "none")
        }
        (Some(Status::Completed), ..) if trial.figures.false_resolution == Some(true) => {
            ("false resolution".to_owned(), "bad")
        }
        (Some(Status::Completed), ..) => ("not recovered".to_owned(), "bad"),
        (Some(status), ..) => (status.to_string(), "none"),
    }
}

fn since(at_us: u64, zero: u64) -> String {
    match at_us.checked_sub(zero) {
        Some(after) => format!("+{:.2}\u{a0}s", after as f64 / 1e6),
        None => format!("−{:.2}\u{a0}s", (zero - at_us) as f64 / 1e6),
    }
}

fn facts(trial: &TrialView) -> Vec<(String, String)> {
    let figures = &trial.figures;
    let time = |us: Option<u64>| us.map_or_else(missing, duration_us);
    let mut facts = vec![("Verdict", {
        let reason = trial.verdict.reason();
        let dash = if reason.is_empty() { "" } else { ": " };
        format!("{}{dash}{reason}", trial.verdict.word())
    })];
    if let Some(reason) = &trial.row.reason
        && !trial.verdict.reason().contains(reason.as_str())
    {
        facts.push(("Reason", reason.clone()));
    }
    if !trial.not_held.is_empty() {
        facts.push(("Did not hold", trial.not_held.clone()));
    }
    facts.push(("Time to detect", time(figures.time_to_detect_us)));
    facts.push((
        "Time to first action",
        time(figures.time_to_first_action_us),
    ));
    facts.push(("Time to recover", time(figures.time_to_recover_us)));
    facts.push((
        "Bad requests",
        figures.requests.map_or_else(missing, |seen| {
            format!(
                "{} of {} ({})",
                seen.bad,
                seen.total,
                percent_fine(seen.bad_share())
            )
        }),
    ));
    facts.push((
        "Bad seconds",
        figures.requests.map_or_else(missing, |seen| {
            format!("{} of {}", seen.bad_seconds, seen.seconds)
        }),
    ));
    facts.push((
        "Acknowledged writes lost",
        figures.writes.as_ref().map_or_else(missing, |writes| {
            let lost = writes
                .lost
                .map_or_else(|| "unknown".to_owned(), |lost| lost.to_string());
            let keys = if writes.lost_keys.is_empty() {
                String::new()
            } else {
                format!(": {}", writes.lost_keys.join(", "))
            };
            let unreadable = if writes.unreadable > 0 {
                format!(", {} not readable", writes.unreadable)
            } else {
                String::new()
            };
            format!("{lost} of {}{unreadable}{keys}", writes.acknowledged)
        }),
    ));
    facts.push((
        "Other writes",
        figures.writes.as_ref().map_or_else(missing, |writes| {
            format!(
                "{} failed, {} of unknown fate",
                writes.failed, writes.indeterminate
            )
        }),
    ));
    facts.push((
        "Wrong reads",
        figures
            .writes
            .as_ref()
            .map_or_else(missing, |writes| writes.wrong_reads.to_string()),
    ));
    facts.push((
        "Commands",
        figures.commands.map_or_else(missing, |commands| {
            format!(
                "{} ({} different, {} failed)",
                commands.count, commands.unique, commands.failed
            )
        }),
    ));
    facts.push((
        "Collateral",
        figures.collateral.as_ref().map_or_else(missing, |nodes| {
            if nodes.is_empty() {
                "none".to_owned()
            } else {
                nodes.iter().cloned().collect::<Vec<_>>().join(", ")
            }
        }),
    ));
    if let Some(frozen) = trial.frozen.filter(|frozen| *frozen > 0) {
        facts.push((
            "Left running by the operator",
            count(frozen.into(), "process").replace("processs", "processes"),
        ));
    }
    facts.push((
        "Harness overhead",
        figures
            .overhead_us
            .zip(figures.total_us)
            .map_or_else(missing, |(own, total)| {
                format!("{} of {}", duration_us(own), duration_us(total))
            }),
    ));
    if !trial.leftovers.is_empty() {
        facts.push(("Left behind", trial.leftovers.join(", ")));
    }
    facts.push(("Seed", trial.row.key.seed.to_string()));
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn fault(fault: &FaultView, zero: u64) -> FaultRow {
    let mut lines = vec![fault.detail.clone()];
    let proof = match fault.landed {
        Some(true) => "landed",
        Some(false) => "did not land",
        None => "not proven",
    };
    let took = fault
        .took_us
        .map_or(String::new(), |us| format!(" ({})", duration_us(us)));
    lines.push(format!("{proof}{took}: {}", fault.evidence.join("; ")));
    if let Some((at_us, detail)) = &fault.gone {
        lines.push(format!("gone at {}: {detail}", since(*at_us, zero)));
    }
    if let Some(at_us) = fault.healed_us {
        let proof = if fault.heal_proven == Some(true) {
            "proven"
        } else {
            "not proven"
        };
        lines.push(format!(
            "removed at {} ({proof}): {}",
            since(at_us, zero),
            fault.heal_evidence.join("; ")
        ));
    }
    FaultRow {
        title: format!("{} on {}", fault.kind, fault.targets.join(", ")),
        lines,
    }
}

fn ticket(ticket: &TicketView, zero: u64) -> TicketRow {
    TicketRow {
        title: format!(
            "Ticket {} at {}: {}",
            ticket.ticket,
            since(ticket.at_us, zero),
            ticket.invariant
        ),
        summary: ticket.summary.clone(),
        folded: ticket.folded.clone(),
    }
}

fn moments(trial: &TrialView) -> Vec<Moment> {
    let line = &trial.timeline;
    let moment = |at_us, letter: String, label| Moment {
        at_us,
        at: since(at_us, line.zero_us),
        letter,
        label,
    };
    let marks = line.marks.iter().map(|mark| {
        moment(
            mark.at_us,
            mark.kind.letter().to_string(),
            mark.label.clone(),
        )
    });
    let nodes = line
        .nodes
        .iter()
        .filter(|mark| mark.at_us >= line.start_us)
        .map(|mark| {
            let by = match mark.by {
                Actor::Harness => "by the harness",
                Actor::Operator => "by the operator",
                Actor::Itself => "by itself",
            };
            moment(
                mark.at_us,
                String::new(),
                format!("{} {} {by}", mark.node, mark.what),
            )
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
            answers: [
                ("before", &view.before),
                ("at detection", &view.detected),
                ("after", &view.after),
            ]
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

fn entry(entry: &Entry, zero: u64) -> EntryRow {
    let at = since(entry.at_us, zero);
    match &entry.said {
        Said::Prompt {
            ticket,
            operator,
            text,
        } => EntryRow {
            at,
            kind: "prompt",
            title: format!("{operator} is told of ticket {ticket}"),
            text: text.clone(),
            ..EntryRow::default()
        },
        Said::Message { text } => EntryRow {
            at,
            kind: "message",
            title: "operator".to_owned(),
            text: text::shortened(text, OUTPUT).0,
            ..EntryRow::default()
        },
        Said::Command {
            line,
            reasoning,
            result,
            ..
        } => EntryRow {
            at,
            kind: "command",
            title: reasoning.clone(),
            text: line.clone(),
            output: result.as_ref().map_or_else(String::new, output),
            outcome: result
                .as_ref()
                .map_or_else(|| "no result recorded".to_owned(), outcome),
            failed: result.as_ref().is_none_or(|result| result.exit != Some(0)),
        },
        Said::End {
            end,
            summary,
            working_us,
        } => EntryRow {
            at,
            kind: "end",
            title: format!("session ends: {}", end.to_string().replace('_', " ")),
            text: summary.clone(),
            outcome: format!("{} of working time", duration_us(*working_us)),
            ..EntryRow::default()
        },
    }
}

fn output(result: &CommandResult) -> String {
    let (mut output, _) = text::shortened(&result.output, OUTPUT);
    if result.cut_bytes > 0 {
        output.push_str(&format!("\n[{} bytes were not recorded]", result.cut_bytes));
    }
    output
}

fn outcome(result: &CommandResult) -> String {
    let how = match (result.exit, result.timed_out) {
        (_, true) => "killed at its time limit".to_owned(),
        (Some(exit), _) => format!("exit {exit}"),
        (None, _) => "killed".to_owned(),
    };
    format!("{how}, {}", duration_us(result.took_us))
}
