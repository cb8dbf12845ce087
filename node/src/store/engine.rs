//! The store as a whole: its shards, their locks, and how a request gets hold of some partitions.
//!
//! Lock order, one line: shards ascending; nobody who holds one waits for anything but a later one.

use std::io;
use std::sync::Arc;

use fastrand::Rng;
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
use super::parts::Part;
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
    /// With which keys are hashed, so that scans go in the same order on every node that has the same; `None`: one that
    /// nobody knows.
    pub hash_seed: Option<u64>,
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
    /// What the database lay as when the hash was taken.
    pub(super) place: u8,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// One partition.
    #[must_use]
    pub fn one(partition: Partition) -> Self {
        Self(SmallVec::from_buf_and_len([partition; 4], 1))
    }

    /// Whether the partition is one of them.
    #[must_use]
    pub fn contains(&self, partition: Partition) -> bool {
        self.0.binary_search(&partition).is_ok()
    }

    /// The partitions, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[Partition] {
        &self.0
    }
}

impl IntoIterator for PartitionSet {
    type Item = Partition;
    type IntoIter = smallvec::IntoIter<[Partition; 4]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Partition> for PartitionSet {
    fn from_iter<I: IntoIterator<Item = Partition>>(partitions: I) -> Self {
        let mut set = Self(partitions.into_iter().collect());
        set.join(&Self::none());
        set
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
            common: Common::new(limit, EvictionChoice::new(settings.eviction), settings.hash_seed)?,
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
        Keyspace::new(self, (held, partitions.clone()), database, now)
    }

    /// Begins to look for a key, whose line of the table is fetched meanwhile.
    #[must_use]
    #[inline]
    pub fn hint(&self, database: Database, key: &[u8]) -> Hint {
        let hint = self.find_out(database, key);
        self.fetch(&hint);
        hint
    }

    #[inline]
    pub(super) fn fetch(&self, hint: &Hint) {
        self.homes[self.shard_of(hint.partition)].prefetch(Tag::of_hash(hint.hash));
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
    pub(super) fn find_out(&self, database: Database, key: &[u8]) -> Hint {
        let partition = Partition::of(key);
        let place = self.common.place(partition, database);
        Hint { partition, place, hash: self.common.hash(place, key) }
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
        let held = (Held::one(self, hint.partition, access), PartitionSet::one(hint.partition));
        Keyspace::new(self, held, database, now).knowing(key, hint)
    }

    /// Other nodes hold copies of what is here, from now on: removing what is not here is told to them, since they may have
    /// what this node has evicted.
    pub fn set_copied(&self) {
        self.common.set_copied();
    }

    /// The memory in use and its limit.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.common.memory
    }

    /// How much a database holds in all partitions.
    #[must_use]
    pub fn size(&self, database: Database) -> DatabaseSize {
        self.common.databases.size(database)
    }

    /// How much a database holds in some partitions.
    #[must_use]
    pub fn size_among(&self, partitions: &PartitionSet, database: Database) -> DatabaseSize {
        let mut size = DatabaseSize::default();
        self.each_part(&partitions.0, |_, part| size += part.size(database));
        size
    }

    /// How much a database holds in one partition.
    #[must_use]
    pub fn size_of(&self, partition: Partition, database: Database) -> DatabaseSize {
        self.size_among(&PartitionSet::one(partition), database)
    }

    /// Bytes of memory that the keys and values of each of some partitions take, those included that are past their
    /// deadline; what an index and half-full segments add is left out.
    pub fn each_bytes(&self, partitions: &PartitionSet, mut visit: impl FnMut(Partition, u64)) {
        self.each_part(&partitions.0, |partition, part| visit(partition, part.bytes()));
    }

    /// Like [`Store::each_bytes`] for all partitions that can be looked at without waiting for a lock.
    pub fn each_bytes_at_hand(&self, mut visit: impl FnMut(Partition, u64)) {
        for some in PartitionSet::all().0.chunk_by(|one, other| self.shard_of(*one) == self.shard_of(*other))
        {
            let Some(first) = some.first() else { continue };
            let Some(shard) = self.shards[self.shard_of(*first)].try_read() else { continue };
            some.iter().for_each(|&partition| visit(partition, shard.part(partition).bytes()));
        }
    }

    /// Whether a partition could be locked for writing at this moment without waiting.
    #[must_use]
    pub fn is_free(&self, partition: Partition) -> bool {
        self.shards[self.shard_of(partition)].try_write().is_some()
    }

    /// The bytes of one partition, as [`Store::each_bytes`] counts them.
    #[must_use]
    pub fn bytes_of(&self, partition: Partition) -> u64 {
        let mut bytes = 0;
        self.each_bytes(&PartitionSet::one(partition), |_, counted| bytes = counted);
        bytes
    }

    /// Visits some partitions, ascending, one shard locked at a time.
    fn each_part(&self, partitions: &[Partition], mut visit: impl FnMut(Partition, &Part)) {
        for some in partitions.chunk_by(|one, other| self.shard_of(*one) == self.shard_of(*other)) {
            let Some(first) = some.first() else { continue };
            let shard = self.shards[self.shard_of(*first)].read();
            some.iter().for_each(|&partition| visit(partition, shard.part(partition)));
        }
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
