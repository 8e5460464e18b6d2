//! The state of a fake lab and the rules by which it changes. No I/O and no tasks.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use super::super::{LabError, LinkRule, NewLinkRule, NodeAction, NodeState, Reach};
use super::election::Group;
use super::{Behaviour, Options};
use crate::model::event::{NodeAddress, NodeChange};

/// Everything that a fake lab is made of.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: Options,
    pub(super) nodes: Vec<Node>,
    pub(super) rules: Vec<LinkRule>,
    /// The committed data of all roles.
    pub(super) data: BTreeMap<String, String>,
    /// When each background process of the operator ends.
    pub(super) background: Vec<Instant>,
    /// Set when the lab is gone, with the reason.
    pub(super) gone: Option<String>,
    pub(super) groups: HashMap<String, Group>,
    next_rule: u32,
    pub(super) writes: u64,
    reads: u64,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) state: NodeState,
    /// Grows whenever the process ends; a connection belongs to one life.
    pub(super) life: u64,
    pub(super) behaviour: Behaviour,
    pub(super) log: Vec<String>,
    pub(super) role: String,
    pub(super) started: Instant,
    /// The last term that it heard of, and whether it believes to lead in it.
    pub(super) term: u64,
    pub(super) leads: bool,
}

impl World {
    pub(super) fn new(nodes: &[NodeAddress], options: Options) -> Self {
        let now = Instant::now();
        let mut groups = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            groups.entry(node.role.clone()).or_insert(Group { leader: index, term: 1, vacant_since: None });
        }
        let nodes = nodes
            .iter()
            .map(|node| Node {
                name: node.name.clone(),
                role: node.role.clone(),
                state: NodeState::Running,
                started: now,
                life: 0,
                term: 0,
                leads: false,
                behaviour: Behaviour::Normal,
                log: vec!["started".to_owned()],
            })
            .collect();
        let mut world = Self {
            options,
            nodes,
            rules: Vec::new(),
            data: BTreeMap::new(),
            background: Vec::new(),
            gone: None,
            groups,
            next_rule: 1,
            writes: 0,
            reads: 0,
        };
        world.settle(now);
        world
    }

    pub(super) fn index(&self, name: &str) -> Result<usize, LabError> {
        if let Some(reason) = &self.gone {
            return Err(LabError::Gone(reason.clone()));
        }
        self.nodes.iter().position(|node| node.name == name).ok_or_else(|| LabError::NoSuchNode(name.to_owned()))
    }

    /// Does something to a node; returns what happened, if anything did.
    pub(super) fn act(&mut self, index: usize, action: &NodeAction) -> Result<Vec<NodeChange>, LabError> {
        let now = Instant::now();
        self.settle(now);
        let changes = match action {
            NodeAction::Start => self.start(index, now),
            NodeAction::Stop => self.end(index, "signal TERM", NodeChange::Stopped),
            NodeAction::Restart => {
                let mut changes = self.end(index, "signal TERM", NodeChange::Stopped);
                changes.extend(self.start(index, now));
                changes
            }
            NodeAction::Signal(signal) => self.signal(index, signal)?,
        };
        self.settle(now);
        Ok(changes)
    }

    fn start(&mut self, index: usize, now: Instant) -> Vec<NodeChange> {
        let node = &mut self.nodes[index];
        if !matches!(node.state, NodeState::Down(_)) {
            return Vec::new();
        }
        node.state = NodeState::Running;
        node.started = now;
        node.leads = false;
        node.log.push("started".to_owned());
        vec![NodeChange::Started]
    }

    pub(super) fn end(&mut self, index: usize, how: &str, change: NodeChange) -> Vec<NodeChange> {
        let node = &mut self.nodes[index];
        if matches!(node.state, NodeState::Down(_)) {
            return Vec::new();
        }
        node.state = NodeState::Down(how.to_owned());
        node.life += 1;
        node.leads = false;
        vec![change]
    }

    fn signal(&mut self, index: usize, signal: &str) -> Result<Vec<NodeChange>, LabError> {
        let state = self.nodes[index].state.clone();
        if matches!(state, NodeState::Down(_)) {
            return Err(LabError::Failed(format!(
                "{} is not running: there is no process to signal",
                self.nodes[index].name
            )));
        }
        let inert = self.options.inert_faults && matches!(signal, "KILL" | "STOP");
        let signalled = vec![NodeChange::Signalled { signal: signal.to_owned() }];
        Ok(match signal {
            _ if inert => Vec::new(),
            "KILL" | "TERM" | "INT" => self.end(index, &format!("signal {signal}"), NodeChange::Killed),
            "STOP" => {
                self.nodes[index].state = NodeState::Paused;
                signalled
            }
            "CONT" => {
                self.nodes[index].state = NodeState::Running;
                signalled
            }
            _ => signalled,
        })
    }

    pub(super) fn add_rules(&mut self, rules: Vec<NewLinkRule>) -> Result<Vec<u32>, LabError> {
        for rule in &rules {
            self.index(&rule.from)?;
            self.index(&rule.to)?;
        }
        let now = Instant::now();
        self.settle(now);
        let mut ids = Vec::with_capacity(rules.len());
        for rule in rules {
            ids.push(self.next_rule);
            self.rules.push(LinkRule { id: self.next_rule, rule, packets: 0 });
            self.next_rule += 1;
        }
        self.settle(now);
        Ok(ids)
    }

    /// Removes the rules that `gone` names and returns them.
    pub(super) fn remove_rules(&mut self, gone: impl Fn(&LinkRule) -> bool) -> Vec<LinkRule> {
        let now = Instant::now();
        self.settle(now);
        let removed = self.rules.extract_if(.., |rule| gone(rule)).collect();
        self.settle(now);
        removed
    }

    /// Sends one packet; counts it on the rule that drops it.
    pub(super) fn packet(&mut self, from: String, to: String) -> Reach {
        let arrives = match self.rules.iter_mut().find(|rule| rule.rule.from == from && rule.rule.to == to) {
            Some(rule) if !self.options.inert_faults => {
                rule.packets += 1;
                false
            }
            _ => true,
        };
        Reach { from, to, took_us: arrives.then_some(150) }
    }

    /// Stores a value, or only says so when this write is one to lose.
    pub(super) fn write(&mut self, key: String, value: String) {
        self.writes += 1;
        let lost = self.options.lose_every.is_some_and(|every| self.writes.is_multiple_of(every.get()));
        if !lost {
            self.data.insert(key, value);
        }
    }

    pub(super) fn read(&mut self, key: &str) -> Option<String> {
        let value = self.data.get(key)?;
        self.reads += 1;
        let wrong = self.options.misread_every.is_some_and(|every| self.reads.is_multiple_of(every.get()));
        Some(if wrong { "something else".to_owned() } else { value.clone() })
    }
}
