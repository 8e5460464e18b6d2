//! The steps of a trial between a lab that is up and a lab that is taken down.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::recorder::Recorder;
use super::trial::{AbortOnDrop, SETTLE, Unfinished};
use crate::agent::{self, Brief, Limits};
use crate::chaos::{Chaos, Queue};
use crate::model::event::{Body, SnapshotPoint};
use crate::model::trial::{Phase, SessionEnd, TrialKey};
use crate::monitor::{self, Monitor, Ticket};
use crate::runtime::Lab;
use crate::spec::campaign::Scenario;
use crate::spec::plan::Plan;
use crate::spec::variant::Variant;
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
    pub(super) plan: &'a Plan,
    key: &'a TrialKey,
    pub(super) lab: &'a Arc<dyn Lab>,
    pub(super) log: &'a Recorder,
    pub(super) chaos: Arc<Chaos>,
    /// Whether all faults of the scenario have landed.
    all_injected: watch::Sender<bool>,
    pub(super) workload: OnceLock<Workload>,
    pub(super) monitor: OnceLock<Monitor>,
    /// Set once the ledger has been checked.
    pub(super) checked: OnceLock<()>,
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
            all_injected: watch::Sender::new(false),
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
        let chaos = self.chaos.clone();
        let watch = AbortOnDrop(tokio::spawn(async move { chaos.watch().await }));
        let mut later = Queue::new(&scenario.chaos, self.key.seed);
        self.inject(&mut later).await?;
        let (session, held) = self.while_injecting(later, self.detect_and_operate(variant, monitor)).await?;
        self.freeze().await?;
        let recovered = self.verify(monitor, injected, held).await;
        drop(watch);
        self.snapshot(SnapshotPoint::After).await;
        if recovered {
            self.check_ledger(workload, Instant::now() + self.plan.timeouts.heal.duration()).await;
        }
        Ok(Work { recovered, session })
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
        let workload = self
            .workload
            .get_or_init(|| Workload::start(self.lab, &subject.workload, self.key.seed, move |body| load(body)));
        let monitor = self
            .monitor
            .get_or_init(|| Monitor::start(self.lab, subject, Some(workload.figures()), move |body| emit(body)));
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

    async fn inject(&self, queue: &mut Queue) -> Result<(), Unfinished> {
        let injected = async { (self.chaos.inject_first(queue).await, false) };
        self.phase(Phase::Inject, injected).await?;
        self.all_injected.send_replace(queue.is_empty());
        Ok(())
    }

    /// Injects the faults that are due later while detection goes on; the work itself begins when all are there. One
    /// that does not land ends the work.
    async fn while_injecting<T>(
        &self,
        later: Queue,
        work: impl Future<Output = Result<T, Unfinished>>,
    ) -> Result<T, Unfinished> {
        let inject = async {
            match self.chaos.inject(later).await {
                Ok(()) => {
                    self.all_injected.send_replace(true);
                    std::future::pending().await
                }
                Err(error) => error,
            }
        };
        tokio::select! {
            biased;
            error = inject => Err(error.into()),
            result = work => result,
        }
    }

    async fn all_injected(&self) {
        // The sender lives as long as this does.
        let _ = self.all_injected.subscribe().wait_for(|all| *all).await;
    }

    async fn detect_and_operate(
        &self,
        variant: &Variant,
        monitor: &Monitor,
    ) -> Result<(SessionEnd, Option<Instant>), Unfinished> {
        let ticket = self.detect(monitor).await;
        // Nobody begins to work before all faults are there: whoever is fast would face fewer of them.
        self.all_injected().await;
        let detected = ticket.is_some();
        let snapshot = async {
            if detected {
                self.snapshot(SnapshotPoint::Detected).await;
            }
        };
        // At the same time: nodes that answer do so at once, and one that does not must not cost the operator time.
        let ((), result) = tokio::join!(snapshot, self.operate(variant, ticket, monitor));
        result
    }

    async fn detect(&self, monitor: &Monitor) -> Option<Ticket> {
        self.phase(Phase::Detect, async {
            let limit = async {
                self.all_injected().await;
                sleep(self.plan.timeouts.detect.duration()).await;
            };
            tokio::select! {
                biased;
                ticket = monitor.ticket() => (Some(ticket), false),
                () = limit => (None, true),
            }
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
    ) -> Result<(SessionEnd, Option<Instant>), Unfinished> {
        let wall = self.plan.timeouts.operate.duration();
        self.phase(Phase::Operate, async {
            let operator = self.operator(variant).await;
            let (Some(operator), Some(ticket)) = (operator, ticket) else {
                let held = monitor.wait_held(self.plan.windows.hold.duration(), Instant::now() + wall).await.ok();
                return (Ok((SessionEnd::None, held)), held.is_none());
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
            let late = outcome.as_ref().is_ok_and(|outcome| outcome.end == SessionEnd::OutOfBudget);
            let outcome = outcome.map(|outcome| (outcome.end, None));
            (outcome.map_err(|error| Unfinished::Error(error.to_string())), late)
        })
        .await
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
                let held = if let Some(since) = held {
                    Ok(since)
                } else {
                    let deadline = Instant::now() + self.plan.timeouts.verify.duration();
                    monitor.wait_held(self.plan.windows.hold.duration(), deadline).await
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

    /// Runs a step between its two events; it tells whether its time limit ended it.
    pub(super) async fn phase<T>(&self, phase: Phase, step: impl Future<Output = (T, bool)>) -> T {
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
