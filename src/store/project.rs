//! From an event to the rows that follow from it. Pure: no clock, no database.

use rusqlite::Connection;
use rusqlite::types::Value;
use serde::Serialize;

use crate::model::event::{Body, Event};
use crate::model::trial::TrialKey;

/// One statement with its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    sql: &'static str,
    values: Vec<Value>,
}

impl Row {
    /// Runs the statement.
    pub(super) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(self.sql)?
            .execute(rusqlite::params_from_iter(&self.values))
            .map(drop)
    }
}

/// What an event changes in the projections.
pub(super) fn rows(seq: i64, event: &Event) -> Vec<Row> {
    match (&event.trial, &event.body) {
        (_, Body::RunStarted { .. } | Body::RunEnded { .. }) => run(event),
        (Some(trial), _) => Of {
            seq,
            trial: &trial.0,
            event,
        }
        .rows(),
        (None, _) => Vec::new(),
    }
}

/// Keeps what the scorer said about a trial.
pub(super) fn score(trial: &str, score: &str) -> Row {
    row(
        "INSERT INTO scores (trial, score) VALUES (?, ?)
         ON CONFLICT (trial) DO UPDATE SET score = excluded.score",
        [text(trial), text(score)],
    )
}

fn run(event: &Event) -> Vec<Row> {
    let wall = text(&event.wall.to_string());
    let id = text(&event.run.0);
    match &event.body {
        Body::RunStarted {
            trials, parallel, ..
        } => vec![row(
            "UPDATE runs SET state = 'running', trials = ?, parallel = ?,
                 started = coalesce(started, ?), ended = NULL WHERE id = ?",
            [(*trials).into(), (*parallel).into(), wall, id],
        )],
        Body::RunEnded { interrupted } => {
            let state = if *interrupted { "interrupted" } else { "ended" };
            vec![row(
                "UPDATE runs SET state = ?, ended = ? WHERE id = ?",
                [text(state), wall, id],
            )]
        }
        _ => Vec::new(),
    }
}

/// An event of a trial.
struct Of<'a> {
    seq: i64,
    trial: &'a str,
    event: &'a Event,
}

