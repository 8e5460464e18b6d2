//! The database: what is written is there, whatever happens to the writer.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::model::event::Body;
use harness::model::id::RunId;
use harness::model::trial::Status;
use harness::store::{Found, Reader, RunState, SCHEMA_VERSION, Store, StoreError};
use rusqlite::Connection;
use serde_json::json;

use crate::support::runs;

/// Everything in the database but the moments at which it was written.
fn dump(path: &Path) -> String {
    let conn = Connection::open(path).unwrap();
    let mut tables = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap();
    let names: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut text = String::new();
    for name in names {
        let mut select = conn.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).unwrap();
        let columns: Vec<String> = select.column_names().iter().map(|name| (*name).to_owned()).collect();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            text.push_str(&name);
            for (index, column) in columns.iter().enumerate() {
                if !matches!(column.as_str(), "created" | "heartbeat") {
                    let value: rusqlite::types::Value = row.get(index).unwrap();
                    write!(text, " {column}={value:?}").unwrap();
                }
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn projections_can_be_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::quickstart(&db);
    runs::messy(&db);
    let before = dump(&db);
    for table in [
        "trials",
        "phases",
        "faults",
        "tickets",
        "sessions",
        "commands",
        "log_entries",
        "probe_samples",
        "load_samples",
    ] {
        assert!(before.contains(&format!("\n{table} ")), "nothing in {table}");
    }
    Store::open(&db).unwrap().rebuild().unwrap();
    assert_eq!(before, dump(&db));
}

#[test]
fn events_come_back_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::quickstart(&db);
    let run = RunId(runs::QUICKSTART.to_owned());
    let mut written = runs::control(&run, 2, "leader-killed", "restart-all", 1).events;
    written.sort_by_key(|event| event.at_us);
    let read = Reader::open(&db).unwrap().events(&run.trial(2)).unwrap();
    assert_eq!(serde_json::to_string(&written).unwrap(), serde_json::to_string(&read).unwrap());
}

#[test]
fn the_event_log_cannot_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::messy(&db);
    let conn = Connection::open(&db).unwrap();
    for sql in ["UPDATE events SET at_us = 0", "DELETE FROM events"] {
        let error = conn.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

/// The other half of [`a_killed_writer_loses_nothing_it_has_flushed`], in a process of its own.
#[test]
#[ignore = "started by another test, in a process that it kills"]
fn writer_that_will_be_killed() {
    let db = std::path::PathBuf::from(std::env::var_os("HARNESS_TEST_DB").unwrap());
    let run = RunId(runs::QUICKSTART.to_owned());
    let plan =
        runs::plan("killed", &runs::SCENARIOS, &json!([{ "name": "oracle", "script": "oracle" }]), 1, &json!([]));
    let writer = Store::open(&db).unwrap().writer().unwrap();
    runs::begin(&writer, runs::new_run(&run.0, "killed", plan), 2);
    let log = runs::control(&run, 1, "leader-killed", "oracle", 1);
    let half = log.events.len() / 2;
    for event in &log.events[..half] {
        writer.emit(event.clone());
    }
    writer.flush().unwrap();
    std::fs::write(db.with_extension("flushed"), half.to_string()).unwrap();
    // Never closed: events go on until the kill comes.
    loop {
        writer.emit(log.events[1].clone());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_has_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::writer_that_will_be_killed", "--ignored"])
        .env("HARNESS_TEST_DB", &db)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let flushed = loop {
        if let Ok(text) = std::fs::read_to_string(db.with_extension("flushed"))
            && let Ok(count) = text.parse::<usize>()
        {
            break count;
        }
        assert!(Instant::now() < deadline, "the writer never flushed");
        std::thread::sleep(Duration::from_millis(20));
    };
    std::thread::sleep(Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();

    let reader = Reader::open(&db).unwrap();
    let run = reader.run("latest").unwrap();
    let events = reader.events(&run.id.trial(1)).unwrap();
    assert!(events.len() > flushed, "{} of {flushed} events and those of the last 200 ms", events.len());
    assert!(matches!(events[0].body, Body::TrialStarted { .. }));
    let check: String =
        Connection::open(&db).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    // A while later nobody takes the run for a live one, and its trial is interrupted.
    assert_eq!(run.state, RunState::Running);
    Connection::open(&db).unwrap().execute("UPDATE runs SET heartbeat = '2026-01-01T00:00:00Z'", []).unwrap();
    assert_eq!(reader.run("latest").unwrap().state, RunState::Aborted);
    let trial = reader.trial("latest.1").unwrap();
    assert_eq!(trial.status, Some(Status::Interrupted));
}

#[test]
fn a_dropped_writer_writes_what_was_emitted() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let run = RunId(runs::QUICKSTART.to_owned());
    let log = runs::control(&run, 1, "leader-killed", "oracle", 1);
    {
        let writer = Store::open(&db).unwrap().writer().unwrap();
        runs::begin(&writer, runs::new_run(&run.0, "dropped", json!({})), 1);
        for event in &log.events {
            writer.emit(event.clone());
        }
    }
    let events = Reader::open(&db).unwrap().events(&run.trial(1)).unwrap();
    assert_eq!(events.len(), log.events.len());
}

#[test]
fn a_failed_write_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let run = RunId(runs::QUICKSTART.to_owned());
    let writer = Store::open(&db).unwrap().writer().unwrap();
    // The run is unknown, so its events cannot be written.
    for event in runs::control(&run, 1, "leader-killed", "oracle", 1).events {
        writer.emit(event);
    }
    let error = writer.flush().unwrap_err().to_string();
    assert!(error.contains("FOREIGN KEY"), "{error}");
    assert!(writer.failed().is_some());
    assert!(writer.close().is_err());
}

#[test]
fn a_run_begins_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let writer = Store::open(&db).unwrap().writer().unwrap();
    writer.begin_run(runs::new_run("20261121-101500-ab12", "one", json!({}))).unwrap();
    let error = writer.begin_run(runs::new_run("20261121-101500-ab12", "one", json!({})));
    assert!(matches!(error, Err(StoreError::RunExists(_))));
    assert!(writer.failed().is_none());
    writer.close().unwrap();
}

