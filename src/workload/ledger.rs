//! The ledger: every write with its key, its value, and what the client knows of its fate.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::Rng;

use super::figures::Outcome;
use crate::model::event::LedgerCheck;
use crate::spec::subject::HttpWorkload;

/// One write: its key is unique in the trial, its value follows from key and seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its number in the ledger, from 0.
    pub number: usize,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// What the client knows of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not finished. At the end: nobody knows.
    Pending,
    /// The store said that it is done.
    Acknowledged,
    /// It certainly was not done.
    Failed,
    /// It may or may not have been done.
    Indeterminate,
}

/// All writes of a trial.
#[derive(Debug)]
pub struct Ledger {
    pub(super) spec: HttpWorkload,
    seed: u64,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    fates: Vec<Fate>,
    /// Numbers of the acknowledged writes, to draw from.
    acknowledged: Vec<usize>,
    wrong_reads: u64,
}

impl Ledger {
    /// An empty ledger. Keys and values are drawn from `seed`.
    pub fn new(spec: HttpWorkload, seed: u64) -> Self {
        Self { spec, seed, book: Mutex::default() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a new write, whose fate is not known yet.
    pub fn begin(&self) -> Write {
        let mut book = self.book();
        book.fates.push(Fate::Pending);
        self.write(book.fates.len() - 1)
    }

    /// Says what became of a write. Only the first word counts.
    pub fn settle(&self, number: usize, outcome: Outcome) {
        let mut book = self.book();
        let Some(fate @ Fate::Pending) = book.fates.get_mut(number) else {
            return;
        };
        *fate = match outcome {
            Outcome::Ok => Fate::Acknowledged,
            Outcome::Failed => Fate::Failed,
            Outcome::Indeterminate => Fate::Indeterminate,
        };
        if outcome == Outcome::Ok {
            book.acknowledged.push(number);
        }
    }

    /// Any acknowledged write; `None` when there is none yet.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<Write> {
        let number = {
            let book = self.book();
            if book.acknowledged.is_empty() {
                return None;
            }
            book.acknowledged[rng.random_range(0..book.acknowledged.len())]
        };
        Some(self.write(number))
    }

    /// Counts a read that did not show an acknowledged write.
    pub fn wrong_read(&self) {
        self.book().wrong_reads += 1;
    }

    /// The counts so far. Writes that are on their way count as indeterminate;
    /// what only a check can find is zero.
    pub fn counts(&self) -> LedgerCheck {
        let book = self.book();
        let count = |fates: &[Fate]| {
            let counted = book.fates.iter().filter(|fate| fates.contains(fate));
            counted.count() as u64
        };
        LedgerCheck {
            acknowledged: count(&[Fate::Acknowledged]),
            failed: count(&[Fate::Failed]),
            indeterminate: count(&[Fate::Indeterminate, Fate::Pending]),
            wrong_reads: book.wrong_reads,
            ..LedgerCheck::default()
        }
    }

    /// The writes that may be in the store, and whether each is acknowledged.
    pub(super) fn possible(&self) -> Vec<(Write, bool)> {
        let fates = self.book().fates.clone();
        let writes = fates.into_iter().enumerate();
        let possible = writes.filter(|(_, fate)| *fate != Fate::Failed);
        possible.map(|(number, fate)| (self.write(number), fate == Fate::Acknowledged)).collect()
    }

    fn write(&self, number: usize) -> Write {
        let mixed = mix(self.seed ^ mix(number as u64));
        Write { number, key: format!("k{:08x}-{number}", mix(self.seed) as u32), value: format!("{mixed:016x}") }
    }
}

/// Spreads a number over 64 bits: the finalizer of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
