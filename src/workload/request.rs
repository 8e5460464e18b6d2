//! One request of the load: what is sent, on which nodes it is tried, and what its answer means.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use super::figures::Outcome;
use super::ledger::Write;
use super::pool::Pool;
use crate::model::event::NodeAddress;
use crate::runtime::http::{Answer, HttpError, HttpRequest};
use crate::spec::subject::{HttpMethod, HttpOp, OpKind};

/// What an answer, or its absence, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// As a request.
    Plain(Outcome),
    /// A read that did not show what had been acknowledged.
    WrongRead,
}

/// The nodes that get the requests, in turn.
pub(super) struct Ring {
    nodes: Vec<NodeAddress>,
    next: AtomicUsize,
}

impl Ring {
    pub(super) fn new(nodes: &[NodeAddress], role: Option<&str>) -> Self {
        let nodes = nodes.iter().filter(|node| role.is_none_or(|role| node.role == role));
        Self { nodes: nodes.cloned().collect(), next: AtomicUsize::new(0) }
    }

    /// All nodes, beginning with the one whose turn it is.
    pub(super) fn turn(&self) -> impl Iterator<Item = &NodeAddress> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..self.nodes.len()).map(move |step| &self.nodes[(start + step) % self.nodes.len()])
    }
}

/// Whether an operation is about a key; only those enter the ledger.
pub(super) fn is_keyed(op: &HttpOp) -> bool {
    let has_key = |text: &str| text.contains("{key}");
    has_key(&op.path) || op.body.as_deref().is_some_and(has_key)
}

/// Puts key and value into an operation's path and body.
pub(super) fn build(op: &HttpOp, write: Option<&Write>) -> HttpRequest {
    let fill = |text: &str| match write {
        Some(write) => text.replace("{key}", &write.key).replace("{value}", &write.value),
        None => text.to_owned(),
    };
    HttpRequest {
        method: match op.method {
            HttpMethod::Get => hyper::Method::GET,
            HttpMethod::Put => hyper::Method::PUT,
            HttpMethod::Post => hyper::Method::POST,
            HttpMethod::Delete => hyper::Method::DELETE,
        },
        path: fill(&op.path),
        body: Bytes::from(op.body.as_deref().map(fill).unwrap_or_default()),
    }
}

/// Sends a request to the node whose turn it is. While nothing was sent because there was no
/// connection, the next nodes are tried, `attempts` in all, within the same deadline.
pub(super) async fn send(
    pool: &Pool,
    ring: &Ring,
    attempts: u32,
    request: &HttpRequest,
    deadline: Instant,
) -> Result<Answer, HttpError> {
    let mut result = Err(HttpError::NotSent);
    for node in ring.turn().take(attempts.max(1) as usize) {
        result = pool.send(node, request, deadline).await;
        let next = matches!(&result, Err(error) if !error.may_have_been_sent());
        if !next || Instant::now() >= deadline {
            break;
        }
    }
    result
}

/// What a result means for an operation. `expected` is the value that a read must show.
pub(super) fn meaning(op: &HttpOp, result: &Result<Answer, HttpError>, expected: Option<&str>) -> Meaning {
    let outcome = match (op.kind, result) {
        (OpKind::Read, Ok(answer)) => match (expected, op.ok.contains(&answer.status)) {
            (Some(value), true) if answer.body != value => return Meaning::WrongRead,
            (Some(_), false) if answer.status == 404 => return Meaning::WrongRead,
            (_, true) => Outcome::Ok,
            // A read changes nothing, so that it is certain what it did.
            (_, false) => Outcome::Failed,
        },
        (OpKind::Read, Err(_)) => Outcome::Failed,
        (OpKind::Write, Ok(answer)) if op.ok.contains(&answer.status) => Outcome::Ok,
        (OpKind::Write, Ok(answer)) if op.failed.contains(&answer.status) => Outcome::Failed,
        (OpKind::Write, Err(error)) if !error.may_have_been_sent() => Outcome::Failed,
        (OpKind::Write, _) => Outcome::Indeterminate,
    };
    Meaning::Plain(outcome)
}
