//! The monitor, against the fake lab in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::model::event::{Body, SnapshotPoint};
use harness::monitor::{self, Monitor, Observation, observe};
use harness::runtime::fake::{Behaviour, FakeLab, FakeRuntime, Options};
use harness::runtime::{
    Exec, Lab, LabRequest, LinkAction, NewLinkRule, NodeAction, NodeRequest, NodeState, Place, Runtime,
};
use harness::spec::subject::{Condition, Invariant, LeaderProbe, SnapshotProbe, Subject};
use harness::workload::{Figures, Outcome};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn fake() -> FakeLab {
    let options = Options { ready_after: Duration::ZERO, ..Options::default() };
    FakeLab::new(&["kv1", "kv2", "kv3"], options)
}

fn shared(lab: &FakeLab) -> Arc<dyn Lab> {
    Arc::new(lab.clone())
}

fn subject(invariants: &Value) -> Subject {
    let invariants: Vec<Invariant> = serde_json::from_value(invariants.clone()).unwrap();
    let subject = json!({
        "name": "kv",
        "nodes": {"store": {"count": 3, "name": "kv{i}", "port": 80}},
        "runtimes": {},
        "ready": [],
        "invariants": [],
        "workload": {"http": {"rate": "1/s", "timeout": "1s", "ops": []}},
        "briefing": "",
    });
    Subject { invariants, ..serde_json::from_value(subject).unwrap() }
}

fn node_up() -> Value {
    json!({"name": "node-up", "probe": {"http": {"node": "each", "path": "/health"}}, "for": "2s"})
}

async fn kill(lab: &FakeLab, node: &str) {
    lab.act(node, NodeAction::Signal("KILL".into())).await.unwrap();
}

async fn start(lab: &FakeLab, node: &str) {
    lab.act(node, NodeAction::Start).await.unwrap();
}

/// Cuts a node off from the others.
async fn isolate(lab: &FakeLab, node: &str) {
    let others = lab.nodes().iter().filter(|other| other.name != node);
    let deny =
        |from: &str, to: &str| NewLinkRule { from: from.to_owned(), to: to.to_owned(), action: LinkAction::Deny };
    let rules = others.flat_map(|other| [deny(node, &other.name), deny(&other.name, node)]);
    lab.add_link_rules(rules.collect()).await.unwrap();
}

/// A running monitor and what it has reported.
struct Watch {
    monitor: Monitor,
    bodies: Arc<Mutex<Vec<Body>>>,
}

impl Watch {
    fn start(lab: &FakeLab, invariants: &Value) -> Self {
        Self::start_with(lab, invariants, None)
    }

    fn start_with(lab: &FakeLab, invariants: &Value, figures: Option<&Figures>) -> Self {
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let bodies = bodies.clone();
            move |body| bodies.lock().unwrap().push(body)
        };
        let monitor = Monitor::start(&shared(lab), &subject(invariants), figures, sink);
        Self { monitor, bodies }
    }

    /// What happened besides observations: kind and invariant.
    fn events(&self) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        let told = bodies.iter().filter_map(|body| match body {
            Body::Probe { .. } => None,
            Body::Violation { invariant, .. } => Some(format!("violation {invariant}")),
            Body::ViolationEnded { invariant } => Some(format!("ended {invariant}")),
            Body::TicketOpened { ticket, invariant, .. } => Some(format!("ticket {ticket} {invariant}")),
            Body::TicketFolded { ticket, invariant, .. } => Some(format!("folded {ticket} {invariant}")),
            other => panic!("not the monitor's: {other:?}"),
        });
        told.collect()
    }

    fn probes(&self) -> usize {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().filter(|body| matches!(body, Body::Probe { .. })).count()
    }
}

async fn see(lab: &FakeLab, probe: Value, expect: Value) -> Observation {
    let condition: Condition = serde_json::from_value(json!({"probe": probe, "expect": expect})).unwrap();
    observe(&shared(lab), None, &condition).await
}

fn http(node: &str, path: &str) -> Value {
    json!({"http": {"node": node, "path": path}})
}

