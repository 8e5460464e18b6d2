//! One session: an operator, its limits, and how it ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::{Brief, Close, Operator, Toolbox};
use crate::model::event::{Body, Emit};
use crate::model::trial::SessionEnd;
use crate::runtime::Lab;
use crate::spec::variant::Shell;

/// After the time limit, so long the end of a command is waited for, and that of the operator.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What bounds a session.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall time of the whole session.
    pub wall: Duration,
    /// Number of shell commands.
    pub commands: Option<u32>,
    /// Limits of each command.
    pub shell: Shell,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// By whose doing.
    pub end: SessionEnd,
    /// The closing words, or why it ended without any.
    pub summary: String,
}

/// The harness could not run the operator's commands; nothing can be said about the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operator's shell is not there: {0}")]
pub struct ShellGone(pub String);

/// Lets the operator work on the ticket. Whatever the operator does, this returns soon after the time limit, and the
/// operator does nothing more then; what its commands have left running is for [`Lab::freeze`] to end.
pub async fn run(
    mut operator: Box<dyn Operator>,
    brief: Brief,
    ticket: u32,
    limits: Limits,
    lab: Arc<dyn Lab>,
    emit: Emit,
) -> Result<Outcome, ShellGone> {
    let begin = Instant::now();
    let deadline = begin + limits.wall;
    emit(Body::SessionStarted { ticket, operator: operator.kind().into(), prompt: brief.text() });
    let mut tools = Toolbox::new(lab, emit.clone(), limits.shell, deadline, limits.commands);
    let book = tools.book();
    // A task of its own, so that a panic is the operator's alone.
    let mut work = AbortOnDrop(tokio::spawn(async move { operator.operate(&brief, &mut tools).await }));
    let mut ended = timeout_at(deadline, &mut work.0).await;
    if ended.is_err() {
        book.exhaust("time");
        if book.is_running() {
            // The command has the same deadline; what it printed until then belongs to the record.
            ended = timeout_at(deadline + LAST_WORDS, &mut work.0).await;
        }
    }
    if ended.is_err() {
        work.0.abort();
        // It ends at its next pause; one that never pauses cannot be waited for.
        let _ = timeout(LAST_WORDS, &mut work.0).await;
    }
    let crashed = |summary: String| Outcome { end: SessionEnd::Crashed, summary };
    let outcome = if let Some((how, summary)) = book.closed() {
        Outcome { end: end(*how), summary: summary.clone() }
    } else if let Some(why) = book.broken() {
        crashed(format!("the harness failed: {why}"))
    } else if let Some(limit) = book.exhausted() {
        Outcome { end: SessionEnd::OutOfBudget, summary: limit.to_string() }
    } else {
        match ended {
            Ok(Ok(Err(error))) => crashed(error.to_string()),
            Ok(Err(failed)) => crashed(panic_text(failed)),
            Ok(Ok(Ok(()))) | Err(_) => crashed("it ended without closing the ticket".into()),
        }
    };
    emit(Body::SessionEnded {
        end: outcome.end,
        summary: outcome.summary.clone(),
        // A script never waits for a rate limit.
        working_us: begin.elapsed().as_micros() as u64,
    });
    match (book.closed(), book.broken()) {
        (None, Some(why)) => Err(ShellGone(why.into())),
        _ => Ok(outcome),
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn end(how: Close) -> SessionEnd {
    match how {
        Close::Resolved => SessionEnd::Resolved,
        Close::Escalated => SessionEnd::Escalated,
    }
}

fn panic_text(failed: tokio::task::JoinError) -> String {
    match failed.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("the operator panicked: {}", text.unwrap_or_default())
        }
        Err(error) => format!("the operator ended: {error}"),
    }
}
