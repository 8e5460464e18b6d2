//! Sums over trials.

use super::plan::{Named, VariantFacts};
use super::trial::TrialView;
use super::view::{Cell, Control, Counts, Lost, Rate, ScenarioSummary, ScenarioWords, Shares, VariantSummary};
use crate::model::trial::Status;
use crate::score::{Figures, Verdict};
use crate::stats::{ALPHA, Median, Pairs, mcnemar_exact, median};

/// Trials by how they ended; `planned` is filled in by the caller.
pub(super) fn counts<'a>(trials: impl IntoIterator<Item = &'a TrialView>, planned: u32) -> Counts {
    let mut counts = Counts { planned, ..Counts::default() };
    let mut begun = 0;
    for trial in trials {
        begun += 1;
        *match trial.row.status {
            Some(Status::Completed) => &mut counts.completed,
            Some(Status::Void) => &mut counts.void,
            Some(Status::Error) => &mut counts.error,
            Some(Status::Interrupted) => &mut counts.interrupted,
            None => &mut counts.running,
        } += 1;
        counts.leaked += u32::from(trial.row.leaked);
    }
    counts.not_begun = planned.saturating_sub(begun);
    counts
}

/// Whether a trial counts.
pub(super) fn completed(trial: &TrialView) -> bool {
    trial.row.status == Some(Status::Completed)
}

/// A variant over all its trials.
pub(super) fn variant(facts: &VariantFacts, trials: &[TrialView], planned: u32) -> VariantSummary {
    let own: Vec<&TrialView> = trials.iter().filter(|trial| trial.row.key.variant == facts.name).collect();
    let done: Vec<&TrialView> = own.iter().copied().filter(|trial| completed(trial)).collect();
    let rate = |pick: &dyn Fn(&Figures) -> Option<bool>| Rate::of(done.iter().map(|trial| pick(&trial.figures)));
    let middle = |pick: &dyn Fn(&Figures) -> Option<f64>| {
        median(&done.iter().filter_map(|trial| pick(&trial.figures)).collect::<Vec<_>>())
    };
    VariantSummary {
        name: facts.name.clone(),
        description: facts.description.clone(),
        control: facts.control(),
        counts: counts(own.iter().copied(), planned),
        recovered: rate(&|figures| figures.recovered),
        passed: Rate::of(done.iter().map(|trial| match trial.verdict {
            Verdict::Pass => Some(true),
            Verdict::Fail(_) => Some(false),
            Verdict::Unscored(_) => None,
        })),
        detected: rate(&|figures| figures.detected),
        false_resolution: rate(&|figures| figures.false_resolution),
        collateral: rate(&|figures| figures.collateral.as_ref().map(|nodes| !nodes.is_empty())),
        time_to_detect_ms: middle(&|figures| millis(figures.time_to_detect_us)),
        time_to_first_action_ms: middle(&|figures| millis(figures.time_to_first_action_us)),
        time_to_recover_ms: middle(&|figures| millis(figures.time_to_recover_us)),
        bad_requests: shares(&done),
        bad_seconds: middle(&|figures| figures.requests.map(|seen| seen.bad_seconds as f64)),
        writes_lost: lost(&done),
        wrong_reads: done
            .iter()
            .filter_map(|trial| trial.figures.writes.as_ref().map(|writes| writes.wrong_reads))
            .reduce(|a, b| a + b),
        commands: middle(&|figures| figures.commands.map(|commands| f64::from(commands.count))),
        repeated: middle(&|figures| figures.commands.map(|commands| f64::from(commands.repeated))),
        working_ms: middle(&|figures| millis(figures.working_us)),
    }
}

fn millis(us: Option<u64>) -> Option<f64> {
    us.map(|us| us as f64 / 1000.0)
}

/// Bad requests over trials; `None` when none was measured.
pub(super) fn shares(trials: &[&TrialView]) -> Option<Shares> {
    let seen: Vec<_> = trials.iter().filter_map(|trial| trial.figures.requests).collect();
    let each: Vec<f64> = seen.iter().map(crate::score::Requests::bad_share).collect();
    (!each.is_empty()).then(|| Shares {
        n: each.len(),
        mean: each.iter().sum::<f64>() / each.len() as f64,
        min: each.iter().copied().fold(f64::INFINITY, f64::min),
        max: each.iter().copied().fold(0.0, f64::max),
        bad: seen.iter().map(|seen| seen.bad).sum(),
        total: seen.iter().map(|seen| seen.total).sum(),
    })
}

