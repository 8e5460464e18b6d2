//! Whole campaigns on fake labs in virtual time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use harness::model::event::{Body, Event};
use harness::model::id::{RunId, TrialId};
use harness::model::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};
use harness::runner::{self, EventSink, RunOptions, RunSummary};
use harness::runtime::Runtime;
use harness::spec::plan::Plan;
use tokio_util::sync::CancellationToken;

use super::root;

/// Keeps events; what `watcher` is told happens before the emitting task goes on.
#[derive(Default)]
pub(crate) struct Memory {
    events: Mutex<Vec<Event>>,
    watcher: Option<Box<dyn Fn(&Event) + Send + Sync>>,
}

impl EventSink for Memory {
    fn emit(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
        if let Some(watcher) = &self.watcher {
            watcher(event);
        }
    }
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) session: SessionEnd,
    pub(crate) reason: String,
    pub(crate) leaked: bool,
}

/// What a campaign left in the record.
pub(crate) struct Record {
    pub(crate) summary: RunSummary,
    pub(crate) events: Vec<Event>,
}

impl Record {
    /// The trials that were begun, in order.
    pub(crate) fn keys(&self) -> Vec<TrialKey> {
        let keys = self.events.iter().filter_map(|event| match &event.body {
            Body::TrialStarted { key } => Some(key.clone()),
            _ => None,
        });
        keys.collect()
    }

    /// The events of a trial, by its number.
    pub(crate) fn trial(&self, number: u32) -> Vec<&Event> {
        let suffix = format!(".{number}");
        let of_it = |event: &&Event| event.trial.as_ref().is_some_and(|id| id.0.ends_with(&suffix));
        self.events.iter().filter(of_it).collect()
    }

    /// What happened in a trial, by its number.
    pub(crate) fn bodies(&self, number: u32) -> Vec<&Body> {
        self.trial(number).into_iter().map(|event| &event.body).collect()
    }

    /// How the only trial of a scenario and a variant ended.
    pub(crate) fn end(&self, number: u32) -> End {
        let ends: Vec<End> = self.bodies(number).into_iter().filter_map(end).collect();
        assert_eq!(ends.len(), 1, "trial {number} must end exactly once");
        ends[0].clone()
    }

    /// All trials that ended, with how often.
    pub(crate) fn ends(&self) -> BTreeMap<TrialId, Vec<End>> {
        let mut ends = BTreeMap::<TrialId, Vec<End>>::new();
        for event in &self.events {
            if let (Some(id), Some(end)) = (&event.trial, end(&event.body)) {
                ends.entry(id.clone()).or_default().push(end);
            }
        }
        ends
    }

    /// The phases that a trial began, in order.
    pub(crate) fn phases(&self, number: u32) -> Vec<Phase> {
        let started = self.bodies(number).into_iter().filter_map(|body| match body {
            Body::PhaseStarted { phase } => Some(*phase),
            _ => None,
        });
        started.collect()
    }
}

fn end(body: &Body) -> Option<End> {
    let Body::TrialEnded { status, outcome, session, reason, leaked } = body else { return None };
    let reason = reason.clone().unwrap_or_default();
    Some(End { status: *status, outcome: *outcome, session: *session, reason, leaked: *leaked })
}

/// The campaign that ships, checked as always.
pub(crate) fn quickstart() -> Plan {
    load(&root().join("campaigns/kv-quickstart.yaml"))
}

/// A campaign of one scenario with one fault and one variant, once. `fault` and `variant` are YAML.
pub(crate) fn single(chaos: &str, variant: &str) -> Plan {
    let mut plan = quickstart();
    plan.scenarios.truncate(1);
    plan.scenarios[0].chaos = serde_json::from_str(chaos).expect("a list of faults");
    plan.variants = vec![serde_json::from_str(variant).expect("a variant")];
    (plan.repeats, plan.parallel) = (1, 1);
    plan.gates.clear();
    plan
}

fn load(path: &Path) -> Plan {
    harness::spec::load_campaign(path).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs a plan to its end.
pub(crate) async fn campaign(plan: Plan, runtime: impl Runtime + 'static) -> Record {
    campaign_with(plan, runtime, |_, _, _| {}).await
}

/// Runs a plan; `watcher` sees each event at once and can stop or abort the run.
pub(crate) async fn campaign_with(
    plan: Plan,
    runtime: impl Runtime + 'static,
    watcher: impl Fn(&Event, &CancellationToken, &CancellationToken) + Send + Sync + 'static,
) -> Record {
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let run = RunId("20260101-000000-abcd".into());
    let options = RunOptions { run, stop: stop.clone(), abort: abort.clone() };
    let watcher = Box::new(move |event: &Event| watcher(event, &stop, &abort));
    let memory = Arc::new(Memory { watcher: Some(watcher), ..Memory::default() });
    let summary = runner::run(Arc::new(plan), Arc::new(runtime), memory.clone(), options).await;
    let events = memory.events.lock().unwrap().clone();
    Record { summary, events }
}
