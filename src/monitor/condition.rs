//! One observation of a condition: on which nodes, what was seen, what it means in all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::expect;
use crate::model::event::NodeAddress;
use crate::runtime::http::{self, HttpError};
use crate::runtime::{Exec, Lab, Place};
use crate::spec::subject::{
    CommandProbe, Condition, Expect, HttpProbe, NodeSelect, Probe, TcpProbe, WorkloadFigure, WorkloadProbe,
};
use crate::workload::Figures;

/// Most output of a command that is looked at, bytes.
const MAX_OUTPUT: u64 = 64 * 1024;
/// How much longer than its own limit a command may take before the lab itself is at fault.
const SLACK: Duration = Duration::from_secs(5);

/// What an observation of a condition says.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Whether the condition held; absent when the probe itself could not run.
    pub ok: Option<bool>,
    /// What was seen: what is wrong, else in all. One line.
    pub detail: String,
    /// A figure, where the probe has one.
    pub value: Option<f64>,
}

/// What one probe of one node saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sight {
    ok: Option<bool>,
    seen: String,
    value: Option<f64>,
}

impl Sight {
    pub(super) fn ok(seen: impl Into<String>) -> Self {
        Self::new(Some(true), seen)
    }

    pub(super) fn broken(seen: impl Into<String>) -> Self {
        Self::new(Some(false), seen)
    }

    pub(super) fn unknown(seen: impl Into<String>) -> Self {
        Self::new(None, seen)
    }

    fn new(ok: Option<bool>, seen: impl Into<String>) -> Self {
        Self { ok, seen: seen.into(), value: None }
    }

    pub(super) fn with(self, value: f64) -> Self {
        Self { value: Some(value), ..self }
    }

    fn from_http(error: &HttpError, limit: Duration) -> Self {
        match error {
            _ if error.is_harness() => Self::unknown(error.to_string()),
            HttpError::TimedOut | HttpError::ConnectTimedOut => Self::broken(format!("{error} ({limit:?})")),
            _ => Self::broken(error.to_string()),
        }
    }
}

/// Observes a condition once. Nodes are probed at the same time, each within the probe's timeout.
/// Without `figures`, a condition on the client load is unknown.
pub async fn observe(lab: &Arc<dyn Lab>, figures: Option<&Figures>, condition: &Condition) -> Observation {
    let Condition { probe, expect } = condition;
    match probe {
        Probe::Http(probe) => {
            let about = format!("GET {}", probe.path);
            on_nodes(lab, &probe.node, probe.role.as_deref(), &about, |node| {
                http(lab.clone(), node, probe.clone(), expect.clone())
            })
            .await
        }
        Probe::Tcp(probe) => {
            on_nodes(lab, &probe.node, probe.role.as_deref(), "TCP", |node| tcp(lab.clone(), node, probe.clone())).await
        }
        Probe::Command(probe) => {
            let about = expect::quote(&probe.run);
            on_nodes(lab, &probe.node, probe.role.as_deref(), &about, |node| {
                command(lab.clone(), node, probe.clone(), expect.clone())
            })
            .await
        }
        Probe::Workload(probe) => {
            let Sight { ok, seen, value } = workload(figures, probe, expect);
            let detail = seen;
            Observation { ok, detail, value }
        }
    }
}

/// The nodes that a probe concerns, in order.
pub(super) fn select(lab: &dyn Lab, select: &NodeSelect, role: Option<&str>) -> Vec<NodeAddress> {
    let nodes = lab.nodes().iter().filter(|node| {
        role.is_none_or(|role| node.role == role) && !matches!(select, NodeSelect::Named(name) if *name != node.name)
    });
    nodes.cloned().collect()
}

