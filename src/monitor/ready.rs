//! Waiting until a lab is ready.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::condition::{Observation, observe};
use crate::runtime::Lab;
use crate::spec::subject::Condition;

/// The pause between two rounds doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The lab was not ready in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not ready after {:.1} s: {}", .waited.as_secs_f64(), .missing.join("; "))]
pub struct NotReady {
    /// How long it was waited for.
    pub waited: Duration,
    /// The conditions that did not hold, and what was last seen of each.
    pub missing: Vec<String>,
}

/// Waits until all conditions hold at once. A condition that cannot be probed is tried again.
pub async fn ready(lab: &Arc<dyn Lab>, conditions: &[Condition], deadline: Instant) -> Result<(), NotReady> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut missing = vec!["nothing was seen yet".to_owned()];
    loop {
        let Ok(seen) = timeout_at(deadline, round(lab, conditions)).await else {
            break;
        };
        let wrong = seen.into_iter().filter(|each| each.ok != Some(true));
        missing = wrong.map(|each| each.detail).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if timeout_at(deadline, sleep(pause)).await.is_err() {
            break;
        }
        pause = LAST_PAUSE.min(pause * 2);
    }
    Err(NotReady { waited: began.elapsed(), missing })
}

/// Observes all conditions at the same time.
async fn round(lab: &Arc<dyn Lab>, conditions: &[Condition]) -> Vec<Observation> {
    let mut probes = JoinSet::new();
    for (index, condition) in conditions.iter().enumerate() {
        let (lab, condition) = (lab.clone(), condition.clone());
        probes.spawn(async move { (index, observe(&lab, None, &condition).await) });
    }
    let mut seen = probes.join_all().await;
    seen.sort_by_key(|(index, _)| *index);
    seen.into_iter().map(|(_, observation)| observation).collect()
}
