//! How slow a client may be with a body that it sends or takes. What becomes of one that is slower is said by those
//! who wait for it.
//!
//! A client has credit: waiting spends it, each byte earns some, and there is never more than the longest pause. So a
//! pause that is too long ends it, and so does a rate that is too low for long, however short each pause is. Time in
//! which nobody waits for the client costs nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::settings::Settings;

/// What is asked of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaceLimits {
    /// The longest pause, and the most credit.
    pub(crate) pause_max: Duration,
    /// Bytes a second in the long run; 0 for any.
    pub(crate) rate_min: u64,
    /// All waiting for one body.
    pub(crate) total_max: Duration,
}

/// One body.
pub(crate) struct Pace {
    limits: PaceLimits,
    left: Left,
    /// There while the client is waited for.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

/// The waiting that is still allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    credit: Duration,
    total: Duration,
}

impl PaceLimits {
    /// Those of the settings, for clients that send or take a body.
    pub(crate) fn of_clients(settings: &Settings) -> Self {
        Self {
            pause_max: settings.body_pause_max,
            rate_min: settings.body_rate_min,
            total_max: settings.body_total_max,
        }
    }

    fn start(&self) -> Left {
        Left { credit: self.pause_max, total: self.total_max }
    }

    /// What is left after so long a wait brought so many bytes.
    fn after(&self, left: Left, waited: Duration, bytes: u64) -> Left {
        let earned = match self.rate_min {
            0 => self.pause_max,
            rate => Duration::from_nanos(bytes.saturating_mul(NANOS_PER_SECOND) / rate),
        };
        let credit = left.credit.saturating_sub(waited).saturating_add(earned).min(self.pause_max);
        Left { credit, total: left.total.saturating_sub(waited) }
    }
}

impl Pace {
    pub(crate) fn new(limits: PaceLimits) -> Self {
        Self { limits, left: limits.start(), wait: None }
    }

    /// Another body begins.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.limits);
    }

    /// The client is waited for; ready when that has been too long.
    pub(crate) fn poll_spent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left.credit.min(self.left.total);
        let (_, sleep) = self.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        sleep.as_mut().poll(cx)
    }

    /// The client has sent or taken so many bytes.
    pub(crate) fn moved(&mut self, bytes: usize) {
        let waited = self.wait.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        self.left = self.limits.after(self.left, waited, bytes as u64);
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(rate_min: u64) -> PaceLimits {
        PaceLimits { pause_max: 10 * SECOND, rate_min, total_max: 100 * SECOND }
    }

    /// In which second, with so many bytes at the end of each, nothing is left; none if that is more than a day.
    fn lasts(limits: PaceLimits, bytes: u64) -> Option<u32> {
        let mut left = limits.start();
        (1..=86_400).find(|_| {
            let is_spent = left.credit.min(left.total) <= SECOND;
            left = limits.after(left, SECOND, bytes);
            is_spent
        })
    }

    #[test]
    fn too_low_a_rate_spends_the_credit() {
        assert_eq!(lasts(limits(100), 1), Some(11));
        assert_eq!(lasts(limits(100), 50), Some(19));
        assert_eq!(lasts(limits(100), 0), Some(10));
    }

    #[test]
    fn a_fair_rate_lasts_as_long_as_a_body_may() {
        assert_eq!(lasts(limits(100), 100), Some(100));
        assert_eq!(lasts(limits(0), 0), Some(100), "any rate");
        assert_eq!(lasts(PaceLimits { total_max: Duration::MAX, ..limits(100) }, 100), None);
    }

    #[test]
    fn what_came_fast_allows_no_longer_pause_afterwards() {
        let limits = limits(100);
        let left = limits.after(limits.start(), Duration::ZERO, u64::MAX);
        assert_eq!(left, limits.start());
    }
}
