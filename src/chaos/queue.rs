//! The faults of a trial that are still to come.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::spec::fault;

/// Faults in the order in which they are due; their times count from the queue's making.
#[derive(Debug)]
pub struct Queue {
    begin: Instant,
    seed: u64,
    faults: VecDeque<(u32, fault::Chaos)>,
}

impl Queue {
    /// All faults of a scenario. What is drawn is drawn from `seed`.
    pub fn new(faults: &[fault::Chaos], seed: u64) -> Self {
        let mut order: Vec<(u32, fault::Chaos)> = (0..).zip(faults.iter().cloned()).collect();
        order.sort_by_key(|(_, fault)| fault.after());
        Self { begin: Instant::now(), seed, faults: order.into() }
    }

    /// Those that are due first, all at the same time; the others stay.
    pub(super) fn split_first(&mut self) -> Self {
        let first = self.faults.front().map(|(_, fault)| fault.after());
        let count = self.faults.iter().take_while(|(_, fault)| Some(fault.after()) == first).count();
        let later = self.faults.split_off(count);
        Self { faults: std::mem::replace(&mut self.faults, later), ..*self }
    }

    /// The next one: when it is due, its number in the scenario, and itself.
    pub(super) fn pop(&mut self) -> Option<(Instant, u32, fault::Chaos)> {
        let (number, fault) = self.faults.pop_front()?;
        Some((self.begin + fault.after().duration(), number, fault))
    }

    /// A generator of a fault's own, so that what one fault draws does not depend on the others.
    pub(super) fn rng(&self, number: u32) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::from(number));
        rng
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}
