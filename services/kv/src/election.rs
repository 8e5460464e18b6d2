//! When to campaign, and the leader's heartbeats.
//!
//! The Raft library draws its election timeout once per process and campaigns without asking. This
//! module draws it anew for each wait and first asks the others whether they would agree. A node
//! that is cut off, or comes back after a pause, therefore never disturbs a working leader by
//! raising the term.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use openraft::{ServerState, storage::RaftLogStorage};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    node::{Node, is_majority},
    types::{LogId, Raft},
};

/// "Would you vote for me?"
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Canvass {
    /// The last entry of the one who asks.
    pub(crate) last: Option<LogId>,
}

/// A random duration in `from..to`.
pub(crate) fn between(from: Duration, to: Duration) -> Duration {
    // Each hasher starts from fresh random keys.
    let random = RandomState::new().build_hasher().finish();
    let span = to.saturating_sub(from).as_micros().max(1) as u64;
    from + Duration::from_micros(random % span)
}

/// Has the leader make itself heard.
pub(crate) async fn heartbeats(node: Arc<Node>, raft: Raft) {
    let mut ticks = tokio::time::interval(node.args.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let leads = raft.metrics().borrow().state == ServerState::Leader;
        if leads && !*node.transferring.borrow() && raft.trigger().heartbeat().await.is_err() {
            return;
        }
    }
}

/// Campaigns whenever no leader has been heard of for a while.
pub(crate) async fn campaigns(node: Arc<Node>, id: u64, raft: Raft) {
    let range = node.args.election;
    // Asking first is harmless: right after the start there is no reason to wait long.
    let mut wait = between(range.min / 8, range.min);
    node.patience.touch(node.started);
    loop {
        let quiet = [&node.contact, &node.patience]
            .into_iter()
            .filter_map(|moment| moment.age(node.started))
            .min()
            .unwrap_or_default();
        let remaining = wait.saturating_sub(quiet);
        if !remaining.is_zero() {
            tokio::time::sleep(remaining).await;
            continue;
        }
        let metrics = raft.metrics().borrow().clone();
        let votes = metrics.membership_config.voter_ids().any(|voter| voter == id);
        if metrics.running_state.is_err() {
            return;
        }
        node.patience.touch(node.started);
        wait = if metrics.state == ServerState::Leader || !votes {
            range.min / 2
        } else if would_win(&node, id, &raft).await {
            if raft.trigger().elect().await.is_err() {
                return;
            }
            node.patience.touch(node.started);
            between(range.min, range.max)
        } else {
            between(range.min / 4, range.min / 2)
        };
    }
}

/// Whether a majority would vote for this node.
pub(crate) async fn would_win(node: &Arc<Node>, id: u64, raft: &Raft) -> bool {
    let metrics = raft.metrics().borrow().clone();
    let Some(last) = last_entry(node).await else {
        return false;
    };
    let mut answers = JoinSet::new();
    let membership = metrics.membership_config.membership();
    for voter in membership.voter_ids().filter(|voter| *voter != id) {
        let Some(member) = membership.get_node(&voter) else {
            continue;
        };
        let peer = node.peers.get(member);
        let timeout = node.args.election.min * 3 / 4;
        answers.spawn(async move {
            let canvass = Canvass { last };
            let answer = peer.post::<bool>("/raft/canvass", &canvass, timeout).await;
            peer.note(&answer);
            answer.unwrap_or(false).then_some(voter)
        });
    }
    let mut granted = BTreeSet::from([id]);
    while !is_majority(&metrics, &granted) {
        match answers.join_next().await {
            Some(answer) => granted.extend(answer.ok().flatten()),
            None => return false,
        }
    }
    // Meanwhile a leader may have turned up.
    !node.heard_within(node.args.election.min)
}

/// Whether this node would vote for someone whose last entry is `canvass.last`.
pub(crate) async fn would_vote(node: &Node, canvass: &Canvass) -> bool {
    let Some(metrics) = node.raft_metrics() else {
        return false;
    };
    let leads = metrics.state == ServerState::Leader && !node.lost_quorum(&metrics);
    let follows = node.heard_within(node.args.election.min);
    if leads || follows || node.must_catch_up.load(Ordering::Relaxed) {
        return false;
    }
    last_entry(node).await.is_some_and(|mine| canvass.last >= mine)
}

/// The last entry of this node's log; `None` when the log cannot be read.
async fn last_entry(node: &Node) -> Option<Option<LogId>> {
    let state = node.log.clone().get_log_state().await.ok()?;
    Some(state.last_log_id)
}

/// Waits with campaigning for at least `time` from now.
pub(crate) fn hold(node: &Node, time: Duration) {
    node.patience.set(node.started, Instant::now() + time);
}
