//! The store as a whole: its shards, their locks, and how a request gets hold of some partitions.
//!
//! Lock order, one line: shards ascending; nobody who holds one waits for anything but a later one.

use std::io;
use std::sync::Arc;

use fastrand::Rng;
use larder_proto::effect::Namespace;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;
use smallvec::SmallVec;

use super::arena::prefetch;
use super::cleaning::Large;
use super::common::Common;
use super::databases::{Database, DatabaseSize};
use super::eviction::{Eviction, EvictionChoice};
use super::held::Held;
use super::keyspace::Keyspace;
use super::memory::Memory;
use super::segment::SEGMENT_BYTES;
use super::shard::Shard;
use super::table::{Homes, Tag};
use super::value::{CollectionLimits, LiveCollectionLimits};
use crate::sync::RwLock;

/// What a store is told when it is made.
#[derive(Clone, Copy, Debug)]
pub struct StoreSettings {
    /// Limit of all memory, in bytes.
    pub memory_bytes_max: usize,
    /// What happens at the limit.
    pub eviction: Eviction,
    /// Until when collections stay compact.
    pub collection_limits: CollectionLimits,
}

/// All partitions of this node. Some neighbouring partitions are a shard: one lock, one region of memory, one table. A
/// large store has many shards, a small one few, so that what is begun and not full in each stays little.
#[derive(Debug)]
pub struct Store {
    pub(super) shards: Box<[RwLock<Shard>]>,
    /// Where their tables are, to fetch lines of them without their locks.
    homes: Box<[Arc<Homes>]>,
    /// By how much a partition's number is shifted to give its shard's.
    shard_shift: u32,
    pub(super) common: Common,
    collection_limits: LiveCollectionLimits,
}

/// What has been found out about a key.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    pub(super) partition: Partition,
    /// In which the hash was taken.
    pub(super) namespace: Namespace,
    pub(super) hash: u64,
}

/// What a request does with the partitions it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Others may read at the same time.
    Read,
    /// Nobody else may.
    Write,
}

/// The partitions of one request: ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSet(SmallVec<[Partition; 4]>);

impl PartitionSet {
    /// The partition of one key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(SmallVec::from_buf_and_len([Partition::of(key); 4], 1))
    }

    /// The partitions of some keys.
    #[must_use]
    pub fn of_all<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let mut partitions: SmallVec<[Partition; 4]> = keys.into_iter().map(Partition::of).collect();
        partitions.sort_unstable();
        partitions.dedup();
        Self(partitions)
    }

    /// Every partition.
    #[must_use]
    pub fn all() -> Self {
        Self(Partition::all().collect())
    }

    /// Adds the partitions of another set.
    pub fn join(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// No partition.
    #[must_use]
    pub fn none() -> Self {
        Self(SmallVec::new())
    }
}

impl Store {
    /// An empty store.
    ///
    /// # Errors
    /// The kernel does not give the addresses, of which there are many times the limit.
    pub fn new(settings: &StoreSettings) -> io::Result<Self> {
        let limit = settings.memory_bytes_max;
        let shards = (limit / SHARD_BYTES).clamp(1, SHARDS_MAX).next_power_of_two().min(SHARDS_MAX);
        let partitions = usize::from(PARTITIONS) / shards;
        let segments = segments_of_a_shard(limit);
        let shards: Box<[_]> =
            (0..shards).map(|_| Shard::new(segments, partitions)).collect::<io::Result<_>>()?;
        Ok(Self {
            homes: shards.iter().map(|shard| Arc::clone(&shard.homes)).collect(),
            shards: shards.into_iter().map(RwLock::new).collect(),
            shard_shift: partitions.ilog2(),
            common: Common::new(limit, EvictionChoice::new(settings.eviction))?,
            collection_limits: LiveCollectionLimits::new(settings.collection_limits),
        })
    }

