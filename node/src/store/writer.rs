//! What a request may change of the partitions it holds. Each change is told as an effect, in the order of the
//! partition's lock, and to whoever watches the key.
//!
//! A writer exists over partitions that are locked for writing; dispatch locks them so because the command's row says
//! that it writes. A key whose partition is not held would be a wrong row: such a change is not made.

use std::ops::{Deref, DerefMut};

use larder_proto::effect::{Effect, EffectSink, Namespace, Stamp};
use larder_proto::time::Deadline;

use super::databases::Database;
use super::engine::{Book, Store};
use super::held::{Held, Locked};
use super::index::{Lookup, Readable};
use super::item::Item;
use super::keyspace::{Keyspace, WrongType};
use super::roster::Entry;
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
        let lookup = self.lookup(key);
        if !self.overwrite_string(&lookup, bytes, deadline) {
            self.insert(&lookup, Value::string(bytes), deadline);
        }
        self.tell(key, &Effect::Set { key, value: bytes, deadline });
    }

    /// Writes bytes at an offset of the string under a key; the gap before is filled with zeros, a missing key is an
    /// empty string. Returns the string's new length in bytes.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn patch(&mut self, key: &[u8], offset: usize, bytes: &[u8]) -> Result<usize, WrongType> {
        let lookup = self.lookup(key);
        self.purge_expired(&lookup);
        let Keyspace { held, grown_bytes, now, .. } = &mut *self.keyspace;
        let Some(locked) = held.locked(key) else { return Ok(0) };
        let Some(item) = locked.table.get_mut(&lookup) else {
            let mut text = vec![0; offset];
            text.extend_from_slice(bytes);
            self.insert(&lookup, Value::String(Text { bytes: text.clone(), edited: true }), Deadline::NEVER);
            self.tell(key, &Effect::Set { key, value: &text, deadline: Deadline::NEVER });
            return Ok(text.len());
        };
        let before = item.value.heap_bytes();
        let Value::String(text) = &mut item.value else { return Err(WrongType) };
        write_at(&mut text.bytes, offset, bytes);
        text.edited = true;
        let length = text.bytes.len();
        item.touch(*now);
        *grown_bytes += item.value.heap_bytes() as i64 - before as i64;
        self.tell(key, &Effect::Patch { key, offset: offset as u64, bytes });
        Ok(length)
    }

    /// Removes a key; whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let Some(item) = self.detach(key) else { return false };
        self.drop_later(item.value);
        true
    }

    /// Gives a key another deadline; whether the key was there.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let lookup = self.lookup(key);
        self.purge_expired(&lookup);
        let Keyspace { held, store, database, .. } = &mut *self.keyspace;
        let Some(locked) = held.locked(key) else { return false };
        let Some(item) = locked.table.get_mut(&lookup) else { return false };
        let count = move_deadline(item, &mut locked.book, deadline);
        count_deadlines(store, *database, locked, count);
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
        self.purge_expired(&lookup);
        let Keyspace { held, grown_bytes, now, .. } = &mut *self.keyspace;
        let Some(locked) = held.locked(key) else { return Ok(None) };
        let Some(item) = locked.table.get_mut(&lookup) else { return Ok(None) };
        let before = item.value.heap_bytes();
        let collection = C::of_mut(&mut item.value).ok_or(WrongType)?;
        let result = edit(collection);
        let empty = collection.is_empty();
        item.touch(*now);
        *grown_bytes += item.value.heap_bytes() as i64 - before as i64;
        if empty {
            self.remove(&lookup);
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
            self.insert(&lookup, C::into_value(collection), Deadline::NEVER);
        }
        Ok(result)
    }

    /// Removes a key and hands out what was there.
    pub fn detach(&mut self, key: &[u8]) -> Option<Detached> {
        let lookup = self.lookup(key);
        self.purge_expired(&lookup);
        let item = self.remove(&lookup)?;
        self.tell(key, &Effect::Delete { key });
        Some(Detached { deadline: item.deadline, value: item.value })
    }

    /// Puts a value under a key, whatever was there.
    pub fn attach(&mut self, key: &[u8], detached: Detached) {
        let lookup = self.lookup(key);
        let Detached { value, deadline } = detached;
        self.tell_whole(key, &value, deadline);
        let mut value = Some(value);
        self.overwrite(&lookup, deadline, |old| value.take().map(|new| std::mem::replace(old, new)));
        if let Some(value) = value {
            self.insert(&lookup, value, deadline);
        }
    }

    /// Removes every key of a database at once; the memory comes back in the background. Every partition is held.
    pub fn flush(&mut self, database: Database) {
        let namespace = self.store.databases.namespace(database);
        self.touch_watchers(database, namespace, namespace);
        self.tell_all(namespace, &Effect::Flush);
        self.store.databases.flush(database);
        self.keyspace.namespace = self.store.databases.namespace(self.database);
    }

    /// Lets two databases change places. Every partition is held.
    pub fn swap(&mut self, one: Database, other: Database) {
        let (first, second) = (self.store.databases.namespace(one), self.store.databases.namespace(other));
        self.touch_watchers(one, first, second);
        self.touch_watchers(other, first, second);
        self.tell_all(first, &Effect::Swap { with: second });
        self.store.databases.swap(one, other);
        self.keyspace.namespace = self.store.databases.namespace(self.database);
    }

    /// Drops a value: a large one after the locks are gone.
    fn drop_later(&mut self, value: Value) {
        if value.heap_bytes() >= DROP_LATER_BYTES_MIN {
            self.keyspace.removed.push(value);
        }
    }

    /// Replaces the value of a key that is there by a string, in the old one's memory where it fits.
    fn overwrite_string(&mut self, lookup: &Lookup<'_>, bytes: &[u8], deadline: Deadline) -> bool {
        self.overwrite(lookup, deadline, |old| match old {
            Value::String(text) if fits(&text.bytes, bytes.len()) => {
                text.bytes.clear();
                text.bytes.extend_from_slice(bytes);
                text.edited = false;
                None
            }
            value => Some(std::mem::replace(value, Value::string(bytes))),
        })
    }

    /// Changes value and deadline of a key that is there; whether it is. The key keeps its place, so that a scan under
    /// way finds it. `put` returns the old value unless it was changed in place.
    #[inline]
    fn overwrite(
        &mut self,
        lookup: &Lookup<'_>,
        deadline: Deadline,
        put: impl FnOnce(&mut Value) -> Option<Value>,
    ) -> bool {
        let Keyspace { held, grown_bytes, now, store, database, .. } = &mut *self.keyspace;
        let Some(locked) = held.locked(lookup.key) else { return false };
        let Some(item) = locked.table.get_mut(lookup) else { return false };
        let before = item.value.heap_bytes();
        let old = put(&mut item.value);
        item.touch(*now);
        *grown_bytes += item.value.heap_bytes() as i64 - before as i64;
        let count = move_deadline(item, &mut locked.book, deadline);
        count_deadlines(store, *database, locked, count);
        if let Some(old) = old {
            self.drop_later(old);
        }
        true
    }

    fn insert(&mut self, lookup: &Lookup<'_>, value: Value, deadline: Deadline) {
        let Keyspace { held, grown_bytes, now, store, database, .. } = &mut *self.keyspace;
        let Some(locked) = held.locked(lookup.key) else { return };
        let entry = Entry { hash: lookup.hash, deadline, namespace: lookup.namespace };
        let (position, roster_bytes) = locked.book.roster.add(entry);
        store.census.publish(locked.partition, &locked.book.roster);
        let item = Item::new(value, deadline, position, *now);
        let item_bytes = item.heap_bytes(lookup.key.len());
        let table_bytes = locked.table.insert(lookup, item);
        *grown_bytes += (item_bytes + table_bytes + roster_bytes) as i64;
        store.databases.count(*database, 1, i64::from(deadline.moment().is_some()));
    }

    fn remove(&mut self, lookup: &Lookup<'_>) -> Option<Item> {
        let Keyspace { held, grown_bytes, store, database, .. } = &mut *self.keyspace;
        let locked = held.locked(lookup.key)?;
        let (item, table_bytes) = locked.table.remove(lookup)?;
        let roster_bytes = locked.book.roster.remove(item.position);
        store.census.publish(locked.partition, &locked.book.roster);
        *grown_bytes -= (item.heap_bytes(lookup.key.len()) + table_bytes + roster_bytes) as i64;
        store.databases.count(*database, -1, -i64::from(item.deadline.moment().is_some()));
        Some(item)
    }

    fn purge_expired(&mut self, lookup: &Lookup<'_>) {
        let now = self.now;
        if self.held.get(lookup).is_some_and(|item| item.deadline.passed(now))
            && let Some(item) = self.remove(lookup)
        {
            self.store.memory.count_expired(1);
            self.drop_later(item.value);
        }
    }

    #[inline]
    pub(super) fn tell(&mut self, key: &[u8], effect: &Effect<'_>) {
        let (database, namespace) = (self.database, self.namespace);
        let Some(locked) = self.keyspace.held.locked(key) else { return };
        locked.book.watchers.touch(database, key);
        let stamp = next_stamp(locked, namespace);
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
        }
    }

    /// Tells the deadline of a collection, whose other effects carry none.
    fn tell_deadline(&mut self, key: &[u8], deadline: Deadline) {
        if deadline != Deadline::NEVER {
            self.tell(key, &Effect::Deadline { key, deadline });
        }
    }

    /// Tells every partition that is held the same effect.
    fn tell_all(&mut self, namespace: Namespace, effect: &Effect<'_>) {
        let Held::Write(all) = &mut self.keyspace.held else { return };
        for locked in all {
            let stamp = next_stamp(locked, namespace);
            self.sink.effect(stamp, effect);
        }
    }

    /// Touches the watched keys of a database that exist in either namespace: what it was, what it will be.
    fn touch_watchers(&mut self, database: Database, before: Namespace, after: Namespace) {
        let Keyspace { held, store, now, .. } = &mut *self.keyspace;
        let Held::Write(all) = held else { return };
        for locked in all {
            let table = &locked.table;
            locked.book.watchers.touch_all(database, |key| {
                [before, after].into_iter().any(|space| {
                    let item = table.get(&store.index.lookup(space, key));
                    item.is_some_and(|item| !item.deadline.passed(*now))
                })
            });
        }
    }
}

