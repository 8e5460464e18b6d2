//! One trial, from nothing to nothing.
//!
//! This file is the frame: the lab comes up, the steps run, and whatever became of them the faults are healed, the lab
//! is taken down, leftovers are looked for, and exactly one `TrialEnded` is emitted. The steps are in `steps`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::recorder::Recorder;
use super::steps::{Steps, Work};
use crate::chaos::Chaos;
use crate::model::event::Body;
use crate::model::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};
use crate::runtime::{Lab, LabRequest, NodeRequest, Runtime};
use crate::spec::plan::Plan;

/// A trial that is to be run.
pub(super) struct Trial {
    pub plan: Arc<Plan>,
    pub key: TrialKey,
    pub runtime: Arc<dyn Runtime>,
    pub log: Recorder,
    pub stop: CancellationToken,
    pub abort: CancellationToken,
}

/// How long a lab that was killed is looked at for what is left.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What the dispatcher counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub status: Status,
    pub leaked: bool,
}

/// Why a trial does not count.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// The fault did not land, or the subject was not well before it.
    Void(String),
    /// The harness failed.
    Error(String),
    /// The user stopped it.
    Interrupted,
}

impl Trial {
    /// Runs it to its end, which is recorded exactly once.
    pub(super) async fn run(self) -> Finished {
        self.log.emit(Body::TrialStarted { key: self.key.clone() });
        let (result, leaked) = AssertUnwindSafe(self.attempt()).catch_unwind().await.unwrap_or_else(|panic| {
            // The lab was killed when its guard was dropped.
            (Err(Unfinished::Error(format!("a panic: {}", panic_text(&*panic)))), false)
        });
        let (status, outcome, session, reason) = match result {
            Ok(Work { recovered, session }) => {
                let outcome = if recovered { Outcome::Recovered } else { Outcome::NotRecovered };
                (Status::Completed, Some(outcome), session, None)
            }
            Err(Unfinished::Void(reason)) => (Status::Void, None, SessionEnd::None, Some(reason)),
            Err(Unfinished::Error(reason)) => (Status::Error, None, SessionEnd::None, Some(reason)),
            Err(Unfinished::Interrupted) => {
                (Status::Interrupted, None, SessionEnd::None, Some("stopped by the user".into()))
            }
        };
        self.log.emit(Body::TrialEnded { status, outcome, session, reason, leaked });
        Finished { status, leaked }
    }

    async fn attempt(&self) -> (Result<Work, Unfinished>, bool) {
        match self.provision().await {
            Ok(lab) => self.with_lab(&lab).await,
            Err(unfinished) => (Err(unfinished), false),
        }
    }

    async fn provision(&self) -> Result<Arc<dyn Lab>, Unfinished> {
        let limit = self.plan.timeouts.provision.duration();
        let begin = Instant::now();
        self.log.emit(Body::PhaseStarted { phase: Phase::Provision });
        let request = request(&self.plan).map_err(Unfinished::Error)?;
        let provision = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Unfinished::Interrupted),
            result = timeout(limit, self.runtime.provision(request)) => result,
        };
        self.log.emit(Body::PhaseEnded { phase: Phase::Provision, timed_out: provision.is_err() });
        let lab = match provision {
            Ok(Ok(lab)) => Arc::<dyn Lab>::from(lab),
            Ok(Err(error)) => return Err(Unfinished::Error(error.to_string())),
            Err(_) => return Err(Unfinished::Error(format!("the lab was not up after {} ms", limit.as_millis()))),
        };
        let took_us = begin.elapsed().as_micros() as u64;
        self.log.emit(Body::LabUp { nodes: lab.nodes().to_vec(), took_us });
        Ok(lab)
    }

    /// The steps, then heal and teardown in any case.
    async fn with_lab(&self, lab: &Arc<dyn Lab>) -> (Result<Work, Unfinished>, bool) {
        let _killed_when_dropped = KillOnDrop(lab.clone());
        let steps = Steps::new(&self.plan, &self.key, lab, &self.log);
        let forward = forward_changes(lab.clone(), self.log.clone(), steps.chaos.clone());
        let forward = AbortOnDrop(tokio::spawn(forward));
        let work = AssertUnwindSafe(steps.work()).catch_unwind();
        let mut result = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Unfinished::Interrupted),
            result = work => {
                result.unwrap_or_else(|panic| Err(Unfinished::Error(format!("a panic: {}", panic_text(&*panic)))))
            }
        };
        let heal = AssertUnwindSafe(steps.heal(result.is_ok(), &self.stop)).catch_unwind();
        let healed = tokio::select! {
            biased;
            () = self.abort.cancelled() => Err(Unfinished::Interrupted),
            healed = heal => healed.unwrap_or_else(|panic| {
                Err(Unfinished::Error(format!("a panic while healing: {}", panic_text(&*panic))))
            }),
        };
        // What went wrong first says more.
        if let (Ok(_), Err(unfinished)) = (&result, healed) {
            result = Err(unfinished);
        }
        let leaked = self.teardown(lab).await;
        drop(forward);
        (result, leaked)
    }

    /// True when something is left.
    async fn teardown(&self, lab: &Arc<dyn Lab>) -> bool {
        self.log.emit(Body::PhaseStarted { phase: Phase::Teardown });
        let begin = Instant::now();
        if self.abort.is_cancelled() {
            lab.kill();
        }
        let limit = self.plan.timeouts.teardown.duration();
        let mut torn = timeout(limit, lab.teardown()).await;
        let timed_out = torn.is_err();
        if timed_out {
            lab.kill();
            torn = timeout(LAST_LOOK, lab.teardown()).await;
        }
        let leftovers = match torn {
            Ok(torn) => torn.leftovers,
            Err(_) => vec![format!("the lab did not end within {} ms and was killed", limit.as_millis())],
        };
        self.log.emit(Body::PhaseEnded { phase: Phase::Teardown, timed_out });
        let leaked = !leftovers.is_empty();
        self.log.emit(Body::TornDown { took_us: begin.elapsed().as_micros() as u64, leftovers });
        leaked
    }
}

/// What the runtime is asked for.
fn request(plan: &Plan) -> Result<LabRequest, String> {
    let process = plan.subject.runtimes.process.as_ref();
    let process = process.ok_or_else(|| format!("subject `{}` has no process runtime", plan.subject.name))?;
    let env: Vec<_> = process.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let nodes = plan.subject.node_plans().into_iter().map(|node| {
        let role = process.roles.get(&node.role);
        let command = role.and_then(|role| role.command.as_ref()).unwrap_or(&process.command).clone();
        let data = role.and_then(|role| role.data).unwrap_or(process.data);
        NodeRequest { name: node.name, role: node.role, port: node.port, command, env: env.clone(), data_bytes: data.0 }
    });
    Ok(LabRequest { nodes: nodes.collect() })
}

async fn forward_changes(lab: Arc<dyn Lab>, log: Recorder, chaos: Arc<Chaos>) {
    while let Some(change) = lab.next_change().await {
        log.emit(Body::NodeChanged { node: change.node, change: change.change, by: change.by });
        // It may be the end of a fault.
        chaos.look();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

/// Ends the lab also when the trial's future is dropped.
struct KillOnDrop(Arc<dyn Lab>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Ends a task with its owner.
pub(super) struct AbortOnDrop(pub tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long a window may take to be held before its subject counts as unwell, besides its own length.
pub(super) const SETTLE: Duration = Duration::from_secs(10);
