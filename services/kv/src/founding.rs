//! How a fresh cluster comes to life.
//!
//! The first founder initializes as soon as a majority answers, and campaigns at once: it is the
//! leader within a few round trips. The others do the same only when nobody has led for a while, as
//! when the first founder is missing. All of them would write the same first entry, so nothing
//! breaks if two do.
//!
//! A founder whose store is empty although the cluster has worked before may have lost its disk.
//! It must not vote before it has caught up, and it comes back only through the leader.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use openraft::error::{InitializeError, RaftError};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    node::Node,
    types::{Member, Raft},
};

/// What a node tells its peers about itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Info {
    /// Its id, once it has one.
    pub(crate) id: Option<u64>,
    /// Its name.
    pub(crate) name: String,
    /// Whether it has a log.
    pub(crate) initialized: bool,
    /// Index of the last entry of its log.
    pub(crate) last: Option<u64>,
    /// The members it knows, by id.
    pub(crate) members: BTreeMap<u64, Member>,
    /// Whether its disk is full.
    pub(crate) disk_full: bool,
    /// Free space of its disk in bytes.
    pub(crate) free: u64,
}

impl Info {
    /// Whether its cluster ever had a leader: the founding entry has index 0.
    fn has_worked(&self) -> bool {
        self.last.is_some_and(|index| index > 0)
    }
}

/// What this node tells its peers.
pub(crate) fn info(node: &Node) -> Info {
    let metrics = node.raft_metrics();
    let members = metrics.as_ref().map(|metrics| {
        let nodes = metrics.membership_config.membership().nodes();
        nodes.map(|(id, member)| (*id, member.clone())).collect()
    });
    Info {
        id: node.joined().map(|joined| joined.id),
        name: node.args.name.clone(),
        initialized: !node.log.is_pristine(),
        last: metrics.and_then(|metrics| metrics.last_log_index),
        members: members.unwrap_or_default(),
        disk_full: node.disk_full.load(Ordering::Relaxed),
        free: node.disk.usage().free,
    }
}

/// Whether a founder with an empty store is still a member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The cluster is new, or counts on this node.
    Founder,
    /// The cluster goes on without this node: it has to be added.
    Stranger,
}

/// Asks the other founders, when the store is empty, what has become of the cluster.
pub(crate) async fn standing(node: &Arc<Node>, id: u64) -> Standing {
    judge(node, id, &ask_all(node, id).await)
}

fn judge(node: &Node, id: u64, peers: &[Info]) -> Standing {
    for peer in peers.iter().filter(|peer| peer.has_worked()) {
        let me = peer.members.get(&id);
        if me.is_none_or(|member| member.name != node.args.name) {
            return Standing::Stranger;
        }
        if !node.must_catch_up.swap(true, Ordering::Relaxed) {
            tracing::warn!("empty store in a cluster that is not new: no vote before catching up");
        }
    }
    Standing::Founder
}

/// Founds the cluster unless it exists.
pub(crate) async fn found(node: Arc<Node>, id: u64, raft: Raft) {
    let founders = node.args.founders();
    let majority = founders.len() / 2 + 1;
    let turn = node.args.election.max * (id as u32 - 1) * 2;
    loop {
        if !node.log.is_pristine() {
            return;
        }
        let peers = ask_all(&node, id).await;
        judge(&node, id, &peers);
        let is_new = !peers.iter().any(Info::has_worked);
        if is_new && peers.len() + 1 >= majority && node.started.elapsed() >= turn {
            match raft.initialize(founders).await {
                Ok(()) => tracing::info!("founded the cluster"),
                // A leader was quicker.
                Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
                Err(error) => tracing::warn!(%error, "cannot found the cluster"),
            }
            return;
        }
        let pause = if id == 1 { 15 } else { 200 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// What the other founders say; those that do not answer quickly are left out.
async fn ask_all(node: &Arc<Node>, id: u64) -> Vec<Info> {
    let mut answers = JoinSet::new();
    for (other, member) in node.args.founders() {
        if other != id {
            let peer = node.peers.get(&member);
            let timeout = Duration::from_millis(200);
            answers.spawn(async move { peer.post::<Info>("/raft/info", &(), timeout).await.ok() });
        }
    }
    answers.join_all().await.into_iter().flatten().collect()
}
