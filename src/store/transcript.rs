//! What was said and done in a trial's session, in order.

use serde::Serialize;

use crate::model::event::{Body, Event};
use crate::model::trial::SessionEnd;

/// One entry of a transcript.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Microseconds since the trial began.
    pub at_us: u64,
    /// What was said or done.
    #[serde(flatten)]
    pub said: Said,
}

/// What was said or done.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Said {
    /// What the operator was told.
    Prompt {
        /// The ticket.
        ticket: u32,
        /// The kind of operator.
        operator: String,
        /// Briefing and ticket.
        text: String,
    },
    /// Words of the operator.
    Message {
        /// Reasoning or answer.
        text: String,
    },
    /// A command and what came of it.
    Command {
        /// Its number in the session.
        command: u32,
        /// As given to `sh -c`.
        line: String,
        /// Why, in the operator's words.
        reasoning: String,
        /// Absent when the record ends before the command.
        result: Option<CommandResult>,
    },
    /// The session's end.
    End {
        /// How.
        end: SessionEnd,
        /// The operator's closing words, or why it was ended.
        summary: String,
        /// Microseconds of working time.
        working_us: u64,
    },
}

/// What came of a command.
#[derive(Debug, Clone, Serialize)]
pub struct CommandResult {
    /// Exit code; absent when it was killed.
    pub exit: Option<i32>,
    /// True when its time limit ended it.
    pub timed_out: bool,
    /// Standard output and error.
    pub output: String,
    /// Bytes that are missing in `output`.
    pub cut_bytes: u64,
    /// Microseconds that it took.
    pub took_us: u64,
}

impl Entry {
    /// Picks the transcript out of a trial's events. A command's result is part of its command.
    pub fn from_events(events: &[Event]) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for event in events {
            let said = match event.body.clone() {
                Body::SessionStarted { ticket, operator, prompt } => Said::Prompt { ticket, operator, text: prompt },
                Body::Message { text } => Said::Message { text },
                Body::CommandStarted { command, line, reasoning } => {
                    Said::Command { command, line, reasoning, result: None }
                }
                Body::CommandEnded { command, exit, timed_out, output, cut_bytes, took_us } => {
                    let result = CommandResult { exit, timed_out, output, cut_bytes, took_us };
                    answer(&mut entries, command, result);
                    continue;
                }
                Body::SessionEnded { end, summary, working_us } => Said::End { end, summary, working_us },
                _ => continue,
            };
            entries.push(Self { at_us: event.at_us, said });
        }
        entries
    }
}

/// Gives a result to the latest command of this number that has none.
fn answer(entries: &mut [Entry], number: u32, outcome: CommandResult) {
    for entry in entries.iter_mut().rev() {
        if let Said::Command { command, result, .. } = &mut entry.said
            && *command == number
            && result.is_none()
        {
            *result = Some(outcome);
            return;
        }
    }
}
