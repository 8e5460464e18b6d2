//! Rows of what was observed and of what the operator did.

use rusqlite::types::Value;

use super::{Of, Row, flag, int, row, text, word};
use crate::model::event::Body;

impl Of<'_> {
    pub(super) fn samples(&self) -> Vec<Row> {
        match &self.event.body {
            Body::Probe { invariant, ok, value, .. } => vec![row(
                "INSERT INTO probe_samples (seq, trial, at_us, invariant, ok, value) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    self.seq.into(),
                    self.trial(),
                    self.at(),
                    text(invariant),
                    ok.map_or(Value::Null, flag),
                    value.map_or(Value::Null, Value::Real),
                ],
            )],
            Body::Load { slice_us, ops } => ops
                .iter()
                .map(|op| {
                    row(
                        "INSERT OR REPLACE INTO load_samples
                         (seq, trial, at_us, slice_us, op, ok, failed, indeterminate, p50_us, p99_us, max_us)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        [
                            self.seq.into(),
                            self.trial(),
                            self.at(),
                            int(*slice_us),
                            text(&op.op),
                            op.ok.into(),
                            op.failed.into(),
                            op.indeterminate.into(),
                            int(op.p50_us),
                            int(op.p99_us),
                            int(op.max_us),
                        ],
                    )
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn ticket(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::TicketOpened { ticket, invariant, summary } => row(
                "INSERT OR REPLACE INTO tickets (trial, ticket, invariant, summary, opened_us) VALUES (?, ?, ?, ?, ?)",
                [self.trial(), (*ticket).into(), text(invariant), text(summary), self.at()],
            ),
            Body::TicketFolded { ticket, .. } => row(
                "UPDATE tickets SET folded = folded + 1 WHERE trial = ? AND ticket = ?",
                [self.trial(), (*ticket).into()],
            ),
            _ => return None,
        })
    }

    /// An entry of the transcript, and a row beside it.
    pub(super) fn said(&self, kind: &str, beside: Option<Row>) -> Vec<Row> {
        let entry = row(
            "INSERT INTO log_entries (seq, trial, kind) VALUES (?, ?, ?)",
            [self.seq.into(), self.trial(), text(kind)],
        );
        std::iter::once(entry).chain(beside).collect()
    }

    pub(super) fn session(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::SessionStarted { ticket, operator, .. } => row(
                "INSERT INTO sessions (seq, trial, ticket, operator, started_us) VALUES (?, ?, ?, ?, ?)",
                [self.seq.into(), self.trial(), (*ticket).into(), text(operator), self.at()],
            ),
            Body::SessionEnded { end, summary, working_us } => row(
                "UPDATE sessions SET ended_us = ?, session = ?, summary = ?, working_us = ?
                 WHERE trial = ? AND ended_us IS NULL",
                [self.at(), word(end), text(summary), int(*working_us), self.trial()],
            ),
            _ => return None,
        })
    }

    pub(super) fn command(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::CommandStarted { command, line, .. } => row(
                "INSERT INTO commands (seq, trial, command, line, started_us) VALUES (?, ?, ?, ?, ?)",
                [self.seq.into(), self.trial(), (*command).into(), text(line), self.at()],
            ),
            Body::CommandEnded { command, exit, timed_out, cut_bytes, took_us, .. } => row(
                "UPDATE commands SET ended_us = ?, ended_seq = ?, exit = ?, timed_out = ?, took_us = ?,
                     cut_bytes = ? WHERE trial = ? AND command = ? AND ended_us IS NULL",
                [
                    self.at(),
                    self.seq.into(),
                    exit.map_or(Value::Null, Into::into),
                    flag(*timed_out),
                    int(*took_us),
                    int(*cut_bytes),
                    self.trial(),
                    (*command).into(),
                ],
            ),
            _ => return None,
        })
    }
}
