//! Bars on a terminal: one line per running trial, one for the whole run, and a line above them for each trial
//! that has ended.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::trial::{TrialView, phase_text};
use crate::model::event::{Body, Event};
use crate::model::id::TrialId;
use crate::runner::EventSink;

/// Bars on standard error.
pub(in crate::cli) struct Bars {
    all: MultiProgress,
    state: Mutex<State>,
}

struct State {
    total: ProgressBar,
    planned: u64,
    trials: HashMap<TrialId, (TrialView, ProgressBar)>,
}

impl Bars {
    pub(in crate::cli) fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:24.green/black} {pos}/{len} trials, {elapsed} elapsed{msg}"));
        total.enable_steady_tick(Duration::from_millis(200));
        Self { all, state: Mutex::new(State { total, planned: 0, trials: HashMap::new() }) }
    }
}

impl EventSink for Bars {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.body {
            Body::RunStarted { campaign, trials, .. } => {
                state.planned = u64::from(*trials);
                state.total.set_length(state.planned);
                // Shown above the bars; a terminal that is gone is no reason to stop.
                let _ = self.all.println(format!("run {}: {campaign}", event.run));
            }
            Body::RunEnded { .. } => {
                state.total.finish_and_clear();
                let _ = self.all.clear();
            }
            Body::TrialStarted { key } => {
                let bar = self.all.insert_before(&state.total, ProgressBar::new_spinner());
                bar.set_style(style("  {spinner} {prefix}  {msg} {elapsed}"));
                let view = TrialView::new(key.clone());
                bar.set_prefix(view.name());
                bar.set_message(phase_text(None));
                bar.enable_steady_tick(Duration::from_millis(100));
                state.trials.insert(key.id.clone(), (view, bar));
            }
            _ => {
                let Some(id) = &event.trial else { return };
                let Some((view, bar)) = state.trials.get_mut(id) else { return };
                let end = view.take(event);
                if matches!(event.body, Body::PhaseStarted { .. }) {
                    bar.set_message(phase_text(view.phase));
                }
                if let Some(end) = end {
                    let _ = self.all.println(format!("  {}: {end}", view.name()));
                    bar.finish_and_clear();
                    state.trials.remove(id);
                    state.total.inc(1);
                    let left = state.total.eta().as_secs();
                    state.total.set_message(if state.total.position() < state.planned {
                        format!(", about {left} s left")
                    } else {
                        String::new()
                    });
                }
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants; a mistake in one shows as the default style.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
