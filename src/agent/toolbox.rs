//! What an operator can do, within its budget, on the record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::OperatorError;
use crate::model::event::{Body, Emit};
use crate::runtime::{Exec, ExecOutput, Lab, Place};
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
    book: Arc<Book>,
}

/// What a session is to know of its tools' use, also when the operator is ended in the middle of it.
#[derive(Debug, Default)]
pub(super) struct Book {
    closed: OnceLock<(Close, String)>,
    exhausted: OnceLock<OutOfBudget>,
    broken: OnceLock<String>,
    running: AtomicBool,
}

impl Book {
    /// How the ticket was closed, if it was.
    pub(super) fn closed(&self) -> Option<&(Close, String)> {
        self.closed.get()
    }

    /// Which limit was reached, if one was.
    pub(super) fn exhausted(&self) -> Option<&OutOfBudget> {
        self.exhausted.get()
    }

    /// Why the harness could not run a command, if it could not.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    /// Whether a command is running.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Remembers that a limit was reached.
    pub(super) fn exhaust(&self, what: &str) -> OutOfBudget {
        // Only the first one counts.
        self.exhausted.get_or_init(|| OutOfBudget(what.into())).clone()
    }
}

impl Toolbox {
    pub(super) fn new(lab: Arc<dyn Lab>, emit: Emit, shell: Shell, deadline: Instant, commands: Option<u32>) -> Self {
        Self { lab, emit, shell, deadline, commands_left: commands, commands: 0, book: Arc::default() }
    }

    pub(super) fn book(&self) -> Arc<Book> {
        self.book.clone()
    }

    /// Runs a command with `sh -c` in the operator's place in the lab. Its time limit is that of the variant or what is
    /// left of the session, whichever is shorter. After an error the session is over.
    pub async fn shell(&mut self, command: &str, reasoning: &str) -> Result<ShellResult, OperatorError> {
        if let Some(over) = self.book.exhausted() {
            return Err(over.clone().into());
        }
        if self.commands_left == Some(0) {
            return Err(self.book.exhaust(&format!("{} commands", self.commands)).into());
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.book.exhaust("time").into());
        }
        self.commands_left = self.commands_left.map(|left| left - 1);
        self.commands += 1;
        let mut record = CommandRecord::start(self, command, reasoning);
        let timeout = self.shell.timeout.duration().min(left);
        let max_output = self.shell.max_output.0;
        let exec = Exec { place: Place::Operator, line: command.into(), timeout, max_output };
        match self.lab.exec(exec).await {
            Ok(done) => {
                record.end(done.clone());
                if done.timed_out && Instant::now() >= self.deadline {
                    return Err(self.book.exhaust("time").into());
                }
                Ok(ShellResult { exit: done.exit, timed_out: done.timed_out, output: done.output })
            }
            Err(error) => {
                let output = error.to_string();
                // The first failure explains the others.
                let _ = self.book.broken.set(output.clone());
                record.end(ExecOutput { exit: None, timed_out: false, output, cut_bytes: 0 });
                Err(error.into())
            }
        }
    }

    /// Puts words of the operator on the record.
    pub fn say(&mut self, text: &str) {
        (self.emit)(Body::Message { text: text.into() });
    }

    /// Ends the session; the first call counts, and only within the budget.
    pub fn close_ticket(&mut self, how: Close, summary: &str) {
        if self.book.exhausted().is_none() && Instant::now() < self.deadline {
            // Only the first word counts.
            let _ = self.book.closed.set((how, summary.into()));
        }
    }
}

/// The record of a command: it gets its end also when the operator is ended in the middle of it.
struct CommandRecord {
    emit: Emit,
    book: Arc<Book>,
    number: u32,
    begin: Instant,
    ended: bool,
}

impl CommandRecord {
    fn start(tools: &Toolbox, command: &str, reasoning: &str) -> Self {
        let (emit, book, number) = (tools.emit.clone(), tools.book.clone(), tools.commands);
        emit(Body::CommandStarted { command: number, line: command.into(), reasoning: reasoning.into() });
        book.running.store(true, Ordering::Release);
        Self { emit, book, number, begin: Instant::now(), ended: false }
    }

    fn end(&mut self, done: ExecOutput) {
        self.ended = true;
        self.book.running.store(false, Ordering::Release);
        (self.emit)(Body::CommandEnded {
            command: self.number,
            exit: done.exit,
            timed_out: done.timed_out,
            output: done.output,
            cut_bytes: done.cut_bytes,
            took_us: self.begin.elapsed().as_micros() as u64,
        });
    }
}

impl Drop for CommandRecord {
    fn drop(&mut self) {
        if !self.ended {
            self.end(ExecOutput { exit: None, timed_out: true, output: String::new(), cut_bytes: 0 });
        }
    }
}