#[tokio::test(start_paused = true)]
async fn a_violation_needs_its_grace_time_and_opens_a_ticket() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    watch.monitor.open_tickets(true);
    sleep(SECOND).await;
    kill(&lab, "kv3").await;
    let killed = Instant::now();
    let ticket = timeout(10 * SECOND, watch.monitor.ticket()).await.unwrap();
    let took = ticket.opened - killed;
    assert!(took >= 2 * SECOND && took < Duration::from_millis(2600), "{took:?}");
    assert_eq!(ticket.summary, "node-up: kv3: GET /health: connection refused, for 2.0 s");
    assert_eq!(watch.events(), ["violation node-up", "ticket 1 node-up"]);
    assert_eq!(watch.monitor.violated(), ["node-up"]);
    start(&lab, "kv3").await;
    sleep(SECOND).await;
    assert_eq!(watch.events()[2..], ["ended node-up"]);
}

#[tokio::test(start_paused = true)]
async fn what_heals_within_the_grace_time_is_no_violation() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    watch.monitor.open_tickets(true);
    for _ in 0..5 {
        kill(&lab, "kv3").await;
        sleep(Duration::from_millis(1800)).await;
        start(&lab, "kv3").await;
        sleep(SECOND).await;
    }
    assert!(watch.events().is_empty(), "{:?}", watch.events());
}

#[tokio::test(start_paused = true)]
async fn later_violations_are_folded() {
    let lab = fake();
    let writes = json!({"name": "serves", "for": "4s", "probe": http("any", "/health")});
    let watch = Watch::start(&lab, &json!([node_up(), writes]));
    watch.monitor.open_tickets(true);
    for node in ["kv1", "kv2", "kv3"] {
        kill(&lab, node).await;
    }
    sleep(10 * SECOND).await;
    let opened = ["violation node-up", "ticket 1 node-up", "violation serves", "folded 1 serves"];
    assert_eq!(watch.events(), opened);
    // The same one again, later in the same trial.
    for node in ["kv1", "kv2", "kv3"] {
        start(&lab, node).await;
    }
    sleep(2 * SECOND).await;
    kill(&lab, "kv1").await;
    sleep(4 * SECOND).await;
    assert_eq!(watch.events()[6..], ["violation node-up", "folded 1 node-up"]);
}

