//! Whether the node is well and whether it is ready.

use std::sync::atomic::Ordering;

use openraft::ServerState;

use crate::node::{Leadership, Node};

/// Why the node is not well; `None` if it is.
pub(crate) fn reason(node: &Node) -> Option<&'static str> {
    let Some(metrics) = node.raft_metrics() else {
        return Some("NOT JOINED");
    };
    if metrics.running_state.is_err() {
        return Some("RAFT STOPPED");
    }
    if node.lost_quorum(&metrics) {
        return Some("LEADER LOST QUORUM");
    }
    if metrics.state == ServerState::Candidate || node.leadership() == Leadership::Unknown {
        return Some("RAFT NO LEADER");
    }
    if node.no_space() {
        return Some("ALARM NOSPACE");
    }
    None
}

/// Why the node does not serve yet; `None` once it does.
pub(crate) fn not_ready(node: &Node) -> Option<&'static str> {
    let Some(metrics) = node.raft_metrics() else {
        return Some("NOT JOINED");
    };
    if node.leadership() == Leadership::Unknown {
        return Some("RAFT NO LEADER");
    }
    if node.was_ready.load(Ordering::Relaxed) {
        return None;
    }
    let id = metrics.id;
    if metrics.membership_config.membership().get_node(&id).is_none() {
        return Some("NOT A MEMBER");
    }
    let applied = metrics.last_applied.map_or(0, |log_id| log_id.index);
    // A leader knows what is committed once an entry of its own term is.
    let caught_up = if metrics.state == ServerState::Leader {
        metrics.last_applied.is_some_and(|log_id| log_id.leader_id.term == metrics.current_term)
    } else {
        applied > 0 && applied >= node.announced.load(Ordering::Relaxed)
    };
    if !caught_up {
        return Some("CATCHING UP");
    }
    node.was_ready.store(true, Ordering::Relaxed);
    None
}
