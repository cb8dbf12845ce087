//! One shard: the items of some partitions, where they lie and how they are found. All of it is guarded by one lock; what
//! leaves to make room is left to `cleaning`, what leaves by its deadline to `expiry`.

use std::io;
use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::time::Deadline;

use super::common::{Common, Lookup};
use super::item::{self, Header, Kind, Layout, varint_bytes};
use super::memory;
use super::objects::Objects;
use super::parts::{Change, Part};
use super::region::{Limit, Region};
use super::segment::SHARED_ITEM_BYTES_MAX;
use super::table::{Homes, Place, Table};
use super::value::Value;
use super::watch::Watchers;

/// Items and the way to them.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) region: Region,
    pub(super) table: Table,
    /// Where the table is, for those who do not hold the lock.
    pub(super) homes: Arc<Homes>,
    pub(super) objects: Objects,
    pub(super) watchers: Watchers,
    pub(super) parts: Box<[Part]>,
    /// Where in the region's ring the next segment is looked at to make room.
    pub(super) hand: usize,
    /// Flushes of databases of partitions. Up to which what it left behind was removed; up to which it is being removed,
    /// and how many segments of the region's ring are still to be looked at.
    pub(super) flushes: u64,
    pub(super) purged: u64,
    pub(super) purging: u64,
    pub(super) purge_at: Option<usize>,
    /// Collections that were removed, to be dropped once the lock is gone.
    pub(super) removed: Vec<Value>,
}

/// An item that was found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) partition: Partition,
    pub(super) place: Place,
    pub(super) layout: Layout,
}

/// A string, or the number of a collection, about to be put under a key.
pub(super) struct NewItem<'a> {
    pub(super) lookup: Lookup<'a>,
    pub(super) kind: Kind,
    pub(super) deadline: Deadline,
    pub(super) value: &'a [u8],
}

impl NewItem<'_> {
    const fn header(&self) -> Header {
        Header { kind: self.kind, namespace: self.lookup.namespace, deadline: self.deadline }
    }

    fn bytes(&self) -> usize {
        self.header().item_bytes(self.lookup.key.len(), self.value.len())
    }

    /// What it adds where nothing was.
    fn change(&self) -> Change {
        let deadlines = i64::from(self.deadline != Deadline::NEVER);
        Change { keys: 1, deadlines, bytes: self.bytes() as i64 }
    }
}

impl Shard {
    /// An empty shard: addresses for so many segments, so many partitions.
    ///
    /// # Errors
    /// The kernel does not give the addresses.
    pub(super) fn new(segments: usize, partitions: usize) -> io::Result<Self> {
        Ok(Self {
            region: Region::new(segments)?,
            table: Table::default(),
            homes: Arc::default(),
            objects: Objects::default(),
            watchers: Watchers::default(),
            parts: (0..partitions).map(|_| Part::new()).collect(),
            hand: 0,
            flushes: 0,
            purged: 0,
            purging: 0,
            purge_at: None,
            removed: Vec::new(),
        })
    }

    /// The item under a key, past its deadline or not.
    #[inline]
    pub(super) fn find(&self, lookup: &Lookup<'_>) -> Option<Found> {
        let bytes = self.region.bytes();
        let mut found = None;
        let place = self.table.find(lookup.tag, |at| {
            let layout = Layout::read(bytes, at as usize);
            let same = layout.namespace == lookup.namespace && layout.key(bytes) == lookup.key;
            if same {
                found = Some(layout);
            }
            same
        })?;
        found.map(|layout| Found { partition: lookup.partition, place, layout })
    }

    /// Puts a string under a key, whatever was there.
    pub(super) fn set(&mut self, common: &Common, item: &NewItem<'_>) {
        let Some(found) = self.find(&item.lookup) else {
            return self.insert(common, item);
        };
        let usage = common.ranking.touched(self.table.usage(found.place));
        self.table.set_usage(found.place, usage);
        let replaced = self.take_object(common, &found);
        self.removed.extend(replaced);
        self.replace(common, &found, item);
    }

    /// Puts an item under a key that is not there.
    fn insert(&mut self, common: &Common, item: &NewItem<'_>) {
        if self.has_flushed() {
            self.discard_flushed_twin(common, &item.lookup);
        }
        self.count(common, item.lookup.partition, item.lookup.namespace, item.change());
        self.write_new(common, item, common.ranking.fresh(item.lookup.hash));
    }

    /// Removes an item that was found; the collection if it is one.
    pub(super) fn remove(&mut self, common: &Common, found: &Found) -> Option<Value> {
        let at = self.table.at(found.place);
        let value = self.take_object(common, found);
        self.table_changes(common, |table| table.remove(found.place));
        self.region.kill(at, &common.memory);
        let change = Change::default().without(&found.layout, at);
        self.count(common, found.partition, found.layout.namespace, Change { keys: -1, ..change });
        value
    }

