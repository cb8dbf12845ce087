//! How much an item is worth keeping: how often and how lately it was used, by the byte it takes. What is kept of an item
//! for this are 16 bits in the table. Who leaves is left to cleaning.
//!
//! The rank is that of Greedy-Dual-Size-Frequency (Cherkasova, 1998): uses by byte, plus the *level*, which follows the
//! ranks that items had which left, at the time of the last use: what was used much but long ago sinks. An item remembers
//! that time as a *tick*; the level at each tick stands in a ring. Ticks follow one another as items leave: 512 while as
//! much leaves as there is; one in a second while nothing leaves.
//!
//! Uses in quick succession count once, but for the first few: a block that is read piece by piece was used once. What an
//! evicted key was worth is remembered for a while, so that one which comes back does not begin anew.

use std::io;
use std::sync::atomic::AtomicU16;

use larder_proto::time::{Deadline, Millis};

use super::arena::Row;
use super::eviction::Order;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The ring of ticks, and the memory of keys that left.
#[derive(Debug)]
pub(super) struct Ranking {
    /// The present tick, counted without wrapping.
    tick: AtomicU64,
    /// When the present tick ends if nothing is evicted.
    ends_ms: AtomicU64,
    noted_ms: AtomicU64,
    /// Bytes evicted in the present tick.
    evicted_bytes: AtomicU64,
    /// The rank up to which items left when room was made last, the bits of an `f32`.
    threshold: AtomicU32,
    ring: Box<[Tick]>,
    /// 12 bits of a key's hash and its uses, by other bits of the hash.
    ghosts: Row<AtomicU16>,
}

/// What is remembered of a tick.
#[derive(Debug, Default)]
struct Tick {
    /// The bits of an `f32`.
    level: AtomicU32,
    began_ms: AtomicU64,
}

/// What an item's rank depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    pub(super) usage: u16,
    /// Bytes that it takes, its place in the table included.
    pub(super) bytes: usize,
    pub(super) deadline: Deadline,
    pub(super) hash: u64,
}

/// What left together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evicted {
    /// The mean rank, weighted by bytes.
    pub(super) rank: f32,
    pub(super) bytes: usize,
    /// What part of the bytes was used only once.
    pub(super) once: f32,
}

impl Ranking {
    /// # Errors
    /// The kernel does not give the addresses.
    pub(super) fn new(memory_bytes: usize) -> io::Result<Self> {
        let mut ghosts = Row::default();
        ghosts.resize((memory_bytes / MEMORY_BYTES_PER_GHOST).next_power_of_two())?;
        Ok(Self {
            tick: AtomicU64::new(0),
            ends_ms: AtomicU64::new(0),
            noted_ms: AtomicU64::new(0),
            evicted_bytes: AtomicU64::new(0),
            threshold: AtomicU32::new(f32::NEG_INFINITY.to_bits()),
            ring: (0..TICKS).map(|_| Tick::default()).collect(),
            ghosts,
        })
    }

    /// Notes the time.
    #[inline]
    pub(super) fn observe(&self, now: Millis) {
        // Not written for each request: a line that all workers write is passed around between them.
        if now.0 >= self.noted_ms.load(Ordering::Relaxed).saturating_add(NOTE_MS) {
            self.noted_ms.fetch_max(now.0, Ordering::Relaxed);
        }
        if now.0.saturating_add(SET_BACK_MS) < self.noted_ms.load(Ordering::Relaxed) {
            // The clock was put back: what it said before must not make anything look expired.
            self.noted_ms.store(now.0, Ordering::Relaxed);
            self.ends_ms.store(now.0, Ordering::Relaxed);
        }
        if now.0 >= self.ends_ms.load(Ordering::Relaxed) {
            self.end_quiet_tick(now);
        }
    }

    /// The time, as it was noted last: not later than the present, and some milliseconds earlier at most while there are
    /// requests.
    pub(super) fn now(&self) -> Millis {
        Millis(self.noted_ms.load(Ordering::Relaxed))
    }

