//! The table of variants and figures.

use serde::Serialize;

use crate::report::format::{MISSING, count, duration_ms, interval, median_detail, number, percent_fine};
use crate::report::view::{Lost, Rate, Shares, VariantSummary};
use crate::stats::Median;

/// A figure of all variants.
#[derive(Debug, Serialize)]
pub(in crate::report) struct FigureRow {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) help: &'static str,
    pub(in crate::report) cells: Vec<FigureCell>,
}

/// A figure of one variant.
#[derive(Debug, Default, Serialize)]
pub(in crate::report) struct FigureCell {
    pub(in crate::report) text: String,
    /// What it rests on: interval and number of trials.
    pub(in crate::report) detail: String,
    /// Drawn below the text: position of the share and its interval, percent.
    pub(in crate::report) bar: Option<Bar>,
    pub(in crate::report) bad: bool,
}

/// A share and its interval, percent of the bar's length.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Bar {
    low: f64,
    width: f64,
    at: f64,
}

/// One row per figure.
pub(super) fn rows(variants: &[VariantSummary]) -> Vec<FigureRow> {
    let row = |name, help, cell: &dyn Fn(&VariantSummary) -> FigureCell| FigureRow {
        name,
        help,
        cells: variants.iter().map(cell).collect(),
    };
    let plain =
        |text: Option<String>| FigureCell { text: text.unwrap_or_else(|| MISSING.to_owned()), ..FigureCell::default() };
    vec![
        row("Recovered", "invariants and clients were well through the hold window", &|v| share(&v.recovered, true)),
        row("Passed", "recovered, and no acknowledged write was lost", &|v| share(&v.passed, true)),
        row("Acknowledged writes lost", "sum over trials; any fails its trial", &|v| losses(v.writes_lost)),
        row("False resolutions", "sessions that said resolved while it was not", &|v| FigureCell {
            bad: v.false_resolution.k > 0,
            ..share(&v.false_resolution, false)
        }),
        row("Time to recover", "median from the fault, over the trials that recovered", &|v| {
            times(v.time_to_recover_ms.as_ref())
        }),
        row("Time to detect", "median from the fault to the ticket", &|v| times(v.time_to_detect_ms.as_ref())),
        row("Time to first action", "median from the fault to the first command", &|v| {
            times(v.time_to_first_action_ms.as_ref())
        }),
        row("Bad requests", "share of client requests after the fault: mean over trials, least to greatest", &|v| {
            v.bad_requests.as_ref().map_or_else(missing, requests)
        }),
        row("Bad seconds", "median number of seconds after the fault with less than 99 % success", &|v| {
            numbers(v.bad_seconds.as_ref())
        }),
        row("Wrong reads", "reads that did not show an acknowledged write, sum", &|v| FigureCell {
            bad: v.wrong_reads.is_some_and(|n| n > 0),
            ..plain(v.wrong_reads.map(|n| n.to_string()))
        }),
        row("Commands", "median per session", &|v| numbers(v.commands.as_ref())),
        row("Repeated commands", "median per session; thrashing", &|v| numbers(v.repeated.as_ref())),
        row("Collateral", "sessions that took a healthy node from service", &|v| share(&v.collateral, false)),
        row("Working time", "median per session, waiting for rate limits left out", &|v| times(v.working_ms.as_ref())),
        row("Not counted", "void, error, interrupted", &|v| {
            let c = v.counts;
            let n = c.void + c.error + c.interrupted;
            FigureCell { bad: n > 0, ..plain(Some(n.to_string())) }
        }),
    ]
}

fn share(rate: &Rate, bar: bool) -> FigureCell {
    let Some((share, range)) = rate.share().zip(rate.interval) else {
        return missing();
    };
    let tenths = |share: f64| (share * 1000.0).round() / 10.0;
    FigureCell {
        text: format!("{} of {}", rate.k, rate.n),
        detail: interval(&range),
        bar: bar.then(|| Bar { low: tenths(range.low), width: tenths(range.high - range.low), at: tenths(share) }),
        bad: false,
    }
}

fn losses(lost: Option<Lost>) -> FigureCell {
    let Some(lost) = lost else {
        return missing();
    };
    let mut text = if lost.lost > 0 {
        format!("{} of {} in {}", lost.lost, lost.acknowledged, count(lost.trials, "trial"))
    } else if lost.unknown == lost.n {
        String::new()
    } else {
        format!("0 of {}", lost.acknowledged)
    };
    if lost.unknown > 0 {
        let join = if text.is_empty() { "" } else { "; " };
        text = format!("{text}{join}unknown in {}", count(lost.unknown, "trial"));
    }
    FigureCell { text, detail: format!("n\u{a0}=\u{a0}{}", lost.n), bar: None, bad: lost.lost > 0 }
}

fn requests(shares: &Shares) -> FigureCell {
    let range = if shares.n > 1 {
        format!(", {} to {}", percent_fine(shares.min), percent_fine(shares.max))
    } else {
        String::new()
    };
    FigureCell {
        text: percent_fine(shares.mean),
        detail: format!("n\u{a0}=\u{a0}{}{range}", shares.n),
        ..FigureCell::default()
    }
}

fn missing() -> FigureCell {
    FigureCell { text: MISSING.to_owned(), ..FigureCell::default() }
}

fn times(median: Option<&Median>) -> FigureCell {
    middle(median, duration_ms)
}

fn numbers(median: Option<&Median>) -> FigureCell {
    middle(median, number)
}

fn middle(median: Option<&Median>, show: fn(f64) -> String) -> FigureCell {
    median.map_or_else(missing, |median| FigureCell {
        text: show(median.median),
        detail: median_detail(median, show),
        ..FigureCell::default()
    })
}
