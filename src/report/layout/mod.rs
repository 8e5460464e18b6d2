//! The words and numbers of a page, ready to be put into tables: shared by Markdown and HTML.

mod entry;
mod figures;
mod method;
mod outcome;
mod tables;
mod trial;

use serde::Serialize;

pub(super) use entry::EntryRow;
pub(super) use figures::FigureRow;
pub(super) use tables::{ComparisonRow, MatrixRow};
pub(super) use trial::{TrialPage, page as trial_page};

use super::format;
use super::gates::GateResult;
use super::view::{View, Warning};

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) campaign: String,
    pub(super) run: String,
    pub(super) description: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) result: String,
    pub(super) comparison: String,
    pub(super) warnings: Vec<Warning>,
    pub(super) counts: Vec<CountCell>,
    pub(super) gates: Vec<GateResult>,
    pub(super) variants: Vec<VariantHead>,
    pub(super) figures: Vec<FigureRow>,
    pub(super) matrix: Vec<MatrixRow>,
    pub(super) comparisons: Vec<ComparisonRow>,
    pub(super) trials: Vec<TrialPage>,
    pub(super) method: Vec<(String, String)>,
    pub(super) origin: Vec<(String, String)>,
}

/// A count of trials.
#[derive(Debug, Serialize)]
pub(super) struct CountCell {
    pub(super) name: &'static str,
    pub(super) n: u32,
    /// Whether it is something to look at.
    pub(super) bad: bool,
    pub(super) help: &'static str,
}

/// A variant as a column's head.
#[derive(Debug, Serialize)]
pub(super) struct VariantHead {
    pub(super) name: String,
    pub(super) description: String,
}

/// Lays a view out. Without `pictures`, trials have no SVG.
pub(super) fn page(view: &View, pictures: bool) -> Page {
    Page {
        campaign: view.run.campaign.clone(),
        run: view.run.id.clone(),
        description: view.run.description.clone().unwrap_or_default(),
        facts: facts(view),
        result: view.headline.result.clone(),
        comparison: view.headline.comparison.clone(),
        warnings: view.warnings.clone(),
        counts: counts(view),
        gates: view.gates.clone(),
        variants: view
            .variants
            .iter()
            .map(|variant| VariantHead {
                name: variant.name.clone(),
                description: variant.description.clone().unwrap_or_default(),
            })
            .collect(),
        figures: figures::rows(&view.variants),
        matrix: tables::matrix(&view.scenarios),
        comparisons: tables::comparisons(&view.comparisons),
        trials: view.trials.iter().map(|trial| trial::page(trial, pictures)).collect(),
        method: method::method(view),
        origin: method::origin(view),
    }
}

fn facts(view: &View) -> Vec<(String, String)> {
    let run = &view.run;
    let size = format!(
        "{} × {} × {}",
        format::count(view.scenarios.len() as u64, "scenario"),
        format::count(view.variants.len() as u64, "variant"),
        format::count(run.repeats.into(), "repeat"),
    );
    let when = run
        .started
        .map_or_else(|| format::MISSING.to_owned(), |started| started.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let took = run.took_s.map_or(String::new(), |s| format!(", took {}", format::duration_ms(s * 1000.0)));
    vec![
        ("Subject".to_owned(), format!("{} on {}", run.subject, run.runtime)),
        ("Plan".to_owned(), size),
        ("Run".to_owned(), run.id.clone()),
        ("Started".to_owned(), when + &took),
    ]
}

fn counts(view: &View) -> Vec<CountCell> {
    let counts = &view.counts;
    let cell = |name, n, bad: bool, help| CountCell { name, n, bad: bad && n > 0, help };
    let mut cells = vec![
        cell("planned", counts.planned, false, "trials in the schedule"),
        cell("completed", counts.completed, false, "these count"),
        cell("void", counts.void, true, "the fault did not land, or the subject was not well before it"),
        cell("error", counts.error, true, "the harness failed"),
        cell("interrupted", counts.interrupted, true, "stopped, or left unfinished"),
        cell("leaked", counts.leaked, true, "of any of these: left something behind on the machine"),
        cell("running", counts.running, false, "not over yet"),
        cell("not begun", counts.not_begun, true, "in the schedule, and never started"),
    ];
    cells.retain(|cell| cell.n > 0 || !matches!(cell.name, "running" | "not begun"));
    cells
}
