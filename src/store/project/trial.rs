//! Rows of trials, their phases and faults.

use rusqlite::types::Value;

use super::{Of, Row, flag, json, row, text, word};
use crate::model::event::Body;
use crate::model::trial::TrialKey;

impl Of<'_> {
    /// A trial that begins again (a resumed run) forgets its unfinished first attempt.
    pub(super) fn started(&self, key: &TrialKey) -> Vec<Row> {
        vec![
            row("DELETE FROM trials WHERE id = ?", [self.trial()]),
            row(
                "INSERT INTO trials (id, run, number, scenario, variant, repeat, seed, first_seq, started)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self.trial(),
                    text(&self.event.run.0),
                    key.number.into(),
                    text(&key.scenario),
                    text(&key.variant),
                    key.repeat.into(),
                    text(&key.seed.to_string()),
                    self.seq.into(),
                    self.wall(),
                ],
            ),
        ]
    }

    pub(super) fn progress(&self) -> Vec<Row> {
        match &self.event.body {
            Body::PhaseStarted { phase } => vec![
                row("UPDATE trials SET phase = ? WHERE id = ?", [word(phase), self.trial()]),
                row(
                    "INSERT INTO phases (seq, trial, phase, start_us) VALUES (?, ?, ?, ?)",
                    [self.seq.into(), self.trial(), word(phase), self.at()],
                ),
            ],
            Body::PhaseEnded { phase, timed_out } => vec![row(
                "UPDATE phases SET end_us = ?, timed_out = ?
                 WHERE trial = ? AND phase = ? AND end_us IS NULL",
                [self.at(), flag(*timed_out), self.trial(), word(phase)],
            )],
            Body::TrialEnded { status, outcome, session, reason, leaked } => vec![row(
                "UPDATE trials SET ended = ?, took_us = ?, status = ?, outcome = ?, session = ?,
                     reason = ?, leaked = ? WHERE id = ?",
                [
                    self.wall(),
                    self.at(),
                    word(status),
                    outcome.as_ref().map_or(Value::Null, word),
                    word(session),
                    reason.as_deref().map_or(Value::Null, text),
                    flag(*leaked),
                    self.trial(),
                ],
            )],
            _ => Vec::new(),
        }
    }

    pub(super) fn fault(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::FaultPlanned { fault, kind, targets, detail } => row(
                "INSERT OR REPLACE INTO faults (trial, fault, kind, targets, detail) VALUES (?, ?, ?, ?, ?)",
                [self.trial(), (*fault).into(), text(kind), json(targets), text(detail)],
            ),
            Body::FaultUndo { fault, undo } => row(
                "UPDATE faults SET undo = ? WHERE trial = ? AND fault = ?",
                [text(undo), self.trial(), (*fault).into()],
            ),
            Body::FaultInjected { fault } => row(
                "UPDATE faults SET injected_us = ? WHERE trial = ? AND fault = ?",
                [self.at(), self.trial(), (*fault).into()],
            ),
            Body::FaultProven { fault, landed, evidence, .. } => row(
                "UPDATE faults SET landed = ?, evidence = ? WHERE trial = ? AND fault = ?",
                [flag(*landed), json(evidence), self.trial(), (*fault).into()],
            ),
            Body::FaultGone { fault, .. } => row(
                "UPDATE faults SET gone_us = ? WHERE trial = ? AND fault = ?",
                [self.at(), self.trial(), (*fault).into()],
            ),
            Body::FaultHealed { fault, proven, .. } => row(
                "UPDATE faults SET healed_us = ?, heal_proven = ? WHERE trial = ? AND fault = ?",
                [self.at(), flag(*proven), self.trial(), (*fault).into()],
            ),
            _ => return None,
        })
    }
}
