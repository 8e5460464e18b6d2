//! Variants against each other.

use super::format;
use super::summary::pairs;
use super::trial::TrialView;
use super::view::Comparison;
use crate::stats::{ALPHA, holm, mcnemar_exact, newcombe_paired};

/// Every pair of variants, in the campaign's order.
pub(super) fn comparisons(variants: &[String], trials: &[TrialView]) -> Vec<Comparison> {
    let of = |name: &str| trials.iter().filter(|trial| trial.row.key.variant == name).collect::<Vec<_>>();
    let mut comparisons = Vec::new();
    for (index, a) in variants.iter().enumerate() {
        for b in &variants[index + 1..] {
            comparisons.push(better_first(a, b, &of(a), &of(b)));
        }
    }
    let tested: Vec<usize> = (0..comparisons.len()).filter(|index| comparisons[*index].p.is_some()).collect();
    let values: Vec<f64> = tested.iter().filter_map(|index| comparisons[*index].p).collect();
    for (index, adjusted) in tested.into_iter().zip(holm(&values)) {
        let comparison = &mut comparisons[index];
        comparison.p_holm = Some(adjusted);
        if comparison.differ && adjusted >= ALPHA {
            comparison.words.push_str(", but not once corrected");
        }
    }
    comparisons
}

/// Compares two variants; the one with the greater share in the pairs comes first.
fn better_first(a: &str, b: &str, trials_a: &[&TrialView], trials_b: &[&TrialView]) -> Comparison {
    let comparison = comparison(a, b, trials_a, trials_b);
    if comparison.pairs.only_b > comparison.pairs.only_a {
        return self::comparison(b, a, trials_b, trials_a);
    }
    comparison
}

fn comparison(a: &str, b: &str, trials_a: &[&TrialView], trials_b: &[&TrialView]) -> Comparison {
    let (pairs, left_out) = pairs(trials_a, trials_b);
    let p = (pairs.n() > 0).then(|| mcnemar_exact(&pairs));
    let differ = p.is_some_and(|p| p < ALPHA);
    Comparison {
        words: match p {
            None => "no pair of completed trials".to_owned(),
            Some(_) if differ && pairs.only_a > pairs.only_b => format!("{a} is better"),
            Some(_) if differ => format!("{b} is better"),
            Some(_) => format!("undecided with {}", format::count(pairs.n(), "pair")),
        },
        a: a.to_owned(),
        b: b.to_owned(),
        difference: pairs.difference(),
        interval: newcombe_paired(&pairs),
        pairs,
        left_out,
        p,
        p_holm: None,
        differ,
    }
}
