//! The faults of one trial, from their plan to their proven heal.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until, timeout};

use super::action::{Action, Applied, Proof};
use super::queue::Queue;
use super::target::{asks_for_leader, resolve};
use crate::model::event::{Body, Emit};
use crate::monitor;
use crate::runtime::{Lab, LabError};
use crate::spec::fault::{self, FaultKind, From};
use crate::spec::subject::LeaderProbe;

/// How often faults are looked after when nothing tells to do it earlier.
const WATCH: Duration = Duration::from_millis(250);
/// How long planning, applying and proving one fault may take: far more than it does.
const INJECT: Duration = Duration::from_secs(15);
/// How long undoing one fault, or proving that, may take: so one that cannot be undone does not keep the others.
const UNDO: Duration = Duration::from_secs(5);
/// How long a leader is waited for: an election may be going on.
const ELECTION: Duration = Duration::from_secs(5);
const ELECTION_POLL: Duration = Duration::from_millis(50);

/// Why a trial's faults are not in effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLanded {
    /// It has no target, or no effect, or an effect elsewhere.
    #[error("fault {number} ({kind}) did not land: {reason}")]
    NoEffect {
        /// The fault's number in the scenario, from 0.
        number: u32,
        /// Which fault.
        kind: FaultKind,
        /// What was seen instead.
        reason: String,
    },
    /// The harness could not do or measure it.
    #[error("fault {number} ({kind}) could not be injected: {reason}")]
    Harness {
        /// The fault's number in the scenario, from 0.
        number: u32,
        /// Which fault.
        kind: FaultKind,
        /// What went wrong.
        reason: String,
    },
}

/// The faults of one trial.
pub struct Chaos {
    lab: Arc<dyn Lab>,
    leader: Option<LeaderProbe>,
    emit: Emit,
    armed: Mutex<Vec<Armed>>,
    changed: Notify,
}

struct Armed {
    number: u32,
    action: Action,
    applied: Applied,
    /// When it is to end by itself.
    until: Option<Instant>,
    state: State,
}

/// What has become of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In effect, or being applied.
    Active,
    /// No longer in effect, without our doing.
    Gone,
    /// Undone by us, and that is proven.
    Healed,
}

/// What keeps a fault from landing, before it has a number.
enum Failure {
    NoEffect(String),
    Harness(String),
}

impl std::convert::From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        match error {
            // In words of the lab: what was asked for cannot be done there.
            LabError::NoSuchNode(_) | LabError::Failed(_) => Self::NoEffect(error.to_string()),
            LabError::Environment(_) | LabError::Gone(_) => Self::Harness(error.to_string()),
        }
    }
}

impl Chaos {
    /// Nothing is done yet.
    pub fn new(lab: Arc<dyn Lab>, leader: Option<LeaderProbe>, emit: Emit) -> Self {
        Self { lab, leader, emit, armed: Mutex::default(), changed: Notify::new() }
    }

    /// Injects those faults that are due first, and proves each. The others stay in the queue.
    pub async fn inject_first(&self, queue: &mut Queue) -> Result<(), NotLanded> {
        self.inject(queue.split_first()).await
    }

    /// Injects faults, each when it is due, and proves each. At the first one that does not land it stops.
    pub async fn inject(&self, mut queue: Queue) -> Result<(), NotLanded> {
        while let Some((due, number, fault)) = queue.pop() {
            sleep_until(due).await;
            let mut rng = queue.rng(number);
            let done = timeout(INJECT, self.inject_one(number, &fault, &mut rng)).await;
            let late = || Failure::Harness(format!("it took longer than {} s", INJECT.as_secs()));
            let kind = fault.kind();
            done.unwrap_or_else(|_| Err(late())).map_err(|failure| match failure {
                Failure::NoEffect(reason) => NotLanded::NoEffect { number, kind, reason },
                Failure::Harness(reason) => NotLanded::Harness { number, kind, reason },
            })?;
        }
        Ok(())
    }

    async fn inject_one(&self, number: u32, fault: &fault::Chaos, rng: &mut ChaCha8Rng) -> Result<(), Failure> {
        let action = self.plan(fault, rng).await.map_err(Failure::NoEffect)?;
        let decided = Instant::now();
        (self.emit)(Body::FaultPlanned {
            fault: number,
            kind: action.kind().to_string(),
            targets: action.targets().to_vec(),
            detail: action.detail(),
        });
        (self.emit)(Body::FaultUndo { fault: number, undo: action.undo() });
        // Known from here on, so that it is healed whatever happens next.
        let mut armed = self.armed.lock().await;
        let applied = Applied::default();
        let index = armed.len();
        armed.push(Armed { number, action: action.clone(), applied, until: None, state: State::Active });
        let this = &mut armed[index];
        this.until = fault.duration().map(|duration| Instant::now() + duration.duration());
        let injected = || (self.emit)(Body::FaultInjected { fault: number });
        let result = action.inject(&self.lab, &mut this.applied, injected).await;
        drop(armed);
        self.changed.notify_one();
        let took_us = decided.elapsed().as_micros() as u64;
        let (proof, failure) = match result {
            Ok(proof) => {
                let reason = proof.against();
                (proof, Failure::NoEffect(reason))
            }
            Err(error) => (Proof { holds: false, evidence: vec![error.to_string()] }, error.into()),
        };
        (self.emit)(Body::FaultProven { fault: number, landed: proof.holds, evidence: proof.evidence, took_us });
        if proof.holds { Ok(()) } else { Err(failure) }
    }