impl Of<'_> {
    fn rows(&self) -> Vec<Row> {
        match &self.event.body {
            Body::TrialStarted { key } => self.started(key),
            Body::PhaseStarted { .. } | Body::PhaseEnded { .. } | Body::TrialEnded { .. } => {
                self.progress()
            }
            Body::FaultPlanned { .. }
            | Body::FaultUndo { .. }
            | Body::FaultInjected { .. }
            | Body::FaultProven { .. }
            | Body::FaultGone { .. }
            | Body::FaultHealed { .. } => self.fault().into_iter().collect(),
            Body::Probe { .. } | Body::Load { .. } => self.samples(),
            Body::TicketOpened { .. } | Body::TicketFolded { .. } => {
                self.ticket().into_iter().collect()
            }
            Body::SessionStarted { .. } => self.said("prompt", self.session()),
            Body::SessionEnded { .. } => self.said("end", self.session()),
            Body::Message { .. } => self.said("message", None),
            Body::CommandStarted { .. } => self.said("command", self.command()),
            Body::CommandEnded { .. } => self.said("result", self.command()),
            // These are read from the log itself.
            Body::RunStarted { .. }
            | Body::RunEnded { .. }
            | Body::LabUp { .. }
            | Body::NodeChanged { .. }
            | Body::Snapshot { .. }
            | Body::Violation { .. }
            | Body::ViolationEnded { .. }
            | Body::Frozen { .. }
            | Body::Verified { .. }
            | Body::Ledger(_)
            | Body::TornDown { .. } => Vec::new(),
        }
    }

    fn trial(&self) -> Value {
        text(self.trial)
    }

    fn at(&self) -> Value {
        int(self.event.at_us)
    }

    fn wall(&self) -> Value {
        text(&self.event.wall.to_string())
    }

    /// A trial that begins again (a resumed run) forgets its unfinished first attempt.
    fn started(&self, key: &TrialKey) -> Vec<Row> {
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

    fn progress(&self) -> Vec<Row> {
        match &self.event.body {
            Body::PhaseStarted { phase } => vec![
                row(
                    "UPDATE trials SET phase = ? WHERE id = ?",
                    [word(phase), self.trial()],
                ),
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
            Body::TrialEnded {
                status,
                outcome,
                session,
                reason,
                leaked,
            } => vec![row(
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

    fn fault(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::FaultPlanned {
                fault,
                kind,
                targets,
                detail,
            } => row(
                "INSERT OR REPLACE INTO faults (trial, fault, kind, targets, detail) VALUES (?, ?, ?, ?, ?)",
                [
                    self.trial(),
                    (*fault).into(),
                    text(kind),
                    json(targets),
                    text(detail),
                ],
            ),
            Body::FaultUndo { fault, undo } => row(
                "UPDATE faults SET undo = ? WHERE trial = ? AND fault = ?",
                [text(undo), self.trial(), (*fault).into()],
            ),
            Body::FaultInjected { fault } => row(
                "UPDATE faults SET injected_us = ? WHERE trial = ? AND fault = ?",
                [self.at(), self.trial(), (*fault).into()],
            ),
            Body::FaultProven {
                fault,
                landed,
                evidence,
                ..
            } => row(
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

    fn samples(&self) -> Vec<Row> {
        match &self.event.body {
            Body::Probe {
                invariant,
                ok,
                value,
                ..
            } => vec![row(
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

    fn ticket(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::TicketOpened {
                ticket,
                invariant,
                summary,
            } => row(
                "INSERT OR REPLACE INTO tickets (trial, ticket, invariant, summary, opened_us) VALUES (?, ?, ?, ?, ?)",
                [
                    self.trial(),
                    (*ticket).into(),
                    text(invariant),
                    text(summary),
                    self.at(),
                ],
            ),
            Body::TicketFolded { ticket, .. } => row(
                "UPDATE tickets SET folded = folded + 1 WHERE trial = ? AND ticket = ?",
                [self.trial(), (*ticket).into()],
            ),
            _ => return None,
        })
    }

    /// An entry of the transcript, and a row beside it.
    fn said(&self, kind: &str, beside: Option<Row>) -> Vec<Row> {
        let entry = row(
            "INSERT INTO log_entries (seq, trial, kind) VALUES (?, ?, ?)",
            [self.seq.into(), self.trial(), text(kind)],
        );
        std::iter::once(entry).chain(beside).collect()
    }

    fn session(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::SessionStarted {
                ticket, operator, ..
            } => row(
                "INSERT INTO sessions (seq, trial, ticket, operator, started_us) VALUES (?, ?, ?, ?, ?)",
                [
                    self.seq.into(),
                    self.trial(),
                    (*ticket).into(),
                    text(operator),
                    self.at(),
                ],
            ),
            Body::SessionEnded {
                end,
                summary,
                working_us,
            } => row(
                "UPDATE sessions SET ended_us = ?, session = ?, summary = ?, working_us = ?
                 WHERE trial = ? AND ended_us IS NULL",
                [
                    self.at(),
                    word(end),
                    text(summary),
                    int(*working_us),
                    self.trial(),
                ],
            ),
            _ => return None,
        })
    }

    fn command(&self) -> Option<Row> {
        Some(match &self.event.body {
            Body::CommandStarted { command, line, .. } => row(
                "INSERT INTO commands (seq, trial, command, line, started_us) VALUES (?, ?, ?, ?, ?)",
                [
                    self.seq.into(),
                    self.trial(),
                    (*command).into(),
                    text(line),
                    self.at(),
                ],
            ),
            Body::CommandEnded {
                command,
                exit,
                timed_out,
                cut_bytes,
                took_us,
                ..
            } => row(
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

fn row<const N: usize>(sql: &'static str, values: [Value; N]) -> Row {
    Row {
        sql,
        values: values.into(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn flag(flag: bool) -> Value {
    Value::Integer(flag.into())
}

/// SQLite's integers are signed; microseconds reach their end after 292 000 years.
fn int(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A unit variant by the name that YAML and JSON give it.
fn word(value: &impl std::fmt::Display) -> Value {
    Value::Text(value.to_string())
}

fn json(value: &impl Serialize) -> Value {
    Value::Text(serde_json::to_string(value).unwrap_or_default())
}
