//! Properties of the trial's state machine: whatever goes wrong wherever, it ends once and cleans up.

use std::sync::atomic::Ordering;

use harness::model::event::Body;
use harness::model::trial::{Phase, Status};
use proptest::prelude::*;

use super::cleanup::with_trouble;
use crate::support::faulty::{Call, How, Trouble};

const FAULTS: [&str; 3] = [
    r#"[{"node_kill": {"target": {"role": "store", "pick": "leader"}}}]"#,
    r#"[{"node_pause": {"target": {"role": "store", "pick": "random"}}}]"#,
    r#"[{"partition": {"target": {"role": "store", "pick": "follower"}, "from": "others", "duration": "5s"}}]"#,
];
const VARIANTS: [&str; 4] = [
    r#"{"name": "baseline", "baseline": true}"#,
    r#"{"name": "oracle", "script": "oracle"}"#,
    r#"{"name": "restart-all", "script": "restart-all"}"#,
    r#"{"name": "slow", "script": {"commands": ["sleep 5", "lab ps", "sleep 3600"]}}"#,
];

fn troubles() -> impl Strategy<Value = Trouble> {
    let how = prop::sample::select(vec![How::Fails, How::Gone, How::Hangs, How::Panics]);
    let from = prop_oneof![0_u32..12, 0_u32..400];
    (prop::sample::select(Call::ALL.to_vec()), how, from).prop_map(|(call, how, from)| Trouble { call, how, from })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_trial_ends_once_and_leaves_nothing(
        chaos in prop::sample::select(FAULTS.to_vec()),
        variant in prop::sample::select(VARIANTS.to_vec()),
        trouble in troubles(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (record, counts, inner) = runtime.block_on(with_trouble(chaos, variant, trouble));
        let end = record.end(1);
        let bodies = record.bodies(1);
        prop_assert!(matches!(bodies.last(), Some(Body::TrialEnded { .. })), "nothing follows the end");
        prop_assert_eq!(end.status == Status::Completed, end.outcome.is_some());
        prop_assert_eq!(end.status == Status::Completed, end.reason.is_empty());
        let labs = counts.labs.load(Ordering::Relaxed);
        prop_assert!(counts.teardowns.load(Ordering::Relaxed) >= labs, "each lab is taken down");
        prop_assert!(inner.labs().iter().all(harness::runtime::fake::FakeLab::is_gone), "and gone");
        if labs > 0 {
            let phases = record.phases(1);
            prop_assert!(phases.ends_with(&[Phase::Heal, Phase::Teardown]), "{:?}", phases);
        }
        // Never applied without its undo on record.
        let place = |wanted: fn(&Body) -> bool| bodies.iter().position(|body| wanted(body));
        if let Some(injected) = place(|body| matches!(body, Body::FaultInjected { .. })) {
            let undo = place(|body| matches!(body, Body::FaultUndo { .. }));
            prop_assert!(undo.is_some_and(|undo| undo < injected));
        }
        // Commands that were begun have ended.
        let count = |wanted: fn(&Body) -> bool| bodies.iter().filter(|body| wanted(body)).count();
        prop_assert_eq!(
            count(|body| matches!(body, Body::CommandStarted { .. })),
            count(|body| matches!(body, Body::CommandEnded { .. }))
        );
    }
}
