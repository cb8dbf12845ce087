//! Points in time as the protocol counts them. Reading a clock is left to the binaries.

use std::fmt;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// Milliseconds from `earlier` until `self`, 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment in whole seconds of the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }
}

/// When a key ceases to exist: at a moment, or never.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(u64);

impl Deadline {
    /// The key stays until it is deleted or evicted.
    pub const NEVER: Self = Self(u64::MAX);

    /// The key exists up to and including this millisecond.
    #[must_use]
    pub const fn at(moment: Millis) -> Self {
        Self(moment.0)
    }

    /// Whether a key with this deadline has ceased to exist. As in Redis, it still exists in the very millisecond.
    #[must_use]
    #[inline]
    pub const fn passed(self, now: Millis) -> bool {
        now.0 > self.0
    }

    /// The moment, or `None` for a key that stays.
    #[must_use]
    pub const fn moment(self) -> Option<Millis> {
        if self.0 == u64::MAX { None } else { Some(Millis(self.0)) }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.moment() {
            Some(Millis(ms)) => write!(f, "Deadline({ms} ms)"),
            None => f.write_str("Deadline(never)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_through_its_last_millisecond() {
        let deadline = Deadline::at(Millis(1_000));
        assert!(!deadline.passed(Millis(1_000)));
        assert!(deadline.passed(Millis(1_001)));
        assert!(!Deadline::NEVER.passed(Millis(u64::MAX)));
    }
}
