//! Time, read in one place and handed to everything else, so that a test or a simulation can hand in its own.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use larder_proto::time::Millis;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time of day, which may jump.
    fn now(&self) -> Millis;
    /// Nanoseconds since some moment before the program began; never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Millis {
        // A clock set before 1970 reads as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(since.as_millis() as u64)
    }

    fn monotonic_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}
