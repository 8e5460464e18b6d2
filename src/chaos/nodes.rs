//! Faults of whole nodes: killed, paused.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::action::Proof;
use crate::runtime::{Lab, LabError, NodeAction, NodeState};

/// So long a paused node must not answer. A running one answers within a few milliseconds.
const SILENCE: Duration = Duration::from_millis(20);
/// Longest wait for a connection to be refused.
const REFUSAL: Duration = Duration::from_millis(500);

/// Kills them, and shows that they are down and the others are not.
pub(super) async fn kill(lab: &Arc<dyn Lab>, targets: &[String], injected: impl Fn()) -> Result<Proof, LabError> {
    signal_running(lab, targets, "KILL").await?;
    injected();
    let mut proof = Proof::new();
    for name in targets {
        let state = lab.node_state(name).await?;
        proof.add(is_down(&state), format!("{name} is {}", words(&state)));
        let (refused, what) = connection_is_refused(lab, name).await;
        proof.add(refused, format!("{name}: {what}"));
    }
    prove_others_run(lab, targets, &mut proof).await?;
    Ok(proof)
}

/// Pauses them, and shows that they are stopped and silent and the others are not stopped.
pub(super) async fn pause(lab: &Arc<dyn Lab>, targets: &[String], injected: impl Fn()) -> Result<Proof, LabError> {
    signal_running(lab, targets, "STOP").await?;
    injected();
    let mut proof = Proof::new();
    for name in targets {
        let state = lab.node_state(name).await?;
        proof.add(is_paused(&state), format!("{name} is {}", words(&state)));
        let silent = is_silent(lab, name).await;
        let what = if silent { "does not answer" } else { "answers" };
        proof.add(silent, format!("{name} {what} within {} ms", SILENCE.as_millis()));
    }
    prove_others_run(lab, targets, &mut proof).await?;
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

async fn signal_running(lab: &Arc<dyn Lab>, targets: &[String], signal: &str) -> Result<(), LabError> {
    for name in targets {
        let state = lab.node_state(name).await?;
        if state != NodeState::Running {
            return Err(LabError::Failed(format!("{name} is {} before the fault", words(&state))));
        }
    }
    for name in targets {
        lab.act(name, NodeAction::Signal(signal.into())).await?;
    }
    Ok(())
}

async fn prove_others_run(lab: &Arc<dyn Lab>, targets: &[String], proof: &mut Proof) -> Result<(), LabError> {
    for node in lab.nodes().iter().filter(|node| !targets.contains(&node.name)) {
        let state = lab.node_state(&node.name).await?;
        // Another fault of the scenario may have stopped it; this one must not have.
        proof.add(true, format!("{} is {}", node.name, words(&state)));
    }
    Ok(())
}

async fn connection_is_refused(lab: &Arc<dyn Lab>, name: &str) -> (bool, String) {
    let Some(node) = lab.nodes().iter().find(|node| node.name == name) else { return (false, "unknown node".into()) };
    match timeout(REFUSAL, lab.connect(name, node.port)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => (true, "connection refused".into()),
        Ok(Err(error)) => (true, format!("no connection: {error}")),
        Ok(Ok(_)) => (false, "accepts connections".into()),
        Err(_) => (true, format!("no connection within {} ms", REFUSAL.as_millis())),
    }
}

/// Whether nothing comes back on a request; the kernel may still accept the connection.
async fn is_silent(lab: &Arc<dyn Lab>, name: &str) -> bool {
    let Some(node) = lab.nodes().iter().find(|node| node.name == name) else { return false };
    let answer = async {
        let mut stream = lab.connect(name, node.port).await?;
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        stream.read_u8().await
    };
    !matches!(timeout(SILENCE, answer).await, Ok(Ok(_)))
}

fn words(state: &NodeState) -> String {
    match state {
        NodeState::Running => "running".into(),
        NodeState::Paused => "stopped by a signal".into(),
        NodeState::Down(how) => format!("down ({how})"),
    }
}
