//! Pass, fail or unscored.

use serde::{Deserialize, Serialize};

use super::figures::Figures;
use crate::model::event::{Body, Event};
use crate::model::trial::Status;

/// What the scorer says about a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "snake_case")]
pub enum Verdict {
    /// The subject recovered and kept its promises.
    Pass,
    /// It did not; why.
    Fail(String),
    /// It cannot be said; why. Never counted as a failure.
    Unscored(String),
}

impl Verdict {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Unscored(_) => "unscored",
        }
    }

    /// Why it is not a pass; empty for a pass.
    pub fn reason(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Fail(reason) | Self::Unscored(reason) => reason,
        }
    }
}

/// Judges a trial. A known failure decides; what is unknown only matters when nothing failed.
pub fn verdict(events: &[Event], figures: &Figures) -> Verdict {
    let Some((status, why)) = events.iter().rev().find_map(|event| match &event.body {
        Body::TrialEnded { status, reason, .. } => Some((*status, reason.clone())),
        _ => None,
    }) else {
        return Verdict::Unscored("the record ends before the trial did".to_owned());
    };
    if status != Status::Completed {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        return Verdict::Unscored(format!("{status}{why}"));
    }
    let lost = figures.writes.as_ref().and_then(|writes| writes.lost);
    let unreadable = figures.writes.as_ref().map_or(0, |writes| writes.unreadable);
    match (figures.recovered, lost) {
        (_, Some(lost)) if lost > 0 => {
            Verdict::Fail(format!("{lost} acknowledged {} lost", if lost == 1 { "write was" } else { "writes were" }))
        }
        (Some(false), _) => Verdict::Fail("the subject did not recover".to_owned()),
        (None, _) => Verdict::Unscored("completed without an outcome".to_owned()),
        (Some(true), None) if unreadable > 0 => {
            Verdict::Unscored(format!("recovered, but {unreadable} acknowledged writes could not be read back"))
        }
        (Some(true), _) => Verdict::Pass,
    }
}
