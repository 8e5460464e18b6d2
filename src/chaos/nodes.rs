//! Faults of whole nodes: killed, paused.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::action::Proof;
use crate::runtime::http::is_subjects_doing;
use crate::runtime::{Lab, LabError, NodeAction, NodeState};

/// So long a paused node must not answer, at least; or so many times the slowest answer before.
const SILENCE: Duration = Duration::from_millis(20);
const TIMES_SLOWER: u32 = 10;
/// Longest wait for an answer that should come, and for a connection to be refused.
const PATIENCE: Duration = Duration::from_millis(1000);

/// Kills them, and shows that they are down and the others are as before.
pub(super) async fn kill(lab: &Arc<dyn Lab>, targets: &[String], injected: impl Fn()) -> Result<Proof, LabError> {
    let before = states(lab).await?;
    signal_running(lab, targets, &before, "KILL").await?;
    injected();
    let mut proof = Proof::new();
    for name in targets {
        let state = lab.node_state(name).await?;
        proof.add(is_down(&state), format!("{name} is {}", words(&state)));
        let (refused, what) = connection_is_refused(lab, name).await;
        proof.add(refused, format!("{name}: {what}"));
    }
    prove_others_unchanged(lab, targets, &before, &mut proof).await?;
    Ok(proof)
}

/// Pauses them, and shows that they are stopped and silent, and that the others are as before and answer.
pub(super) async fn pause(lab: &Arc<dyn Lab>, targets: &[String], injected: impl Fn()) -> Result<Proof, LabError> {
    let before = states(lab).await?;
    let (talking, slowest) = all_that_answer(lab).await;
    signal_running(lab, targets, &before, "STOP").await?;
    injected();
    let mut proof = Proof::new();
    let wait = SILENCE.max(slowest * TIMES_SLOWER).min(PATIENCE);
    for name in targets {
        let state = lab.node_state(name).await?;
        proof.add(is_paused(&state), format!("{name} is {}", words(&state)));
        // One that did not answer before would be silent anyway.
        if talking.contains(name) {
            let answer = answer_time(lab, name, wait).await;
            let what = if answer.is_none() { "does not answer" } else { "answers" };
            proof.add(answer.is_none(), format!("{name} {what} within {} ms", wait.as_millis()));
        } else {
            proof.evidence.push(format!("{name} did not answer requests before either"));
        }
    }
    prove_others_unchanged(lab, targets, &before, &mut proof).await?;
    let others = talking.iter().filter(|name| !targets.contains(name));
    for (name, answer) in answer_times(lab, others).await {
        let what = answer.map_or("does not answer".into(), |took| format!("answers in {} µs", took.as_micros()));
        proof.add(answer.is_some(), format!("{name} {what}"));
    }
    Ok(proof)
}

/// Starts what is down and continues what is paused.
pub(super) async fn revive(lab: &Arc<dyn Lab>, targets: &[String]) -> Result<(), LabError> {
    for name in targets {
        match lab.node_state(name).await? {
            NodeState::Running => {}
            NodeState::Paused => drop(lab.act(name, NodeAction::Signal("CONT".into())).await?),
            NodeState::Down(_) => drop(lab.act(name, NodeAction::Start).await?),
        }
    }
    Ok(())
}

/// Shows that they run.
pub(super) async fn prove_running(lab: &Arc<dyn Lab>, targets: &[String]) -> Result<Proof, LabError> {
    let mut proof = Proof::new();
    for name in targets {
        let state = lab.node_state(name).await?;
        proof.add(state == NodeState::Running, format!("{name} is {}", words(&state)));
    }
    Ok(proof)
}

/// Says which target is no longer as the fault left it.
pub(super) async fn gone(
    lab: &Arc<dyn Lab>,
    targets: &[String],
    as_left: fn(&NodeState) -> bool,
) -> Result<Option<String>, LabError> {
    for name in targets {
        let state = lab.node_state(name).await?;
        if !as_left(&state) {
            return Ok(Some(format!("{name} is {}", words(&state))));
        }
    }
    Ok(None)
}

