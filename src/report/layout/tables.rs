//! The matrix of scenarios and variants, and the comparisons.

use serde::Serialize;

use crate::report::format::{MISSING, duration_ms, p_value, points};
use crate::report::view::{Cell, Comparison, ScenarioSummary};

/// A scenario.
#[derive(Debug, Serialize)]
pub(in crate::report) struct MatrixRow {
    pub(in crate::report) name: String,
    pub(in crate::report) description: String,
    pub(in crate::report) cells: Vec<MatrixCell>,
    pub(in crate::report) warning: String,
    pub(in crate::report) note: String,
}

/// A scenario with a variant.
#[derive(Debug, Serialize)]
pub(in crate::report) struct MatrixCell {
    pub(in crate::report) rate: String,
    pub(in crate::report) time: String,
    pub(in crate::report) extra: String,
    /// For its colour: `all`, `some`, `none` or `missing`.
    pub(in crate::report) tone: &'static str,
}

/// One row per scenario.
pub(super) fn matrix(scenarios: &[ScenarioSummary]) -> Vec<MatrixRow> {
    scenarios
        .iter()
        .map(|scenario| MatrixRow {
            name: scenario.name.clone(),
            description: scenario.description.clone().unwrap_or_default(),
            cells: scenario.cells.iter().map(cell).collect(),
            warning: scenario.controls.warning.clone().unwrap_or_default(),
            note: scenario.controls.note.clone().unwrap_or_default(),
        })
        .collect()
}

fn cell(cell: &Cell) -> MatrixCell {
    let rate = cell.recovered;
    let mut extra = Vec::new();
    if cell.writes_lost > 0 {
        extra.push(format!("{} writes lost", cell.writes_lost));
    }
    if cell.not_completed > 0 {
        extra.push(format!("{} not counted", cell.not_completed));
    }
    MatrixCell {
        rate: if rate.n == 0 { MISSING.to_owned() } else { format!("{}/{} recovered", rate.k, rate.n) },
        time: cell.time_to_recover_ms.map_or(String::new(), |median| format!("median {}", duration_ms(median.median))),
        extra: extra.join(", "),
        tone: match (rate.k, rate.n) {
            (_, 0) => "missing",
            (0, _) => "none",
            (k, n) if k == n && cell.writes_lost == 0 => "all",
            _ => "some",
        },
    }
}

/// Two variants.
#[derive(Debug, Serialize)]
pub(in crate::report) struct ComparisonRow {
    pub(in crate::report) name: String,
    pub(in crate::report) pairs: String,
    pub(in crate::report) only: String,
    pub(in crate::report) difference: String,
    pub(in crate::report) p: String,
    pub(in crate::report) p_holm: String,
    pub(in crate::report) words: String,
    pub(in crate::report) differ: bool,
}

/// One row per pair of variants.
pub(super) fn comparisons(comparisons: &[Comparison]) -> Vec<ComparisonRow> {
    comparisons.iter().map(comparison).collect()
}

fn comparison(comparison: &Comparison) -> ComparisonRow {
    let left_out = match comparison.left_out {
        0 => String::new(),
        n => format!(" ({n} left out)"),
    };
    let missing = || MISSING.to_owned();
    ComparisonRow {
        name: format!("{} vs {}", comparison.a, comparison.b),
        pairs: format!("{}{left_out}", comparison.pairs.n()),
        only: format!("{} : {}", comparison.pairs.only_a, comparison.pairs.only_b),
        difference: comparison.difference.zip(comparison.interval).map_or_else(missing, |(difference, range)| {
            format!("{} ({} to {})", points(difference), points(range.low), points(range.high))
        }),
        p: comparison.p.map_or_else(missing, p_value),
        p_holm: comparison.p_holm.map_or_else(missing, p_value),
        words: comparison.words.clone(),
        differ: comparison.differ,
    }
}
