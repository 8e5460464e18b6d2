//! What tests do to a fake lab behind the harness's back.

use std::collections::BTreeMap;

use super::{Behaviour, FakeLab, Options};
use crate::model::event::{Actor, NodeChange};

impl FakeLab {
    /// Makes a node answer in another way. A node that does not exist is ignored.
    pub fn behave(&self, node: &str, behaviour: Behaviour) {
        let mut world = self.shared.world();
        if let Ok(index) = world.index(node) {
            world.nodes[index].behaviour = behaviour;
        }
    }

    /// Changes the options from now on.
    pub fn set(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.shared.world().options);
    }

    /// The store's data: changes what has been written.
    pub fn with_data<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        change(&mut self.shared.world().data)
    }

    /// Ends a node's process as if it had crashed. A node that does not exist is ignored.
    pub fn crash(&self, node: &str, how: &str) {
        let changes = {
            let mut world = self.shared.world();
            let Ok(index) = world.index(node) else { return };
            let change = NodeChange::Exited { how: how.to_owned() };
            world.end(index, how, change)
        };
        self.shared.changed();
        for change in changes {
            self.shared.report(node, change, Actor::Itself);
        }
    }

    /// Whether it has been taken down or killed.
    pub fn is_gone(&self) -> bool {
        self.shared.world().gone.is_some()
    }

    /// How many writes its nodes have done, those included that were then lost.
    pub fn writes(&self) -> u64 {
        self.shared.world().writes
    }
}
