//! Reports: what they say, and that nothing in them gets out of hand.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use harness::cli;
use harness::cli::{list, show};
use harness::report::{self, Format, Headline, View, terminal};
use harness::spec::campaign::{Gate, Metric};
use harness::store::{Reader, Store};
use serde_json::json;

use crate::support::{redact, runs};

/// Compares a page with the one under `tests/report/snapshots`.
fn assert_page(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../report/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = redact(text).replace(env!("CARGO_PKG_VERSION"), "[version]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn with(write: impl Fn(&Path), run: &str) -> View {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    write(&db);
    report::build(&Reader::open(&db).unwrap(), run).unwrap()
}

fn messy() -> View {
    with(runs::messy, runs::MESSY)
}

fn quickstart() -> View {
    with(runs::quickstart, runs::QUICKSTART)
}

/// Writes example reports for people to look at: `HARNESS_EXAMPLES=DIR cargo test --test it examples`.
#[test]
fn examples() {
    let keep = std::env::var_os("HARNESS_EXAMPLES");
    let temp = tempfile::tempdir().unwrap();
    let dir = keep.as_deref().map_or(temp.path(), Path::new);
    for view in [quickstart(), messy()] {
        let paths = report::write(&view, &Format::ALL, dir).unwrap();
        let names: Vec<String> =
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        let stem = format!("{}-{}", view.run.campaign, view.run.id);
        assert_eq!(names, ["md", "html", "json", "xml"].map(|end| format!("{stem}.{end}")));
    }
    if keep.is_none() {
        assert_eq!(std::fs::read_dir(dir).unwrap().count(), 8, "no part files are left");
    }
}

#[test]
fn every_format_as_a_page() {
    let view = messy();
    for (name, format) in [
        ("messy.md", Format::Md),
        ("messy.html", Format::Html),
        ("messy.json", Format::Json),
        ("messy.xml", Format::Junit),
    ] {
        assert_page(name, &report::render(&view, format).unwrap());
    }
    let style = terminal::Style::default();
    assert_page("messy.run.txt", &terminal::run(&view, style));
    assert_page("messy.trial.txt", &terminal::trial(&view.trials[2], style));
    let narrow = terminal::Style { width: Some(60), colour: false };
    let text = terminal::run(&view, narrow);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
}

#[test]
fn headlines() {
    let mut text = String::new();
    for view in [quickstart(), messy(), with(one_variant, "latest"), with(nothing_completed, "latest")] {
        let Headline { result, comparison } = &view.headline;
        writeln!(text, "{result}\n{comparison}").unwrap();
        for warning in &view.warnings {
            let mark = if warning.grave { '!' } else { '-' };
            writeln!(text, "{mark} {}", warning.text).unwrap();
        }
        text.push('\n');
    }
    assert_page("headlines", &text);
}

/// One variant, one trial.
fn one_variant(db: &Path) {
    let writer = Store::open(db).unwrap().writer().unwrap();
    let plan =
        runs::plan("single", &runs::SCENARIOS[..1], &json!([{ "name": "oracle", "script": "oracle" }]), 1, &json!([]));
    let run = runs::new_run("20261122-080000-0001", "single", plan);
    let id = run.id.clone();
    runs::begin(&writer, run, 1);
    for event in runs::control(&id, 1, "leader-killed", "oracle", 1).events {
        writer.emit(event);
    }
    runs::end(&writer, &id.0);
    writer.close().unwrap();
}

/// A run that ended before any of its trials.
fn nothing_completed(db: &Path) {
    let writer = Store::open(db).unwrap().writer().unwrap();
    let plan = runs::plan("empty", &runs::SCENARIOS, &json!([{ "name": "a" }, { "name": "b" }]), 2, &json!([]));
    let run = runs::new_run("20261122-090000-0002", "empty", plan);
    let id = run.id.clone();
    runs::begin(&writer, run, 8);
    runs::end(&writer, &id.0);
    writer.close().unwrap();
}

#[test]
fn controls_that_cannot_be_told_apart_are_pointed_out() {
    let view = with(
        |db| {
            let writer = Store::open(db).unwrap().writer().unwrap();
            let variants = json!([{ "name": "baseline", "baseline": true }, { "name": "oracle", "script": "oracle" }]);
            let plan = runs::plan("same", &runs::SCENARIOS[..1], &variants, 1, &json!([]));
            let run = runs::new_run("20261122-100000-0003", "same", plan);
            let id = run.id.clone();
            runs::begin(&writer, run, 2);
            // The "baseline" heals by itself: it is given an oracle's log.
            let mut healed = runs::control(&id, 1, "leader-killed", "oracle", 1);
            if let harness::model::event::Body::TrialStarted { key } = &mut healed.events[0].body {
                key.variant = "baseline".to_owned();
            }
            for event in healed.events.into_iter().chain(runs::control(&id, 2, "leader-killed", "oracle", 1).events) {
                writer.emit(event);
            }
            runs::end(&writer, &id.0);
            writer.close().unwrap();
        },
        "latest",
    );
    let warning = view.scenarios[0].controls.warning.clone().unwrap();
    assert!(warning.contains("cannot be told apart"), "{warning}");
    assert!(view.warnings.iter().any(|listed| listed.text == warning));
}

#[test]
fn gates_without_data_fail() {
    let view = messy();
    let gate = |metric, variant: Option<&str>, min, max| Gate {
        variant: variant.map(str::to_owned),
        scenario: None,
        metric,
        min,
        max,
    };
    let gates = [
        (gate(Metric::Recovered, Some("oracle"), Some(1.0), None), true),
        (gate(Metric::Recovered, Some("agent"), Some(0.9), None), false),
        (gate(Metric::Recovered, Some("nobody"), Some(0.0), None), false),
        (gate(Metric::WritesLost, Some("oracle"), None, Some(0.0)), true),
        (gate(Metric::WritesLost, Some("agent"), None, Some(5.0)), false), // one ledger is unknown
        (gate(Metric::FalseResolution, Some("baseline"), None, Some(1.0)), false), // no session
        (gate(Metric::Detected, None, Some(1.0), None), true),
        (gate(Metric::BadRequests, None, None, Some(0.9)), true),
        (gate(Metric::TimeToDetect, None, None, Some(1.0)), false),
        (gate(Metric::TimeToRecover, Some("baseline"), None, Some(1e9)), false),
        (gate(Metric::NotCompleted, None, None, Some(2.0)), false),
        (gate(Metric::NotCompleted, None, None, Some(3.0)), true),
    ];
    let given: Vec<Gate> = gates.iter().map(|(gate, _)| gate.clone()).collect();
    for (result, (_, expected)) in report::gates::evaluate(&given, &view).iter().zip(gates) {
        assert_eq!(result.passed, expected, "{}: {}", result.gate, result.found);
    }
}

/// Start tags of a page with their attributes, by a small reader that knows nothing of our templates.
fn tags(html: &str) -> HashMap<String, usize> {
    let mut tags = HashMap::new();
    for part in html.split('<').skip(1) {
        let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
        *tags.entry(name.to_ascii_lowercase()).or_default() += 1;
        let tag = part.split('>').next().unwrap_or_default();
        assert!(!tag.contains("onerror") && !tag.contains("javascript:"), "{tag}");
    }
    tags
}

#[test]
fn hostile_text_stays_text() {
    let view = messy();
    let html = report::render(&view, Format::Html).unwrap();
    let tags = tags(&html);
    for forbidden in ["script", "img", "iframe", "link", "object", "form", "a"] {
        assert_eq!(tags.get(forbidden), None, "<{forbidden}>");
    }
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing is loaded from anywhere");
    for format in Format::ALL {
        let text = report::render(&view, format).unwrap();
        for c in ['\u{1b}', '\0', '\u{7}', '\r'] {
            assert!(!text.contains(c), "{c:?} in {format:?}");
        }
        assert!(format == Format::Json || !text.contains('\u{202e}'), "text is reordered in {format:?}");
    }
    // Every fence of the Markdown report is closed by one of its own length.
    let markdown = report::render(&view, Format::Md).unwrap();
    let mut open: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &open {
            None if ticks.len() >= 3 => open = Some(ticks),
            Some(fence) if line.trim_end() == fence => open = None,
            Some(fence) => assert!(ticks.len() < fence.len(), "{line}"),
            None => assert!(!line.contains("<script"), "{line}"),
        }
    }
    assert_eq!(open, None);
}

