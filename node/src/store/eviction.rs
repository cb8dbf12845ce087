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
            Ok(())
        } else {
            self.make_room_by_cleaning(bytes, random)
        }
    }

    /// Lets a bounded number of segments be cleaned while more memory is in use than the limit allows; how many were.
    /// For the background, so that a node without writes gets below a limit that was lowered.
    pub fn shrink(&self, now: Millis, random: &mut Rng) -> usize {
        self.common.ranking.observe(now);
        let memory = &self.common.memory;
        let mut cleaned = 0;
        if memory.free() < 0 && self.drop_removed() {
            return 1;
        }
        // Above the limit by its buffers alone, the node would throw away everything for nothing.
        while cleaned < SHRINK_SEGMENTS_MAX
            && memory.free() < 0
            && memory.fixed() <= memory.limit()
            && self.clean_some_shard(random)
        {
            cleaned += 1;
        }
        cleaned
    }

    #[cold]
    fn make_room_by_cleaning(&self, bytes: usize, random: &mut Rng) -> Result<(), OutOfMemory> {
        let memory = &self.common.memory;
        memory.note_peak();
        if memory.fixed().saturating_add(bytes) > memory.limit() {
            return Err(OutOfMemory);
        }
        if self.eviction().who() == Who::Nobody && memory.used().saturating_add(bytes) > memory.limit() {
            return Err(OutOfMemory);
        }
        // A small string takes the place of others in its own shard, page by page.
        let wanted = if bytes <= SMALL_BYTES_MAX { 0 } else { bytes as i64 };
        for _ in 0..REQUEST_SEGMENTS_MAX {
            // What was removed already goes before anybody else has to.
            while memory.free() < wanted && self.drop_removed() {}
            if memory.free() >= wanted {
                return Ok(());
            }
            if !self.clean_some_shard(random) {
                // What holes are left are smaller than a page, or behind large items.
                return if memory.free() >= wanted { Ok(()) } else { Err(OutOfMemory) };
            }
        }
        // The limit was lowered far below what is in use: the rest leaves from request to request, and in the background.
        Ok(())
    }
}

/// Up to this size a string is left to its shard.
const SMALL_BYTES_MAX: usize = 16 << 10;

/// Segments cleaned for one request at most.
const REQUEST_SEGMENTS_MAX: usize = 4_096;

/// Segments cleaned in one step in the background.
const SHRINK_SEGMENTS_MAX: usize = 4;
