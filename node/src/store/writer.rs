//! What a request may change of the partitions it holds. Each change is told as an effect, in the order of the
//! partition's lock, and to whoever watches the key.
//!
//! A writer exists over partitions that are locked for writing; dispatch locks them so because the command's row says
//! that it writes. A key whose partition is not held would be a wrong row: such a change is not made.

use std::ops::{Deref, DerefMut};

use larder_proto::effect::{Effect, EffectSink, Order, Stamp};
use larder_proto::slot::Partition;
use larder_proto::time::Deadline;

use super::common::{Common, Lookup};
use super::databases::Database;
use super::item::Kind;
use super::keyspace::{Keyspace, WrongType};
use super::shard::{Found, NewItem, Shard};
use super::told::{tell_string, tell_value};
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
        let Some((common, shard, lookup, found)) = self.find(key) else {
            let mut text = vec![0; offset];
            text.extend_from_slice(bytes);
            self.put_string(key, &text, Kind::Edited, Deadline::NEVER);
            tell_string(key, (&text, true), Deadline::NEVER, |effect| self.tell(key, effect));
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
        let Some((common, shard, _, found)) = self.find(key) else {
            self.tell_missing(key);
            return false;
        };
        shard.discard(common, &found);
        self.tell(key, &Effect::Delete { key });
        true
    }

    /// Gives a key another deadline; whether the key was there.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let Some((common, shard, lookup, found)) = self.find(key) else { return false };
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
        let Some((common, shard, _, found)) = self.find(key) else { return Ok(None) };
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
        if !collection.is_empty()
            && let Some((common, shard, lookup)) = self.seek(key)
        {
            shard.insert_object(common, &lookup, C::into_value(collection), Deadline::NEVER);
        }
        Ok(result)
    }

    /// Removes a key and hands out what was there.
    pub fn detach(&mut self, key: &[u8]) -> Option<Detached> {
        let (common, shard, _, found) = self.find(key)?;
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
        tell_value(key, &value, deadline, |effect| self.tell(key, effect));
        if let Value::String(text) = &value {
            let kind = if text.edited { Kind::Edited } else { Kind::String };
            return self.put_string(key, &text.bytes, kind, deadline);
        }
        let Some((common, shard, lookup)) = self.seek(key) else { return };
        if let Some(found) = shard.find(&lookup) {
            shard.discard(common, &found);
        }
        shard.insert_object(common, &lookup, value, deadline);
    }

    /// Removes every key of a database from the partitions held; the memory comes back in the background.
    pub fn flush(&mut self, database: Database) {
        let replaced = |other| (other == database).then_some(other);
        self.change_all(database, &Effect::Flush, replaced, |common, shard, partition| {
            shard.flush(common, partition, database);
        });
    }

    /// Removes every key from the partitions held; the memory comes back in the background.
    pub fn flush_all(&mut self) {
        self.clear(Order::FIRST);
    }

    /// Like [`Writer::flush_all`]; the databases lie in this order then.
    pub(super) fn clear(&mut self, order: Order) {
        self.change_all(Database::default(), &Effect::Clear { order }, Some, |common, shard, partition| {
            shard.clear(common, partition, order);
        });
    }

    /// Lets two databases change places in the partitions held.
    pub fn swap(&mut self, one: Database, other: Database) {
        let replaced = |database| match database {
            _ if database == one => Some(other),
            _ if database == other => Some(one),
            _ => None,
        };
        self.change_all(one, &Effect::Swap { with: other.byte() }, replaced, |common, shard, partition| {
            shard.swap(common, partition, one, other);
        });
    }

    fn put_string(&mut self, key: &[u8], bytes: &[u8], kind: Kind, deadline: Deadline) {
        let Some((common, shard, lookup)) = self.seek(key) else { return };
        shard.set(common, &NewItem { lookup, kind, deadline, value: bytes });
    }

    /// The shard of a key, and how to find the key there.
    #[inline]
    fn seek<'a>(&mut self, key: &'a [u8]) -> Option<(&'s Common, &mut Shard, Lookup<'a>)> {
        let keyspace = &mut *self.keyspace;
        let (_, lookup) = keyspace.seek(keyspace.database, key)?;
        let store = keyspace.store;
        Some((&store.common, keyspace.held.shard_mut(store.shard_of(lookup.partition))?, lookup))
    }

    /// The item under a key. One that is past its deadline is removed.
    #[inline]
    fn find<'a>(&mut self, key: &'a [u8]) -> Option<(&'s Common, &mut Shard, Lookup<'a>, Found)> {
        let now = self.now;
        let (common, shard, lookup) = self.seek(key)?;
        let found = shard.find(&lookup)?;
        if found.layout.deadline.passed(now) {
            common.memory.count_expired(1);
            common.lag.note(found.layout.deadline, now);
            shard.discard(common, &found);
            return None;
        }
        Some((common, shard, lookup, found))
    }

    /// Tells an effect on a key, in the order of its partition's lock.
    #[inline]
    pub(super) fn tell(&mut self, key: &[u8], effect: &Effect<'_>) {
        let (database, store) = (self.database, self.store);
        let partition = self.partition(key);
        let Some(shard) = self.keyspace.held.shard_mut(store.shard_of(partition)) else { return };
        shard.watchers.touch(database, key);
        let stamp = next_stamp(shard, partition, database);
        self.sink.effect(stamp, effect);
    }

    /// Tells copies that a key that is not here is gone there too: this node may have evicted it, which no effect tells, and
    /// what a client was told is deleted must not come back with another owner.
    fn tell_missing(&mut self, key: &[u8]) {
        let (database, store) = (self.database, self.store);
        if !store.common.is_copied() {
            return;
        }
        let partition = self.partition(key);
        let Some(shard) = self.keyspace.held.shard_mut(store.shard_of(partition)) else { return };
        let stamp = next_stamp(shard, partition, database);
        self.sink.effect(stamp, &Effect::Delete { key });
    }

    /// Drops a part that was taken off a collection: a large one in the background.
    pub(super) fn drop_later(&mut self, value: Value) {
        self.store.common.drop_later(vec![value]);
    }

    /// Makes the same change in every partition that is held, and tells each. Touches the watched keys that were or will
    /// be there in the databases that change: `replaced` says what takes a database's place.
    fn change_all(
        &mut self,
        database: Database,
        effect: &Effect<'_>,
        replaced: impl Fn(Database) -> Option<Database>,
        change: impl Fn(&Common, &mut Shard, Partition),
    ) {
        let Keyspace { held, partitions, store, now, .. } = &mut *self.keyspace;
        let common = &store.common;
        let mut rest = partitions.as_slice();
        for (number, shard) in held.shards_mut() {
            let count = rest.iter().take_while(|&&partition| store.shard_of(partition) == number).count();
            let (some, after) = rest.split_at(count);
            rest = after;
            shard.watchers.touch_all(|watched, key| {
                let partition = Partition::of(key);
                let has = |database| shard.has(common, (partition, database), key, *now);
                some.binary_search(&partition).is_ok()
                    && replaced(watched).is_some_and(|other| has(watched) || has(other))
            });
            for &partition in some {
                change(common, shard, partition);
                let stamp = next_stamp(shard, partition, database);
                self.sink.effect(stamp, effect);
            }
        }
    }
}

fn next_stamp(shard: &mut Shard, partition: Partition, database: Database) -> Stamp {
    let last = &mut shard.part_mut(partition).sequence;
    *last += 1;
    Stamp { partition, database: database.byte(), sequence: *last }
}

/// Bytes that a string which was written to keeps to spare: as much again as it is long, up to this, as Redis does.
pub const SPARE_BYTES_MAX: usize = 1 << 20;
