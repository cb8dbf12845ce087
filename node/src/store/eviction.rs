//! What leaves at the memory limit: of a few keys drawn at random, each key as likely as any other, the one that was
//! not used for the longest time; keys past their deadline or of a flushed database before all others.

use std::sync::atomic::{AtomicU8, Ordering};

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;

use super::census::Counted;
use super::databases::Database;
use super::engine::Store;
use super::held::Locked;
use super::index::Readable;
use super::roster::{Entry, Roster};

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

/// A key that may leave.
struct Candidate {
    partition: Partition,
    position: u32,
    entry: Entry,
    idle_ticks: u32,
}

impl Store {
    /// Evicts until so many bytes more fit below the limit. Where the limit was lowered far below what is in use, a
    /// bounded number of keys leaves, and at least what the request needs: the total shrinks from write to write, and
    /// the rest leaves by [`Store::shrink`]. Locks one partition at a time; the caller holds none.
    ///
    /// # Errors
    /// They do not fit beside what cannot be evicted, and nothing was evicted; or nothing that may leave is left.
    #[inline]
    pub fn make_room(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        if self.memory.used().saturating_add(bytes) <= self.memory.limit() {
            return Ok(());
        }
        self.make_room_by_evicting(bytes, now, random).inspect_err(|_| self.memory.grant(0))
    }

    /// Evicts a bounded number of keys while more memory is in use than the limit allows; how many left. For the
    /// background, so that a node without writes gets below a limit that was lowered.
    pub fn shrink(&self, now: Millis, random: &mut Rng) -> usize {
        let who = self.eviction.get().who();
        let is_above = || {
            let limit = self.memory.limit();
            // Above the limit by its buffers alone, the node would throw away everything for nothing.
            self.memory.used() > limit && self.memory.buffers() <= limit
        };
        let mut evicted = 0;
        while evicted < SHRINK_KEYS_MAX && is_above() && self.evict_one(who, now, random).is_some() {
            evicted += 1;
        }
        evicted
    }

    #[cold]
    fn make_room_by_evicting(&self, bytes: usize, now: Millis, random: &mut Rng) -> Result<(), OutOfMemory> {
        let limit = self.memory.limit();
        let who = self.eviction.get().who();
        self.memory.note_peak();
        let (mut evicted, mut freed) = (0, 0);
        loop {
            let used = self.memory.used();
            if used.saturating_add(bytes) <= limit {
                return Ok(());
            }
            if self.memory.buffers().saturating_add(bytes) > limit {
                return Err(OutOfMemory);
            }
            if evicted >= REQUEST_KEYS_MAX && freed >= bytes && used > limit {
                self.memory.grant(used + bytes);
                return Ok(());
            }
            freed += self.evict_one(who, now, random).ok_or(OutOfMemory)?;
            evicted += 1;
        }
    }

    /// Evicts one key and tells the bytes that this gave back; `None` if all partitions were looked through and hold
    /// nothing that may leave.
    fn evict_one(&self, who: Who, now: Millis, random: &mut Rng) -> Option<usize> {
        let counted = self.leaving(who)?;
        let drawn = (0..DRAWS_MAX)
            .find_map(|_| self.draw(counted, who, now, random).and_then(|key| self.evict(&key)));
        drawn.or_else(|| self.search(counted, who, now, random))
    }

    /// By what partitions are weighted for those who may leave; `None` if the counts tell that nobody may.
    fn leaving(&self, who: Who) -> Option<Counted> {
        let flushed = || {
            let live: usize = Database::all().map(|database| self.databases.size(database).keys).sum();
            self.census.total(Counted::Keys) != live as u64
        };
        match who {
            Who::Nobody => None,
            Who::Anybody => Some(Counted::Keys),
            Who::WithDeadline if self.census.total(Counted::Deadlines) > 0 => Some(Counted::Deadlines),
            // What a flush left behind may leave under any policy that lets anything.
            Who::WithDeadline => flushed().then_some(Counted::Keys),
        }
    }