/// Acknowledged writes lost; `None` when no ledger was checked.
pub(super) fn lost(trials: &[&TrialView]) -> Option<Lost> {
    let mut sum = Lost { acknowledged: 0, lost: 0, trials: 0, unknown: 0, n: 0 };
    for writes in trials.iter().filter_map(|trial| trial.figures.writes.as_ref()) {
        sum.n += 1;
        sum.acknowledged += writes.acknowledged;
        match writes.lost {
            Some(lost) => {
                sum.lost += lost;
                sum.trials += u64::from(lost > 0);
            }
            None => sum.unknown += 1,
        }
    }
    (sum.n > 0).then_some(sum)
}

/// A scenario with every variant.
pub(super) fn scenario(facts: &Named, variants: &[VariantFacts], trials: &[TrialView]) -> ScenarioSummary {
    let of = |variant: &str| {
        trials
            .iter()
            .filter(|trial| trial.row.key.scenario == facts.name && trial.row.key.variant == variant)
            .collect::<Vec<_>>()
    };
    let cells = variants.iter().map(|variant| cell(&variant.name, &of(&variant.name))).collect();
    let control = |which| {
        variants
            .iter()
            .find(|variant| variant.control() == Some(which))
            .map(|variant| (variant.name.as_str(), of(&variant.name)))
    };
    let controls = match (control(Control::Baseline), control(Control::Oracle)) {
        (Some((_, baseline)), Some((_, oracle))) => {
            words(&facts.name, &baseline, &oracle, control(Control::RestartAll).map(|(_, trials)| trials))
        }
        _ => ScenarioWords::default(),
    };
    ScenarioSummary { name: facts.name.clone(), description: facts.description.clone(), cells, controls }
}

fn cell(variant: &str, trials: &[&TrialView]) -> Cell {
    let done: Vec<&TrialView> = trials.iter().copied().filter(|trial| completed(trial)).collect();
    Cell {
        variant: variant.to_owned(),
        recovered: Rate::of(done.iter().map(|trial| trial.figures.recovered)),
        time_to_recover_ms: times(&done),
        not_completed: trials.iter().filter(|trial| trial.row.status.is_some() && !completed(trial)).count() as u32,
        writes_lost: lost(&done).map_or(0, |lost| lost.lost),
    }
}

fn times(trials: &[&TrialView]) -> Option<Median> {
    let times: Vec<f64> = trials.iter().filter_map(|trial| millis(trial.figures.time_to_recover_us)).collect();
    median(&times)
}

/// Pairs of completed trials of the same scenario and repeat, and how many scenarios and repeats have only one.
pub(super) fn pairs(a: &[&TrialView], b: &[&TrialView]) -> (Pairs, u64) {
    let mut pairs = Pairs::default();
    let mut matched = 0;
    let outcome = |trial: &TrialView| trial.figures.recovered;
    for one in a {
        let other = b
            .iter()
            .find(|other| other.row.key.scenario == one.row.key.scenario && other.row.key.repeat == one.row.key.repeat);
        if let Some(other) = other {
            matched += 1;
            if let (Some(one), Some(other)) = (outcome(one), outcome(other)) {
                pairs.add(one, other);
            }
        }
    }
    let seen = (a.len() + b.len()) as u64 - matched;
    (pairs, seen - pairs.n())
}

/// What baseline and oracle (and the blind restart) say about a scenario.
fn words(
    scenario: &str,
    baseline: &[&TrialView],
    oracle: &[&TrialView],
    restart: Option<Vec<&TrialView>>,
) -> ScenarioWords {
    let rate = |trials: &[&TrialView]| Rate::of(trials.iter().map(|trial| trial.figures.recovered));
    let (nobody, remedy) = (rate(baseline), rate(oracle));
    let (Some(nobody_share), Some(remedy_share)) = (nobody.share(), remedy.share()) else {
        return ScenarioWords::default();
    };
    let mut words = ScenarioWords::default();
    if remedy_share <= nobody_share {
        words.warning = Some(format!(
            "The controls cannot be told apart in scenario {scenario}: baseline recovered {} of {}, \
             oracle {} of {}. Its outcomes say nothing about operators.",
            nobody.k, nobody.n, remedy.k, remedy.n
        ));
        return words;
    }
    let (pairs, _) = pairs(oracle, baseline);
    let mut notes = Vec::new();
    if pairs.n() > 0 && mcnemar_exact(&pairs) >= ALPHA {
        notes.push(format!(
            "With {} the difference between oracle and baseline may still be chance in this scenario alone.",
            super::format::count(pairs.n(), "pair")
        ));
    }
    if let Some(restart) = restart.map(|trials| rate(&trials))
        && restart.share().is_some_and(|share| share >= remedy_share)
    {
        notes.push("A blind restart repairs it as well as the oracle.".to_owned());
    }
    words.note = (!notes.is_empty()).then(|| notes.join(" "));
    words
}
