//! What a fault does, with its targets filled in.

use std::sync::Arc;

use crate::runtime::{Lab, LabError};
use crate::spec::fault::{Direction, FaultKind};

use super::{links, nodes};

/// A fault with its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// The nodes' processes are killed.
    Kill(Vec<String>),
    /// The nodes' processes are stopped.
    Pause(Vec<String>),
    /// Packets along these links (sender, receiver) are dropped.
    Cut {
        /// The nodes that the fault is about.
        targets: Vec<String>,
        /// Ordered pairs of nodes.
        links: Vec<(String, String)>,
    },
}

/// What is needed to undo an action that was applied, in part or as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Applied {
    /// Rules that were there before, if any of ours may have been added.
    pub before: Option<Vec<u32>>,
    /// Ids of the rules that were added. Empty when that was cut short.
    pub rules: Vec<u32>,
}

/// Marks evidence that speaks against the claim.
const UNEXPECTED: &str = "NOT as expected: ";

/// A measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    /// What was to be shown is shown.
    pub holds: bool,
    /// What was measured, a line each.
    pub evidence: Vec<String>,
}

impl Proof {
    /// Nothing speaks against it yet.
    pub(super) fn new() -> Self {
        Self { holds: true, evidence: Vec::new() }
    }

    /// Adds a line, and whether it supports the claim.
    pub(super) fn add(&mut self, supports: bool, line: String) {
        self.holds &= supports;
        self.evidence.push(if supports { line } else { format!("{UNEXPECTED}{line}") });
    }

    /// What speaks against the claim.
    pub(super) fn against(&self) -> String {
        let against = self.evidence.iter().filter_map(|line| line.strip_prefix(UNEXPECTED));
        against.collect::<Vec<_>>().join("; ")
    }
}

impl Action {
    /// A cut between targets and others.
    pub(super) fn cut(targets: Vec<String>, others: &[String], direction: Direction) -> Self {
        let mut links = Vec::new();
        for target in &targets {
            for other in others {
                if matches!(direction, Direction::Both | Direction::Out) {
                    links.push((target.clone(), other.clone()));
                }
                if matches!(direction, Direction::Both | Direction::In) {
                    links.push((other.clone(), target.clone()));
                }
            }
        }
        Self::Cut { targets, links }
    }

    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Kill(_) => FaultKind::NodeKill,
            Self::Pause(_) => FaultKind::NodePause,
            Self::Cut { .. } => FaultKind::Partition,
        }
    }

    pub(super) fn targets(&self) -> &[String] {
        match self {
            Self::Kill(targets) | Self::Pause(targets) | Self::Cut { targets, .. } => targets,
        }
    }

    /// In words of the runtime: what will be done.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Kill(targets) => format!("SIGKILL to {}", targets.join(", ")),
            Self::Pause(targets) => format!("SIGSTOP to {}", targets.join(", ")),
            Self::Cut { links, .. } => format!("drop all packets {}", links::text(links)),
        }
    }

    /// What undoes it.
    pub(super) fn undo(&self) -> String {
        match self {
            Self::Kill(targets) => format!("start {} when down", targets.join(", ")),
            Self::Pause(targets) => format!("SIGCONT to {} when stopped", targets.join(", ")),
            Self::Cut { links, .. } => format!("remove the rules that deny {}", links::text(links)),
        }
    }

    /// Applies it and measures the effect. What was done is in `applied` even when this fails.
    pub(super) async fn inject(&self, lab: &Arc<dyn Lab>, applied: &mut Applied, injected: impl Fn()) -> Result<Proof, LabError> {
        match self {
            Self::Kill(targets) => nodes::kill(lab, targets, injected).await,
            Self::Pause(targets) => nodes::pause(lab, targets, injected).await,
            Self::Cut { links, .. } => links::cut(lab, links, applied, injected).await,
        }
    }

    /// Why it is no longer in effect; `None` while it is.
    pub(super) async fn gone(&self, lab: &Arc<dyn Lab>, applied: &Applied) -> Result<Option<String>, LabError> {
        match self {
            Self::Kill(targets) => nodes::gone(lab, targets, nodes::is_down).await,
            Self::Pause(targets) => nodes::gone(lab, targets, nodes::is_paused).await,
            Self::Cut { .. } if applied.rules.is_empty() => Ok(None),
            Self::Cut { .. } => links::gone(lab, &applied.rules).await,
        }
    }

    /// Undoes it; harmless when it is undone already.
    pub(super) async fn heal(&self, lab: &Arc<dyn Lab>, applied: &Applied) -> Result<(), LabError> {
        match self {
            Self::Kill(targets) | Self::Pause(targets) => nodes::revive(lab, targets).await,
            Self::Cut { links, .. } => links::open(lab, links, applied).await,
        }
    }

    /// Measures that it is undone.
    pub(super) async fn prove_heal(&self, lab: &Arc<dyn Lab>, applied: &Applied) -> Result<Proof, LabError> {
        match self {
            Self::Kill(targets) | Self::Pause(targets) => nodes::prove_running(lab, targets).await,
            Self::Cut { links, .. } => links::prove_open(lab, links, applied).await,
        }
    }
}
