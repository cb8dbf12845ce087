//! The only place where the date is read. Lengths of time are measured with the clock that never goes
//! back.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use larder_proto::envelope::{Date, DateKind};

/// A clock that tells the date. It may be set, and go back.
pub trait WallClock: Send + Sync + Debug {
    /// The time since 1970-01-01T00:00:00 UTC; zero before.
    fn since_epoch(&self) -> Duration;

    /// The same as a date, in UTC.
    fn date(&self) -> Date {
        let ticks = i64::try_from(self.since_epoch().as_nanos() / 100).unwrap_or(i64::MAX - UNIX_EPOCH_TICKS);
        Date::new(UNIX_EPOCH_TICKS.saturating_add(ticks), DateKind::Utc).unwrap_or(Date::START_UTC)
    }
}

/// Ticks of 100 ns from the year 1 to 1970.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// The system's date.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWallClock;

impl WallClock for SystemWallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}
