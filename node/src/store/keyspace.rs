//! What a request may read of the partitions it holds. Changing them is the writer's part.

use std::cell::Cell;

use larder_proto::slot::Partition;
use larder_proto::time::{Deadline, Millis};
use smallvec::SmallVec;

use super::common::Lookup;
use super::databases::Database;
use super::engine::{Hint, PartitionSet, Store};
use super::eviction::Eviction;
use super::held::Held;
use super::shard::Shard;
use super::table::Tag;
use super::value::{Collection, CollectionLimits, Hash, SortedSet};
use super::view::{Item, ValueRef};
use super::watch::WatchedKey;

/// The key holds a value of another type than the command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// How often a key was asked for and was or was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Keys found.
    pub hits: u32,
    /// Keys not found.
    pub misses: u32,
}

/// Some partitions, locked together, seen as one database at one moment.
///
/// Large collections that a request removed are dropped after the locks are gone.
pub struct Keyspace<'s> {
    pub(super) store: &'s Store,
    pub(super) held: Held<'s>,
    /// What was asked for; other partitions of the same shards are locked as well.
    pub(super) partitions: PartitionSet,
    pub(super) database: Database,
    pub(super) now: Millis,
    touch: bool,
    counting: bool,
    lookups: Cell<Lookups>,
    /// What is known of the key that the request names: told by where its bytes lie, which is quicker than by what they
    /// are, since the bytes stay where they are while the request is carried out.
    known: Option<(usize, usize, Hint)>,
}

impl<'s> Keyspace<'s> {
    pub(super) fn new(
        store: &'s Store,
        (held, partitions): (Held<'s>, PartitionSet),
        database: Database,
        now: Millis,
    ) -> Self {
        Self {
            store,
            held,
            partitions,
            database,
            now,
            touch: true,
            counting: true,
            lookups: Cell::default(),
            known: None,
        }
    }

    /// Remembers what is known of a key.
    #[inline]
    pub(super) fn knowing(mut self, key: &[u8], hint: Hint) -> Self {
        self.know(key, hint);
        self
    }

    pub(super) fn know(&mut self, key: &[u8], hint: Hint) {
        self.known = Some((key.as_ptr().addr(), key.len(), hint));
    }

    /// What is known of a key.
    #[inline]
    fn hint(&self, key: &[u8]) -> Option<Hint> {
        let same = |known: &(usize, usize, Hint)| (known.0, known.1) == (key.as_ptr().addr(), key.len());
        self.known.filter(same).map(|(_, _, hint)| hint)
    }

    /// The partition of a key.
    #[inline]
    pub(super) fn partition(&self, key: &[u8]) -> Partition {
        self.hint(key).map_or_else(|| Partition::of(key), |hint| hint.partition)
    }

    /// The shard of a key and how to find the key there, if its partition is held.
    #[inline]
    pub(super) fn seek<'a>(&self, database: Database, key: &'a [u8]) -> Option<(&Shard, Lookup<'a>)> {
        let hint = self.hint(key);
        let partition = hint.map_or_else(|| Partition::of(key), |hint| hint.partition);
        let shard = self.held.shard(self.store.shard_of(partition));
        debug_assert!(shard.is_some(), "the row's key positions miss a key");
        let shard = shard?;
        let namespace = shard.part(partition).namespace(database);
        let hash = match hint.filter(|hint| hint.place == namespace.place()) {
            Some(hint) => hint.hash,
            None => self.store.common.hash(namespace.place(), key),
        };
        Some((shard, Lookup { tag: Tag::of_hash(hash), hash, partition, namespace, key }))
    }

    /// Speaks of another database from here on. The partitions stay the same: a key's slot does not depend on it.
    pub const fn select(&mut self, database: Database) {
        self.database = database;
    }

    /// The database spoken of.
    #[must_use]
    pub const fn database(&self) -> Database {
        self.database
    }

    /// The moment of the request.
    #[must_use]
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// Whether reads count as uses (CLIENT NO-TOUCH, OBJECT).
    pub const fn set_touch(&mut self, touch: bool) {
        self.touch = touch;
    }

