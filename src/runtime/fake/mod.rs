//! A runtime without processes, for tests: labs that live in memory and in virtual time.
//!
//! Each lab holds a small replicated key-value store per role. Nodes answer HTTP over in-memory
//! streams ([`tokio::io::duplex`]), can be killed, paused and cut off from each other, elect
//! leaders, and do a few shell commands. Everything waits on [`tokio::time`], so that a whole
//! campaign runs in milliseconds under `start_paused`.
//!
//! [`Options`] holds what can go wrong; [`FakeLab`] has further knobs for a lab that is up.
//! Nothing in here may be used outside tests, and nothing in here opens a socket.

mod election;
mod knobs;
mod lab;
mod serve;
mod shell;
mod world;

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Lab, LabError, LabRequest, Requirement, Runtime};

pub use lab::FakeLab;

/// How a fake lab behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time that bringing a lab up takes.
    pub provision_takes: Duration,
    /// Bringing a lab up fails with these words.
    pub provision_fails: Option<String>,
    /// A started node answers 503 to everything for so long.
    pub ready_after: Duration,
    /// Time that an answer takes.
    pub latency: Duration,
    /// Time without a leader until a new one is elected.
    pub election: Duration,
    /// Every so many acknowledged writes, one is not stored.
    pub lose_every: Option<NonZeroU64>,
    /// Every so many successful reads, one answers a wrong value.
    pub misread_every: Option<NonZeroU64>,
    /// Signals and link rules are accepted and do nothing.
    pub inert_faults: bool,
    /// Freezing fails.
    pub freeze_fails: bool,
    /// What each lab leaves behind at teardown.
    pub leftovers: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            provision_takes: Duration::from_millis(50),
            provision_fails: None,
            ready_after: Duration::from_millis(100),
            latency: Duration::from_millis(1),
            election: Duration::from_millis(500),
            lose_every: None,
            misread_every: None,
            inert_faults: false,
            freeze_fails: false,
            leftovers: Vec::new(),
        }
    }
}

/// How one node answers, whatever its state; see [`FakeLab::behave`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As its state says.
    #[default]
    Normal,
    /// Takes so long for each answer.
    Slow(Duration),
    /// Does what is asked and never answers.
    Mute,
    /// Does what is asked and closes the connection instead of answering.
    Reset,
    /// Answers and then closes the connection without having said so.
    CloseAfter,
    /// Does nothing and answers with this status.
    Status(u16),
    /// Refuses connections; existing ones go on.
    Refuse,
}

/// Brings fake labs up and remembers them, so that tests can look at them afterwards.
#[derive(Debug, Clone, Default)]
pub struct FakeRuntime {
    options: Options,
    labs: Arc<Mutex<Vec<FakeLab>>>,
}

impl FakeRuntime {
    /// A runtime whose labs behave as `options` says.
    pub fn new(options: Options) -> Self {
        Self { options, labs: Arc::default() }
    }

    /// All labs that it has brought up, in order, also those that are down again.
    pub fn labs(&self) -> Vec<FakeLab> {
        self.labs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Runtime for FakeRuntime {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn requirements(&self) -> Vec<Requirement> {
        vec![Requirement { name: "memory".to_owned(), result: Ok("there is some".to_owned()) }]
    }

    async fn provision(&self, request: LabRequest) -> Result<Box<dyn Lab>, LabError> {
        tokio::time::sleep(self.options.provision_takes).await;
        if let Some(reason) = &self.options.provision_fails {
            return Err(LabError::Failed(reason.clone()));
        }
        let lab = FakeLab::from_request(&request, self.options.clone());
        self.labs.lock().unwrap_or_else(PoisonError::into_inner).push(lab.clone());
        Ok(Box::new(lab.owned()))
    }
}
