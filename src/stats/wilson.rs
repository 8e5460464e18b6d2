//! The interval of a proportion.

use super::{Interval, Z};

/// Wilson's score interval of `k` successes in `n` trials; `None` for `n = 0`.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 22 (1927) 209–212; without continuity correction, as L. D. Brown, T. T. Cai and A. `DasGupta`
/// recommend for small n (Statistical Science 16 (2001) 101–133).
///
/// # Panics
/// When `k` is greater than `n`.
pub fn wilson(k: u64, n: u64) -> Option<Interval> {
    assert!(k <= n, "{k} successes in {n} trials");
    if n == 0 {
        return None;
    }
    let (successes, trials) = (k as f64, n as f64);
    let share = successes / trials;
    let z2 = Z * Z;
    let centre = (successes + z2 / 2.0) / (trials + z2);
    let half = Z / (trials + z2) * (trials * share * (1.0 - share) + z2 / 4.0).sqrt();
    // At the ends the formula gives exactly 0 or 1; rounding must not leave the unit interval.
    Some(Interval {
        low: if k == 0 { 0.0 } else { (centre - half).max(0.0) },
        high: if k == n { 1.0 } else { (centre + half).min(1.0) },
    })
}
