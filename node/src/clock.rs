//! Time, read in one place and handed to everything else, so that a test or a simulation can hand in its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use larder_proto::time::Millis;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time of day, which may jump.
    fn now(&self) -> Millis;
    /// Nanoseconds since some moment before the program began; never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Both, at the price of one: the time of day may be behind a jump of the clock for some milliseconds.
    fn look(&self) -> (Millis, u64) {
        (self.now(), self.monotonic_ns())
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    /// Nanoseconds from the monotonic clock to the time of day, as they were when it was looked at last.
    offset_ns: AtomicU64,
    /// When that was; zero for never.
    compared_at_ns: AtomicU64,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn default() -> Self {
        Self { start: Instant::now(), offset_ns: AtomicU64::new(0), compared_at_ns: AtomicU64::new(0) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        Millis(day_ns() / NANOSECONDS)
    }

    fn monotonic_ns(&self) -> u64 {
        // Not zero, which is never.
        1 + self.start.elapsed().as_nanos() as u64
    }

    fn look(&self) -> (Millis, u64) {
        let monotonic_ns = self.monotonic_ns();
        let compared_at_ns = self.compared_at_ns.load(Ordering::Acquire);
        if compared_at_ns == 0 || monotonic_ns.saturating_sub(compared_at_ns) >= COMPARED_NS_MAX {
            self.offset_ns.store(day_ns().saturating_sub(monotonic_ns), Ordering::Relaxed);
            self.compared_at_ns.store(monotonic_ns, Ordering::Release);
        }
        (Millis((monotonic_ns + self.offset_ns.load(Ordering::Relaxed)) / NANOSECONDS), monotonic_ns)
    }
}

/// The time of day in nanoseconds. A clock set before 1970 reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn day_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// Nanoseconds of a millisecond.
const NANOSECONDS: u64 = 1_000_000;

/// How long the time of day is derived from the monotonic clock before it is looked at itself.
const COMPARED_NS_MAX: u64 = 5 * NANOSECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_tells_what_two_tell() {
        let clock = SystemClock::default();
        for _ in 0..1_000 {
            let (before, before_ns) = (clock.now(), clock.monotonic_ns());
            let (now, now_ns) = clock.look();
            let (after, after_ns) = (clock.now(), clock.monotonic_ns());
            assert!(before_ns <= now_ns && now_ns <= after_ns);
            // The two clocks drift apart by far less than a millisecond between two comparisons.
            assert!(before.0 <= now.0 + 1 && now.0 <= after.0 + 1, "{before:?} {now:?} {after:?}");
        }
    }
}