#[test]
fn huge_outputs_are_cut_in_pages() {
    let view = messy();
    let html = report::render(&view, Format::Html).unwrap();
    assert!(html.contains("bytes left out here"));
    assert!(html.len() < 200_000, "{} bytes", html.len());
    let json = report::render(&view, Format::Json).unwrap();
    assert!(json.matches("applied entry").count() >= 2000, "JSON has all of it");
}

#[test]
fn scores_can_be_stored() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::messy(&db);
    let view = report::build(&Reader::open(&db).unwrap(), "latest").unwrap();
    Store::open(&db).unwrap().put_scores(&report::scores(&view)).unwrap();
    let stored = Reader::open(&db).unwrap().score(&view.trials[2].row.key.id).unwrap().unwrap();
    let score: harness::score::Score = serde_json::from_str(&stored).unwrap();
    assert_eq!(score.verdict, view.trials[2].verdict);
    assert_eq!(score.figures, view.trials[2].figures);
}

#[test]
fn commands_without_a_database_make_none() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("none.db");
    let errors = [
        list::run(&list::Args { db: db.clone(), json: false }),
        show::run(&show::Args { db: db.clone(), id: "latest".to_owned(), json: false }),
        cli::report::run(&report_args(dir.path(), &db)),
    ];
    for error in errors {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("there is no database at"), "{error}");
        assert!(error.contains("hint:"), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn report_args(dir: &Path, db: &Path) -> cli::report::Args {
    cli::report::Args {
        db: db.to_owned(),
        run: "latest".to_owned(),
        format: vec![Format::Md, Format::Json],
        out: dir.join("reports"),
    }
}

#[test]
fn the_report_command_writes_files_and_stores_scores() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::quickstart(&db);
    cli::report::run(&report_args(dir.path(), &db)).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("reports")).unwrap().count(), 2);
    let reader = Reader::open(&db).unwrap();
    let trial = reader.trial("latest.18").unwrap().key.id;
    assert!(reader.score(&trial).unwrap().unwrap().contains("\"pass\""));
}

