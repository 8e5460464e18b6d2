//! The dispatcher: starts trials in order, so many at a time, until all are done or the user stops it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::recorder::{EventSink, Recorder};
use super::schedule::schedule;
use super::trial::{Finished, Trial};
use crate::model::event::Body;
use crate::model::id::RunId;
use crate::model::trial::Status;
use crate::runtime::Runtime;
use crate::spec::plan::Plan;

/// How a run is told apart and stopped.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Its id.
    pub run: RunId,
    /// When cancelled: running trials end cleanly and are marked interrupted, no other is started.
    pub stop: CancellationToken,
    /// When cancelled: running trials end at once, without heal or ledger; their labs are gone when [`run`] returns.
    pub abort: CancellationToken,
}

/// What became of a run's trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// In the schedule.
    pub planned: u32,
    /// That count.
    pub completed: u32,
    /// Whose fault did not land, or whose subject was not well before.
    pub void: u32,
    /// In which the harness failed.
    pub errors: u32,
    /// That the user stopped; those that were not started are not among them.
    pub interrupted: u32,
    /// That left something behind, whatever else became of them.
    pub leaked: u32,
}

/// Runs all trials of a plan.
pub async fn run(
    plan: Arc<Plan>,
    runtime: Arc<dyn Runtime>,
    sink: Arc<dyn EventSink>,
    options: RunOptions,
) -> RunSummary {
    let trials = schedule(&plan, &options.run);
    let log = Recorder::new(options.run.clone(), None, sink.clone());
    let planned = trials.len() as u32;
    log.emit(Body::RunStarted { campaign: plan.name.clone(), trials: planned, parallel: plan.parallel });
    let mut summary = RunSummary { planned, ..RunSummary::default() };
    let places = Arc::new(Semaphore::new(plan.parallel.max(1) as usize));
    let mut running = JoinSet::new();
    for key in trials {
        let place = tokio::select! {
            biased;
            () = options.stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let log = Recorder::new(options.run.clone(), Some(key.id.clone()), sink.clone());
        let trial = Trial {
            plan: plan.clone(),
            key,
            runtime: runtime.clone(),
            log,
            stop: options.stop.clone(),
            abort: options.abort.clone(),
        };
        running.spawn(async move {
            let _place = place;
            trial.run().await
        });
        // Those that have ended meanwhile.
        while let Some(finished) = running.try_join_next() {
            summary.add(finished);
        }
    }
    while let Some(finished) = running.join_next().await {
        summary.add(finished);
    }
    log.emit(Body::RunEnded { interrupted: options.stop.is_cancelled() });
    summary
}

impl RunSummary {
    fn add(&mut self, finished: Result<Finished, tokio::task::JoinError>) {
        // `Trial::run` catches panics; only the shutdown of the async runtime ends a trial without a word.
        let finished = finished.unwrap_or(Finished { status: Status::Error, leaked: false });
        match finished.status {
            Status::Completed => self.completed += 1,
            Status::Void => self.void += 1,
            Status::Error => self.errors += 1,
            Status::Interrupted => self.interrupted += 1,
        }
        self.leaked += u32::from(finished.leaked);
    }
}
