//! Gates: conditions on a run's figures.

use serde::Serialize;

use super::format::{MISSING, duration_ms, percent, percent_fine};
use super::summary::{completed, lost, shares};
use super::trial::TrialView;
use super::view::View;
use crate::spec::campaign::{Gate, Metric};
use crate::stats::median;

/// What became of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    /// The condition in words: `oracle: recovered ≥ 100 %`.
    pub gate: String,
    /// Whether it holds.
    pub passed: bool,
    /// The figure, in the metric's unit; absent without data.
    pub value: Option<f64>,
    /// The figure in words, or why there is none.
    pub found: String,
    /// Number of trials that the figure is made of.
    pub n: u64,
}

/// Evaluates gates. A gate without data fails.
pub fn evaluate(gates: &[Gate], view: &View) -> Vec<GateResult> {
    gates.iter().map(|gate| one(gate, view)).collect()
}

fn one(gate: &Gate, view: &View) -> GateResult {
    let trials: Vec<&TrialView> = view
        .trials
        .iter()
        .filter(|trial| {
            let key = &trial.row.key;
            gate.variant.as_ref().is_none_or(|name| *name == key.variant)
                && gate.scenario.as_ref().is_none_or(|name| *name == key.scenario)
        })
        .collect();
    let (value, n, unknown) = measure(gate.metric, &trials);
    let above = |value: f64| gate.min.is_none_or(|min| value >= min);
    let below = |value: f64| gate.max.is_none_or(|max| value <= max);
    // More may be lost than is known, so an upper limit on losses needs every ledger.
    let unsure = unknown > 0 && gate.max.is_some();
    GateResult {
        gate: words(gate),
        passed: value.is_some_and(|value| above(value) && below(value)) && !unsure,
        found: match value {
            None => "no data".to_owned(),
            Some(value) if unsure => format!("{} and unknown in {unknown} of {n} trials", show(gate.metric, value)),
            Some(value) => show(gate.metric, value),
        },
        value,
        n,
    }
}

/// The figure, the number of trials in it, and the number of trials in which it is unknown.
fn measure(metric: Metric, trials: &[&TrialView]) -> (Option<f64>, u64, u64) {
    let done: Vec<&TrialView> = trials.iter().copied().filter(|trial| completed(trial)).collect();
    let share = |flags: Vec<bool>| {
        let n = flags.len() as u64;
        let k = flags.into_iter().filter(|flag| *flag).count() as f64;
        ((n > 0).then(|| k / n as f64), n, 0)
    };
    let middle = |pick: fn(&TrialView) -> Option<u64>| {
        let values: Vec<f64> = done.iter().filter_map(|trial| pick(trial).map(|us| us as f64 / 1000.0)).collect();
        (median(&values).map(|median| median.median), values.len() as u64, 0)
    };
    match metric {
        Metric::Recovered => share(done.iter().filter_map(|trial| trial.figures.recovered).collect()),
        Metric::Detected => share(done.iter().filter_map(|trial| trial.figures.detected).collect()),
        Metric::FalseResolution => share(done.iter().filter_map(|trial| trial.figures.false_resolution).collect()),
        Metric::WritesLost => lost(&done).map_or((None, 0, 0), |lost| {
            let known = lost.n > lost.unknown;
            (known.then_some(lost.lost as f64), lost.n, lost.unknown)
        }),
        Metric::TimeToDetect => middle(|trial| trial.figures.time_to_detect_us),
        Metric::TimeToRecover => middle(|trial| trial.figures.time_to_recover_us),
        Metric::BadRequests => shares(&done).map_or((None, 0, 0), |shares| (Some(shares.mean), shares.n as u64, 0)),
        Metric::NotCompleted => {
            let ended: Vec<_> = trials.iter().filter(|trial| trial.row.status.is_some()).collect();
            let missing = ended.iter().filter(|trial| !completed(trial)).count();
            ((!ended.is_empty()).then_some(missing as f64), ended.len() as u64, 0)
        }
    }
}

fn show(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Recovered | Metric::Detected | Metric::FalseResolution => percent(value),
        Metric::BadRequests => percent_fine(value),
        Metric::TimeToDetect | Metric::TimeToRecover => duration_ms(value),
        Metric::WritesLost | Metric::NotCompleted => format!("{value}"),
    }
}

/// A gate in words.
fn words(gate: &Gate) -> String {
    let place = match (&gate.variant, &gate.scenario) {
        (Some(variant), Some(scenario)) => format!("{variant} in {scenario}"),
        (Some(variant), None) => variant.clone(),
        (None, Some(scenario)) => format!("all variants in {scenario}"),
        (None, None) => "all trials".to_owned(),
    };
    let metric = match gate.metric {
        Metric::Recovered => "recovered",
        Metric::Detected => "detected",
        Metric::FalseResolution => "false resolutions",
        Metric::WritesLost => "acknowledged writes lost",
        Metric::TimeToDetect => "median time to detect",
        Metric::TimeToRecover => "median time to recover",
        Metric::BadRequests => "bad requests",
        Metric::NotCompleted => "not completed",
    };
    let limit = match (gate.min, gate.max) {
        (Some(min), Some(max)) if min >= max => format!("= {}", show(gate.metric, min)),
        (Some(min), Some(max)) => {
            format!("from {} to {}", show(gate.metric, min), show(gate.metric, max))
        }
        (Some(min), None) => format!("≥ {}", show(gate.metric, min)),
        (None, Some(max)) if max <= 0.0 => format!("= {}", show(gate.metric, max)),
        (None, Some(max)) => format!("≤ {}", show(gate.metric, max)),
        (None, None) => MISSING.to_owned(),
    };
    format!("{place}: {metric} {limit}")
}
