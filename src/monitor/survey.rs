//! Questions that are asked once: who leads, and what state the subject is in.

use std::sync::Arc;

use serde_json::Value;
use serde_json_path::JsonPath;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::condition::{ask, select};
use super::expect;
use crate::model::event::{Body, NodeAddress, SnapshotPoint};
use crate::runtime::Lab;
use crate::runtime::http::{Answer, HttpError};
use crate::spec::subject::{HttpProbe, LeaderProbe, NodeSelect, SnapshotProbe};

/// Most questions at the same time.
const AT_ONCE: usize = 16;
/// Most of an answer that a snapshot keeps, bytes.
const MAX_KEPT: usize = 64 * 1024;

type Asked = (NodeAddress, Result<Answer, HttpError>);

/// The node that leads. When several say so, the one with the greatest term wins, and the first
/// of those. `None` when nobody says so.
pub async fn leader(lab: &Arc<dyn Lab>, probe: &LeaderProbe) -> Option<String> {
    let says = JsonPath::parse(&probe.json).ok()?;
    let term = probe.term.as_deref().and_then(|path| JsonPath::parse(path).ok());
    let asked = ask_all(lab, [&probe.http]).await;
    let mut best: Option<(f64, String)> = None;
    for (_, (node, answer)) in asked {
        let Some(document) = answer.ok().and_then(|answer| parse(&answer)) else {
            continue;
        };
        if !says.query(&document).iter().any(|value| expect::same(value, &probe.equals)) {
            continue;
        }
        let term = term.as_ref().and_then(|path| path.query(&document).first());
        let term = term.and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY);
        if best.as_ref().is_none_or(|(greatest, _)| term > *greatest) {
            best = Some((term, node.name));
        }
    }
    best.map(|(_, node)| node)
}

fn parse(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// Asks for the subject's state: one [`Body::Snapshot`] per probe and node, in order. Of a probe
/// of `any` node, only the first that answers is kept.
pub async fn snapshot(lab: &Arc<dyn Lab>, probes: &[SnapshotProbe], when: SnapshotPoint) -> Vec<Body> {
    let asked = ask_all(lab, probes.iter().map(|probe| &probe.http)).await;
    let mut bodies = Vec::new();
    for (index, probe) in probes.iter().enumerate() {
        let of_it = asked.iter().filter(|(of, _)| *of == index);
        let mut results: Vec<_> = of_it.map(|(_, (node, answer))| (node.name.clone(), text(answer))).collect();
        if probe.http.node == NodeSelect::Any
            && let Some(first) = results.iter().position(|(_, result)| result.is_ok())
        {
            results = vec![results.swap_remove(first)];
        }
        bodies.extend(results.into_iter().map(|(node, result)| Body::Snapshot {
            when,
            name: probe.name.clone(),
            node,
            result,
        }));
    }
    bodies
}

/// The body of a good answer, or what came instead.
fn text(answer: &Result<Answer, HttpError>) -> Result<String, String> {
    let answer = answer.as_ref().map_err(ToString::to_string)?;
    let body = String::from_utf8_lossy(&answer.body);
    if !(200..300).contains(&answer.status) {
        let seen = expect::join(&answer.status.to_string(), &expect::quote(&body));
        return Err(seen);
    }
    let kept = body.floor_char_boundary(MAX_KEPT);
    Ok(body[..kept].to_owned())
}

/// Asks all nodes of all probes; the answers come in the order of the probes and nodes, each with
/// its probe's place.
async fn ask_all<'a>(lab: &Arc<dyn Lab>, probes: impl IntoIterator<Item = &'a HttpProbe>) -> Vec<(usize, Asked)> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut questions = JoinSet::new();
    for (of, probe) in probes.into_iter().enumerate() {
        for node in select(lab.as_ref(), &probe.node, probe.role.as_deref()) {
            let (lab, probe, slots) = (lab.clone(), probe.clone(), slots.clone());
            let place = questions.len();
            questions.spawn(async move {
                // It is never closed.
                let _slot = slots.acquire().await;
                let answer = ask(lab.as_ref(), &node, &probe).await;
                (place, (of, (node, answer)))
            });
        }
    }
    let mut answers = questions.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
