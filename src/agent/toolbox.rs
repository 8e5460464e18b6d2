//! What an operator can do, within its budget, on the record.

use std::sync::Arc;

use tokio::time::Instant;

use super::OperatorError;
use crate::model::event::{Body, Emit};
use crate::runtime::{Exec, Lab, Place};
use crate::spec::variant::Shell;

/// How an operator closes its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// It is repaired.
    Resolved,
    /// Somebody else must repair it.
    Escalated,
}

/// What a shell command did, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellResult {
    /// Exit code; absent when it was killed.
    pub exit: Option<i32>,
    /// True when its own time limit ended it.
    pub timed_out: bool,
    /// Standard output and error, cut in the middle when too long.
    pub output: String,
}

/// The session's budget is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("out of budget: {0}")]
pub struct OutOfBudget(pub String);

/// The tools of one session.
pub struct Toolbox {
    lab: Arc<dyn Lab>,
    emit: Emit,
    shell: Shell,
    deadline: Instant,
    commands_left: Option<u32>,
    commands: u32,
    closed: Option<(Close, String)>,
}

impl Toolbox {
    pub(super) fn new(lab: Arc<dyn Lab>, emit: Emit, shell: Shell, deadline: Instant, commands: Option<u32>) -> Self {
        Self { lab, emit, shell, deadline, commands_left: commands, commands: 0, closed: None }
    }

    /// Runs a command with `sh -c` in the operator's place in the lab.
    pub async fn shell(&mut self, command: &str, reasoning: &str) -> Result<ShellResult, OperatorError> {
        if self.commands_left == Some(0) {
            return Err(OutOfBudget(format!("{} commands", self.commands)).into());
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(OutOfBudget("time".into()).into());
        }
        self.commands_left = self.commands_left.map(|left| left - 1);
        self.commands += 1;
        let (number, begin) = (self.commands, Instant::now());
        (self.emit)(Body::CommandStarted { command: number, line: command.into(), reasoning: reasoning.into() });
        let timeout = self.shell.timeout.duration().min(left);
        let max_output = self.shell.max_output.0;
        let exec = Exec { place: Place::Operator, line: command.into(), timeout, max_output };
        let result = self.lab.exec(exec).await;
        let took_us = begin.elapsed().as_micros() as u64;
        let ended = |exit, timed_out, output, cut_bytes| Body::CommandEnded {
            command: number,
            exit,
            timed_out,
            output,
            cut_bytes,
            took_us,
        };
        match result {
            Ok(done) => {
                (self.emit)(ended(done.exit, done.timed_out, done.output.clone(), done.cut_bytes));
                if done.timed_out && Instant::now() >= self.deadline {
                    return Err(OutOfBudget("time".into()).into());
                }
                Ok(ShellResult { exit: done.exit, timed_out: done.timed_out, output: done.output })
            }
            Err(error) => {
                (self.emit)(ended(None, false, error.to_string(), 0));
                Err(OperatorError::Crashed(format!("the shell is not there: {error}")))
            }
        }
    }

    /// Puts words of the operator on the record.
    pub fn say(&mut self, text: &str) {
        (self.emit)(Body::Message { text: text.into() });
    }

    /// Ends the session; the first call counts.
    pub fn close_ticket(&mut self, how: Close, summary: &str) {
        self.closed.get_or_insert_with(|| (how, summary.into()));
    }

    pub(super) fn into_closed(self) -> Option<(Close, String)> {
        self.closed
    }
}
