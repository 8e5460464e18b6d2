//! Runs and trials as text for a terminal. Hostile text is made printable, so that nothing an operator
//! wrote can move the cursor or change colours.

use std::fmt::Write as _;

use super::format::{MISSING, duration_us};
use super::layout::{self, EntryRow};
use super::text::{one_line, visible};
use super::trial::TrialView;
use super::view::View;
use crate::store::RunRow;

/// How to lay text out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Longest line, characters; absent when nothing is to be cut.
    pub width: Option<usize>,
    /// Whether to use bold type and colours.
    pub colour: bool,
}

impl Style {
    fn bold(self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A table; the last column gives way when lines are too long.
pub fn table(heads: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (index, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let _ = write!(line, "{cell:width$}");
        }
        let line = line.trim_end();
        style.width.map_or_else(|| line.to_owned(), |width| one_line(line, width))
    };
    out.push_str(&style.bold(&line(heads.to_vec())));
    out.push('\n');
    for row in rows {
        out.push_str(&line(row.iter().map(String::as_str).collect()));
        out.push('\n');
    }
    out
}

/// A list of runs with the number of their trials that have ended.
pub fn runs(runs: &[(RunRow, usize)], style: Style) -> String {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|(run, ended)| {
            let time = |time: Option<jiff::Timestamp>| {
                time.map_or_else(missing, |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
            };
            let took = run.started.zip(run.ended).map_or_else(missing, |(started, ended)| {
                duration_us(ended.duration_since(started).as_micros().unsigned_abs() as u64)
            });
            vec![
                run.id.0.clone(),
                serde_json::to_value(run.state)
                    .ok()
                    .and_then(|state| state.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                format!("{ended}/{}", run.trials),
                time(run.started),
                took,
                visible(&run.campaign),
            ]
        })
        .collect();
    table(&["RUN", "STATE", "TRIALS", "STARTED (UTC)", "TOOK", "CAMPAIGN"], &rows, style)
}

/// A run's result, warnings and gates.
pub fn result(view: &View, style: Style) -> String {
    let page = layout::page(view, false);
    let mut out = String::new();
    let _ = writeln!(out, "{}", wrapped(&page.result, style));
    if !page.comparison.is_empty() {
        let _ = writeln!(out, "{}", wrapped(&page.comparison, style));
    }
    for warning in &page.warnings {
        let word = if warning.grave { "warning" } else { "note" };
        let _ = writeln!(out, "{}", wrapped(&format!("{word}: {}", warning.text), style));
    }
    for gate in &page.gates {
        let word = if gate.passed { "pass" } else { "FAIL" };
        let _ = writeln!(out, "{}", wrapped(&format!("gate {word}: {} (found {})", gate.gate, gate.found), style));
    }
    out
}

/// A run: its result and a table of its trials.
pub fn run(view: &View, style: Style) -> String {
    let page = layout::page(view, false);
    let head = format!("{}  {}\n", style.bold(&visible(&page.campaign)), page.run);
    let mut out = head + &result(view, style);
    out.push('\n');
    let rows: Vec<Vec<String>> = page
        .trials
        .iter()
        .map(|trial| {
            [
                trial.number.to_string(),
                trial.scenario.clone(),
                trial.variant.clone(),
                trial.repeat.to_string(),
                trial.result.clone(),
                trial.time.clone(),
                trial.session.clone(),
            ]
            .map(|cell| visible(&cell))
            .to_vec()
        })
        .collect();
    out.push_str(&table(&["#", "SCENARIO", "VARIANT", "REPEAT", "RESULT", "RECOVERED IN", "SESSION"], &rows, style));
    let _ = writeln!(out, "\n`harness show {}.N` shows trial N.", page.run);
    out
}

/// A trial: facts, what happened, and the session.
pub fn trial(view: &TrialView, style: Style) -> String {
    let page = layout::trial_page(view, false);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}  {}, {}, repeat {}: {}",
        style.bold(&page.id),
        visible(&page.scenario),
        visible(&page.variant),
        page.repeat,
        page.result
    );
    out.push('\n');
    for (name, value) in &page.facts {
        let _ = writeln!(out, "{name:26} {}", visible(value));
    }
    let phases: Vec<String> = page.phases.iter().map(|(name, took)| format!("{name} {took}")).collect();
    let _ = writeln!(out, "{:26} {}", "Phases", phases.join(", "));
    for fault in &page.faults {
        let _ = writeln!(out, "\n{} {}", style.bold("Fault"), visible(&fault.title));
        for line in &fault.lines {
            let _ = writeln!(out, "  {}", visible(line));
        }
    }
    for ticket in &page.tickets {
        let _ = writeln!(out, "\n{}\n  {}", style.bold(&visible(&ticket.title)), visible(&ticket.summary));
    }
    if !page.moments.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold("What happened"));
        for moment in &page.moments {
            let _ = writeln!(out, "{:>10}  {}", moment.at, visible(&moment.label));
        }
    }
    if !page.transcript.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold("Session"));
        for row in &page.transcript {
            entry(&mut out, row);
        }
    }
    out
}

fn entry(out: &mut String, row: &EntryRow) {
    let outcome = if row.outcome.is_empty() { String::new() } else { format!("  [{}]", row.outcome) };
    let _ = writeln!(out, "{:>10}  {}{outcome}", row.at, one_line(&row.title, 100));
    let mut block = |text: &str, first: &str| {
        for (index, line) in visible(text).lines().enumerate() {
            let lead = if index == 0 { first } else { "" };
            let _ = writeln!(out, "{:12}{lead}{line}", "");
        }
    };
    if row.kind == "command" {
        block(&row.text, "$ ");
        block(&row.output, "");
    } else {
        block(&row.text, "");
    }
}

fn missing() -> String {
    MISSING.to_owned()
}

/// Breaks a paragraph at spaces.
fn wrapped(text: &str, style: Style) -> String {
    let text = visible(text);
    let Some(width) = style.width else {
        return text;
    };
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}
