//! The result in words, from the data and nothing else.

use super::format::{self, count, interval, p_value};
use super::view::{Comparison, Counts, Headline, VariantSummary};
use crate::stats::ALPHA;

/// Comparisons that the headline names; the table has them all.
const NAMED: usize = 3;

/// Makes the headline.
pub(super) fn headline(variants: &[VariantSummary], comparisons: &[Comparison], counts: &Counts) -> Headline {
    let mut measured: Vec<&VariantSummary> = variants.iter().filter(|variant| variant.recovered.n > 0).collect();
    let share = |variant: &VariantSummary| variant.recovered.share().unwrap_or_default();
    measured.sort_by(|a, b| share(b).total_cmp(&share(a)));
    let Some(best) = measured.first() else {
        return Headline {
            result: format!(
                "No trial was completed ({} planned), so nothing can be said about the variants.",
                counts.planned
            ),
            comparison: String::new(),
        };
    };
    let result = measured
        .iter()
        .enumerate()
        .map(|(index, variant)| {
            let rate = &variant.recovered;
            let range = rate.interval.as_ref().map(interval).unwrap_or_default();
            if index == 0 {
                format!(
                    "{} recovered {} of {} (95\u{a0}% interval {range})",
                    variant.name,
                    rate.k,
                    count(rate.n, "trial")
                )
            } else {
                format!("{} {} of {} ({range})", variant.name, rate.k, rate.n)
            }
        })
        .collect::<Vec<_>>()
        .join(", ");
    Headline { result: format!("{result}."), comparison: compared(&best.name, &measured[1..], comparisons) }
}

/// The best variant against the others.
fn compared(best: &str, others: &[&VariantSummary], comparisons: &[Comparison]) -> String {
    let mut parts = Vec::new();
    // The last ones are the most different; the ones in between are in the table.
    for other in others.iter().rev().take(NAMED) {
        let found = comparisons.iter().find(|comparison| {
            (comparison.a == best && comparison.b == other.name) || (comparison.b == best && comparison.a == other.name)
        });
        if let Some(comparison) = found {
            parts.push(one(best, &other.name, comparison, comparisons.len()));
        }
    }
    let mut text = parts.join("; ");
    if others.len() > NAMED {
        text.push_str("; the other comparisons are in the table below");
    }
    if !text.is_empty() {
        text.push('.');
    }
    text
}

fn one(best: &str, other: &str, comparison: &Comparison, tests: usize) -> String {
    let Some(p) = comparison.p else {
        return format!("{best} and {other} have no pair of completed trials to compare");
    };
    let n = comparison.pairs.n();
    if !comparison.differ {
        let differing = comparison.pairs.only_a + comparison.pairs.only_b;
        let these = if n == 1 { "only" } else { "these" };
        return format!(
            "{best} vs {other}: undecided with {these} {} ({differing} {}, McNemar {})",
            count(n, "pair"),
            if differing == 1 { "differs" } else { "differ" },
            p_value(p)
        );
    }
    let corrected = match comparison.p_holm {
        Some(adjusted) if tests > 1 && adjusted >= ALPHA => {
            format!("; {} once corrected for {tests} comparisons", format::p_value(adjusted))
        }
        _ => String::new(),
    };
    format!("{best} and {other} differ ({}, McNemar {}{corrected})", count(n, "pair"), p_value(p))
}
