//! Whole runs, written to a database through the real writer.

use std::path::Path;

use harness::model::event::{Actor, Body, Event, LedgerCheck, NodeChange};
use harness::model::id::RunId;
use harness::model::trial::{Phase, SessionEnd, Status};
use harness::store::{Host, NewRun, SourceFile, Store, Writer};
use serde_json::json;

use super::log::{Log, Shape, clean_ledger};

/// Id of the run that [`quickstart`] writes.
pub(crate) const QUICKSTART: &str = "20261121-101500-ab12";

/// Id of the run that [`messy`] writes.
pub(crate) const MESSY: &str = "20261121-113000-c0de";

pub(crate) fn new_run(id: &str, campaign: &str, plan: serde_json::Value) -> NewRun {
    NewRun {
        id: RunId(id.to_owned()),
        campaign: campaign.to_owned(),
        plan,
        sources: vec![SourceFile { path: format!("campaigns/{campaign}.yaml"), text: format!("name: {campaign}\n") }],
        version: "0.1.0".to_owned(),
        host: Host {
            os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            kernel: "6.1.0-28-amd64".to_owned(),
            arch: "x86_64".to_owned(),
            cpus: 2,
            memory_bytes: Some(8_330_000_000),
        },
    }
}

pub(crate) fn plan(
    name: &str,
    scenarios: &[(&str, &str)],
    variants: &serde_json::Value,
    repeats: u32,
    gates: &serde_json::Value,
) -> serde_json::Value {
    json!({
        "name": name,
        "description": "The leader of a three-node store is killed, or cut off; controls try to repair it",
        "subject": { "name": "kv" },
        "runtime": "process",
        "scenarios": scenarios.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect::<Vec<_>>(),
        "variants": variants,
        "repeats": repeats,
        "parallel": 2,
        "seed": 42,
        "timeouts": { "ready": "30s", "detect": "15s", "operate": "8s", "verify": "10s", "heal": "20s" },
        "windows": { "healthy": "2s", "hold": "3s" },
        "gates": gates,
    })
}

fn controls() -> serde_json::Value {
    json!([
        { "name": "baseline", "description": "Nobody operates", "baseline": true },
        { "name": "restart-all", "description": "Restarts every node, one after the other", "script": "restart-all" },
        { "name": "oracle", "description": "The scenario's own remedy", "script": "oracle" },
    ])
}

pub(crate) const SCENARIOS: [(&str, &str); 2] = [
    ("leader-killed", "The leader's process is gone; the others elect a new one, the node stays down"),
    ("leader-partitioned", "The leader runs but no packet passes between it and the others"),
];

fn of_run(id: &str, seconds: i64, body: Body) -> Event {
    let wall: jiff::Timestamp = "2026-11-21T10:15:00Z".parse().unwrap();
    Event {
        run: RunId(id.to_owned()),
        trial: None,
        at_us: seconds as u64 * 1_000_000,
        wall: wall + jiff::SignedDuration::from_secs(seconds),
        body,
    }
}

/// The event with which a run starts, or goes on.
pub(crate) fn started(run: &NewRun, trials: u32) -> Event {
    let body = Body::RunStarted { campaign: run.campaign.clone(), trials, parallel: 2 };
    of_run(&run.id.0, 0, body)
}

pub(crate) fn begin(writer: &Writer, run: NewRun, trials: u32) {
    let event = started(&run, trials);
    writer.begin_run(run).unwrap();
    writer.emit(event);
}

pub(crate) fn end(writer: &Writer, id: &str) {
    writer.emit(of_run(id, 461, Body::RunEnded { interrupted: false }));
}

/// One trial of a control, as it goes in the sample store.
pub(crate) fn control(run: &RunId, number: u32, scenario: &str, variant: &str, repeat: u32) -> Log {
    let mut log = Log::new(run, number, scenario, variant, repeat);
    let killed = scenario == "leader-killed";
    log.up();
    log.fault(if killed { "node_kill" } else { "partition" }, "kv1");
    let elected = 6500 + log.noise(700) / 100 * 100;
    log.load(5000, elected, Shape::Down);
    let detected = 7200 + log.noise(300);
    log.load(elected, 8000, Shape::Third);
    log.ticket(detected, "node-up", "node-up is broken: kv1: connection refused");
    let start = detected + 30;
    match variant {
        "baseline" => nobody(&mut log, start),
        "oracle" => oracle(&mut log, start, killed),
        _ => restart_all(&mut log, start, killed),
    }
    log
}

fn nobody(log: &mut Log, start: u64) {
    log.load(8000, 25_500, Shape::Third);
    log.phase(Phase::Operate, start, start + 8000, true);
    log.finish(start + 8010, 25_300, None, SessionEnd::None, clean_ledger());
}

