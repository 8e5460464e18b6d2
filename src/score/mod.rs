//! From one trial's events to figures and a verdict. Pure functions: the same events always give the
//! same figures, so scores can be computed again at any time.
//!
//! Every figure is `Option`: absent means *not measured*, which is never the same as zero. Times are
//! microseconds on the trial's clock, counted from the first injected fault where they are "time to".

mod figures;
mod load;
mod operator;
mod phases;
mod verdict;

pub use figures::{Figures, Writes, figures};
pub use load::{BAD_SECOND, Requests};
pub use operator::Commands;
pub use phases::PhaseTime;
pub use verdict::{Verdict, verdict};

use serde::{Deserialize, Serialize};

use crate::model::event::Event;

/// What the scorer says about a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Pass, fail or unscored.
    pub verdict: Verdict,
    /// What was measured.
    pub figures: Figures,
}

/// Scores a trial from its events, in order.
pub fn score(events: &[Event]) -> Score {
    let figures = figures(events);
    Score { verdict: verdict(events, &figures), figures }
}
