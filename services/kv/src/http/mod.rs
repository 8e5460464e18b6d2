//! The HTTP interface: `/kv` for clients, `/health` and the like for monitoring, `/admin` for
//! operators, `/raft` for peers.

mod admin;
mod error;
mod kv;
mod members;
mod observe;
mod raft;
mod transfer;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};

use crate::node::Node;
pub(crate) use error::ApiError;

/// The largest value, in bytes.
const VALUE_LIMIT: usize = 1 << 20;
/// The largest message of a peer, in bytes.
const MESSAGE_LIMIT: usize = 512 << 20;

/// State of all handlers.
type App = State<Arc<Node>>;

/// All routes.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let kv = Router::new()
        .route("/kv/{*key}", get(kv::get).put(kv::put).delete(kv::delete))
        .layer(DefaultBodyLimit::max(VALUE_LIMIT));
    let peers = Router::new()
        .route("/raft/append", post(raft::append))
        .route("/raft/vote", post(raft::vote))
        .route("/raft/canvass", post(raft::canvass))
        .route("/raft/snapshot", post(raft::snapshot))
        .route("/raft/info", post(raft::info))
        .route("/raft/join", post(raft::join))
        .route("/raft/alarm", post(raft::alarm))
        .route("/raft/hold", post(raft::hold))
        .route("/raft/elect", post(raft::elect))
        .layer(DefaultBodyLimit::max(MESSAGE_LIMIT));
    Router::new()
        .route("/health", get(observe::health))
        .route("/ready", get(observe::ready))
        .route("/status", get(observe::status))
        .route("/metrics", get(observe::metrics))
        .route("/admin/members", get(admin::members).post(admin::add))
        .route("/admin/members/{name}", delete(admin::remove))
        .route("/admin/leader", post(admin::leader))
        .route("/admin/alarms", get(admin::alarms))
        .route("/admin/alarm/clear", post(admin::clear_alarms))
        .route("/admin/snapshot", post(admin::snapshot))
        .merge(kv)
        .merge(peers)
        .fallback(|| async { ApiError::not_found("no such resource") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(Arc::clone(&node), count))
        .with_state(node)
}

async fn count(State(node): App, request: Request, next: Next) -> Response {
    let response = next.run(request).await.into_response();
    node.metrics.response(response.status().as_u16());
    response
}
