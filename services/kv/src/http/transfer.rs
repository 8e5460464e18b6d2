//! Hands leadership over to a chosen member.
//!
//! A follower that has just heard of its leader refuses to vote for anyone else. So the leader
//! falls silent until that protection has run out everywhere, keeps the other members from
//! campaigning meanwhile, and then has the target campaign. Client requests wait; at worst they
//! time out as in any change of leader.

use std::{sync::Arc, time::Duration};

use openraft::ServerState;
use tokio::time::{Instant, sleep, timeout};

use super::ApiError;
use crate::{
    net::Peer,
    node::{Joined, Node},
};

/// How long the target may take to catch up before the leader falls silent.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How long the target may take to win.
const WIN: Duration = Duration::from_secs(2);

/// Resumes normal operation when dropped.
struct Pause<'a>(&'a Node, &'a Joined);

impl<'a> Pause<'a> {
    fn begin(node: &'a Node, joined: &'a Joined) -> Option<Self> {
        let begun = node.transferring.send_if_modified(|active| !std::mem::replace(active, true));
        begun.then(|| {
            joined.raft.runtime_config().heartbeat(false);
            Self(node, joined)
        })
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.1.raft.runtime_config().heartbeat(true);
        self.0.transferring.send_replace(false);
    }
}

/// Makes `name` the leader; the caller is the leader. Returns once it leads.
pub(super) async fn transfer(node: &Arc<Node>, joined: &Joined, name: &str) -> Result<(), ApiError> {
    let metrics = joined.raft.metrics().borrow().clone();
    let members = metrics.membership_config.membership();
    let found = members.nodes().find(|(_, member)| member.name == name);
    let (&target, member) = found.ok_or_else(|| ApiError::not_found(format!("there is no member {name}")))?;
    if target == joined.id {
        return Ok(());
    }
    if !members.voter_ids().any(|voter| voter == target) {
        return Err(ApiError::conflict(format!("{name} has no vote")));
    }
    let peer = node.peers.get(member);
    let others: Vec<Arc<Peer>> = members
        .nodes()
        .filter(|(id, _)| **id != target && **id != joined.id)
        .map(|(_, member)| node.peers.get(member))
        .collect();

    catch_up(joined, target, name, CATCH_UP).await?;
    let pause =
        Pause::begin(node, joined).ok_or_else(|| ApiError::conflict("leadership is already being handed over"))?;
    // What was proposed just before the pause still has to arrive.
    catch_up(joined, target, name, Duration::from_secs(1)).await?;

    tracing::info!(to = name, "handing leadership over");
    let lease = node.args.election.min;
    let hold = (lease * 3).as_millis() as u64;
    for other in others {
        // One that does not answer cannot vote either; the target only needs a majority.
        tokio::spawn(async move { other.post::<()>("/raft/hold", &hold, lease).await });
    }
    crate::election::hold(node, lease * 3);
    sleep(lease + Duration::from_millis(30)).await;
    peer.post::<bool>("/raft/elect", &(), Duration::from_secs(1))
        .await
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    let mut updates = joined.raft.metrics();
    let won =
        timeout(WIN, updates.wait_for(|now| now.current_leader == Some(target) && now.state != ServerState::Leader))
            .await;
    drop(pause);
    match won {
        Ok(Ok(_)) => Ok(()),
        _ => Err(ApiError::unavailable(format!("{name} did not win its election"))),
    }
}

/// Waits until `target` has everything this leader has.
async fn catch_up(joined: &Joined, target: u64, name: &str, patience: Duration) -> Result<(), ApiError> {
    let deadline = Instant::now() + patience;
    loop {
        {
            let metrics = joined.raft.metrics();
            let metrics = metrics.borrow();
            let Some(replication) = &metrics.replication else {
                return Err(ApiError::no_leader());
            };
            let has = replication.get(&target).copied().flatten().map(|log_id| log_id.index);
            if has.is_some() && has >= metrics.last_log_index {
                return Ok(());
            }
        }
        if Instant::now() >= deadline {
            return Err(ApiError::unavailable(format!("{name} lags behind")));
        }
        sleep(Duration::from_millis(5)).await;
    }
}
