//! Which nodes a fault concerns.

use rand::seq::{IndexedRandom, IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::model::event::NodeAddress;
use crate::spec::fault::{OneOrMany, Pick, Target};

/// Why no targets could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A node that the lab does not have.
    #[error("there is no node `{0}`")]
    NoSuchNode(String),
    /// No node of the role.
    #[error("no node has the role `{0}`")]
    NoSuchRole(String),
    /// Nobody leads at the moment.
    #[error("no node leads at the moment")]
    NoLeader,
    /// Nothing is left to choose from.
    #[error("{wanted} of {there} candidates cannot be picked")]
    TooFew {
        /// How many were asked for.
        wanted: usize,
        /// How many there are.
        there: usize,
    },
}

/// Whether a choice depends on who leads.
pub(super) fn asks_for_leader(target: &Target) -> bool {
    matches!(target.pick, Some(Pick::Leader | Pick::Follower))
}

/// The names of the chosen nodes, in the lab's order; never empty. `leader` is who leads now.
pub fn resolve(
    target: &Target,
    nodes: &[NodeAddress],
    leader: Option<&str>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<String>, TargetError> {
    let mut candidates: Vec<&NodeAddress> = match &target.node {
        None => nodes.iter().collect(),
        Some(named) => {
            let names = match named {
                OneOrMany::One(name) => std::slice::from_ref(name),
                OneOrMany::Many(names) => names,
            };
            let find = |name: &String| nodes.iter().find(|node| node.name == *name);
            names
                .iter()
                .map(|name| find(name).ok_or_else(|| TargetError::NoSuchNode(name.clone())))
                .collect::<Result<_, _>>()?
        }
    };
    if let Some(role) = &target.role {
        candidates.retain(|node| node.role == *role);
        if candidates.is_empty() {
            return Err(TargetError::NoSuchRole(role.clone()));
        }
    }
    let there = candidates.len();
    let too_few = |wanted| TargetError::TooFew { wanted, there };
    let leads = |node: &&&NodeAddress| Some(node.name.as_str()) == leader;
    let chosen: Vec<&NodeAddress> = match target.pick.unwrap_or(Pick::All) {
        Pick::All => candidates,
        Pick::Leader => vec![*candidates.iter().find(leads).ok_or(TargetError::NoLeader)?],
        Pick::Follower => {
            // Without a leader nobody follows.
            leader.ok_or(TargetError::NoLeader)?;
            vec![*candidates.iter().filter(|node| !leads(node)).choose(rng).ok_or(too_few(1))?]
        }
        Pick::Random => vec![*candidates.choose(rng).ok_or(too_few(1))?],
        Pick::Count(count) if count.get() as usize <= there => {
            candidates.choose_multiple(rng, count.get() as usize).copied().collect()
        }
        Pick::Count(count) => return Err(too_few(count.get() as usize)),
    };
    if chosen.is_empty() {
        return Err(too_few(1));
    }
    let is_chosen = |node: &&NodeAddress| chosen.iter().any(|chosen| chosen.name == node.name);
    Ok(nodes.iter().filter(is_chosen).map(|node| node.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroU32;

    use rand::SeedableRng;

    use super::*;

    fn nodes() -> Vec<NodeAddress> {
        let node = |name: &str, role: &str| NodeAddress {
            name: name.into(),
            role: role.into(),
            address: [10, 0, 0, 1].into(),
            port: 1,
        };
        vec![node("a", "store"), node("b", "store"), node("c", "store"), node("p", "proxy")]
    }

    fn draw(target: &Target, leader: Option<&str>, seed: u64) -> Result<Vec<String>, TargetError> {
        resolve(target, &nodes(), leader, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    fn store(pick: Pick) -> Target {
        Target { node: None, role: Some("store".into()), pick: Some(pick) }
    }

    #[test]
    fn leader_and_followers_are_told_apart() {
        assert_eq!(draw(&store(Pick::Leader), Some("b"), 1).unwrap(), ["b"]);
        assert_eq!(draw(&store(Pick::Leader), None, 1), Err(TargetError::NoLeader));
        assert_eq!(draw(&store(Pick::Follower), None, 1), Err(TargetError::NoLeader));
        let drawn: BTreeSet<_> = (0..50).flat_map(|seed| draw(&store(Pick::Follower), Some("b"), seed).unwrap()).collect();
        assert_eq!(drawn, BTreeSet::from(["a".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn the_seed_alone_decides() {
        for seed in 0..20 {
            assert_eq!(draw(&store(Pick::Random), None, seed), draw(&store(Pick::Random), None, seed));
        }
    }

    #[test]
    fn counts_and_names_are_checked() {
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!(draw(&store(Pick::Count(two)), None, 3).unwrap().len(), 2);
        let four = NonZeroU32::new(4).unwrap();
        assert_eq!(draw(&store(Pick::Count(four)), None, 3), Err(TargetError::TooFew { wanted: 4, there: 3 }));
        let named = |name: &str| Target { node: Some(OneOrMany::One(name.into())), role: None, pick: None };
        assert_eq!(draw(&named("p"), None, 3).unwrap(), ["p"]);
        assert_eq!(draw(&named("x"), None, 3), Err(TargetError::NoSuchNode("x".into())));
        let role = Target { node: None, role: Some("judge".into()), pick: None };
        assert_eq!(draw(&role, None, 3), Err(TargetError::NoSuchRole("judge".into())));
    }
}
