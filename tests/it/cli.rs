//! The command line as users meet it: help, mistakes, exit codes, and whole runs of the real binary.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use harness::model::event::{Body, Event};
use harness::model::trial::{Outcome, Status};

use crate::support::{redact, root};

/// The binary, in a folder of its own and with nothing of the user's environment that could change its words.
fn harness(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder);
    command.timeout(Duration::from_mins(2));
    command
}

fn call(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let output = harness(folder.path()).args(args).output().unwrap();
    let there = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(there, 0, "{args:?} must not leave files behind");
    output
}

/// Exit code and both streams, redacted.
fn shown(args: &[&str]) -> String {
    let output = call(args);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let code = output.status.code().expect("it ends by itself");
    redact(&format!("$ harness {}\nexit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}", args.join(" ")))
}

/// One snapshot of several calls.
fn snapshot(name: &str, calls: &[&[&str]]) {
    let text: Vec<String> = calls.iter().map(|args| shown(args)).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/cli/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text.join("\n")));
}

#[test]
fn help() {
    snapshot("help", &[&["--help"], &["run", "--help"], &["doctor", "--help"], &["service", "--help"]]);
}

#[test]
fn version() {
    let output = call(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("harness {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn mistakes_on_the_command_line() {
    snapshot(
        "usage",
        &[
            &[],
            &["rnu"],
            &["run"],
            &["run", "a.yaml", "--subject", "kv", "--chaos", "node_kill"],
            &["run", "--subject", "kv"],
            &["run", "--chaos", "node_kill"],
            &["run", "a.yaml", "--baseline"],
            &["run", "a.yaml", "--repeats", "0"],
            &["run", "a.yaml", "--parallel", "0"],
            &["run", "a.yaml", "--format", "pdf"],
            &["run", "a.yaml", "--quiet", "--json"],
            &["lab-worker"],
        ],
    );
}

#[test]
fn mistakes_in_files_are_found_before_anything_starts() {
    let kv = root().join("subjects/kv.yaml").display().to_string();
    snapshot(
        "spec-errors",
        &[
            &["run", "no-such-campaign.yaml"],
            &["run", "--subject", "kv", "--chaos", "node_kill"],
            &["run", "--subject", &kv, "--chaos", "node_kil"],
            &["run", "--subject", &kv, "--chaos", "node_kill:{target: {node: kv9}}"],
        ],
    );
}

#[test]
fn doctor_names_each_requirement() {
    let output = call(&["doctor", "--json"]);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let process = &findings[0];
    assert_eq!(process["runtime"], "process");
    let fit = process["fit"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(if fit { 0 } else { 3 }));
    assert!(!process["requirements"].as_array().unwrap().is_empty());
    let text = String::from_utf8(call(&["doctor"]).stdout).unwrap();
    assert!(text.contains("compose: not part of this version"), "{text}");
}

/// A short campaign on the real runtime.
fn short_campaign(folder: &Path) {
    let text = format!(
        "name: short\nsubject: {kv}\nscenarios:\n  - {{ name: killed, chaos: [{{ node_kill: {{ target: {{ pick: leader }} }} }}] }}\n\
         variants: [{oracle}]\ntimeouts: {{ operate: 20s, verify: 20s }}\nwindows: {{ healthy: 500ms, hold: 500ms }}\n\
         gates: [{{ metric: recovered, min: 1.0 }}]\n",
        kv = root().join("subjects/kv.yaml").display(),
        oracle = root().join("variants/oracle.yaml").display(),
    );
    std::fs::write(folder.join("short.yaml"), text).unwrap();
}

fn events(stdout: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_run_as_json_prints_its_events_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    short_campaign(folder.path());
    let output = harness(folder.path()).args(["run", "short.yaml", "--json", "--format", "md"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
    let events = events(&output.stdout);
    assert!(matches!(events[0].body, Body::RunStarted { trials: 1, .. }));
    assert!(matches!(events.last().unwrap().body, Body::RunEnded { interrupted: false }));
    let ended = events.iter().find_map(|event| match &event.body {
        Body::TrialEnded { status, outcome, leaked, .. } => Some((*status, *outcome, *leaked)),
        _ => None,
    });
    assert_eq!(ended, Some((Status::Completed, Some(Outcome::Recovered), false)));
    let took = events.iter().find_map(|event| match &event.body {
        Body::FaultProven { landed: true, took_us, .. } => Some(*took_us),
        _ => None,
    });
    assert!(took.is_some(), "the fault is proven");
    let reports: Vec<_> = std::fs::read_dir(folder.path().join("reports")).unwrap().collect();
    assert_eq!(reports.len(), 1);
}

#[test]
fn a_stopped_run_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    short_campaign(folder.path());
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["run", "short.yaml", "--json", "--repeats", "50", "--format", "md"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut text = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        text += &(line.clone() + "\n");
        if line.contains("\"fault_proven\"") {
            break;
        }
    }
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    for line in lines {
        text += &(line.unwrap() + "\n");
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let events = events(text.as_bytes());
    let ends: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::TrialEnded { status, leaked, .. } => Some((*status, *leaked)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(Status::Interrupted, false)]);
    assert!(events.iter().any(|event| matches!(event.body, Body::FaultHealed { proven: true, .. })));
    assert!(matches!(events.last().unwrap().body, Body::RunEnded { interrupted: true }));
    assert_eq!(
        std::fs::read_dir(folder.path().join("reports")).unwrap().count(),
        1,
        "the report is written all the same"
    );
}
