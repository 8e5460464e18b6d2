//! What peers ask of each other.

use std::{
    io::Cursor,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Json, body::Bytes, extract::State};
use openraft::{
    Snapshot,
    error::{Fatal, RaftError},
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ApiError, App};
use crate::{
    election::{self, Canvass},
    founding::{self, Info},
    node::{Joined, Node},
    storage::Identity,
    types::{Entry, Raft, Request, SnapshotMeta, TypeConfig, Vote},
};

/// A JSON answer that holds the engine's own success or error.
type Answer<A> = Result<Json<Result<A, RaftError<u64>>>, ApiError>;

fn joined(node: &Node) -> Result<&Joined, ApiError> {
    node.joined().ok_or_else(ApiError::not_joined)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Entries or a heartbeat from the leader.
pub(super) async fn append(State(node): App, body: Bytes) -> Answer<AppendEntriesResponse<u64>> {
    let raft = &joined(&node)?.raft;
    let message: AppendEntriesRequest<TypeConfig> = parse(&body)?;
    // Taking in a large message may take longer than an election timeout; its leader lives.
    let known = raft.metrics().borrow().vote;
    if message.vote.committed && message.vote.leader_id == known.leader_id {
        node.contact.touch(node.started);
    }
    // A full disk must not reach the engine, which would stop for good. The leader tries again.
    if !has_room(&node, raft, &message.entries) {
        return Err(ApiError::no_space(&node));
    }
    let commit = message.leader_commit.map_or(0, |log_id| log_id.index);
    let answer = raft.append_entries(message).await;
    if answer.as_ref().is_ok_and(|a| !matches!(a, AppendEntriesResponse::HigherVote(_))) {
        node.contact.touch(node.started);
        node.announced.fetch_max(commit, Ordering::Relaxed);
        caught_up(&node, raft);
    }
    Ok(Json(answer))
}

/// Whether the entries that are new to this node fit into its log. A new leader begins by sending
/// some that the node already has.
fn has_room(node: &Node, raft: &Raft, entries: &[Entry]) -> bool {
    let room = node.log.room();
    if !room.is_full() {
        return true;
    }
    let last = raft.metrics().borrow().last_log_index;
    let new = entries.iter().filter(|entry| Some(entry.log_id.index) > last);
    let bytes = new.map(|entry| serde_json::to_vec(entry).map_or(0, |json| json.len() as u64));
    match bytes.sum() {
        0 => true,
        bytes => room.admits(bytes),
    }
}

/// Lifts the ban on voting once everything is there that the leader has announced.
fn caught_up(node: &Node, raft: &Raft) {
    if node.must_catch_up.load(Ordering::Relaxed) {
        let applied = raft.metrics().borrow().last_applied;
        let announced = node.announced.load(Ordering::Relaxed);
        if announced > 0 && applied.is_some_and(|log_id| log_id.index >= announced) {
            node.must_catch_up.store(false, Ordering::Relaxed);
            tracing::info!(index = announced, "caught up, voting again");
        }
    }
}

/// A candidate asks for the vote.
pub(super) async fn vote(State(node): App, body: Bytes) -> Answer<VoteResponse<u64>> {
    let raft = &joined(&node)?.raft;
    if node.must_catch_up.load(Ordering::Relaxed) {
        return Err(ApiError::unavailable("catching up, not voting yet"));
    }
    let message: VoteRequest<u64> = parse(&body)?;
    let answer = raft.vote(message).await;
    if answer.as_ref().is_ok_and(|answer| answer.vote_granted) {
        node.patience.touch(node.started);
    }
    Ok(Json(answer))
}

/// A node asks whether it would get the vote.
pub(super) async fn canvass(State(node): App, body: Bytes) -> Result<Json<bool>, ApiError> {
    let canvass: Canvass = parse(&body)?;
    Ok(Json(election::would_vote(&node, &canvass).await))
}

/// The leader's snapshot, because the log no longer has what this node lacks.
pub(super) async fn snapshot(State(node): App, body: Bytes) -> Result<Json<SnapshotResponse<u64>>, ApiError> {
    let raft = &joined(&node)?.raft;
    let bad = || ApiError::bad_request("not a snapshot message");
    let (length, rest) = body.split_first_chunk::<4>().ok_or_else(bad)?;
    let (head, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(bad)?;
    let (vote, meta): (Vote, SnapshotMeta) = parse(head)?;
    if node.disk.usage().free < bytes.len() as u64 + node.disk.reserve {
        return Err(ApiError::no_space(&node));
    }
    let snapshot = Snapshot { meta, snapshot: Box::new(Cursor::new(bytes.to_vec())) };
    let answer = raft.install_full_snapshot(vote, snapshot).await;
    let answer = answer.map_err(|error: Fatal<u64>| ApiError::unavailable(error.to_string()))?;
    node.contact.touch(node.started);
    Ok(Json(answer))
}

/// A peer asks who this node is.
pub(super) async fn info(State(node): App) -> Json<Info> {
    Json(founding::info(&node))
}

/// The leader offers an id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// The name under which the node is to be added.
    pub(crate) name: String,
    /// The id, should it not have one.
    pub(crate) id: u64,
}

/// Takes the offered id; answers with the one this node has.
pub(super) async fn join(State(node): App, body: Bytes) -> Result<Json<u64>, ApiError> {
    let offer: Offer = parse(&body)?;
    if offer.name != node.args.name {
        let message = format!("this is {}, not {}", node.args.name, offer.name);
        return Err(ApiError::conflict(message));
    }
    let identity = Identity { id: offer.id, name: offer.name };
    node.join(&identity).await.map_err(|error| ApiError::unavailable(error.to_string()))?;
    Ok(Json(joined(&node)?.id))
}

/// A member's disk is full.
pub(super) async fn alarm(State(node): App, body: Bytes) -> Result<Json<()>, ApiError> {
    let raft = &joined(&node)?.raft;
    let member: u64 = parse(&body)?;
    let raise = raft.client_write(Request::AlarmRaise { node: member });
    match tokio::time::timeout(node.args.request_timeout, raise).await {
        Ok(Ok(_)) => Ok(Json(())),
        Ok(Err(error)) => Err(ApiError::unavailable(error.to_string())),
        Err(_) => Err(ApiError::timeout("the alarm was not committed in time")),
    }
}

/// Asks this node not to campaign for so many milliseconds: another one is about to.
pub(super) async fn hold(State(node): App, body: Bytes) -> Result<Json<()>, ApiError> {
    let millis: u64 = parse(&body)?;
    election::hold(&node, Duration::from_millis(millis.min(5000)));
    Ok(Json(()))
}

/// Asks this node to campaign now. Answers whether it thinks it can win.
pub(super) async fn elect(State(node): App) -> Result<Json<bool>, ApiError> {
    let node: Arc<Node> = node;
    let joined = joined(&node)?;
    joined.raft.trigger().elect().await.map_err(|error| ApiError::unavailable(error.to_string()))?;
    Ok(Json(true))
}
