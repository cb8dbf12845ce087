//! The sliding window of one key: counts by part of the period. It reads no clock; milliseconds are
//! handed in. The script for a plain Redis does the same, line by line.
//!
//! A part that ends at `end` counts while `end + period > now`: until no call made in it can lie in the
//! window that ends now.

use std::collections::VecDeque;

use super::limit::Take;
use crate::limits::RATE_PARTS;

/// The calls of one key that still count.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Part number and calls, ascending.
    parts: VecDeque<(u64, u32)>,
}

/// What a take came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) allowed: bool,
    pub(super) remaining: u32,
    pub(super) retry_after_ms: u64,
}

impl Window {
    /// Takes from a limit of `calls` in `period_ms`, which is above zero.
    pub(super) fn take(&mut self, calls: u32, period_ms: u64, take: Take, now_ms: u64) -> Outcome {
        let part_ms = part_ms(period_ms);
        let here = now_ms / part_ms;
        let counts = |part: u64| leaves_at(part, period_ms) > now_ms && part <= here + RATE_PARTS;
        self.parts.retain(|(part, _)| counts(*part));
        let cost = u64::from(take.cost());
        let used = self.used();
        let allowed = used + cost <= u64::from(calls);
        let is_counted = match take {
            Take::Count(_) => allowed,
            Take::Check => false,
            Take::Force(_) => true,
        };
        if is_counted && cost > 0 {
            self.add(here, take.cost());
        }
        let used = self.used();
        Outcome {
            allowed,
            remaining: u32::try_from(u64::from(calls).saturating_sub(used)).unwrap_or(u32::MAX),
            retry_after_ms: if allowed { 0 } else { self.fits_in(calls, period_ms, cost, now_ms) },
        }
    }

    /// When the last call stops counting, in milliseconds; 0 if none counts.
    pub(super) fn ends_at(&self, period_ms: u64) -> u64 {
        self.parts.back().map_or(0, |(part, _)| leaves_at(*part, period_ms))
    }

    fn used(&self) -> u64 {
        self.parts.iter().map(|(_, calls)| u64::from(*calls)).sum()
    }

    fn add(&mut self, here: u64, cost: u32) {
        match self.parts.back_mut() {
            // A clock that went back a little: the last part is the present one.
            Some((part, calls)) if *part >= here => *calls = calls.saturating_add(cost),
            _ => self.parts.push_back((here, cost)),
        }
    }

    /// The time until so many calls fit, if nobody takes any before.
    fn fits_in(&self, calls: u32, period_ms: u64, cost: u64, now_ms: u64) -> u64 {
        let mut used = self.used();
        for (part, counted) in &self.parts {
            used -= u64::from(*counted);
            if used + cost <= u64::from(calls) {
                return leaves_at(*part, period_ms) - now_ms;
            }
        }
        period_ms
    }
}

fn part_ms(period_ms: u64) -> u64 {
    period_ms.div_ceil(RATE_PARTS)
}

/// When a part has left the window as a whole.
fn leaves_at(part: u64, period_ms: u64) -> u64 {
    (part + 1) * part_ms(period_ms) + period_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain version in words: remember when each call was let through.
    #[derive(Default)]
    struct Model {
        taken: Vec<u64>,
    }

    impl Model {
        fn in_window(&self, period: u64, now: u64) -> usize {
            self.taken.iter().filter(|at| **at + period > now).count()
        }

        /// Calls that count though they have left the window: their part has not, as a whole.
        fn in_parts(&self, period: u64, now: u64) -> usize {
            let part = period.div_ceil(32);
            self.taken.iter().filter(|at| (**at / part + 1) * part + period > now).count()
        }
    }

    proptest! {
        #[test]
        fn it_is_the_model(
            calls in 0u32..12, period in 1u64..500,
            steps in proptest::collection::vec((0u64..60, 0u32..4, 0u8..8), 1..300)
        ) {
            let (mut window, mut model, mut now) = (Window::default(), Model::default(), 1_700_000_000_000);
            for (pause, cost, kind) in steps {
                now += pause;
                let take = match kind { 0 => Take::Check, 1 => Take::Force(cost), _ => Take::Count(cost) };
                let counted = model.in_parts(period, now);
                let fits = counted + take.cost() as usize <= calls as usize;
                let outcome = window.take(calls, period, take, now);
                prop_assert_eq!(outcome.allowed, fits);
                let is_counted = match take { Take::Count(_) => fits, Take::Check => false, Take::Force(_) => true };
                if is_counted {
                    model.taken.extend(std::iter::repeat_n(now, cost as usize));
                }
                prop_assert_eq!(outcome.remaining as usize, (calls as usize).saturating_sub(model.in_parts(period, now)));
                prop_assert_eq!(outcome.retry_after_ms == 0, fits);
                prop_assert!(window.parts.len() as u64 <= RATE_PARTS + 1);
                if !fits && take.cost() <= calls {
                    let later = now + outcome.retry_after_ms;
                    prop_assert!(model.in_parts(period, later) + take.cost() as usize <= calls as usize);
                    prop_assert!(model.in_parts(period, later - 1) + take.cost() as usize > calls as usize, "no later than it must");
                }
            }
        }

        #[test]
        fn no_window_of_the_period_ever_holds_more(
            calls in 1u32..20, period in 1u64..2000, pauses in proptest::collection::vec(0u64..80, 1..400)
        ) {
            let (mut window, mut model, mut now) = (Window::default(), Model::default(), 0);
            for pause in pauses {
                now += pause;
                if window.take(calls, period, Take::Count(1), now).allowed {
                    model.taken.push(now);
                }
                // Every window that ends with a call; no other can hold more.
                prop_assert!(model.in_window(period, now) <= calls as usize);
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_lets_nothing_more_through_nor_blocks_for_long() {
        let mut window = Window::default();
        assert!(window.take(1, 3_200, Take::Count(1), 100_000).allowed);
        assert!(!window.take(1, 3_200, Take::Count(1), 99_000).allowed);
        assert!(window.take(1, 3_200, Take::Count(1), 1_000).allowed, "what lies far ahead is forgotten");
    }

    #[test]
    fn more_than_the_limit_never_fits_and_force_counts_all_the_same() {
        let mut window = Window::default();
        let never = window.take(3, 1_000, Take::Count(4), 5_000);
        assert_eq!(never, Outcome { allowed: false, remaining: 3, retry_after_ms: 1_000 });
        let forced = window.take(3, 1_000, Take::Force(4), 5_000);
        assert_eq!((forced.allowed, forced.remaining), (false, 0));
        let check = window.take(3, 1_000, Take::Check, 5_000);
        assert_eq!((check.allowed, check.remaining, check.retry_after_ms), (false, 0, 1_024));
        assert!(window.take(3, 1_000, Take::Check, 6_024).allowed);
        assert!(window.take(u32::MAX, 1, Take::Force(u32::MAX), 0).allowed);
    }
}
