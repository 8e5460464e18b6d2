//! What happened when in a trial, for its picture and its list of events.

use serde::Serialize;

use crate::model::event::{Actor, Body, Event, NodeChange};
use crate::model::trial::SessionEnd;
use crate::score::Figures;

/// A trial in time. All times are microseconds on the trial's clock.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    /// Where the axis has its zero: the first injected fault, or the trial's start without one.
    pub zero_us: u64,
    /// Where the picture begins.
    pub start_us: u64,
    /// Where it ends.
    pub end_us: u64,
    /// What clients saw.
    pub slices: Vec<Slice>,
    /// From each fault's injection to its end.
    pub faults: Vec<Span>,
    /// Moments.
    pub marks: Vec<Mark>,
    /// The operator's commands.
    pub commands: Vec<Span>,
    /// What happened to nodes.
    pub nodes: Vec<NodeMark>,
}

/// What clients saw in one slice of time, all operations together.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Slice {
    /// Its end.
    pub end_us: u64,
    /// Its length.
    pub length_us: u64,
    /// Requests that finished.
    pub total: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// 99th percentile latency of successful requests, of the slowest operation; absent without any.
    pub p99_us: Option<u64>,
}

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Span {
    /// Its start.
    pub start_us: u64,
    /// Its end; absent when the record has none.
    pub end_us: Option<u64>,
    /// What it is.
    pub label: String,
    /// Whether it ended well; absent when unknown.
    pub ok: Option<bool>,
}

/// A moment.
#[derive(Debug, Clone, Serialize)]
pub struct Mark {
    /// When.
    pub at_us: u64,
    /// What.
    pub kind: MarkKind,
    /// In words.
    pub label: String,
}

/// Kinds of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A fault was injected.
    Injected,
    /// A ticket was opened.
    Ticket,
    /// The session ended.
    SessionEnd,
    /// Everything held again.
    Recovered,
    /// The faults were removed by the harness.
    Healed,
}

/// Something that happened to a node.
#[derive(Debug, Clone, Serialize)]
pub struct NodeMark {
    /// When.
    pub at_us: u64,
    /// Which node.
    pub node: String,
    /// What, in words.
    pub what: String,
    /// Whether it is up afterwards; absent when that did not change.
    pub up: Option<bool>,
    /// Who did it.
    pub by: Actor,
}

impl MarkKind {
    /// The letter that stands for it in pictures.
    pub fn letter(self) -> char {
        match self {
            Self::Injected => 'F',
            Self::Ticket => 'T',
            Self::SessionEnd => 'E',
            Self::Recovered => 'R',
            Self::Healed => 'H',
        }
    }
}

/// Collects a trial's timeline from its events.
pub(super) fn timeline(events: &[Event], figures: &Figures) -> Timeline {
    let mut line = Timeline { zero_us: figures.injected_at_us.unwrap_or_default(), ..Timeline::default() };
    let mut open: Vec<(u32, usize)> = Vec::new();
    let mut faults: Vec<(u32, usize)> = Vec::new();
    for event in events {
        let at_us = event.at_us;
        match &event.body {
            Body::Load { slice_us, ops } => {
                let ok = ops.iter().map(|op| u64::from(op.ok)).sum();
                let bad: u64 = ops.iter().map(|op| u64::from(op.failed) + u64::from(op.indeterminate)).sum();
                line.slices.push(Slice {
                    end_us: at_us,
                    length_us: *slice_us,
                    total: ok + bad,
                    ok,
                    p99_us: ops.iter().filter(|op| op.ok > 0).map(|op| op.p99_us).max(),
                });
            }
            Body::CommandStarted { command, line: words, .. } => {
                open.push((*command, line.commands.len()));
                line.commands.push(span(at_us, words));
            }
            Body::CommandEnded { command, exit, .. } => {
                if let Some(found) = open.iter().rposition(|(open, _)| open == command) {
                    let span = &mut line.commands[open.remove(found).1];
                    span.end_us = Some(at_us);
                    span.ok = Some(*exit == Some(0));
                }
            }
            Body::FaultInjected { fault } => {
                faults.push((*fault, line.faults.len()));
                line.faults.push(span(at_us, "fault in effect"));
                line.mark(at_us, MarkKind::Injected, "fault injected");
            }
            Body::FaultGone { fault, .. } | Body::FaultHealed { fault, .. } => {
                let span = faults.iter().find(|(open, _)| open == fault).map(|(_, index)| &mut line.faults[*index]);
                let gone = span.as_ref().is_some_and(|span| span.end_us.is_some());
                if let Some(span) = span {
                    span.end_us.get_or_insert(at_us);
                }
                if matches!(event.body, Body::FaultHealed { .. }) {
                    let label = if gone {
                        "heal step: the fault was already gone"
                    } else {
                        "heal step: fault removed by the harness"
                    };
                    line.mark(at_us, MarkKind::Healed, label);
                }
            }
            Body::TicketOpened { ticket, invariant, .. } => {
                line.mark(at_us, MarkKind::Ticket, &format!("ticket {ticket}: {invariant}"));
            }
            Body::SessionEnded { end, .. } if *end != SessionEnd::None => {
                line.mark(at_us, MarkKind::SessionEnd, &format!("session ended: {end}"));
            }
            Body::Verified { recovered: true, since_us: Some(since), .. } => {
                line.mark(*since, MarkKind::Recovered, "everything holds again");
            }
            Body::NodeChanged { node, change, by } => {
                line.nodes.push(node_mark(at_us, node, change, *by));
            }
            _ => {}
        }
    }
    line.limits(events, figures);
    line
}

impl Timeline {
    fn mark(&mut self, at_us: u64, kind: MarkKind, label: &str) {
        self.marks.push(Mark { at_us, kind, label: label.to_owned() });
    }

    /// The picture begins a little before the fault and ends with the load, or the last event.
    fn limits(&mut self, events: &[Event], figures: &Figures) {
        const BEFORE: u64 = 5_000_000;
        let first = self.slices.first().map_or(0, |slice| slice.end_us.saturating_sub(slice.length_us));
        let last = self
            .slices
            .last()
            .map(|slice| slice.end_us)
            .max(figures.verified_at_us)
            .or_else(|| events.last().map(|event| event.at_us))
            .unwrap_or_default();
        self.start_us = match figures.injected_at_us {
            Some(injected) => first.max(injected.saturating_sub(BEFORE)).min(injected),
            None => first,
        };
        self.end_us = last.max(self.start_us + 1_000_000);
        self.marks.sort_by_key(|mark| mark.at_us);
    }
}

fn span(start_us: u64, label: &str) -> Span {
    Span { start_us, end_us: None, label: label.to_owned(), ok: None }
}

fn node_mark(at_us: u64, node: &str, change: &NodeChange, by: Actor) -> NodeMark {
    let (what, up) = match change {
        NodeChange::Started => ("started".to_owned(), Some(true)),
        NodeChange::Stopped => ("stopped".to_owned(), Some(false)),
        NodeChange::Killed => ("killed".to_owned(), Some(false)),
        NodeChange::Exited { how } => (format!("ended ({how})"), Some(false)),
        NodeChange::Signalled { signal } => (
            format!("got SIG{signal}"),
            match signal.as_str() {
                "STOP" => Some(false),
                "CONT" => Some(true),
                _ => None,
            },
        ),
        NodeChange::RulesRemoved { count } => {
            (format!("{count} link rule{} removed", if *count == 1 { "" } else { "s" }), None)
        }
    };
    NodeMark { at_us, node: node.to_owned(), what, up, by }
}
