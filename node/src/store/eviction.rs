//! What happens at the memory limit: the policies by their names, and making room for a request. What leaves a segment is
//! left to cleaning.

use fastrand::Rng;
use larder_proto::time::Millis;

use super::engine::Store;
use crate::sync::{AtomicU8, Ordering};

/// What happens at the memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eviction(u8);

/// Nothing may leave, or nothing is left that may: a write that needs memory has to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Who may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    Anybody,
    WithDeadline,
}

/// Who of those leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Those used least and longest ago for the bytes they take.
    UseByByte,
    /// Those used least and longest ago.
    Use,
    /// Those used longest ago.
    LastUse,
    /// Those whose deadline is next.
    Deadline,
    /// Any.
    Chance,
}

/// A policy: its name, the name that Redis would use, who leaves in which order.
struct Policy(&'static str, &'static str, Who, Order);

/// Our own first, then those of Redis.
const POLICIES: [Policy; 11] = [
    Policy("segment-merge", "allkeys-lru", Who::Anybody, Order::UseByByte),
    Policy("segment-merge-use", "allkeys-lfu", Who::Anybody, Order::Use),
    Policy("none", "noeviction", Who::Nobody, Order::Use),
    Policy("noeviction", "noeviction", Who::Nobody, Order::Use),
    Policy("allkeys-lru", "allkeys-lru", Who::Anybody, Order::LastUse),
    Policy("allkeys-lfu", "allkeys-lfu", Who::Anybody, Order::Use),
    Policy("allkeys-random", "allkeys-random", Who::Anybody, Order::Chance),
    Policy("volatile-lru", "volatile-lru", Who::WithDeadline, Order::LastUse),
    Policy("volatile-lfu", "volatile-lfu", Who::WithDeadline, Order::Use),
    Policy("volatile-random", "volatile-random", Who::WithDeadline, Order::Chance),
    Policy("volatile-ttl", "volatile-ttl", Who::WithDeadline, Order::Deadline),
];

impl Eviction {
    /// Evict what is used least for the bytes it takes: the default.
    pub const SEGMENT_MERGE: Self = Self(0);

    /// The policy of this name, ours or Redis'.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = POLICIES.iter().position(|policy| policy.0.eq_ignore_ascii_case(name))?;
        Some(Self(found as u8))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|policy| policy.0)
    }

    /// The name it was chosen by.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.policy().0
    }

    /// The name that Redis would use.
    #[must_use]
    pub fn redis_name(self) -> &'static str {
        self.policy().1
    }

    pub(super) fn who(self) -> Who {
        self.policy().2
    }

    pub(super) fn order(self) -> Order {
        self.policy().3
    }

    fn policy(self) -> &'static Policy {
        &POLICIES[usize::from(self.0)]
    }
}

/// The policy in force. Written by CONFIG SET.
#[derive(Debug)]
pub(super) struct EvictionChoice(AtomicU8);

impl EvictionChoice {
    pub(super) const fn new(eviction: Eviction) -> Self {
        Self(AtomicU8::new(eviction.0))
    }

    pub(super) fn get(&self) -> Eviction {
        Eviction(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, eviction: Eviction) {
        self.0.store(eviction.0, Ordering::Relaxed);
    }
}

impl Store {
    /// Sees to it that so many bytes more may be written. Strings of ordinary size find their place in their own shard;
    /// what else is needed leaves here, from segments of all shards in turn. Locks one shard at a time; the caller holds
    /// none.
    ///
    /// # Errors
    /// They do not fit beside what cannot be evicted, and nothing was evicted; or nothing that may leave is left.
    #[inline]
    pub fn make_room(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        self.common.ranking.observe(now);
        if self.common.memory.free() >= bytes as i64 {
            return Ok(());
        }
        // A small string takes the place of others in its own shard, page by page.
        let wanted = if bytes <= SMALL_BYTES_MAX { 0 } else { bytes as i64 };
        self.make_room_by_cleaning(bytes, wanted, random)
    }

    /// Like [`Store::make_room`], for what lies outside the segments: all of it must be free.
    ///
    /// # Errors
    /// As those of [`Store::make_room`].
    pub fn make_whole_room(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        self.common.ranking.observe(now);
        if self.common.memory.free() >= bytes as i64 {
            return Ok(());
        }
        self.make_room_by_cleaning(bytes, bytes as i64, random)
    }

    /// Lets a bounded number of segments be cleaned while more memory is in use than the limit allows; how many were.
    /// For the background, so that a node without writes gets below a limit that was lowered.
    pub fn shrink(&self, now: Millis, random: &mut Rng) -> usize {
        self.common.ranking.observe(now);
        let memory = &self.common.memory;
        let mut cleaned = 0;
        // Above the limit by its buffers alone, the node would throw away everything for nothing.
        while cleaned < SHRINK_SEGMENTS_MAX
            && memory.free() < -memory.tolerance()
            && memory.fixed() <= memory.limit()
            && (self.drop_piece() || self.clean_some_shard(random, GIVE_SHARE))
        {
            cleaned += 1;
        }
        cleaned
    }

