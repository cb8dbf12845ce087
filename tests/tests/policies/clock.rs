//! The clock of a case: it stands still unless the case says that time passes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_client::{Clock, WallClock};

/// Milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct StillClock {
    millis: AtomicU64,
}

impl StillClock {
    /// A clock that stands at [`START_MILLIS`].
    pub(crate) fn new() -> Self {
        Self { millis: AtomicU64::new(START_MILLIS) }
    }

    /// Sets it, back as well as forth.
    pub(crate) fn set(&self, millis: u64) {
        self.millis.store(millis, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).expect("cases do not last that long");
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

impl WallClock for StillClock {
    fn since_epoch(&self) -> Duration {
        self.now()
    }
}

/// 2026-03-01T12:00:00Z.
const START_MILLIS: u64 = 1_772_366_400_000;
