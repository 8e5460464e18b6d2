//! What operators ask for. Everything that changes the cluster is done by the leader.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Method},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{ApiError, App, kv, members, observe, transfer};
use crate::{
    founding::Info,
    net::Call,
    node::{Joined, Leadership, Node},
    types::{Member, Request},
};

/// Bound of an operator's request that is passed on: adding a member includes its catching up.
const PATIENCE: Duration = Duration::from_secs(45);

/// Runs `action` here if this node leads, else has the leader do `method path`.
async fn lead(
    node: &Arc<Node>,
    headers: &HeaderMap,
    (method, path, body): (Method, &str, Bytes),
    action: impl AsyncFnOnce(&Joined) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let joined = node.joined().ok_or_else(ApiError::not_joined)?;
    match node.leadership() {
        Leadership::Mine => action(joined).await,
        Leadership::Theirs(_, leader) if !headers.contains_key(kv::FORWARDED) => {
            let call = Call { method, path, headers: &[("content-type", "application/json")], body, timeout: PATIENCE };
            kv::pass_on(node, &leader, call).await
        }
        _ => Err(ApiError::no_leader()),
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// `GET /admin/members`.
pub(super) async fn members(State(node): App) -> Response {
    Json(json!({ "members": observe::members(&node) })).into_response()
}

/// `POST /admin/members`.
pub(super) async fn add(State(node): App, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let member: Member = parse(&body)?;
    let call = (Method::POST, "/admin/members", body);
    lead(&node, &headers, call, async |joined| {
        let name = member.name.clone();
        let id = members::add(&node, joined, member).await?;
        Ok(Json(json!({ "added": name, "id": id })).into_response())
    })
    .await
}

/// `DELETE /admin/members/{name}`.
pub(super) async fn remove(
    State(node): App,
    Path(name): Path<String>,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let call = (Method::DELETE, uri.path(), Bytes::new());
    lead(&node, &headers, call, async |joined| {
        members::remove(&node, joined, &name).await?;
        Ok(Json(json!({ "removed": name })).into_response())
    })
    .await
}

/// The body of `POST /admin/leader`.
#[derive(Debug, Deserialize)]
struct Successor {
    to: String,
}

/// `POST /admin/leader`.
pub(super) async fn leader(State(node): App, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let Successor { to } = parse(&body)?;
    let call = (Method::POST, "/admin/leader", body);
    lead(&node, &headers, call, async |joined| {
        transfer::transfer(&node, joined, &to).await?;
        Ok(Json(json!({ "leader": to })).into_response())
    })
    .await
}

/// `GET /admin/alarms`.
pub(super) async fn alarms(State(node): App) -> Response {
    Json(json!({ "alarms": observe::alarms(&node) })).into_response()
}

/// `POST /admin/alarm/clear`.
pub(super) async fn clear_alarms(State(node): App, headers: HeaderMap) -> Result<Response, ApiError> {
    let call = (Method::POST, "/admin/alarm/clear", Bytes::new());
    lead(&node, &headers, call, async |joined| {
        let alarmed = members::alarmed(&node);
        for (id, member) in &alarmed {
            let info = if *id == joined.id {
                crate::founding::info(&node)
            } else {
                let asked = node.peers.get(member);
                let answer = asked.post::<Info>("/raft/info", &(), Duration::from_secs(1)).await;
                answer.map_err(|error| {
                    let message = format!("cannot ask {} about its disk: {error}", member.name);
                    ApiError::conflict(message)
                })?
            };
            if info.disk_full {
                return Err(ApiError::conflict(format!(
                    "the disk of {} is still full ({} bytes free); free space first",
                    member.name, info.free
                )));
            }
        }
        if !alarmed.is_empty() {
            let nodes = alarmed.keys().copied().collect();
            let clear = joined.raft.client_write(Request::AlarmClear { nodes });
            match timeout(node.args.request_timeout, clear).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(ApiError::unknown(error.to_string())),
                Err(_) => return Err(ApiError::timeout("clearing was not committed in time")),
            }
        }
        let names: Vec<_> = alarmed.into_values().map(|member| member.name).collect();
        Ok(Json(json!({ "cleared": names })).into_response())
    })
    .await
}

/// `POST /admin/snapshot`: on this very node.
pub(super) async fn snapshot(State(node): App) -> Result<Response, ApiError> {
    let joined = node.joined().ok_or_else(ApiError::not_joined)?;
    let mut updates = joined.raft.metrics();
    let wanted = updates.borrow_and_update().last_applied;
    joined.raft.trigger().snapshot().await.map_err(|error| ApiError::unavailable(error.to_string()))?;
    let taken = updates.wait_for(|metrics| metrics.snapshot >= wanted);
    match timeout(Duration::from_secs(10), taken).await {
        Ok(Ok(metrics)) => {
            let index = metrics.snapshot.map(|log_id| log_id.index);
            Ok(Json(json!({ "index": index })).into_response())
        }
        _ => Err(ApiError::unavailable("no snapshot was written")),
    }
}
