//! The client load, against the fake lab in virtual time.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::model::event::{Body, OpLoad};
use harness::runtime::fake::{Behaviour, FakeLab, Options};
use harness::runtime::{Lab, NodeAction};
use harness::spec::subject::{self, HttpWorkload, WorkloadFigure};
use harness::workload::{Figures, Ledger, Outcome, Workload};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// A ready lab of three nodes.
fn lab() -> FakeLab {
    lab_with(Options::default())
}

fn shared(lab: &FakeLab) -> Arc<dyn Lab> {
    Arc::new(lab.clone())
}

fn lab_with(options: Options) -> FakeLab {
    let options = Options { ready_after: Duration::ZERO, ..options };
    FakeLab::new(&["kv1", "kv2", "kv3"], options)
}

/// 100 requests per second, half of them writes, 500 ms timeout; `changes` is merged over it.
fn http(changes: &serde_json::Value) -> HttpWorkload {
    let mut spec = json!({
        "rate": "100/s",
        "timeout": "500ms",
        "ops": [
            {"name": "put", "kind": "write", "method": "PUT", "path": "/kv/{key}", "body": "{value}", "failed": [503]},
            {"name": "get", "kind": "read", "method": "GET", "path": "/kv/{key}"},
        ],
    });
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn only(op: &str) -> serde_json::Value {
    let ops = http(&json!({})).ops;
    json!({"ops": ops.iter().filter(|each| each.name == op).collect::<Vec<_>>()})
}

/// Length in microseconds, and the operations.
type Slice = (u64, Vec<OpLoad>);

/// A running load and what it has reported.
struct Run {
    load: Workload,
    slices: Arc<Mutex<Vec<Slice>>>,
}

impl Run {
    fn start(lab: &FakeLab, changes: &serde_json::Value) -> Self {
        let slices = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let slices = slices.clone();
            move |body| match body {
                Body::Load { slice_us, ops } => slices.lock().unwrap().push((slice_us, ops)),
                other => panic!("not a slice: {other:?}"),
            }
        };
        let spec = subject::Workload::Http(http(changes));
        let load = Workload::start(&shared(lab), &spec, 7, sink);
        Self { load, slices }
    }

    async fn run(lab: &FakeLab, changes: &serde_json::Value, time: Duration) -> Self {
        let run = Self::start(lab, changes);
        sleep(time).await;
        run.load.stop().await;
        run
    }

    /// ok, failed, indeterminate, greatest latency over all slices.
    fn totals(&self) -> (u32, u32, u32, u64) {
        let slices = self.slices.lock().unwrap();
        let ops = slices.iter().flat_map(|(_, ops)| ops);
        ops.fold((0, 0, 0, 0), |sum, op| {
            (sum.0 + op.ok, sum.1 + op.failed, sum.2 + op.indeterminate, sum.3.max(op.max_us))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_store_acknowledges_everything() {
    let lab = lab();
    let run = Run::run(&lab, &json!({}), 10 * SECOND).await;
    let (ok, failed, indeterminate, _) = run.totals();
    assert!((999..=1001).contains(&ok), "{ok}");
    assert_eq!((failed, indeterminate), (0, 0));
    assert!(run.load.succeeded_once("put") && run.load.succeeded_once("get"));
    let slices = run.slices.lock().unwrap().clone();
    let length: u64 = slices.iter().map(|(length, _)| length).sum();
    assert!((10_000_000..10_010_000).contains(&length), "{length}");
    assert!(slices[..20].iter().all(|(length, _)| (499_000..502_000).contains(length)));

    let check = run.load.ledger().check(&shared(&lab), Instant::now() + SECOND).await;
    assert!(check.acknowledged > 400, "{check:?}");
    assert_eq!((check.lost, check.unreadable, check.wrong_reads), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_though_answers_are_slow() {
    let lab = lab_with(Options { latency: Duration::from_millis(450), ..Options::default() });
    let run = Run::run(&lab, &json!({}), 5 * SECOND).await;
    let (ok, failed, indeterminate, max_us) = run.totals();
    assert!((499..=501).contains(&ok), "{ok}");
    assert_eq!((failed, indeterminate), (0, 0));
    assert!((450_000..470_000).contains(&max_us), "{max_us}");
}

#[tokio::test(start_paused = true)]
async fn latency_counts_from_the_intended_start() {
    let lab = lab_with(Options { latency: Duration::from_millis(1), ..Options::default() });
    let run = Run::start(&lab, &json!({"timeout": "2s"}));
    sleep(SECOND).await;
    // The client itself stalls: the clock goes on and nobody is served.
    tokio::time::advance(Duration::from_millis(900)).await;
    sleep(SECOND).await;
    run.load.stop().await;
    let (ok, _, _, max_us) = run.totals();
    assert!((288..=292).contains(&ok), "nothing is skipped: {ok}");
    assert!(max_us > 880_000, "the stall is seen: {max_us}");
    let p99 = run.load.figures().figure(None, WorkloadFigure::P99, 10 * SECOND);
    assert!(p99.unwrap() > 850.0, "{p99:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_has_failed() {
    let lab = lab();
    for node in ["kv1", "kv2", "kv3"] {
        lab.act(node, NodeAction::Signal("KILL".into())).await.unwrap();
    }
    let run = Run::run(&lab, &json!({}), SECOND).await;
    let (ok, failed, indeterminate, _) = run.totals();
    assert_eq!((ok, indeterminate), (0, 0));
    assert!((99..=101).contains(&failed), "{failed}");
    assert!(!run.load.succeeded_once("put"));
    assert_eq!(run.load.ledger().counts().indeterminate, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_not_answered_is_indeterminate() {
    for behaviour in [Behaviour::Mute, Behaviour::Reset] {
        let lab = lab();
        for node in ["kv1", "kv2", "kv3"] {
            lab.behave(node, behaviour);
        }
        let mut spec = only("put");
        spec["attempts"] = json!(3);
        let run = Run::run(&lab, &spec, SECOND).await;
        let (ok, failed, indeterminate, _) = run.totals();
        assert_eq!((ok, failed), (0, 0), "{behaviour:?}");
        assert!((99..=101).contains(&indeterminate), "{behaviour:?}");
        // Each was sent exactly once.
        assert_eq!(lab.writes(), u64::from(indeterminate));
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_decides_what_became_of_a_write() {
    for (status, expected) in [(503, (0, 1, 0)), (500, (0, 0, 1)), (200, (1, 0, 0))] {
        let lab = lab();
        for node in ["kv1", "kv2", "kv3"] {
            lab.behave(node, Behaviour::Status(status));
        }
        let run = Run::run(&lab, &only("put"), Duration::from_millis(5)).await;
        let (ok, failed, indeterminate, _) = run.totals();
        assert_eq!((ok, failed, indeterminate), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_node_costs_its_share() {
    let lab = lab();
    let run = Run::start(&lab, &only("put"));
    sleep(SECOND).await;
    lab.act("kv2", NodeAction::Signal("STOP".into())).await.unwrap();
    sleep(3 * SECOND).await;
    let rate = |window| {
        let figures = run.load.figures();
        figures.figure(Some("put"), WorkloadFigure::SuccessRate, window).unwrap()
    };
    assert!((0.64..0.69).contains(&rate(2 * SECOND)), "{}", rate(2 * SECOND));
    lab.act("kv2", NodeAction::Signal("CONT".into())).await.unwrap();
    sleep(2 * SECOND).await;
    assert!((rate(SECOND) - 1.0).abs() < 1e-9);
    run.load.stop().await;
    let counts = run.load.ledger().counts();
    // The paused node got them all, and did them when it went on - unless the client was gone.
    assert!((80..=105).contains(&counts.indeterminate), "{counts:?}");
    let check = run.load.ledger().check(&shared(&lab), Instant::now() + SECOND).await;
    assert_eq!(check.lost, 0);
    assert!(check.indeterminate_found <= check.indeterminate);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_goes_to_the_next_node() {
    let lab = lab();
    lab.act("kv3", NodeAction::Stop).await.unwrap();
    let once = Run::run(&lab, &only("put"), SECOND).await.totals();
    assert!((32..=35).contains(&once.1), "a third is refused: {once:?}");
    let mut spec = only("put");
    spec["attempts"] = json!(2);
    let twice = Run::run(&lab, &spec, SECOND).await.totals();
    assert_eq!((twice.1, twice.2), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stale_connection_is_replaced_without_an_error() {
    let lab = lab();
    for node in ["kv1", "kv2", "kv3"] {
        lab.behave(node, Behaviour::CloseAfter);
    }
    let totals = Run::run(&lab, &json!({}), 2 * SECOND).await.totals();
    assert_eq!((totals.1, totals.2), (0, 0), "{totals:?}");
    // A node that was started again has closed all its connections, too.
    let lab = self::lab();
    let run = Run::start(&lab, &json!({}));
    sleep(SECOND + Duration::from_millis(5)).await;
    lab.act("kv3", NodeAction::Restart).await.unwrap();
    sleep(SECOND).await;
    run.load.stop().await;
    let totals = run.totals();
    assert_eq!((totals.1, totals.2), (0, 0), "{totals:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_whose_time_is_up_are_not_sent_but_counted() {
    let lab = lab();
    let run = Run::start(&lab, &only("put"));
    sleep(SECOND).await;
    // The client itself stalls for ten seconds; the requests of the last half can still be made.
    tokio::time::advance(10 * SECOND).await;
    sleep(SECOND).await;
    run.load.stop().await;
    let (ok, failed, indeterminate, _) = run.totals();
    let all = ok + failed + indeterminate;
    assert!((1198..=1202).contains(&all), "every request is counted: {all}");
    assert!((940..=955).contains(&failed), "{failed}");
    assert_eq!((indeterminate, lab.writes()), (0, u64::from(ok)));
    let counts = run.load.ledger().counts();
    let entered = counts.acknowledged + counts.failed + counts.indeterminate;
    assert_eq!(entered, u64::from(all));
}

#[tokio::test(start_paused = true)]
async fn keys_and_values_are_unique_and_follow_from_the_seed() {
    let ledger = |seed| Ledger::new(http(&json!({})), seed);
    let (one, same, other) = (ledger(1), ledger(1), ledger(2));
    let mut keys = HashSet::new();
    let mut values = HashSet::new();
    for _ in 0..5000 {
        let write = one.begin();
        assert_eq!(write, same.begin());
        assert_ne!(write.key, other.begin().key);
        assert!(keys.insert(write.key) && values.insert(write.value));
    }
}

#[tokio::test(start_paused = true)]
async fn lost_writes_are_found() {
    let lab = lab_with(Options { lose_every: NonZeroU64::new(10), ..Options::default() });
    let run = Run::run(&lab, &json!({}), 10 * SECOND).await;
    let deadline = Instant::now() + 5 * SECOND;
    let check = run.load.ledger().check(&shared(&lab), deadline).await;
    let stored = check.acknowledged / 10;
    assert_eq!((check.lost, check.unreadable), (stored, 0), "{check:?}");
    assert_eq!(check.lost_keys.len(), 20);
    // Reads of lost keys during the load were seen, too.
    let (_, failed, _, _) = run.totals();
    assert!(check.wrong_reads > 0);
    assert_eq!(u64::from(failed), check.wrong_reads);
}

#[tokio::test(start_paused = true)]
async fn without_a_read_operation_nothing_is_called_lost() {
    let lab = lab_with(Options { lose_every: NonZeroU64::new(10), ..Options::default() });
    let run = Run::run(&lab, &only("put"), SECOND).await;
    let deadline = Instant::now() + SECOND;
    let check = run.load.ledger().check(&shared(&lab), deadline).await;
    assert_eq!((check.lost, check.unreadable), (0, check.acknowledged));
}

#[tokio::test(start_paused = true)]
async fn an_indeterminate_write_that_was_done_is_found_and_not_lost() {
    let lab = lab();
    let run = Run::start(&lab, &json!({}));
    sleep(SECOND).await;
    lab.behave("kv2", Behaviour::Reset);
    sleep(SECOND).await;
    lab.behave("kv2", Behaviour::Normal);
    run.load.stop().await;
    let deadline = Instant::now() + SECOND;
    let check = run.load.ledger().check(&shared(&lab), deadline).await;
    assert!(check.indeterminate > 5, "{check:?}");
    assert_eq!(check.indeterminate_found, check.indeterminate);
    // Over connections that had been used before, too, each was sent once.
    assert_eq!(lab.writes(), check.acknowledged + check.indeterminate);
    assert_eq!((check.lost, check.unreadable), (0, 0));
    // One that was not done is just not found.
    lab.with_data(BTreeMap::clear);
    let check = run.load.ledger().check(&shared(&lab), deadline).await;
    assert_eq!((check.lost, check.indeterminate_found), (check.acknowledged, 0));
}

#[tokio::test(start_paused = true)]
async fn wrong_reads_are_counted_and_failed() {
    let lab = lab_with(Options { misread_every: NonZeroU64::new(5), ..Options::default() });
    let run = Run::run(&lab, &json!({}), 2 * SECOND).await;
    let counts = run.load.ledger().counts();
    assert!((15..=25).contains(&counts.wrong_reads), "{counts:?}");
    let (_, failed, _, _) = run.totals();
    assert_eq!(u64::from(failed), counts.wrong_reads);
    // A changed value is lost; one that only one node misreads is not.
    let key = lab.with_data(|data| {
        let (key, value) = data.iter_mut().next().unwrap();
        *value = "overwritten".to_owned();
        key.clone()
    });
    lab.set(|options| options.misread_every = NonZeroU64::new(50));
    let check = run.load.ledger().check(&shared(&lab), Instant::now() + SECOND).await;
    assert_eq!((check.lost, check.lost_keys), (1, vec![key]));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_store_is_unreadable_not_lost() {
    let lab = lab();
    let run = Run::run(&lab, &json!({}), SECOND).await;
    for node in ["kv1", "kv2", "kv3"] {
        lab.act(node, NodeAction::Stop).await.unwrap();
    }
    let lab_again = shared(&lab);
    let ledger = run.load.ledger();
    let began = Instant::now();
    let check = ledger.check(&shared(&lab), began + 3 * SECOND).await;
    assert_eq!((check.lost, check.unreadable), (0, check.acknowledged));
    assert!(began.elapsed() < 4 * SECOND);
    // Back within the deadline: all is read.
    let restart = async {
        sleep(SECOND).await;
        for node in ["kv1", "kv2", "kv3"] {
            lab.act(node, NodeAction::Start).await.unwrap();
        }
    };
    let deadline = Instant::now() + 5 * SECOND;
    let (check, ()) = tokio::join!(ledger.check(&lab_again, deadline), restart);
    assert_eq!((check.lost, check.unreadable), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn figures_cover_their_window_only() {
    let figures = Figures::new(["put".to_owned(), "get".to_owned()]);
    let rate = |op, window| figures.figure(op, WorkloadFigure::SuccessRate, window);
    assert_eq!(rate(None, SECOND), None);
    figures.record(0, Outcome::Failed, SECOND);
    assert_eq!(rate(Some("put"), SECOND), Some(0.0));
    assert_eq!(rate(Some("get"), SECOND), None);
    assert_eq!(rate(Some("no such"), SECOND), None);
    assert_eq!(figures.figure(None, WorkloadFigure::P50, SECOND), None);
    sleep(2 * SECOND).await;
    for ms in 1..=100 {
        figures.record(0, Outcome::Ok, Duration::from_millis(ms));
    }
    figures.record(1, Outcome::Indeterminate, SECOND);
    assert_eq!(rate(Some("put"), SECOND), Some(1.0));
    assert_eq!(rate(None, SECOND), Some(100.0 / 101.0));
    assert_eq!(rate(Some("put"), 5 * SECOND), Some(100.0 / 101.0));
    let figure = |figure| figures.figure(Some("put"), figure, SECOND).unwrap();
    assert!((figure(WorkloadFigure::P50) - 50.0).abs() < 1e-9);
    assert!((figure(WorkloadFigure::P99) - 99.0).abs() < 1e-9);
    assert!((figure(WorkloadFigure::Throughput) - 100.0).abs() < 1e-9);
    // The load has not run for as long as the window: what has passed counts.
    let long = figures.figure(Some("put"), WorkloadFigure::Throughput, 60 * SECOND);
    assert_eq!(long, Some(50.0));
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_requests_on_their_way_and_no_longer() {
    let lab = lab();
    lab.behave("kv1", Behaviour::Mute);
    let run = Run::start(&lab, &only("put"));
    sleep(SECOND).await;
    let began = Instant::now();
    run.load.stop().await;
    run.load.stop().await;
    let took = began.elapsed();
    assert!(took <= Duration::from_millis(510), "{took:?}");
    let totals = run.totals();
    assert!((99..=101).contains(&(totals.0 + totals.1 + totals.2)), "{totals:?}");
    let stored = lab.with_data(|data| data.len());
    sleep(SECOND).await;
    assert_eq!(lab.with_data(|data| data.len()), stored);
}

proptest! {
    /// Whatever happens in whatever order: each write has one fate, the first that it was given,
    /// and only acknowledged ones are drawn.
    #[test]
    fn the_ledger_keeps_its_books(steps in proptest::collection::vec((0_u8..5, 0_usize..40), 0..200)) {
        use rand::SeedableRng;
        let ledger = Ledger::new(http(&json!({})), 3);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut fates: Vec<Option<Outcome>> = Vec::new();
        for (step, number) in steps {
            let outcome = match step {
                0 => Outcome::Ok,
                1 => Outcome::Failed,
                2 => Outcome::Indeterminate,
                _ => {
                    prop_assert_eq!(ledger.begin().number, fates.len());
                    fates.push(None);
                    continue;
                }
            };
            ledger.settle(number, outcome);
            if let Some(fate @ None) = fates.get_mut(number) {
                *fate = Some(outcome);
            }
            match ledger.draw(&mut rng) {
                Some(write) => prop_assert_eq!(fates[write.number], Some(Outcome::Ok)),
                None => prop_assert!(!fates.contains(&Some(Outcome::Ok))),
            }
        }
        let count = |wanted| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        let counts = ledger.counts();
        prop_assert_eq!(counts.acknowledged, count(Some(Outcome::Ok)));
        prop_assert_eq!(counts.failed, count(Some(Outcome::Failed)));
        prop_assert_eq!(counts.indeterminate, count(Some(Outcome::Indeterminate)) + count(None));
    }
}
