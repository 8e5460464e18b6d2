//! Who leads, and which nodes can read and write: majority rule over the links that pass.

use tokio::time::Instant;

use super::super::{LinkRule, NodeState};
use super::world::World;

/// The nodes of one role elect one leader.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) leader: usize,
    pub(super) term: u64,
    pub(super) vacant_since: Option<Instant>,
}

/// What a node says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// It can read and write.
    pub(super) serves: bool,
    /// It has been up for long enough.
    pub(super) started: bool,
    /// It believes to lead.
    pub(super) leads: bool,
    /// The last term that it heard of.
    pub(super) term: u64,
}

impl World {
    pub(super) fn standing(&mut self, index: usize) -> Standing {
        let now = Instant::now();
        self.settle(now);
        let node = &self.nodes[index];
        let started = now >= node.started + self.options.ready_after;
        let serves = self.groups.get(&node.role).is_some_and(|group| {
            started && self.has_quorum(index) && self.has_quorum(group.leader) && self.linked(index, group.leader)
        });
        Standing { serves, started, leads: node.leads, term: node.term }
    }

    /// Elects leaders that are due and tells the nodes that can hear of them.
    pub(super) fn settle(&mut self, now: Instant) {
        let mut groups = std::mem::take(&mut self.groups);
        for (role, group) in &mut groups {
            let members: Vec<usize> = (0..self.nodes.len()).filter(|&index| self.nodes[index].role == *role).collect();
            if self.has_quorum(group.leader) {
                group.vacant_since = None;
            } else {
                let since = *group.vacant_since.get_or_insert(now);
                let next = (members.iter().filter(|&&index| index > group.leader))
                    .chain(&members)
                    .copied()
                    .find(|&index| self.has_quorum(index));
                if let Some(next) = next.filter(|_| now >= since + self.options.election) {
                    group.leader = next;
                    group.term += 1;
                    group.vacant_since = None;
                }
            }
            if group.vacant_since.is_some() {
                continue;
            }
            for index in members {
                if self.runs(index) && self.linked(index, group.leader) {
                    self.nodes[index].term = group.term;
                    self.nodes[index].leads = index == group.leader;
                }
            }
        }
        self.groups = groups;
    }

    fn runs(&self, index: usize) -> bool {
        self.nodes[index].state == NodeState::Running
    }

    /// Packets pass both ways.
    fn linked(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.nodes[a].name, &self.nodes[b].name);
        self.options.inert_faults
            || !self
                .rules
                .iter()
                .any(|LinkRule { rule, .. }| (&rule.from == a && &rule.to == b) || (&rule.from == b && &rule.to == a))
    }

    /// The node runs and talks to more than half of its role, itself included.
    fn has_quorum(&self, index: usize) -> bool {
        let role = &self.nodes[index].role;
        let peers: Vec<usize> = (0..self.nodes.len()).filter(|&peer| self.nodes[peer].role == *role).collect();
        let near = peers.iter().filter(|&&peer| self.runs(peer) && self.linked(index, peer));
        self.runs(index) && near.count() * 2 > peers.len()
    }
}
