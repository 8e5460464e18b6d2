//! The view model: everything a report says, as data. It is also the JSON report.

use std::collections::BTreeMap;

use serde::Serialize;

use super::gates::GateResult;
use super::trial::TrialView;
use crate::stats::{Interval, Median, Pairs, wilson};
use crate::store::{Host, RunState};

/// A report.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Version of this form.
    pub format: u32,
    /// The run.
    pub run: RunFacts,
    /// The result in words.
    pub headline: Headline,
    /// What a reader must know before trusting the numbers.
    pub warnings: Vec<Warning>,
    /// The campaign's gates.
    pub gates: Vec<GateResult>,
    /// Trials by how they ended.
    pub counts: Counts,
    /// One per variant, in the campaign's order.
    pub variants: Vec<VariantSummary>,
    /// One per scenario, in the campaign's order.
    pub scenarios: Vec<ScenarioSummary>,
    /// Every pair of variants.
    pub comparisons: Vec<Comparison>,
    /// The trials that have begun, in the order of the schedule.
    pub trials: Vec<TrialView>,
}

/// Facts of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunFacts {
    /// Its id.
    pub id: String,
    /// The campaign.
    pub campaign: String,
    /// The campaign's description.
    pub description: Option<String>,
    /// The subject.
    pub subject: String,
    /// The runtime.
    pub runtime: String,
    /// How far it got.
    pub state: RunState,
    /// When it began.
    pub started: Option<jiff::Timestamp>,
    /// When it ended.
    pub ended: Option<jiff::Timestamp>,
    /// Seconds from begin to end.
    pub took_s: Option<f64>,
    /// Repeats of each scenario with each variant.
    pub repeats: u32,
    /// How many trials were run at the same time.
    pub parallel: u32,
    /// The seed.
    pub seed: u64,
    /// Length of the healthy window, milliseconds.
    pub healthy_ms: u64,
    /// Length of the hold window, milliseconds.
    pub hold_ms: u64,
    /// Longest time of each phase, as in YAML.
    pub timeouts: BTreeMap<String, String>,
    /// The version of the program that made the run.
    pub version: String,
    /// The version of the program that made this report.
    pub report_version: String,
    /// The machine.
    pub host: Host,
}

/// The result in words.
#[derive(Debug, Clone, Serialize)]
pub struct Headline {
    /// How often each variant recovered the subject.
    pub result: String,
    /// What that says about the variants; empty when there is nothing to compare.
    pub comparison: String,
}

/// What a reader must know before trusting the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// True when the subject or the harness did harm: writes lost, something left behind.
    pub grave: bool,
    /// In words.
    pub text: String,
}

/// Trials by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In the schedule.
    pub planned: u32,
    /// Completed: these count.
    pub completed: u32,
    /// The fault did not land, or the subject was not well before it.
    pub void: u32,
    /// The harness failed.
    pub error: u32,
    /// Stopped, or left unfinished.
    pub interrupted: u32,
    /// Still running.
    pub running: u32,
    /// Not begun.
    pub not_begun: u32,
    /// Of any of these: something was left behind.
    pub leaked: u32,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How many.
    pub k: u64,
    /// Of how many that were measured.
    pub n: u64,
    /// Wilson's interval; absent for `n = 0`.
    pub interval: Option<Interval>,
}

impl Rate {
    /// Counts the `true` ones among those that are measured.
    pub fn of(flags: impl IntoIterator<Item = Option<bool>>) -> Self {
        let (mut k, mut n) = (0, 0);
        for flag in flags.into_iter().flatten() {
            n += 1;
            k += u64::from(flag);
        }
        Self { k, n, interval: wilson(k, n) }
    }

    /// The share, 0 to 1; absent for `n = 0`.
    pub fn share(&self) -> Option<f64> {
        (self.n > 0).then(|| self.k as f64 / self.n as f64)
    }
}

/// What a variant is for, if it is a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Nobody operates.
    Baseline,
    /// Restarts everything.
    RestartAll,
    /// Knows the remedy.
    Oracle,
}

/// A variant over all scenarios. Only completed trials count, except in `counts`.
#[derive(Debug, Clone, Serialize)]
pub struct VariantSummary {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Which control it is.
    pub control: Option<Control>,
    /// All its trials.
    pub counts: Counts,
    /// Recovered.
    pub recovered: Rate,
    /// Recovered and kept every acknowledged write.
    pub passed: Rate,
    /// The monitor opened a ticket.
    pub detected: Rate,
    /// Said `resolved` while not recovered, of the trials with a session.
    pub false_resolution: Rate,
    /// Took healthy nodes from service, of the trials with a session.
    pub collateral: Rate,
    /// From fault to ticket, milliseconds.
    pub time_to_detect_ms: Option<Median>,
    /// From fault to first command, milliseconds.
    pub time_to_first_action_ms: Option<Median>,
    /// From fault to recovery, milliseconds, over the trials that recovered.
    pub time_to_recover_ms: Option<Median>,
    /// Bad client requests after the fault.
    pub bad_requests: Option<Shares>,
    /// Bad seconds after the fault.
    pub bad_seconds: Option<Median>,
    /// Acknowledged writes lost.
    pub writes_lost: Option<Lost>,
    /// Wrong reads, sum.
    pub wrong_reads: Option<u64>,
    /// Commands per session.
    pub commands: Option<Median>,
    /// Repeated commands per session.
    pub repeated: Option<Median>,
    /// Working time per session, milliseconds.
    pub working_ms: Option<Median>,
}

/// Shares of requests over trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Number of trials.
    pub n: usize,
    /// Mean over trials of the trial's share, 0 to 1.
    pub mean: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// Bad requests in all.
    pub bad: u64,
    /// Requests in all.
    pub total: u64,
}

/// Acknowledged writes lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Acknowledged writes in all.
    pub acknowledged: u64,
    /// Lost, over the trials in which it is known.
    pub lost: u64,
    /// Trials that lost any.
    pub trials: u64,
    /// Trials in which it is unknown.
    pub unknown: u64,
    /// Trials with a checked ledger.
    pub n: u64,
}

/// A scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioSummary {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// One per variant, in the campaign's order.
    pub cells: Vec<Cell>,
    /// What its controls say.
    pub controls: ScenarioWords,
}

/// What the controls say about a scenario.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ScenarioWords {
    /// The controls cannot be told apart: the scenario measures nothing.
    pub warning: Option<String>,
    /// Something worth knowing.
    pub note: Option<String>,
}

/// One scenario with one variant.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// The variant.
    pub variant: String,
    /// Recovered, of the completed trials.
    pub recovered: Rate,
    /// From fault to recovery, milliseconds.
    pub time_to_recover_ms: Option<Median>,
    /// Trials that do not count: void, error, interrupted.
    pub not_completed: u32,
    /// Acknowledged writes known to be lost.
    pub writes_lost: u64,
}

/// Two variants, compared on the same scenarios and repeats.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The one.
    pub a: String,
    /// The other.
    pub b: String,
    /// Outcomes of the pairs in which both trials are completed.
    pub pairs: Pairs,
    /// Scenarios and repeats in which one of the two is not completed.
    pub left_out: u64,
    /// A's share recovered less B's.
    pub difference: Option<f64>,
    /// Newcombe's interval of it.
    pub interval: Option<Interval>,
    /// `McNemar`'s exact p-value; absent without pairs.
    pub p: Option<f64>,
    /// The same with Holm's correction for all comparisons of the report.
    pub p_holm: Option<f64>,
    /// `p` is below 5 %.
    pub differ: bool,
    /// In words.
    pub words: String,
}