    /// The usage of an item that was just made. A key that left lately goes on with its uses.
    #[inline]
    pub(super) fn fresh(&self, hash: u64) -> u16 {
        let (place, mark) = self.ghost(hash);
        let uses = place.map_or(0, |place| place.load(Ordering::Relaxed) ^ mark);
        let known = if uses <= USES_MAX { uses } else { 0 };
        pack(self.tick.load(Ordering::Relaxed), (known + 1).min(USES_MAX))
    }

    /// The usage of an item that was just used.
    #[inline]
    pub(super) fn touched(&self, usage: u16) -> u16 {
        let tick = self.tick.load(Ordering::Relaxed);
        let uses = Self::uses(usage);
        let counts = uses < FREE_USES || age(tick, usage) >= DEBOUNCE_TICKS;
        pack(tick, if counts { (uses + 1).min(USES_MAX) } else { uses })
    }

    /// How often an item was used, 15 at most.
    #[inline]
    pub(super) const fn uses(usage: u16) -> u16 {
        usage & ((1 << USES_BITS) - 1)
    }

    /// A usage whose tick would soon be taken for a later one is made to seem as old as can be told.
    pub(super) fn refreshed(&self, usage: u16) -> u16 {
        let tick = self.tick.load(Ordering::Relaxed);
        if age(tick, usage) <= AGE_MAX {
            usage
        } else {
            pack(tick.saturating_sub(AGE_MAX), Self::uses(usage))
        }
    }

    /// Milliseconds since the last use, as finely as ticks tell.
    pub(super) fn idle_ms(&self, usage: u16, now: Millis) -> u64 {
        now.0.saturating_sub(self.used_in(usage).began_ms.load(Ordering::Relaxed))
    }

    /// The rank of an item: the lowest leaves first.
    #[inline]
    pub(super) fn rank(&self, order: Order, worth: &Worth) -> f32 {
        let uses = f32::from(Self::uses(worth.usage));
        match order {
            Order::UseByByte => self.level_of(worth.usage) + uses / worth.bytes as f32,
            // What was used once only is worth half: most of it is never used again.
            Order::Use => self.level_of(worth.usage) + if uses > 1.0 { uses } else { 0.5 },
            Order::LastUse => -f32::from(self.age(worth.usage)),
            Order::Deadline => worth.deadline.moment().map_or(f32::MAX, |moment| moment.0 as f32),
            Order::Chance => (worth.hash.wrapping_mul(SPREAD) >> 40) as f32,
        }
    }

    /// Ticks since the last use.
    #[inline]
    pub(super) fn age(&self, usage: u16) -> u16 {
        age(self.tick.load(Ordering::Relaxed), usage) as u16
    }

    /// Remembers a key that is evicted. One that is worth more keeps its place, and loses a little.
    pub(super) fn remember(&self, worth: &Worth) {
        let (Some(place), mark) = self.ghost(worth.hash) else { return };
        let (known, uses) = (place.load(Ordering::Relaxed), Self::uses(worth.usage));
        let is_other = known ^ mark > USES_MAX;
        let left = if is_other && known & USES_MAX > uses { known - 1 } else { mark | uses };
        place.store(left, Ordering::Relaxed);
    }

    /// Notes that so many bytes of `capacity` left, with this rank in the mean.
    pub(super) fn note_evicted(&self, order: Order, evicted: &Evicted, capacity: usize) {
        let Evicted { rank, bytes, once } = *evicted;
        let tick = self.tick.load(Ordering::Relaxed);
        if matches!(order, Order::UseByByte | Order::Use) {
            let present = &self.ring[(tick % TICKS) as usize].level;
            let level = f32::from_bits(present.load(Ordering::Relaxed));
            let pace = PACE * (1.0 - once + once * ONCE_PACE);
            let share = (pace * bytes as f32 / capacity.max(1) as f32).min(1.0);
            if rank > level {
                present.store((level + share * (rank - level)).to_bits(), Ordering::Relaxed);
            }
        }
        let evicted = self.evicted_bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if evicted >= capacity as u64 / TICKS_PER_TURNOVER {
            self.advance(tick, self.now());
        }
    }