pub(super) fn is_down(state: &NodeState) -> bool {
    matches!(state, NodeState::Down(_))
}

pub(super) fn is_paused(state: &NodeState) -> bool {
    *state == NodeState::Paused
}

async fn states(lab: &Arc<dyn Lab>) -> Result<Vec<(String, NodeState)>, LabError> {
    let mut states = Vec::new();
    for node in lab.nodes() {
        states.push((node.name.clone(), lab.node_state(&node.name).await?));
    }
    Ok(states)
}

async fn signal_running(
    lab: &Arc<dyn Lab>,
    targets: &[String],
    before: &[(String, NodeState)],
    signal: &str,
) -> Result<(), LabError> {
    let idle = before.iter().find(|(name, state)| targets.contains(name) && *state != NodeState::Running);
    if let Some((name, state)) = idle {
        return Err(LabError::Failed(format!("{name} is {} before the fault", words(state))));
    }
    for name in targets {
        lab.act(name, NodeAction::Signal(signal.into())).await?;
    }
    Ok(())
}

/// Another fault of the scenario may have stopped one of the others; this one must not have.
async fn prove_others_unchanged(
    lab: &Arc<dyn Lab>,
    targets: &[String],
    before: &[(String, NodeState)],
    proof: &mut Proof,
) -> Result<(), LabError> {
    for (name, before) in before.iter().filter(|(name, _)| !targets.contains(name)) {
        let state = lab.node_state(name).await?;
        let as_before = std::mem::discriminant(&state) == std::mem::discriminant(before);
        proof.add(as_before, format!("{name} is {}", words(&state)));
    }
    Ok(())
}

/// Which nodes answer, and how long the slowest took.
async fn all_that_answer(lab: &Arc<dyn Lab>) -> (Vec<String>, Duration) {
    let names: Vec<String> = lab.nodes().iter().map(|node| node.name.clone()).collect();
    let answers = answer_times(lab, names.iter()).await;
    let slowest = answers.iter().filter_map(|(_, took)| *took).max().unwrap_or_default();
    let talking = answers.into_iter().filter(|(_, took)| took.is_some()).map(|(name, _)| name);
    (talking.collect(), slowest)
}

/// Asks all at the same time.
async fn answer_times<'a>(
    lab: &Arc<dyn Lab>,
    names: impl Iterator<Item = &'a String>,
) -> Vec<(String, Option<Duration>)> {
    let asked = names.map(|name| async move { (name.clone(), answer_time(lab, name, PATIENCE).await) });
    futures_util::future::join_all(asked).await
}

async fn connection_is_refused(lab: &Arc<dyn Lab>, name: &str) -> (bool, String) {
    let Some(node) = lab.nodes().iter().find(|node| node.name == name) else { return (false, "unknown node".into()) };
    match timeout(PATIENCE, lab.connect(name, node.port)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => (true, "connection refused".into()),
        Ok(Err(error)) => (is_subjects_doing(&error), format!("no connection: {error}")),
        Ok(Ok(_)) => (false, "accepts connections".into()),
        Err(_) => (true, format!("no connection within {} ms", PATIENCE.as_millis())),
    }
}

/// How long the first byte of an answer to an HTTP request takes; the kernel may accept the connection of a node
/// that is stopped.
async fn answer_time(lab: &Arc<dyn Lab>, name: &str, wait: Duration) -> Option<Duration> {
    let node = lab.nodes().iter().find(|node| node.name == name)?;
    let begin = Instant::now();
    let answer = async {
        let mut stream = lab.connect(name, node.port).await?;
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        stream.flush().await?;
        stream.read_u8().await
    };
    matches!(timeout(wait, answer).await, Ok(Ok(_))).then(|| begin.elapsed())
}

fn words(state: &NodeState) -> String {
    match state {
        NodeState::Running => "running".into(),
        NodeState::Paused => "stopped by a signal".into(),
        NodeState::Down(how) => format!("down ({how})"),
    }
}
