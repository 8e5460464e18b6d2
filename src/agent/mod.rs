//! Operators: who works on a ticket, and with what.
//!
//! An [`Operator`] gets a [`Brief`] (what it may know) and a [`Toolbox`] (what it may do: run shell commands in
//! the lab, close the ticket). The toolbox enforces the budget and writes the audit trail, so no operator can
//! do anything unseen. The script operators are the controls; an LLM loop is one more implementation.
//! Nothing in here knows the fault: only the `oracle` script is given the remedies, and not by its brief.

mod script;
mod session;
mod toolbox;

use async_trait::async_trait;

use crate::runtime::LabError;

pub use script::ScriptOperator;
pub use session::{Limits, Outcome, ShellGone, run};
pub use toolbox::{Close, OutOfBudget, ShellResult, Toolbox};

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Topology and tools, from the subject's YAML.
    pub briefing: String,
    /// The ticket's text.
    pub ticket: String,
}

impl Brief {
    /// Both together, as it is kept in the record.
    pub fn text(&self) -> String {
        format!("{}\n\nTicket:\n{}", self.briefing.trim_end(), self.ticket)
    }
}

/// Somebody who works on a ticket.
#[async_trait]
pub trait Operator: Send {
    /// The kind, for the record: `script`, `llm`, ….
    fn kind(&self) -> &'static str;

    /// Works until the ticket is closed with [`Toolbox::close_ticket`], the budget is used up, or nothing more can be
    /// done. An error or a panic is the operator's own failure (`crashed`), never the harness's.
    async fn operate(&mut self, brief: &Brief, tools: &mut Toolbox) -> Result<(), OperatorError>;
}

/// Why an operator stopped without closing the ticket.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A limit was reached.
    #[error(transparent)]
    OutOfBudget(#[from] OutOfBudget),
    /// The operator itself failed.
    #[error("{0}")]
    Crashed(String),
    /// The harness could not run a command. Never held against the operator.
    #[error(transparent)]
    Lab(#[from] LabError),
}
