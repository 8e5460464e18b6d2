//! Whether all invariants hold, since when, and whether that is long enough.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How all invariants are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The last observation of every invariant said that it holds.
    pub all_ok: bool,
    /// Since when all hold without a break.
    pub ok_since: Option<Instant>,
    /// What does not hold or is not known, and what was seen of it.
    pub broken: Vec<String>,
    /// When the oldest of the invariants' last observations began.
    pub oldest_sample: Option<Instant>,
}

/// The last observation of an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) ok: Option<bool>,
    pub(super) began: Instant,
}

/// Waits until all invariants have held without a break for `window`, all of it after this call.
/// At the window's end every invariant has been observed within the last `fresh`.
///
/// Returns since when they hold, which may be before the call; at the deadline, what was missing.
pub(super) async fn wait_held(
    mut health: watch::Receiver<Health>,
    window: Duration,
    fresh: Duration,
    deadline: Instant,
) -> Result<Instant, String> {
    let called = Instant::now();
    loop {
        let now = Instant::now();
        let current = health.borrow_and_update().clone();
        if let (true, Some(since)) = (current.all_ok, current.ok_since) {
            let start = since.max(called);
            let observed = current.oldest_sample;
            let is_fresh = observed.is_some_and(|oldest| oldest >= start && now - oldest <= fresh);
            if now - start >= window && is_fresh {
                return Ok(since);
            }
        }
        // Every observation is a change; nothing can begin to hold without one.
        match timeout_at(deadline, health.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("the monitor has stopped".to_owned()),
            Err(_) => return Err(missing(&health.borrow(), called, window)),
        }
    }
}

fn missing(health: &Health, called: Instant, window: Duration) -> String {
    match health.ok_since {
        Some(since) if health.all_ok => format!(
            "held for {:.1} s only, not {:.1} s",
            since.max(called).elapsed().as_secs_f64(),
            window.as_secs_f64()
        ),
        _ if health.broken.is_empty() => "there is no invariant to observe".to_owned(),
        _ => health.broken.join("; "),
    }
}
