//! How long the node was busy with one thing, so that nothing else of the thread got its turn: a worker with the requests
//! of one connection that were at hand, the sweep with one step.

use std::sync::atomic::{AtomicU64, Ordering};

/// Turns by how long they took. Written by one thread.
#[derive(Debug, Default)]
pub(super) struct Turns {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    longest_ns: AtomicU64,
}

/// Turns of several threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnTotals {
    /// Turns by the bound in microseconds that they stayed within; the last took longer than all bounds.
    pub buckets: [u64; BOUNDS_US.len() + 1],
    /// The longest turn, in microseconds.
    pub longest_us: u64,
}

/// Bounds of the buckets, in microseconds.
pub(super) const BOUNDS_US: [u64; 8] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 50_000];

impl Turns {
    /// Counts a turn. Adding is a load and a store: nobody else writes.
    #[inline]
    pub(super) fn note(&self, took_ns: u64) {
        let bucket = BOUNDS_US.iter().position(|&bound| took_ns <= bound * 1_000).unwrap_or(BOUNDS_US.len());
        let counter = &self.buckets[bucket];
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if took_ns > self.longest_ns.load(Ordering::Relaxed) {
            self.longest_ns.store(took_ns, Ordering::Relaxed);
        }
    }

    /// Adds these turns to a sum.
    pub(super) fn add_to(&self, totals: &mut TurnTotals) {
        for (sum, counter) in totals.buckets.iter_mut().zip(&self.buckets) {
            *sum += counter.load(Ordering::Relaxed);
        }
        totals.longest_us = totals.longest_us.max(self.longest_ns.load(Ordering::Relaxed) / 1_000);
    }

    /// Forgets all turns (CONFIG RESETSTAT).
    pub(super) fn reset(&self) {
        self.buckets.iter().chain([&self.longest_ns]).for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}

impl TurnTotals {
    /// Number of turns that stayed within each bound, and within any.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let mut sum = 0;
        let bounds = BOUNDS_US.into_iter().map(Some).chain([None]);
        bounds.zip(self.buckets).map(move |(bound, count)| {
            sum += count;
            (bound, sum)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_stand_under_their_bound() {
        let turns = Turns::default();
        for took_us in [1, 100, 101, 2_000, 60_000] {
            turns.note(took_us * 1_000);
        }
        let mut totals = TurnTotals::default();
        turns.add_to(&mut totals);
        assert_eq!(totals.buckets, [2, 1, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(totals.longest_us, 60_000);
        assert_eq!(totals.cumulative().last(), Some((None, 5)));
        turns.reset();
        let mut totals = TurnTotals::default();
        turns.add_to(&mut totals);
        assert_eq!(totals, TurnTotals::default());
    }
}
