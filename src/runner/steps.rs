//! The steps of a trial between a lab that is up and a lab that is taken down.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::recorder::Recorder;
use super::trial::{AbortOnDrop, SETTLE, Unfinished};
use crate::agent::{self, Brief, Limits, Operator, ScriptOperator};
use crate::chaos::Chaos;
use crate::model::event::{Body, SnapshotPoint};
use crate::model::trial::{Phase, SessionEnd, TrialKey};
use crate::monitor::{self, Monitor, Ticket};
use crate::runtime::{Lab, NodeAction, NodeState};
use crate::spec::campaign::Scenario;
use crate::spec::plan::Plan;
use crate::spec::variant::{Script, Variant};
use crate::workload::Workload;

/// How long a freeze may take; it kills processes and no more.
const FREEZE: Duration = Duration::from_secs(10);

/// What the steps came to.
#[derive(Debug)]
pub(super) struct Work {
    pub recovered: bool,
    pub session: SessionEnd,
}

/// What the steps of one trial share.
pub(super) struct Steps<'a> {
    plan: &'a Plan,
    key: &'a TrialKey,
    lab: &'a Arc<dyn Lab>,
    log: &'a Recorder,
    chaos: Arc<Chaos>,
    workload: OnceLock<Workload>,
    monitor: OnceLock<Monitor>,
    checked: OnceLock<()>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(plan: &'a Plan, key: &'a TrialKey, lab: &'a Arc<dyn Lab>, log: &'a Recorder) -> Self {
        let chaos = Arc::new(Chaos::new(lab.clone(), plan.subject.leader.clone(), log.emitter()));
        Self {
            plan,
            key,
            lab,
            log,
            chaos,
            workload: OnceLock::new(),
            monitor: OnceLock::new(),
            checked: OnceLock::new(),
        }
    }

    /// From ready to verify.
    pub(super) async fn work(&self) -> Result<Work, Unfinished> {
        let (scenario, variant) = self.scenario_and_variant()?;
        self.ready().await.map_err(Unfinished::Void)?;
        let (workload, monitor) = self.observe();
        self.healthy(workload, monitor).await?;
        self.snapshot(SnapshotPoint::Before).await;
        monitor.open_tickets(true);
        let injected = Instant::now();
        self.inject(scenario).await?;
        let chaos = self.chaos.clone();
        let watch = AbortOnDrop(tokio::spawn(async move { chaos.watch().await }));
        let ticket = self.detect(monitor).await;
        if ticket.is_some() {
            self.snapshot(SnapshotPoint::Detected).await;
        }
        let (session, held) = self.operate(variant, ticket, monitor).await;
        self.freeze().await?;
        let recovered = self.verify(monitor, injected, held).await;
        drop(watch);
        self.snapshot(SnapshotPoint::After).await;
        if recovered {
            self.check_ledger(workload).await;
        }
        Ok(Work { recovered, session })
    }

    /// Removes the faults whatever happened. For a trial that counts, also brings the subject back and checks the
    /// ledger, if that has not been done.
    pub(super) async fn heal(&self, counts: bool) {
        if let Some(monitor) = self.monitor.get() {
            monitor.stop().await;
        }
        self.phase(Phase::Heal, async {
            let deadline = Instant::now() + self.plan.timeouts.heal.duration();
            let healed = timeout(self.plan.timeouts.heal.duration(), self.chaos.heal()).await;
            let Some(workload) = self.workload.get() else { return ((), healed.is_err()) };
            if counts && self.checked.get().is_none() {
                self.revive_all().await;
                // What cannot be read shows in the check.
                let _ = monitor::ready(self.lab, &self.plan.subject.ready, deadline).await;
                self.check_ledger(workload).await;
            } else {
                workload.stop().await;
            }
            ((), healed.is_err())
        })
        .await;
    }

    async fn ready(&self) -> Result<(), String> {
        self.phase(Phase::Ready, async {
            let deadline = Instant::now() + self.plan.timeouts.ready.duration();
            let result = monitor::ready(self.lab, &self.plan.subject.ready, deadline).await;
            let late = result.is_err();
            (result.map_err(|error| error.to_string()), late)
        })
        .await
    }

    /// Starts the client load and the monitor.
    fn observe(&self) -> (&Workload, &Monitor) {
        let (emit, subject) = (self.log.emitter(), &self.plan.subject);
        let load = emit.clone();
        let workload = self.workload.get_or_init(|| {
            Workload::start(self.lab, &subject.workload, self.key.seed, move |body| load(body))
        });
        let monitor = self.monitor.get_or_init(|| {
            Monitor::start(self.lab, subject, Some(workload.figures()), move |body| emit(body))
        });
        (workload, monitor)
    }

    async fn healthy(&self, workload: &Workload, monitor: &Monitor) -> Result<(), Unfinished> {
        let window = self.plan.windows.healthy.duration();
        self.phase(Phase::Healthy, async {
            let held = monitor.wait_held(window, Instant::now() + window + SETTLE).await;
            let late = held.is_err();
            (held, late)
        })
        .await
        .map_err(|seen| Unfinished::Void(format!("the subject was not well before the fault: {seen}")))?;
        let crate::spec::subject::Workload::Http(spec) = &self.plan.subject.workload;
        match spec.ops.iter().find(|op| !workload.succeeded_once(&op.name)) {
            None => Ok(()),
            Some(op) => Err(Unfinished::Void(format!("no `{}` request has succeeded before the fault", op.name))),
        }
    }

    async fn inject(&self, scenario: &Scenario) -> Result<(), Unfinished> {
        let injected = async { (self.chaos.inject(&scenario.chaos, self.key.seed).await, false) };
        self.phase(Phase::Inject, injected).await.map_err(|error| Unfinished::Void(error.to_string()))
    }

    async fn detect(&self, monitor: &Monitor) -> Option<Ticket> {
        self.phase(Phase::Detect, async {
            let ticket = timeout(self.plan.timeouts.detect.duration(), monitor.ticket()).await.ok();
            let late = ticket.is_none();
            (ticket, late)
        })
        .await
    }

    /// The session; or, when there is none, the time that one would have had. Then also tells since when all
    /// invariants hold, if they came to hold by themselves.
    async fn operate(
        &self,
        variant: &Variant,
        ticket: Option<Ticket>,
        monitor: &Monitor,
    ) -> (SessionEnd, Option<Instant>) {
        let wall = self.plan.timeouts.operate.duration();
        self.phase(Phase::Operate, async {
            let operator = self.operator(variant).await;
            let (Some(operator), Some(ticket)) = (operator, ticket) else {
                let held = monitor.wait_held(self.plan.windows.hold.duration(), Instant::now() + wall).await.ok();
                return ((SessionEnd::None, held), held.is_none());
            };
            let names: Vec<&str> = self.lab.nodes().iter().map(|node| node.name.as_str()).collect();
            let brief = Brief {
                briefing: self.plan.subject.briefing.replace("{nodes}", &names.join(", ")),
                ticket: ticket.summary,
            };
            let limits = Limits {
                wall: variant.budget.wall.map_or(wall, |own| own.duration().min(wall)),
                commands: variant.budget.commands,
                shell: variant.tools.shell.clone(),
            };
            let emit = self.log.emitter();
            let outcome = agent::run(operator, brief, ticket.number, limits, self.lab.clone(), emit).await;
            ((outcome.end, None), outcome.end == SessionEnd::OutOfBudget)
        })
        .await
    }

    /// `None` for the baseline: nobody.
    async fn operator(&self, variant: &Variant) -> Option<Box<dyn Operator>> {
        let script = match variant.script.as_ref()? {
            Script::RestartAll => {
                ScriptOperator::restart_all(self.lab.nodes().iter().map(|node| node.name.as_str()))
            }
            Script::Commands(commands) => ScriptOperator::new(commands.clone()),
            Script::Oracle => {
                let faults = self.chaos.targets().await;
                let remedies = &self.plan.subject.remedies;
                ScriptOperator::oracle(faults.iter().filter_map(|(kind, targets)| {
                    remedies.get(kind).map(|lines| (lines.as_slice(), targets.as_slice()))
                }))
            }
        };
        Some(Box::new(script))
    }

    async fn freeze(&self) -> Result<(), Unfinished> {
        let frozen = self
            .phase(Phase::Freeze, async {
                let frozen = timeout(FREEZE, self.lab.freeze()).await;
                let late = frozen.is_err();
                (frozen, late)
            })
            .await;
        let failed = match frozen {
            Ok(Ok(frozen)) => {
                self.log.emit(Body::Frozen { ended: frozen.ended, proven: true });
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {} s", FREEZE.as_secs()),
        };
        self.log.emit(Body::Frozen { ended: 0, proven: false });
        // Nothing that happens from here on could be told from the operator's doing.
        Err(Unfinished::Error(format!("the operator's processes were not ended: {failed}")))
    }

    async fn verify(&self, monitor: &Monitor, injected: Instant, held: Option<Instant>) -> bool {
        let held = self
            .phase(Phase::Verify, async {
                let held = match held {
                    Some(since) => Ok(since),
                    None => {
                        let deadline = Instant::now() + self.plan.timeouts.verify.duration();
                        monitor.wait_held(self.plan.windows.hold.duration(), deadline).await
                    }
                };
                let late = held.is_err();
                (held, late)
            })
            .await;
        let (recovered, since_us, detail) = match held {
            // What was never broken holds since the fault at the earliest.
            Ok(since) => (true, Some(self.log.micros(since.max(injected))), String::new()),
            Err(seen) => (false, None, seen),
        };
        self.log.emit(Body::Verified { recovered, since_us, detail });
        recovered
    }

    async fn snapshot(&self, when: SnapshotPoint) {
        for body in monitor::snapshot(self.lab, &self.plan.subject.snapshot, when).await {
            self.log.emit(body);
        }
    }

    async fn check_ledger(&self, workload: &Workload) {
        workload.stop().await;
        let deadline = Instant::now() + self.plan.timeouts.heal.duration();
        let check = workload.ledger().check(self.lab, deadline).await;
        // Set before the event, so that a second check is not even begun.
        let _ = self.checked.set(());
        self.log.emit(Body::Ledger(check));
    }

    /// Brings back what the operator or a crash left down, so that the ledger can be read.
    async fn revive_all(&self) {
        for node in self.lab.nodes() {
            let action = match self.lab.node_state(&node.name).await {
                Ok(NodeState::Down(_)) => NodeAction::Start,
                Ok(NodeState::Paused) => NodeAction::Signal("CONT".into()),
                Ok(NodeState::Running) | Err(_) => continue,
            };
            // A node that does not start shows in the check.
            let _ = self.lab.act(&node.name, action).await;
        }
    }

    /// Runs a step between its two events; it tells whether its time limit ended it.
    async fn phase<T>(&self, phase: Phase, step: impl Future<Output = (T, bool)>) -> T {
        self.log.emit(Body::PhaseStarted { phase });
        let (result, timed_out) = step.await;
        self.log.emit(Body::PhaseEnded { phase, timed_out });
        result
    }

    fn scenario_and_variant(&self) -> Result<(&'a Scenario, &'a Variant), Unfinished> {
        let scenario = self.plan.scenarios.iter().find(|scenario| scenario.name == self.key.scenario);
        let variant = self.plan.variants.iter().find(|variant| variant.name == self.key.variant);
        scenario.zip(variant).ok_or_else(|| Unfinished::Error("the plan lacks the trial's scenario or variant".into()))
    }
}
