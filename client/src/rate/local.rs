//! Counting in this process, for want of a store: a bounded table of windows.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use indexmap::IndexMap;
use larder_proto::window::{Ask, Taken, Window};

use super::limit::{RateLimit, Take};
use crate::limits::{RATE_KEY_BYTES_MAX, RATE_KEYS_LOOKED_AT, RATE_KEYS_MAX};

/// The windows of the keys seen last.
#[derive(Default)]
pub(crate) struct LocalLimits {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    windows: IndexMap<Box<str>, Window>,
    /// The place from which a window to give up is looked for.
    hand: usize,
}

impl LocalLimits {
    /// Takes from the window of a key.
    pub(super) fn take(&self, key: &str, limit: RateLimit, take: Take, now: Duration) -> Taken {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let period_ms = limit.period_ms();
        let ask = Ask { calls: limit.calls, period_ms, cost: take.cost(), mode: take.mode() };
        let key = &*short(key);
        // Nothing panics while it is held.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = table.windows.get_mut(key) {
            return window.take(ask, now_ms);
        }
        let mut window = Window::new(period_ms, now_ms);
        let taken = window.take(ask, now_ms);
        if taken.has_changed {
            table.make_room();
            table.windows.insert(key.into(), window);
        }
        taken
    }
}

/// The key, or its hash: long keys are not kept.
fn short(key: &str) -> Cow<'_, str> {
    if key.len() <= RATE_KEY_BYTES_MAX {
        return Cow::Borrowed(key);
    }
    let hash = digest(&SHA256, key.as_bytes());
    Cow::Owned(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Table {
    /// Gives up one window if the table is full: of the next few, the one that would end first.
    fn make_room(&mut self) {
        if self.windows.len() < RATE_KEYS_MAX {
            return;
        }
        let count = self.windows.len();
        let places = (0..RATE_KEYS_LOOKED_AT).map(|step| (self.hand + step) % count);
        let ends_at = |place: usize| self.windows.get_index(place).map_or(0, |(_, window)| window.over_at());
        if let Some(place) = places.min_by_key(|place| ends_at(*place)) {
            self.windows.swap_remove_index(place);
        }
        self.hand = (self.hand + RATE_KEYS_LOOKED_AT) % count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: RateLimit = RateLimit { calls: 2, period: Duration::from_secs(1) };

    fn allowed(limits: &LocalLimits, key: &str, now: Duration) -> bool {
        limits.take(key, SECOND, Take::Count(1), now).allowed
    }

    #[test]
    fn keys_count_apart() {
        let limits = LocalLimits::default();
        let now = Duration::from_secs(9);
        assert_eq!([(); 3].map(|()| allowed(&limits, "a", now)), [true, true, false]);
        assert!(allowed(&limits, "b", now));
        assert!(allowed(&limits, "a", now + Duration::from_millis(1_100)));
    }

    #[test]
    fn long_keys_count_apart_too() {
        let limits = LocalLimits::default();
        let long = "k".repeat(RATE_KEY_BYTES_MAX);
        for end in ["1", "2"] {
            let key = format!("{long}{end}");
            assert_eq!([(); 3].map(|()| allowed(&limits, &key, Duration::ZERO)), [true, true, false]);
        }
        assert!(limits.table.lock().unwrap().windows.keys().all(|key| key.len() <= RATE_KEY_BYTES_MAX));
    }

    #[test]
    fn the_table_is_bounded_and_gives_up_what_is_over_first() {
        let limits = LocalLimits::default();
        for number in 0..RATE_KEYS_MAX {
            allowed(&limits, &format!("old-{number}"), Duration::ZERO);
        }
        let now = Duration::from_secs(9);
        for number in 0..RATE_KEYS_MAX / 2 {
            assert!(allowed(&limits, &format!("new-{number}"), now));
            assert!(allowed(&limits, &format!("new-{number}"), now));
        }
        assert_eq!(limits.table.lock().unwrap().windows.len(), RATE_KEYS_MAX);
        let forgotten =
            (0..RATE_KEYS_MAX / 2).filter(|number| allowed(&limits, &format!("new-{number}"), now)).count();
        assert!(forgotten < RATE_KEYS_MAX / 50, "{forgotten} were forgotten though others were over");
    }
}
