//! What a rate limit is asked, and what it answers. Counting is left to the window.

use std::time::Duration;

use larder_proto::window::Mode;

use crate::limits;
use crate::outcome::{Cause, StoreUsed};

/// So many calls in any window of so much time.
///
/// The window slides in 32 parts: a call counts until the part in which it was made has left the window
/// as a whole. So never more than `calls` are let through in any window of `period`, and a call that was
/// let through is forgotten after `period` and a 32nd of it at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// The calls that are let through, as far as [`RATE_COUNT_MAX`](limits::RATE_COUNT_MAX); 0 lets none
    /// through, and nothing is counted.
    pub calls: u32,
    /// The length of the window, in whole milliseconds, of which at least one; what exceeds
    /// [`RATE_PERIOD_MAX`](limits::RATE_PERIOD_MAX) is cut to it.
    pub period: Duration,
}

impl RateLimit {
    /// The window in milliseconds, at least one.
    pub(crate) fn period_ms(self) -> u64 {
        let period = self.period.min(limits::RATE_PERIOD_MAX);
        u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// What is done to the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Take {
    /// Counts so many calls if all of them fit, else nothing. Of more than
    /// [`RATE_COUNT_MAX`](limits::RATE_COUNT_MAX), that many are counted.
    Count(u32),
    /// Counts nothing; tells whether one more call would fit.
    Check,
    /// Counts so many calls in any case; tells whether they fitted. For calls whose weight is known only
    /// after they were made.
    Force(u32),
}

impl Take {
    /// The calls that must fit.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Self::Count(cost) | Self::Force(cost) => cost.min(limits::RATE_COUNT_MAX),
            Self::Check => 1,
        }
    }

    /// The same in the words of the window.
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Count(_) => Mode::Count,
            Self::Check => Mode::Check,
            Self::Force(_) => Mode::Force,
        }
    }
}

/// What became of a take. It is never an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Whether the calls fitted.
    pub allowed: bool,
    /// How many more calls fit now.
    pub remaining: u32,
    /// If they did not fit: when they will, provided nobody takes any before; for calls that never fit,
    /// since there are more of them than the limit allows, when none is counted any more, which is up to one
    /// period and a 32nd. Zero if they fitted.
    pub retry_after: Duration,
    /// Where it was counted: `None` is this process.
    pub store: StoreUsed,
    /// Why it was counted in this process though a store is configured.
    pub cause: Option<Cause>,
}
