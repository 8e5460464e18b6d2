//! What a node does in the background: it tells what happens, minds the disk, compacts the log.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use openraft::ServerState;

use crate::{
    health,
    node::{Leadership, Node},
    types::{Raft, Request},
};

/// Logs changes of role, leader, members and health, and ends the server when the engine stopped.
pub(crate) async fn watch(node: Arc<Node>, id: u64, raft: Raft) {
    let mut updates = raft.metrics();
    let mut seen = None;
    let mut seen_members = None;
    // Having no leader is how every node starts: not worth a line.
    let mut seen_health = Some(Some("RAFT NO LEADER"));
    loop {
        let metrics = updates.borrow_and_update().clone();
        if let Err(error) = &metrics.running_state {
            if *error != openraft::error::Fatal::Stopped {
                node.fail(error.to_string());
            }
            return;
        }
        let now = (metrics.state, metrics.current_leader, metrics.current_term);
        if seen != Some(now) {
            if metrics.state == ServerState::Leader
                && seen.is_none_or(|(state, _, term)| (state, term) != (now.0, now.2))
            {
                node.elected.touch(node.started);
            }
            if seen.and_then(|(_, leader, _)| leader) != metrics.current_leader {
                node.metrics.leader_changes.fetch_add(1, Ordering::Relaxed);
            }
            let term = metrics.current_term;
            let members = metrics.membership_config.membership();
            let leader = metrics.current_leader.and_then(|leader| members.get_node(&leader));
            match (metrics.state, leader) {
                (ServerState::Leader, _) => tracing::info!(term, "became leader"),
                (ServerState::Candidate, _) => tracing::info!(term, "campaigning"),
                (ServerState::Follower, Some(leader)) => {
                    tracing::info!(term, leader = %leader.name, "became follower");
                }
                (ServerState::Learner, Some(leader)) => {
                    tracing::info!(term, leader = %leader.name, "became learner");
                }
                _ if seen.is_some_and(|(_, leader, _)| leader.is_some()) => {
                    tracing::info!(term, "no leader");
                }
                _ => {}
            }
            seen = Some(now);
        }
        if seen_members.as_ref() != Some(&metrics.membership_config) {
            let members = metrics.membership_config.membership();
            let names: Vec<_> = members.nodes().map(|(_, member)| &*member.name).collect();
            if !names.is_empty() {
                let joint = members.get_joint_config().len() > 1;
                let votes = members.voter_ids().any(|voter| voter == id);
                tracing::info!(members = names.join(","), joint, votes, "members changed");
            }
            node.peers.retain(members.nodes().map(|(_, member)| member));
            seen_members = Some(Arc::clone(&metrics.membership_config));
        }
        let health = health::reason(&node);
        if seen_health.as_ref() != Some(&health) {
            match &health {
                None => tracing::info!("healthy"),
                Some(reason) => tracing::warn!(reason, "unhealthy"),
            }
            seen_health = Some(health);
        }
        tokio::select! {
            changed = updates.changed() => if changed.is_err() {
                // Nothing but a panic ends it without a last word.
                node.fail("the consensus engine ended unexpectedly".into());
                return;
            },
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
}

/// Watches the free space and raises the alarm when it runs out.
pub(crate) async fn space(node: Arc<Node>, id: u64, raft: Raft) {
    let room = node.log.room();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    let mut seen = node.machine.head().alarms;
    let mut pause = 0;
    loop {
        ticks.tick().await;
        let usage = node.disk.usage();
        if room.is_full() {
            node.log.retry_headroom();
        }
        let full = usage.free < node.disk.reserve || room.is_full();
        if node.disk_full.swap(full, Ordering::Relaxed) != full {
            let (free, reserve) = (usage.free, node.disk.reserve);
            if full {
                tracing::error!(free, reserve, "no space left, refusing writes");
            } else {
                tracing::info!(free, reserve, "space is free again");
            }
        }
        let alarms = node.machine.head().alarms;
        if alarms != seen {
            for raised in alarms.difference(&seen) {
                tracing::warn!(alarm = "NOSPACE", member = raised, "alarm raised");
            }
            for cleared in seen.difference(&alarms) {
                tracing::info!(alarm = "NOSPACE", member = cleared, "alarm cleared");
            }
            seen.clone_from(&alarms);
        }
        if !full || alarms.contains(&id) {
            pause = 0;
            continue;
        }
        // The alarm is asked for again now and then until it is seen in the replicated state.
        if pause > 0 {
            pause -= 1;
            continue;
        }
        pause = 4;
        let bound = node.args.request_timeout;
        match node.leadership() {
            Leadership::Mine => {
                let raise = raft.client_write(Request::AlarmRaise { node: id });
                // Whether it worked shows in the replicated state.
                let _ = tokio::time::timeout(bound, raise).await;
            }
            Leadership::Theirs(_, leader) => {
                let leader = node.peers.get(&leader);
                let _ = leader.post::<()>("/raft/alarm", &id, bound).await;
            }
            Leadership::Unknown => {}
        }
    }
}

/// Takes a snapshot when the log has grown by `--snapshot-bytes`, and then purges the log more
/// thoroughly than the policy by number of entries does.
pub(crate) async fn compaction(node: Arc<Node>, raft: Raft) {
    let room = node.log.room();
    let limit = node.args.snapshot_bytes;
    let mut base = room.log_bytes();
    let mut pending = false;
    let mut snapshot_seen = None;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let bytes = room.log_bytes();
        base = base.min(bytes);
        let snapshot = raft.metrics().borrow().snapshot;
        if pending && snapshot > snapshot_seen {
            pending = false;
            base = bytes;
            if let Some(snapshot) = snapshot
                && raft.trigger().purge_log(snapshot.index).await.is_err()
            {
                return;
            }
        }
        if bytes >= base.saturating_add(limit) {
            snapshot_seen = snapshot;
            pending = true;
            // While there is no room for a snapshot, do not try again before the log has grown.
            base = bytes;
            if raft.trigger().snapshot().await.is_err() {
                return;
            }
        }
    }
}
