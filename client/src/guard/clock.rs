//! The only place where the time is read. Tests hand in a clock of their own.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A clock that never goes back.
pub trait Clock: Send + Sync + Debug {
    /// The time since a moment that is the same for the life of the clock.
    fn now(&self) -> Duration;
}

/// The system's monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
