//! Whatever goes wrong, nothing stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use harness::model::event::Body;
use harness::model::trial::{Phase, SessionEnd, Status};
use harness::runtime::fake::{FakeRuntime, Options};

use super::{BASELINE, KILL_FIRST, ORACLE};
use crate::support::campaign::{Record, campaign, campaign_with, quickstart, single};
use crate::support::faulty::{Call, Counts, FaultyRuntime, How, Trouble};

#[tokio::test(start_paused = true)]
async fn a_lab_that_does_not_come_up_is_an_error() {
    let options = Options { provision_fails: Some("no room".into()), ..Options::default() };
    let runtime = FakeRuntime::new(options);
    let record = campaign(quickstart(), runtime.clone()).await;
    assert_eq!((record.summary.errors, record.summary.leaked), (18, 0));
    assert!(record.end(1).reason.contains("no room"));
    assert!(runtime.labs().is_empty());

    let options = Options { provision_takes: Duration::from_hours(1), ..Options::default() };
    let record = campaign(single(KILL_FIRST, ORACLE), FakeRuntime::new(options)).await;
    assert_eq!(record.end(1).status, Status::Error);
}

#[tokio::test(start_paused = true)]
async fn leftovers_are_told_and_do_not_change_the_outcome() {
    let options = Options { leftovers: vec!["process 1234 (kv)".into()], ..Options::default() };
    let record = campaign(single(KILL_FIRST, ORACLE), FakeRuntime::new(options)).await;
    let end = record.end(1);
    assert_eq!((end.status, end.leaked), (Status::Completed, true));
    assert_eq!(record.summary.leaked, 1);
    let down = record.bodies(1).into_iter().find_map(|body| match body {
        Body::TornDown { leftovers, .. } => Some(leftovers.clone()),
        _ => None,
    });
    assert_eq!(down.unwrap(), ["process 1234 (kv)"]);
}

#[tokio::test(start_paused = true)]
async fn an_unproven_freeze_is_an_error_and_not_a_score() {
    let options = Options { freeze_fails: true, ..Options::default() };
    let record = campaign(single(KILL_FIRST, ORACLE), FakeRuntime::new(options)).await;
    assert_eq!(record.end(1).status, Status::Error);
    let bodies = record.bodies(1);
    assert!(bodies.iter().any(|body| matches!(body, Body::Frozen { proven: false, .. })));
    assert!(bodies.iter().any(|body| matches!(body, Body::FaultHealed { .. })));
    assert!(!record.phases(1).contains(&Phase::Verify));
}

#[tokio::test(start_paused = true)]
async fn aborting_ends_labs_at_once() {
    let runtime = FakeRuntime::default();
    let begin = tokio::time::Instant::now();
    let record = campaign_with(quickstart(), runtime.clone(), |event, stop, abort| {
        if matches!(event.body, Body::PhaseStarted { phase: Phase::Inject }) {
            stop.cancel();
            abort.cancel();
        }
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(runtime.labs().iter().all(harness::runtime::fake::FakeLab::is_gone));
    assert!(record.ends().values().all(|ends| ends.len() == 1 && ends[0].status == Status::Interrupted));
}

/// Runs one trial in which a call goes wrong.
pub(super) async fn with_trouble(chaos: &str, variant: &str, trouble: Trouble) -> (Record, Arc<Counts>, FakeRuntime) {
    let (inner, counts) = (FakeRuntime::default(), Arc::<Counts>::default());
    let runtime = FaultyRuntime { inner: inner.clone(), trouble, counts: counts.clone() };
    (campaign(single(chaos, variant), runtime).await, counts, inner)
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_the_harness_cannot_give_is_not_held_against_the_operator() {
    for how in [How::Fails, How::Gone] {
        let (record, ..) = with_trouble(KILL_FIRST, ORACLE, Trouble { call: Call::Exec, how, from: 0 }).await;
        let end = record.end(1);
        assert_eq!((end.status, end.outcome), (Status::Error, None), "{how:?}: {}", end.reason);
    }
}

const CUT: &str = r#"[{"partition": {"target": {"node": "kv1"}, "from": "others"}}]"#;

fn healed(record: &Record) -> Vec<(bool, String)> {
    let healed = record.bodies(1).into_iter().filter_map(|body| match body {
        Body::FaultHealed { proven, evidence, .. } => Some((*proven, evidence.join("\n"))),
        _ => None,
    });
    healed.collect()
}

#[tokio::test(start_paused = true)]
async fn rules_are_removed_even_when_their_ids_never_came_back() {
    let trouble = Trouble { call: Call::AddRules, how: How::Hangs, from: 0 };
    let (record, _, _) = with_trouble(CUT, BASELINE, trouble).await;
    let end = record.end(1);
    assert_eq!(end.status, Status::Error, "the harness did not get its answer: {}", end.reason);
    let healed = healed(&record);
    assert_eq!(healed.len(), 1);
    assert!(healed[0].0 && healed[0].1.matches("arrived in").count() == 4, "{healed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_measured_is_not_proven() {
    let trouble = Trouble { call: Call::Reach, how: How::Hangs, from: 1 };
    let (record, _, _) = with_trouble(CUT, BASELINE, trouble).await;
    assert_eq!(record.end(1).status, Status::Error, "{}", record.end(1).reason);
    assert!(!healed(&record)[0].0);
}

#[tokio::test(start_paused = true)]
async fn a_lab_that_does_not_go_is_killed_and_looked_at_again() {
    let trouble = Trouble { call: Call::Teardown, how: How::Hangs, from: 0 };
    let (record, counts, inner) = with_trouble(KILL_FIRST, BASELINE, trouble).await;
    let end = record.end(1);
    assert_eq!((end.status, end.leaked), (Status::Completed, false));
    let cut = |body: &&Body| matches!(body, Body::PhaseEnded { phase: Phase::Teardown, timed_out: true });
    assert!(record.bodies(1).iter().any(cut));
    assert!(counts.kills.load(Ordering::Relaxed) > 0);
    assert!(inner.labs().iter().all(harness::runtime::fake::FakeLab::is_gone));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_comes_back_is_cut_with_its_session() {
    let trouble = Trouble { call: Call::Exec, how: How::Hangs, from: 0 };
    let (record, ..) = with_trouble(KILL_FIRST, ORACLE, trouble).await;
    let end = record.end(1);
    assert_eq!((end.status, end.session), (Status::Completed, SessionEnd::OutOfBudget));
    let bodies = record.bodies(1);
    let cut = bodies.iter().position(|body| matches!(body, Body::CommandEnded { exit: None, timed_out: true, .. }));
    let over = bodies.iter().position(|body| matches!(body, Body::SessionEnded { .. }));
    assert!(cut.is_some() && cut < over, "the record of the command is closed before that of the session");
}
