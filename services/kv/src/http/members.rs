//! Adds and removes members; the caller is the leader.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openraft::ChangeMembers;
use tokio::time::timeout;

use super::{ApiError, raft::Offer};
use crate::{
    node::{Joined, Node},
    types::Member,
};

/// How long a new member may take to catch up.
const CATCH_UP: Duration = Duration::from_secs(30);
/// How long a change of the membership may take.
const CHANGE: Duration = Duration::from_secs(10);

/// Adds `member`: as one without a vote until it has caught up, then with one. Returns its id.
pub(super) async fn add(node: &Arc<Node>, joined: &Joined, member: Member) -> Result<u64, ApiError> {
    let _one_at_a_time = node.changing_members.lock().await;
    let metrics = joined.raft.metrics().borrow().clone();
    let members = metrics.membership_config.membership();
    let known = members.nodes().find(|(_, known)| known.name == member.name);
    // Someone known at this address but without a vote is left from an attempt that stopped half
    // way: go on from there.
    if let Some((id, known)) = known
        && (members.voter_ids().any(|voter| voter == *id) || known.address != member.address)
    {
        let message = format!("{} is already a member at {}", known.name, known.address);
        return Err(ApiError::conflict(message));
    }
    let fresh = node.machine.head().max_node_id + 1;
    let offer = Offer { name: member.name.clone(), id: known.map_or(fresh, |(id, _)| *id) };
    let peer = node.peers.get(&member);
    let id: u64 = peer
        .post("/raft/join", &offer, Duration::from_secs(2))
        .await
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    if members.get_node(&id).is_some_and(|other| other.name != member.name) {
        let message = format!("{} has the id of another member; empty its data", member.name);
        return Err(ApiError::conflict(message));
    }
    let name = member.name.clone();
    let learner = joined.raft.add_learner(id, member, true);
    match timeout(CATCH_UP, learner).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(ApiError::unavailable(error.to_string())),
        Err(_) => {
            let drop = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
            let _ = timeout(CHANGE, joined.raft.change_membership(drop, false)).await;
            return Err(ApiError::timeout(format!("{name} did not catch up; it was not added")));
        }
    }
    change(joined, ChangeMembers::AddVoterIds(BTreeSet::from([id]))).await?;
    tracing::info!(member = %name, id, "member added");
    Ok(id)
}

/// Removes the member `name`.
pub(super) async fn remove(node: &Arc<Node>, joined: &Joined, name: &str) -> Result<(), ApiError> {
    let _one_at_a_time = node.changing_members.lock().await;
    let metrics = joined.raft.metrics().borrow().clone();
    let members = metrics.membership_config.membership();
    let found = members.nodes().find(|(_, member)| member.name == name);
    let (&id, _) = found.ok_or_else(|| ApiError::not_found(format!("there is no member {name}")))?;
    let votes = members.voter_ids().any(|voter| voter == id);
    if votes && members.voter_ids().collect::<BTreeSet<_>>().len() == 1 {
        return Err(ApiError::conflict("the last member with a vote cannot be removed"));
    }
    let ids = BTreeSet::from([id]);
    let removal = if votes { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
    change(joined, removal).await?;
    tracing::info!(member = name, id, "member removed");
    Ok(())
}

async fn change(joined: &Joined, change: ChangeMembers<u64, Member>) -> Result<(), ApiError> {
    match timeout(CHANGE, joined.raft.change_membership(change, false)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ApiError::unavailable(error.to_string())),
        Err(_) => Err(ApiError::timeout("the change was not committed in time")),
    }
}

/// The members with an active alarm, by id.
pub(super) fn alarmed(node: &Node) -> BTreeMap<u64, Member> {
    let head = node.machine.head();
    let members = head.membership.membership();
    head.alarms.iter().filter_map(|id| Some((*id, members.get_node(id)?.clone()))).collect()
}
