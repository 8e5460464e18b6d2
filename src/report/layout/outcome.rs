//! How a trial ended, and its figures.

use super::trial::missing;
use crate::model::trial::{Outcome, Status};
use crate::report::format::{duration_us, percent_fine};
use crate::report::trial::TrialView;
use crate::score::{Figures, Requests, Verdict, Writes};

/// How a trial ended, and its colour.
pub(super) fn result(trial: &TrialView) -> (String, &'static str) {
    match (trial.row.status, trial.row.outcome, &trial.verdict) {
        (None, ..) => ("running".to_owned(), "none"),
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Pass) => ("recovered".to_owned(), "good"),
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Fail(_)) => {
            ("recovered, writes lost".to_owned(), "bad")
        }
        (Some(Status::Completed), Some(Outcome::Recovered), Verdict::Unscored(_)) => {
            ("recovered, loss unknown".to_owned(), "none")
        }
        (Some(Status::Completed), ..) if trial.figures.false_resolution == Some(true) => {
            ("false resolution".to_owned(), "bad")
        }
        (Some(Status::Completed), ..) => ("not recovered".to_owned(), "bad"),
        (Some(status), ..) => (status.to_string(), "none"),
    }
}

/// The figures of a trial, by name.
pub(super) fn facts(trial: &TrialView) -> Vec<(String, String)> {
    let mut facts = vec![("Verdict", verdict(&trial.verdict))];
    if let Some(reason) = &trial.row.reason
        && !trial.verdict.reason().contains(reason.as_str())
    {
        facts.push(("Reason", reason.clone()));
    }
    if !trial.not_held.is_empty() {
        facts.push(("Did not hold", trial.not_held.clone()));
    }
    facts.extend(seen(&trial.figures));
    facts.extend(done(&trial.figures));
    if let Some(frozen) = trial.frozen.filter(|frozen| *frozen > 0) {
        let noun = if frozen == 1 { "process" } else { "processes" };
        facts.push(("Left running by operator", format!("{frozen} {noun}")));
    }
    if !trial.leftovers.is_empty() {
        facts.push(("Left behind", trial.leftovers.join(", ")));
    }
    facts.push(("Seed", trial.row.key.seed.to_string()));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn verdict(verdict: &Verdict) -> String {
    match verdict.reason() {
        "" => verdict.word().to_owned(),
        reason => format!("{}: {reason}", verdict.word()),
    }
}

fn time(us: Option<u64>) -> String {
    us.map_or_else(missing, duration_us)
}

/// What was seen of the subject.
fn seen(figures: &Figures) -> Vec<(&'static str, String)> {
    let requests = |show: fn(&Requests) -> String| figures.requests.as_ref().map_or_else(missing, show);
    let writes = |show: fn(&Writes) -> String| figures.writes.as_ref().map_or_else(missing, show);
    vec![
        ("Time to detect", time(figures.time_to_detect_us)),
        ("Time to first action", time(figures.time_to_first_action_us)),
        ("Time to recover", time(figures.time_to_recover_us)),
        (
            "Bad requests",
            requests(|seen| format!("{} of {} ({})", seen.bad, seen.total, percent_fine(seen.bad_share()))),
        ),
        ("Bad seconds", requests(|seen| format!("{} of {}", seen.bad_seconds, seen.seconds))),
        ("Acknowledged writes lost", writes(lost)),
        (
            "Other writes",
            writes(|writes| format!("{} failed, {} of unknown fate", writes.failed, writes.indeterminate)),
        ),
        ("Wrong reads", writes(|writes| writes.wrong_reads.to_string())),
    ]
}

fn lost(writes: &Writes) -> String {
    let lost = writes.lost.map_or_else(|| "unknown".to_owned(), |lost| lost.to_string());
    let unreadable = match writes.unreadable {
        0 => String::new(),
        n => format!(", {n} not readable"),
    };
    let keys = if writes.lost_keys.is_empty() { String::new() } else { format!(": {}", writes.lost_keys.join(", ")) };
    format!("{lost} of {}{unreadable}{keys}", writes.acknowledged)
}

/// What the operator and the harness did.
fn done(figures: &Figures) -> Vec<(&'static str, String)> {
    let commands = figures.commands.map_or_else(missing, |commands| {
        format!("{} ({} different, {} failed)", commands.count, commands.unique, commands.failed)
    });
    let collateral = figures.collateral.as_ref().map_or_else(missing, |nodes| {
        if nodes.is_empty() { "none".to_owned() } else { nodes.iter().cloned().collect::<Vec<_>>().join(", ") }
    });
    let overhead = figures
        .overhead_us
        .zip(figures.total_us)
        .map_or_else(missing, |(own, total)| format!("{} of {}", duration_us(own), duration_us(total)));
    vec![
        ("Commands", commands),
        ("Collateral", collateral),
        ("Working time", time(figures.working_us)),
        ("Harness overhead", overhead),
    ]
}