fn next_stamp(locked: &mut Locked<'_>, namespace: Namespace) -> Stamp {
    locked.book.sequence += 1;
    Stamp { partition: locked.partition, namespace, sequence: locked.book.sequence }
}

/// Changes an item's deadline; by how much the number of keys with one changes.
fn move_deadline(item: &mut Item, book: &mut Book, deadline: Deadline) -> i64 {
    if item.deadline == deadline {
        return 0;
    }
    let had_one = item.deadline.moment().is_some();
    item.deadline = deadline;
    book.roster.set_deadline(item.position, deadline);
    i64::from(deadline.moment().is_some()) - i64::from(had_one)
}

/// Counts by how much the number of keys with a deadline changed.
#[inline]
fn count_deadlines(store: &Store, database: Database, locked: &Locked<'_>, change: i64) {
    if change != 0 {
        store.databases.count(database, 0, change);
        store.census.publish(locked.partition, &locked.book.roster);
    }
}

/// Whether a string of so many bytes may take the place of another without wasting more than half of it.
fn fits(old: &Vec<u8>, length: usize) -> bool {
    length <= old.capacity() && length * 2 >= old.capacity()
}

/// A string that was written to will be again: room for as much again is kept, up to 1 MiB, as Redis does.
fn write_at(text: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if end > text.capacity() {
        let spare = end.min(SPARE_BYTES_MAX);
        text.reserve_exact(end + spare - text.len());
    }
    if end > text.len() {
        text.resize(end, 0);
    }
    text[offset..end].copy_from_slice(bytes);
}

/// Bytes that a string which was written to keeps to spare.
pub const SPARE_BYTES_MAX: usize = 1 << 20;

/// From this size on a removed value is dropped outside the locks.
const DROP_LATER_BYTES_MIN: usize = 4_096;
