//! One session: an operator, its limits, and how it ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Brief, Close, Operator, OperatorError, Toolbox};
use crate::model::event::{Body, Emit};
use crate::model::trial::SessionEnd;
use crate::runtime::Lab;
use crate::spec::variant::Shell;

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

/// Lets the operator work on the ticket. Whatever the operator does, this returns soon after the time limit; what the
/// operator has left running is for [`Lab::freeze`] to end.
pub async fn run(
    mut operator: Box<dyn Operator>,
    brief: Brief,
    ticket: u32,
    limits: Limits,
    lab: Arc<dyn Lab>,
    emit: Emit,
) -> Outcome {
    let begin = Instant::now();
    let deadline = begin + limits.wall;
    emit(Body::SessionStarted { ticket, operator: operator.kind().into(), prompt: brief.text() });
    let mut tools = Toolbox::new(lab, emit.clone(), limits.shell, deadline, limits.commands);
    // A task of its own, so that a panic is the operator's alone.
    let mut work = AbortOnDrop(tokio::spawn(async move {
        let result = operator.operate(&brief, &mut tools).await;
        (result, tools.into_closed())
    }));
    let outcome = match timeout_at(deadline, &mut work.0).await {
        Ok(Ok((_, Some((how, summary))))) => Outcome { end: end(how), summary },
        Ok(Ok((Err(OperatorError::OutOfBudget(error)), None))) => {
            Outcome { end: SessionEnd::OutOfBudget, summary: error.to_string() }
        }
        Ok(Ok((Err(OperatorError::Crashed(why)), None))) => Outcome { end: SessionEnd::Crashed, summary: why },
        Ok(Ok((Ok(()), None))) => {
            Outcome { end: SessionEnd::Crashed, summary: "it ended without closing the ticket".into() }
        }
        Ok(Err(failed)) => Outcome { end: SessionEnd::Crashed, summary: panic_text(failed) },
        Err(_) => Outcome { end: SessionEnd::OutOfBudget, summary: "out of budget: time".into() },
    };
    emit(Body::SessionEnded {
        end: outcome.end,
        summary: outcome.summary.clone(),
        // A script never waits for a rate limit.
        working_us: begin.elapsed().as_micros() as u64,
    });
    outcome
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