    async fn plan(&self, fault: &fault::Chaos, rng: &mut ChaCha8Rng) -> Result<Action, String> {
        let nodes = self.lab.nodes();
        let far = match fault {
            fault::Chaos::Partition(fault::Partition { from: From::Nodes(target), .. }) => Some(target),
            _ => None,
        };
        let leader = if asks_for_leader(fault.target()) || far.is_some_and(asks_for_leader) {
            self.find_leader().await
        } else {
            None
        };
        let mut choose = |target: &fault::Target| {
            resolve(target, nodes, leader.as_deref(), rng).map_err(|error| error.to_string())
        };
        let targets = choose(fault.target())?;
        Ok(match fault {
            fault::Chaos::NodeKill(_) => Action::Kill(targets),
            fault::Chaos::NodePause(_) => Action::Pause(targets),
            fault::Chaos::Partition(fault) => {
                let mut others = match far {
                    None => nodes.iter().map(|node| node.name.clone()).collect(),
                    Some(target) => choose(target)?,
                };
                others.retain(|name| !targets.contains(name));
                if others.is_empty() {
                    return Err("there is no node on the other side".into());
                }
                Action::cut(targets, &others, fault.direction)
            }
        })
    }

    /// Who leads now, or will in a moment.
    async fn find_leader(&self) -> Option<String> {
        let probe = self.leader.as_ref()?;
        let deadline = Instant::now() + ELECTION;
        loop {
            let leader = monitor::leader(&self.lab, probe).await;
            if leader.is_some() || Instant::now() >= deadline {
                return leader;
            }
            sleep_until(Instant::now() + ELECTION_POLL).await;
        }
    }

    /// Something has happened in the lab: faults are looked after now.
    pub fn look(&self) {
        self.changed.notify_one();
    }

    /// Looks after the faults until it is dropped: ends those whose time is up, tells of those that are gone.
    pub async fn watch(&self) {
        loop {
            let next = self.look_after().await;
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Looks once; returns when to look again.
    async fn look_after(&self) -> Instant {
        let mut armed = self.armed.lock().await;
        for armed in armed.iter_mut() {
            if armed.until.is_some_and(|until| until <= Instant::now()) {
                armed.until = None;
                self.undo(armed).await;
                self.prove_undone(armed).await;
            } else if armed.state == State::Active
                && let Ok(Ok(Some(detail))) = timeout(UNDO, armed.action.gone(&self.lab, &armed.applied)).await
            {
                armed.state = State::Gone;
                (self.emit)(Body::FaultGone { fault: armed.number, detail });
            }
        }
        let ends = armed.iter().filter_map(|armed| armed.until);
        ends.chain([Instant::now() + WATCH]).min().unwrap_or_else(Instant::now)
    }

    /// Undoes all faults, in reverse order, and proves it. Harmless when they are undone already.
    /// True when all are proven to be gone.
    pub async fn heal(&self) -> bool {
        let mut armed = self.armed.lock().await;
        for armed in armed.iter_mut().rev().filter(|armed| armed.state != State::Healed) {
            self.undo(armed).await;
        }
        let mut all = true;
        for armed in armed.iter_mut().rev().filter(|armed| armed.state != State::Healed) {
            all &= self.prove_undone(armed).await;
        }
        all
    }

    async fn undo(&self, armed: &mut Armed) {
        // Should it fail, the proof says so.
        let _ = timeout(UNDO, armed.action.heal(&self.lab, &armed.applied)).await;
    }

    async fn prove_undone(&self, armed: &mut Armed) -> bool {
        let proof = match timeout(UNDO, armed.action.prove_heal(&self.lab, &armed.applied)).await {
            Ok(Ok(proof)) => proof,
            Ok(Err(error)) => Proof { holds: false, evidence: vec![error.to_string()] },
            Err(_) => Proof { holds: false, evidence: vec![format!("no answer within {} s", UNDO.as_secs())] },
        };
        if proof.holds {
            armed.state = State::Healed;
        }
        (self.emit)(Body::FaultHealed { fault: armed.number, proven: proof.holds, evidence: proof.evidence });
        proof.holds
    }

    /// The names of all targets, for each fault that was injected.
    pub async fn targets(&self) -> Vec<(FaultKind, Vec<String>)> {
        self.armed.lock().await.iter().map(|armed| (armed.action.kind(), armed.action.targets().to_vec())).collect()
    }
}
