//! Points in time that many threads share.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A point in time that can be moved forward from many threads; "never" at first.
#[derive(Debug, Default)]
pub(crate) struct Moment(AtomicU64);

impl Moment {
    /// Moves it to now, given when the process started.
    pub(crate) fn touch(&self, origin: Instant) {
        self.set(origin, Instant::now());
    }

    /// Moves it to `at`.
    pub(crate) fn set(&self, origin: Instant, at: Instant) {
        let millis = at.saturating_duration_since(origin).as_millis() as u64;
        self.0.fetch_max(millis + 1, Ordering::Relaxed);
    }

    /// How long ago it was; `None` if never. A point in the future was no time ago.
    pub(crate) fn age(&self, origin: Instant) -> Option<Duration> {
        let millis = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(origin.elapsed().saturating_sub(Duration::from_millis(millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_only_moves_forward() {
        let origin = Instant::now();
        let moment = Moment::default();
        assert_eq!(moment.age(origin), None);
        moment.set(origin, origin + Duration::from_mins(1));
        moment.touch(origin);
        assert_eq!(moment.age(origin), Some(Duration::ZERO));
    }
}
