//! Checks of what faults are done to.

use super::{Findings, Place, Scope};
use crate::spec::diagnostic::Problem;
use crate::spec::fault::{Chaos, From, OneOrMany, Partition, Pick, Target};

/// What is known of a target before a trial: some `count` of these candidates.
struct Extent<'a> {
    candidates: Vec<&'a str>,
    count: usize,
}

impl Findings {
    /// `at` is the fault's key.
    pub(super) fn fault_targets(&mut self, fault: &Chaos, at: Place, scope: &Scope) {
        match fault {
            Chaos::NodeKill(fault) | Chaos::NodePause(fault) => {
                self.target(&fault.target, at.at_key("target"), scope);
            }
            Chaos::Partition(partition) => self.partition(partition, at, scope),
        }
    }

    fn partition(&mut self, partition: &Partition, at: Place, scope: &Scope) {
        let near = self.target(&partition.target, at.at_key("target"), scope);
        let from = at.at_key("from");
        match &partition.from {
            From::Others => {
                if near.is_some_and(|near| near.count >= scope.nodes.len()) {
                    self.add(
                        Problem::new(from.span, "no node is left for the other side of the partition")
                            .label("`others` is empty")
                            .also(at.at_key("target").span, "these are all nodes")
                            .help("choose fewer nodes in `target`"),
                    );
                }
            }
            From::Nodes(far_target) => {
                let far = self.target(far_target, from, scope);
                let (Some(near), Some(far)) = (near, far) else {
                    return;
                };
                let mut all = near.candidates.clone();
                all.extend(far.candidates.iter().filter(|name| !near.candidates.contains(name)));
                let same_leader = partition.target.pick == Some(Pick::Leader) && far_target.pick == Some(Pick::Leader);
                if near.count + far.count > all.len() || (same_leader && near.candidates == far.candidates) {
                    self.add(
                        Problem::new(from.span, "the two sides of the partition overlap")
                            .label("a node cannot be cut off from itself")
                            .also(at.at_key("target").span, "the other side")
                            .help("name different nodes, or write `from: others`"),
                    );
                }
            }
        }
    }

    /// `place` is the key (`target`, `from`) with the target below it.
    fn target<'s>(&mut self, target: &Target, place: Place, scope: &'s Scope) -> Option<Extent<'s>> {
        match (&target.node, &target.role, target.pick) {
            (None, None, None) => {
                self.add(
                    Problem::new(place.span, "the target names nothing")
                        .label("needs `node`, `role` or `pick`")
                        .help("`{ pick: all }` stands for all nodes"),
                );
                None
            }
            (Some(names), role, pick) => {
                for (key, given) in [("pick", pick.is_some()), ("role", role.is_some())] {
                    if given {
                        self.add(
                            Problem::new(place.at_key(key).span, format!("`{key}` together with `node`"))
                                .label("one too many")
                                .also(place.at_key("node").span, "the nodes are named here")
                                .help(format!(
                                    "`node` says exactly which nodes: remove `{key}`, or choose by `role` and `pick`"
                                )),
                        );
                    }
                }
                self.named(names, place.key("node"), scope)
            }
            (None, role, pick) => {
                self.role(role.as_deref(), place, scope);
                let candidates = scope.names_of(role.as_deref());
                if candidates.is_empty() {
                    return None;
                }
                self.pick(pick.unwrap_or(Pick::All), candidates, place, scope)
            }
        }
    }

    fn named<'s>(&mut self, names: &OneOrMany, place: Place, scope: &'s Scope) -> Option<Extent<'s>> {
        let names: Vec<&str> = match names {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names.iter().map(String::as_str).collect(),
        };
        if names.is_empty() {
            self.add(Problem::new(place.span, "the list of nodes is empty").label("no target"));
        }
        let known = scope.node_names();
        let mut candidates = Vec::new();
        for (i, name) in names.iter().enumerate() {
            if self.known(name, &known, place.item(i), "node") {
                candidates.extend(known.iter().copied().filter(|node| node == name));
            }
        }
        self.unique(names.iter().enumerate().map(|(i, name)| (*name, place.item(i).span)), "target");
        (candidates.len() == names.len()).then_some(Extent { count: candidates.len(), candidates })
    }

    fn pick<'s>(&mut self, pick: Pick, candidates: Vec<&'s str>, place: Place, scope: &Scope) -> Option<Extent<'s>> {
        let at = place.key("pick");
        let name = match pick {
            Pick::Leader => "leader",
            Pick::Follower => "follower",
            Pick::Random => {
                return Some(Extent { candidates, count: 1 });
            }
            Pick::All => {
                return Some(Extent { count: candidates.len(), candidates });
            }
            Pick::Count(count) => {
                let count = count.get() as usize;
                if count > candidates.len() {
                    self.add(
                        Problem::new(at.span, format!("{count} nodes of {} cannot be picked", candidates.len()))
                            .label("more than there are")
                            .help(format!("the candidates are {}", crate::spec::suggest::list(&candidates))),
                    );
                    return None;
                }
                return Some(Extent { candidates, count });
            }
        };
        if scope.subject.leader.is_none() {
            self.add(
                Problem::new(at.span, format!("`pick: {name}` for a subject that does not say who leads"))
                    .label("cannot be told")
                    .help(format!("add a `leader:` probe to the subject `{}`", scope.subject.name)),
            );
            return None;
        }
        if pick == Pick::Follower && candidates.len() < 2 {
            self.add(
                Problem::new(at.span, "a single node has no follower")
                    .label(format!("`{}` is the only candidate", candidates.first().unwrap_or(&"none"))),
            );
            return None;
        }
        Some(Extent { candidates, count: 1 })
    }
}
