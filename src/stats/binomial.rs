//! The symmetric binomial distribution.

/// P(X <= k) for X ~ Binomial(n, 1/2). Exact up to rounding for any n that trials can reach: terms are
/// computed as logarithms, so nothing overflows.
pub(super) fn cdf_half(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let mut log_choose = 0.0_f64;
    let mut sum = 0.0;
    let base = -(n as f64) * std::f64::consts::LN_2;
    for i in 0..=k {
        sum += (log_choose + base).exp();
        log_choose += ((n - i) as f64).ln() - ((i + 1) as f64).ln();
    }
    sum.min(1.0)
}
