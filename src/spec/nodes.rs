//! From node groups to nodes.

use super::plan::NodePlan;
use super::subject::{NodeGroup, Subject};

impl NodeGroup {
    /// The names of the group's nodes, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        (1..=self.count).map(|i| self.name.replace("{i}", &i.to_string()))
    }
}

impl Subject {
    /// All nodes, in the order of the groups.
    pub fn node_plans(&self) -> Vec<NodePlan> {
        let node = |role: &String, group: &NodeGroup, name| NodePlan { name, role: role.clone(), port: group.port };
        self.nodes.iter().flat_map(|(role, group)| group.names().map(move |name| node(role, group, name))).collect()
    }
}
