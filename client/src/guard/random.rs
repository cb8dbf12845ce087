//! Chance, for pauses that do not fall together and endpoints that share the load. Not for secrets.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of numbers.
pub trait Random: Send + Sync + Debug {
    /// Any number.
    fn next(&self) -> u64;
}

/// Numbers that differ in every process.
#[derive(Debug)]
pub struct SystemRandom {
    state: RandomState,
    count: AtomicU64,
}

impl SystemRandom {
    /// A source seeded by the system.
    #[must_use]
    pub fn new() -> Self {
        Self { state: RandomState::new(), count: AtomicU64::new(0) }
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn next(&self) -> u64 {
        // The standard hasher is keyed by the system's randomness; a counter makes it a sequence.
        self.state.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }
}