    #[cold]
    fn make_room_by_cleaning(&self, bytes: usize, wanted: i64, random: &mut Rng) -> Result<(), OutOfMemory> {
        let memory = &self.common.memory;
        memory.note_peak();
        if memory.fixed().saturating_add(bytes) > memory.limit() {
            return Err(OutOfMemory);
        }
        if self.eviction().who() == Who::Nobody && memory.used().saturating_add(bytes) > memory.limit() {
            return Err(OutOfMemory);
        }
        // A limit that was lowered, or memory that others took, is not for one request to make up for.
        let share = (bytes as i64).saturating_mul(SHARE_OF_DEBT).max(DEBT_BYTES_MIN);
        let give = if bytes >= LARGE_BYTES_MIN { GIVE_LARGE_SHARE } else { GIVE_SHARE };
        let enough = wanted.min(memory.free().saturating_add(share));
        for _ in 0..REQUEST_STEPS_MAX {
            if memory.free() >= enough {
                memory.grant(bytes);
                return Ok(());
            }
            // What was removed already goes before anybody else has to.
            if !self.drop_piece() && !self.clean_some_shard(random, give) {
                // What holes are left are smaller than a page, or behind large items.
                return if memory.free() >= wanted { Ok(()) } else { Err(OutOfMemory) };
            }
        }
        memory.grant(bytes);
        Ok(())
    }
}

/// What part of a segment is made free when its pages are to be given to others.
const GIVE_SHARE: usize = 8;

/// The same for a request that needs so much that it has to take from many segments: fewer are gone through for it.
const GIVE_LARGE_SHARE: usize = 2;
const LARGE_BYTES_MIN: usize = 1 << 20;

/// Up to this size a string is left to its shard.
const SMALL_BYTES_MAX: usize = 16 << 10;

/// What is above the limit leaves as requests come in, and in the background: each makes room for so many times its own
/// bytes, and for some bytes at least.
const SHARE_OF_DEBT: i64 = 2;
const DEBT_BYTES_MIN: i64 = 32 << 10;

/// Segments cleaned, and pieces of collections dropped, for one request at most.
const REQUEST_STEPS_MAX: usize = 16_384;

/// Segments cleaned in one step in the background.
const SHRINK_SEGMENTS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use larder_proto::effect::{Effect, EffectSink, Stamp};
    use larder_proto::time::Deadline;

    use super::super::engine::{Access, StoreSettings};
    use super::super::value::{CollectionLimits, HashLimits, ListLimits, SetLimits, SortedSetLimits};
    use super::super::writer::Writer;
    use super::*;
    use crate::store::{Database, MemoryUse};

    struct Nowhere;

    impl EffectSink for Nowhere {
        fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
    }

    const LIMIT: usize = 16 << 20;
    const NOW: Millis = Millis(1);

    fn store() -> Store {
        Store::new(&StoreSettings {
            memory_bytes_max: LIMIT,
            eviction: Eviction::SEGMENT_MERGE,
            collection_limits: CollectionLimits {
                hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
                list: ListLimits::of_setting(-2),
                set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
                sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
            },
            hash_seed: None,
        })
        .unwrap()
    }

    fn write(store: &Store, key: &str, change: impl FnOnce(&mut Writer<'_, '_>)) {
        let mut keyspace = store.lock_one(key.as_bytes(), None, Access::Write, (Database::default(), NOW));
        change(&mut Writer::new(&mut keyspace, &mut Nowhere));
    }

    fn set(store: &Store, number: usize, bytes: usize, random: &mut Rng) {
        let (key, value) = (format!("{bytes}:{number}"), vec![7; bytes]);
        assert_eq!(store.make_room(bytes, NOW, random), Ok(()), "for {key}");
        write(store, &key, |writer| writer.set(key.as_bytes(), &value, Deadline::NEVER));
    }

    fn used(store: &Store) -> MemoryUse {
        store.memory().snapshot()
    }

    #[test]
    fn large_values_make_room_for_one_another() {
        let (store, mut random) = (store(), Rng::with_seed(1));
        for number in 0..100 {
            set(&store, number, 1 << 20, &mut random);
            assert!(used(&store).resident() <= LIMIT);
        }
        assert!(store.size(Database::default()).keys >= 13, "{:?}", used(&store));
    }

    #[test]
    fn large_collections_leave_one_by_one() {
        let (store, mut random) = (store(), Rng::with_seed(1));
        for key in (0..60).map(|number| format!("hash:{number}")) {
            for field in (0..1_000).map(|number| format!("field:{number}")) {
                assert_eq!(store.make_room(1_300, NOW, &mut random), Ok(()), "for {key}");
                write(&store, &key, |writer| {
                    writer.hash_set(key.as_bytes(), field.as_bytes(), &[7; 1_000]).unwrap();
                });
            }
            let used = used(&store);
            assert!(used.resident() <= LIMIT + (64 << 10), "{used:?}");
        }
        let used = used(&store);
        assert!(used.data >= LIMIT * 3 / 4, "{used:?}");
    }

    #[test]
    fn a_request_makes_up_for_little_of_a_lowered_limit() {
        let (store, mut random) = (store(), Rng::with_seed(1));
        (0..60_000).for_each(|number| set(&store, number, 200, &mut random));
        let before = used(&store).data;
        store.memory().set_limit(LIMIT / 4);
        assert_eq!(store.make_room(200, NOW, &mut random), Ok(()));
        let left = before - used(&store).data;
        assert!((1..SEGMENTS_BYTES).contains(&left), "{left} bytes left");
        while store.shrink(NOW, &mut random) > 0 {}
        assert!(used(&store).resident() <= LIMIT / 4);
    }

    #[test]
    fn what_the_allocator_keeps_for_a_while_evicts_nothing() {
        let (store, mut random) = (store(), Rng::with_seed(1));
        (0..60_000).for_each(|number| set(&store, number, 200, &mut random));
        store.memory().observe_resident(LIMIT + LIMIT / 200);
        assert_eq!(store.shrink(NOW, &mut random), 0);
        store.memory().observe_resident(LIMIT + LIMIT / 50);
        assert!(store.shrink(NOW, &mut random) > 0);
    }

    const SEGMENTS_BYTES: usize = 256 << 10;
}
