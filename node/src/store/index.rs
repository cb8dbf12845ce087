//! The map from keys to items: a `dashmap` whose shards are the partitions. The only user of dashmap; the rest of
//! the store sees tables that are locked for reading or for writing.
//!
//! The shard of a key is its partition, known before from the key's slot, so the map's own choice of a shard is not
//! used: `raw-api` gives the shard's lock and table, and a request hashes its key once.

use std::hash::BuildHasher;

use dashmap::{DashMap, RwLockReadGuard, RwLockWriteGuard, SharedValue};
use foldhash::quality::RandomState;
use hashbrown::raw::RawTable;
use larder_proto::effect::Namespace;
use larder_proto::slot::{PARTITIONS, Partition};

use super::item::{Item, Key};
use super::value::heap_bytes;

type Slot = (Key, SharedValue<Item>);
type Table = RawTable<Slot>;

/// The map.
#[derive(Debug)]
pub(super) struct Index {
    map: DashMap<Key, Item, RandomState>,
    hasher: RandomState,
}

/// A key on its way to its place in a table.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) hash: u64,
    pub(super) namespace: Namespace,
    pub(super) key: &'a [u8],
}

impl Index {
    pub(super) fn new() -> Self {
        let hasher = RandomState::default();
        let map =
            DashMap::with_capacity_and_hasher_and_shard_amount(0, hasher.clone(), usize::from(PARTITIONS));
        Self { map, hasher }
    }

    #[inline]
    pub(super) fn lookup<'a>(&self, namespace: Namespace, key: &'a [u8]) -> Lookup<'a> {
        Lookup { hash: hash(&self.hasher, namespace, key), namespace, key }
    }

    pub(super) fn read(&self, partition: Partition) -> ReadTable<'_> {
        ReadTable { table: self.map.shards()[partition.index()].read() }
    }

    pub(super) fn write(&self, partition: Partition) -> WriteTable<'_> {
        WriteTable { table: self.map.shards()[partition.index()].write(), hasher: &self.hasher }
    }
}

/// A partition's table, locked for reading.
pub(super) struct ReadTable<'i> {
    table: RwLockReadGuard<'i, Table>,
}

/// A partition's table, locked for writing.
pub(super) struct WriteTable<'i> {
    table: RwLockWriteGuard<'i, Table>,
    hasher: &'i RandomState,
}

/// What can be read of a locked table.
pub(super) trait Readable {
    fn table(&self) -> &Table;

    #[inline]
    fn get(&self, lookup: &Lookup<'_>) -> Option<&Item> {
        self.table().get(lookup.hash, |slot| is(slot, lookup)).map(|slot| slot.1.get())
    }

    /// The entry with this hash that stands at this place of the roster.
    fn at(&self, hash: u64, position: u32) -> Option<(&Key, &Item)> {
        let found = self.table().get(hash, |slot| slot.1.get().position == position)?;
        Some((&found.0, found.1.get()))
    }
}

impl Readable for ReadTable<'_> {
    fn table(&self) -> &Table {
        &self.table
    }
}

impl Readable for WriteTable<'_> {
    fn table(&self) -> &Table {
        &self.table
    }
}

impl WriteTable<'_> {
    /// Number of items.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, lookup: &Lookup<'_>) -> Option<&mut Item> {
        self.table.get_mut(lookup.hash, |slot| is(slot, lookup)).map(|slot| slot.1.get_mut())
    }

    /// Adds an item under a key that is not there; bytes by which the table grew.
    pub(super) fn insert(&mut self, lookup: &Lookup<'_>, item: Item) -> usize {
        let before = self.bytes();
        let key = Key { bytes: lookup.key.into(), namespace: lookup.namespace };
        let hasher = self.hasher;
        let rehash = |slot: &Slot| hash(hasher, slot.0.namespace, &slot.0.bytes);
        self.table.insert(lookup.hash, (key, SharedValue::new(item)), rehash);
        self.bytes() - before
    }

    /// Takes out an item, and the bytes by which the table shrank.
    pub(super) fn remove(&mut self, lookup: &Lookup<'_>) -> Option<(Item, usize)> {
        let (_, item) = self.table.remove_entry(lookup.hash, |slot| is(slot, lookup))?;
        Some((item.into_inner(), self.shrink()))
    }

    /// Takes out the entry with this hash that stands at this place of the roster.
    pub(super) fn remove_at(&mut self, hash: u64, position: u32) -> Option<(Key, Item, usize)> {
        let (key, item) = self.table.remove_entry(hash, |slot| slot.1.get().position == position)?;
        Some((key, item.into_inner(), self.shrink()))
    }

    /// Bytes on the heap of the table itself.
    pub(super) fn bytes(&self) -> usize {
        let buckets = self.table.buckets();
        // The shared empty table has one bucket and no allocation.
        if buckets <= 1 { 0 } else { heap_bytes(buckets * (size_of::<Slot>() + 1) + 16) }
    }

    /// A table that is mostly empty gives memory back, an empty one all of it; halving at an eighth keeps growth and
    /// shrinking apart.
    fn shrink(&mut self) -> usize {
        let length = self.table.len();
        let is_small = self.table.buckets() <= SHRINK_BUCKETS_MIN;
        if length > 0 && (is_small || length * 8 > self.table.buckets()) {
            return 0;
        }
        let before = self.bytes();
        let hasher = self.hasher;
        self.table.shrink_to(length * 2, |slot| hash(hasher, slot.0.namespace, &slot.0.bytes));
        before - self.bytes()
    }
}

#[inline]
fn is(slot: &Slot, lookup: &Lookup<'_>) -> bool {
    slot.0.namespace == lookup.namespace && *slot.0.bytes == *lookup.key
}

#[inline]
fn hash(hasher: &RandomState, namespace: Namespace, key: &[u8]) -> u64 {
    hasher.hash_one((namespace, key))
}

/// Tables this small stay as they are.
const SHRINK_BUCKETS_MIN: usize = 16;
