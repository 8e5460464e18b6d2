//! Stamps events with run, trial and time, and gives them to whoever listens.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::model::event::{Body, Emit, Event};
use crate::model::id::{RunId, TrialId};

/// Takes events as they happen. Must not block.
pub trait EventSink: Send + Sync {
    /// Takes one.
    fn emit(&self, event: &Event);
}

/// Gives each event to several sinks, in order.
pub struct Broadcast(pub Vec<Arc<dyn EventSink>>);

impl EventSink for Broadcast {
    fn emit(&self, event: &Event) {
        for sink in &self.0 {
            sink.emit(event);
        }
    }
}

/// Makes events of a run, or of one of its trials. Clones are the same recorder.
///
/// One event is stamped and given on at a time, so that times never go backwards in the record; nothing follows a
/// trial's end, whatever a task that is being stopped still has to say.
#[derive(Clone)]
pub(super) struct Recorder {
    run: RunId,
    trial: Option<TrialId>,
    begin: Instant,
    sink: Arc<dyn EventSink>,
    ended: Arc<Mutex<bool>>,
}

impl Recorder {
    /// The time counts from now.
    pub(super) fn new(run: RunId, trial: Option<TrialId>, sink: Arc<dyn EventSink>) -> Self {
        Self { run, trial, begin: Instant::now(), sink, ended: Arc::default() }
    }

    pub(super) fn emit(&self, body: Body) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return;
        }
        *ended = matches!(body, Body::TrialEnded { .. });
        self.sink.emit(&Event {
            run: self.run.clone(),
            trial: self.trial.clone(),
            at_us: self.micros(Instant::now()),
            wall: jiff::Timestamp::now(),
            body,
        });
    }

    /// A moment on the clock of the events; 0 for one before the beginning.
    pub(super) fn micros(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.begin).as_micros() as u64
    }

    /// For those who only need to tell what happens.
    pub(super) fn emitter(&self) -> Emit {
        let this = self.clone();
        Arc::new(move |body| this.emit(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trial::{SessionEnd, Status};

    #[derive(Default)]
    struct Memory(Mutex<Vec<Event>>);

    impl EventSink for Memory {
        fn emit(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[tokio::test]
    async fn nothing_follows_the_end_and_time_never_goes_back() {
        let memory = Arc::new(Memory::default());
        let run = RunId("r".into());
        let log = Recorder::new(run.clone(), Some(run.trial(1)), memory.clone());
        let talkers: Vec<_> = (0..4)
            .map(|_| {
                let emit = log.emitter();
                std::thread::spawn(move || (0..500).for_each(|_| emit(Body::Message { text: String::new() })))
            })
            .collect();
        let ended = || Body::TrialEnded {
            status: Status::Completed,
            outcome: None,
            session: SessionEnd::None,
            reason: None,
            leaked: false,
        };
        std::thread::sleep(std::time::Duration::from_millis(1));
        log.emit(ended());
        log.emit(ended());
        for talker in talkers {
            talker.join().unwrap();
        }
        let events = memory.0.lock().unwrap();
        assert!(events.is_sorted_by_key(|event| event.at_us));
        assert!(matches!(events.last().unwrap().body, Body::TrialEnded { .. }));
        assert_eq!(events.iter().filter(|event| matches!(event.body, Body::TrialEnded { .. })).count(), 1);
    }
}