/// A large run: pages stay of a size that a browser takes, and time is spent in proportion.
#[test]
#[ignore = "takes half a minute in a debug build"]
fn five_hundred_trials() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let variants = json!([
        { "name": "baseline", "baseline": true },
        { "name": "restart-all", "script": "restart-all" },
        { "name": "oracle", "script": "oracle" },
    ]);
    let plan = runs::plan("large", &runs::SCENARIOS, &variants, 84, &json!([]));
    let run = runs::new_run("20261122-110000-0004", "large", plan);
    let id = run.id.clone();
    let begun = std::time::Instant::now();
    let writer = Store::open(&db).unwrap().writer().unwrap();
    runs::begin(&writer, run, 504);
    let mut number = 0;
    for repeat in 1..=84 {
        for (scenario, _) in runs::SCENARIOS {
            for variant in ["baseline", "restart-all", "oracle"] {
                number += 1;
                for event in runs::control(&id, number, scenario, variant, repeat).events {
                    writer.emit(event);
                }
            }
        }
    }
    runs::end(&writer, &id.0);
    writer.close().unwrap();
    let written = begun.elapsed();
    let view = report::build(&Reader::open(&db).unwrap(), "latest").unwrap();
    let built = begun.elapsed();
    let html = report::render(&view, Format::Html).unwrap();
    let laid = begun.elapsed();
    println!("written {written:?}, built {built:?}, laid out {laid:?}, {} bytes", html.len());
    assert!(html.len() < 12_000_000, "{} bytes", html.len());
    if let Some(dir) = std::env::var_os("HARNESS_EXAMPLES") {
        std::fs::write(Path::new(&dir).join("large.html"), html).unwrap();
    }
}

#[test]
fn a_plan_from_yaml_is_understood() {
    let file = crate::support::root().join("campaigns/kv-quickstart.yaml");
    let plan = harness::spec::load_campaign(&file).unwrap();
    let plan = serde_json::to_value(plan).unwrap();
    let view = with(
        |db| {
            let writer = Store::open(db).unwrap().writer().unwrap();
            let run = runs::new_run("20261122-120000-0005", "kv-quickstart", plan.clone());
            let id = run.id.clone();
            runs::begin(&writer, run, 18);
            let log = runs::control(&id, 3, "leader-killed", "oracle", 1);
            for event in log.events {
                writer.emit(event);
            }
            runs::end(&writer, &id.0);
            writer.close().unwrap();
        },
        "latest",
    );
    assert_eq!(view.run.subject, "kv");
    assert_eq!(view.gates.len(), 3);
    assert_eq!(view.counts.not_begun, 17);
    assert_eq!(view.run.timeouts["operate"], "6s");
    let controls: Vec<_> = view.variants.iter().map(|variant| variant.control.is_some()).collect();
    assert_eq!(controls, [true, true, true]);
}
