//! What the operator did.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::event::{Actor, Body, Event, NodeChange};

/// The operator's commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// How many were started.
    pub count: u32,
    /// How many different ones, white space aside.
    pub unique: u32,
    /// The others: commands that had been given before in the session (thrashing).
    pub repeated: u32,
    /// Ended with another exit code than 0, or killed.
    pub failed: u32,
    /// Ended by their time limit.
    pub timed_out: u32,
}

/// A session's times.
pub(super) struct Session {
    /// Wall time, microseconds; absent when its end is not recorded.
    pub(super) took_us: Option<u64>,
    /// Working time, microseconds.
    pub(super) working_us: Option<u64>,
}

/// All sessions of a trial as one; `None` when there was none.
pub(super) fn session(events: &[Event]) -> Option<Session> {
    let mut open = None;
    let mut session: Option<Session> = None;
    for event in events {
        match &event.body {
            Body::SessionStarted { .. } => {
                open = Some(event.at_us);
                session.get_or_insert(Session { took_us: None, working_us: None });
            }
            Body::SessionEnded { working_us, .. } => {
                if let (Some(start), Some(session)) = (open.take(), &mut session) {
                    let took = event.at_us.saturating_sub(start);
                    session.took_us = Some(session.took_us.unwrap_or_default() + took);
                    session.working_us = Some(session.working_us.unwrap_or_default() + working_us);
                }
            }
            _ => {}
        }
    }
    session
}

/// Counts commands.
pub(super) fn commands(events: &[Event]) -> Commands {
    let mut lines = BTreeSet::new();
    let mut commands = Commands::default();
    for event in events {
        match &event.body {
            Body::CommandStarted { line, .. } => {
                commands.count += 1;
                let words: Vec<&str> = line.split_whitespace().collect();
                if lines.insert(words.join(" ")) {
                    commands.unique += 1;
                } else {
                    commands.repeated += 1;
                }
            }
            Body::CommandEnded { exit, timed_out, .. } => {
                commands.failed += u32::from(*exit != Some(0));
                commands.timed_out += u32::from(*timed_out);
            }
            _ => {}
        }
    }
    commands
}

/// Nodes that the operator took from service: stopped, killed, or signalled other than to continue.
/// Starting a node that is down, or removing rules from its links, takes nothing from service.
pub(super) fn touched(events: &[Event]) -> BTreeSet<String> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::NodeChanged { node, change, by: Actor::Operator } => match change {
                NodeChange::Stopped | NodeChange::Killed | NodeChange::Exited { .. } => Some(node),
                NodeChange::Signalled { signal } => (signal != "CONT").then_some(node),
                NodeChange::Started | NodeChange::RulesRemoved { .. } => None,
            },
            _ => None,
        })
        .cloned()
        .collect()
}

/// Nodes that a fault concerns.
pub(super) fn targets(events: &[Event]) -> BTreeSet<String> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::FaultPlanned { targets, .. } => Some(targets),
            _ => None,
        })
        .flatten()
        .cloned()
        .collect()
}
