//! Decides when to connect, when to wait for a connection and when to give one up. It holds no
//! connection and reads no clock: the link's keeper tells it what happened and does what it says.
//!
//! ```text
//!            connected                    five time-outs in a row
//! Connecting ─────────▶ Up ──────────────────────────────────▶ Doubtful
//!   ▲   │ failed        │ ▲            answered the probe         │  │
//!   │   ▼               │ └───────────────────────────────────────┘  │
//!   │  Waiting ◀────────┴────────────────────────────────────────────┘
//!   │                   │                lost
//!   └───────────────────┘ lost after it had been stable
//! ```
//!
//! A call waits for a connection in `Connecting` and goes on without the cache in `Waiting` and
//! `Doubtful`.

use std::time::Duration;

use super::backoff;
use crate::limits::{CONNECT_PATIENCE, STABLE_AFTER, TIMEOUTS_IN_A_ROW};

/// The breaker of one link.
#[derive(Debug)]
pub(crate) struct Breaker {
    phase: Phase,
    /// Failed attempts in a row, connections that did not last among them.
    failed: u32,
    /// Attempts at start-up for which calls wait.
    patient_attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting { since: Duration },
    Up { since: Duration, timeouts: u32 },
    Doubtful { since: Duration },
    Waiting,
}

/// What the keeper does about a connection that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// How long to wait before the next attempt.
    pub(crate) pause: Duration,
    /// Whether calls wait for it.
    pub(crate) calls_wait: bool,
}

impl Breaker {
    /// The breaker of a link that starts now; calls wait for the first `patient_attempts`.
    pub(crate) fn new(patient_attempts: u32, now: Duration) -> Self {
        Self { phase: Phase::Connecting { since: now }, failed: 0, patient_attempts }
    }

    pub(crate) fn connected(&mut self, now: Duration) {
        self.phase = Phase::Up { since: now, timeouts: 0 };
        self.patient_attempts = 0;
    }

    pub(crate) fn connect_failed(&mut self, random: u64) -> Retry {
        self.failed = self.failed.saturating_add(1);
        let calls_wait = self.failed < self.patient_attempts;
        if !calls_wait {
            self.phase = Phase::Waiting;
        }
        Retry { pause: backoff::pause(self.failed, random), calls_wait }
    }

    /// A connection ended. One that had been stable is made again at once; one that had not counts
    /// as a failed attempt, so that a server that hangs up at once is not stormed.
    pub(crate) fn lost(&mut self, now: Duration, random: u64) -> Retry {
        let (since, doubtful) = match self.phase {
            Phase::Up { since, .. } => (since, false),
            Phase::Doubtful { since } => (since, true),
            Phase::Connecting { .. } | Phase::Waiting => (now, false),
        };
        if now.saturating_sub(since) >= STABLE_AFTER {
            self.failed = 0;
        }
        if self.failed > 0 || doubtful {
            return self.connect_failed(random);
        }
        self.failed = 1;
        self.phase = Phase::Connecting { since: now };
        Retry { pause: Duration::ZERO, calls_wait: true }
    }

    pub(crate) fn replied(&mut self) {
        if let Phase::Up { timeouts, .. } = &mut self.phase {
            *timeouts = 0;
        }
    }

    /// An operation timed out. True if the connection is now in doubt: it must be probed.
    pub(crate) fn timed_out(&mut self) -> bool {
        let Phase::Up { since, timeouts } = &mut self.phase else { return false };
        *timeouts += 1;
        let doubtful = *timeouts >= TIMEOUTS_IN_A_ROW;
        if doubtful {
            self.phase = Phase::Doubtful { since: *since };
        }
        doubtful
    }

    /// The probe was answered: the server is slow, not gone.
    pub(crate) fn probe_answered(&mut self) {
        if let Phase::Doubtful { since } = self.phase {
            self.phase = Phase::Up { since, timeouts: 0 };
        }
    }

    /// How much longer a call may wait for a connection.
    pub(crate) fn patience(&self, now: Duration) -> Duration {
        match self.phase {
            Phase::Connecting { since } => (since + CONNECT_PATIENCE).saturating_sub(now),
            // The keeper is about to notice that the connection is gone.
            Phase::Up { .. } => CONNECT_PATIENCE,
            Phase::Doubtful { .. } | Phase::Waiting => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn calls_wait_for_the_first_attempts_only_and_not_for_ever() {
        let mut breaker = Breaker::new(2, ms(0));
        assert_eq!(breaker.patience(ms(0)), CONNECT_PATIENCE);
        assert!(breaker.connect_failed(0).calls_wait);
        assert_eq!(breaker.patience(ms(249)), ms(1));
        assert_eq!(breaker.patience(ms(9_999)), ms(0), "a connection that hangs is not waited for");
        assert!(!breaker.connect_failed(0).calls_wait);
        assert_eq!(breaker.patience(ms(1)), ms(0));
    }

    #[test]
    fn a_stable_connection_is_made_again_at_once_and_then_with_pauses() {
        let mut breaker = Breaker::new(1, ms(0));
        breaker.connected(ms(0));
        assert_eq!(breaker.lost(ms(5_000), 0), Retry { pause: ms(0), calls_wait: true });
        assert_eq!(breaker.patience(ms(5_000)), CONNECT_PATIENCE);
        let retry = breaker.connect_failed(0);
        assert!(retry.pause > ms(0) && !retry.calls_wait);
        assert!(breaker.connect_failed(0).pause > retry.pause);
        breaker.connected(ms(9_000));
        assert_eq!(breaker.lost(ms(20_000), 0).pause, ms(0), "it lasted: everything is forgotten");
    }

    #[test]
    fn a_server_that_hangs_up_is_not_stormed() {
        let mut breaker = Breaker::new(1, ms(0));
        breaker.connected(ms(0));
        assert_eq!(breaker.lost(ms(1), 0).pause, ms(0), "once is an accident");
        let mut pauses = Vec::new();
        for at in 2..12 {
            breaker.connected(ms(at));
            pauses.push(breaker.lost(ms(at), 0).pause);
        }
        assert!(pauses.is_sorted() && pauses[0] > ms(0), "{pauses:?}");
    }

    #[test]
    fn time_outs_in_a_row_put_a_connection_in_doubt() {
        let mut breaker = Breaker::new(1, ms(0));
        breaker.connected(ms(0));
        for _ in 1..TIMEOUTS_IN_A_ROW {
            assert!(!breaker.timed_out());
        }
        breaker.replied();
        for _ in 1..TIMEOUTS_IN_A_ROW {
            assert!(!breaker.timed_out(), "a reply starts the count anew");
        }
        assert!(breaker.timed_out());
        assert!(!breaker.timed_out(), "it is probed once");
        assert_eq!(breaker.patience(ms(1)), ms(0));
        breaker.probe_answered();
        assert_eq!(breaker.patience(ms(1)), CONNECT_PATIENCE);
        for _ in 0..TIMEOUTS_IN_A_ROW {
            breaker.timed_out();
        }
        assert!(breaker.lost(ms(60_000), 0).pause > ms(0), "a server that hangs is not stormed either");
    }
}