fn oracle(log: &mut Log, start: u64, killed: bool) {
    log.session(start, "script");
    let line = if killed { "lab start kv1" } else { "lab net clear kv1" };
    log.command((start + 40, start + 220), 1, line, "the scenario's remedy", 0, "ok\n");
    if killed {
        log.node(start + 200, "kv1", NodeChange::Started, Actor::Operator);
    } else {
        log.node(start + 200, "kv1", NodeChange::RulesRemoved { count: 4 }, Actor::Operator);
    }
    let detail = if killed { "kv1: running" } else { "link rules 1, 2, 3, 4 are gone" };
    log.at(start + 205, Body::FaultGone { fault: 0, detail: detail.to_owned() });
    log.session_end(start + 260, SessionEnd::Resolved, "ran the remedy", 255);
    let since = start + 900 + log.noise(400);
    log.load(8000, since, Shape::Third);
    log.load(since, since + 3400, Shape::Well);
    log.finish(start + 310, since + 3000, Some(since), SessionEnd::Resolved, clean_ledger());
}

fn restart_all(log: &mut Log, start: u64, killed: bool) {
    log.session(start, "script");
    for (number, node) in (1..).zip(["kv1", "kv2", "kv3"]) {
        let from = start + 40 + u64::from(number - 1) * 900;
        let (line, output) = (format!("lab restart {node}"), format!("{node} restarted\n"));
        log.command((from, from + 850), number, &line, "restart every node", 0, &output);
        let dead = killed && node == "kv1";
        if !dead {
            log.node(from + 300, node, NodeChange::Stopped, Actor::Operator);
        }
        log.node(from + 800, node, NodeChange::Started, Actor::Operator);
        if dead {
            log.at(from + 805, Body::FaultGone { fault: 0, detail: "kv1: running".to_owned() });
        }
    }
    let ended = start + 2800;
    log.session_end(ended, SessionEnd::Resolved, "restarted every node", 2790);
    log.load(8000, ended, Shape::Down);
    let resolved = SessionEnd::Resolved;
    if killed {
        let since = ended + 700 + log.noise(500);
        log.load(ended, since, Shape::Third);
        log.load(since, since + 3200, Shape::Well);
        log.finish(ended + 50, since + 3000, Some(since), resolved, clean_ledger());
    } else {
        log.load(ended, ended + 10_000, Shape::Third);
        log.finish(ended + 50, ended + 10_000, None, resolved, clean_ledger());
    }
}

fn send(writer: &Writer, log: Log) {
    let mut events = log.events;
    events.sort_by_key(|event| event.at_us);
    for event in events {
        writer.emit(event);
    }
}

/// Two scenarios, three controls, three repeats; all completed.
pub(crate) fn quickstart(path: &Path) {
    let gates = json!([
        { "variant": "oracle", "metric": "recovered", "min": 1.0 },
        { "metric": "writes_lost", "max": 0.0 },
        { "scenario": "leader-killed", "variant": "baseline", "metric": "recovered", "max": 0.0 },
    ]);
    let run = RunId(QUICKSTART.to_owned());
    let writer = Store::open(path).unwrap().writer().unwrap();
    let plan = plan("kv-quickstart", &SCENARIOS, &controls(), 3, &gates);
    begin(&writer, new_run(QUICKSTART, "kv-quickstart", plan), 18);
    let mut number = 0;
    for repeat in 1..=3 {
        for (scenario, _) in SCENARIOS {
            for variant in ["baseline", "restart-all", "oracle"] {
                number += 1;
                send(&writer, control(&run, number, scenario, variant, repeat));
            }
        }
    }
    end(&writer, QUICKSTART);
    writer.close().unwrap();
}

/// Every way in which a trial can end, lost writes, and an operator that writes hostile text.
pub(crate) fn messy(path: &Path) {
    let gates = json!([
        { "variant": "agent", "metric": "recovered", "min": 0.5 },
        { "metric": "writes_lost", "max": 0.0 },
        { "variant": "agent", "metric": "false_resolution", "max": 0.0 },
        { "variant": "nobody-ran-this", "metric": "time_to_recover", "max": 10_000.0 },
        { "metric": "not_completed", "max": 0.0 },
    ]);
    let variants = json!([
        { "name": "baseline", "baseline": true },
        { "name": "oracle", "script": "oracle" },
        { "name": "agent", "description": "A model with a <b>shell</b>" },
    ]);
    let run = RunId(MESSY.to_owned());
    let writer = Store::open(path).unwrap().writer().unwrap();
    let plan = plan("kv-messy", &SCENARIOS, &variants, 2, &gates);
    begin(&writer, new_run(MESSY, "kv-messy", plan), 12);
    send(&writer, control(&run, 1, "leader-killed", "baseline", 1));
    send(&writer, control(&run, 2, "leader-killed", "oracle", 1));
    send(&writer, hostile(&run, 3));
    send(&writer, void(&run, 4));
    send(&writer, failed(&run, 5));
    send(&writer, losing(&run, 6));
    send(&writer, control(&run, 7, "leader-partitioned", "oracle", 1));
    send(&writer, stubborn(&run, 8));
    send(&writer, control(&run, 9, "leader-partitioned", "oracle", 2));
    send(&writer, unfinished(&run, 10));
    end(&writer, MESSY);
    writer.close().unwrap();
}

