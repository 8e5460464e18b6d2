//! From the event log to a view.

use std::collections::BTreeMap;

use super::error::ReportError;
use super::format::count;
use super::plan::PlanFacts;
use super::trial::{TrialView, trial};
use super::view::{Counts, RunFacts, VariantSummary, View, Warning};
use super::{compare, gates, headline, summary};
use crate::score;
use crate::store::{Reader, RunRow, RunState, TrialRow};

/// Version of the JSON report's form.
const FORMAT: u32 = 1;

/// Builds the report of a run: `run` is an id, a unique prefix of one, or `latest`.
/// Every trial is scored anew from its events.
pub fn build(reader: &Reader, run: &str) -> Result<View, ReportError> {
    let row = reader.run(run)?;
    let plan: PlanFacts = serde_json::from_value(row.plan.clone())
        .map_err(|source| ReportError::Plan { run: row.id.0.clone(), source })?;
    let trials =
        reader.trials(&row.id)?.into_iter().map(|begun| build_trial(reader, begun)).collect::<Result<Vec<_>, _>>()?;
    let each = plan.scenarios.len() as u32 * plan.repeats;
    let variants: Vec<VariantSummary> =
        plan.variants.iter().map(|facts| summary::variant(facts, &trials, each)).collect();
    let names: Vec<String> = variants.iter().map(|variant| variant.name.clone()).collect();
    let planned = row.trials.max(each * plan.variants.len() as u32);
    let comparisons = compare::comparisons(&names, &trials);
    let counts = summary::counts(&trials, planned);
    let mut view = View {
        format: FORMAT,
        headline: headline::headline(&variants, &comparisons, &counts),
        warnings: Vec::new(),
        gates: Vec::new(),
        counts,
        scenarios: plan.scenarios.iter().map(|scenario| summary::scenario(scenario, &plan.variants, &trials)).collect(),
        variants,
        comparisons,
        trials,
        run: facts(row, &plan),
    };
    view.gates = gates::evaluate(&plan.gates, &view);
    view.warnings = warnings(&view);
    Ok(view)
}

/// Builds the view of one trial, scored anew from its events.
pub fn build_trial(reader: &Reader, row: TrialRow) -> Result<TrialView, ReportError> {
    let events = reader.events(&row.key.id)?;
    Ok(trial(row, score::score(&events), &events))
}

/// What the scorer said about the trials of a report, for [`crate::store::Store::put_scores`].
pub fn scores(view: &View) -> Vec<(String, String)> {
    view.trials
        .iter()
        .filter_map(|trial| {
            let score = score::Score { verdict: trial.verdict.clone(), figures: trial.figures.clone() };
            Some((trial.row.key.id.0.clone(), serde_json::to_string(&score).ok()?))
        })
        .collect()
}

fn facts(row: RunRow, plan: &PlanFacts) -> RunFacts {
    let took_s = row.started.zip(row.ended).map(|(started, ended)| ended.duration_since(started).as_secs_f64());
    let timeouts: BTreeMap<String, String> = plan
        .timeouts
        .iter()
        .map(|(phase, limit)| {
            let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
            (phase.clone(), limit)
        })
        .collect();
    RunFacts {
        id: row.id.0,
        campaign: row.campaign,
        description: plan.description.clone(),
        subject: plan.subject.name.clone(),
        runtime: plan.runtime.clone(),
        state: row.state,
        started: row.started,
        ended: row.ended,
        took_s,
        repeats: plan.repeats,
        parallel: row.parallel,
        seed: plan.seed,
        healthy_ms: plan.windows.healthy.0,
        hold_ms: plan.windows.hold.0,
        timeouts,
        version: row.version,
        report_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: row.host,
    }
}

fn warnings(view: &View) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |grave, text: String| warnings.push(Warning { grave, text });
    if let Some(text) = state(view.run.state) {
        warn(false, text.to_owned());
    }
    for (grave, text) in losses(&view.variants) {
        warn(grave, text);
    }
    if view.counts.leaked > 0 {
        let trials = count(view.counts.leaked.into(), "trial");
        warn(true, format!("{trials} left something behind on the machine."));
    }
    for scenario in &view.scenarios {
        if let Some(text) = &scenario.controls.warning {
            warn(false, text.clone());
        }
    }
    if let Some(text) = not_counted(&view.counts) {
        warn(false, text);
    }
    let unproven = view.trials.iter().filter(|trial| unproven(trial)).count();
    if unproven > 0 {
        let trials = count(unproven as u64, "trial");
        warn(false, format!("In {trials} a fault's removal was not proven."));
    }
    warnings
}

fn state(state: RunState) -> Option<&'static str> {
    match state {
        RunState::Ended => None,
        RunState::Created => Some("The run has not begun."),
        RunState::Running => Some("The run is still going on; this report covers what has happened so far."),
        RunState::Interrupted => Some("The run was stopped before its end."),
        RunState::Aborted => Some("The run's process ended before the run did; unfinished trials are not counted."),
    }
}

/// What is known, and what is not known, of lost writes; the first are grave.
fn losses(variants: &[VariantSummary]) -> Vec<(bool, String)> {
    let mut words = Vec::new();
    for variant in variants {
        let Some(lost) = variant.writes_lost else {
            continue;
        };
        if lost.lost > 0 {
            let text = format!(
                "{}: {} of {} acknowledged writes lost, in {} of {}.",
                variant.name,
                lost.lost,
                lost.acknowledged,
                lost.trials,
                count(lost.n, "trial")
            );
            words.push((true, text));
        }
        if lost.unknown > 0 {
            let text = format!(
                "{}: whether acknowledged writes were lost is unknown in {} of {}: some could not be read back.",
                variant.name,
                lost.unknown,
                count(lost.n, "trial")
            );
            words.push((false, text));
        }
    }
    words
}

fn not_counted(counts: &Counts) -> Option<String> {
    let parts: Vec<String> = [(counts.void, "void"), (counts.error, "error"), (counts.interrupted, "interrupted")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "{} of {} planned trials are not counted in any rate: {}.",
            counts.void + counts.error + counts.interrupted,
            counts.planned,
            parts.join(", ")
        )
    })
}

fn unproven(trial: &TrialView) -> bool {
    trial.faults.iter().any(|fault| fault.heal_proven == Some(false))
}
