//! The faults of one trial, from their plan to their proven heal.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::action::{Action, Applied, Proof};
use super::target::resolve;
use crate::model::event::{Body, Emit};
use crate::monitor;
use crate::runtime::{Lab, LabError};
use crate::spec::fault::{self, FaultKind, From};
use crate::spec::subject::LeaderProbe;

/// How often faults are looked after.
const WATCH: Duration = Duration::from_millis(250);

/// Why a trial's faults are not in effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {number} ({kind}) did not land: {reason}")]
pub struct NotLanded {
    /// The fault's number in the scenario, from 0.
    pub number: u32,
    /// Its name in YAML.
    pub kind: String,
    /// What was seen instead.
    pub reason: String,
}

/// The faults of one trial.
pub struct Chaos {
    lab: Arc<dyn Lab>,
    leader: Option<LeaderProbe>,
    emit: Emit,
    armed: Mutex<Vec<Armed>>,
}

struct Armed {
    number: u32,
    action: Action,
    applied: Applied,
    /// When it is to end by itself.
    until: Option<Instant>,
    /// No longer in effect, by whomever.
    over: bool,
}

impl Chaos {
    /// Nothing is done yet.
    pub fn new(lab: Arc<dyn Lab>, leader: Option<LeaderProbe>, emit: Emit) -> Self {
        Self { lab, leader, emit, armed: Mutex::default() }
    }

    /// Injects the faults, each at its time from now on, and proves each. At the first one that does not land it stops.
    pub async fn inject(&self, faults: &[fault::Chaos], seed: u64) -> Result<(), NotLanded> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let begin = Instant::now();
        let mut order: Vec<(u32, &fault::Chaos)> = (0..).zip(faults).collect();
        order.sort_by_key(|(_, fault)| fault.after());
        for (number, fault) in order {
            sleep_until(begin + fault.after().duration()).await;
            let failed = |reason: String| NotLanded { number, kind: fault.kind().name().into(), reason };
            let duration = fault.duration().map(|duration| duration.duration());
            self.inject_one(number, fault, duration, &mut rng).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn inject_one(
        &self,
        number: u32,
        fault: &fault::Chaos,
        duration: Option<Duration>,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), String> {
        let action = self.plan(fault, rng).await?;
        let decided = Instant::now();
        let kind = action.kind().name().into();
        (self.emit)(Body::FaultPlanned {
            fault: number,
            kind,
            targets: action.targets().to_vec(),
            detail: action.detail(),
        });
        (self.emit)(Body::FaultUndo { fault: number, undo: action.undo() });
        // Known from here on, so that it is healed whatever happens next.
        let mut armed = self.armed.lock().await;
        armed.push(Armed { number, action: action.clone(), applied: Applied::default(), until: None, over: false });
        let Some(this) = armed.last_mut() else { return Err("it was forgotten".into()) };
        let injected = || (self.emit)(Body::FaultInjected { fault: number });
        let proof = action.inject(&self.lab, &mut this.applied, injected).await;
        this.until = duration.map(|duration| Instant::now() + duration);
        let proof = proof.unwrap_or_else(|error| Proof { holds: false, evidence: vec![error.to_string()] });
        let reason = proof.evidence.iter().filter(|_| !proof.holds).cloned().collect::<Vec<_>>().join("; ");
        let took_us = decided.elapsed().as_micros() as u64;
        (self.emit)(Body::FaultProven { fault: number, landed: proof.holds, evidence: proof.evidence, took_us });
        if proof.holds { Ok(()) } else { Err(reason) }
    }

    async fn plan(&self, fault: &fault::Chaos, rng: &mut ChaCha8Rng) -> Result<Action, String> {
        let nodes = self.lab.nodes();
        let leader = match &self.leader {
            Some(probe) => monitor::leader(&self.lab, probe).await,
            None => None,
        };
        let mut choose = |target: &fault::Target| {
            resolve(target, nodes, leader.as_deref(), rng).map_err(|error| error.to_string())
        };
        Ok(match fault {
            fault::Chaos::NodeKill(fault) => Action::Kill(choose(&fault.target)?),
            fault::Chaos::NodePause(fault) => Action::Pause(choose(&fault.target)?),
            fault::Chaos::Partition(fault) => {
                let targets = choose(&fault.target)?;
                let mut others = match &fault.from {
                    From::Others => nodes.iter().map(|node| node.name.clone()).collect(),
                    From::Nodes(target) => choose(target)?,
                };
                others.retain(|name| !targets.contains(name));
                if others.is_empty() {
                    return Err("there is no node on the other side".into());
                }
                Action::cut(targets, &others, fault.direction)
            }
        })
    }

    /// Looks after the faults until it is dropped: ends those whose time is up, tells of those that are gone.
    pub async fn watch(&self) {
        loop {
            sleep(WATCH).await;
            for armed in self.armed.lock().await.iter_mut().filter(|armed| !armed.over) {
                if armed.until.is_some_and(|until| until <= Instant::now()) {
                    self.undo(armed).await;
                    self.prove_undone(armed).await;
                } else if let Ok(Some(detail)) = armed.action.gone(&self.lab, &armed.applied).await {
                    armed.over = true;
                    (self.emit)(Body::FaultGone { fault: armed.number, detail });
                }
            }
        }
    }

    /// Undoes all faults, in reverse order, and proves it. Harmless when they are undone already.
    /// True when all are proven to be gone.
    pub async fn heal(&self) -> bool {
        let mut armed = self.armed.lock().await;
        for armed in armed.iter_mut().rev() {
            self.undo(armed).await;
        }
        let mut all = true;
        for armed in armed.iter_mut().rev() {
            all &= self.prove_undone(armed).await;
        }
        armed.clear();
        all
    }

    async fn undo(&self, armed: &mut Armed) {
        armed.over = true;
        // Should it fail, the proof says so.
        let _ = armed.action.heal(&self.lab, &armed.applied).await;
    }

    async fn prove_undone(&self, armed: &Armed) -> bool {
        let proof = armed.action.prove_heal(&self.lab, &armed.applied).await;
        let proof = proof.unwrap_or_else(|error: LabError| Proof { holds: false, evidence: vec![error.to_string()] });
        let healed = Body::FaultHealed { fault: armed.number, proven: proof.holds, evidence: proof.evidence };
        (self.emit)(healed);
        proof.holds
    }

    /// The names of all targets, for each kind of fault that was injected.
    pub async fn targets(&self) -> Vec<(FaultKind, Vec<String>)> {
        self.armed.lock().await.iter().map(|armed| (armed.action.kind(), armed.action.targets().to_vec())).collect()
    }
}

