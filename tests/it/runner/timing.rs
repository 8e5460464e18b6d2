//! Faults that end by themselves, and those that come later.

use harness::model::event::Body;
use harness::model::trial::{Outcome, Status};
use harness::runtime::fake::FakeRuntime;
use harness::spec::fault::Pick;

use super::{BASELINE, ORACLE, commands};
use crate::support::campaign::{campaign, single};

#[tokio::test(start_paused = true)]
async fn a_fault_ends_by_itself_when_its_time_is_up() {
    let chaos = r#"[{"node_kill": {"target": {"node": "kv2"}, "duration": "4s"}}]"#;
    let record = campaign(single(chaos, BASELINE), FakeRuntime::default()).await;
    assert_eq!(record.end(1).outcome, Some(Outcome::Recovered));
    let at = |wanted: fn(&Body) -> bool| {
        let times: Vec<u64> =
            record.trial(1).into_iter().filter(|event| wanted(&event.body)).map(|event| event.at_us).collect();
        assert_eq!(times.len(), 1, "exactly once: {times:?}");
        times[0]
    };
    let injected = at(|body| matches!(body, Body::FaultInjected { .. }));
    let healed = at(|body| matches!(body, Body::FaultHealed { proven: true, .. }));
    assert!((3_900_000..4_100_000).contains(&(healed - injected)), "{}", healed - injected);
}

#[tokio::test(start_paused = true)]
async fn the_session_begins_when_all_faults_are_there() {
    let chaos = r#"[{"node_kill": {"target": {"node": "kv1"}}},
                    {"node_pause": {"target": {"node": "kv2"}, "after": "5s"}}]"#;
    let record = campaign(single(chaos, &commands(&["lab start kv1"])), FakeRuntime::default()).await;
    let events = record.trial(1);
    let at = |wanted: &dyn Fn(&Body) -> bool| {
        events.iter().find(|event| wanted(&event.body)).map(|event| event.at_us).expect("it happened")
    };
    let session = at(&|body| matches!(body, Body::SessionStarted { .. }));
    let first = at(&|body| matches!(body, Body::FaultInjected { fault: 0 }));
    let second = at(&|body| matches!(body, Body::FaultInjected { fault: 1 }));
    let ticket = at(&|body| matches!(body, Body::TicketOpened { .. }));
    assert!(ticket < second && second < session, "{ticket} {second} {session}");
    assert!((4_900_000..5_200_000).contains(&(second - first)), "{}", second - first);
    assert_eq!(record.end(1).outcome, Some(Outcome::NotRecovered), "kv2 is still paused");
}

#[tokio::test(start_paused = true)]
async fn the_oracle_waits_for_all_faults() {
    let chaos = r#"[{"node_kill": {"target": {"node": "kv1"}}},
                    {"node_pause": {"target": {"node": "kv2"}, "after": "5s"}}]"#;
    let record = campaign(single(chaos, ORACLE), FakeRuntime::default()).await;
    assert_eq!(record.end(1).outcome, Some(Outcome::Recovered));
    let prompt = record.bodies(1).into_iter().find_map(|body| match body {
        Body::SessionStarted { prompt, .. } => Some(prompt.clone()),
        _ => None,
    });
    let prompt = prompt.unwrap();
    for word in ["node_kill", "node_pause", "oracle", "remed", "{nodes}"] {
        assert!(!prompt.contains(word), "the prompt must not say `{word}`");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_fault_waits_for_the_election_of_its_target() {
    let chaos = r#"[{"node_kill": {"target": {"pick": "leader"}}}, {"node_pause": {"target": {"pick": "leader"}}}]"#;
    let plan = single(chaos, BASELINE);
    assert_eq!(plan.scenarios[0].chaos[0].target().pick, Some(Pick::Leader));
    let record = campaign(plan, FakeRuntime::default()).await;
    assert_eq!(record.end(1).status, Status::Completed, "{}", record.end(1).reason);
}

#[tokio::test(start_paused = true)]
async fn detection_has_its_time_after_the_last_fault() {
    let chaos = r#"[{"node_kill": {"target": {"node": "kv1"}}},
                    {"node_kill": {"target": {"node": "kv2"}, "after": "20s"}}]"#;
    let mut plan = single(chaos, ORACLE);
    // Two of three nodes serve most writes; one of three serves none.
    plan.subject.invariants.retain(|invariant| invariant.name == "writes-ok");
    plan.subject.invariants[0].expect.min = Some(0.1);
    assert!(plan.timeouts.detect.0 < 20_000);
    let record = campaign(plan, FakeRuntime::default()).await;
    assert!(record.bodies(1).iter().any(|body| matches!(body, Body::TicketOpened { .. })));
    assert_eq!(record.end(1).outcome, Some(Outcome::Recovered));
}

#[tokio::test(start_paused = true)]
async fn who_is_fast_faces_all_faults_too() {
    let chaos = r#"[{"node_kill": {"target": {"node": "kv1"}}},
                    {"node_kill": {"target": {"node": "kv2"}, "after": "20s"}}]"#;
    let record = campaign(single(chaos, &commands(&["lab start kv1"])), FakeRuntime::default()).await;
    assert_eq!(record.end(1).outcome, Some(Outcome::NotRecovered), "kv2 is still down");
    let injected = record.bodies(1).into_iter().filter(|body| matches!(body, Body::FaultInjected { .. })).count();
    assert_eq!(injected, 2);
    assert_eq!(record.summary.completed, 1);
}