    /// The ranks of another order mean something else: all items begin anew.
    pub(super) fn forget_levels(&self) {
        self.ring.iter().for_each(|tick| tick.level.store(0, Ordering::Relaxed));
        self.set_threshold(f32::NEG_INFINITY);
    }

    /// The rank up to which items left when room was made last.
    pub(super) fn threshold(&self) -> f32 {
        f32::from_bits(self.threshold.load(Ordering::Relaxed))
    }

    /// Notes the rank up to which items leave now.
    pub(super) fn set_threshold(&self, rank: f32) {
        self.threshold.store(rank.to_bits(), Ordering::Relaxed);
    }

    /// Bytes of what is remembered of keys that left.
    pub(super) const fn ghost_bytes(&self) -> usize {
        self.ghosts.bytes()
    }

    #[cold]
    fn end_quiet_tick(&self, now: Millis) {
        if self.evicted_bytes.load(Ordering::Relaxed) == 0 {
            self.advance(self.tick.load(Ordering::Relaxed), now);
        }
    }

    #[cold]
    fn advance(&self, tick: u64, now: Millis) {
        let level = self.ring[(tick % TICKS) as usize].level.load(Ordering::Relaxed);
        let next = &self.ring[((tick + 1) % TICKS) as usize];
        // Of several workers one begins the tick; what the others would write is the same but for a moment.
        next.level.store(level, Ordering::Relaxed);
        next.began_ms.store(now.0, Ordering::Relaxed);
        if self.tick.compare_exchange(tick, tick + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.evicted_bytes.store(0, Ordering::Relaxed);
            self.ends_ms.store(now.0.saturating_add(QUIET_TICK_MS), Ordering::Relaxed);
        }
    }

    fn level_of(&self, usage: u16) -> f32 {
        f32::from_bits(self.used_in(usage).level.load(Ordering::Relaxed))
    }

    fn used_in(&self, usage: u16) -> &Tick {
        &self.ring[usize::from(usage >> USES_BITS)]
    }

    /// The place of a key among those that left, and what stands there if it is that key's, but for the uses.
    #[inline]
    fn ghost(&self, hash: u64) -> (Option<&AtomicU16>, u16) {
        let row = self.ghosts.as_slice();
        let place = (hash >> GHOST_BITS) as usize & (row.len() - 1);
        (row.get(place), (hash as u16) << USES_MAX.count_ones())
    }
}

#[inline]
const fn pack(tick: u64, uses: u16) -> u16 {
    ((tick % TICKS) as u16) << USES_BITS | uses
}

/// Ticks since the item was used.
#[inline]
const fn age(tick: u64, usage: u16) -> u64 {
    (tick % TICKS + TICKS - (usage >> USES_BITS) as u64) % TICKS
}

const USES_BITS: u32 = 5;

/// Uses that are counted, as four bits hold them.
const USES_MAX: u16 = 15;

/// Ticks that can be told apart: what the other 11 bits hold.
const TICKS: u64 = 1 << (16 - USES_BITS);

/// The greatest age that is told.
const AGE_MAX: u64 = TICKS / 2 - 1;

/// Ticks in which as much leaves as there is.
const TICKS_PER_TURNOVER: u64 = 512;

/// Ticks in which further uses count as one with the last.
const DEBOUNCE_TICKS: u64 = 8;

/// Uses that count however quickly they come: while everything fits, ticks are long.
const FREE_USES: u16 = 4;

/// How fast the level follows the ranks of those who leave. Slower keeps what is used often through scans, faster takes
/// to new favourites sooner; see `tests/bench/RESULTS.md`.
const PACE: f32 = 1.5;

/// How much of that pace what was used only once sets: a scan, which leaves as it came, must not make what is used look
/// old. With a tenth, four uses outlast a scan through twenty times the memory.
const ONCE_PACE: f32 = 0.1;

/// One remembered key for so many bytes of the limit: 0.2 % of it.
const MEMORY_BYTES_PER_GHOST: usize = 1_024;

