//! Two proportions measured on the same pairs.

use serde::{Deserialize, Serialize};

use super::binomial::cdf_half;
use super::{Interval, wilson};

/// Outcomes of pairs: the same case once with A and once with B.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    /// Both succeeded.
    pub both: u64,
    /// Only A did.
    pub only_a: u64,
    /// Only B did.
    pub only_b: u64,
    /// Neither did.
    pub neither: u64,
}

impl Pairs {
    /// Number of pairs.
    pub fn n(&self) -> u64 {
        self.both + self.only_a + self.only_b + self.neither
    }

    /// Adds a pair.
    pub fn add(&mut self, a: bool, b: bool) {
        *match (a, b) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_a,
            (false, true) => &mut self.only_b,
            (false, false) => &mut self.neither,
        } += 1;
    }

    /// A's share of successes less B's; `None` without pairs.
    pub fn difference(&self) -> Option<f64> {
        (self.n() > 0).then(|| (self.only_a as f64 - self.only_b as f64) / self.n() as f64)
    }
}

/// The interval of the difference between A's and B's share of successes; `None` without pairs.
///
/// R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based
/// on paired data", Statistics in Medicine 17 (1998) 2635–2650, method 10: Wilson's intervals of both
/// shares, joined by square-and-add with the pairs' correlation phi, whose numerator is drawn towards
/// zero by n/2 where it is positive.
pub fn newcombe_paired(pairs: &Pairs) -> Option<Interval> {
    let n = pairs.n();
    let difference = pairs.difference()?;
    let (yes_a, yes_b) = (pairs.both + pairs.only_a, pairs.both + pairs.only_b);
    let (share_a, share_b) = (yes_a as f64 / n as f64, yes_b as f64 / n as f64);
    let (a, b) = (wilson(yes_a, n)?, wilson(yes_b, n)?);
    let phi = correlation(pairs);
    let reach = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
    Some(Interval {
        low: (difference - reach(share_a - a.low, b.high - share_b)).max(-1.0),
        high: (difference + reach(a.high - share_a, share_b - b.low)).min(1.0),
    })
}

fn correlation(pairs: &Pairs) -> f64 {
    let n = pairs.n() as f64;
    let [both, only_a, only_b, neither] =
        [pairs.both, pairs.only_a, pairs.only_b, pairs.neither].map(|count| count as f64);
    let product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither);
    if product <= 0.0 {
        return 0.0;
    }
    let raw = both * neither - only_a * only_b;
    let numerator = if raw > 0.0 { (raw - n / 2.0).max(0.0) } else { raw };
    numerator / product.sqrt()
}

/// The exact two-sided p-value of `McNemar`'s test that A and B are equally good; 1 when no pair differs.
///
/// Under that hypothesis each pair that differs falls to either side with probability 1/2, so the
/// lesser count follows Binomial(n, 1/2); twice its tail, at most 1. Q. `McNemar`, Psychometrika 12
/// (1947) 153–157; the exact form: A. Agresti, "Categorical Data Analysis" (3rd ed. 2013), section 11.1.
pub fn mcnemar_exact(pairs: &Pairs) -> f64 {
    let differing = pairs.only_a + pairs.only_b;
    if differing == 0 {
        return 1.0;
    }
    (2.0 * cdf_half(pairs.only_a.min(pairs.only_b), differing)).min(1.0)
}