    /// Locks the partitions, in ascending order, and gives what can be done with them in one database.
    #[must_use]
    #[inline]
    pub fn lock(
        &self,
        partitions: &PartitionSet,
        access: Access,
        database: Database,
        now: Millis,
    ) -> Keyspace<'_> {
        self.common.ranking.observe(now);
        let held = Held::new(self, &partitions.0, access);
        Keyspace::new(self, held, database, now)
    }

    /// Begins to look for a key, whose line of the table is fetched meanwhile.
    #[must_use]
    #[inline]
    pub fn hint(&self, database: Database, key: &[u8]) -> Hint {
        let hint = self.find_out(database, key);
        self.homes[self.shard_of(hint.partition)].prefetch(Tag::of_hash(hint.hash));
        hint
    }

    /// Goes on to look for a key, once its line of the table is there: the item is fetched meanwhile.
    #[inline]
    pub fn hint_item(&self, hint: &Hint) {
        let Some(shard) = self.shards[self.shard_of(hint.partition)].try_read() else { return };
        if let Some(at) = shard.table.candidate(Tag::of_hash(hint.hash)) {
            prefetch(&shard.region.bytes()[at as usize]);
        }
    }

    #[inline]
    fn find_out(&self, database: Database, key: &[u8]) -> Hint {
        let namespace = self.common.databases.namespace(database);
        Hint { partition: Partition::of(key), namespace, hash: self.common.hash(namespace, key) }
    }

    /// Like [`Store::lock`], for the partition of one key, of which a hint may be known.
    #[must_use]
    #[inline]
    pub fn lock_one(
        &self,
        key: &[u8],
        hint: Option<Hint>,
        access: Access,
        (database, now): (Database, Millis),
    ) -> Keyspace<'_> {
        self.common.ranking.observe(now);
        let hint = hint.unwrap_or_else(|| self.find_out(database, key));
        let held = Held::one(self, hint.partition, access);
        Keyspace::new(self, held, database, now).knowing(key, hint)
    }

    /// The memory in use and its limit.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.common.memory
    }

    /// How much a database holds.
    #[must_use]
    pub fn size(&self, database: Database) -> DatabaseSize {
        self.common.databases.size(database)
    }

    /// What happens at the memory limit.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.common.eviction.get()
    }

    /// Changes what happens at the memory limit.
    pub fn set_eviction(&self, eviction: Eviction) {
        if eviction.order() != self.eviction().order() {
            self.common.ranking.forget_levels();
        }
        self.common.eviction.set(eviction);
    }

    /// Until when collections stay compact.
    #[must_use]
    pub fn collection_limits(&self) -> CollectionLimits {
        self.collection_limits.get()
    }

    /// Changes until when collections stay compact; those that are not, stay as they are.
    pub fn set_collection_limits(&self, limits: CollectionLimits) {
        self.collection_limits.set(limits);
    }

    /// The number of a partition's shard.
    #[inline]
    pub(super) const fn shard_of(&self, partition: Partition) -> usize {
        partition.index() >> self.shard_shift
    }

    /// A partition's place within its shard.
    #[inline]
    pub(super) const fn place_in_shard(&self, partition: Partition) -> usize {
        partition.index() & ((1 << self.shard_shift) - 1)
    }

    /// Lets some shard give pages, from a random one on; whether one did. The caller holds none.
    pub(super) fn clean_some_shard(&self, random: &mut Rng, share: usize) -> bool {
        let first = random.usize(..self.shards.len());
        [Large::Ranked, Large::Any].into_iter().any(|large| self.clean_from(first, large, share))
    }

    fn clean_from(&self, first: usize, large: Large, share: usize) -> bool {
        (0..self.shards.len()).any(|offset| {
            let at = (first + offset) % self.shards.len();
            let mut shard = self.shards[at].write();
            let gave = shard.give_pages(&self.common, large, share);
            let removed = shard.take_removed();
            drop(shard);
            self.common.drop_later(removed);
            gave
        })
    }
}

/// Segments that a shard has addresses for, a power of two. All that fits the limit may come to lie in one shard; blocks
/// of large items are rounded up to powers of two, and a limit may be raised.
fn segments_of_a_shard(limit: usize) -> usize {
    let bytes = limit.saturating_mul(ADDRESSES_PER_BYTE).clamp(ADDRESS_BYTES_MIN, ADDRESS_BYTES_MAX);
    (bytes / SEGMENT_BYTES).next_power_of_two()
}

/// Memory for which there is one shard.
const SHARD_BYTES: usize = 4 << 20;

/// More locks than workers, many times, and no more: each shard has a page begun and not full in its table and in its
/// open segment.
const SHARDS_MAX: usize = 128;

const ADDRESSES_PER_BYTE: usize = 16;
const ADDRESS_BYTES_MIN: usize = 64 << 20;

/// Items are named by 32 bits.
const ADDRESS_BYTES_MAX: usize = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_ascending_and_has_each_once() {
        let set = PartitionSet::of_all([&b"a"[..], b"b", b"c", b"a"]);
        assert!(set.0.windows(2).all(|pair| pair[0] < pair[1]));
        let mut joined = PartitionSet::of(b"b");
        joined.join(&set);
        assert_eq!(joined, set);
    }
}