    /// Whether so many bytes more fit the memory limit as it is, without anything leaving, or room was made for them
    /// while the total sinks to a limit that was lowered.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        self.store.common.memory.allows(bytes)
    }

    /// Until when collections stay compact.
    #[must_use]
    pub fn collection_limits(&self) -> CollectionLimits {
        self.store.collection_limits()
    }

    /// What happens at the memory limit.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.store.eviction()
    }

    /// Whether keys that are found or not count as hits and misses, which they do for reads.
    pub const fn set_counting(&mut self, counting: bool) {
        self.counting = counting;
    }

    /// The item under a key, if it is there and its deadline has not passed.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Item<'_>> {
        let found = self.peek(key);
        let mut lookups = self.lookups.get();
        match &found {
            Some(item) => {
                lookups.hits += 1;
                if self.touch {
                    item.touch();
                }
            }
            None => lookups.misses += 1,
        }
        if self.counting {
            self.lookups.set(lookups);
        }
        found
    }

    /// Counts as a use of the key even where reads do not (CLIENT NO-TOUCH); whether it is there.
    pub fn touch(&self, key: &[u8]) -> bool {
        self.get(key).inspect(Item::touch).is_some()
    }

    /// Like [`Keyspace::get`], but neither a use nor a hit or miss.
    #[inline]
    pub fn peek(&self, key: &[u8]) -> Option<Item<'_>> {
        self.peek_in(self.database, key)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// The string under a key.
    ///
    /// # Errors
    /// The key holds another type.
    #[inline]
    pub fn string(&self, key: &[u8]) -> Result<Option<&[u8]>, WrongType> {
        match self.get(key).map(|item| item.value) {
            None => Ok(None),
            Some(ValueRef::String { bytes, .. }) => Ok(Some(bytes)),
            Some(ValueRef::Collection(_)) => Err(WrongType),
        }
    }

    /// The hash under a key.
    ///
    /// # Errors
    /// The key holds another type.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> Result<Option<&Hash>, WrongType> {
        self.collection(key)
    }

    /// The sorted set under a key.
    ///
    /// # Errors
    /// The key holds another type.
    #[inline]
    pub fn sorted_set(&self, key: &[u8]) -> Result<Option<&SortedSet>, WrongType> {
        self.collection(key)
    }

    /// The collection under a key.
    ///
    /// # Errors
    /// The key holds another type.
    #[inline]
    pub fn collection<C: Collection>(&self, key: &[u8]) -> Result<Option<&C>, WrongType> {
        match self.get(key).map(|item| item.value) {
            None => Ok(None),
            Some(ValueRef::String { .. }) => Err(WrongType),
            Some(ValueRef::Collection(value)) => C::of(value).ok_or(WrongType).map(Some),
        }
    }

    /// The deadline of a key that is there.
    #[must_use]
    pub fn deadline(&self, key: &[u8]) -> Option<Deadline> {
        self.peek(key).map(|item| item.deadline())
    }

    /// Whether a watched key, whose partition is held, neither expired nor was evicted since.
    #[must_use]
    pub fn is_intact(&self, watched: &WatchedKey) -> bool {
        !watched.existed || self.peek_in(watched.database, &watched.key).is_some()
    }

    /// Hits and misses since this was asked last.
    #[must_use]
    pub fn take_lookups(&self) -> Lookups {
        self.lookups.take()
    }

    #[inline]
    fn peek_in(&self, database: Database, key: &[u8]) -> Option<Item<'_>> {
        let (shard, lookup) = self.seek(database, key)?;
        let item = Item::found(&self.store.common, shard, shard.find(&lookup)?)?;
        (!item.deadline().passed(self.now)).then_some(item)
    }
}

impl Drop for Keyspace<'_> {
    fn drop(&mut self) {
        let mut removed = Vec::new();
        for (_, shard) in self.held.shards_mut() {
            removed.append(&mut shard.removed);
        }
        if !removed.is_empty() {
            self.held = Held::Read(SmallVec::new());
            self.store.common.drop_later(removed);
        }
    }
}
