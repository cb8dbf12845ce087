//! What the store keeps of a key: its name, its value, and a few words about it.

use std::sync::atomic::{AtomicU32, Ordering};

use larder_proto::effect::Namespace;
use larder_proto::time::{Deadline, Millis};

use super::value::{Value, heap_bytes};

/// A client's key in its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) bytes: Box<[u8]>,
    pub(super) namespace: Namespace,
}

/// A value with its deadline and its last use.
#[derive(Debug)]
pub struct Item {
    /// The value.
    pub value: Value,
    pub(super) deadline: Deadline,
    /// The key's place in the partition's roster.
    pub(super) position: u32,
    /// When the item was last used. Readers write it, so it is the one field that changes under a read lock.
    used: AtomicU32,
}

impl Item {
    pub(super) fn new(value: Value, deadline: Deadline, position: u32, now: Millis) -> Self {
        Self { value, deadline, position, used: AtomicU32::new(ticks(now)) }
    }

    /// When the key ceases to exist.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Milliseconds since the last use, to the next 64.
    #[must_use]
    pub fn idle_ms(&self, now: Millis) -> u64 {
        u64::from(self.idle_ticks(now)) << TICK_SHIFT
    }

    /// Ticks since the last use. A use that seems to lie ahead was just now: another worker's moment is later than
    /// this one's, or the clock was put back.
    pub(super) fn idle_ticks(&self, now: Millis) -> u32 {
        let ticks = ticks(now).wrapping_sub(self.used.load(Ordering::Relaxed));
        if ticks > u32::MAX / 2 { 0 } else { ticks }
    }

    /// Notes a use. Writes only if the tick changed, so that a hot item's cache line is not fought for.
    #[inline]
    pub(super) fn touch(&self, now: Millis) {
        let tick = ticks(now);
        if self.used.load(Ordering::Relaxed) != tick {
            self.used.store(tick, Ordering::Relaxed);
        }
    }

    /// Bytes on the heap that the item and its key take, without their places in table and roster.
    #[must_use]
    pub fn heap_bytes(&self, key_bytes: usize) -> usize {
        heap_bytes(key_bytes) + self.value.heap_bytes()
    }
}

/// The clock of uses: ticks of 64 ms, which wrap after eight years; half of that can be told from a moment ahead.
const fn ticks(now: Millis) -> u32 {
    (now.0 >> TICK_SHIFT) as u32
}

const TICK_SHIFT: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_used_a_moment_ahead_is_not_idle() {
        let item = Item::new(Value::string(b"v"), Deadline::NEVER, 0, Millis(1_000_000));
        assert_eq!(item.idle_ms(Millis(1_000_000 + 640)), 640);
        assert_eq!(item.idle_ms(Millis(1_000_000 - 64)), 0, "another worker's later tick");
        item.touch(Millis(9_000_000));
        assert_eq!(item.idle_ms(Millis(1_000_000)), 0, "the clock was put back by hours");
    }

    #[test]
    fn idle_time_is_right_while_the_ticks_wrap() {
        let wrap = 1_u64 << (32 + TICK_SHIFT);
        let item = Item::new(Value::string(b"v"), Deadline::NEVER, 0, Millis(wrap - 64));
        assert_eq!(item.idle_ms(Millis(wrap + 64)), 128);
    }
}
