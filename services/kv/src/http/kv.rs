//! `/kv/{key}`: reads and writes of clients, carried out by the leader.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{ApiError, App};
use crate::{
    metrics::Operation,
    net::Call,
    node::{Joined, Leadership, Node},
    pipeline::Write,
    types::{Member, Op, Value},
};

/// Marks a request that a follower has passed on; it is not passed on again.
pub(super) const FORWARDED: &str = "x-kv-forwarded-by";
/// The longest key, in bytes.
const KEY_LIMIT: usize = 1024;

/// Options of a read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ReadOptions {
    consistency: Option<Consistency>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Consistency {
    Linearizable,
    Local,
}

/// What came in.
struct Incoming {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    deadline: Instant,
}

/// Reads a key.
pub(super) async fn get(
    State(node): App,
    Path(key): Path<String>,
    options: Result<Query<ReadOptions>, axum::extract::rejection::QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    timed(&node, Operation::Get, async |deadline| {
        let Query(options) = options.map_err(|e| ApiError::bad_request(e.body_text()))?;
        check_key(&key)?;
        if options.consistency == Some(Consistency::Local) {
            return value(&node, &key);
        }
        let incoming = Incoming { method: Method::GET, uri, headers, body: Bytes::new(), deadline };
        lead(&node, incoming, async |joined| {
            let (done, outcome) = oneshot::channel();
            joined.reads.send(done).await.map_err(|_| stopping())?;
            let confirmed = outcome.await.map_err(|_| stopping())?;
            confirmed.map_err(|refusal| ApiError::refused(&node, refusal))?;
            value(&node, &key)
        })
        .await
    })
    .await
}

/// Writes a key.
pub(super) async fn put(
    State(node): App,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    timed(&node, Operation::Put, async |deadline| {
        let body = body.map_err(|error| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::too_large("a value has at most 1 MiB")
            } else {
                ApiError::bad_request(error.body_text())
            }
        })?;
        check_key(&key)?;
        let value = Value(body.clone());
        let incoming = Incoming { method: Method::PUT, uri, headers, body, deadline };
        write(&node, incoming, Op::Put { key, value }).await
    })
    .await
}

/// Removes a key.
pub(super) async fn delete(State(node): App, Path(key): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    timed(&node, Operation::Delete, async |deadline| {
        check_key(&key)?;
        let incoming = Incoming { method: Method::DELETE, uri, headers, body: Bytes::new(), deadline };
        write(&node, incoming, Op::Delete { key }).await
    })
    .await
}

/// Bounds and measures a request.
async fn timed(
    node: &Node,
    operation: Operation,
    action: impl AsyncFnOnce(Instant) -> Result<Response, ApiError>,
) -> Response {
    let started = Instant::now();
    let deadline = started + node.args.request_timeout;
    let outcome = tokio::time::timeout_at(deadline.into(), action(deadline)).await;
    node.metrics.request(operation, started.elapsed());
    match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_) => ApiError::timeout("the request was not completed in time").into_response(),
    }
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > KEY_LIMIT {
        return Err(ApiError::bad_request("a key has at most 1024 bytes"));
    }
    Ok(())
}

fn stopping() -> ApiError {
    ApiError::unknown("the node is stopping")
}

fn value(node: &Node, key: &str) -> Result<Response, ApiError> {
    let value = node.machine.get(key).ok_or_else(|| ApiError::not_found("no such key"))?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, value).into_response())
}

async fn write(node: &Arc<Node>, incoming: Incoming, op: Op) -> Result<Response, ApiError> {
    if node.no_space() {
        return Err(ApiError::no_space(node));
    }
    lead(node, incoming, async |joined| {
        let (done, outcome) = oneshot::channel();
        let write = Write { op, done };
        joined.writes.send(write).await.map_err(|_| stopping())?;
        let outcome = outcome.await.map_err(|_| stopping())?;
        let written = outcome.map_err(|refusal| ApiError::refused(node, refusal))?;
        Ok(Json(json!({
            "index": written.index,
            "term": written.term,
            "existed": written.existed,
        }))
        .into_response())
    })
    .await
}

/// Runs `action` if this node leads, or passes the request on to the node that does.
async fn lead(
    node: &Arc<Node>,
    incoming: Incoming,
    action: impl AsyncFnOnce(&Joined) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let joined = node.joined().ok_or_else(ApiError::not_joined)?;
    // While leadership is being handed over, wait for who it will be.
    let _ = node.transferring.subscribe().wait_for(|active| !active).await;
    match node.leadership() {
        Leadership::Mine => {
            if node.raft_metrics().is_some_and(|metrics| node.lost_quorum(&metrics)) {
                return Err(ApiError::no_quorum());
            }
            action(joined).await
        }
        Leadership::Theirs(_, leader) if !incoming.headers.contains_key(FORWARDED) => {
            let remaining = incoming.deadline.saturating_duration_since(Instant::now());
            // Answer just before the time is over: what is known then says more than a timeout.
            let timeout = remaining.saturating_sub(Duration::from_millis(20));
            forward(node, &leader, &incoming, timeout).await
        }
        _ => Err(ApiError::no_leader()),
    }
}

async fn forward(node: &Node, leader: &Member, incoming: &Incoming, timeout: Duration) -> Result<Response, ApiError> {
    let path = incoming.uri.path_and_query().map_or("/", |path| path.as_str());
    pass_on(
        node,
        leader,
        Call { method: incoming.method.clone(), path, headers: &[], body: incoming.body.clone(), timeout },
    )
    .await
}

/// Sends `call` to the leader, marked as passed on, and hands back its answer.
pub(super) async fn pass_on(node: &Node, leader: &Member, call: Call<'_>) -> Result<Response, ApiError> {
    let mut headers = call.headers.to_vec();
    headers.push((FORWARDED, &node.args.name));
    let call = Call { headers: &headers, ..call };
    let reply = node.peers.get(leader).call(call).await;
    let reply = reply.map_err(|error| ApiError::leader_call(&error))?;
    let mut response = (reply.status, reply.body).into_response();
    if let Some(kind) = reply.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}
