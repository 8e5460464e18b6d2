//! A bounded queue between many senders and one thread that takes all that is waiting at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    drained: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// Why something was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The queue was full for the whole wait.
    Full,
    /// Nobody takes anything any more.
    Closed,
}

impl<T> Queue<T> {
    /// A queue for at most `limit` things.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), closed: false }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            limit,
        }
    }

    /// Adds something; waits for room for at most `patience`.
    pub(super) fn push(&self, thing: T, patience: Duration) -> Result<(), Refused> {
        let (mut state, _) = self
            .drained
            .wait_timeout_while(self.lock(), patience, |state| !state.closed && state.waiting.len() >= self.limit)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.limit {
            return Err(Refused::Full);
        }
        state.waiting.push_back(thing);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for something until `deadline` and takes all there is.
    /// Empty when the time has passed; `None` when the queue is closed and everything was taken.
    pub(super) fn take(&self, deadline: Instant) -> Option<VecDeque<T>> {
        let wait = deadline.saturating_duration_since(Instant::now());
        let (mut state, _) = self
            .filled
            .wait_timeout_while(self.lock(), wait, |state| !state.closed && state.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed && state.waiting.is_empty() {
            return None;
        }
        self.drained.notify_all();
        Some(std::mem::take(&mut state.waiting))
    }

    /// Lets nothing more in; what is waiting can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// How much is waiting.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_keeps_order() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1, Duration::ZERO), Ok(()));
        assert_eq!(queue.push(2, Duration::ZERO), Ok(()));
        assert_eq!(queue.push(3, Duration::from_millis(1)), Err(Refused::Full));
        assert_eq!(queue.take(Instant::now()), Some(VecDeque::from([1, 2])));
        assert_eq!(queue.take(Instant::now()), Some(VecDeque::new()));
        assert_eq!(queue.push(4, Duration::ZERO), Ok(()));
        queue.close();
        assert_eq!(queue.push(5, Duration::ZERO), Err(Refused::Closed));
        assert_eq!(queue.take(Instant::now()), Some(VecDeque::from([4])));
        assert_eq!(queue.take(Instant::now()), None);
    }
}