#[test]
fn a_trial_that_begins_again_forgets_its_first_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let run = RunId(runs::QUICKSTART.to_owned());
    let log = runs::control(&run, 1, "leader-killed", "oracle", 1);
    let writer = Store::open(&db).unwrap().writer().unwrap();
    runs::begin(&writer, runs::new_run(&run.0, "again", json!({})), 1);
    for event in log.events[..20].iter().chain(&log.events) {
        writer.emit(event.clone());
    }
    writer.close().unwrap();
    let reader = Reader::open(&db).unwrap();
    assert_eq!(reader.events(&run.trial(1)).unwrap().len(), log.events.len());
    assert_eq!(reader.transcript(&run.trial(1)).unwrap().len(), 3);
}

#[test]
fn beginnings_of_ids_suffice() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    runs::quickstart(&db);
    runs::messy(&db);
    let reader = Reader::open(&db).unwrap();
    assert_eq!(reader.runs().unwrap().len(), 2);
    assert_eq!(reader.run("20261121-10").unwrap().id.0, runs::QUICKSTART);
    assert_eq!(reader.run("latest").unwrap().id.0, runs::MESSY);
    assert_eq!(reader.trial("20261121-10.7").unwrap().key.number, 7);
    assert!(matches!(reader.find("latest.3").unwrap(), Found::Trial(_)));
    assert!(matches!(reader.find(runs::MESSY).unwrap(), Found::Run(_)));
    insta::assert_snapshot!(
        [
            reader.run("2026").unwrap_err().to_string(),
            reader.run("1999").unwrap_err().to_string(),
            reader.run("").unwrap_err().to_string(),
            reader.trial("latest.99").unwrap_err().to_string(),
            reader.find("20261121-10.x").unwrap_err().to_string(),
        ]
        .join("\n"),
        @r#"
        `2026` is ambiguous: 20261121-101500-ab12, 20261121-113000-c0de
        there is no run or trial `1999`
          hint: `harness list` shows the runs, `harness show RUN` its trials
        there is no run or trial ``
          hint: `harness list` shows the runs, `harness show RUN` its trials
        there is no run or trial `latest.99`
          hint: `harness list` shows the runs, `harness show RUN` its trials
        there is no run or trial `20261121-10.x`
          hint: `harness list` shows the runs, `harness show RUN` its trials
        "#
    );
}

#[test]
fn only_our_databases_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.db");
    assert!(matches!(Reader::open(&missing), Err(StoreError::Missing(_))));
    assert!(!missing.exists(), "a reader makes no file");

    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "this is not a database, however long it may be").unwrap();
    assert!(matches!(Store::open(&text), Err(StoreError::Foreign(_))));

    let foreign = dir.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute("CREATE TABLE t (a)", []).unwrap();
    assert!(matches!(Store::open(&foreign), Err(StoreError::Foreign(_))));

    let newer = dir.path().join("newer.db");
    drop(Store::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    for error in [Store::open(&newer).unwrap_err(), Reader::open(&newer).unwrap_err()] {
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("newer harness"));
    }
}

#[test]
fn readers_see_what_is_emitted_within_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let run = RunId(runs::QUICKSTART.to_owned());
    let writer = Store::open(&db).unwrap().writer().unwrap();
    runs::begin(&writer, runs::new_run(&run.0, "live", json!({})), 1);
    let log = runs::control(&run, 1, "leader-killed", "oracle", 1);
    let reader = Reader::open(&db).unwrap();
    let mut seen = reader.events_after(&run, 0, 1000).unwrap().last().map_or(0, |(seq, _)| *seq);
    let begun = Instant::now();
    for event in &log.events {
        writer.emit(event.clone());
    }
    let mut count = 0;
    while count < log.events.len() {
        assert!(begun.elapsed() < Duration::from_secs(5), "only {count} events arrived");
        for (seq, event) in reader.events_after(&run, seen, 7).unwrap() {
            seen = seq;
            count += usize::from(event.trial.is_some());
        }
    }
    writer.close().unwrap();
}

#[test]
fn a_resumed_run_is_alive_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("harness.db");
    let run = RunId(runs::QUICKSTART.to_owned());
    let new = runs::new_run(&run.0, "resumed", json!({}));
    let writer = Store::open(&db).unwrap().writer().unwrap();
    runs::begin(&writer, new.clone(), 1);
    writer.close().unwrap();
    let age = "UPDATE runs SET heartbeat = '2026-01-01T00:00:00Z'";
    Connection::open(&db).unwrap().execute(age, []).unwrap();
    let reader = Reader::open(&db).unwrap();
    assert_eq!(reader.run("latest").unwrap().state, RunState::Aborted);

    let writer = Store::open(&db).unwrap().writer().unwrap();
    writer.emit(runs::started(&new, 1));
    writer.flush().unwrap();
    assert_eq!(reader.run("latest").unwrap().state, RunState::Running);
    writer.close().unwrap();
}
