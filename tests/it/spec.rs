//! YAML files: the valid ones load, the others are told exactly what is wrong.

mod ad_hoc;
mod properties;

use std::path::Path;

use assert_cmd::Command;
use harness::model::units::Millis;
use harness::spec::{self, FileKind, RuntimeKind, Style};
use insta::Settings;

use crate::support::{redact, root, yaml_files};

/// Snapshots of diagnostics are beside the files that they are about.
fn snapshots() -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/spec/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn shipped() -> Vec<std::path::PathBuf> {
    ["subjects", "variants", "campaigns"].into_iter().flat_map(yaml_files).collect()
}

#[test]
fn shipped_files_are_valid() {
    let diagnostics = spec::validate_files(&shipped());
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(Style::Plain));
}

#[test]
fn shipped_files_name_their_schema() {
    for path in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        let folder = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let kind = FileKind::ALL.into_iter().find(|kind| kind.folder() == folder).unwrap();
        let line = format!("# yaml-language-server: $schema=../schemas/{}\n", kind.schema_file());
        assert!(text.starts_with(&line), "{}", path.display());
    }
}

#[test]
fn valid_files_are_valid() {
    let files = yaml_files("tests/spec/valid");
    let (diagnostics, valid) = spec::check_files(&files);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(Style::Plain));
    assert_eq!(valid.len(), files.len());
    let lines: Vec<_> = valid.iter().map(|file| format!("{}: {}", file.path.display(), file.summary)).collect();
    snapshots().bind(|| insta::assert_snapshot!("valid", lines.join("\n")));
}

/// Each file says in its second line how many mistakes it has: none is missed, none is invented.
#[test]
fn every_planted_mistake_is_reported() {
    for path in yaml_files("tests/spec/invalid") {
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (_, after) = text.split_once("# mistakes: ").expect("the number of mistakes");
        let planted: usize = after.split('.').next().unwrap().parse().unwrap();
        let diagnostics = spec::validate_files(&[&path]);
        let shown = redact(&diagnostics.render(Style::Plain));
        assert_eq!(diagnostics.iter().len(), planted, "{}\n{shown}", path.display());
        assert!(shown.lines().all(|line| line.chars().count() < 260), "{shown}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        snapshots().bind(|| insta::assert_snapshot!(name, shown));
    }
}

#[test]
fn mistakes_of_several_files_are_sorted_and_counted() {
    let files = ["tests/spec/invalid/zero.yaml", "tests/spec/invalid/gates.yaml", "no/such.yaml"];
    let diagnostics = spec::validate_files(&files);
    snapshots().bind(|| insta::assert_snapshot!("several-files", diagnostics.to_string()));
    assert_eq!(diagnostics.summary(), "10 errors in 3 files");
}

#[test]
fn styles_differ_in_drawing_only() {
    let diagnostics = spec::validate_files(&["tests/spec/invalid/fault-unknown.yaml"]);
    let plain = diagnostics.render(Style::Plain);
    assert!(plain.is_ascii(), "{plain}");
    assert!(!diagnostics.render(Style::Unicode).contains('\u{1b}'));
    assert!(diagnostics.render(Style::Colour).contains('\u{1b}'));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.yaml");
    std::fs::write(&path, "script: oracle\n\"\\e[2J\": 1 # \u{9b}2J\n").unwrap();
    let shown = spec::validate_files(&[path]).render(Style::Plain);
    assert!(shown.contains("unknown key"), "{shown}");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn schemas_are_up_to_date() {
    for kind in FileKind::ALL {
        let path = root().join("schemas").join(kind.schema_file());
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == kind.schema_text(), "repair with: cargo run -- schema");
    }
}

#[test]
fn the_quickstart_becomes_a_plan() {
    let plan = spec::load_campaign(Path::new("campaigns/kv-quickstart.yaml")).unwrap();
    assert_eq!(plan.summary(), "2 scenarios x 3 variants x 3 repeats = 18 trials");
    assert_eq!(plan.runtime, RuntimeKind::Process);
    assert_eq!(plan.timeouts.operate, Millis(6_000));
    assert_eq!(plan.timeouts.provision, Millis(30_000), "the default");
    let nodes: Vec<_> = plan.subject.node_plans().into_iter().map(|it| (it.name, it.role, it.port)).collect();
    let node = |name: &str| (name.to_owned(), "store".to_owned(), 7400);
    assert_eq!(nodes, [node("kv1"), node("kv2"), node("kv3")]);
    let paths: Vec<_> = plan.sources.iter().map(|it| it.path.display().to_string()).collect();
    assert_eq!(
        paths,
        [
            "campaigns/kv-quickstart.yaml",
            "subjects/kv.yaml",
            "variants/baseline.yaml",
            "variants/restart-all.yaml",
            "variants/oracle.yaml",
        ]
    );
    // A plan is kept with its run: it must survive being written and read.
    let text = serde_json::to_string(&plan).unwrap();
    let again: spec::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}

#[test]
fn the_command_reports_with_its_exit_code() {
    let harness = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.current_dir(root()).arg("validate");
        command
    };
    let output = harness().arg("campaigns/kv-quickstart.yaml").assert().success();
    let stdout = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert_eq!(stdout, "campaigns/kv-quickstart.yaml: ok (2 scenarios x 3 variants x 3 repeats = 18 trials)\n");
    let output = harness().args(["tests/spec/invalid/fault-unknown.yaml", "--json"]).assert().code(2);
    let stdout = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    snapshots().bind(|| insta::assert_snapshot!("json", redact(&stdout)));
}
