//! What a request may change of the partitions it holds. Each change is told as an effect, in the order of the
//! partition's lock, and to whoever watches the key.
//!
//! A writer exists over partitions that are locked for writing; dispatch locks them so because the command's row says
//! that it writes. A key whose partition is not held would be a wrong row: such a change is not made.

use std::ops::{Deref, DerefMut};

use larder_proto::effect::{Effect, EffectSink, Namespace, Side, Stamp};
use larder_proto::slot::Partition;
use larder_proto::time::Deadline;

use super::common::{Common, Lookup};
use super::databases::Database;
use super::engine::Store;
use super::item::Kind;
use super::keyspace::{Keyspace, WrongType};
use super::shard::{Found, NewItem, Shard};
use super::value::{Collection, Detached, Hash, Text, Value};

/// Partitions locked for writing, and where the effects go.
pub struct Writer<'k, 's> {
    keyspace: &'k mut Keyspace<'s>,
    sink: &'k mut dyn EffectSink,
}

impl<'s> Deref for Writer<'_, 's> {
    type Target = Keyspace<'s>;

    fn deref(&self) -> &Keyspace<'s> {
        self.keyspace
    }
}

impl DerefMut for Writer<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.keyspace
    }
}

impl<'k, 's> Writer<'k, 's> {
    /// Changes what the keyspace holds, and tells `sink`.
    pub fn new(keyspace: &'k mut Keyspace<'s>, sink: &'k mut dyn EffectSink) -> Self {
        Self { keyspace, sink }
    }

    /// Puts a string under a key, whatever was there.
    pub fn set(&mut self, key: &[u8], bytes: &[u8], deadline: Deadline) {
        self.put_string(key, bytes, Kind::String, deadline);
        self.tell(key, &Effect::Set { key, value: bytes, deadline });
    }