/// Probes the selected nodes at the same time and says what it means in all.
async fn on_nodes<F>(
    lab: &Arc<dyn Lab>,
    selected: &NodeSelect,
    role: Option<&str>,
    about: &str,
    probe: impl Fn(NodeAddress) -> F,
) -> Observation
where
    F: Future<Output = Sight> + Send + 'static,
{
    let nodes = select(lab.as_ref(), selected, role);
    let mut probes = JoinSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let probe = probe(node.clone());
        probes.spawn(async move { (index, probe.await) });
    }
    let mut sights = probes.join_all().await;
    sights.sort_by_key(|(index, _)| *index);
    let sights = sights.into_iter().map(|(index, sight)| (nodes[index].name.as_str(), sight)).collect::<Vec<_>>();
    let ok = match selected {
        NodeSelect::Any => any(&sights),
        NodeSelect::Each | NodeSelect::Named(_) => each(&sights),
    };
    if nodes.is_empty() {
        let detail = "no node of the lab is meant by this probe".to_owned();
        return Observation { ok: None, detail, value: None };
    }
    // Of a condition that does not hold, only what is wrong is worth reading.
    let told = sights.iter().filter(|(_, sight)| match ok {
        Some(true) => sight.ok == Some(true),
        Some(false) | None => sight.ok != Some(true),
    });
    let told: Vec<String> = told.map(|(node, sight)| format!("{node}: {about}: {}", sight.seen)).collect();
    let value = match sights.as_slice() {
        [(_, sight)] => sight.value,
        _ => None,
    };
    Observation { ok, detail: told.join("; "), value }
}

/// All hold; one that is broken decides, whatever is unknown.
fn each(sights: &[(&str, Sight)]) -> Option<bool> {
    if sights.iter().any(|(_, sight)| sight.ok == Some(false)) {
        return Some(false);
    }
    let known = sights.iter().all(|(_, sight)| sight.ok.is_some());
    (known && !sights.is_empty()).then_some(true)
}

/// One holds, whatever is unknown; broken only when all are.
fn any(sights: &[(&str, Sight)]) -> Option<bool> {
    if sights.iter().any(|(_, sight)| sight.ok == Some(true)) {
        return Some(true);
    }
    let known = sights.iter().all(|(_, sight)| sight.ok.is_some());
    (known && !sights.is_empty()).then_some(false)
}

async fn http(lab: Arc<dyn Lab>, node: NodeAddress, probe: HttpProbe, expect: Expect) -> Sight {
    match ask(lab.as_ref(), &node, &probe).await {
        Ok(answer) => expect::http(&expect, &answer),
        Err(error) => Sight::from_http(&error, probe.timeout.duration()),
    }
}

/// One GET of one node, as an HTTP probe says.
pub(super) async fn ask(lab: &dyn Lab, node: &NodeAddress, probe: &HttpProbe) -> Result<http::Answer, HttpError> {
    let port = probe.port.unwrap_or(node.port);
    let deadline = Instant::now() + probe.timeout.duration();
    http::get(lab, &node.name, port, &probe.path, deadline).await
}

async fn tcp(lab: Arc<dyn Lab>, node: NodeAddress, probe: TcpProbe) -> Sight {
    let port = probe.port.unwrap_or(node.port);
    let limit = probe.timeout.duration();
    let error = match timeout(limit, lab.connect(&node.name, port)).await {
        Ok(Ok(_)) => return Sight::ok("accepted"),
        Ok(Err(error)) => HttpError::Connect(error),
        Err(_) => HttpError::ConnectTimedOut,
    };
    Sight::from_http(&error, limit)
}

async fn command(lab: Arc<dyn Lab>, node: NodeAddress, probe: CommandProbe, expect: Expect) -> Sight {
    let limit = probe.timeout.duration();
    let exec = Exec { place: Place::Node(node.name), line: probe.run, timeout: limit, max_output: MAX_OUTPUT };
    match timeout(limit + SLACK, lab.exec(exec)).await {
        Ok(Ok(output)) => expect::command(&expect, &output),
        Ok(Err(error)) => Sight::unknown(error.to_string()),
        Err(_) => Sight::unknown("the lab did not end the command in time"),
    }
}

fn workload(figures: Option<&Figures>, probe: &WorkloadProbe, expect: &Expect) -> Sight {
    let Some(figures) = figures else {
        return Sight::unknown("the client load is not running");
    };
    let window = probe.window.duration();
    let op = probe.op.as_deref();
    let name = FigureName(op, probe.figure).to_string();
    match figures.figure(op, probe.figure, window) {
        Some(number) => expect::figure(expect, number, &format!("{name} over {}", probe.window)),
        None => Sight::unknown(format!("no {name} in the last {}", probe.window)),
    }
}

/// Prints as `put success rate`.
struct FigureName<'a>(Option<&'a str>, WorkloadFigure);

impl fmt::Display for FigureName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.0 {
            write!(f, "{op} ")?;
        }
        f.write_str(match self.1 {
            WorkloadFigure::SuccessRate => "success rate",
            WorkloadFigure::P50 => "p50 latency (ms)",
            WorkloadFigure::P99 => "p99 latency (ms)",
            WorkloadFigure::Throughput => "throughput (1/s)",
        })
    }
}