    /// The better of two partitions' bests. A key alone in its partition, always the best there, would lose to most.
    fn draw(&self, counted: Counted, who: Who, now: Millis, random: &mut Rng) -> Option<Candidate> {
        let partitions = self.census.draw_two(counted, random)?;
        let bests = partitions.map(|partition| {
            let (table, book) = self.lock_to_walk(partition);
            let places = u32::try_from(book.roster.places()).ok().filter(|&places| places > 0)?;
            let drawn = (0..TRIES_MAX).map(|_| random.u32(..places));
            self.best(partition, (&table, &book.roster), drawn, (who, now))
        });
        bests.into_iter().flatten().max_by_key(|candidate| candidate.idle_ticks)
    }

    /// Looks through all partitions, from a random one on, and evicts from the first that holds somebody who may leave;
    /// under one lock, so that nobody else takes the key that was found.
    fn search(&self, counted: Counted, who: Who, now: Millis, random: &mut Rng) -> Option<usize> {
        let first = random.u16(..PARTITIONS);
        (0..PARTITIONS).find_map(|offset| {
            let partition = Partition::new((first + offset) % PARTITIONS)?;
            if self.census.count(counted, partition) == 0 {
                return None;
            }
            let locked = self.lock_to_write(partition);
            let places = u32::try_from(locked.book.roster.places()).ok().filter(|&places| places > 0)?;
            let start = random.u32(..places);
            let positions = (start..places).chain(0..start);
            let best = self.best(partition, (&locked.table, &locked.book.roster), positions, (who, now));
            self.evict_from(locked, best?.position)
        })
    }

    /// Of the first few at these places who may leave, the one to leave first.
    fn best(
        &self,
        partition: Partition,
        (table, roster): (&impl Readable, &Roster),
        positions: impl Iterator<Item = u32>,
        (who, now): (Who, Millis),
    ) -> Option<Candidate> {
        let weigh = |position: u32| {
            let entry = *roster.get(position)?;
            let gone = entry.deadline.passed(now) || self.databases.database(entry.namespace).is_none();
            let may_leave = gone || who == Who::Anybody || entry.deadline.moment().is_some();
            let (_, item) = table.at(entry.hash, position).filter(|_| may_leave)?;
            let idle_ticks = if gone { u32::MAX } else { item.idle_ticks(now) };
            Some(Candidate { partition, position, entry, idle_ticks })
        };
        positions.filter_map(weigh).take(SAMPLES).max_by_key(|candidate| candidate.idle_ticks)
    }

    /// Evicts a key that was chosen before its partition was locked for that; `None` if it has left or changed since.
    fn evict(&self, candidate: &Candidate) -> Option<usize> {
        let locked = self.lock_to_write(candidate.partition);
        let is_same = locked.book.roster.get(candidate.position) == Some(&candidate.entry);
        if is_same { self.evict_from(locked, candidate.position) } else { None }
    }

    fn evict_from(&self, mut locked: Locked<'_>, position: u32) -> Option<usize> {
        let discarded = self.discard(&mut locked, position, |memory| memory.count_evicted(1))?;
        // A large value takes long to drop.
        drop(locked);
        Some(discarded.bytes)
    }
}

/// Keys compared in each of two partitions for each one that leaves; Redis takes 5 by default and 10 where precision
/// counts.
const SAMPLES: usize = 4;

/// Places drawn for those samples, free ones included.
const TRIES_MAX: usize = 24;

/// Draws that may find nobody, or somebody who leaves meanwhile, before all partitions are looked through.
const DRAWS_MAX: usize = 4;

/// Keys that leave for one request, unless it needs the memory of more.
const REQUEST_KEYS_MAX: usize = 256;

/// Keys that leave in one step of the background.
const SHRINK_KEYS_MAX: usize = 256;

#[cfg(test)]
mod tests;
