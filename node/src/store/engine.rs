//! The store as a whole: its partitions, their locks, and how a request gets hold of some of them.
//!
//! Lock order, one line: partitions ascending; of each, its table first and then its book.

use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::census::Census;
use super::databases::{Database, DatabaseSize, Databases};
use super::eviction::{Eviction, EvictionChoice};
use super::held::{Held, Locked};
use super::index::{Index, ReadTable};
use super::keyspace::Keyspace;
use super::memory::Memory;
use super::roster::Roster;
use super::value::{CollectionLimits, LiveCollectionLimits};
use super::watch::Watchers;

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

/// All partitions of this node.
#[derive(Debug)]
pub struct Store {
    pub(super) index: Index,
    books: Box<[Mutex<Book>]>,
    pub(super) databases: Databases,
    pub(super) memory: Memory,
    pub(super) census: Census,
    pub(super) eviction: EvictionChoice,
    collection_limits: LiveCollectionLimits,
}

/// What a partition knows beside its table. Taken only after the table's lock, by whoever writes or walks.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) roster: Roster,
    pub(super) watchers: Watchers,
    /// Number of the last effect.
    pub(super) sequence: u64,
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
    #[must_use]
    pub fn new(settings: &StoreSettings) -> Self {
        Self {
            index: Index::new(),
            books: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
            databases: Databases::new(),
            memory: Memory::new(settings.memory_bytes_max),
            census: Census::new(),
            eviction: EvictionChoice::new(settings.eviction),
            collection_limits: LiveCollectionLimits::new(settings.collection_limits),
        }
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
        let held = match access {
            Access::Read => Held::Read(partitions.0.iter().map(|&at| (at, self.index.read(at))).collect()),
            Access::Write => Held::Write(partitions.0.iter().map(|&at| self.lock_to_write(at)).collect()),
        };
        Keyspace::new(self, held, database, now)
    }

    /// The memory in use and its limit.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How much a database holds.
    #[must_use]
    pub fn size(&self, database: Database) -> DatabaseSize {
        self.databases.size(database)
    }

    /// What happens at the memory limit.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.eviction.get()
    }

    /// Changes what happens at the memory limit.
    pub fn set_eviction(&self, eviction: Eviction) {
        self.eviction.set(eviction);
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

    pub(super) fn lock_to_write(&self, partition: Partition) -> Locked<'_> {
        let table = self.index.write(partition);
        Locked { partition, table, book: self.books[partition.index()].lock() }
    }

    pub(super) fn lock_to_walk(
        &self,
        partition: Partition,
    ) -> (ReadTable<'_>, parking_lot::MutexGuard<'_, Book>) {
        let table = self.index.read(partition);
        (table, self.books[partition.index()].lock())
    }
}

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
