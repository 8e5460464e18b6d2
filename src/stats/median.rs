//! The median and its interval.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::binomial::cdf_half;

/// The least number of values for which order statistics give a 95 % interval: 1 - 2 * 0.5^6 = 96.9 %.
const LEAST: usize = 6;

/// A median of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Median {
    /// Number of values.
    pub n: usize,
    /// The median.
    pub median: f64,
    /// Its interval; absent for fewer than six values, of which even the least and the greatest
    /// enclose the true median with less than 95 % probability.
    pub interval: Option<Interval>,
}

/// The median with its distribution-free interval; `None` without values.
///
/// The interval runs from the r-th least to the r-th greatest value, with the greatest r for which
/// P(Binomial(n, 1/2) <= r - 1) <= 2.5 %, so that it holds at least 95 %: H. A. David and
/// H. N. Nagaraja, "Order Statistics" (3rd ed. 2003), section 7.1. It assumes nothing but independent
/// values. For an even number of values the median is the mean of the middle two.
pub fn median(values: &[f64]) -> Option<Median> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let middle = if n % 2 == 1 {
        *sorted.get(n / 2)?
    } else {
        f64::midpoint(*sorted.get((n / 2).checked_sub(1)?)?, *sorted.get(n / 2)?)
    };
    let interval = (n >= LEAST).then(|| {
        let rank =
            (1..=n as u64 / 2).take_while(|rank| cdf_half(rank - 1, n as u64) <= 0.025).last().unwrap_or(1) as usize;
        Interval { low: sorted[rank - 1], high: sorted[n - rank] }
    });
    Some(Median { n, median: middle, interval })
}