    /// Removes an item without handing out what it was.
    pub(super) fn discard(&mut self, common: &Common, found: &Found) {
        let value = self.remove(common, found);
        self.removed.extend(value);
    }

    /// Gives an item another deadline.
    pub(super) fn set_deadline(
        &mut self,
        common: &Common,
        lookup: &Lookup<'_>,
        found: &Found,
        deadline: Deadline,
    ) {
        let layout = &found.layout;
        if layout.overwrite_deadline(self.region.bytes_mut(), deadline) {
            let has = |deadline| i64::from(deadline != Deadline::NEVER);
            let change = Change { keys: 0, deadlines: has(deadline) - has(layout.deadline), bytes: 0 };
            self.count(common, found.partition, layout.namespace, change);
            return self.note_deadline(self.table.at(found.place), deadline);
        }
        // The header grows or shrinks: the item is written anew, its value going through a copy.
        let value = layout.value(self.region.bytes()).to_vec();
        self.replace(common, found, &NewItem { lookup: *lookup, kind: layout.kind, deadline, value: &value });
    }

    /// Removes everything that the background has to drop.
    pub(super) fn take_removed(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.removed)
    }

    /// The collection of an item.
    #[inline]
    pub(super) fn object(&self, layout: &Layout) -> Option<&Value> {
        self.objects.get(layout.object(self.region.bytes()))
    }

    /// Puts an item in the place of one that was found, or elsewhere if it does not fit there.
    fn replace(&mut self, common: &Common, found: &Found, item: &NewItem<'_>) {
        self.count_replaced(common, found, item);
        if !self.rewrite(common, found, item) {
            let usage = self.take_out(common, found);
            self.write_new(common, item, usage);
        }
    }

    /// Counts by how much an item differs from the one whose place it takes.
    fn count_replaced(&mut self, common: &Common, found: &Found, item: &NewItem<'_>) {
        let at = self.table.at(found.place);
        let change = Change { keys: 0, ..item.change().without(&found.layout, at) };
        self.count(common, found.partition, found.layout.namespace, change);
    }

    /// Removes what a flush left of a key that is about to come back, so that keys which come and go with each flush do
    /// not crowd the table before the sweep comes by. There is one at most, since each removes its last.
    #[cold]
    fn discard_flushed_twin(&mut self, common: &Common, lookup: &Lookup<'_>) {
        let (bytes, part) = (self.region.bytes(), self.part(lookup.partition));
        let mut twin = None;
        let place = self.table.find(lookup.tag, |at| {
            let layout = Layout::read(bytes, at as usize);
            let is_twin = layout.namespace.place() == lookup.namespace.place()
                && layout.key(bytes) == lookup.key
                && part.database(layout.namespace).is_none();
            if is_twin {
                twin = Some(layout);
            }
            is_twin
        });
        if let (Some(place), Some(layout)) = (place, twin) {
            self.discard(common, &Found { partition: lookup.partition, place, layout });
        }
    }

    /// Takes an item out whose key will be put back at once: the counts stay. Its usage.
    fn take_out(&mut self, common: &Common, found: &Found) -> u16 {
        let (at, usage) = (self.table.at(found.place), self.table.usage(found.place));
        self.table_changes(common, |table| table.remove(found.place));
        self.region.kill(at, &common.memory);
        usage
    }

    /// Writes an item over the one that is there, if it fits where that is; whether it did.
    fn rewrite(&mut self, common: &Common, found: &Found, item: &NewItem<'_>) -> bool {
        let at = self.table.at(found.place);
        let (before, after) = (found.layout.end - at as usize, item.bytes());
        if before.max(after) > SHARED_ITEM_BYTES_MAX {
            return false;
        }
        if after > before {
            if !self.region.grow(at, before, after - before, &common.memory) {
                return false;
            }
        } else {
            self.region.cut(at, after, before - after, &common.memory);
        }
        self.write_at(at, item);
        true
    }

    /// Writes an item to a place of its own and enters it into the table.
    fn write_new(&mut self, common: &Common, item: &NewItem<'_>, usage: u16) {
        let Some(at) = self.place(common, item.bytes()) else {
            // Addresses ran out, which are many times the limit. A cache may lose a key; the count must not.
            let Change { deadlines, bytes, .. } = item.change();
            let change = Change { keys: -1, deadlines: -deadlines, bytes: -bytes };
            self.count(common, item.lookup.partition, item.lookup.namespace, change);
            common.memory.count_evicted(1);
            return;
        };
        self.write_at(at, item);
        self.table_changes(common, |table| table.insert(item.lookup.tag, at, usage));
    }

    fn write_at(&mut self, at: u32, item: &NewItem<'_>) {
        let bytes = &mut self.region.bytes_mut()[at as usize..];
        let value_at = item.header().write(bytes, item.lookup.key, item.value.len());
        bytes[value_at..value_at + item.value.len()].copy_from_slice(item.value);
        self.note_deadline(at, item.deadline);
    }

    /// Place for an item: in the open segment; in the holes of another; in a new one; in what others leave.
    fn place(&mut self, common: &Common, bytes: usize) -> Option<u32> {
        let memory = &common.memory;
        if bytes > SHARED_ITEM_BYTES_MAX {
            let found = self.region.append_to_new(bytes, Limit::Obey, memory);
            let found = found.or_else(|| self.region.append_to_new(bytes, Limit::Pass, memory));
            return found.or_else(|| self.place_among_large(common, bytes));
        }
        let open = self.region.append(bytes, Limit::Obey, memory);
        open.or_else(|| self.place_elsewhere(common, bytes))
    }

    pub(super) fn note_deadline(&mut self, at: u32, deadline: Deadline) {
        if deadline != Deadline::NEVER
            && let Some(segment) = self.region.segment_of(at)
        {
            segment.note_deadline(at as usize - segment.base, deadline);
        }
    }

    fn take_object(&mut self, common: &Common, found: &Found) -> Option<Value> {
        if found.layout.kind != Kind::Object {
            return None;
        }
        let number = found.layout.object(self.region.bytes());
        let (value, freed) = self.objects.remove(number)?;
        common.memory.charge(memory::Part::Heap, -freed);
        let change = Change { bytes: -(value.heap_bytes() as i64), ..Change::default() };
        self.count(common, found.partition, found.layout.namespace, change);
        Some(value)
    }

    /// Changes the table and counts by how much its memory grew or shrank.
    pub(super) fn table_changes<R>(&mut self, common: &Common, change: impl FnOnce(&mut Table) -> R) -> R {
        let before = self.table.bytes();
        let result = change(&mut self.table);
        self.homes.note(&self.table);
        let after = self.table.bytes();
        if after != before {
            common.memory.charge(memory::Part::Index, after as i64 - before as i64);
        }
        result
    }

    /// Puts a collection under a key that is not there.
    pub(super) fn insert_object(
        &mut self,
        common: &Common,
        lookup: &Lookup<'_>,
        value: Value,
        deadline: Deadline,
    ) {
        let change = Change { bytes: value.heap_bytes() as i64, ..Change::default() };
        let (number, grown) = self.objects.add(value);
        common.memory.charge(memory::Part::Heap, grown as i64);
        let value = number.to_le_bytes();
        self.insert(common, &NewItem { lookup: *lookup, kind: Kind::Object, deadline, value: &value });
        self.count(common, lookup.partition, lookup.namespace, change);
    }

    /// Changes a collection that was found, and counts by how much it grew or shrank.
    pub(super) fn edit_object<R>(
        &mut self,
        common: &Common,
        found: &Found,
        edit: impl FnOnce(&mut Value) -> R,
    ) -> Option<R> {
        let value = self.objects.get_mut(found.layout.object(self.region.bytes()))?;
        let before = value.heap_bytes();
        let result = edit(value);
        let bytes = value.heap_bytes() as i64 - before as i64;
        common.memory.charge(memory::Part::Heap, bytes);
        if bytes != 0 {
            let change = Change { bytes, ..Change::default() };
            self.count(common, found.partition, found.layout.namespace, change);
        }
        Some(result)
    }

    /// Writes bytes over a string that was found, from an offset on, where it lies; whether there was room.
    pub(super) fn patch(&mut self, common: &Common, found: &Found, offset: usize, bytes: &[u8]) -> bool {
        let at = self.table.at(found.place);
        let layout = &found.layout;
        let (old_end, value_at) = (layout.end, layout.value_at());
        let end = value_at + offset + bytes.len();
        if end > old_end {
            let (before, after) = (old_end - value_at, end - value_at);
            let same_header = varint_bytes(before) == varint_bytes(after);
            let more = end - old_end;
            if !same_header || !self.region.grow(at, old_end - at as usize, more, &common.memory) {
                return false;
            }
            let memory = self.region.bytes_mut();
            layout.overwrite_value_bytes(memory, after);
            memory[old_end..end].fill(0);
            let change = Change { bytes: more as i64, ..Change::default() };
            self.count(common, found.partition, layout.namespace, change);
        }
        let memory = self.region.bytes_mut();
        memory[value_at + offset..end].copy_from_slice(bytes);
        item::set_kind(memory, at as usize, Kind::Edited);
        true
    }

    /// Puts a string that will grow under a key that was found, with as much room behind it.
    pub(super) fn set_with_room(&mut self, common: &Common, found: &Found, item: &NewItem<'_>, room: usize) {
        self.count_replaced(common, found, item);
        let usage = self.take_out(common, found);
        let bytes = item.bytes();
        if bytes + room <= SHARED_ITEM_BYTES_MAX
            && let Some(at) = self.place(common, bytes + room)
        {
            self.region.cut(at, bytes, room, &common.memory);
            self.write_at(at, item);
            self.table_changes(common, |table| table.insert(item.lookup.tag, at, usage));
            return;
        }
        self.write_new(common, item, usage);
    }
}
