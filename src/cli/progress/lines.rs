//! Plain lines: one per trial that has ended.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::trial::TrialView;
use crate::model::event::{Body, Event};
use crate::model::id::TrialId;
use crate::runner::EventSink;

/// Lines on standard error.
#[derive(Default)]
pub(in crate::cli) struct Lines(Mutex<State>);

#[derive(Default)]
struct State {
    planned: u32,
    done: u32,
    trials: HashMap<TrialId, TrialView>,
}

impl EventSink for Lines {
    fn emit(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = state.take(event) {
            eprintln!("{line}");
        }
    }
}

impl State {
    fn take(&mut self, event: &Event) -> Option<String> {
        match &event.body {
            Body::RunStarted { campaign, trials, parallel } => {
                self.planned = *trials;
                Some(format!("run {}: {campaign}, {trials} trials, {parallel} at a time", event.run))
            }
            Body::TrialStarted { key } => {
                self.trials.insert(key.id.clone(), TrialView::new(key.clone()));
                None
            }
            _ => {
                let id = event.trial.as_ref()?;
                let trial = self.trials.get_mut(id)?;
                let end = trial.take(event)?;
                self.done += 1;
                let name = trial.name();
                self.trials.remove(id);
                Some(format!("[{:>3}/{}] {name}: {end}", self.done, self.planned))
            }
        }
    }
}