#[tokio::test(start_paused = true)]
async fn violations_before_the_fault_open_no_ticket() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    kill(&lab, "kv1").await;
    sleep(5 * SECOND).await;
    assert_eq!(watch.events(), ["violation node-up"]);
    watch.monitor.open_tickets(true);
    sleep(5 * SECOND).await;
    assert_eq!(watch.events(), ["violation node-up"]);
    assert!(timeout(SECOND, watch.monitor.ticket()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn refused_and_timed_out_are_broken_but_a_harness_error_is_unknown() {
    let lab = fake();
    let health = || see(&lab, http("kv1", "/health"), json!({}));
    let seen = health().await;
    assert_eq!((seen.ok, seen.detail.as_str()), (Some(true), "kv1: GET /health: 200"));

    lab.act("kv1", NodeAction::Signal("STOP".into())).await.unwrap();
    let began = Instant::now();
    let seen = health().await;
    assert_eq!(seen.ok, Some(false));
    assert_eq!(seen.detail, "kv1: GET /health: no answer in time (1s)");
    assert!((1.0..1.1).contains(&began.elapsed().as_secs_f64()));

    kill(&lab, "kv1").await;
    let seen = health().await;
    assert_eq!(seen.ok, Some(false));
    assert_eq!(seen.detail, "kv1: GET /health: connection refused");

    let nobody = see(&lab, http("kv9", "/health"), json!({})).await;
    assert_eq!(nobody.ok, None);
    lab.kill();
    let seen = health().await;
    assert_eq!(seen.ok, None);
    assert_eq!(seen.detail, "kv1: GET /health: the lab has ended: it was killed");
    let seen = see(&lab, json!({"command": {"node": "each", "run": "true"}}), json!({})).await;
    assert_eq!(seen.ok, None);
}

#[tokio::test(start_paused = true)]
async fn unknown_is_never_a_violation_and_never_health() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    watch.monitor.open_tickets(true);
    sleep(SECOND).await;
    lab.kill();
    sleep(10 * SECOND).await;
    assert!(watch.events().is_empty());
    let health = watch.monitor.watch().borrow().clone();
    assert!(!health.all_ok && health.ok_since.is_none());
    let held = watch.monitor.wait_held(SECOND, Instant::now() + 3 * SECOND).await;
    assert!(held.unwrap_err().contains("the lab has ended"));
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_for_a_while_proves_nothing_and_excuses_nothing() {
    let lab = fake();
    let figures = Figures::new(["put".to_owned()]);
    let invariant = json!([{
        "name": "writes-ok", "for": "4s",
        "probe": {"workload": {"figure": "success_rate", "window": "1s"}}, "expect": {"min": 0.9},
    }]);
    let watch = Watch::start_with(&lab, &invariant, Some(&figures));
    watch.monitor.open_tickets(true);
    let began = Instant::now();
    let health = watch.monitor.watch();
    let step = async |outcome, time| {
        figures.record(0, outcome, SECOND);
        sleep(time).await;
    };
    step(Outcome::Ok, 3 * SECOND).await;
    assert!(!health.borrow().all_ok, "nothing was seen for two seconds");
    step(Outcome::Ok, SECOND).await;
    let since = health.borrow().ok_since.unwrap();
    assert!(since > began + 2 * SECOND, "{:?}", since - began);
    // Broken, unknown, broken: without a break.
    step(Outcome::Failed, 3 * SECOND).await;
    assert!(watch.events().is_empty());
    step(Outcome::Failed, 2 * SECOND).await;
    assert_eq!(watch.events(), ["violation writes-ok", "ticket 1 writes-ok"]);
}

#[tokio::test(start_paused = true)]
async fn each_and_any() {
    let lab = fake();
    kill(&lab, "kv1").await;
    isolate(&lab, "kv3").await;
    let each = see(&lab, http("each", "/health"), json!({})).await;
    assert_eq!(each.ok, Some(false));
    assert_eq!(
        each.detail,
        "kv1: GET /health: connection refused; kv2: GET /health: 503 no leader; kv3: GET /health: 503 no leader"
    );
    assert_eq!(see(&lab, http("any", "/ready"), json!({})).await.ok, Some(true));
    let any = see(&lab, http("any", "/health"), json!({})).await;
    assert_eq!(any.ok, Some(false));
    let tcp = |node| json!({"tcp": {"node": node}});
    assert_eq!(see(&lab, tcp("any"), json!({})).await.ok, Some(true));
    assert_eq!(see(&lab, tcp("each"), json!({})).await.ok, Some(false));
    assert_eq!(see(&lab, tcp("kv2"), json!({})).await.ok, Some(true));
    let other_role = json!({"tcp": {"node": "each", "role": "proxy"}});
    assert_eq!(see(&lab, other_role, json!({})).await.ok, None);
}

#[tokio::test(start_paused = true)]
async fn expectations() {
    let lab = fake();
    let status = || http("kv1", "/status");
    let run = |line: &str| json!({"command": {"node": "kv1", "run": line, "timeout": "2s"}});
    let cases = [
        (status(), json!({"json": "$.role", "equals": "leader"}), Some(true), "$.role is \"leader\""),
        (status(), json!({"json": "$.role", "equals": "x"}), Some(false), "$.role is \"leader\", not \"x\""),
        (status(), json!({"json": "$.nope"}), Some(false), "nothing at $.nope"),
        (status(), json!({"json": "$.term", "min": 2}), Some(false), "$.term is 1, below 2"),
        (status(), json!({"json": "$.term", "equals": 1.0, "max": 1}), Some(true), "$.term is 1"),
        (status(), json!({"json": "$..[", "equals": 1}), None, "not a JSONPath"),
        (status(), json!({"contains": "\"kv1\""}), Some(true), "200"),
        (status(), json!({"contains": "kv2"}), Some(false), "without \"kv2\""),
        (http("kv1", "/health"), json!({"json": "$.a"}), Some(false), "not JSON: ok"),
        (http("kv1", "/nothing"), json!({}), Some(false), "404 no such page"),
        (http("kv1", "/nothing"), json!({"status": 404}), Some(true), "404"),
        (run("true"), json!({}), Some(true), "kv1: true: exit 0"),
        (run("false"), json!({}), Some(false), "exit 1"),
        (run("false"), json!({"exit": 1}), Some(true), "exit 1"),
        (run("sleep 5"), json!({}), Some(false), "no end in time"),
        (run("echo fine"), json!({"contains": "fine"}), Some(true), "exit 0"),
        (run("echo 7"), json!({"max": 5}), Some(false), "output 7, above 5"),
        (run("nonsense"), json!({}), Some(false), "exit 127 sh: 1: nonsense: not found"),
    ];
    for (probe, expect, ok, detail) in cases {
        let seen = see(&lab, probe, expect.clone()).await;
        assert_eq!(seen.ok, ok, "{expect} {seen:?}");
        assert!(seen.detail.contains(detail), "{expect} {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_figure_of_the_load_is_unknown_until_there_is_one() {
    let lab = shared(&fake());
    let condition: Condition = serde_json::from_value(json!({
        "probe": {"workload": {"op": "put", "figure": "success_rate", "window": "5s"}},
        "expect": {"min": 0.99},
    }))
    .unwrap();
    let figures = Figures::new(["put".to_owned()]);
    assert_eq!(observe(&lab, None, &condition).await.ok, None);
    assert_eq!(observe(&lab, Some(&figures), &condition).await.ok, None);
    figures.record(0, Outcome::Ok, SECOND);
    assert_eq!(observe(&lab, Some(&figures), &condition).await.ok, Some(true));
    figures.record(0, Outcome::Indeterminate, SECOND);
    let seen = observe(&lab, Some(&figures), &condition).await;
    assert_eq!((seen.ok, seen.value), (Some(false), Some(0.5)));
    assert_eq!(seen.detail, "put success rate over 5s 0.5, below 0.99");
}

#[tokio::test(start_paused = true)]
async fn foreign_text_is_one_short_line() {
    let lab = fake();
    let line = format!("echo {}; false", "long\u{1b}[31m ".repeat(100));
    let seen = see(&lab, json!({"command": {"node": "kv1", "run": line}}), json!({})).await;
    assert!(seen.detail.chars().count() < 300, "{}", seen.detail);
    assert!(!seen.detail.contains(char::is_control));
}

#[tokio::test(start_paused = true)]
async fn an_observation_never_overlaps_itself_and_keeps_its_interval() {
    let lab = fake();
    let mut quick = node_up();
    quick["every"] = json!("100ms");
    let watch = Watch::start(&lab, &json!([quick]));
    sleep(10 * SECOND).await;
    assert!((95..=101).contains(&watch.probes()), "{}", watch.probes());
    // Each takes a second now.
    lab.act("kv2", NodeAction::Signal("STOP".into())).await.unwrap();
    let before = watch.probes();
    sleep(10 * SECOND).await;
    let slow = watch.probes() - before;
    assert!((9..=11).contains(&slow), "{slow}");
    watch.monitor.stop().await;
    let stopped = watch.probes();
    sleep(5 * SECOND).await;
    assert_eq!(watch.probes(), stopped);
}

#[tokio::test(start_paused = true)]
async fn held_means_without_a_break_for_the_whole_window() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    let began = Instant::now();
    let since = watch.monitor.wait_held(3 * SECOND, began + 10 * SECOND).await.unwrap();
    assert!(since - began < SECOND);
    assert!(began.elapsed() >= 3 * SECOND && began.elapsed() < 4 * SECOND);
    // Well for long: the window still lies after the call, the time since when does not.
    sleep(20 * SECOND).await;
    let called = Instant::now();
    let again = watch.monitor.wait_held(3 * SECOND, called + 10 * SECOND).await.unwrap();
    assert_eq!(again, since);
    assert!(called.elapsed() >= 3 * SECOND);
    // A break in the middle starts the window anew.
    let called = Instant::now();
    let (held, ()) = tokio::join!(watch.monitor.wait_held(3 * SECOND, called + 10 * SECOND), async {
        sleep(2 * SECOND).await;
        kill(&lab, "kv2").await;
        sleep(SECOND).await;
        start(&lab, "kv2").await;
    });
    assert!(held.unwrap() >= called + 3 * SECOND);
    assert!(called.elapsed() >= 6 * SECOND, "{:?}", called.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_missing_for_holding_is_said() {
    let lab = fake();
    let watch = Watch::start(&lab, &json!([node_up()]));
    kill(&lab, "kv2").await;
    let held = watch.monitor.wait_held(SECOND, Instant::now() + 3 * SECOND).await;
    assert_eq!(held.unwrap_err(), "node-up: kv2: GET /health: connection refused");
    start(&lab, "kv2").await;
    let held = watch.monitor.wait_held(5 * SECOND, Instant::now() + 3 * SECOND).await;
    let said = held.unwrap_err();
    assert!(said.starts_with("held for ") && said.ends_with(" s only, not 5.0 s"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_window_shorter_than_an_interval_can_still_be_held() {
    let lab = fake();
    let slow = |name: &str, every: &str| json!({"name": name, "probe": http("each", "/health"), "every": every});
    let watch = Watch::start(&lab, &json!([slow("a", "1s"), slow("b", "7s")]));
    sleep(10 * SECOND).await;
    let called = Instant::now();
    watch.monitor.wait_held(SECOND, called + 30 * SECOND).await.unwrap();
    // Both were observed after the call.
    assert!(called.elapsed() >= 4 * SECOND, "{:?}", called.elapsed());
}

#[tokio::test(start_paused = true)]
async fn ready_waits_and_says_what_is_not() {
    let options = Options { ready_after: 3 * SECOND, ..Options::default() };
    let lab = shared(&FakeLab::new(&["kv1", "kv2"], options));
    let conditions: Vec<Condition> = serde_json::from_value(json!([
        {"probe": http("each", "/ready")},
        {"probe": {"tcp": {"node": "each"}}},
    ]))
    .unwrap();
    let failed = monitor::ready(&lab, &conditions, Instant::now() + SECOND).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "not ready after 1.0 s: kv1: GET /ready: 503 starting; kv2: GET /ready: 503 starting"
    );
    let began = Instant::now();
    monitor::ready(&lab, &conditions, began + 10 * SECOND).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(2300), "{:?}", began.elapsed());
}

fn leader_probe() -> LeaderProbe {
    serde_json::from_value(json!({
        "http": {"node": "each", "path": "/status"},
        "json": "$.role", "equals": "leader", "term": "$.term",
    }))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_leader_of_the_greatest_term_wins() {
    let lab = fake();
    let leader = async || monitor::leader(&shared(&lab), &leader_probe()).await;
    assert_eq!(leader().await.as_deref(), Some("kv1"));
    isolate(&lab, "kv1").await;
    sleep(SECOND).await;
    // The old one still believes to lead.
    let old = see(&lab, http("kv1", "/status"), json!({"json": "$.role", "equals": "leader"}));
    assert_eq!(old.await.ok, Some(true));
    assert_eq!(leader().await.as_deref(), Some("kv2"));
    assert_eq!(see(&lab, http("kv1", "/health"), json!({})).await.ok, Some(false));
    assert_eq!(see(&lab, http("kv3", "/health"), json!({})).await.ok, Some(true));
    let ids = lab.link_rules().await.unwrap().iter().map(|rule| rule.id).collect();
    assert_eq!(lab.remove_link_rules(ids).await.unwrap(), 4);
    assert_eq!(see(&lab, http("each", "/health"), json!({})).await.ok, Some(true));
    for node in ["kv1", "kv2", "kv3"] {
        kill(&lab, node).await;
    }
    assert_eq!(leader().await, None);
}

#[tokio::test(start_paused = true)]
async fn snapshots_keep_what_was_answered() {
    let lab = fake();
    kill(&lab, "kv1").await;
    lab.behave("kv3", Behaviour::Status(500));
    let probes: Vec<SnapshotProbe> = serde_json::from_value(json!([
        {"name": "status", "http": {"node": "each", "path": "/status"}},
        {"name": "one", "http": {"node": "any", "path": "/status"}},
    ]))
    .unwrap();
    let bodies = monitor::snapshot(&shared(&lab), &probes, SnapshotPoint::Before).await;
    let told: Vec<_> = bodies
        .iter()
        .map(|body| match body {
            Body::Snapshot { name, node, result, .. } => (
                name.as_str(),
                node.as_str(),
                result.as_ref().map(|body| body.contains("\"kv2\"")).map_err(String::as_str),
            ),
            other => panic!("not a snapshot: {other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            ("status", "kv1", Err("connection refused")),
            ("status", "kv2", Ok(true)),
            ("status", "kv3", Err("500")),
            ("one", "kv2", Ok(true)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_fake_operator_can_repair() {
    let lab = fake();
    isolate(&lab, "kv1").await;
    kill(&lab, "kv2").await;
    lab.act("kv3", NodeAction::Signal("STOP".into())).await.unwrap();
    let pair = vec![("kv1".to_owned(), "kv2".to_owned())];
    let reach = lab.reach(pair.clone(), Duration::from_millis(200)).await.unwrap();
    assert_eq!(reach[0].took_us, None);
    let exec = |line: &str| {
        lab.exec(Exec { place: Place::Operator, line: line.to_owned(), timeout: 5 * SECOND, max_output: 1000 })
    };
    let line = "sleep 99 & ; lab start kv2 && lab kill --signal CONT kv3 && lab net clear kv1";
    let output = exec(line).await.unwrap();
    assert_eq!((output.exit, output.output.as_str()), (Some(0), "4 rules removed\n"));
    for changed in ["kv2", "kv3", "kv1"] {
        assert_eq!(lab.next_change().await.unwrap().node, changed);
    }
    assert_eq!(lab.node_state("kv3").await.unwrap(), NodeState::Running);
    let reach = lab.reach(pair, Duration::from_millis(200)).await.unwrap();
    assert!(reach[0].took_us.is_some());
    assert_eq!(see(&lab, http("each", "/health"), json!({})).await.ok, Some(true));
    assert_eq!(lab.freeze().await.unwrap().ended, 1);
    assert_eq!(lab.freeze().await.unwrap().ended, 0);
    isolate(&lab, "kv2").await;
    let id = lab.link_rules().await.unwrap()[0].id;
    let output = exec(&format!("lab net remove {id}; lab net remove x || lab ps; lab logs kv2 -n 1")).await.unwrap();
    assert!(output.output.starts_with("1 rules removed\nlab: x is not the id of a rule\nkv1 running\n"), "{output:?}");
    assert_eq!(lab.link_rules().await.unwrap().len(), 3);
    assert_eq!(lab.next_change().await.unwrap().node, "kv2");
    let late = exec("sleep 60").await.unwrap();
    assert!(late.timed_out && late.exit.is_none());
    assert!(lab.teardown().await.leftovers.is_empty());
    assert_eq!(lab.next_change().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_fake_lab_ends_with_its_owner() {
    let request = LabRequest {
        nodes: vec![NodeRequest {
            name: "kv1".to_owned(),
            role: "store".to_owned(),
            port: 80,
            command: Vec::new(),
            env: Vec::new(),
            data_bytes: 0,
        }],
    };
    let runtime = FakeRuntime::new(Options::default());
    let owned = runtime.provision(request.clone()).await.unwrap();
    let kept = runtime.labs().remove(0);
    assert!(!kept.is_gone());
    drop(owned);
    assert!(kept.is_gone());
    let runtime = FakeRuntime::new(Options { provision_fails: Some("no room".to_owned()), ..Options::default() });
    let failed = runtime.provision(request).await.map(|_| ());
    assert_eq!(failed.unwrap_err().to_string(), "no room");
    assert!(runtime.labs().is_empty());
}
