//! Faults of links: cut.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Applied, Proof};
use crate::runtime::{Lab, LabError, LinkAction, LinkRule, NewLinkRule, Reach};

/// Longest wait for a datagram that should arrive.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Least wait for one that should not.
const SILENCE: Duration = Duration::from_millis(10);

type Pair = (String, String);

/// Cuts them, and shows that these links carry nothing any more and all others do as before.
pub(super) async fn cut(
    lab: &Arc<dyn Lab>,
    links: &[Pair],
    applied: &mut Applied,
    injected: impl Fn(),
) -> Result<Proof, LabError> {
    let others = other_links(lab, links);
    let before = lab.reach(links.iter().chain(&others).cloned().collect(), PATIENCE).await?;
    let (affected, unaffected) = before.split_at(links.len());
    if let Some(lost) = affected.iter().find(|reach| reach.took_us.is_none()) {
        return Err(LabError::Failed(format!("{} to {} carries nothing before the fault", lost.from, lost.to)));
    }
    let slowest = before.iter().filter_map(|reach| reach.took_us).max().unwrap_or(0);
    let rule = |(from, to): &Pair| NewLinkRule { from: from.clone(), to: to.clone(), action: LinkAction::Deny };
    // Should this be cut short while the rules are being added, they are known all the same.
    applied.before = Some(lab.link_rules().await?.iter().map(|rule| rule.id).collect());
    applied.rules = lab.add_link_rules(links.iter().map(rule).collect()).await?;
    injected();
    let wait = SILENCE.max(Duration::from_micros(slowest) * 10).min(PATIENCE);
    let mut proof = Proof::new();
    proof.evidence.push(format!("before: all {} datagrams arrived, the slowest in {slowest} µs", affected.len()));
    for reach in lab.reach(links.to_vec(), wait).await? {
        proof.add(reach.took_us.is_none(), line(&reach, wait));
    }
    let rules = lab.link_rules().await?;
    let dropped = |id: &&u32| rules.iter().any(|rule| rule.id == **id && rule.packets > 0);
    let (count, all) = (applied.rules.iter().filter(dropped).count(), applied.rules.len());
    proof.add(count == all, format!("{count} of {all} rules have dropped packets"));
    let still: Vec<Pair> = unaffected
        .iter()
        .filter(|reach| reach.took_us.is_some())
        .map(|reach| (reach.from.clone(), reach.to.clone()))
        .collect();
    for reach in lab.reach(still, PATIENCE).await? {
        proof.add(reach.took_us.is_some(), line(&reach, PATIENCE));
    }
    Ok(proof)
}

/// Says which rules are no longer there.
pub(super) async fn gone(lab: &Arc<dyn Lab>, rules: &[u32]) -> Result<Option<String>, LabError> {
    let there = lab.link_rules().await?;
    let missing = rules.iter().filter(|id| !there.iter().any(|rule| rule.id == **id)).count();
    Ok((missing > 0).then(|| format!("{missing} of {} rules were removed", rules.len())))
}

/// Removes our rules, and no others.
pub(super) async fn open(lab: &Arc<dyn Lab>, links: &[Pair], applied: &Applied) -> Result<(), LabError> {
    let ids = ours(lab, links, applied).await?;
    lab.remove_link_rules(ids).await.map(drop)
}

/// Those of our rules that are there.
async fn ours(lab: &Arc<dyn Lab>, links: &[Pair], applied: &Applied) -> Result<Vec<u32>, LabError> {
    let Some(before) = &applied.before else { return Ok(Vec::new()) };
    let is_ours = |rule: &LinkRule| {
        if applied.rules.is_empty() {
            // Their ids never came back.
            let of_link = |(from, to): &Pair| rule.rule.from == *from && rule.rule.to == *to;
            !before.contains(&rule.id) && links.iter().any(of_link)
        } else {
            applied.rules.contains(&rule.id)
        }
    };
    Ok(lab.link_rules().await?.iter().filter(|rule| is_ours(rule)).map(|rule| rule.id).collect())
}

/// Shows that our rules are gone and the links carry packets, unless rules of another fault forbid it.
pub(super) async fn prove_open(lab: &Arc<dyn Lab>, links: &[Pair], applied: &Applied) -> Result<Proof, LabError> {
    let mut proof = Proof::new();
    let left = ours(lab, links, applied).await?.len();
    let there = lab.link_rules().await?;
    proof.add(left == 0, format!("{left} rules are left"));
    let free = |link: &&Pair| !there.iter().any(|rule| rule.rule.from == link.0 && rule.rule.to == link.1);
    for reach in lab.reach(links.iter().filter(free).cloned().collect(), PATIENCE).await? {
        proof.add(reach.took_us.is_some(), line(&reach, PATIENCE));
    }
    Ok(proof)
}

/// `a -> b, b -> a`
pub(super) fn text(links: &[Pair]) -> String {
    links.iter().map(|(from, to)| format!("{from} -> {to}")).collect::<Vec<_>>().join(", ")
}

fn other_links(lab: &Arc<dyn Lab>, links: &[Pair]) -> Vec<Pair> {
    let nodes = lab.nodes();
    nodes
        .iter()
        .flat_map(|from| nodes.iter().map(|to| (from.name.clone(), to.name.clone())))
        .filter(|pair| pair.0 != pair.1 && !links.contains(pair))
        .collect()
}

fn line(reach: &Reach, wait: Duration) -> String {
    match reach.took_us {
        Some(took) => format!("{} -> {}: arrived in {took} µs", reach.from, reach.to),
        None => format!("{} -> {}: nothing arrived within {} ms", reach.from, reach.to, wait.as_millis()),
    }
}
