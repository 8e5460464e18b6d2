//! What several test modules need.

pub(crate) mod binary;
pub(crate) mod campaign;
pub(crate) mod faulty;
mod files;
pub(crate) mod log;
pub(crate) mod runs;

use std::path::PathBuf;
use std::time::Duration;

use harness::runtime::process::ProcessRuntime;
use harness::runtime::{Exec, ExecOutput, Lab, LabRequest, NodeRequest, Place};

pub(crate) use files::{redact, root, yaml_files};

/// The process runtime with the `harness` binary that was built for this test run as its worker.
pub(crate) fn process_runtime() -> ProcessRuntime {
    ProcessRuntime::with_program(PathBuf::from(env!("CARGO_BIN_EXE_harness")))
}

/// A lab of nodes `n1`, `n2`, … that each run this shell command.
pub(crate) fn shell_nodes(count: usize, line: &str) -> LabRequest {
    let node = |number: usize| NodeRequest {
        name: format!("n{number}"),
        role: "store".into(),
        port: 7000,
        command: ["sh", "-c", line].map(String::from).to_vec(),
        env: vec![("GREETING".into(), "hello from {node}".into())],
        data_bytes: 1 << 20,
    };
    LabRequest { nodes: (1..=count).map(node).collect() }
}

/// A lab of three nodes of the key-value server, as `subjects/kv.yaml` starts it.
pub(crate) fn kv_nodes() -> LabRequest {
    let words = "harness service kv --name {node} --listen 0.0.0.0:{port} --data {data} --initial-cluster {nodes}";
    let node = |number: usize| NodeRequest {
        name: format!("kv{number}"),
        role: "store".into(),
        port: 7400,
        command: words.split(' ').map(String::from).collect(),
        env: Vec::new(),
        data_bytes: 64 << 20,
    };
    LabRequest { nodes: (1..=3).map(node).collect() }
}

/// Runs a shell command with generous limits.
pub(crate) async fn exec(lab: &dyn Lab, place: Place, line: &str) -> ExecOutput {
    let exec = Exec { place, line: line.into(), timeout: Duration::from_secs(20), max_output: 1 << 20 };
    lab.exec(exec).await.expect("the command starts")
}

/// Runs a shell command in the operator's place; its output.
pub(crate) async fn operator(lab: &dyn Lab, line: &str) -> String {
    exec(lab, Place::Operator, line).await.output
}

/// Looks every 10 ms, for at most 10 s.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen within 10 s");
}