/// Text that tries to break out of every format.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script> ]]> --> \u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \
    ```\n````\n| a | b |\n# heading\n<img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} \u{202e}desrever \u{0}end";

fn hostile(run: &RunId, number: u32) -> Log {
    let mut log = Log::new(run, number, "leader-killed", "agent", 1);
    log.up();
    log.fault("node_kill", "kv1");
    log.load(5000, 6500, Shape::Down);
    log.load(6500, 12_000, Shape::Third);
    log.ticket(7300, "node-up", "node-up is broken: kv1: connection refused");
    log.session(7330, "llm");
    log.at(7900, Body::Message { text: format!("I will look at the nodes first.\n{HOSTILE}") });
    log.command((8000, 8400), 1, "lab ps; echo '</pre></details>'", HOSTILE, 0, HOSTILE);
    log.command(
        (8900, 9000),
        2,
        "lab logs kv1 -n 100000",
        "read its log",
        0,
        &"2026-11-21T10:15:05Z store: applied entry\n".repeat(2000),
    );
    log.command((9500, 9600), 3, "lab start kv9", "start it", 2, "lab: there is no node `kv9`\n");
    log.command((9700, 9800), 4, "lab  start kv9", "once more", 2, "lab: there is no node `kv9`\n");
    log.command((11_000, 11_300), 5, "lab start kv1", "start the right one", 0, "kv1 started\n");
    log.node(11_250, "kv1", NodeChange::Started, Actor::Operator);
    log.session_end(11_900, SessionEnd::Resolved, &format!("kv1 was down. {HOSTILE}"), 4100);
    log.load(12_000, 16_000, Shape::Well);
    log.finish(11_950, 15_400, Some(12_300), SessionEnd::Resolved, clean_ledger());
    log
}

/// The fault did not land.
fn void(run: &RunId, number: u32) -> Log {
    let mut log = Log::new(run, number, "leader-killed", "baseline", 2);
    log.up();
    log.at(
        4990,
        Body::FaultPlanned {
            fault: 0,
            kind: "node_kill".to_owned(),
            targets: vec!["kv1".to_owned()],
            detail: "SIGKILL to kv1".to_owned(),
        },
    );
    log.at(5000, Body::FaultInjected { fault: 0 });
    log.at(
        5100,
        Body::FaultProven {
            fault: 0,
            landed: false,
            evidence: vec!["kv1: running (pid 4711)".to_owned()],
            took_us: 100_000,
        },
    );
    log.end(
        5900,
        Status::Void,
        None,
        SessionEnd::None,
        Some("fault 0 (node_kill) did not land: kv1: running (pid 4711)"),
        false,
    );
    log
}

/// The harness failed, and left something behind.
fn failed(run: &RunId, number: u32) -> Log {
    let mut log = Log::new(run, number, "leader-killed", "oracle", 2);
    log.at(10, Body::PhaseStarted { phase: Phase::Provision });
    log.at(3000, Body::TornDown { took_us: 900, leftovers: vec!["/tmp/harness-lab-5".to_owned()] });
    log.end(3100, Status::Error, None, SessionEnd::None, Some("the lab worker ended: out of memory"), true);
    log
}

/// Recovers, and loses writes.
fn losing(run: &RunId, number: u32) -> Log {
    let mut log = control(run, number, "leader-killed", "oracle", 2);
    log.events.retain(|event| !matches!(event.body, Body::Ledger(_)));
    let ledger = LedgerCheck {
        lost: 3,
        lost_keys: vec!["k-000117".to_owned(), "k-000118".to_owned(), "k-000121".to_owned()],
        wrong_reads: 2,
        ..clean_ledger()
    };
    log.at(12_300, Body::Ledger(ledger));
    for event in &mut log.events {
        if let Body::TrialStarted { key } = &mut event.body {
            "agent".clone_into(&mut key.variant);
        }
    }
    log
}

/// Says `resolved` and is wrong, hits a healthy node, and its writes cannot be read back.
fn stubborn(run: &RunId, number: u32) -> Log {
    let mut log = control(run, number, "leader-partitioned", "restart-all", 1);
    for event in &mut log.events {
        match &mut event.body {
            Body::TrialStarted { key } => "agent".clone_into(&mut key.variant),
            Body::Ledger(ledger) => ledger.unreadable = 40,
            _ => {}
        }
    }
    log
}

/// Ends in the middle: the process was killed.
fn unfinished(run: &RunId, number: u32) -> Log {
    let mut log = control(run, number, "leader-partitioned", "baseline", 2);
    log.events.retain(|event| event.at_us < 9_000_000);
    log
}
