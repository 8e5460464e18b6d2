//! What monitoring asks for.

use std::sync::atomic::Ordering;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use openraft::ServerState;
use serde_json::{Value, json};

use super::App;
use crate::{
    health,
    metrics::Page,
    node::{Leadership, Node},
};

/// `GET /health`.
pub(super) async fn health(State(node): App) -> Response {
    let reason = health::reason(&node);
    let status = status_for(reason);
    let body = json!({ "health": reason.is_none(), "reason": reason.unwrap_or_default() });
    (status, Json(body)).into_response()
}

/// `GET /ready`.
pub(super) async fn ready(State(node): App) -> Response {
    let reason = health::not_ready(&node);
    let status = status_for(reason);
    let body = json!({ "ready": reason.is_none(), "reason": reason.unwrap_or_default() });
    (status, Json(body)).into_response()
}

fn status_for(reason: Option<&str>) -> StatusCode {
    if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// `GET /status`.
pub(super) async fn status(State(node): App) -> Json<Value> {
    let metrics = node.raft_metrics();
    let metrics = metrics.as_ref();
    let name_of = |id: u64| {
        let members = metrics?.membership_config.membership();
        Some(members.get_node(&id)?.name.clone())
    };
    let leader = leader_id(&node).map(|id| json!({ "id": id, "name": name_of(id) }));
    let role = metrics.map_or("learner", |metrics| match metrics.state {
        ServerState::Leader => "leader",
        ServerState::Follower => "follower",
        ServerState::Candidate => "candidate",
        ServerState::Learner | ServerState::Shutdown => "learner",
    });
    let applied = metrics.and_then(|metrics| Some(metrics.last_applied?.index));
    Json(json!({
        "name": node.args.name,
        "id": metrics.map(|metrics| metrics.id),
        "role": role,
        "term": metrics.map_or(0, |metrics| metrics.current_term),
        "leader": leader,
        "last_log_index": metrics.and_then(|metrics| metrics.last_log_index),
        "committed_index": committed(&node, applied),
        "applied_index": applied,
        "snapshot_index": metrics.and_then(|metrics| Some(metrics.snapshot?.index)),
        "members": members(&node),
        "alarms": alarms(&node),
        "disk": node.disk.usage(),
        "keys": node.machine.len(),
        "uptime_ms": node.started.elapsed().as_millis() as u64,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

fn leader_id(node: &Node) -> Option<u64> {
    match node.leadership() {
        Leadership::Mine => node.joined().map(|joined| joined.id),
        Leadership::Theirs(id, _) => Some(id),
        Leadership::Unknown => None,
    }
}

/// The highest index this node knows to be committed: a leader applies at once, a follower hears of
/// it with the next heartbeat.
fn committed(node: &Node, applied: Option<u64>) -> Option<u64> {
    let announced = Some(node.announced.load(Ordering::Relaxed)).filter(|index| *index > 0);
    applied.max(announced)
}

/// The members as JSON.
pub(super) fn members(node: &Node) -> Value {
    let Some(metrics) = node.raft_metrics() else {
        return json!([]);
    };
    let members = metrics.membership_config.membership();
    let voters: Vec<u64> = members.voter_ids().collect();
    members
        .nodes()
        .map(|(id, member)| {
            json!({
                "id": id,
                "name": member.name,
                "address": member.address,
                "voter": voters.contains(id),
            })
        })
        .collect()
}

/// The active alarms as JSON.
pub(super) fn alarms(node: &Node) -> Value {
    let head = node.machine.head();
    let members = head.membership.membership();
    head.alarms
        .iter()
        .map(|id| {
            let name = members.get_node(id).map(|member| member.name.clone());
            json!({ "alarm": "NOSPACE", "id": id, "name": name })
        })
        .collect()
}

/// Names of the members with an active alarm.
pub(super) fn alarm_names(node: &Node) -> Vec<String> {
    let head = node.machine.head();
    let members = head.membership.membership();
    head.alarms.iter().filter_map(|id| Some(members.get_node(id)?.name.clone())).collect()
}

/// `GET /metrics`.
pub(super) async fn metrics(State(node): App) -> Response {
    let mut page = Page::default();
    let raft = node.raft_metrics();
    let raft = raft.as_ref();
    let applied = raft.and_then(|raft| Some(raft.last_applied?.index));
    let disk = node.disk.usage();
    let leads = leader_id(&node).is_some() && node.leadership() == Leadership::Mine;
    page.gauge("kv_term", "Current term.", raft.map_or(0, |raft| raft.current_term));
    page.gauge("kv_is_leader", "1 if this node leads.", u8::from(leads));
    page.gauge("kv_has_leader", "1 if a leader is known.", u8::from(leader_id(&node).is_some()));
    page.gauge("kv_applied_index", "Last applied log index.", applied.unwrap_or(0));
    page.gauge("kv_committed_index", "Last log index known to be committed.", committed(&node, applied).unwrap_or(0));
    page.gauge("kv_last_log_index", "Last log index.", raft.and_then(|raft| raft.last_log_index).unwrap_or(0));
    page.gauge(
        "kv_snapshot_index",
        "Last log index in the newest snapshot.",
        raft.and_then(|raft| raft.snapshot).map_or(0, |id| id.index),
    );
    page.gauge("kv_keys", "Number of keys.", node.machine.len());
    page.gauge("kv_log_bytes", "Size of the log.", node.log.room().log_bytes());
    page.gauge("kv_log_headroom_bytes", "Disk space set aside for the log.", node.log.room().headroom());
    page.gauge("kv_disk_total_bytes", "Size of the data disk.", disk.total);
    page.gauge("kv_disk_used_bytes", "Used space of the data disk.", disk.used);
    page.gauge("kv_disk_free_bytes", "Free space of the data disk.", disk.free);
    page.head("kv_alarm_active", "gauge", "1 if the alarm is active in the cluster.");
    page.sample("kv_alarm_active", "alarm=\"NOSPACE\"", u8::from(node.machine.has_alarm()));
    node.metrics.render(&mut page);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, page.into_text()).into_response()
}
