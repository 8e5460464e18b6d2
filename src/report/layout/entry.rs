//! Entries of a transcript.

use serde::Serialize;

use super::trial::{OUTPUT, since};
use crate::report::format::duration_us;
use crate::report::text;
use crate::store::{CommandResult, Entry, Said};

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

/// Lays an entry out.
pub(super) fn entry(entry: &Entry, zero: u64) -> EntryRow {
    let at = since(entry.at_us, zero);
    match &entry.said {
        Said::Prompt { ticket, operator, text } => EntryRow {
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
        Said::Command { line, reasoning, result, .. } => EntryRow {
            at,
            kind: "command",
            title: reasoning.clone(),
            text: line.clone(),
            output: result.as_ref().map_or_else(String::new, output),
            outcome: result.as_ref().map_or_else(|| "no result recorded".to_owned(), outcome),
            failed: result.as_ref().is_none_or(|result| result.exit != Some(0)),
        },
        Said::End { end, summary, working_us } => EntryRow {
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
    let (output, _) = text::shortened(&result.output, OUTPUT);
    match result.cut_bytes {
        0 => output,
        bytes => format!("{output}\n[{bytes} bytes were not recorded]"),
    }
}

fn outcome(result: &CommandResult) -> String {
    let how = match (result.exit, result.timed_out) {
        (_, true) => "killed at its time limit".to_owned(),
        (Some(exit), _) => format!("exit {exit}"),
        (None, _) => "killed".to_owned(),
    };
    format!("{how}, {}", duration_us(result.took_us))
}