/// Bits of the hash that stand with a remembered key, and those below the ones that give its place.
const GHOST_BITS: u32 = 12;

const QUIET_TICK_MS: u64 = 1_000;

/// How far the time that was noted may lie behind.
const NOTE_MS: u64 = 16;

/// By how much the time has to lie behind what was noted to mean that the clock was put back: more than workers differ.
const SET_BACK_MS: u64 = 2_000;

/// An odd number whose products spread over all bits (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(usage: u16, bytes: usize, hash: u64) -> Worth {
        Worth { usage, bytes, deadline: Deadline::NEVER, hash }
    }

    #[test]
    fn what_is_used_more_for_its_bytes_ranks_higher() {
        let ranking = Ranking::new(1 << 20).unwrap();
        let once = ranking.fresh(1);
        let twice = ranking.touched(once);
        let rank = |usage, bytes| ranking.rank(Order::UseByByte, &worth(usage, bytes, 1));
        assert!(rank(twice, 100) > rank(once, 100));
        assert!(rank(once, 100) > rank(twice, 300));
        assert!(
            ranking.rank(Order::Use, &worth(twice, 300, 1)) > ranking.rank(Order::Use, &worth(once, 1, 1))
        );
    }

    #[test]
    fn what_was_used_long_ago_sinks() {
        let ranking = Ranking::new(1 << 20).unwrap();
        let old = ranking.touched(ranking.touched(ranking.fresh(1)));
        for _ in 0..2_000 {
            let evicted = Evicted { rank: 1.0, bytes: 1_000, once: 0.0 };
            ranking.note_evicted(Order::UseByByte, &evicted, 1_000_000);
        }
        let new = ranking.fresh(2);
        let rank = |usage| ranking.rank(Order::UseByByte, &worth(usage, 1_000, 1));
        assert!(rank(new) > rank(old), "one use now is more than three before everything left twice");
        assert!(ranking.age(old) > 900);
    }

    #[test]
    fn quick_uses_count_once_after_the_first_few() {
        let ranking = Ranking::new(1 << 20).unwrap();
        let mut usage = ranking.fresh(1);
        for _ in 0..20 {
            usage = ranking.touched(usage);
        }
        assert_eq!(Ranking::uses(usage), FREE_USES);
        for second in 0..DEBOUNCE_TICKS {
            ranking.observe(Millis(1_000 * (second + 1)));
        }
        assert_eq!(Ranking::uses(ranking.touched(usage)), FREE_USES + 1);
    }

    #[test]
    fn a_key_that_comes_back_goes_on_with_its_uses() {
        let ranking = Ranking::new(1 << 20).unwrap();
        let hash = 0x1234_5678_9abc_def0;
        let usage = ranking.touched(ranking.touched(ranking.fresh(hash)));
        ranking.remember(&worth(usage, 100, hash));
        assert_eq!(Ranking::uses(ranking.fresh(hash)), 4);
        assert_eq!(Ranking::uses(ranking.fresh(hash ^ 1)), 1, "another key in the same place");
        let weak = ranking.fresh(hash ^ 1);
        for _ in 0..3 {
            assert_eq!(Ranking::uses(ranking.fresh(hash ^ 1)), 1);
            ranking.remember(&worth(weak, 100, hash ^ 1));
        }
        assert_eq!(Ranking::uses(ranking.fresh(hash ^ 1)), 2, "it took the place once the other had faded");
    }

    #[test]
    fn a_usage_is_refreshed_before_its_tick_comes_again() {
        let ranking = Ranking::new(1 << 20).unwrap();
        let usage = ranking.fresh(1);
        for second in 0..TICKS - 1 {
            ranking.observe(Millis(1_000 * (second + 1)));
        }
        let refreshed = ranking.refreshed(usage);
        assert_eq!(u64::from(ranking.age(refreshed)), AGE_MAX);
        assert_eq!(ranking.refreshed(refreshed), refreshed);
        assert_eq!(Ranking::uses(refreshed), 1);
    }
}
