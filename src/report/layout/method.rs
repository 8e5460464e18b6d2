//! How it was measured, for readers who want to check.

use crate::report::format::{bytes, duration_ms};
use crate::report::view::View;

/// Definitions of the figures and sources of the statistics.
pub(super) fn method(view: &View) -> Vec<(String, String)> {
    let hold = duration_ms(view.run.hold_ms as f64);
    let healthy = duration_ms(view.run.healthy_ms as f64);
    [
        ("Trial", format!("One scenario, one variant, one repeat, in a lab of its own. All must be well for {healthy} before the fault; \
          the fault's effect is then proven by measurement. A trial whose fault did not land is void and counts nowhere.")),
        ("Recovered", format!("All invariants and the client load were well for {hold} without a break after the session, before its time limit. \
          Only what clients see counts, not what the operator says.")),
        ("Passed", "Recovered, and every write that was acknowledged to a client could be read back afterwards with its value. \
          Writes of unknown fate are never counted as lost; where some writes could not be read back, loss is unknown and the trial is not scored.".to_owned()),
        ("Times", "Counted on one monotonic clock from the moment the first fault was injected. A time that was not measured is shown as –, never as zero. \
          Times to recover are those of trials that recovered: a variant that recovers fewer trials shows only its successes there.".to_owned()),
        ("Bad requests, bad seconds", "Client requests that finished from the injection to the end of the recovery check and did not succeed; \
          seconds in that time in which less than 99 % of the finished requests succeeded.".to_owned()),
        ("Commands", "Shell commands of the session; repeated ones are those given before in the same session, white space aside. \
          Collateral: a node that no fault concerned was stopped, killed or suspended by the operator.".to_owned()),
        ("Intervals", "95 %, two-sided. Shares: Wilson score (Wilson 1927). Medians: order statistics, free of assumptions about the distribution; \
          fewer than six values give none. Differences of shares: Newcombe's hybrid score for pairs (1998, method 10).".to_owned()),
        ("Comparisons", "Variants are compared on the same scenario and repeat, which share their random seed; a pair counts when both trials are completed. \
          McNemar's exact test, at the 5 % level; beside it the p-value with Holm's correction for all comparisons in the table. Repeats of one scenario are \
          treated as independent: with few scenarios the result speaks for these scenarios.".to_owned()),
        ("Not counted", "Void trials, harness errors and interrupted trials are counted apart and are part of no rate.".to_owned()),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}

/// Where the numbers come from.
pub(super) fn origin(view: &View) -> Vec<(String, String)> {
    let run = &view.run;
    let host = &run.host;
    let memory = host.memory_bytes.map_or(String::new(), |memory| format!(", {} memory", bytes(memory)));
    let limits: Vec<String> = run.timeouts.iter().map(|(phase, limit)| format!("{phase} {limit}")).collect();
    [
        ("Seed", run.seed.to_string()),
        ("Parallel trials", run.parallel.to_string()),
        ("Time limits", limits.join(", ")),
        ("harness", format!("{} (report by {})", run.version, run.report_version)),
        ("Machine", format!("{}, kernel {}, {}, {} CPUs{memory}", host.os, host.kernel, host.arch, host.cpus)),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}
