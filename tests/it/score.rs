//! Scores of handmade logs.

use harness::model::event::{Body, LedgerCheck, OpLoad};
use harness::model::id::RunId;
use harness::model::trial::{Phase, SessionEnd, Status};
use harness::score::{Score, Verdict, score};

use crate::support::log::{Log, Shape, clean_ledger};
use crate::support::runs;

fn run() -> RunId {
    RunId(runs::QUICKSTART.to_owned())
}

fn of(variant: &str, scenario: &str) -> Score {
    let mut events = runs::control(&run(), 1, scenario, variant, 1).events;
    events.sort_by_key(|event| event.at_us);
    score(&events)
}

fn close(found: Option<u64>, expected_ms: u64) {
    let found = found.expect("measured");
    assert!(found.abs_diff(expected_ms * 1000) < 1000, "{found} µs is not {expected_ms} ms");
}

#[test]
fn a_recovered_trial_passes() {
    let Score { verdict, figures } = of("oracle", "leader-killed");
    assert_eq!(verdict, Verdict::Pass);
    assert_eq!((figures.detected, figures.recovered), (Some(true), Some(true)));
    assert_eq!(figures.false_resolution, Some(false));
    assert!(figures.time_to_detect_us < figures.time_to_first_action_us);
    assert!(figures.time_to_first_action_us < figures.time_to_recover_us);
    assert_eq!(figures.collateral.unwrap().len(), 0);
    let writes = figures.writes.unwrap();
    assert_eq!((writes.acknowledged, writes.lost), (312, Some(0)));
    let commands = figures.commands.unwrap();
    assert_eq!((commands.count, commands.unique, commands.repeated), (1, 1, 0));
    assert!(figures.overhead_us.unwrap() < figures.total_us.unwrap());
}

#[test]
fn nobody_measures_nothing_that_needs_somebody() {
    let Score { verdict, figures } = of("baseline", "leader-killed");
    assert!(matches!(verdict, Verdict::Fail(_)), "{verdict:?}");
    assert_eq!(figures.recovered, Some(false));
    assert_eq!(figures.false_resolution, None);
    assert_eq!(figures.commands, None);
    assert_eq!(figures.collateral, None);
    assert_eq!(figures.time_to_first_action_us, None);
    assert_eq!(figures.time_to_recover_us, None);
    assert_eq!(figures.working_us, None);
}

#[test]
fn saying_resolved_does_not_make_it_so() {
    let Score { verdict, figures } = of("restart-all", "leader-partitioned");
    assert!(matches!(verdict, Verdict::Fail(_)));
    assert_eq!(figures.false_resolution, Some(true));
    let collateral: Vec<String> = figures.collateral.unwrap().into_iter().collect();
    assert_eq!(collateral, ["kv2", "kv3"], "kv1 is the fault's target");
}

/// A trial with a given ledger, recovered.
fn with_ledger(ledger: LedgerCheck) -> Score {
    let mut log = Log::new(&run(), 1, "leader-killed", "oracle", 1);
    log.up();
    log.fault("node_kill", "kv1");
    log.ticket(7300, "node-up", "node-up is broken");
    log.session(7330, "script");
    log.session_end(8000, SessionEnd::Resolved, "", 670);
    log.load(5000, 12_000, Shape::Well);
    log.finish(8050, 12_000, Some(9000), SessionEnd::Resolved, ledger);
    log.events.sort_by_key(|event| event.at_us);
    score(&log.events)
}

#[test]
fn a_lost_write_fails_a_recovered_trial() {
    let score = with_ledger(LedgerCheck { lost: 1, unreadable: 5, ..clean_ledger() });
    assert_eq!(score.verdict, Verdict::Fail("1 acknowledged write was lost".to_owned()));
    assert_eq!(score.figures.recovered, Some(true));
    close(score.figures.time_to_recover_us, 4000);
    assert_eq!(score.figures.writes.unwrap().lost, Some(1));
}

#[test]
fn what_cannot_be_read_back_is_unknown() {
    let score = with_ledger(LedgerCheck { unreadable: 5, ..clean_ledger() });
    assert!(matches!(score.verdict, Verdict::Unscored(_)), "{:?}", score.verdict);
    assert_eq!(score.figures.writes.unwrap().lost, None);
}

#[test]
fn trials_that_were_not_completed_are_not_scored() {
    for status in [Status::Void, Status::Error, Status::Interrupted] {
        let mut log = Log::new(&run(), 1, "leader-killed", "oracle", 1);
        log.end(100, status, None, SessionEnd::None, Some("because"), false);
        let score = score(&log.events);
        assert_eq!(score.verdict, Verdict::Unscored(format!("{status}: because")));
        assert_eq!(score.figures.recovered, None);
        assert_eq!(score.figures.detected, None);
        assert_eq!(score.figures.requests, None);
    }
    let unfinished = Log::new(&run(), 1, "leader-killed", "oracle", 1);
    let score = score(&unfinished.events);
    assert!(matches!(score.verdict, Verdict::Unscored(_)));
    assert_eq!(score.figures.total_us, None);
}

#[test]
fn seconds_are_counted_from_the_fault() {
    let mut log = Log::new(&run(), 1, "leader-killed", "baseline", 1);
    log.at(4000, Body::FaultInjected { fault: 0 });
    // Slices of 500 ms: (good, bad) requests.
    for (ms, ok, failed) in [
        (3500, 0, 50), // before the fault
        (4500, 50, 0),
        (5000, 49, 1), // the first second: 99 of 100 succeed, which is just enough
        (5500, 50, 0),
        (6000, 48, 2), // the second one: 98 of 100
        (6500, 0, 0),
        (7000, 0, 0),  // nothing finishes: not measured
        (7500, 0, 9),  // the fourth one
        (9000, 0, 50), // after the check
    ] {
        let op = OpLoad { op: "put".to_owned(), ok, failed, indeterminate: 0, p50_us: 0, p99_us: 0, max_us: 0 };
        log.at(ms, Body::Load { slice_us: 500_000, ops: vec![op] });
    }
    log.at(8500, Body::Verified { recovered: false, since_us: None, detail: String::new() });
    log.events.sort_by_key(|event| event.at_us);
    let seen = score(&log.events).figures.requests.unwrap();
    assert_eq!((seen.total, seen.bad), (209, 12));
    assert_eq!((seen.seconds, seen.bad_seconds), (3, 2));
}

#[test]
fn a_ticket_before_the_fault_detects_nothing() {
    let mut log = Log::new(&run(), 1, "leader-killed", "baseline", 1);
    log.at(3000, Body::TicketOpened { ticket: 1, invariant: "node-up".to_owned(), summary: String::new() });
    log.at(4000, Body::FaultInjected { fault: 0 });
    log.phase(Phase::Detect, 4001, 9000, true);
    let figures = score(&log.events).figures;
    assert_eq!((figures.detected, figures.time_to_detect_us), (Some(false), None));
}
