//! What `harness run` shows while it runs: bars on a terminal, lines elsewhere, JSON lines, or nothing.
//!
//! All of it is made from events and nothing else.

mod bars;
mod lines;
mod trial;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use bars::Bars;
pub(super) use lines::Lines;

use crate::model::event::Event;
use crate::runner::EventSink;

/// Shows nothing.
pub(super) struct Quiet;

impl EventSink for Quiet {
    fn emit(&self, _: &Event) {}
}

/// Each event as a line of JSON on standard output.
#[derive(Default)]
pub(super) struct JsonLines(Mutex<()>);

impl EventSink for JsonLines {
    fn emit(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let _whole_lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that has gone away must not end the run.
        let _ = std::io::stdout().write_all(&line);
    }
}

/// The way that fits the terminal and the options.
pub(super) fn choose(quiet: bool, json: bool) -> Arc<dyn EventSink> {
    use std::io::IsTerminal;
    if json {
        Arc::new(JsonLines::default())
    } else if quiet {
        Arc::new(Quiet)
    } else if std::io::stderr().is_terminal() {
        Arc::new(Bars::new())
    } else {
        Arc::new(Lines::default())
    }
}