    /// Writes bytes at an offset of the string under a key; the gap before is filled with zeros, a missing key is an
    /// empty string. Returns the string's new length in bytes.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn patch(&mut self, key: &[u8], offset: usize, bytes: &[u8]) -> Result<usize, WrongType> {
        let lookup = self.lookup(key);
        let Some((common, shard, found)) = self.find(&lookup) else {
            let mut text = vec![0; offset];
            text.extend_from_slice(bytes);
            self.put_string(key, &text, Kind::Edited, Deadline::NEVER);
            self.tell(key, &Effect::Set { key, value: &text, deadline: Deadline::NEVER });
            return Ok(text.len());
        };
        if found.layout.kind == Kind::Object {
            return Err(WrongType);
        }
        let length = found.layout.value(shard.region.bytes()).len().max(offset + bytes.len());
        shard.table.set_usage(found.place, common.ranking.touched(shard.table.usage(found.place)));
        if !shard.patch(common, &found, offset, bytes) {
            let mut text = Vec::with_capacity(length);
            text.extend_from_slice(found.layout.value(shard.region.bytes()));
            text.resize(length, 0);
            text[offset..offset + bytes.len()].copy_from_slice(bytes);
            let (kind, deadline) = (Kind::Edited, found.layout.deadline);
            let item = NewItem { lookup, kind, deadline, value: &text };
            shard.set_with_room(common, &found, &item, length.min(SPARE_BYTES_MAX));
        }
        self.tell(key, &Effect::Patch { key, offset: offset as u64, bytes });
        Ok(length)
    }

    /// Removes a key; whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let lookup = self.lookup(key);
        let Some((common, shard, found)) = self.find(&lookup) else { return false };
        shard.discard(common, &found);
        self.tell(key, &Effect::Delete { key });
        true
    }

    /// Gives a key another deadline; whether the key was there.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let lookup = self.lookup(key);
        let Some((common, shard, found)) = self.find(&lookup) else { return false };
        shard.set_deadline(common, &lookup, &found, deadline);
        self.tell(key, &Effect::Deadline { key, deadline });
        true
    }

    /// Sets a field of the hash under a key, which is made if the key is not there; whether the field is new.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn hash_set(&mut self, key: &[u8], field: &[u8], value: &[u8]) -> Result<bool, WrongType> {
        let limits = self.collection_limits().hash;
        let (is_new, created) =
            self.edit_or_create(key, |hash: &mut Hash, created| (hash.set(field, value, limits), created))?;
        self.tell(key, &Effect::HashSet { key, field, value, created });
        Ok(is_new)
    }

    /// Removes a field of the hash under a key, and the key with its last field; whether the field was there.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn hash_remove(&mut self, key: &[u8], field: &[u8]) -> Result<bool, WrongType> {
        let removed = self.edit(key, |hash: &mut Hash| hash.remove(field))?.unwrap_or(false);
        if removed {
            self.tell(key, &Effect::HashDelete { key, field });
        }
        Ok(removed)
    }

    /// Changes the collection under a key; `None` if the key is not there. A collection that is empty afterwards is
    /// removed with its key. The caller tells the effect.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub(super) fn edit<C: Collection, R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut C) -> R,
    ) -> Result<Option<R>, WrongType> {
        let lookup = self.lookup(key);
        let Some((common, shard, found)) = self.find(&lookup) else { return Ok(None) };
        if found.layout.kind != Kind::Object {
            return Err(WrongType);
        }
        let edited = shard.edit_object(common, &found, |value| {
            let collection = C::of_mut(value)?;
            let result = edit(collection);
            Some((result, collection.is_empty()))
        });
        let (result, empty) = edited.flatten().ok_or(WrongType)?;
        shard.table.set_usage(found.place, common.ranking.touched(shard.table.usage(found.place)));
        if empty {
            shard.discard(common, &found);
        }
        Ok(Some(result))
    }

    /// Changes the collection under a key, which is made if the key is not there: `edit` is told whether it was.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub(super) fn edit_or_create<C: Collection, R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut C, bool) -> R,
    ) -> Result<R, WrongType> {
        let mut edit = Some(edit);
        let changed = self.edit(key, |collection| edit.take().map(|edit| edit(collection, false)))?;
        if let Some(result) = changed.flatten() {
            return Ok(result);
        }
        let mut collection = Box::<C>::default();
        let result = edit.take().map(|edit| edit(&mut collection, true)).ok_or(WrongType)?;
        if !collection.is_empty() {
            let lookup = self.lookup(key);
            if let Some((common, shard)) = self.shard(key) {
                shard.insert_object(common, &lookup, C::into_value(collection), Deadline::NEVER);
            }
        }
        Ok(result)
    }

    /// Removes a key and hands out what was there.
    pub fn detach(&mut self, key: &[u8]) -> Option<Detached> {
        let lookup = self.lookup(key);
        let (common, shard, found) = self.find(&lookup)?;
        let layout = found.layout;
        let text = (layout.kind != Kind::Object).then(|| layout.value(shard.region.bytes()).to_vec());
        let value = match (shard.remove(common, &found), text) {
            (Some(value), _) => value,
            (None, Some(bytes)) => Value::String(Text { bytes, edited: layout.kind == Kind::Edited }),
            (None, None) => return None,
        };
        self.tell(key, &Effect::Delete { key });
        Some(Detached { deadline: layout.deadline, value })
    }

    /// Puts a value under a key, whatever was there.
    pub fn attach(&mut self, key: &[u8], detached: Detached) {
        let Detached { value, deadline } = detached;
        self.tell_whole(key, &value, deadline);
        if let Value::String(text) = &value {
            let kind = if text.edited { Kind::Edited } else { Kind::String };
            return self.put_string(key, &text.bytes, kind, deadline);
        }
        let lookup = self.lookup(key);
        let Some((common, shard)) = self.shard(key) else { return };
        if let Some(found) = shard.find(&lookup) {
            shard.discard(common, &found);
        }
        shard.insert_object(common, &lookup, value, deadline);
    }

    /// Removes every key of a database at once; the memory comes back in the background. Every partition is held.
    pub fn flush(&mut self, database: Database) {
        let databases = &self.store.common.databases;
        let namespace = databases.namespace(database);
        self.touch_watchers(database, namespace, namespace);
        self.tell_all(namespace, &Effect::Flush);
        self.store.common.databases.flush(database);
        self.store.common.count_flush();
        self.keyspace.namespace = self.store.common.databases.namespace(self.database);
    }

    /// Lets two databases change places. Every partition is held.
    pub fn swap(&mut self, one: Database, other: Database) {
        let databases = &self.store.common.databases;
        let (first, second) = (databases.namespace(one), databases.namespace(other));
        self.touch_watchers(one, first, second);
        self.touch_watchers(other, first, second);
        self.tell_all(first, &Effect::Swap { with: second });
        self.store.common.databases.swap(one, other);
        self.keyspace.namespace = self.store.common.databases.namespace(self.database);
    }

    fn put_string(&mut self, key: &[u8], bytes: &[u8], kind: Kind, deadline: Deadline) {
        let lookup = self.lookup(key);
        let Some((common, shard)) = self.shard(key) else { return };
        shard.set(common, &NewItem { lookup, kind, deadline, value: bytes });
    }

    /// The shard of a key.
    #[inline]
    fn shard(&mut self, key: &[u8]) -> Option<(&'s Common, &mut Shard)> {
        let store = self.keyspace.store;
        Some((&store.common, self.keyspace.held.shard_mut(store, key)?))
    }

    /// The item under a key. One that is past its deadline is removed.
    #[inline]
    fn find(&mut self, lookup: &Lookup<'_>) -> Option<(&'s Common, &mut Shard, Found)> {
        let now = self.now;
        let (common, shard) = self.shard(lookup.key)?;
        let found = shard.find(lookup)?;
        if found.layout.deadline.passed(now) {
            common.memory.count_expired(1);
            common.lag.note(found.layout.deadline, now);
            shard.discard(common, &found);
            return None;
        }
        Some((common, shard, found))
    }

    /// Tells an effect on a key, in the order of its partition's lock.
    #[inline]
    pub(super) fn tell(&mut self, key: &[u8], effect: &Effect<'_>) {
        let (database, namespace, store) = (self.database, self.namespace, self.store);
        let partition = self.partition(key);
        let Some(shard) = self.keyspace.held.shard_mut(store, key) else { return };
        shard.watchers.touch(database, key);
        let stamp = next_stamp(store, shard, partition, namespace);
        self.sink.effect(stamp, effect);
    }

    /// Tells a value that appears under a key as a whole.
    fn tell_whole(&mut self, key: &[u8], value: &Value, deadline: Deadline) {
        match value {
            Value::String(text) => self.tell(key, &Effect::Set { key, value: &text.bytes, deadline }),
            Value::Hash(hash) => {
                for (number, (field, value)) in hash.iter().enumerate() {
                    self.tell(key, &Effect::HashSet { key, field, value, created: number == 0 });
                }
                self.tell_deadline(key, deadline);
            }
            Value::Set(set) => {
                for (number, member) in set.iter().enumerate() {
                    self.tell(key, &Effect::SetAdd { key, member: &member, created: number == 0 });
                }
                self.tell_deadline(key, deadline);
            }
            Value::SortedSet(set) => {
                for (number, entry) in set.iter().enumerate() {
                    let (member, score) = (entry.member, entry.score);
                    self.tell(key, &Effect::SortedSetAdd { key, member, score, created: number == 0 });
                }
                self.tell_deadline(key, deadline);
            }
            Value::List(list) => {
                for (number, value) in list.iter_from(0).enumerate() {
                    self.tell(key, &Effect::ListPush { key, side: Side::Right, value, created: number == 0 });
                }
                self.tell_deadline(key, deadline);
            }
        }
    }

    /// Tells the deadline of a collection, whose other effects carry none.
    fn tell_deadline(&mut self, key: &[u8], deadline: Deadline) {
        if deadline != Deadline::NEVER {
            self.tell(key, &Effect::Deadline { key, deadline });
        }
    }

    /// Drops a part that was taken off a collection: a large one in the background.
    pub(super) fn drop_later(&mut self, value: Value) {
        self.store.common.drop_later(vec![value]);
    }

    /// Tells every partition that is held the same effect.
    fn tell_all(&mut self, namespace: Namespace, effect: &Effect<'_>) {
        let store = self.store;
        let Keyspace { held, .. } = &mut *self.keyspace;
        for (number, shard) in held.shards_mut() {
            for partition in Partition::all().filter(|&partition| store.shard_of(partition) == number) {
                let stamp = next_stamp(store, shard, partition, namespace);
                self.sink.effect(stamp, effect);
            }
        }
    }

    /// Touches the watched keys of a database that exist in either namespace: what it was, what it will be.
    fn touch_watchers(&mut self, database: Database, before: Namespace, after: Namespace) {
        let Keyspace { held, store, now, .. } = &mut *self.keyspace;
        for (_, shard) in held.shards_mut() {
            shard.watchers.touch_all(database, |key| {
                [before, after].into_iter().any(|space| {
                    let found = shard.find(&store.common.lookup(space, key));
                    found.is_some_and(|found| !found.layout.deadline.passed(*now))
                })
            });
        }
    }
}

fn next_stamp(store: &Store, shard: &mut Shard, partition: Partition, namespace: Namespace) -> Stamp {
    let last = &mut shard.sequences[store.place_in_shard(partition)];
    *last += 1;
    Stamp { partition, namespace, sequence: *last }
}

/// Bytes that a string which was written to keeps to spare: as much again as it is long, up to this, as Redis does.
pub const SPARE_BYTES_MAX: usize = 1 << 20;
