//! What leaves at the memory limit: of a few keys drawn from a partition at random, the one that was not used for
//! the longest time; keys past their deadline or of a flushed database before all others.

use std::sync::atomic::{AtomicU8, Ordering};

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;

use super::engine::Store;
use super::held::Locked;
use super::index::Readable;

/// What happens at the memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eviction(u8);

/// Nothing may leave, or nothing is left that may: a write that needs memory has to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Anybody,
    WithDeadline,
}

/// Our own names first, then those of Redis, which mean the nearest of ours.
const POLICIES: [(&str, Who); 10] = [
    ("segment-merge", Who::Anybody),
    ("none", Who::Nobody),
    ("noeviction", Who::Nobody),
    ("allkeys-lru", Who::Anybody),
    ("allkeys-lfu", Who::Anybody),
    ("allkeys-random", Who::Anybody),
    ("volatile-lru", Who::WithDeadline),
    ("volatile-lfu", Who::WithDeadline),
    ("volatile-random", Who::WithDeadline),
    ("volatile-ttl", Who::WithDeadline),
];

impl Eviction {
    /// Evict what is used least: the default.
    pub const SEGMENT_MERGE: Self = Self(0);

    /// The policy of this name, ours or Redis'.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = POLICIES.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(Self(found as u8))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|(name, _)| *name)
    }

    /// The name it was chosen by.
    #[must_use]
    pub fn name(self) -> &'static str {
        POLICIES[usize::from(self.0)].0
    }

    /// The name that Redis would use.
    #[must_use]
    pub fn redis_name(self) -> &'static str {
        match self.name() {
            "segment-merge" => "allkeys-lru",
            "none" => "noeviction",
            name => name,
        }
    }

    fn who(self) -> Who {
        POLICIES[usize::from(self.0)].1
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
    /// Evicts until so many bytes more fit below the limit. Locks one partition at a time; the caller holds none.
    ///
    /// # Errors
    /// They do not fit, and nothing that may leave is left, or was found within bounds.
    #[inline]
    pub fn make_room(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        if self.memory.used() + bytes <= self.memory.limit() {
            return Ok(());
        }
        self.make_room_by_evicting(bytes, now, random)
    }

    #[cold]
    fn make_room_by_evicting(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        let limit = self.memory.limit();
        let who = self.eviction.get().who();
        self.memory.note_peak();
        if bytes > limit || who == Who::Nobody {
            return Err(OutOfMemory);
        }
        let mut fruitless = 0;
        while self.memory.used() + bytes > limit {
            let partition = Partition::all().nth(random.usize(..usize::from(PARTITIONS)));
            let evicted = partition.is_some_and(|partition| self.evict_from(partition, who, now, random));
            fruitless = if evicted { 0 } else { fruitless + 1 };
            if fruitless > FRUITLESS_MAX {
                return Err(OutOfMemory);
            }
        }
        Ok(())
    }

    fn evict_from(&self, partition: Partition, who: Who, now: Millis, random: &mut Rng) -> bool {
        let mut locked = self.lock_to_write(partition);
        let Some(position) = self.choose(&locked, who, now, random) else { return false };
        self.discard(&mut locked, position, |memory| memory.count_evicted(1));
        true
    }

    fn choose(&self, locked: &Locked<'_>, who: Who, now: Millis, random: &mut Rng) -> Option<u32> {
        let roster = &locked.book.roster;
        let places = u32::try_from(roster.places()).ok().filter(|&places| places > 0)?;
        let mut longest: Option<(u32, u32)> = None;
        let mut samples = 0;
        for _ in 0..TRIES_MAX {
            let position = random.u32(..places);
            let Some(entry) = roster.get(position) else { continue };
            if entry.deadline.passed(now) || self.databases.database(entry.namespace).is_none() {
                return Some(position);
            }
            if who == Who::WithDeadline && entry.deadline.moment().is_none() {
                continue;
            }
            let Some((_, item)) = locked.table.at(entry.hash, position) else { continue };
            let idle = item.idle_ticks(now);
            if longest.is_none_or(|(other, _)| idle > other) {
                longest = Some((idle, position));
            }
            samples += 1;
            if samples == SAMPLES {
                break;
            }
        }
        longest.map(|(_, position)| position)
    }
}

/// Keys compared for each one that leaves; Redis takes 5 by default and 10 where precision counts.
const SAMPLES: u32 = 8;

/// Places drawn for those samples, free ones included.
const TRIES_MAX: u32 = 48;

/// Partitions in a row without anything that may leave, after which a write is refused.
const FRUITLESS_MAX: u32 = 4 * PARTITIONS as u32;
