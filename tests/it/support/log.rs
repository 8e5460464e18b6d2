//! A builder of event logs that look like those of real trials.

use std::net::Ipv4Addr;

use harness::model::event::{Actor, Body, Event, LedgerCheck, NodeAddress, NodeChange, OpLoad, SnapshotPoint};
use harness::model::id::{RunId, TrialId};
use harness::model::trial::{Outcome, Phase, SessionEnd, Status, TrialKey};

/// One trial's log under construction; times are milliseconds on its clock.
pub(crate) struct Log {
    run: RunId,
    trial: TrialId,
    key: TrialKey,
    noise: u64,
    pub(crate) events: Vec<Event>,
}

/// How clients fare in a stretch of time.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// All is well.
    Well,
    /// Some requests fail.
    Third,
    /// Next to nothing works.
    Down,
}

impl Log {
    pub(crate) fn new(run: &RunId, number: u32, scenario: &str, variant: &str, repeat: u32) -> Self {
        let key = TrialKey {
            id: run.trial(number),
            number,
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            repeat,
            seed: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(repeat) + 1),
        };
        let mut log = Self {
            run: run.clone(),
            trial: key.id.clone(),
            noise: u64::from(number) * 7919 + 17,
            key: key.clone(),
            events: Vec::new(),
        };
        log.at(0, Body::TrialStarted { key });
        log
    }

    pub(crate) fn at(&mut self, ms: u64, body: Body) {
        let wall: jiff::Timestamp = "2026-11-21T10:15:00Z".parse().unwrap();
        let number = i64::from(self.key.number);
        self.events.push(Event {
            run: self.run.clone(),
            trial: Some(self.trial.clone()),
            at_us: ms * 1000,
            wall: wall
                + jiff::SignedDuration::from_secs(20 * number)
                + jiff::SignedDuration::from_millis(ms.cast_signed()),
            body,
        });
    }

    /// The next of a fixed sequence of numbers below `limit`.
    pub(crate) fn noise(&mut self, limit: u64) -> u64 {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.noise >> 33) % limit.max(1)
    }

    pub(crate) fn phase(&mut self, phase: Phase, from: u64, to: u64, timed_out: bool) {
        self.at(from, Body::PhaseStarted { phase });
        self.at(to, Body::PhaseEnded { phase, timed_out });
    }

    /// Provision, ready and healthy window; the fault can come at 5000.
    pub(crate) fn up(&mut self) {
        self.phase(Phase::Provision, 0, 412, false);
        let nodes = (1..=3)
            .map(|i| NodeAddress {
                name: format!("kv{i}"),
                role: "store".to_owned(),
                address: Ipv4Addr::new(10, 77, 0, i),
                port: 7400,
            })
            .collect();
        self.at(412, Body::LabUp { nodes, took_us: 411_200 });
        self.phase(Phase::Ready, 412, 2890, false);
        self.load(2900, 5000, Shape::Well);
        self.phase(Phase::Healthy, 2890, 4980, false);
        for node in ["kv1", "kv2", "kv3"] {
            self.snapshot(4970, SnapshotPoint::Before, node, "follower", 3);
        }
    }

    pub(crate) fn snapshot(&mut self, ms: u64, when: SnapshotPoint, node: &str, role: &str, term: u32) {
        self.at(
            ms,
            Body::Snapshot {
                when,
                name: "status".to_owned(),
                node: node.to_owned(),
                result: if role.is_empty() {
                    Err("connection refused".to_owned())
                } else {
                    Ok(format!("{{\"node\":\"{node}\",\"role\":\"{role}\",\"term\":{term}}}"))
                },
            },
        );
    }

    /// Load slices of 500 ms.
    pub(crate) fn load(&mut self, from: u64, to: u64, shape: Shape) {
        let mut last = from;
        while last < to {
            let ms = (last + 500).min(to);
            let slice_us = (ms - last) * 1000;
            last = ms;
            let ops = [("put", 12), ("get", 13)]
                .into_iter()
                .map(|(op, rate)| {
                    let bad = match shape {
                        Shape::Well => 0,
                        Shape::Third => 3 + self.noise(3) as u32,
                        Shape::Down => rate,
                    };
                    let slow = match shape {
                        Shape::Well => 1,
                        Shape::Third => 40,
                        Shape::Down => 300,
                    };
                    let p50_us = (1400 + self.noise(600)) * slow;
                    let ok = rate - bad;
                    OpLoad {
                        op: op.to_owned(),
                        ok,
                        failed: bad / 2,
                        indeterminate: bad - bad / 2,
                        p50_us: if ok == 0 { 0 } else { p50_us },
                        p99_us: if ok == 0 { 0 } else { p50_us * 2 + self.noise(900) * slow },
                        max_us: if ok == 0 { 0 } else { p50_us * 3 },
                    }
                })
                .collect();
            self.at(ms, Body::Load { slice_us, ops });
        }
    }

    /// Injects and proves a fault of a node at 5000.
    pub(crate) fn fault(&mut self, kind: &str, node: &str) {
        self.at(4985, Body::PhaseStarted { phase: Phase::Inject });
        let (detail, undo, evidence) = match kind {
            "node_kill" => (
                format!("SIGKILL to {node}"),
                format!("start {node}"),
                vec![format!("{node}: no process (signal 9)"), "kv2, kv3: running".to_owned()],
            ),
            _ => (
                format!("deny all packets between {node} and kv2, kv3"),
                "remove link rules 1, 2, 3, 4".to_owned(),
                vec![
                    format!("{node} -> kv2, kv3: 0 of 2 datagrams arrived"),
                    format!("kv2, kv3 -> {node}: 0 of 2 datagrams arrived"),
                    "kv2 <-> kv3: 2 of 2 arrived in 0.2 ms".to_owned(),
                ],
            ),
        };
        let fault = 0;
        self.at(4990, Body::FaultPlanned { fault, kind: kind.to_owned(), targets: vec![node.to_owned()], detail });
        self.at(4992, Body::FaultUndo { fault, undo });
        self.at(5000, Body::FaultInjected { fault });
        if kind == "node_kill" {
            self.node(5001, node, NodeChange::Killed, Actor::Harness);
        }
        self.at(5120, Body::FaultProven { fault, landed: true, evidence, took_us: 128_400 });
        self.at(5121, Body::PhaseEnded { phase: Phase::Inject, timed_out: false });
    }

    pub(crate) fn node(&mut self, ms: u64, node: &str, change: NodeChange, by: Actor) {
        self.at(ms, Body::NodeChanged { node: node.to_owned(), change, by });
    }

    /// Detects at `ms` and opens a ticket.
    pub(crate) fn ticket(&mut self, ms: u64, invariant: &str, summary: &str) {
        self.at(5122, Body::PhaseStarted { phase: Phase::Detect });
        self.at(
            ms - 200,
            Body::Probe {
                invariant: invariant.to_owned(),
                ok: Some(false),
                detail: "kv1: connection refused".to_owned(),
                value: None,
                took_us: 900,
            },
        );
        self.at(
            ms - 1,
            Body::Violation { invariant: invariant.to_owned(), detail: "kv1: connection refused".to_owned() },
        );
        self.at(ms, Body::TicketOpened { ticket: 1, invariant: invariant.to_owned(), summary: summary.to_owned() });
        self.at(ms + 1, Body::PhaseEnded { phase: Phase::Detect, timed_out: false });
    }

    pub(crate) fn session(&mut self, ms: u64, operator: &str) {
        self.at(ms, Body::PhaseStarted { phase: Phase::Operate });
        self.at(
            ms,
            Body::SessionStarted {
                ticket: 1,
                operator: operator.to_owned(),
                prompt: "You operate a replicated key-value store. Its nodes are kv1, kv2, kv3.\n\n\
                         Ticket 1: node-up is broken: kv1: connection refused\n"
                    .to_owned(),
            },
        );
    }

    pub(crate) fn command(
        &mut self,
        (from, to): (u64, u64),
        number: u32,
        line: &str,
        why: &str,
        exit: i32,
        output: &str,
    ) {
        self.at(from, Body::CommandStarted { command: number, line: line.to_owned(), reasoning: why.to_owned() });
        self.at(
            to,
            Body::CommandEnded {
                command: number,
                exit: Some(exit),
                timed_out: false,
                output: output.to_owned(),
                cut_bytes: 0,
                took_us: (to - from) * 1000,
            },
        );
    }

    pub(crate) fn session_end(&mut self, ms: u64, end: SessionEnd, summary: &str, working_ms: u64) {
        self.at(ms, Body::SessionEnded { end, summary: summary.to_owned(), working_us: working_ms * 1000 });
        self.at(ms, Body::PhaseEnded { phase: Phase::Operate, timed_out: end == SessionEnd::OutOfBudget });
        self.phase(Phase::Freeze, ms + 1, ms + 40, false);
        self.at(ms + 39, Body::Frozen { ended: 0, proven: true });
    }

    /// Verify, heal, ledger, teardown and end.
    pub(crate) fn finish(&mut self, from: u64, to: u64, since: Option<u64>, end: SessionEnd, ledger: LedgerCheck) {
        let recovered = since.is_some();
        self.at(from, Body::PhaseStarted { phase: Phase::Verify });
        self.at(
            to,
            Body::Verified {
                recovered,
                since_us: since.map(|ms| ms * 1000),
                detail: if recovered { String::new() } else { "node-up: kv1: connection refused".to_owned() },
            },
        );
        self.at(to, Body::PhaseEnded { phase: Phase::Verify, timed_out: !recovered });
        for node in ["kv1", "kv2", "kv3"] {
            let role = if node == "kv2" {
                "leader"
            } else if node == "kv1" && !recovered {
                ""
            } else {
                "follower"
            };
            self.snapshot(to + 5, SnapshotPoint::After, node, role, 4);
        }
        self.at(to + 10, Body::PhaseStarted { phase: Phase::Heal });
        self.at(to + 180, Body::FaultHealed { fault: 0, proven: true, evidence: vec!["kv1: running".to_owned()] });
        self.at(to + 600, Body::Ledger(ledger));
        self.at(to + 610, Body::PhaseEnded { phase: Phase::Heal, timed_out: false });
        self.phase(Phase::Teardown, to + 611, to + 700, false);
        self.at(to + 700, Body::TornDown { took_us: 88_000, leftovers: Vec::new() });
        let outcome = if recovered { Outcome::Recovered } else { Outcome::NotRecovered };
        self.end(to + 701, Status::Completed, Some(outcome), end, None, false);
    }

    pub(crate) fn end(
        &mut self,
        ms: u64,
        status: Status,
        outcome: Option<Outcome>,
        session: SessionEnd,
        reason: Option<&str>,
        leaked: bool,
    ) {
        self.at(ms, Body::TrialEnded { status, outcome, session, reason: reason.map(str::to_owned), leaked });
    }
}

/// A ledger without losses.
pub(crate) fn clean_ledger() -> LedgerCheck {
    LedgerCheck { acknowledged: 312, failed: 9, indeterminate: 6, indeterminate_found: 4, ..LedgerCheck::default() }
}
