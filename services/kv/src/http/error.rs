//! Errors as clients see them: a status and `{"error":"…","code":"…"}`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{health, net::CallError, node::Node, pipeline::Refusal};

/// An error response.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400: the request makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method_not_allowed", "not possible on this resource")
    }

    /// 409: not in the present state of the cluster.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 413.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 503: nobody leads; nothing was proposed.
    pub(crate) fn no_leader() -> Self {
        let message = "no leader is known";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_leader", message)
    }

    /// 503: this node leads, but cannot reach a majority; nothing was proposed.
    pub(crate) fn no_quorum() -> Self {
        let message = "the leader cannot reach a majority of the members";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_quorum", message)
    }

    /// 503: the node waits to be added to a cluster.
    pub(crate) fn not_joined() -> Self {
        let message = "this node is not yet a member of a cluster";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_joined", message)
    }

    /// 503: something this operation needs is not there at present; nothing was changed.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// 504: the time is over and the outcome unknown.
    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    /// 504: the outcome is unknown.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "unknown", message)
    }

    /// 507: writes are refused because a disk is full.
    pub(crate) fn no_space(node: &Node) -> Self {
        let alarms = super::observe::alarm_names(node).join(", ");
        let message = if alarms.is_empty() {
            format!("the disk of {} is full", node.args.name)
        } else {
            format!(
                "writes are refused while the NOSPACE alarm is active (raised by {alarms}); free \
                 space there, then POST /admin/alarm/clear"
            )
        };
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "no_space", message)
    }

    /// For a refusal of the pipeline.
    pub(crate) fn refused(node: &Node, refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotLeader if health::reason(node) == Some("LEADER LOST QUORUM") => Self::no_quorum(),
            Refusal::NotLeader => Self::no_leader(),
            Refusal::NoSpace => Self::no_space(node),
            Refusal::Unknown(reason) => Self::unknown(reason),
        }
    }

    /// For a failed call to the leader.
    pub(crate) fn leader_call(error: &CallError) -> Self {
        match error {
            CallError::NotSent { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "leader_unreachable", error.to_string())
            }
            CallError::NoReply { .. } | CallError::Refused { .. } => Self::timeout(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.message, "code": self.code });
        (self.status, Json(body)).into_response()
    }
}
