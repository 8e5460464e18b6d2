//! Intervals and tests. Pure functions on numbers; nothing here knows trials.
//!
//! All intervals are two-sided 95 % intervals. Each function names the source of its formula.

mod binomial;
mod holm;
mod median;
mod paired;
mod wilson;

pub use holm::holm;
pub use median::{Median, median};
pub use paired::{Pairs, mcnemar_exact, newcombe_paired};
pub use wilson::wilson;

use serde::{Deserialize, Serialize};

/// The 97.5 % point of the standard normal distribution.
pub const Z: f64 = 1.959_963_984_540_054;

/// Two-sided tests decide at this level.
pub const ALPHA: f64 = 0.05;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}
