//! The user stops a run.

use std::time::Duration;

use harness::model::event::Body;
use harness::model::trial::{Phase, Status};
use harness::model::units::Millis;
use harness::runtime::fake::FakeRuntime;

use super::{KILL_FIRST, commands};
use crate::support::campaign::{campaign_with, quickstart, single};

#[tokio::test(start_paused = true)]
async fn stopping_keeps_what_is_finished() {
    let record = campaign_with(quickstart(), FakeRuntime::default(), |event, stop, _| {
        let third = event.trial.as_ref().is_some_and(|id| id.0.ends_with(".4"));
        if third && matches!(event.body, Body::PhaseStarted { phase: Phase::Operate | Phase::Detect }) {
            stop.cancel();
        }
    })
    .await;
    let ends = record.ends();
    assert!(ends.values().all(|ends| ends.len() == 1));
    assert_eq!(ends.len(), record.keys().len(), "what was begun has ended");
    assert!(record.summary.completed >= 2 && record.summary.interrupted >= 1, "{:?}", record.summary);
    assert!(record.keys().len() <= 5, "nothing is started any more");
    assert_eq!(record.end(4).status, Status::Interrupted);
    let last: Vec<Phase> = record.phases(4).into_iter().rev().take(2).collect();
    assert_eq!(last, [Phase::Teardown, Phase::Heal], "in order all the same");
    assert!(matches!(record.events.last().unwrap().body, Body::RunEnded { interrupted: true }));
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_a_ledger_check() {
    let mut plan = single(KILL_FIRST, &commands(&["true"]));
    plan.timeouts.heal = Millis(3_600_000);
    let begin = tokio::time::Instant::now();
    let record = campaign_with(plan, FakeRuntime::default(), |event, stop, _| {
        if matches!(event.body, Body::PhaseStarted { phase: Phase::Heal }) {
            stop.cancel();
        }
    })
    .await;
    assert_eq!(record.end(1).status, Status::Interrupted);
    assert!(begin.elapsed() < Duration::from_mins(2), "{:?}", begin.elapsed());
    assert!(record.bodies(1).iter().any(|body| matches!(body, Body::FaultHealed { proven: true, .. })));
}
